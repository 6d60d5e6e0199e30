//! Values to test with.

use jiff::Timestamp;
use provisioning::action::{Action, ActionKind, Decision, LinkWrite};
use provisioning::directory::Person;
use provisioning::field::{Field, FieldChange};
use provisioning::ids::{ConnectionId, GroupId, ObjectId, RecordId, RunId, TenantId};
use provisioning::link::{Applied, Basis, Link, LinkRole};
use provisioning::psa::{Kind, Record};
use provisioning::reason::{Cause, Reason};
use store::Db;
use store::connections::{
    self, Auth, Configuration, ConnectionStatus, CredentialKind, Health, Tenant,
};
use store::links::LinkRow;
use store::mirror::MirrorWrite;
use uuid::Uuid;

/// `seconds` after the beginning of time as tests know it.
pub(crate) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

pub(crate) fn object(n: u128) -> ObjectId {
    ObjectId(Uuid::from_u128(n))
}

pub(crate) fn group(n: u128) -> GroupId {
    GroupId(Uuid::from_u128(n))
}

pub(crate) fn record_id(n: u128) -> RecordId {
    RecordId(Uuid::from_u128(n))
}

pub(crate) fn run_id(n: u128) -> RunId {
    RunId(Uuid::from_u128(n))
}

pub(crate) const TENANT: TenantId = TenantId(Uuid::from_u128(0xfab));
pub(crate) const CONNECTION: ConnectionId = ConnectionId(Uuid::from_u128(0xc0));

pub(crate) fn configuration() -> Configuration {
    Configuration {
        tenant_input: "fabrikam.onmicrosoft.com".to_owned(),
        application_id: "app".to_owned(),
        auth: Auth::Application,
        credential: CredentialKind::Secret,
        certificate_pem: None,
        provision_employees: true,
        provision_contacts: false,
        email_source: provisioning::policy::EmailSource::Upn,
        on_disabled: provisioning::policy::OnDisabled::Deactivate,
        auto_approve: false,
        limits: None,
        settings: serde_json::json!({}),
        secret_expires_at: None,
    }
}

pub(crate) fn health(status: ConnectionStatus) -> Health {
    Health {
        status,
        code: None,
        reason: None,
        cure: None,
    }
}

/// [`CONNECTION`], to [`TENANT`].
pub(crate) async fn connect(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    let connected = health(ConnectionStatus::Connected);
    connections::insert(&mut tx, CONNECTION, &configuration(), &connected, time(0))
        .await
        .unwrap();
    let tenant = Tenant {
        tenant_id: TENANT,
        domain: Some("fabrikam.com".to_owned()),
        name: Some("Fabrikam".to_owned()),
        verified_domains: vec!["fabrikam.com".to_owned()],
    };
    connections::set_tenant(&mut tx, CONNECTION, &tenant, time(0))
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

pub(crate) fn person(n: u128) -> Person {
    let mut person = Person::blank(TENANT, object(n));
    person.upn = Some(format!("p{n}@fabrikam.com"));
    person.display_name = Some(format!("Person {n}"));
    person.other_mails = vec!["one@example.org".to_owned(), "two@example.org".to_owned()];
    person
}

pub(crate) fn mirrored(person: &Person) -> MirrorWrite {
    MirrorWrite {
        person: person.clone(),
        fingerprint: person.fingerprint(),
        bump: false,
        microsoft_changed_at: None,
    }
}

pub(crate) fn record(n: u128, kind: Kind) -> Record {
    let mut record = Record::blank(record_id(n), kind);
    record.first_name = Some("Åsa".to_owned());
    record.last_name = Some(format!("Vance{n}"));
    record.username = Some(format!("User{n}"));
    record.email = Some(format!("User{n}@Fabrikam.com"));
    record
}

pub(crate) fn link(n: u128, role: LinkRole, record: u128) -> LinkRow {
    LinkRow {
        link: Link {
            tenant_id: TENANT,
            object_id: object(n),
            role,
            record_id: record_id(record),
            archived_id: None,
            applied: Applied {
                basis: Basis {
                    person_version: 3,
                    stance: "stance".to_owned(),
                },
                values: vec![(Field::LastName, Some("Vance".into()))],
                ..Applied::default()
            },
            suppressed: None,
        },
        connection_id: CONNECTION,
        created_at: time(1),
        updated_at: time(1),
        last_applied_at: Some(time(1)),
    }
}

pub(crate) fn decision(n: u128, kind: Option<ActionKind>) -> Decision {
    let action = |kind| Action {
        kind,
        record_kind: Kind::Employee,
        record_id: Some(record_id(n)),
        precondition: 0,
        changes: vec![FieldChange {
            field: Field::LastName,
            old: None,
            new: Some("Vance".into()),
        }],
        reason: Reason {
            cause: Cause::NewInGroup,
            rule_id: None,
            group_path: Vec::new(),
            loss: None,
        },
    };
    Decision {
        tenant_id: TENANT,
        object_id: object(n),
        name: format!("Person {n} 100%"),
        email: None,
        username: None,
        actions: kind.map(action).into_iter().collect(),
        link: Some(LinkWrite {
            role: LinkRole::Primary,
            record_id: record_id(n),
            archived_id: None,
            applied: Applied::default(),
            suppressed: None,
        }),
        review: None,
    }
}
