//! How fast the store takes a first sync's rows, by table and in all: one line
//! of JSON. `bulk_speed URL [PEOPLE] [PER_TRANSACTION] [PER_CALL]
//! [TASKS]`; the database must be empty.
//!
//! Rows are made as a first sync makes them: random object ids, growing record
//! ids, each stage in transactions of its own.

// A measuring program: its one place for the clock, and for its output.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

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
use store::connections::{Auth, Configuration, ConnectionStatus, CredentialKind, Health, Tenant};
use store::deferred_indexes::{self, Stage};
use store::journal::{NewEntry, Origin};
use store::links::LinkRow;
use store::mirror::MirrorWrite;
use store::records::RecordWrite;
use store::{
    Db, Options, Tx, connections, decisions, journal, links, memberships, mirror, plans, records,
};
use uuid::Uuid;

const CONNECTION: ConnectionId = ConnectionId(Uuid::from_u128(1));
const TENANT: TenantId = TenantId(Uuid::from_u128(2));
const PLAN: PlanId = PlanId(Uuid::from_u128(3));
const RUN: RunId = RunId(Uuid::from_u128(4));
const GROUPS: u64 = 500;

fn random(n: u64) -> Uuid {
    let hash = blake3::hash(&n.to_le_bytes());
    Uuid::from_slice(&hash.as_bytes()[..16]).unwrap()
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

fn record(n: u64) -> Record {
    let person = person(n);
    let mut record = Record::blank(record_id(n), Kind::Employee);
    for (field, value) in values(&person) {
        record.set(field, value).unwrap();
    }
    record.security_roles = vec!["User".to_owned()];
    record.department = Some("Finance".to_owned());
    record.location = Some("Head office".to_owned());
    record.employment_type = Some("Full time".to_owned());
    record.employee_roles = vec!["Billable".to_owned()];
    record.access = true;
    record
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

async fn connect(db: &Db, now: Timestamp) {
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
    let mut tx = db.begin_relaxed().await.unwrap();
    connections::insert(&mut tx, CONNECTION, &configuration, &health, now)
        .await
        .unwrap();
    connections::set_tenant(&mut tx, CONNECTION, &tenant, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Time in the store by table, making the rows left out.
#[derive(Default)]
struct Spent(Vec<(&'static str, Duration)>);

impl Spent {
    fn add(&mut self, name: &'static str, since: Instant) {
        self.sum(name, since.elapsed());
    }

    fn join(&mut self, other: Self) {
        other
            .0
            .into_iter()
            .for_each(|(name, spent)| self.sum(name, spent));
    }

    fn sum(&mut self, name: &'static str, spent: Duration) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += spent,
            None => self.0.push((name, spent)),
        }
    }
}

macro_rules! timed {
    ($spent:ident, $name:literal, $call:expr) => {{
        let began = Instant::now();
        let done = $call.await.unwrap();
        $spent.add($name, began);
        done
    }};
}

async fn collect(tx: &mut Tx, ids: &[u64], now: Timestamp, spent: &mut Spent) {
    let people: Vec<_> = ids
        .iter()
        .map(|n| person(*n))
        .map(|person| MirrorWrite {
            fingerprint: person.fingerprint(),
            person,
            bump: false,
            microsoft_changed_at: None,
        })
        .collect();
    // A directory lists a group's members together.
    let members: Vec<_> = ids
        .iter()
        .map(|n| (GroupId(random(n % GROUPS)), object_id(*n), false))
        .collect();
    timed!(spent, "people", mirror::write(tx, CONNECTION, &people, now));
    timed!(
        spent,
        "memberships",
        memberships::add_many(tx, CONNECTION, &members)
    );
}

async fn plan(tx: &mut Tx, ids: &[u64], _now: Timestamp, spent: &mut Spent) {
    let first = ids[0] as i64 + 1;
    let decided: Vec<_> = ids.iter().map(|n| decision(*n)).collect();
    timed!(
        spent,
        "decisions",
        decisions::append(tx, PLAN, first, &decided)
    );
}

async fn apply(tx: &mut Tx, ids: &[u64], now: Timestamp, spent: &mut Spent) {
    let first = ids[0] as i64 + 1;
    let writes: Vec<_> = ids
        .iter()
        .map(|n| RecordWrite {
            record: record(*n),
            expected_version: 0,
        })
        .collect();
    let linked: Vec<_> = ids.iter().map(|n| link(*n, now)).collect();
    let entries: Vec<_> = (first..)
        .zip(ids)
        .map(|(seq, n)| entry(*n, seq, now))
        .collect();
    timed!(spent, "records", records::write(tx, &writes, now));
    timed!(spent, "links", links::write(tx, &linked));
    timed!(spent, "journal", journal::append(tx, &entries));
}

/// One stage over everybody: transactions of so many people, in calls of so
/// many, by so many tasks.
macro_rules! stage {
    ($stage:ident, $db:ident, $order:ident, $sizes:ident, $now:ident, $spent:ident) => {{
        let mut tasks = tokio::task::JoinSet::new();
        for worker in 0..$sizes.2 {
            let (db, order) = ($db.clone(), Arc::clone(&$order));
            tasks.spawn(async move {
                let mut spent = Spent::default();
                for people in order.chunks($sizes.0).skip(worker).step_by($sizes.2) {
                    let mut tx = db.begin_relaxed().await.unwrap();
                    for ids in people.chunks($sizes.1) {
                        $stage(&mut tx, ids, $now, &mut spent).await;
                    }
                    timed!(spent, "commit", tx.commit());
                }
                spent
            });
        }
        tasks
            .join_all()
            .await
            .into_iter()
            .for_each(|spent| $spent.join(spent));
    }};
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap();
    let people: u64 = args.next().map_or(200_000, |text| text.parse().unwrap());
    let mut size = |default| {
        let text = args.next();
        text.map_or(default, |text| text.parse::<usize>().unwrap())
    };
    let sizes = (size(5_000), size(5_000), size(1));
    let db = Db::open(&Options::new(url)).await.unwrap();
    db.migrate().await.unwrap();
    let now = Timestamp::now();
    connect(&db, now).await;
    let mut spent = Spent::default();
    // Read group by group, in no order of ids; applied in the order of ids, as
    // the mirror is paged.
    let mut order: Vec<u64> = (0..people).collect();
    order.sort_unstable_by_key(|n| (n % GROUPS, random(*n)));
    let order = Arc::new(order);
    let began = Instant::now();
    timed!(
        spent,
        "indexes",
        deferred_indexes::defer(&db, Stage::Collect)
    );
    stage!(collect, db, order, sizes, now, spent);
    timed!(spent, "indexes", deferred_indexes::restore(&db));
    for stage in [Stage::Plan, Stage::Apply] {
        timed!(spent, "indexes", deferred_indexes::defer(&db, stage));
    }
    let order: Arc<Vec<u64>> = Arc::new((0..people).collect());
    stage!(plan, db, order, sizes, now, spent);
    stage!(apply, db, order, sizes, now, spent);
    timed!(spent, "indexes", deferred_indexes::restore(&db));
    let total = began.elapsed();
    let rate = |spent: Duration| (people as f64 / spent.as_secs_f64()).round();
    let tables: serde_json::Map<_, _> = spent
        .0
        .iter()
        .map(|(name, spent)| ((*name).to_owned(), rate(*spent).into()))
        .collect();
    let out = serde_json::json!({
        "database": format!("{:?}", db.backend()).to_lowercase(),
        "people": people,
        "people_per_transaction": sizes.0,
        "people_per_call": sizes.1,
        "tasks": sizes.2,
        "rows_per_second": tables,
        "people_per_second": rate(total),
        "seconds": total.as_secs_f64(),
    });
    println!("{out}");
    // Measured with the plan's row missing: nothing here reads it.
    assert_eq!(plans::get(&db, PLAN).await.unwrap(), None);
    db.close().await;
}
