//! Runs that are taken back: everything is as before, later edits stay, and
//! nothing is done again behind the administrator's back.

use engine::{Mode, SyncRequest};
use http::Method;
use provisioning::ids::{ConnectionId, RunId};
use provisioning::psa::{Record, Status};
use serde_json::json;
use store::records::{self, RecordWrite};
use store::runs::{RunRow, RunStatus};
use uuid::Uuid;

use crate::database::both;
use crate::world::{World, actor};

async fn staffed(names: &[&str]) -> (World, ConnectionId, Uuid, Vec<Uuid>, RunRow) {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    let mut people = Vec::new();
    for name in names {
        let person = world.add_person(name).await;
        world.add_member(staff, person).await;
        people.push(person);
    }
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    let run = world.sync_and_approve(connection).await;
    (world, connection, staff, people, run)
}

/// Takes a run back and waits until that is done.
async fn undo(world: &World, run: RunId) -> RunRow {
    let undone = world.engine.undo_run(run, false, &actor()).await.unwrap();
    let id = undone.run_id.unwrap();
    let undo = world.engine.run_to_end(id).await.unwrap();
    assert_eq!(undo.status, RunStatus::Done, "{:?}", undo.error);
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
    let (world, connection, staff, people, _) = staffed(&["amy", "bob", "cid"]).await;
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

    let preview = world.engine.undo_run(run.id, true, &actor()).await.unwrap();
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
    let (world, connection, _, people, _) = staffed(&["eve"]).await;
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
    let (world, connection, _, people, _) = staffed(&["amy"]).await;
    let change = json!({"jobTitle": "Director", "surname": "Changed"});
    world.write(Method::PATCH, &format!("users/{}", people[0]), change).await;
    let run = world.sync(connection, Mode::Delta).await;
    edit(&world, "amy@contoso.com", |record| record.job_title = Some("Queen".to_owned())).await;
    let preview = world.engine.undo_run(run.id, true, &actor()).await.unwrap();
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
    let (world, _, _, _, run) = staffed(&["amy"]).await;
    let nobody = RunId(Uuid::from_u128(1));
    let error = world.engine.undo_run(nobody, false, &actor()).await.unwrap_err();
    assert_eq!(error.code, "not_found");
    undo(&world, run.id).await;
    let error = world.engine.undo_run(run.id, false, &actor()).await.unwrap_err();
    assert_eq!(error.code, "already_undone");
    assert!(error.cure.is_some());
}
}
