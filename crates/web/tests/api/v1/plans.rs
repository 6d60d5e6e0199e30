//! `/plans`: shown, approved by hash, rejected.

use http::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

impl World {
    /// A first sync that waits for approval: its run and plan.
    async fn held(&self) -> (Value, Value) {
        let connection = self.connect().await;
        let group = self.add_group("Staff").await;
        let ada = self.add_person("ada").await;
        self.add_member(group, ada).await;
        self.employees_of(group).await;
        let run = self.sync(&connection).await;
        assert_eq!(run["status"], "held", "{run}");
        let plan = self.plan(&run).await;
        (run, plan)
    }

    async fn plan(&self, run: &Value) -> Value {
        let id = run["plan_id"].as_str().expect("a plan");
        let plan = self.get(&format!("/api/v1/plans/{id}")).await;
        plan.is(StatusCode::OK);
        plan.body
    }
}

#[tokio::test]
async fn the_first_sync_waits_shows_everybody_and_is_applied_on_approval() {
    let world = World::with(|options| options.auto_approve_first = false).await;
    let (run, plan) = world.held().await;
    assert_eq!(plan["status"], "held");
    assert_eq!(plan["counts"]["create"], 1);
    for kind in [
        "create",
        "adopt",
        "update",
        "archive",
        "restore",
        "deactivate",
        "reactivate",
        "revoke",
        "grant",
        "link",
        "review",
    ] {
        assert!(plan["counts"][kind].is_u64(), "{kind}: {plan}");
    }
    let person = &plan["actions"][0]["person"];
    for field in [
        "kind",
        "id",
        "name",
        "email",
        "username",
        "tenant_id",
        "object_id",
    ] {
        assert!(person.as_object().unwrap().contains_key(field), "{field}");
    }
    assert!(
        world
            .get("/api/v1/employees?username=ada")
            .await
            .items()
            .is_empty()
    );
    let path = format!("/api/v1/plans/{}", plan["id"].as_str().unwrap());
    let wrong = world
        .post(&format!("{path}/approve"), json!({ "hash": "0000" }))
        .await;
    wrong.is_problem(StatusCode::CONFLICT, "plan_changed");
    assert_eq!(wrong.body["plan"]["hash"], plan["hash"], "{}", wrong.text);
    let approved = world
        .post(&format!("{path}/approve"), json!({ "hash": plan["hash"] }))
        .await;
    approved.is(StatusCode::ACCEPTED);
    assert_eq!(approved.body["run_id"], run["id"]);
    world.applied(&run["id"]).await;
    let ada = world.get("/api/v1/employees?username=ada").await;
    assert_eq!(ada.items().len(), 1);
}

impl World {
    /// Works until an approved run is over.
    async fn applied(&self, run: &Value) {
        let path = format!("/api/v1/sync-runs/{}", run.as_str().unwrap());
        for _ in 0..300 {
            let run = self.get(&path).await;
            if run.body["status"] == "done" {
                return;
            }
            if !self.engine.work_once().await.unwrap() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
        panic!("the run never ended");
    }
}

#[tokio::test]
async fn when_the_world_moved_the_new_plan_is_shown_instead() {
    let world = World::with(|options| options.auto_approve_first = false).await;
    let (run, plan) = world.held().await;
    let same = json!({ "first_name": "Ada", "email": "ada@contoso.com" });
    world.made("/api/v1/employees", same).await;
    let approve = |plan: &Value| format!("/api/v1/plans/{}/approve", plan["id"].as_str().unwrap());
    let moved = world
        .post(&approve(&plan), json!({ "hash": plan["hash"] }))
        .await;
    moved.is_problem(StatusCode::CONFLICT, "plan_changed");
    let fresh = &moved.body["plan"];
    assert_eq!(fresh["counts"]["create"], 0, "{}", moved.text);
    assert_eq!(fresh["counts"]["adopt"], 1, "{}", moved.text);
    let approved = world
        .post(&approve(fresh), json!({ "hash": fresh["hash"] }))
        .await;
    approved.is(StatusCode::ACCEPTED);
    world.applied(&run["id"]).await;
    assert_eq!(
        world
            .get("/api/v1/employees?email=ada@contoso.com")
            .await
            .items()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_rejected_plan_does_nothing_and_its_run_says_so() {
    let world = World::with(|options| options.auto_approve_first = false).await;
    let (run, plan) = world.held().await;
    let path = format!("/api/v1/plans/{}/reject", plan["id"].as_str().unwrap());
    let reply = world
        .send(crate::world::call(http::Method::POST, &path))
        .await;
    assert!(reply.status.is_success(), "{}", reply.text);
    let run = world
        .get(&format!(
            "/api/v1/sync-runs/{}",
            run["id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(run.body["status"], "rejected");
    assert!(
        world
            .get("/api/v1/employees?username=ada")
            .await
            .items()
            .is_empty()
    );
}
