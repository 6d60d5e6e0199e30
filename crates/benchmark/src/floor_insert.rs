//! What no first sync can beat on the way out: the rows of a first sync written
//! by the store's own bulk functions, without reading or deciding anything.
//!
//! Rows are made as a first sync makes them: random object ids, growing record
//! ids, each stage in transactions of its own. Making them is not counted.

use std::sync::Arc;

use anyhow::Result;
use jiff::Timestamp;
use provisioning::action::{Action, ActionKind, Decision, LinkWrite};
use provisioning::directory::Person;
use provisioning::field::{Field, FieldChange, Value};
use provisioning::ids::{
    ConnectionId, GroupId, ObjectId, PlanId, RecordId, RuleId, RunId, TenantId,
};
use provisioning::link::{Applied, Basis, Link, LinkRole};
use provisioning::psa::{Kind, Record};
use provisioning::reason::{Cause, Reason};
use serde_json::json;
use store::connections::{Auth, Configuration, ConnectionStatus, CredentialKind, Health, Tenant};
use store::deferred_indexes::{self, Stage};
use store::journal::{NewEntry, Origin};
use store::links::LinkRow;
use store::mirror::MirrorWrite;
use store::records::RecordWrite;
use store::{
    Backend, Db, Options, Tx, connections, decisions, journal, links, memberships, mirror, records,
};
use uuid::Uuid;

use crate::measure::clock;

const CONNECTION: ConnectionId = ConnectionId(Uuid::from_u128(1));
const TENANT: TenantId = TenantId(Uuid::from_u128(2));
const PLAN: PlanId = PlanId(Uuid::from_u128(3));
const RUN: RunId = RunId(Uuid::from_u128(4));
const GROUPS: u64 = 500;
/// People in one transaction.
const BATCH: usize = 5_000;

fn random(n: u64) -> Uuid {
    // Spread like real object ids, the same in every run.
    let head = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let tail = head.rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    Uuid::from_u64_pair(head ^ (tail >> 29), tail ^ (head >> 27))
}

/// Spread over all ids, and growing with `n`, so that the order of the mirror is
/// the order of the numbers.
fn object_id(n: u64) -> ObjectId {
    let head = u128::from(n + 1) << 104;
    ObjectId(Uuid::from_u128(head | random(n).as_u128() >> 24))
}

fn record_id(n: u64) -> RecordId {
    let tail = random(n).as_u128() >> 80;
    let head = 0x0192_0000_0000_7000_8000_0000_0000_0000;
    RecordId(Uuid::from_u128(head | u128::from(n) << 48 | tail))
}

fn person(n: u64) -> Person {
    let mut person = Person::blank(TENANT, object_id(n));
    person.upn = Some(format!("person.number{n}@fabrikam.com"));
    person.mail = Some(format!("Person.Number{n}@fabrikam.com"));
    person.proxy_addresses = vec![format!("SMTP:Person.Number{n}@fabrikam.com")];
    person.display_name = Some(format!("Person Number {n}"));
    person.given_name = Some("Person".to_owned());
    person.surname = Some(format!("Number{:x}", random(n).as_u128() >> 100));
    person.business_phone = Some(format!("+1 555 {n:07}"));
    person.job_title = Some("Accountant".to_owned());
    person.department = Some("Finance".to_owned());
    person
}

fn values(person: &Person) -> Vec<(Field, Option<Value>)> {
    let text = |text: &Option<String>| text.clone().map(Value::Text);
    vec![
        (Field::FirstName, text(&person.given_name)),
        (Field::LastName, text(&person.surname)),
        (Field::Username, text(&person.upn)),
        (Field::Email, text(&person.mail)),
        (Field::Phone, text(&person.business_phone)),
        (Field::JobTitle, text(&person.job_title)),
    ]
}

fn link_write(n: u64, person: &Person) -> LinkWrite {
    LinkWrite {
        role: LinkRole::Primary,
        record_id: record_id(n),
        archived_id: None,
        applied: Applied {
            basis: Basis {
                person_version: 1,
                stance: "0123456789abcdef0123456789abcdef".to_owned(),
            },
            rule_id: Some(RuleId(random(n % GROUPS))),
            values: values(person),
            ..Applied::default()
        },
        suppressed: None,
    }
}

fn decision(n: u64) -> Decision {
    let person = person(n);
    let changes = values(&person).into_iter().map(|(field, new)| FieldChange {
        field,
        old: None,
        new,
    });
    let action = Action {
        kind: ActionKind::Create,
        record_kind: Kind::Employee,
        record_id: Some(record_id(n)),
        precondition: 0,
        changes: changes.collect(),
        reason: Reason {
            cause: Cause::NewInGroup,
            rule_id: Some(RuleId(random(n % GROUPS))),
            group_path: vec![],
            loss: None,
        },
    };
    Decision {
        tenant_id: TENANT,
        object_id: person.object_id,
        name: person.name().to_owned(),
        email: person.mail.clone(),
        username: person.upn.clone(),
        actions: vec![action],
        link: Some(link_write(n, &person)),
        review: None,
    }
}

fn record(n: u64) -> Result<Record> {
    let person = person(n);
    let mut record = Record::blank(record_id(n), Kind::Employee);
    for (field, value) in values(&person) {
        record.set(field, value)?;
    }
    record.security_roles = vec!["User".to_owned()];
    record.department = Some("Finance".to_owned());
    record.location = Some("Head office".to_owned());
    record.employment_type = Some("Full time".to_owned());
    record.employee_roles = vec!["Billable".to_owned()];
    record.access = true;
    Ok(record)
}

fn link(n: u64, now: Timestamp) -> LinkRow {
    let person = person(n);
    let write = link_write(n, &person);
    LinkRow {
        link: Link {
            tenant_id: TENANT,
            object_id: person.object_id,
            role: write.role,
            record_id: write.record_id,
            archived_id: None,
            applied: write.applied,
            suppressed: None,
        },
        connection_id: CONNECTION,
        created_at: now,
        updated_at: now,
        last_applied_at: Some(now),
    }
}

fn entry(n: u64, seq: i64, now: Timestamp) -> NewEntry {
    NewEntry {
        connection_id: Some(CONNECTION),
        tenant_id: Some(TENANT),
        object_id: Some(object_id(n)),
        record_id: Some(record_id(n)),
        run_id: Some(RUN),
        plan_id: Some(PLAN),
        decision_seq: Some(seq),
        ..NewEntry::new(now, Origin::Directory, "create")
    }
}

async fn connect(db: &Db, now: Timestamp) -> Result<()> {
    let configuration = Configuration {
        tenant_input: "fabrikam.com".to_owned(),
        application_id: "app".to_owned(),
        auth: Auth::Application,
        credential: CredentialKind::Secret,
        certificate_pem: None,
        provision_employees: true,
        provision_contacts: true,
        email_source: provisioning::policy::EmailSource::Upn,
        on_disabled: provisioning::policy::OnDisabled::Deactivate,
        auto_approve: true,
        limits: None,
        settings: serde_json::json!({}),
        secret_expires_at: None,
    };
    let health = Health {
        status: ConnectionStatus::Connected,
        code: None,
        reason: None,
        cure: None,
    };
    let tenant = Tenant {
        tenant_id: TENANT,
        domain: None,
        name: None,
        verified_domains: vec![],
    };
    let mut tx = db.begin().await?;
    connections::insert(&mut tx, CONNECTION, &configuration, &health, now).await?;
    connections::set_tenant(&mut tx, CONNECTION, &tenant, now).await?;
    tx.commit().await?;
    Ok(())
}

/// What one transaction writes.
enum Rows {
    Collect(Vec<MirrorWrite>, Vec<(GroupId, ObjectId, bool)>),
    Plan(i64, Vec<Decision>),
    Apply(Vec<RecordWrite>, Vec<LinkRow>, Vec<NewEntry>),
}

fn rows(stage: Stage, ids: &[u64], now: Timestamp) -> Result<Rows> {
    let first = i64::try_from(ids.first().copied().unwrap_or_default())? + 1;
    Ok(match stage {
        Stage::Collect => {
            let people = ids.iter().map(|n| person(*n));
            let people = people.map(|person| MirrorWrite {
                fingerprint: person.fingerprint(),
                person,
                bump: false,
                microsoft_changed_at: None,
            });
            // A directory lists a group's members together.
            let members = ids.iter();
            let members = members.map(|n| (GroupId(random(n % GROUPS)), object_id(*n), false));
            Rows::Collect(people.collect(), members.collect())
        }
        Stage::Plan => Rows::Plan(first, ids.iter().map(|n| decision(*n)).collect()),
        Stage::Apply => {
            let mut writes = Vec::with_capacity(ids.len());
            for n in ids {
                writes.push(RecordWrite {
                    record: record(*n)?,
                    expected_version: 0,
                });
            }
            let links = ids.iter().map(|n| link(*n, now)).collect();
            let entries = (first..).zip(ids).map(|(seq, n)| entry(*n, seq, now));
            Rows::Apply(writes, links, entries.collect())
        }
    })
}

async fn write(tx: &mut Tx, rows: Rows, now: Timestamp) -> Result<()> {
    match rows {
        Rows::Collect(people, members) => {
            mirror::write(tx, CONNECTION, &people, now).await?;
            memberships::add_many(tx, CONNECTION, &members).await?;
        }
        Rows::Plan(first, decided) => decisions::append(tx, PLAN, first, &decided).await?,
        Rows::Apply(writes, links_made, entries) => {
            records::write(tx, &writes, now).await?;
            links::insert(tx, links::rows(&links_made)?).await?;
            journal::append(tx, &entries).await?;
        }
    }
    Ok(())
}

/// One stage over everybody, by as many hands as the database takes.
async fn stage(db: &Db, stage: Stage, order: &Arc<Vec<u64>>, now: Timestamp) -> Result<()> {
    let hands = match db.backend() {
        Backend::Sqlite => 1,
        Backend::Postgres => 2,
    };
    deferred_indexes::defer(db, stage).await?;
    let mut tasks = tokio::task::JoinSet::new();
    for hand in 0..hands {
        let (send, mut made) = tokio::sync::mpsc::channel(1);
        let all = Arc::clone(order);
        tasks.spawn(async move {
            for ids in all.chunks(BATCH).skip(hand).step_by(hands) {
                send.send(rows(stage, ids, now)?).await?;
            }
            anyhow::Ok(())
        });
        let db = db.clone();
        tasks.spawn(async move {
            while let Some(rows) = made.recv().await {
                let mut tx = db.begin_relaxed().await?;
                write(&mut tx, rows, now).await?;
                tx.commit().await?;
            }
            Ok(())
        });
    }
    for done in tasks.join_all().await {
        done?;
    }
    deferred_indexes::restore(db).await?;
    Ok(())
}

/// Writes the rows of a first sync of so many people to an empty database: the
/// seconds, and a report.
pub(crate) async fn insert(people: u64, url: &str) -> Result<(f64, serde_json::Value)> {
    let db = Db::open(&Options::new(url)).await?;
    db.migrate().await?;
    let now = Timestamp::UNIX_EPOCH;
    connect(&db, now).await?;
    let mut by_group: Vec<u64> = (0..people).collect();
    by_group.sort_unstable_by_key(|n| (n % GROUPS, random(*n)));
    let by_group = Arc::new(by_group);
    let by_id: Arc<Vec<u64>> = Arc::new((0..people).collect());
    let began = clock();
    let mut by_stage = serde_json::Map::new();
    for (name, one, order) in [
        ("collect", Stage::Collect, &by_group),
        ("plan", Stage::Plan, &by_id),
        ("apply", Stage::Apply, &by_id),
    ] {
        let began = clock();
        stage(&db, one, order, now).await?;
        by_stage.insert(name.to_owned(), json!(began.elapsed().as_secs_f64()));
    }
    let seconds = began.elapsed().as_secs_f64();
    db.close().await;
    let report = json!({
        "seconds": seconds,
        "people_per_second": (people as f64 / seconds).round(),
        "seconds_by_stage": by_stage,
    });
    Ok((seconds, report))
}
