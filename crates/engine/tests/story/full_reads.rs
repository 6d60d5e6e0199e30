//! What a feed does not tell, or tells only once.

use engine::{Mode, RuleDraft};
use http::Method;
use provisioning::psa::{Kind, Status};
use serde_json::Value;
use store::cursors::{self, Feed};
use store::runs::RunStatus;

use crate::database::both;
use crate::world::{World, actor};

both! {
async fn somebody_of_no_group_who_was_deleted_is_found_by_a_full_read() {
    let (world, connection, staff, people) = World::staffed(&["amy", "bob"]).await;
    let amy = people[0];
    world.remove_member(staff, amy).await;
    world.sync(connection, Mode::Delta).await;
    let record = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!((record.status, record.access), (Status::Active, false));
    let path = format!("users/{amy}");
    world.write(Method::DELETE, &path, Value::Null).await;
    // It begins the change feeds anew: the deletion is in none of them.
    world.sync(connection, Mode::Full).await;
    let record = world.by_id(record.id).await;
    assert_eq!(record.status, Status::Inactive);
    assert_eq!(record.access_reason.as_deref(), Some("deleted"));
}
}

both! {
async fn somebody_restored_in_no_group_is_found_by_a_full_read() {
    let (world, connection, staff, people) = World::staffed(&["amy", "bob"]).await;
    let amy = people[0];
    let record = world.by_email("amy@contoso.com").await.unwrap();
    let path = format!("users/{amy}");
    world.write(Method::DELETE, &path, Value::Null).await;
    world.sync(connection, Mode::Delta).await;
    assert_eq!(world.by_id(record.id).await.status, Status::Inactive);
    let path = format!("directory/deletedItems/{amy}/restore");
    world.write(Method::POST, &path, Value::Null).await;
    world.remove_member(staff, amy).await;
    world.sync(connection, Mode::Full).await;
    let record = world.by_id(record.id).await;
    assert_eq!((record.status, record.access), (Status::Active, false));
    assert!(record.security_roles.is_empty());
}
}

both! {
async fn somebody_deleted_whose_group_was_deleted_too_is_found_by_a_full_read() {
    let world = World::new().await;
    let (staff, inner) = (
        world.add_group("staff").await,
        world.add_group("inner").await,
    );
    let (amy, bob) = (world.add_person("amy").await, world.add_person("bob").await);
    world.add_member(staff, inner).await;
    world.add_member(staff, amy).await;
    world.add_member(inner, bob).await;
    world.add_member(staff, world.add_person("cat").await).await;
    let connection = world.connect().await;
    let nested = RuleDraft {
        include_nested: true,
        ..world.employees(staff, 1)
    };
    world.rule(nested).await;
    world.sync_and_approve(connection).await;
    let path = format!("groups/{staff}");
    world.write(Method::DELETE, &path, Value::Null).await;
    for person in [amy, bob] {
        let path = format!("users/{person}");
        world.write(Method::DELETE, &path, Value::Null).await;
    }
    // It begins the change feeds anew, and reads neither group: all are frozen.
    world.sync(connection, Mode::Full).await;
    for name in ["amy@contoso.com", "bob@contoso.com", "cat@contoso.com"] {
        assert!(world.by_email(name).await.unwrap().access, "{name}");
    }
    let path = format!("directory/deletedItems/{staff}/restore");
    world.write(Method::POST, &path, Value::Null).await;
    world.sync(connection, Mode::Delta).await;
    for (name, has_access) in [("amy", false), ("bob", false), ("cat", true)] {
        let email = format!("{name}@contoso.com");
        let record = world.by_email(&email).await.unwrap();
        assert_eq!(record.access, has_access, "{name}");
    }
}
}

both! {
async fn an_emptied_group_with_a_group_inside_is_believed_the_second_time() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    let inner = world.add_group("inner").await;
    let amy = world.add_person("amy").await;
    world.add_member(staff, amy).await;
    world.add_member(staff, inner).await;
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    world.sync_and_approve(connection).await;
    world.remove_member(staff, amy).await;
    for has_access in [true, false] {
        let run = world.sync(connection, Mode::Full).await;
        assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
        let record = world.by_email("amy@contoso.com").await.unwrap();
        assert_eq!(record.access, has_access);
    }
}
}

both! {
async fn a_group_that_left_another_is_noticed_by_full_reads() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    let (inner, only) = (
        world.add_group("inner").await,
        world.add_group("only").await,
    );
    let ned = world.add_person("ned").await;
    let oli = world.add_person("oli").await;
    world.add_member(staff, inner).await;
    world.add_member(staff, only).await;
    world.add_member(inner, ned).await;
    world.add_member(only, oli).await;
    let connection = world.connect().await;
    let draft = RuleDraft {
        include_nested: true,
        ..world.employees(staff, 1)
    };
    world.rule(draft).await;
    world.sync_and_approve(connection).await;
    let has_access = async |name: &str| world.by_email(name).await.unwrap().access;
    world.remove_member(staff, inner).await;
    world.sync(connection, Mode::Full).await;
    assert!(!has_access("ned@contoso.com").await);
    assert!(has_access("oli@contoso.com").await);
    // No group where there was one: doubted until a second read agrees.
    world.remove_member(staff, only).await;
    world.sync(connection, Mode::Full).await;
    assert!(has_access("oli@contoso.com").await);
    world.sync(connection, Mode::Full).await;
    assert!(!has_access("oli@contoso.com").await);
}
}

both! {
async fn nobody_becomes_another_kind_by_a_group_that_may_have_left() {
    let world = World::new().await;
    let (staff, clients, inner) = (
        world.add_group("staff").await,
        world.add_group("clients").await,
        world.add_group("inner").await,
    );
    let (amy, oli) = (world.add_person("amy").await, world.add_person("oli").await);
    world.add_member(staff, amy).await;
    world.add_member(clients, inner).await;
    world.add_member(inner, oli).await;
    let connection = world.connect().await;
    let employees = world.rule(world.employees(staff, 1)).await;
    let account = world.account("Fabrikam").await;
    let nested = RuleDraft {
        include_nested: true,
        ..world.contacts(clients, 2, account)
    };
    world.rule(nested).await;
    world.sync_and_approve(connection).await;
    // No group where there was one: doubted, so that Oli keeps what they have.
    world.remove_member(clients, inner).await;
    world.sync(connection, Mode::Full).await;
    let new = world.add_person("new").await;
    for person in [amy, new] {
        world.add_member(inner, person).await;
    }
    world.sync(connection, Mode::Delta).await;
    let rule = employees.rule.unwrap().id;
    let gone = world.engine.delete_rule(rule, None, false, &actor()).await.unwrap();
    world.engine.run_to_end(gone.change.run_id.unwrap()).await.unwrap();
    let state = async |name: &str| {
        let record = world.by_email(&format!("{name}@contoso.com")).await;
        record.map(|record| (record.kind, record.access))
    };
    assert_eq!(state("amy").await, Some((Kind::Employee, true)));
    assert_eq!(state("oli").await, Some((Kind::Contact, true)));
    assert_eq!(state("new").await, None);
    // The directory's own word, or a reading that shows the group again, is
    // enough, at once and for everybody in it.
    world.add_member(clients, inner).await;
    world.sync(connection, Mode::Delta).await;
    for name in ["amy", "oli", "new"] {
        assert_eq!(state(name).await, Some((Kind::Contact, true)), "{name}");
    }
}
}

both! {
async fn who_was_held_by_a_group_that_left_loses_it_when_a_second_reading_agrees() {
    let world = World::new().await;
    let (clients, inner) = (world.add_group("clients").await, world.add_group("inner").await);
    let amy = world.add_person("amy").await;
    world.add_member(clients, inner).await;
    world.add_member(inner, world.add_person("oli").await).await;
    let connection = world.connect().await;
    let account = world.account("Fabrikam").await;
    let nested = RuleDraft {
        include_nested: true,
        ..world.contacts(clients, 2, account)
    };
    world.rule(nested).await;
    world.sync_and_approve(connection).await;
    world.remove_member(clients, inner).await;
    world.sync(connection, Mode::Full).await;
    world.add_member(inner, amy).await;
    world.sync(connection, Mode::Delta).await;
    world.sync(connection, Mode::Full).await;
    assert!(world.by_email("amy@contoso.com").await.is_none());
    let oli = world.by_email("oli@contoso.com").await.unwrap();
    assert_eq!((oli.kind, oli.status, oli.access), (Kind::Contact, Status::Active, false));
}
}

both! {
async fn a_change_of_somebody_whose_membership_is_doubted_is_found_by_a_full_read() {
    let (world, connection, staff, people) = World::staffed(&["amy"]).await;
    let title = serde_json::json!({ "jobTitle": "Director" });
    world.write(Method::PATCH, &format!("users/{}", people[0]), title).await;
    world.remove_member(staff, people[0]).await;
    // It begins the change feeds anew, and shows nobody.
    world.sync(connection, Mode::Full).await;
    let amy = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!((amy.access, amy.job_title.as_deref()), (true, Some("Director")));
}
}

both! {
async fn a_group_that_is_full_again_gives_what_it_did_not_give_while_in_doubt() {
    let (world, connection, staff, people) = World::staffed(&["amy", "bob"]).await;
    let lead = world.add_group("lead").await;
    for person in &people {
        world.add_member(lead, *person).await;
    }
    let account = world.account("Fabrikam").await;
    world.rule(world.contacts(lead, 9, account)).await;
    let fault = serde_json::json!({
        "match": {"path": format!("/v1.0/groups/{lead}/members/**")},
        "effect": {"status": 200, "body": {"value": []}}, "times": 1,
    });
    world.control(Method::POST, "faults", fault).await;
    world.sync(connection, Mode::Full).await;
    world.remove_member(staff, people[0]).await;
    world.sync(connection, Mode::Delta).await;
    let amy = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!((amy.kind, amy.access), (Kind::Employee, true));
    world.sync(connection, Mode::Full).await;
    let amy = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!((amy.kind, amy.access), (Kind::Contact, true));
}
}

both! {
async fn the_group_of_one_rule_inside_that_of_another_is_followed_too() {
    let world = World::new().await;
    let clients = world.add_group("clients").await;
    let staff = world.add_group("staff").await;
    let inner = world.add_group("inner").await;
    let ned = world.add_person("ned").await;
    world.add_member(clients, staff).await;
    world.add_member(staff, inner).await;
    world.add_member(inner, ned).await;
    let connection = world.connect().await;
    let account = world.account("Fabrikam").await;
    let nested = RuleDraft {
        include_nested: true,
        ..world.contacts(clients, 1, account)
    };
    world.rule(nested).await;
    world.rule(world.employees(staff, 2)).await;
    world.sync_and_approve(connection).await;
    let record = world.by_email("ned@contoso.com").await.unwrap();
    assert_eq!((record.kind, record.access), (Kind::Contact, true));
    // And by the change feed.
    let late = world.add_person("late").await;
    let deep = world.add_group("deep").await;
    world.add_member(deep, late).await;
    world.add_member(staff, deep).await;
    world.sync(connection, Mode::Delta).await;
    let record = world.by_email("late@contoso.com").await.unwrap();
    assert_eq!((record.kind, record.access), (Kind::Contact, true));
}
}

both! {
async fn people_of_a_nested_group_that_could_not_be_read_yet_lose_nothing() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    let inner = world.add_group("inner").await;
    let ned = world.add_person("ned").await;
    world.add_member(staff, ned).await;
    world.add_member(inner, ned).await;
    world.add_member(staff, world.add_person("oli").await).await;
    let connection = world.connect().await;
    let draft = RuleDraft {
        include_nested: true,
        ..world.employees(staff, 1)
    };
    world.rule(draft).await;
    world.sync_and_approve(connection).await;
    // Ned is in the group through another one from now on, and that one
    // cannot be read for a while.
    world.add_member(staff, inner).await;
    world.remove_member(staff, ned).await;
    let fault = serde_json::json!({
        "match": {"path": format!("/v1.0/groups/{inner}/**")}, "effect": {"status": 400}, "times": 1,
    });
    world.control(Method::POST, "faults", fault).await;
    let run = world.sync(connection, Mode::Delta).await;
    assert_eq!(run.status, RunStatus::Failed);
    for _ in 0..2 {
        let run = world.sync(connection, Mode::Delta).await;
        assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
        assert!(world.by_email("ned@contoso.com").await.unwrap().access);
    }
}
}

both! {
async fn delta_links_of_another_host_are_given_up_and_the_tenant_is_read_anew() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    world.add_member(staff, world.add_person("amy").await).await;
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    world.sync_and_approve(connection).await;
    let now = world.engine.now();
    let mut tx = world.engine.db().begin().await.unwrap();
    for feed in [Feed::Users, Feed::Groups] {
        let mut cursor = cursors::get(&mut tx, connection, feed).await.unwrap().unwrap();
        cursor.link = "https://graph.elsewhere.example/v1.0/users/delta?$deltatoken=x".to_owned();
        cursor.updated_at = now;
        cursors::set(&mut tx, connection, feed, &cursor).await.unwrap();
    }
    tx.commit().await.unwrap();
    world.add_member(staff, world.add_person("bob").await).await;
    let run = world.sync(connection, Mode::Delta).await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    assert!(world.by_email("bob@contoso.com").await.unwrap().access);
}
}
