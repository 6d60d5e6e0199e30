//! Rules come, change and go after the first sync.

use engine::{Mode, RuleDraft};
use http::Method;
use provisioning::psa::{Kind, Status};
use serde_json::Value;
use store::plans::PlanStatus;
use store::runs::RunStatus;

use crate::database::both;
use crate::world::{World, actor};

both! {
async fn a_rule_made_later_provisions_its_people_and_a_preview_does_nothing() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    let sales = world.add_group("sales").await;
    world.add_member(staff, world.add_person("amy").await).await;
    world.add_member(sales, world.add_person("sal").await).await;
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;
    world.sync_and_approve(connection).await;

    let draft = world.employees(sales, 2);
    let preview = world
        .engine
        .create_rule(draft.clone(), true, &actor())
        .await
        .unwrap();
    let plan = preview.change.plan_id.unwrap();
    let plan = store::plans::get(world.engine.db(), plan)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((plan.status, plan.counts.total()), (PlanStatus::Preview, 1));
    assert!(preview.change.run_id.is_none());
    assert!(world.by_email("sal@contoso.com").await.is_none());
    assert_eq!(
        store::mapping_rules::list(world.engine.db())
            .await
            .unwrap()
            .len(),
        1
    );

    let made = world.rule(draft).await;
    assert!(!made.change.held);
    let sal = world.by_email("sal@contoso.com").await.unwrap();
    assert_eq!(sal.kind, Kind::Employee);
    // What a rule brought in is followed by the next rounds too.
    let run = world.sync(connection, Mode::Full).await;
    assert_eq!(
        (run.status, run.counts.total()),
        (RunStatus::Done, 0),
        "{:?}",
        run.error
    );
}
}

both! {
async fn deleting_a_rule_takes_access_and_keeps_the_records() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    for name in ["amy", "bob"] {
        world.add_member(staff, world.add_person(name).await).await;
    }
    let connection = world.connect().await;
    let rule = world.rule(world.employees(staff, 1)).await.rule.unwrap();
    world.sync_and_approve(connection).await;
    let change = world
        .engine
        .delete_rule(rule.id, None, false, &actor())
        .await
        .unwrap();
    world
        .engine
        .run_to_end(change.change.run_id.unwrap())
        .await
        .unwrap();
    let amy = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!((amy.status, amy.access), (Status::Active, false));
    assert_eq!(amy.access_reason.as_deref(), Some("no_rule"));
}
}

both! {
async fn a_rule_that_would_lock_out_many_is_held_and_takes_effect_when_approved() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    for n in 0..12 {
        world
            .add_member(staff, world.add_person(&format!("person{n}")).await)
            .await;
    }
    let connection = world.connect().await;
    let rule = world.rule(world.employees(staff, 1)).await.rule.unwrap();
    world.sync_and_approve(connection).await;
    let draft = engine::RuleDraft {
        exclude: vec!["person*".to_owned()],
        ..world.employees(staff, 1)
    };
    let change = world
        .engine
        .update_rule(rule.id, draft, None, false, &actor())
        .await
        .unwrap();
    assert!(change.change.held);
    assert!(world.by_email("person1@contoso.com").await.unwrap().access);
    let kept = store::mapping_rules::get(world.engine.db(), rule.id)
        .await
        .unwrap()
        .unwrap();
    assert!(kept.rule.exclude.is_empty());
    assert!(kept.pending.is_some());
    let run = world.approve(change.change.run_id.unwrap()).await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    assert!(!world.by_email("person1@contoso.com").await.unwrap().access);
    let kept = store::mapping_rules::get(world.engine.db(), rule.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.rule.exclude, ["person*"]);
    assert!(kept.pending.is_none());
}
}

both! {
async fn people_of_groups_inside_the_group_count_when_the_rule_says_so() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    let inner = world.add_group("inner").await;
    world.add_member(staff, inner).await;
    world.add_member(inner, world.add_person("ned").await).await;
    let connection = world.connect().await;
    let draft = engine::RuleDraft {
        include_nested: true,
        ..world.employees(staff, 1)
    };
    world.rule(draft).await;
    world.sync_and_approve(connection).await;
    let ned = world.by_email("ned@contoso.com").await.unwrap();
    assert!(ned.access);
    let why = world.engine.why(ned.id).await.unwrap();
    assert_eq!(why.group_path, ["staff", "inner"]);
    world.remove_member(staff, inner).await;
    world.sync(connection, Mode::Delta).await;
    assert!(!world.by_email("ned@contoso.com").await.unwrap().access);
}
}

both! {
async fn a_rule_is_checked_before_anything_depends_on_it() {
    let world = World::new().await;
    world.connect().await;
    let account = world.account("Fabrikam").await;
    let group = world.add_group("staff").await;
    let nowhere = uuid::Uuid::from_u128(404);
    let base = world.employees(group, 1);
    for (draft, part) in [
        (world.employees(nowhere, 1), "group_id"),
        (
            engine::RuleDraft {
                security_roles: vec!["External User".to_owned()],
                ..base.clone()
            },
            "External User",
        ),
        (
            engine::RuleDraft {
                security_roles: Vec::new(),
                ..base.clone()
            },
            "security_roles",
        ),
        (
            engine::RuleDraft {
                account_id: None,
                ..world.contacts(group, 1, account)
            },
            "account_id",
        ),
        (
            engine::RuleDraft {
                exclude: vec!["[".to_owned()],
                ..base.clone()
            },
            "exclude",
        ),
    ] {
        let error = world
            .engine
            .create_rule(draft, false, &actor())
            .await
            .unwrap_err();
        assert!(error.message.contains(part), "{part}: {error}");
    }
}
}

both! {
async fn a_rule_that_takes_roles_from_many_is_held_though_nobody_loses_access() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    for name in ["amy", "bob", "cat", "dan", "eve", "fay"] {
        world.add_member(staff, world.add_person(name).await).await;
    }
    let connection = world.connect().await;
    let mut draft = world.employees(staff, 1);
    draft.security_roles = vec!["Finance Manager".to_owned(), "User".to_owned()];
    let rule = world.rule(draft.clone()).await.rule.unwrap();
    world.sync_and_approve(connection).await;
    let roles = async || world.by_email("amy@contoso.com").await.unwrap().security_roles;
    assert_eq!(roles().await, ["Finance Manager", "User"]);
    draft.security_roles = vec!["User".to_owned()];
    let change = world
        .engine
        .update_rule(rule.id, draft, None, false, &actor())
        .await
        .unwrap()
        .change;
    assert!(change.held);
    assert_eq!((change.people, change.losses), (6, 6));
    let plan = store::plans::get(world.engine.db(), change.plan_id.unwrap()).await.unwrap().unwrap();
    assert_eq!((plan.roles_lost, plan.counts.losses()), (6, 0));
    let why = plan.hold.unwrap()["message"].as_str().unwrap().to_owned();
    assert!(why.contains("6 people would lose access or a security role"), "{why}");
    assert_eq!(roles().await, ["Finance Manager", "User"]);
    world.approve(change.run_id.unwrap()).await;
    assert_eq!(roles().await, ["User"]);
}
}

both! {
async fn what_people_decide_is_written_down_with_who_it_was() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    world.add_member(staff, world.add_person("amy").await).await;
    let connection = world.connect().await;
    let rule = world.rule(world.employees(staff, 1)).await.rule.unwrap();
    world.sync_and_approve(connection).await;
    world.engine.pause(connection, true, &actor()).await.unwrap();
    world.engine.pause(connection, false, &actor()).await.unwrap();
    world.engine.delete_rule(rule.id, None, false, &actor()).await.unwrap();
    let found = store::journal::scan(world.engine.db(), 0, 1_000).await.unwrap();
    let acts = found.iter().map(|entry| &entry.entry).filter(|entry| entry.record_id.is_none());
    let acts: Vec<(&str, &str)> = acts
        .map(|entry| (entry.action.as_str(), entry.actor.as_deref().unwrap_or_default()))
        .collect();
    let by = actor().name;
    for act in [
        "connection_added",
        "rule_saved",
        "plan_approved",
        "connection_paused",
        "connection_resumed",
        "rule_deleted",
    ] {
        assert!(acts.contains(&(act, by.as_str())), "{act}: {acts:?}");
    }
    assert!(acts.iter().any(|(act, _)| *act == "connection_consented"), "{acts:?}");
    let text = format!("{found:?}");
    assert!(!text.contains(crate::world::SECRET), "no secret in the journal");
}
}

both! {
async fn a_rule_whose_group_was_deleted_can_still_be_disabled() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    world.add_member(staff, world.add_person("amy").await).await;
    let connection = world.connect().await;
    let rule = world.rule(world.employees(staff, 1)).await.rule.unwrap();
    world.sync_and_approve(connection).await;
    let path = format!("groups/{staff}");
    world.write(Method::DELETE, &path, Value::Null).await;
    world.sync(connection, Mode::Full).await;
    assert!(world.by_email("amy@contoso.com").await.unwrap().access);
    let draft = RuleDraft {
        enabled: false,
        ..world.employees(staff, 1)
    };
    let engine = &world.engine;
    let changed = engine.update_rule(rule.id, draft, None, false, &actor()).await.unwrap();
    let saved = changed.rule.unwrap();
    assert!(!saved.enabled && !saved.group_readable);
    assert_eq!(changed.change.losses, 1);
    if let Some(run) = changed.change.run_id.filter(|_| changed.change.held) {
        world.approve(run).await;
    }
    while world.engine.work_once().await.unwrap() {}
    assert!(!world.by_email("amy@contoso.com").await.unwrap().access);
}
}
