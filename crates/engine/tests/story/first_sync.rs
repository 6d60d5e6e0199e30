//! A tenant is connected and its people come in.

use engine::{CallbackQuery, Class, Mode};
use http::Method;
use provisioning::ids::RecordId;
use provisioning::psa::{Kind, Record, Status};
use serde_json::{Value, json};
use store::connections::ConnectionStatus;
use store::runs::{RunFilter, RunStatus};

use crate::database::both;
use crate::world::World;

both! {
async fn a_first_sync_waits_for_approval_then_provisions() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    for name in ["amy", "bob", "cleo"] {
        world.add_member(staff, world.add_person(name).await).await;
    }
    world.add_person("outsider").await;
    let connection = world.connect().await;
    world.rule(world.employees(staff, 1)).await;

    let run = world.sync(connection, Mode::Full).await;
    assert_eq!(run.status, RunStatus::Held, "{:?}", run.error);
    assert_eq!(run.counts.total(), 3);
    assert!(world.by_email("amy@contoso.com").await.is_none());

    let run = world.approve(run.id).await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    let amy = world.by_email("amy@contoso.com").await.unwrap();
    assert_eq!(amy.kind, Kind::Employee);
    assert_eq!(amy.username.as_deref(), Some("amy"));
    assert_eq!(amy.job_title.as_deref(), Some("Engineer"));
    assert_eq!(amy.phone.as_deref(), Some("+1 555 0100"));
    assert_eq!(amy.security_roles, ["User"]);
    assert!(amy.access);
    assert!(world.by_email("outsider@contoso.com").await.is_none());

    let again = world.sync(connection, Mode::Full).await;
    assert_eq!(again.status, RunStatus::Done, "{:?}", again.error);
    assert_eq!(again.counts.total(), 0);
}
}

both! {
async fn an_existing_record_is_found_by_email_once_and_keeps_its_id() {
    let world = World::new().await;
    let clients = world.add_group("clients").await;
    let person = world.add_person("dora").await;
    world.add_member(clients, person).await;
    let account = world.account("Fabrikam").await;
    let mut record = Record::blank(RecordId(world.engine.new_id()), Kind::Contact);
    record.email = Some("Dora@CONTOSO.com".to_owned());
    record.first_name = Some("Theodora".to_owned());
    record.account_id = Some(account);
    let id = world.record(record).await;
    let connection = world.connect().await;
    world.rule(world.contacts(clients, 1, account)).await;
    let run = world.sync_and_approve(connection).await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    let dora = world.by_email("dora@contoso.com").await.unwrap();
    assert_eq!(dora.id, id);
    assert_eq!(dora.first_name.as_deref(), Some("dora"));
    assert!(dora.access);

    // Known by object id from now on: a new email is an update.
    let mail = serde_json::json!({"userPrincipalName": "dora.d@contoso.com"});
    world
        .write(http::Method::PATCH, &format!("users/{person}"), mail)
        .await;
    let run = world.sync(connection, Mode::Delta).await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    assert_eq!(
        world.by_id(id).await.email.as_deref(),
        Some("dora.d@contoso.com")
    );
}
}

both! {
async fn an_employee_whose_rule_says_contact_is_archived_and_can_come_back() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    let clients = world.add_group("clients").await;
    let eve = world.add_person("eve").await;
    world.add_member(staff, eve).await;
    let account = world.account("Fabrikam").await;
    let connection = world.connect().await;
    world.rule(world.employees(staff, 2)).await;
    world.rule(world.contacts(clients, 1, account)).await;
    world.sync_and_approve(connection).await;
    let employee = world.by_email("eve@contoso.com").await.unwrap();

    world.add_member(clients, eve).await;
    let run = world.sync(connection, Mode::Delta).await;
    assert_eq!(
        run.status,
        RunStatus::Done,
        "{:?} {:?}",
        run.error,
        run.hold
    );
    let archived = world.by_id(employee.id).await;
    assert_eq!(archived.status, Status::Archived);
    assert_eq!(archived.username.as_deref(), Some("eve_Archived"));
    assert_eq!(archived.email.as_deref(), Some("eve@contoso.com_Archived"));
    assert!(!archived.access);
    let contact = world.by_email("eve@contoso.com").await.unwrap();
    assert_eq!(contact.kind, Kind::Contact);
    assert_eq!(contact.username.as_deref(), Some("eve"));

    world.remove_member(clients, eve).await;
    let run = world.sync(connection, Mode::Delta).await;
    assert_eq!(
        run.status,
        RunStatus::Done,
        "{:?} {:?}",
        run.error,
        run.hold
    );
    let back = world.by_id(employee.id).await;
    assert_eq!(back.status, Status::Active);
    assert_eq!(back.username.as_deref(), Some("eve"));
    assert_eq!(back.email.as_deref(), Some("eve@contoso.com"));
    assert_eq!(world.by_id(contact.id).await.status, Status::Archived);
}
}

both! {
async fn a_callback_from_another_browser_or_twice_is_refused() {
    let world = World::new().await;
    let connection = world.connect().await;
    let url = world.engine.connect(connection, "mine").await.unwrap();
    let state = url
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    let query = || CallbackQuery {
        code: Some("x".to_owned()),
        state: Some(state.clone()),
        ..CallbackQuery::default()
    };
    let error = world
        .engine
        .callback(query(), Some("theirs"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code, error.class),
        ("other_browser", Class::Forbidden)
    );
    let error = world
        .engine
        .callback(query(), Some("mine"))
        .await
        .unwrap_err();
    assert_eq!(error.code, "unknown_state");
    let kept = store::connections::get(world.engine.db(), connection)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.health.status, ConnectionStatus::Connected);
}
}

both! {
async fn a_first_sync_that_fails_is_tried_again_by_itself() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    world.add_member(staff, world.add_person("amy").await).await;
    world.connect().await;
    let fault = json!({
        "match": {"path": "/v1.0/groups/*/members/*"}, "effect": {"status": 400}, "times": 50,
    });
    world.control(Method::POST, "faults", fault).await;
    let first = world.rule(world.employees(staff, 1)).await.change.run_id.unwrap();
    let db = world.engine.db();
    let failed = store::runs::get(db, first).await.unwrap().unwrap();
    assert_eq!(failed.status, RunStatus::Failed, "{:?}", failed.error);
    world.control(Method::DELETE, "faults", Value::Null).await;
    let filter = RunFilter { status: Some(RunStatus::Held), ..RunFilter::default() };
    for _ in 0..200 {
        // A round of the worker's own; nobody has asked for anything.
        if !world.engine.work_once().await.unwrap_or(false) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        if let Some(run) = store::runs::list(db, &filter, None, 1).await.unwrap().pop() {
            assert_eq!(run.counts.total(), 1);
            let run = world.approve(run.id).await;
            assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
            return;
        }
    }
    panic!("nobody tries again");
}
}
