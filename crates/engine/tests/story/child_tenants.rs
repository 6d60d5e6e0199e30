//! People of child tenants seen through the parent: guests, and who is assigned
//! to the enterprise application under *Users and groups*.

use engine::{Mode, RuleDraft, RuleScope};
use http::Method;
use provisioning::mapping_rule::ScopeKind;
use provisioning::psa::{Kind, Status};
use serde_json::{Value, json};
use store::runs::RunStatus;
use uuid::Uuid;

use crate::database::both;
use crate::world::{APPLICATION, World, actor};

impl World {
    async fn invite(&self, email: &str) -> Uuid {
        let body = json!({
            "invitedUserEmailAddress": email, "inviteRedirectUrl": "https://rollcall.example/",
        });
        let made = self.write(Method::POST, "invitations", body).await;
        made["invitedUser"]["id"].as_str().unwrap().parse().unwrap()
    }

    /// Where the parent's administrator assigns people and groups.
    async fn application(&self) -> String {
        let path = format!("servicePrincipals(appId='{APPLICATION}')");
        let found = self.write(Method::GET, &path, Value::Null).await;
        found["id"].as_str().unwrap().to_owned()
    }

    async fn assign(&self, application: &str, who: Uuid) -> String {
        let path = format!("servicePrincipals/{application}/appRoleAssignedTo");
        let body =
            json!({ "principalId": who, "resourceId": application, "appRoleId": Uuid::nil() });
        let made = self.write(Method::POST, &path, body).await;
        made["id"].as_str().unwrap().to_owned()
    }

    async fn unassign(&self, application: &str, assignment: &str) {
        let path = format!("servicePrincipals/{application}/appRoleAssignedTo/{assignment}");
        self.write(Method::DELETE, &path, Value::Null).await;
    }

    async fn has_access(&self, email: &str) -> bool {
        self.by_email(email)
            .await
            .is_some_and(|record| record.access)
    }
}

/// Everybody who is assigned becomes a contact of the child's account.
fn assigned(draft: RuleDraft) -> RuleDraft {
    RuleDraft {
        scope: RuleScope::Assigned,
        ..draft
    }
}

both! {
async fn guests_of_a_child_tenant_are_provisioned_through_the_parents_group() {
    let world = World::new().await;
    let clients = world.add_group("fabrikam people").await;
    let guest = world.invite("gil@fabrikam.example").await;
    world.add_member(clients, guest).await;
    let connection = world.connect().await;
    let account = world.account("Fabrikam").await;
    world.rule(world.contacts(clients, 1, account)).await;
    world.sync_and_approve(connection).await;
    let gil = world.by_email("gil@fabrikam.example").await.unwrap();
    assert_eq!((gil.kind, gil.account_id, gil.access), (Kind::Contact, Some(account), true));
}
}

both! {
async fn who_is_assigned_is_provisioned_and_followed() {
    let world = World::new().await;
    let (team, inner) = (world.add_group("team").await, world.add_group("inner").await);
    let (direct, member) = (
        world.invite("dora@fabrikam.example").await,
        world.invite("mo@fabrikam.example").await,
    );
    let below = world.invite("ned@fabrikam.example").await;
    world.invite("nobody@fabrikam.example").await;
    world.add_member(team, member).await;
    world.add_member(team, inner).await;
    world.add_member(inner, below).await;
    let connection = world.connect().await;
    let application = world.application().await;
    let of_dora = world.assign(&application, direct).await;
    let of_team = world.assign(&application, team).await;
    let account = world.account("Fabrikam").await;
    let made = world.rule(assigned(world.contacts(team, 1, account))).await;
    let rule = made.rule.unwrap();
    assert_eq!(rule.scope, ScopeKind::Assigned);
    assert_eq!(rule.group_id.0.to_string(), application);
    world.sync_and_approve(connection).await;
    assert!(world.has_access("dora@fabrikam.example").await);
    assert!(world.has_access("mo@fabrikam.example").await);
    // Microsoft counts direct members of an assigned group only.
    assert!(world.by_email("ned@fabrikam.example").await.is_none());
    assert!(world.by_email("nobody@fabrikam.example").await.is_none());

    // A change of assignments is found by the next round, a change in an
    // assigned group by the feed of groups.
    let late = world.invite("lea@fabrikam.example").await;
    world.assign(&application, late).await;
    let joined = world.invite("joe@fabrikam.example").await;
    world.add_member(team, joined).await;
    world.unassign(&application, &of_dora).await;
    let run = world.sync(connection, Mode::Delta).await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    assert!(world.has_access("lea@fabrikam.example").await);
    assert!(world.has_access("joe@fabrikam.example").await);
    let dora = world.by_email("dora@fabrikam.example").await.unwrap();
    assert_eq!((dora.access, dora.status), (false, Status::Active));

    // The group's people go with the group's assignment.
    world.unassign(&application, &of_team).await;
    let run = world.sync(connection, Mode::Delta).await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
    assert!(!world.has_access("mo@fabrikam.example").await);
    assert!(!world.has_access("joe@fabrikam.example").await);
    assert!(world.has_access("lea@fabrikam.example").await);
    // And a full read agrees with what the rounds made of it.
    let run = world.sync(connection, Mode::Full).await;
    assert_eq!((run.status, run.counts.total()), (RunStatus::Done, 0), "{:?}", run.error);
}
}

both! {
async fn assignment_alone_gives_nothing() {
    let world = World::new().await;
    let staff = world.add_group("staff").await;
    world.add_member(staff, world.add_person("amy").await).await;
    let connection = world.connect().await;
    let application = world.application().await;
    let guest = world.invite("gil@fabrikam.example").await;
    world.assign(&application, guest).await;
    world.rule(world.employees(staff, 1)).await;
    world.sync_and_approve(connection).await;
    assert!(world.has_access("amy@contoso.com").await);
    assert!(world.by_email("gil@fabrikam.example").await.is_none());
    // Until a rule says what it means; then it is undone with the rule.
    let account = world.account("Fabrikam").await;
    let made = world.rule(assigned(world.contacts(staff, 2, account))).await;
    assert!(world.has_access("gil@fabrikam.example").await);
    let rule = made.rule.unwrap().id;
    let gone = world.engine.delete_rule(rule, None, false, &actor()).await.unwrap();
    world.engine.run_to_end(gone.change.run_id.unwrap()).await.unwrap();
    assert!(!world.has_access("gil@fabrikam.example").await);
}
}

both! {
async fn a_list_of_assignments_that_names_nobody_is_doubted_first() {
    let world = World::new().await;
    let group = world.add_group("unused").await;
    let guest = world.invite("gil@fabrikam.example").await;
    let connection = world.connect().await;
    let application = world.application().await;
    let of_gil = world.assign(&application, guest).await;
    let account = world.account("Fabrikam").await;
    world.rule(assigned(world.contacts(group, 1, account))).await;
    world.sync_and_approve(connection).await;

    // Graph answers with nobody, wrongly: each time by the list, never by the
    // read of another kind.
    let path = format!("/v1.0/servicePrincipals/{application}/appRoleAssignedTo");
    let empty = json!({
        "match": {"path": path}, "times": 1_000,
        "effect": {"status": 200, "body": {"value": []}},
    });
    world.control(Method::POST, "faults", empty).await;
    world.sync(connection, Mode::Delta).await;
    world.sync(connection, Mode::Delta).await;
    assert!(world.has_access("gil@fabrikam.example").await);
    world.control(Method::DELETE, "faults", Value::Null).await;
    // A list that cannot be read says nothing at all.
    let forbidden = json!({
        "match": {"path": path}, "times": 1_000,
        "effect": {"status": 403, "body": {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}}},
    });
    world.control(Method::POST, "faults", forbidden).await;
    let run = world.sync(connection, Mode::Delta).await;
    assert_eq!(run.status, RunStatus::Failed);
    assert!(world.has_access("gil@fabrikam.example").await);

    world.control(Method::DELETE, "faults", Value::Null).await;
    world.unassign(&application, &of_gil).await;
    world.sync(connection, Mode::Delta).await;
    world.sync(connection, Mode::Delta).await;
    assert!(!world.has_access("gil@fabrikam.example").await, "both reads agree");
}
}
