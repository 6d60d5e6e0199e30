//! Unit tests of `person`.

use super::*;
use crate::watched::WATCHED;

fn amy() -> DirectoryUser {
    DirectoryUser {
        given_name: Field::Value("Amy".to_owned()),
        surname: Field::Null,
        account_enabled: Field::Value(true),
        proxy_addresses: Field::Value(vec!["SMTP:a@x.com".into(), "smtp:b@x.com".into()]),
        ..DirectoryUser::new(Uuid::from_u128(1))
    }
}

fn watched(name: &str, property: Field<&str>) -> Watched {
    let property = property.map(crate::watched::hash);
    Watched::of(WATCHED.map(|known| {
        if known == name {
            property
        } else {
            Field::Absent
        }
    }))
}

#[test]
fn absent_and_null_have_one_fingerprint() {
    let mut other = amy();
    other.surname = Field::Absent;
    other.mail = Field::Null;
    other.other_mails = Field::Value(Vec::new());
    other.watched = watched("city", Field::Null);
    other.proxy_addresses = Field::Value(vec!["smtp:b@x.com".into(), "SMTP:a@x.com".into()]);
    assert_eq!(amy().fingerprint(), other.fingerprint());
}

#[test]
fn every_change_has_another_fingerprint() {
    let changes: [fn(&mut DirectoryUser); 8] = [
        |u| u.given_name = Field::Value("Amyx".to_owned()),
        |u| u.given_name = Field::Null,
        |u| u.display_name = Field::Value("Amy".to_owned()),
        |u| u.account_enabled = Field::Value(false),
        |u| u.proxy_addresses = Field::Value(vec!["SMTP:a@x.comsmtp:b@x.com".into()]),
        |u| u.other_mails = Field::Value(vec![String::new()]),
        |u| u.watched = watched("city", Field::Value("Paris")),
        |u| u.watched = watched("state", Field::Value("Paris")),
    ];
    let mut seen = vec![amy().fingerprint()];
    for change in changes {
        let mut user = amy();
        change(&mut user);
        seen.push(user.fingerprint());
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

#[test]
fn an_overlay_keeps_what_is_not_told() {
    let mut user = amy();
    user.watched = watched("city", Field::Value("Paris"));
    let mut newer = DirectoryUser::new(user.id);
    newer.given_name = Field::Null;
    newer.watched = watched("state", Field::Value("IDF"));
    user.overlay(newer);
    assert_eq!(user.given_name, Field::Null);
    assert_eq!(user.account_enabled, Field::Value(true));
    assert_eq!(user.watched.present().count(), 2);
}

#[test]
fn survives_a_round_trip_through_json() {
    let mut user = amy();
    user.watched = watched("city", Field::Value("Paris"));
    user.created = Field::Value("2026-01-01T00:00:00Z".parse().unwrap());
    user.identities = Field::Value(vec![Identity {
        sign_in_type: Some("federated".into()),
        issuer: None,
        issuer_assigned_id: None,
    }]);
    let json = serde_json::to_string(&user).unwrap();
    assert_eq!(serde_json::from_str::<DirectoryUser>(&json).unwrap(), user);
    assert!(json.contains(r#""surname":null"#) && !json.contains("mail\""));
}
