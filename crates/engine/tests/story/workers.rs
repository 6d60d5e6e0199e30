//! Several processes over one database: who works on what, and what becomes of
//! one that stops in the middle.

use std::time::Duration;

use engine::Mode;
use http::Method;
use provisioning::ids::ConnectionId;
use provisioning::policy::EmailSource;
use serde_json::json;
use store::jobs;
use store::runs::{RunRow, RunStatus};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::database::both;
use crate::world::{World, actor};

async fn title(world: &World, person: Uuid, title: &str) {
    let change = json!({ "jobTitle": title });
    world
        .write(Method::PATCH, &format!("users/{person}"), change)
        .await;
}

both! {
async fn a_woken_zombie_cannot_write() {
    let (world, connection, _, people) = World::staffed(&["amy"]).await;
    title(&world, people[0], "Old").await;
    let (arrived, let_go) = world.keep_back("users/delta", 0);
    let zombie = world.engine.clone();
    let asked = zombie.sync(connection, engine::SyncRequest::default(), &actor()).await.unwrap();
    let frozen = tokio::spawn(async move { zombie.work_once().await });
    arrived.await.unwrap();

    // Its lease runs out; another process takes the connection and goes on.
    world.end_leases().await;
    title(&world, people[0], "New").await;
    let other = world.beside("other").await;
    let run = other.run_to_end(asked).await.unwrap();
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    assert_eq!(world.by_email("amy@contoso.com").await.unwrap().job_title.as_deref(), Some("New"));

    // It wakes with the old answer in its hands, and can do nothing with it.
    let before = store::runs::get(world.engine.db(), asked).await.unwrap();
    let_go.send(()).unwrap();
    assert!(frozen.await.unwrap().unwrap());
    assert_eq!(world.by_email("amy@contoso.com").await.unwrap().job_title.as_deref(), Some("New"));
    assert_eq!(store::runs::get(world.engine.db(), asked).await.unwrap(), before);
}
}

both! {
async fn what_a_dead_process_held_does_not_keep_a_change_waiting() {
    let (world, connection, staff, _) = World::staffed(&["amy"]).await;
    let (db, now) = (world.engine.db(), world.engine.now());
    let key = connection.to_string();
    jobs::beat(db, "dead", now).await.unwrap();
    let job = ("sync", key.as_str(), Some(connection));
    jobs::claim_key(db, "dead", job, now, now).await.unwrap().unwrap();
    // No worker runs that would notice.
    let actor = actor();
    let preview = world.engine.create_rule(world.employees(staff, 2), true, &actor);
    let preview = tokio::time::timeout(Duration::from_secs(5), preview).await;
    preview.unwrap().unwrap();
    // And a preview gives back what it took before it ends.
    let counts = jobs::counts(db).await.unwrap();
    assert!(counts.iter().all(|(_, _, held)| *held == 0), "{counts:?}");
}
}

both! {
async fn a_rule_saved_in_another_process_is_applied_by_the_worker() {
    let (world, _, staff, _) = World::staffed(&["amy", "bob"]).await;
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let (engine, stop) = (world.engine.clone(), stop.clone());
        async move { engine.work(stop).await }
    });
    // The worker keeps the connection between its rounds, and hands it over.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let other = world.beside("serve").await;
    let rules = store::mapping_rules::list(other.db()).await.unwrap();
    let mut draft = world.employees(staff, 1);
    draft.security_roles = vec!["Project Manager".to_owned()];
    let change = other
        .update_rule(rules[0].rule.id, draft, None, false, &actor())
        .await
        .unwrap();
    let run = change.change.run_id.unwrap();
    for _ in 0..200 {
        let run = store::runs::get(other.db(), run).await.unwrap().unwrap();
        if run.status == RunStatus::Done {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    for email in ["amy@contoso.com", "bob@contoso.com"] {
        let record = world.by_email(email).await.unwrap();
        assert_eq!(record.security_roles, ["Project Manager"], "{email}");
    }
    stop.cancel();
    worker.await.unwrap();
    // Everything was given back.
    let counts = store::jobs::counts(other.db()).await.unwrap();
    assert_eq!(counts, [("sync".to_owned(), 1, 0)]);
}
}

both! {
async fn workers_share_what_their_applications_may_spend() {
    let (world, ..) = World::staffed(&["amy"]).await;
    let (one, other) = (world.engine.clone(), world.beside("other").await);
    let work = |engine: &engine::Engine, stop: &CancellationToken| {
        let (engine, stop) = (engine.clone(), stop.clone());
        tokio::spawn(async move { engine.work(stop).await })
    };
    let share = async |wanted: u32| {
        // Each looks every three seconds who else is there.
        for _ in 0..400 {
            if one.budgets().processes() == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("shared by {}", one.budgets().processes());
    };
    let (stop_one, stop_other) = (CancellationToken::new(), CancellationToken::new());
    let first = work(&one, &stop_one);
    share(1).await;
    let second = work(&other, &stop_other);
    share(2).await;
    assert_eq!(other.budgets().processes(), 2);
    stop_other.cancel();
    second.await.unwrap();
    share(1).await;
    stop_one.cancel();
    first.await.unwrap();
}
}

both! {
async fn a_rule_cannot_be_saved_between_the_pages_of_a_run() {
    let (world, connection, staff, _) = World::staffed(&["amy"]).await;
    let (arrived, let_go) = world.keep_back("users/delta", 0);
    let working = world.engine.clone();
    working.sync(connection, engine::SyncRequest::default(), &actor()).await.unwrap();
    let run = tokio::spawn(async move { working.work_once().await });
    arrived.await.unwrap();
    let other = world.beside("serve").await;
    let rules = store::mapping_rules::list(other.db()).await.unwrap();
    let mut draft = world.employees(staff, 1);
    draft.security_roles = vec!["Project Manager".to_owned()];
    let id = rules[0].rule.id;
    let saving = tokio::spawn(async move { other.update_rule(id, draft, None, false, &actor()).await });
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(!saving.is_finished());
    let_go.send(()).unwrap();
    assert!(run.await.unwrap().unwrap());
    let change = saving.await.unwrap().unwrap();
    world.engine.run_to_end(change.change.run_id.unwrap()).await.unwrap();
    let amy = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!(amy.security_roles, ["Project Manager"]);
}
}

both! {
async fn a_crash_in_the_middle_of_a_full_read_loses_nothing_and_takes_nothing_away() {
    let (world, connection, staff, people) = World::staffed(&["amy", "bob", "cleo"]).await;
    let sales = world.add_group("sales").await;
    let dora = world.add_person("dora").await;
    world.add_member(sales, dora).await;
    world.rule(world.employees(sales, 2)).await;
    world.remove_member(staff, people[2]).await;
    let eve = world.add_person("eve").await;
    world.add_member(staff, eve).await;

    // The second group's page never arrives: the process dies before it.
    let (arrived, _keep) = world.keep_back("/members/", 1);
    let dying = world.engine.clone();
    let request = engine::SyncRequest { mode: Mode::Full, ..Default::default() };
    let asked = dying.sync(connection, request, &actor()).await.unwrap();
    let death = tokio::spawn(async move { dying.work_once().await });
    arrived.await.unwrap();
    death.abort();
    assert!(death.await.unwrap_err().is_cancelled());
    for name in ["amy", "bob", "cleo", "dora"] {
        let record = world.by_email(&format!("{name}@contoso.com")).await.unwrap();
        assert!(record.access, "{name}");
    }

    world.end_leases().await;
    let next = world.beside("next").await;
    let run = next.run_to_end(asked).await.unwrap();
    assert_eq!(run.status, RunStatus::Done, "{:?} {:?}", run.error, run.hold);
    for (name, access) in [("amy", true), ("bob", true), ("cleo", false), ("dora", true), ("eve", true)] {
        let record = world.by_email(&format!("{name}@contoso.com")).await.unwrap();
        assert_eq!(record.access, access, "{name}");
    }
    let again = world.sync(connection, Mode::Full).await;
    assert_eq!(again.counts.total(), 0);
}
}

both! {
async fn a_round_in_which_nothing_happens_leaves_no_trace() {
    let (world, connection, _, people) = World::staffed(&["amy"]).await;
    let runs = async || {
        let filter = store::runs::RunFilter::default();
        store::runs::list(world.engine.db(), &filter, None, 100).await.unwrap().len()
    };
    let before = runs().await;
    let due = async || {
        let now = world.engine.now();
        let mut tx = world.engine.db().begin().await.unwrap();
        // A person is named although nothing about them changed.
        let id = provisioning::ids::ObjectId(people[0]);
        store::mirror::touch(&mut tx, connection, &[id], now).await.unwrap();
        store::pending::add(&mut tx, connection, &[id], now).await.unwrap();
        let key = connection.to_string();
        store::jobs::enqueue(&mut tx, "sync", &key, Some(connection), now, now).await.unwrap();
        tx.commit().await.unwrap();
    };
    for _ in 0..3 {
        due().await;
        assert!(world.engine.work_once().await.unwrap());
    }
    assert_eq!(runs().await, before);
    assert_eq!(store::pending::count(world.engine.db(), connection).await.unwrap(), 0);
    // Noted on the link all the same: the next plan finds nothing to say.
    let run = world.sync(connection, Mode::Full).await;
    assert_eq!(run.counts.total(), 0);
}
}

/// A first sync that was held, and is approved and not yet applied.
async fn approved(world: &World, connection: ConnectionId) -> RunRow {
    let run = world.sync(connection, Mode::Full).await;
    assert_eq!(run.status, RunStatus::Held);
    let plan = store::plans::get(world.engine.db(), run.plan_id.unwrap());
    let plan = plan.await.unwrap().unwrap();
    let hash = plan.hash.unwrap();
    world
        .engine
        .approve(plan.id, &hash, &actor())
        .await
        .unwrap();
    run
}

both! {
async fn a_username_taken_between_plan_and_apply_is_planned_again() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    for name in ["amy", "bob"] {
        world.add_member(staff, world.add_person(name).await).await;
    }
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    let run = approved(&world, connection).await;
    // Somebody takes the name.
    let id = provisioning::ids::RecordId(world.engine.new_id());
    let mut record = provisioning::psa::Record::blank(id, provisioning::psa::Kind::Employee);
    record.username = Some("Amy".to_owned());
    world.record(record).await;
    for _ in 0..100 {
        world.engine.work_once().await.unwrap();
        if world.by_email("amy@contoso.com").await.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let amy = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!(amy.username.as_deref(), Some("amy-contoso"));
    let bob = world.by_email("bob@contoso.com").await.unwrap();
    assert_eq!(bob.username.as_deref(), Some("bob"));
    let run = store::runs::get(world.engine.db(), run.id).await.unwrap().unwrap();
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
}
}

/// A customer with so many people, each with the names they have in every
/// customer's tenant: all in one group, and to be brought in.
async fn customer_of(world: &World, name: &str, people: u32) -> ConnectionId {
    let customer = world.customer(name).await;
    let generate = json!({
        "people": people, "groups": 1, "members_per_group": people, "seed": 1,
    });
    let path = format!("tenants/{}/generate", customer.tenant);
    let made = world.control(Method::POST, &path, generate).await;
    let group = made["group_ids"][0].as_str().unwrap().parse().unwrap();
    let mut new = customer.customers_connection(name, EmailSource::Upn);
    new.auto_approve = true;
    new.provision_employees = Some(true);
    let id = world.engine.add_connection(new, &actor()).await.unwrap().id;
    let draft = customer.employees(group, 1);
    world
        .engine
        .create_rule(draft, false, &actor())
        .await
        .unwrap();
    id
}

both! {
async fn rounds_go_on_while_many_tenants_are_brought_in() {
    const TENANTS: usize = 40;
    let (world, _, _, people) = World::staffed(&["amy"]).await;
    let mut connections = Vec::new();
    for n in 1..=TENANTS {
        // Told apart by how long their names are.
        connections.push(customer_of(&world, &"t".repeat(n), 5).await);
    }
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let (engine, stop) = (world.engine.clone(), stop.clone());
        async move { engine.work(stop).await }
    });
    let becomes = async |wanted: &str| {
        title(&world, people[0], wanted).await;
        loop {
            let amy = world.by_email("amy@contoso.com").await.unwrap();
            if amy.job_title.as_deref() == Some(wanted) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // Her tenant is the first that is looked at; from then on it is kept, and
    // looked at again before all the others have had their turn.
    let twice = async {
        becomes("Once").await;
        becomes("Twice").await;
    };
    tokio::time::timeout(Duration::from_secs(30), twice).await.unwrap();
    let counts = store::links::counts_primary(world.engine.db(), &connections).await.unwrap();
    assert!(counts.len() < TENANTS, "she waited for all of them");
    // Looking at so many takes longer than until they are due again, at the latest
    // when each takes its time; a new one does not wait until there is nothing
    // else to do.
    let slow = json!({
        "match": { "path": "*/users/delta" }, "effect": { "delay": 0.05 }, "times": 1_000_000,
    });
    world.control(Method::POST, "faults", slow).await;
    connections.push(customer_of(&world, &"t".repeat(TENANTS + 1), 5).await);
    let all = async {
        let db = world.engine.db();
        while store::links::counts_primary(db, &connections).await.unwrap().len() <= TENANTS {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.unwrap();
    stop.cancel();
    worker.await.unwrap();
}
}

both! {
async fn a_link_made_between_plan_and_apply_is_found() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    let amy = world.add_person("amy").await;
    world.add_member(staff, amy).await;
    world.add_member(staff, world.add_person("bob").await).await;
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    let run = approved(&world, connection).await;
    let db = world.engine.db();
    // She is somebody's second address, as it seems.
    let now = world.engine.now();
    let link = store::links::LinkRow {
        link: provisioning::link::Link {
            tenant_id: provisioning::ids::TenantId(world.tenant),
            object_id: provisioning::ids::ObjectId(amy),
            role: provisioning::link::LinkRole::Secondary,
            record_id: provisioning::ids::RecordId(world.engine.new_id()),
            archived_id: None,
            applied: provisioning::link::Applied::default(),
            suppressed: None,
        },
        connection_id: connection,
        created_at: now,
        updated_at: now,
        last_applied_at: None,
    };
    let mut tx = db.begin().await.unwrap();
    store::links::write(&mut tx, std::slice::from_ref(&link)).await.unwrap();
    tx.commit().await.unwrap();
    let ended = async {
        loop {
            world.engine.work_once().await.unwrap();
            let run = store::runs::get(db, run.id).await.unwrap().unwrap();
            if run.finished_at.is_some() {
                return run;
            }
        }
    };
    let run = tokio::time::timeout(Duration::from_secs(30), ended).await.unwrap();
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    for name in ["amy", "bob"] {
        let record = world.by_email(&format!("{name}@contoso.com")).await.unwrap();
        let found = store::links::by_records(db, &[record.id]).await.unwrap();
        assert_eq!(found.len(), 1, "{name}");
    }
}
}

both! {
async fn tenants_whose_people_are_called_alike_do_not_wait_for_each_other() {
    let world = World::new().await;
    let names = ["abc", "abcd", "abcde", "abcdef", "abcdefg"];
    let mut connections = Vec::new();
    for name in names {
        connections.push(customer_of(&world, name, 60).await);
    }
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let (engine, stop) = (world.engine.clone(), stop.clone());
        async move { engine.work(stop).await }
    });
    let db = world.engine.db();
    let everybody = || async {
        let filter = store::runs::RunFilter::default();
        let runs = store::runs::list(db, &filter, None, 100).await.unwrap();
        let failed = runs.iter().filter(|run| run.status == RunStatus::Failed);
        assert_eq!(failed.count(), 0, "{runs:?}");
        let counts = store::links::counts_primary(db, &connections).await.unwrap();
        counts.iter().map(|(_, count)| count).sum::<u64>() == 300
    };
    let done = async {
        while !everybody().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), done).await.unwrap();
    stop.cancel();
    worker.await.unwrap();
    // On PostgreSQL whoever takes a name waits for others who took it: all take
    // them in one order, or two would wait for each other.
    if db.backend() == store::Backend::Postgres {
        let text = "SELECT created_at, username_key FROM records ORDER BY ctid";
        let rows = db.source().rows(text, store::args![]).await.unwrap();
        let rows = rows.iter().map(|row| {
            let at: jiff::Timestamp = row.get("created_at").unwrap();
            (at, row.get::<String>("username_key").unwrap())
        });
        let rows: Vec<_> = rows.collect();
        let of_one_batch = rows.windows(2).filter(|two| two[0].0 == two[1].0);
        let (ordered, not): (Vec<_>, Vec<_>) = of_one_batch.partition(|two| two[0].1 < two[1].1);
        assert!(ordered.len() > 200 && not.is_empty(), "{not:?}");
    }
}
}
