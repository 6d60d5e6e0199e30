//! `/departments`, `/locations`, `/job-titles`, `/employment-types`,
//! `/employee-roles`

use http::StatusCode;
use serde_json::json;

use crate::world::World;

const ALL: [(&str, &str); 5] = [
    ("departments", "department"),
    ("locations", "location"),
    ("job-titles", "job_title"),
    ("employment-types", "employment_type"),
    ("employee-roles", "employee_roles"),
];

#[tokio::test]
async fn names_are_made_found_renamed_and_deleted() {
    let world = World::new().await;
    for (list, _) in ALL {
        let path = format!("/api/v1/{list}");
        let id = world.made(&path, json!({ "name": "Lab" })).await;
        let twice = world.post(&path, json!({ "name": "LAB" })).await;
        twice.is_problem(StatusCode::CONFLICT, "name_taken");
        let one = format!("{path}/{id}");
        let renamed = world.patch(&one, json!({ "name": "Laboratory" })).await;
        assert_eq!(renamed.is(StatusCode::OK).body["name"], "Laboratory");
        assert_eq!(
            world.get(&format!("{path}?search=lab")).await.items().len(),
            1,
            "{list}"
        );
        world.delete(&one).await.is(StatusCode::NO_CONTENT);
        world.get(&one).await.is(StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_name_in_use_is_made_by_using_it_and_neither_renamed_nor_deleted() {
    let world = World::new().await;
    for (list, field) in ALL {
        let value = if field.ends_with('s') {
            json!(["Lab"])
        } else {
            json!("Lab")
        };
        let person = json!({ "first_name": "Ada", field: value });
        let person = world.made("/api/v1/employees", person).await;
        let made = world.get(&format!("/api/v1/{list}?search=Lab")).await;
        assert_eq!(made.each("name"), ["Lab"], "{list}");
        let path = format!("/api/v1/{list}/{}", made.each("id")[0]);
        for refused in [
            world.patch(&path, json!({ "name": "X" })).await,
            world.delete(&path).await,
        ] {
            refused.is_problem(StatusCode::CONFLICT, "record_in_use");
            assert_eq!(refused.body["records"][0]["id"], person.as_str(), "{list}");
        }
    }
}
