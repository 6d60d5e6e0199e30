//! Runs that are taken back: everything is as before, later edits stay, and
//! nothing is done again behind the administrator's back.

use engine::{Mode, SyncRequest, Undo};
use http::Method;
use provisioning::ids::RunId;
use provisioning::psa::{Record, Status};
use serde_json::json;
use store::records::{self, RecordWrite};
use store::runs::{RunRow, RunStatus};
use uuid::Uuid;

use crate::database::both;
use crate::world::{World, actor};

/// Takes something back and waits until that is done.
async fn take_back(world: &World, what: Undo) -> RunRow {
    let undone = world.engine.undo(what, false, &actor()).await.unwrap();
    let id = undone.run_id.unwrap();
    let undo = world.engine.run_to_end(id).await.unwrap();
    assert_eq!(undo.status, RunStatus::Done, "{:?}", undo.error);
    undo
}

/// Takes a run back and waits until that is done.
async fn undo(world: &World, run: RunId) -> RunRow {
    let undo = take_back(world, Undo::Run(run)).await;
    assert_eq!(undo.undo_of, Some(run));
    undo
}

async fn status(world: &World, run: RunId) -> RunStatus {
    let db = world.engine.db();
    store::runs::get(db, run).await.unwrap().unwrap().status
}

/// A record without what every write changes.
async fn as_is(world: &World, record: &Record) -> Record {
    Record {
        version: 0,
        ..world.by_id(record.id).await
    }
}

async fn edit(world: &World, email: &str, change: impl FnOnce(&mut Record)) {
    let mut record = world.by_email(email).await.unwrap();
    let expected_version = record.version;
    change(&mut record);
    let write = RecordWrite {
        record,
        expected_version,
    };
    let mut tx = world.engine.db().begin().await.unwrap();
    records::write(&mut tx, &[write], world.engine.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

both! {
async fn a_run_taken_back_leaves_everybody_as_before_and_is_not_done_again() {
    let (world, connection, staff, people, _) = World::staffed_by(&["amy", "bob", "cid"]).await;
    let mut before = Vec::new();
    for email in ["amy@contoso.com", "bob@contoso.com", "cid@contoso.com"] {
        let record = world.by_email(email).await.unwrap();
        before.push(as_is(&world, &record).await);
    }
    let title = json!({"jobTitle": "Director", "surname": "Changed"});
    world.write(Method::PATCH, &format!("users/{}", people[0]), title).await;
    world.remove_member(staff, people[1]).await;
    let off = json!({"accountEnabled": false});
    world.write(Method::PATCH, &format!("users/{}", people[2]), off).await;
    let run = world.sync(connection, Mode::Delta).await;
    assert_eq!(run.status, RunStatus::Done);
    let changed = as_is(&world, &before[0]).await;
    assert_eq!(changed.job_title.as_deref(), Some("Director"));

    let preview = world.engine.undo(Undo::Run(run.id), true, &actor()).await.unwrap();
    assert_eq!((preview.run_id, preview.conflicts), (None, 0));
    assert_eq!(as_is(&world, &before[0]).await, changed, "a preview changes nothing");

    undo(&world, run.id).await;
    assert_eq!(status(&world, run.id).await, RunStatus::Undone);
    for record in &before {
        assert_eq!(as_is(&world, record).await, *record);
    }
    for mode in [Mode::Delta, Mode::Full] {
        world.sync(connection, mode).await;
        for record in &before {
            assert_eq!(as_is(&world, record).await, *record, "done again by {mode:?}");
        }
    }
    // Until the person changes.
    let city = json!({"city": "Dublin"});
    world.write(Method::PATCH, &format!("users/{}", people[0]), city).await;
    world.sync(connection, Mode::Delta).await;
    assert_eq!(as_is(&world, &before[0]).await, changed);
}
}

both! {
async fn a_first_sync_taken_back_closes_what_it_made_and_gives_back_what_it_merged() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    for name in ["amy", "bob"] {
        let person = world.add_person(name).await;
        world.add_member(staff, person).await;
    }
    let id = provisioning::ids::RecordId(world.engine.new_id());
    let known = Record {
        email: Some("bob@contoso.com".to_owned()),
        first_name: Some("Robert".to_owned()),
        username: Some("robert".to_owned()),
        ..Record::blank(id, provisioning::psa::Kind::Employee)
    };
    world.record(known.clone()).await;
    let known = as_is(&world, &known).await;
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    let run = world.sync_and_approve(connection).await;
    assert_ne!(as_is(&world, &known).await, known, "merged");
    undo(&world, run.id).await;
    assert_eq!(as_is(&world, &known).await, known);
    let made = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!((made.status, made.access), (Status::Inactive, false));
    assert_eq!(made.access_reason.as_deref(), Some("undone"));
    world.sync(connection, Mode::Full).await;
    let made = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!((made.status, made.access), (Status::Inactive, false));
    let request = SyncRequest { mode: Mode::Full, reapply: true, plan_only: false };
    let again = world.engine.sync(connection, request, &actor()).await.unwrap();
    world.engine.run_to_end(again).await.unwrap();
    let made = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!((made.status, made.access), (Status::Active, true), "asked for");
}
}

both! {
async fn a_change_of_kind_taken_back_restores_the_employee_and_can_be_done_again() {
    let (world, connection, _, people, _) = World::staffed_by(&["eve"]).await;
    let clients = world.add_group("clients").await;
    let account = world.account("Fabrikam").await;
    world.rule(world.contacts(clients, 0, account)).await;
    let employee = world.by_email("eve@contoso.com").await.unwrap();
    let employee = as_is(&world, &employee).await;
    world.add_member(clients, people[0]).await;
    let run = world.sync(connection, Mode::Delta).await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.hold);
    assert_eq!(as_is(&world, &employee).await.status, Status::Archived);
    let contact = world.by_email("eve@contoso.com").await.unwrap();
    let contact = as_is(&world, &contact).await;

    let took_back = undo(&world, run.id).await;
    assert_eq!(as_is(&world, &employee).await, employee);
    let closed = as_is(&world, &contact).await;
    assert_eq!((closed.status, closed.access), (Status::Archived, false));
    world.sync(connection, Mode::Full).await;
    assert_eq!(as_is(&world, &employee).await, employee);

    // The undo of the undo.
    undo(&world, took_back.id).await;
    assert_eq!(as_is(&world, &employee).await.status, Status::Archived);
    assert_eq!(as_is(&world, &contact).await, contact);
    world.sync(connection, Mode::Full).await;
    assert_eq!(as_is(&world, &contact).await, contact);
}
}

both! {
async fn what_was_edited_since_is_a_conflict_and_stays() {
    let (world, connection, _, people, _) = World::staffed_by(&["amy"]).await;
    let change = json!({"jobTitle": "Director", "surname": "Changed"});
    world.write(Method::PATCH, &format!("users/{}", people[0]), change).await;
    let run = world.sync(connection, Mode::Delta).await;
    edit(&world, "amy@contoso.com", |record| record.job_title = Some("Queen".to_owned())).await;
    let preview = world.engine.undo(Undo::Run(run.id), true, &actor()).await.unwrap();
    assert_eq!(preview.conflicts, 1);
    let conflict = serde_json::to_value(&preview.conflicting[0]).unwrap();
    assert_eq!(
        (&conflict["field"], &conflict["written"], &conflict["found"]),
        (&json!("job_title"), &json!("Director"), &json!("Queen"))
    );
    undo(&world, run.id).await;
    let amy = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!(amy.job_title.as_deref(), Some("Queen"));
    assert_ne!(amy.last_name.as_deref(), Some("Changed"));
}
}

both! {
async fn what_cannot_be_taken_back_says_why() {
    let (world, _, _, _, run) = World::staffed_by(&["amy"]).await;
    let nobody = RunId(Uuid::from_u128(1));
    let error = world.engine.undo(Undo::Run(nobody), false, &actor()).await.unwrap_err();
    assert_eq!(error.code, "not_found");
    undo(&world, run.id).await;
    let error = world.engine.undo(Undo::Run(run.id), false, &actor()).await.unwrap_err();
    assert_eq!(error.code, "already_undone");
    assert!(error.cure.is_some());
}
}

both! {
async fn what_a_run_did_to_one_person_is_taken_back_and_the_others_keep_it() {
    let (world, connection, _, people, _) = World::staffed_by(&["amy", "bob"]).await;
    let mut before = Vec::new();
    for email in ["amy@contoso.com", "bob@contoso.com"] {
        let record = world.by_email(email).await.unwrap();
        before.push(as_is(&world, &record).await);
    }
    for person in &people {
        let title = json!({"jobTitle": "Director"});
        world.write(Method::PATCH, &format!("users/{person}"), title).await;
    }
    let run = world.sync(connection, Mode::Delta).await;
    let amy = Undo::Person { record_id: before[0].id, run_id: None };
    let preview = world.engine.undo(amy, true, &actor()).await.unwrap();
    assert_eq!((preview.run_id, preview.conflicts), (None, 0));
    let undone = take_back(&world, amy).await;
    assert_eq!(undone.undo_of, Some(run.id));
    assert_eq!(status(&world, run.id).await, RunStatus::Done, "the others have it still");
    world.sync(connection, Mode::Full).await;
    assert_eq!(as_is(&world, &before[0]).await, before[0]);
    assert_eq!(as_is(&world, &before[1]).await.job_title.as_deref(), Some("Director"));

    // The last that was done is an undo: which run is meant has to be said.
    let error = world.engine.undo(amy, false, &actor()).await.unwrap_err();
    assert_eq!(error.code, "already_undone");
    assert!(error.cure.is_some());
    let named = Undo::Person { record_id: before[0].id, run_id: Some(undone.id) };
    take_back(&world, named).await;
    assert_eq!(as_is(&world, &before[0]).await.job_title.as_deref(), Some("Director"));
    world.sync(connection, Mode::Full).await;
    assert_eq!(as_is(&world, &before[0]).await.job_title.as_deref(), Some("Director"));

    // Taking the whole run back leaves nobody out.
    undo(&world, run.id).await;
    for record in &before {
        assert_eq!(as_is(&world, record).await, *record);
    }
}
}

both! {
async fn what_a_rule_made_of_people_over_many_runs_is_taken_back_as_one() {
    let (world, connection, staff, people, _) = World::staffed_by(&["amy", "bob", "cid"]).await;
    let clients = world.add_group("clients").await;
    let account = world.account("Fabrikam").await;
    let mut before = Vec::new();
    for email in ["amy@contoso.com", "bob@contoso.com", "cid@contoso.com"] {
        let record = world.by_email(email).await.unwrap();
        before.push(as_is(&world, &record).await);
    }
    let rule = world.rule(world.contacts(clients, 0, account)).await;
    let rule = rule.rule.unwrap().id;
    // The rule takes amy, then bob, then dan, who is new, and changes amy twice.
    world.add_member(clients, people[0]).await;
    world.sync(connection, Mode::Delta).await;
    world.add_member(clients, people[1]).await;
    let phone = json!({"mobilePhone": "+1 555 0100", "surname": "Changed"});
    world.write(Method::PATCH, &format!("users/{}", people[0]), phone).await;
    world.sync(connection, Mode::Delta).await;
    let dan = world.add_person("dan").await;
    world.add_member(clients, dan).await;
    let again = json!({"surname": "Again"});
    world.write(Method::PATCH, &format!("users/{}", people[0]), again).await;
    world.sync(connection, Mode::Delta).await;
    for record in &before[..2] {
        assert_eq!(as_is(&world, record).await.status, Status::Archived);
    }
    let dan = world.by_email("dan@contoso.com").await.unwrap();
    assert_eq!((dan.status, dan.access), (Status::Active, true));

    take_back(&world, Undo::Rule(rule)).await;
    for mode in [Mode::Delta, Mode::Full] {
        for record in &before {
            assert_eq!(as_is(&world, record).await, *record);
        }
        let dan = as_is(&world, &dan).await;
        assert_eq!((dan.status, dan.access), (Status::Inactive, false));
        world.sync(connection, mode).await;
    }
    // Once is enough.
    let nothing = world.engine.undo(Undo::Rule(rule), true, &actor()).await.unwrap();
    let plan = store::plans::get(world.engine.db(), nothing.plan_id).await.unwrap();
    assert_eq!(plan.unwrap().people, 0);
    // Who was never of the rule is as they were, and still follows the directory.
    world.remove_member(staff, people[2]).await;
    world.sync(connection, Mode::Delta).await;
    assert!(!as_is(&world, &before[2]).await.access);
}
}

both! {
async fn a_value_edited_under_a_rule_stays_when_the_rule_is_taken_back() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    let leads = world.add_group("leads").await;
    let amy = world.add_person("amy").await;
    world.add_member(staff, amy).await;
    let connection = world.connect().await;
    world.rule(world.employees(staff, 5)).await;
    world.sync_and_approve(connection).await;
    let before = world.by_email("amy@contoso.com").await.unwrap();
    let rule = world.rule(world.employees(leads, 1)).await.rule.unwrap().id;
    world.add_member(leads, amy).await;
    for (title, surname) in [("First", "One"), ("Second", "Two")] {
        let change = json!({"jobTitle": title, "surname": surname});
        world.write(Method::PATCH, &format!("users/{amy}"), change).await;
        world.sync(connection, Mode::Delta).await;
    }
    // One value of somebody's own that the rule wrote once, one that was there before.
    let last_name = before.last_name.clone();
    edit(&world, "amy@contoso.com", |record| {
        record.job_title = Some("First".to_owned());
        record.last_name = last_name;
    })
    .await;
    let preview = world.engine.undo(Undo::Rule(rule), true, &actor()).await.unwrap();
    let conflicts = serde_json::to_value(&preview.conflicting).unwrap();
    assert_eq!(preview.conflicts, 1, "{conflicts}");
    assert_eq!(
        (&conflicts[0]["written"], &conflicts[0]["found"]),
        (&json!("Second"), &json!("First"))
    );
    take_back(&world, Undo::Rule(rule)).await;
    let after = as_is(&world, &before).await;
    assert_eq!(after.job_title.as_deref(), Some("First"));
    assert_eq!(after.last_name, before.last_name);
    let nobody = provisioning::ids::RuleId(Uuid::from_u128(1));
    let error = world.engine.undo(Undo::Rule(nobody), false, &actor()).await.unwrap_err();
    assert_eq!(error.code, "not_found");
    let local = Record {
        email: Some("loc@fabrikam.com".to_owned()),
        ..Record::blank(provisioning::ids::RecordId(world.engine.new_id()), provisioning::psa::Kind::Contact)
    };
    world.record(local.clone()).await;
    let what = Undo::Person { record_id: local.id, run_id: None };
    let error = world.engine.undo(what, false, &actor()).await.unwrap_err();
    assert_eq!(error.code, "not_synced");
}
}
