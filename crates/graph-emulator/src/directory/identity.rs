//! What a user or group has without anybody setting it: sign-in identities, mail addresses, security identifiers.
//! Sources: resource pages "user", "objectIdentity"; B2B article "Properties of an external user".

use serde_json::{Value, json};
use uuid::Uuid;

use super::record::{Changes, Record};
use crate::schema::known::{group, user};

/// `S-1-12-1-…`, the security identifier of a cloud object, from its id.
pub(crate) fn security_identifier(id: Uuid) -> String {
    let bytes = id.to_bytes_le();
    let part = |at: usize| {
        let mut four = [0; 4];
        four.copy_from_slice(&bytes[at..at + 4]);
        u32::from_le_bytes(four)
    };
    format!("S-1-12-1-{}-{}-{}-{}", part(0), part(4), part(8), part(12))
}

/// `alias_domain#EXT#@initial`, the user principal name of an invited person.
pub(crate) fn external_upn(mail: &str, initial_domain: &str) -> String {
    format!("{}#EXT#@{initial_domain}", mail.replace('@', "_"))
}

/// Whether a user principal name has the external form, letter case apart.
pub(crate) fn is_external(upn: &str) -> bool {
    upn.to_ascii_uppercase().contains("#EXT#")
}

fn sign_in_identity(initial_domain: &str, upn: &str) -> Value {
    json!({"signInType": "userPrincipalName", "issuer": initial_domain, "issuerAssignedId": upn})
}

/// The list of addresses with `mail` as the primary one.
pub(crate) fn with_primary(addresses: Option<&Value>, mail: Option<&str>) -> Value {
    let old = addresses.and_then(Value::as_array).into_iter().flatten();
    let aliases = old.filter_map(Value::as_str).filter(|address| {
        let primary = address.starts_with("SMTP:");
        let same = mail.is_some_and(|mail| {
            address
                .get(5..)
                .is_some_and(|rest| rest.eq_ignore_ascii_case(mail))
        });
        !primary && !same
    });
    let primary = mail.map(|mail| format!("SMTP:{mail}"));
    let all = primary.into_iter().chain(aliases.map(str::to_owned));
    all.collect::<Vec<_>>().into()
}

/// Completes a user about to be made.
pub(crate) fn complete_user(changes: &mut Changes, id: Uuid, initial_domain: &str, now: &str) {
    let upn = changes.text(user::UPN).unwrap_or_default().to_owned();
    let external = is_external(&upn);
    changes.fill(user::USER_TYPE, if external { "Guest" } else { "Member" });
    changes.fill(user::CREATED, now);
    changes.fill(user::ENABLED, true);
    changes.fill(user::SECURITY_ID, security_identifier(id));
    changes.fill(user::SESSIONS_VALID_FROM, now);
    changes.fill(
        user::IDENTITIES,
        json!([sign_in_identity(initial_domain, &upn)]),
    );
    if let Some(mail) = changes.text(user::MAIL).map(str::to_owned) {
        changes.fill(user::PROXY_ADDRESSES, with_primary(None, Some(&mail)));
    }
}

/// Completes a group about to be made.
pub(crate) fn complete_group(changes: &mut Changes, id: Uuid, initial_domain: &str, now: &str) {
    changes.fill(group::CREATED, now);
    changes.fill(group::RENEWED, now);
    changes.fill(group::GROUP_TYPES, json!([]));
    changes.fill(group::MAIL_ENABLED, false);
    changes.fill(group::SECURITY_ENABLED, true);
    changes.fill(group::SECURITY_ID, security_identifier(id));
    if changes.get(group::MAIL_ENABLED) == Some(&Value::Bool(true)) {
        let nickname = changes.text(group::MAIL_NICKNAME).unwrap_or_default();
        let mail = format!("{nickname}@{initial_domain}");
        changes.fill(group::MAIL, mail.clone());
        changes.fill(group::PROXY_ADDRESSES, json!([format!("SMTP:{mail}")]));
        changes.fill(group::VISIBILITY, "Private");
    }
}

/// What follows from changes to a user: the primary address from `mail`, the sign-in identity from the name.
pub(crate) fn follow_up(record: &Record, changes: &mut Changes) {
    if let Some(mail) = changes.get(user::MAIL).cloned() {
        let addresses = with_primary(record.get(user::PROXY_ADDRESSES), mail.as_str());
        changes.fill(user::PROXY_ADDRESSES, addresses);
    }
    let (Some(upn), None) = (changes.text(user::UPN), changes.get(user::IDENTITIES)) else {
        return;
    };
    let Some(Value::Array(mut identities)) = record.get(user::IDENTITIES).cloned() else {
        return;
    };
    for identity in &mut identities {
        if identity["signInType"] == "userPrincipalName" {
            identity["issuerAssignedId"] = upn.into();
        }
    }
    changes.set(user::IDENTITIES, identities);
}
