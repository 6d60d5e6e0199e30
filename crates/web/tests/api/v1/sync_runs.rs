//! `/sync-runs`

use http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_run_says_what_it_did_and_what_it_cost() {
    let world = World::new().await;
    let (connection, _) = world.staffed(&["ada", "sam"]).await;
    let runs = world
        .get(&format!(
            "/api/v1/sync-runs?connection_id={connection}&status=done"
        ))
        .await;
    let run = runs
        .items()
        .iter()
        .find(|run| run["counts"]["create"] == 2)
        .expect("the first run");
    assert!(run["plan_id"].is_string());
    assert!(run["started_at"].is_string() && run["finished_at"].is_string());
    assert!(run["requests"].as_u64().unwrap() > 0);
    let path = format!("/api/v1/sync-runs/{}/actions", run["id"].as_str().unwrap());
    let mut names = Vec::new();
    for item in world.get(&path).await.items() {
        assert_eq!(item["action"], "create");
        assert_eq!(item["kind"], "employee");
        assert!(item["person"]["id"].is_string(), "it was made: {item}");
        names.push(item["person"]["username"].as_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["ada", "sam"]);
    let one = world.get(&format!("{path}?limit=1")).await;
    assert_eq!(one.items().len(), 1);
    let next = one.body["next"].as_str().unwrap();
    assert_eq!(
        world
            .get(&format!("{path}?after={next}"))
            .await
            .items()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_connection_nobody_consented_to_does_not_sync() {
    let world = World::new().await;
    let id = world
        .made("/api/v1/connections", World::connection(json!({})))
        .await;
    let path = format!("/api/v1/connections/{id}/sync");
    let reply = world.post(&path, json!({})).await;
    reply.is(StatusCode::CONFLICT);
    assert!(reply.body["cure"].is_string(), "{}", reply.text);
    let odd = world.post(&path, json!({ "mode": "sideways" })).await;
    odd.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
}

#[tokio::test]
async fn a_run_is_taken_back_once_and_its_plan_is_shown_first() {
    let world = World::new().await;
    let (connection, _) = world.staffed(&["ada", "sam"]).await;
    let runs = world
        .get(&format!(
            "/api/v1/sync-runs?connection_id={connection}&status=done"
        ))
        .await;
    let run = runs
        .items()
        .iter()
        .find(|run| run["counts"]["create"] == 2)
        .expect("the first run");
    let path = format!("/api/v1/sync-runs/{}", run["id"].as_str().unwrap());
    let shown = world
        .post(&format!("{path}/undo?plan_only=true"), json!({}))
        .await;
    shown.is(StatusCode::OK);
    assert_eq!(shown.body["counts"]["deactivate"], 2, "{}", shown.text);
    assert_eq!(shown.body["conflicts"], 0);
    assert_eq!(world.get(&path).await.body["status"], "done");

    let undone = world.post(&format!("{path}/undo"), json!({})).await;
    undone.is(StatusCode::ACCEPTED);
    let undo = undone.body["run_id"].as_str().unwrap().parse().unwrap();
    world
        .engine
        .run_to_end(provisioning::ids::RunId(undo))
        .await
        .unwrap();
    assert_eq!(world.get(&path).await.body["status"], "undone");
    let undo = world.get(&format!("/api/v1/sync-runs/{undo}")).await;
    assert_eq!(undo.body["status"], "done");
    assert_eq!(undo.body["undo_of"], run["id"]);
    let people = world.get("/api/v1/employees?status=inactive").await;
    assert_eq!(people.items().len(), 2);
    assert!(people.items().iter().all(|one| one["suppressed"] == true));
    let again = world.post(&format!("{path}/undo"), json!({})).await;
    again.is_problem(StatusCode::CONFLICT, "already_undone");
}
