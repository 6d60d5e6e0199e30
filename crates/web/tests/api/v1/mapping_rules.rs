//! `/mapping-rules`

use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::World;

const PATH: &str = "/api/v1/mapping-rules";

impl World {
    fn rule(&self, group: Uuid, change: Value) -> Value {
        let mut rule = json!({
            "order": 1, "tenant_id": self.tenant, "group_id": group, "kind": "employee",
            "security_roles": ["User"],
        });
        for (name, value) in change.as_object().unwrap() {
            rule[name] = value.clone();
        }
        rule
    }
}

#[tokio::test]
async fn a_rule_is_saved_with_everything_it_says_and_named_after_its_group() {
    let world = World::new().await;
    let connection = world.connect().await;
    let group = world.add_group("Staff").await;
    let made = world.post(PATH, world.rule(group, json!({}))).await;
    made.is(StatusCode::CREATED);
    let rule = &made.body["rule"];
    for (field, value) in [
        ("name", json!("Staff")),
        ("order", json!(1)),
        ("connection_id", json!(connection)),
        ("tenant_id", json!(world.tenant)),
        ("scope", json!("group")),
        ("group_id", json!(group)),
        ("group_name", json!("Staff")),
        ("kind", json!("employee")),
        ("security_roles", json!(["User"])),
        ("roles_mode", json!("replace")),
        ("account_id", json!(null)),
        ("include_nested", json!(false)),
        ("members", json!("all")),
        ("exclude", json!([])),
        ("enabled", json!(true)),
    ] {
        assert_eq!(rule[field], value, "{field}");
    }
    let id = rule["id"].as_str().unwrap();
    let read = world.get(&format!("{PATH}/{id}")).await;
    assert!(read.header("etag").is_some());
    assert_eq!(read.body["id"], id);
}

#[tokio::test]
async fn a_rule_on_the_assignments_of_the_application_names_no_group() {
    let world = World::new().await;
    world.connect().await;
    let group = world.add_group("Staff").await;
    let scope = json!({ "scope": "assigned", "group_id": null });
    let made = world.post(PATH, world.rule(group, scope)).await;
    made.is(StatusCode::CREATED);
    let rule = &made.body["rule"];
    assert_eq!(rule["scope"], "assigned");
    let name = rule["group_name"].as_str().unwrap();
    assert!(name.starts_with("Users and groups of "), "{name}");
    // A change that does not speak of it leaves it; one that names a group
    // means the group.
    let path = format!("{PATH}/{}", rule["id"].as_str().unwrap());
    let changed = world.patch(&path, json!({ "order": 7 })).await;
    assert_eq!(
        changed.body["rule"]["scope"], "assigned",
        "{}",
        changed.text
    );
    let changed = world.patch(&path, json!({ "group_id": group })).await;
    assert_eq!(changed.body["rule"]["scope"], "group", "{}", changed.text);
}

#[tokio::test]
async fn equal_orders_are_warned_about() {
    let world = World::new().await;
    world.connect().await;
    let (one, two) = (world.add_group("One").await, world.add_group("Two").await);
    let first = world.post(PATH, world.rule(one, json!({}))).await;
    assert_eq!(first.body["warnings"], json!([]));
    let second = world.post(PATH, world.rule(two, json!({}))).await;
    assert_eq!(
        second.is(StatusCode::CREATED).body["warnings"][0]["code"],
        "equal_order"
    );
}

#[tokio::test]
async fn a_plan_is_shown_without_saving_anything() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let group = world.add_group("Sales").await;
    let person = world.add_person("sam").await;
    world.add_member(group, person).await;
    let path = format!("{PATH}?plan_only=true");
    let plan = world
        .send_plan(&path, world.rule(group, json!({ "order": 2 })))
        .await;
    assert_eq!(plan["counts"]["create"], 1, "{plan}");
    let action = &plan["actions"][0];
    assert_eq!(action["action"], "create");
    assert_eq!(action["person"]["email"], "sam@contoso.com");
    assert_eq!(action["person"]["id"], Value::Null);
    assert!(action["reason"].is_string());
    let changes = action["changes"].as_array().unwrap();
    let first = changes
        .iter()
        .find(|change| change["field"] == "first_name")
        .unwrap();
    assert_eq!(
        (&first["old"], &first["new"]),
        (&Value::Null, &json!("sam"))
    );
    assert_eq!(world.get(PATH).await.items().len(), 1);
    assert!(
        world
            .get("/api/v1/employees?username=sam")
            .await
            .items()
            .is_empty()
    );
}

impl World {
    async fn send_plan(&self, path: &str, rule: Value) -> Value {
        let reply = self
            .send(crate::world::call(http::Method::POST, path).json(rule))
            .await;
        assert!(reply.status.is_success(), "{}", reply.text);
        reply.body
    }
}

#[tokio::test]
async fn null_clears_a_name_and_an_account_and_what_is_left_out_stays() {
    let world = World::new().await;
    world.connect().await;
    let group = world.add_group("Staff").await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let rule = json!({
        "name": "Clients", "kind": "contact", "account_id": account,
        "security_roles": ["External User"], "exclude": ["svc-*"],
    });
    let made = world.post(PATH, world.rule(group, rule)).await;
    let path = format!("{PATH}/{}", made.body["rule"]["id"].as_str().unwrap());
    let cleared = world.patch(&path, json!({ "name": null })).await;
    assert_eq!(cleared.is(StatusCode::OK).body["rule"]["name"], "Staff");
    assert_eq!(cleared.body["rule"]["exclude"], json!(["svc-*"]));
    // A contact rule without an account is none.
    let refused = world.patch(&path, json!({ "account_id": null })).await;
    refused.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    let change = json!({ "kind": "employee", "security_roles": ["User"], "account_id": null });
    let changed = world.patch(&path, change).await;
    assert_eq!(changed.is(StatusCode::OK).body["rule"]["kind"], "employee");
}

#[tokio::test]
async fn reordering_gives_orders_in_the_order_named() {
    let world = World::new().await;
    world.connect().await;
    let mut ids = Vec::new();
    for (order, name) in (1..).zip(["One", "Two", "Three"]) {
        let group = world.add_group(name).await;
        let made = world
            .post(PATH, world.rule(group, json!({ "order": order })))
            .await;
        ids.push(made.body["rule"]["id"].as_str().unwrap().to_owned());
    }
    ids.reverse();
    let path = format!("{PATH}/reorder");
    world
        .post(&path, json!({ "ids": ids }))
        .await
        .is(StatusCode::OK);
    assert_eq!(world.get(PATH).await.each("id"), ids);
    let unknown = json!({ "ids": ["00000000-0000-4000-8000-000000000000"] });
    let reply = world.post(&path, unknown).await;
    reply.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
}

#[tokio::test]
async fn deleting_a_rule_takes_access_away_and_keeps_the_record() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let rules = world.get(PATH).await;
    let path = format!("{PATH}/{}", rules.each("id")[0]);
    let deleted = world.delete(&path).await;
    deleted.is(StatusCode::OK);
    world.finished(&deleted.body["run_id"]).await;
    assert!(world.get(PATH).await.items().is_empty());
    let ada = world.get("/api/v1/employees?username=ada").await;
    assert_eq!(ada.items()[0]["access"], "none");
    assert_eq!(ada.items()[0]["status"], "active");
    assert!(ada.items()[0]["access_reason"].is_string());
}

// What people get wrong.

#[tokio::test]
async fn what_a_rule_cannot_be_is_refused_with_the_field_and_saves_nothing() {
    let world = World::new().await;
    world.connect().await;
    let group = world.add_group("Staff").await;
    let person = world.add_person("ada").await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let nobody = "00000000-0000-4000-8000-000000000000";
    let table = [
        (
            "a group of another tenant",
            json!({ "group_id": nobody }),
            "group_id",
        ),
        (
            "no group but a person",
            json!({ "group_id": person }),
            "group_id",
        ),
        (
            "a contact without account",
            json!({ "kind": "contact", "security_roles": ["External User"] }),
            "account_id",
        ),
        (
            "an account that is not there",
            json!({ "kind": "contact", "security_roles": ["External User"], "account_id": nobody }),
            "account_id",
        ),
        (
            "an employee with account",
            json!({ "account_id": account }),
            "account_id",
        ),
        (
            "a contact with an internal role",
            json!({ "kind": "contact", "account_id": account }),
            "User",
        ),
        (
            "an employee with an external role",
            json!({ "security_roles": ["External User"] }),
            "External User",
        ),
        (
            "a role that is not there",
            json!({ "security_roles": ["Nobody"] }),
            "Nobody",
        ),
        ("no role", json!({ "security_roles": [] }), "role"),
        (
            "a tenant without connection",
            json!({ "tenant_id": nobody }),
            "tenant_id",
        ),
        (
            "a group and the assignments too",
            json!({ "scope": "assigned" }),
            "group_id",
        ),
        (
            "assignments with what is inside groups",
            json!({ "scope": "assigned", "group_id": null, "include_nested": true }),
            "include_nested",
        ),
        ("a kind there is not", json!({ "kind": "robot" }), "robot"),
    ];
    for (what, change, named) in table {
        let reply = world.post(PATH, world.rule(group, change)).await;
        reply.is(StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            reply.body["detail"].as_str().unwrap().contains(named),
            "{what}: {}",
            reply.text
        );
    }
    assert!(world.get(PATH).await.items().is_empty());
}

#[tokio::test]
async fn what_a_rule_did_is_shown_and_taken_back() {
    let world = World::new().await;
    world.staffed(&["ada", "sam"]).await;
    let rules = world.get(PATH).await;
    let path = format!("{PATH}/{}", rules.each("id")[0]);
    let shown = world
        .post(&format!("{path}/undo?plan_only=true"), json!({}))
        .await;
    shown.is(StatusCode::OK);
    assert_eq!(shown.body["counts"]["deactivate"], 2, "{}", shown.text);
    let undone = world.post(&format!("{path}/undo"), json!({})).await;
    undone.is(StatusCode::ACCEPTED);
    world.finished(&undone.body["run_id"]).await;
    let people = world.get("/api/v1/employees?status=inactive").await;
    assert_eq!(people.items().len(), 2);
    let left = world
        .post(&format!("{path}/undo?plan_only=true"), json!({}))
        .await;
    assert_eq!(left.body["people"], 0);
    let unknown = "00000000-0000-0000-0000-000000000001";
    let none = world
        .post(&format!("{PATH}/{unknown}/undo"), json!({}))
        .await;
    none.is(StatusCode::NOT_FOUND);
}
