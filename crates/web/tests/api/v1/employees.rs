//! `/employees` and `/contacts`

use http::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_synced_employee_shows_where_everything_is_from() {
    let world = World::new().await;
    let (connection, _) = world.staffed(&["ada"]).await;
    let list = world.get("/api/v1/employees?email=ADA@contoso.com").await;
    let ada = &list.items()[0];
    for (field, value) in [
        ("username", json!("ada")),
        ("first_name", json!("ada")),
        ("last_name", json!("Tester")),
        ("email", json!("ada@contoso.com")),
        ("phone", json!("+1 555 0100")),
        ("job_title", json!("Engineer")),
        ("security_roles", json!(["User"])),
        ("status", json!("active")),
        ("access", json!("granted")),
        ("access_reason", json!(null)),
        ("is_root", json!(false)),
        ("local_edits", json!([])),
    ] {
        assert_eq!(ada[field], value, "{field}");
    }
    let source = &ada["source"];
    assert_eq!(source["tenant_id"], json!(world.tenant));
    for field in ["object_id", "rule_id", "last_changed", "last_applied"] {
        assert!(source[field].is_string(), "{field}: {source}");
    }
    assert!(ada["created_at"].as_str().unwrap().ends_with('Z'));
    let path = format!("/api/v1/employees/{}", ada["id"].as_str().unwrap());
    let why = world.get(&format!("{path}/why")).await;
    assert!(why.body["winner"].is_object(), "{}", why.text);
    assert_eq!(why.body["fields"]["job_title"]["value"], "Engineer");
    assert_eq!(why.body["fields"]["job_title"]["from"], "directory");
    for part in ["losers", "group_path", "access", "what_if"] {
        assert!(!why.body[part].is_null(), "{part}");
    }
    let timeline = world.get(&format!("{path}/timeline")).await;
    let entry = &timeline.items()[0];
    assert_eq!(entry["origin"], "directory");
    assert_eq!(entry["action"], "create");
    for part in ["at", "reason", "run_id"] {
        assert!(entry[part].is_string(), "{part}: {entry}");
    }
    assert!(entry["changes"].as_array().unwrap().len() > 3);
    let all = world
        .get(&format!("/api/v1/employees?tenant_id={}", world.tenant))
        .await;
    assert_eq!(all.items().len(), 1);
    assert!(
        world
            .get(&format!("/api/v1/connections/{connection}"))
            .await
            .status
            .is_success()
    );
}

#[tokio::test]
async fn a_local_edit_is_marked_stands_and_goes_with_reapply() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let list = world.get("/api/v1/employees?username=ada").await;
    let path = format!("/api/v1/employees/{}", list.each("id")[0]);
    let edited = world
        .patch(&path, json!({ "job_title": "Boss", "phone": null }))
        .await;
    assert_eq!(
        edited.is(StatusCode::OK).body["local_edits"],
        json!(["phone", "job_title"])
    );
    for (action, title) in [("resync", "Boss"), ("reapply", "Engineer")] {
        let call = crate::world::call(http::Method::POST, &format!("{path}/{action}"));
        let reply = world.send(call).await;
        reply.is(StatusCode::ACCEPTED);
        world.finished(&reply.body["run_id"]).await;
        assert_eq!(world.get(&path).await.body["job_title"], title, "{action}");
    }
    assert_eq!(world.get(&path).await.body["local_edits"], json!([]));
    let timeline = world.get(&format!("{path}/timeline")).await;
    let entries = timeline.items();
    assert_eq!(entries[0]["origin"], "directory");
    let by_api = entries
        .iter()
        .find(|entry| entry["origin"] == "api")
        .unwrap();
    assert_eq!(by_api["actor"], "first start");
    let change = &by_api["changes"].as_array().unwrap()[0];
    assert!(change["field"].is_string() && change.get("old").is_some());
}

#[tokio::test]
async fn a_pinned_person_says_why() {
    let world = World::new().await;
    let id = world
        .made("/api/v1/employees", json!({ "first_name": "Ada" }))
        .await;
    let path = format!("/api/v1/employees/{id}/pin");
    let pinned = world
        .post(&path, json!({ "pinned": true, "reason": "on leave" }))
        .await;
    assert_eq!(pinned.is(StatusCode::OK).body["pinned"], true);
    assert_eq!(pinned.body["pin_reason"], "on leave");
    let loose = world.post(&path, json!({ "pinned": false })).await;
    assert_eq!(loose.body["pin_reason"], Value::Null);
}

#[tokio::test]
async fn a_contact_has_typed_rows_and_a_default_of_each() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let new = json!({
        "first_name": "Max", "username": "max", "account_id": account,
        "security_roles": ["External User"], "is_poc": true, "receive_invoices": true,
        "emails": [
            { "address": "max@home.example", "type": "Personal" },
            { "address": "max@northwind.example", "type": "Business", "is_default": true },
        ],
        "phones": [
            { "number": "+1 555 0100", "type": "Business", "is_default": true },
            { "number": "+1 555 0101", "type": "Fax" },
        ],
    });
    let made = world.post("/api/v1/contacts", new).await;
    made.is(StatusCode::CREATED);
    assert_eq!(made.body["email"], "max@northwind.example");
    assert_eq!(made.body["has_client_portal_access"], true);
    assert_eq!(made.body["account_id"], account.as_str());
    assert_eq!(made.body["is_poc"], true);
    assert_eq!(made.body["receive_invoices"], true);
    let emails = made.body["emails"].as_array().unwrap();
    assert_eq!(emails.len(), 2);
    assert_eq!(emails[0]["is_default"], true);
    assert_eq!(made.body["phones"][1]["type"], "Fax");
    let filters = [
        "is_poc=true",
        "has_client_portal_access=true",
        "email=max@northwind.example",
    ];
    for filter in filters {
        let found = world.get(&format!("/api/v1/contacts?{filter}")).await;
        assert_eq!(found.items().len(), 1, "{filter}");
    }
    let foreign = world
        .get(&format!(
            "/api/v1/employees/{}",
            made.body["id"].as_str().unwrap()
        ))
        .await;
    foreign.is_problem(StatusCode::NOT_FOUND, "not_found");
}

#[tokio::test]
async fn what_a_person_cannot_be_is_refused() {
    let world = World::new().await;
    world
        .made(
            "/api/v1/employees",
            json!({ "first_name": "Sam", "username": "sam" }),
        )
        .await;
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let table = [
        (json!({}), unprocessable, "validation"),
        (
            json!({ "first_name": "A", "email": "no address" }),
            unprocessable,
            "validation",
        ),
        (
            json!({ "first_name": "A", "email": "a@b@c.example" }),
            unprocessable,
            "validation",
        ),
        (
            json!({ "first_name": "A\u{7}" }),
            unprocessable,
            "validation",
        ),
        (
            json!({ "first_name": "A", "username": "SAM" }),
            StatusCode::CONFLICT,
            "username_taken",
        ),
        (
            json!({ "first_name": "A", "username": "admin" }),
            unprocessable,
            "username_reserved",
        ),
        (
            json!({ "first_name": "A", "security_roles": ["External User"] }),
            unprocessable,
            "validation",
        ),
        (
            json!({ "first_name": "A", "account_id": null }),
            unprocessable,
            "unknown_field",
        ),
        (
            json!({ "first_name": "A", "id": "x" }),
            unprocessable,
            "unknown_field",
        ),
        (
            json!({ "first_name": "A", "status": "archived" }),
            unprocessable,
            "validation",
        ),
    ];
    for (body, status, code) in table {
        let reply = world.post("/api/v1/employees", body.clone()).await;
        assert_eq!(
            (reply.status, reply.body["code"].as_str()),
            (status, Some(code)),
            "{body}"
        );
    }
    assert_eq!(
        world.get("/api/v1/employees").await.items().len(),
        2,
        "root and Sam"
    );
}

#[tokio::test]
async fn root_and_the_last_administrator_are_protected() {
    let world = World::new().await;
    let root = world.get("/api/v1/employees?username=root").await;
    assert_eq!(root.items()[0]["is_root"], true);
    let path = format!("/api/v1/employees/{}", root.each("id")[0]);
    for body in [
        json!({ "status": "inactive" }),
        json!({ "access": "none" }),
        json!({ "security_roles": ["User"] }),
    ] {
        world
            .patch(&path, body)
            .await
            .is_problem(StatusCode::CONFLICT, "protected");
    }
    world
        .delete(&path)
        .await
        .is_problem(StatusCode::CONFLICT, "protected");
}

#[tokio::test]
async fn a_person_in_use_is_not_deleted_and_the_answer_says_by_what() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let max = json!({ "first_name": "Max", "account_id": account });
    let max = world.made("/api/v1/contacts", max).await;
    let ticket = json!({ "title": "Printer", "contact_id": max });
    let ticket = world.made("/api/v1/tickets", ticket).await;
    let path = format!("/api/v1/contacts/{max}");
    let refused = world.delete(&path).await;
    refused.is_problem(StatusCode::CONFLICT, "record_in_use");
    assert_eq!(refused.body["records"][0]["kind"], "ticket");
    assert_eq!(refused.body["records"][0]["id"], ticket.as_str());
    let account = world.delete(&format!("/api/v1/accounts/{account}")).await;
    account.is_problem(StatusCode::CONFLICT, "record_in_use");
    assert_eq!(account.body["records"][0]["kind"], "contact");
    world
        .delete(&format!("/api/v1/tickets/{ticket}"))
        .await
        .is(StatusCode::NO_CONTENT);
    world.delete(&path).await.is(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn whom_the_directory_keeps_is_not_deleted() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let ada = world.get("/api/v1/employees?username=ada").await;
    let reply = world
        .delete(&format!("/api/v1/employees/{}", ada.each("id")[0]))
        .await;
    reply.is_problem(StatusCode::CONFLICT, "linked_to_directory");
    assert!(reply.body["cure"].is_string());
}

#[tokio::test]
async fn a_password_has_twelve_characters() {
    let world = World::new().await;
    let id = world
        .made("/api/v1/employees", json!({ "first_name": "Ada" }))
        .await;
    let path = format!("/api/v1/employees/{id}/password");
    let short = world.put(&path, json!({ "password": "elevenchars" })).await;
    short.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    assert!(short.body["detail"].as_str().unwrap().contains("12"));
    world
        .put(&path, json!({ "password": "twelve chars" }))
        .await
        .is(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn lists_are_sorted_as_asked() {
    let world = World::new().await;
    for (first, last) in [("Bo", "Zett"), ("Cy", "Alpha"), ("Al", "Mid")] {
        world
            .made(
                "/api/v1/employees",
                json!({ "first_name": first, "last_name": last }),
            )
            .await;
    }
    let names = async |query: &str| {
        let list = world.get(&format!("/api/v1/employees{query}")).await;
        let names = list
            .each("first_name")
            .into_iter()
            .filter(|name| *name != "Root");
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["Cy", "Al", "Bo"]);
    assert_eq!(names("?sort=-name").await, ["Bo", "Al", "Cy"]);
    assert_eq!(names("?sort=created_at").await, ["Bo", "Cy", "Al"]);
    let odd = world.get("/api/v1/employees?sort=shoe_size").await;
    odd.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
}

#[tokio::test]
async fn a_list_is_exported_as_csv_with_its_filters() {
    let world = World::new().await;
    for (first, title) in [
        ("Ada", "Engineer"),
        ("Bo", "=HYPERLINK(1)"),
        ("Cy", "Engineer"),
    ] {
        let new = json!({ "first_name": first, "job_title": title, "phone": "+1 555 0100" });
        world.made("/api/v1/employees", new).await;
    }
    let all = world.get("/api/v1/employees/export").await;
    all.is(StatusCode::OK);
    assert_eq!(all.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(
        all.header("content-disposition")
            .unwrap()
            .contains("employees.csv")
    );
    let lines: Vec<&str> = all.text.lines().collect();
    assert!(
        lines[0].starts_with("id,username,first_name"),
        "{}",
        lines[0]
    );
    assert_eq!(lines.len(), 5, "head, root and three");
    assert!(all.text.contains(",'=HYPERLINK(1),") && all.text.contains(",+1 555 0100,"));
    let some = world
        .get("/api/v1/employees/export?job_title=Engineer&sort=-name")
        .await;
    assert_eq!(some.text.lines().count(), 3);
    let contacts = world.get("/api/v1/contacts/export").await;
    assert!(
        contacts.text.starts_with("id,account_id,"),
        "{}",
        contacts.text
    );
    let odd = world.get("/api/v1/employees/export?shoe_size=1").await;
    odd.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "unknown_field");
}

#[tokio::test]
async fn what_was_done_to_a_person_is_shown_and_taken_back() {
    let world = World::new().await;
    world.staffed(&["ada", "sam"]).await;
    let list = world.get("/api/v1/employees?username=ada").await;
    let path = format!("/api/v1/employees/{}", list.each("id")[0]);
    let shown = world
        .post(&format!("{path}/undo?plan_only=true"), json!({}))
        .await;
    shown.is(StatusCode::OK);
    assert_eq!(
        (&shown.body["people"], &shown.body["conflicts"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(world.get(&path).await.body["status"], "active");
    let undone = world.post(&format!("{path}/undo"), json!({})).await;
    undone.is(StatusCode::ACCEPTED);
    world.finished(&undone.body["run_id"]).await;
    let ada = world.get(&path).await.body;
    assert_eq!(
        (&ada["status"], &ada["suppressed"]),
        (&json!("inactive"), &json!(true))
    );
    let sam = world.get("/api/v1/employees?username=sam").await;
    assert_eq!(sam.items()[0]["status"], "active");

    let again = world.post(&format!("{path}/undo"), json!({})).await;
    again.is_problem(StatusCode::CONFLICT, "already_undone");
    let run = undone.body["run_id"].as_str().unwrap();
    let redone = world
        .post(&format!("{path}/undo?run_id={run}"), json!({}))
        .await;
    redone.is(StatusCode::ACCEPTED);
    world.finished(&redone.body["run_id"]).await;
    assert_eq!(world.get(&path).await.body["status"], "active");
    let odd = world
        .post(&format!("{path}/undo?run_id=yesterday"), json!({}))
        .await;
    odd.is(StatusCode::UNPROCESSABLE_ENTITY);
    let unknown = "00000000-0000-0000-0000-000000000001";
    let nobody = world
        .post(&format!("/api/v1/employees/{unknown}/undo"), json!({}))
        .await;
    nobody.is(StatusCode::NOT_FOUND);
}
