//! What happens to people after the first sync.

use engine::{Mode, SyncRequest};
use http::Method;
use provisioning::ids::ConnectionId;
use provisioning::psa::Status;
use serde_json::{Value, json};
use store::records::RecordWrite;
use store::runs::RunStatus;

use crate::database::both;
use crate::world::{World, actor};

async fn edit_title(world: &World, email: &str, title: &str) {
    let mut record = world.by_email(email).await.unwrap();
    record.job_title = Some(title.to_owned());
    let write = RecordWrite {
        expected_version: record.version,
        record,
    };
    let mut tx = world.engine.db().begin().await.unwrap();
    store::records::write(&mut tx, &[write], world.engine.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

both! {
async fn a_local_edit_stands_until_the_person_changes_in_the_directory() {
    let (world, connection, _, people) = World::staffed(&["amy", "bob"]).await;
    edit_title(&world, "amy@contoso.com", "Wizard").await;
    for mode in [Mode::Delta, Mode::Full] {
        world.sync(connection, mode).await;
        let amy = world.by_email("amy@contoso.com").await.unwrap();
        assert_eq!(amy.job_title.as_deref(), Some("Wizard"));
    }
    // Any attribute, mapped or not.
    let change = json!({"city": "Dublin"});
    world
        .write(Method::PATCH, &format!("users/{}", people[0]), change)
        .await;
    world.sync(connection, Mode::Delta).await;
    let amy = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!(amy.job_title.as_deref(), Some("Engineer"));
}
}

both! {
async fn reapply_overwrites_local_edits() {
    let (world, connection, _, _) = World::staffed(&["amy"]).await;
    edit_title(&world, "amy@contoso.com", "Wizard").await;
    let request = SyncRequest {
        reapply: true,
        ..SyncRequest::default()
    };
    let run = world
        .engine
        .sync(connection, request, &actor())
        .await
        .unwrap();
    world.engine.run_to_end(run).await.unwrap();
    let amy = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!(amy.job_title.as_deref(), Some("Engineer"));
}
}

both! {
async fn leavers_are_deactivated_never_deleted_and_come_back() {
    let (world, connection, _, people) = World::staffed(&["amy", "bob"]).await;
    let before = world.by_email("amy@contoso.com").await.unwrap();
    world
        .write(Method::DELETE, &format!("users/{}", people[0]), Value::Null)
        .await;
    world.sync(connection, Mode::Delta).await;
    let gone = world.by_id(before.id).await;
    assert_eq!((gone.status, gone.access), (Status::Inactive, false));
    assert_eq!(gone.access_reason.as_deref(), Some("deleted"));

    let restore = format!("directory/deletedItems/{}/restore", people[0]);
    world.write(Method::POST, &restore, Value::Null).await;
    world.sync(connection, Mode::Delta).await;
    let back = world.by_id(before.id).await;
    assert_eq!((back.status, back.access), (Status::Active, true));

    let off = json!({"accountEnabled": false});
    world
        .write(Method::PATCH, &format!("users/{}", people[1]), off)
        .await;
    world.sync(connection, Mode::Delta).await;
    let bob = world.by_email("bob@contoso.com").await.unwrap();
    assert_eq!(bob.status, Status::Inactive);
    assert_eq!(bob.access_reason.as_deref(), Some("disabled"));
}
}

both! {
async fn leaving_every_group_takes_access_and_keeps_the_record() {
    let (world, connection, staff, people) = World::staffed(&["amy", "bob"]).await;
    world.remove_member(staff, people[0]).await;
    world.sync(connection, Mode::Delta).await;
    let amy = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!((amy.status, amy.access), (Status::Active, false));
    assert!(amy.security_roles.is_empty());
    assert_eq!(amy.access_reason.as_deref(), Some("no_rule"));
    assert!(world.by_email("bob@contoso.com").await.unwrap().access);
}
}

both! {
async fn a_removal_no_feed_reported_is_found_by_a_full_read() {
    let (world, connection, staff, people) = World::staffed(&["amy", "bob"]).await;
    world.remove_member(staff, people[0]).await;
    // The feed is asked once without anybody looking: its removal is lost.
    let mut tx = world.engine.db().begin().await.unwrap();
    for feed in [store::cursors::Feed::Users, store::cursors::Feed::Groups] {
        store::cursors::clear(&mut tx, connection, feed)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    world.sync(connection, Mode::Full).await;
    assert!(!world.by_email("amy@contoso.com").await.unwrap().access);
    assert!(world.by_email("bob@contoso.com").await.unwrap().access);
}
}

both! {
async fn a_group_that_cannot_be_read_freezes_its_people() {
    let (world, connection, staff, _) = World::staffed(&["amy", "bob"]).await;
    world
        .write(Method::DELETE, &format!("groups/{staff}"), Value::Null)
        .await;
    for mode in [Mode::Delta, Mode::Full] {
        let run = world.sync(connection, mode).await;
        assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
        assert!(world.by_email("amy@contoso.com").await.unwrap().access);
    }
}
}

both! {
async fn an_empty_answer_is_not_believed() {
    let (world, connection, _, _) = World::staffed(&["amy", "bob"]).await;
    let empty = json!({
        "match": {"path": "/v1.0/groups/*/members/*"},
        "effect": {"status": 200, "body": {"value": []}}, "times": 1,
    });
    world.control(Method::POST, "faults", empty).await;
    world.sync(connection, Mode::Full).await;
    assert!(world.by_email("amy@contoso.com").await.unwrap().access);
    assert!(world.by_email("bob@contoso.com").await.unwrap().access);
}
}

both! {
async fn a_run_over_the_limit_is_held_whole_and_can_be_rejected() {
    let names: Vec<String> = (0..12).map(|n| format!("person{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (world, connection, staff, people) = World::staffed(&names).await;
    for person in &people[..8] {
        world.remove_member(staff, *person).await;
    }
    let run = world.sync(connection, Mode::Delta).await;
    assert_eq!(run.status, RunStatus::Held);
    for name in &names {
        let email = format!("{name}@contoso.com");
        assert!(world.by_email(&email).await.unwrap().access, "{name}");
    }
    world
        .engine
        .reject(run.plan_id.unwrap(), &actor())
        .await
        .unwrap();
    for name in &names {
        let email = format!("{name}@contoso.com");
        assert!(world.by_email(&email).await.unwrap().access, "{name}");
    }
}
}

impl World {
    /// Looks at the directory once, as the worker does.
    async fn follows(&self, connection: ConnectionId) {
        let (db, now) = (self.engine.db(), self.engine.now());
        let mut tx = db.begin().await.unwrap();
        let key = connection.to_string();
        store::jobs::enqueue(&mut tx, "sync", &key, Some(connection), now, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert!(self.engine.work_once().await.unwrap());
    }
}

both! {
async fn what_was_approved_and_still_holds_is_not_asked_again() {
    let names = ["amy", "bob", "cat", "dan", "eve", "fay", "gus", "hal"];
    let (world, connection, staff, people) = World::staffed(&names).await;
    for person in &people[..7] {
        world.remove_member(staff, *person).await;
    }
    let run = world.sync(connection, Mode::Delta).await;
    assert_eq!(run.status, RunStatus::Held);
    let plan = async |id| store::plans::get(world.engine.db(), id).await.unwrap().unwrap();
    let seen = plan(run.plan_id.unwrap()).await;
    assert_eq!(seen.people, 7);

    // Bob is disabled besides when the plan is approved: only he is asked about again.
    let change = json!({"accountEnabled": false});
    world.write(Method::PATCH, &format!("users/{}", people[1]), change).await;
    world.follows(connection).await;
    let hash = seen.hash.unwrap();
    let moved = world.engine.approve(seen.id, &hash, &actor()).await.unwrap_err();
    assert_eq!(moved.code, "plan_changed");
    let now = store::runs::get(world.engine.db(), run.id).await.unwrap().unwrap();
    let fresh = plan(now.plan_id.unwrap()).await;
    assert_eq!((fresh.people, &fresh.hold.unwrap()["differs"]), (7, &json!(1)));
    let filter = store::decisions::DecisionFilter {
        unapproved_only: true,
        ..Default::default()
    };
    let asked = store::decisions::page(world.engine.db(), fresh.id, 0, 10, &filter).await.unwrap();
    let asked: Vec<&str> = asked.iter().map(|row| row.decision.name.as_str()).collect();
    assert_eq!(asked, ["bob"]);

    // Cat is back before the second word: all that is left was seen.
    world.add_member(staff, people[2]).await;
    world.follows(connection).await;
    world.engine.approve(fresh.id, &fresh.hash.unwrap(), &actor()).await.unwrap();
    let run = world.engine.run_to_end(run.id).await.unwrap();
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    for (name, access) in [("amy", false), ("bob", false), ("cat", true), ("hal", true)] {
        let record = world.by_email(&format!("{name}@contoso.com")).await.unwrap();
        assert_eq!(record.access, access, "{name}");
    }
}
}
