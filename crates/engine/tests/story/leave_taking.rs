//! Removing a connection: what becomes of its people.

use engine::{Mode, PeopleOnRemoval, Severity};
use provisioning::psa::{ADMINISTRATOR, Status};
use store::connections;
use store::plans::PlanStatus;
use store::runs::RunStatus;

use crate::database::both;
use crate::world::{World, actor};

both! {
async fn people_who_are_kept_stay_as_they_are() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    world.add_member(staff, world.add_person("amy").await).await;
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    world.sync_and_approve(connection).await;
    let preview = world.engine
        .remove_connection(connection, PeopleOnRemoval::Keep, true, &actor()).await.unwrap();
    let plan = store::plans::get(world.engine.db(), preview.plan_id.unwrap()).await.unwrap().unwrap();
    assert_eq!((plan.status, plan.counts.total()), (PlanStatus::Preview, 0));
    assert!(connections::get(world.engine.db(), connection).await.unwrap().is_some());
    world.engine
        .remove_connection(connection, PeopleOnRemoval::Keep, false, &actor()).await.unwrap();
    assert!(connections::get(world.engine.db(), connection).await.unwrap().is_none());
    let amy = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!((amy.status, amy.access), (Status::Active, true));
}
}

both! {
async fn people_who_go_along_are_told_first_and_deactivated_then() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    for name in ["amy", "bob", "cleo"] {
        world.add_member(staff, world.add_person(name).await).await;
    }
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    world.sync_and_approve(connection).await;
    // Cleo is pinned, and Bob is the only administrator there is.
    for (name, pinned) in [("cleo", true), ("bob", false)] {
        let mut record = world.by_email(&format!("{name}@contoso.com")).await.unwrap();
        record.pinned = pinned;
        if !pinned {
            record.security_roles = vec![ADMINISTRATOR.to_owned()];
        }
        world.edit(record).await;
    }
    let preview = world.engine
        .remove_connection(connection, PeopleOnRemoval::Deactivate, true, &actor()).await.unwrap();
    let plan = store::plans::get(world.engine.db(), preview.plan_id.unwrap()).await.unwrap().unwrap();
    assert_eq!((plan.status, plan.counts.total()), (PlanStatus::Preview, 1));
    assert!(world.by_email("amy@contoso.com").await.unwrap().access);

    let removal = world.engine
        .remove_connection(connection, PeopleOnRemoval::Deactivate, false, &actor()).await.unwrap();
    let run = world.engine.run_to_end(removal.run_id.unwrap()).await.unwrap();
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    let amy = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!((amy.status, amy.access), (Status::Inactive, false));
    assert_eq!(amy.access_reason.as_deref(), Some("connection_removed"));
    for name in ["bob", "cleo"] {
        let kept = world.by_email(&format!("{name}@contoso.com")).await.unwrap();
        assert!(kept.access && kept.status == Status::Active, "{name}");
    }
    assert!(connections::get(world.engine.db(), connection).await.unwrap().is_none());
    // Nothing of it is left to do.
    assert!(!world.engine.work_once().await.unwrap());

    // The tenant comes back: so do its people, as the same records.
    let again = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    world.sync_and_approve(again).await;
    let back = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!((back.id, back.status, back.access), (amy.id, Status::Active, true));
}
}

both! {
async fn a_removal_that_takes_many_along_waits_for_a_word() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    for number in 0..30 {
        let person = world.add_person(&format!("person{number}")).await;
        world.add_member(staff, person).await;
    }
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    world.sync_and_approve(connection).await;
    let removal = world.engine
        .remove_connection(connection, PeopleOnRemoval::Deactivate, false, &actor()).await.unwrap();
    assert!(removal.held);
    assert!(world.by_email("person7@contoso.com").await.unwrap().access);
    let known = store::overview::of(world.engine.db(), connection).await.unwrap().unwrap();
    let lines = world.engine.health(&known);
    assert!(lines.iter().any(|line| line.severity > Severity::Good));
    let run = world.approve(removal.run_id.unwrap()).await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    assert!(!world.by_email("person7@contoso.com").await.unwrap().access);
    assert!(connections::get(world.engine.db(), connection).await.unwrap().is_none());
}
}

both! {
async fn a_tenant_that_cannot_be_read_any_more_is_left_all_the_same() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    world.add_member(staff, world.add_person("amy").await).await;
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    world.sync_and_approve(connection).await;
    let gone = serde_json::json!({
        "match": {"path": "*"}, "times": 1_000_000, "effect": {"status": 401},
    });
    world.control(http::Method::POST, "faults", gone).await;
    world.sync(connection, Mode::Delta).await;
    let removal = world.engine
        .remove_connection(connection, PeopleOnRemoval::Deactivate, false, &actor()).await.unwrap();
    let run = world.engine.run_to_end(removal.run_id.unwrap()).await.unwrap();
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    assert!(!world.by_email("amy@contoso.com").await.unwrap().access);
}
}
