//! `/employee-defaults` and `/field-policies`

use http::StatusCode;
use serde_json::json;

use crate::world::World;

const PATH: &str = "/api/v1/employee-defaults";

#[tokio::test]
async fn defaults_are_put_whole_and_make_the_names_they_use() {
    let world = World::new().await;
    let root = world.get("/api/v1/employees?username=root").await;
    let defaults = json!({
        "department": "Service", "location": "Berlin", "manager_id": root.each("id")[0],
        "job_title": "Engineer", "employment_type": "Full Time", "security_role": "User",
        "employee_role": "Technician",
    });
    let put = world.put(PATH, defaults.clone()).await;
    put.is(StatusCode::OK);
    assert_eq!(world.get(PATH).await.body, defaults);
    let made = world.get("/api/v1/departments").await;
    assert_eq!(made.each("name"), ["Service"]);
    world.put(PATH, json!({})).await.is(StatusCode::OK);
    assert_eq!(world.get(PATH).await.body["department"], json!(null));
}

#[tokio::test]
async fn a_default_that_cannot_be_is_refused() {
    let world = World::new().await;
    let nobody = "00000000-0000-4000-8000-000000000000";
    for (body, code) in [
        (json!({ "security_role": "External User" }), "validation"),
        (json!({ "security_role": "Nobody" }), "validation"),
        (json!({ "manager_id": nobody }), "validation"),
        (json!({ "shoe_size": 43 }), "unknown_field"),
    ] {
        let reply = world.put(PATH, body).await;
        reply.is_problem(StatusCode::UNPROCESSABLE_ENTITY, code);
    }
}

#[tokio::test]
async fn field_policies_are_read_changed_and_put_back() {
    let world = World::new().await;
    let path = "/api/v1/field-policies";
    let policies = world.get(path).await;
    policies.is(StatusCode::OK);
    let mut changed = policies.body.clone();
    let title = &mut changed["employee"]["job_title"];
    assert_eq!(title["policy"], "source", "{}", policies.text);
    title["policy"] = json!("keep_local");
    title["blank_clears"] = json!(true);
    world.put(path, changed.clone()).await.is(StatusCode::OK);
    assert_eq!(world.get(path).await.body, changed);
    let odd = json!({ "employee": { "job_title": { "policy": "sometimes" } } });
    world
        .put(path, odd)
        .await
        .is(StatusCode::UNPROCESSABLE_ENTITY);
    let odd = json!({ "employee": { "shoe_size": { "policy": "source" } } });
    world
        .put(path, odd)
        .await
        .is(StatusCode::UNPROCESSABLE_ENTITY);
}
