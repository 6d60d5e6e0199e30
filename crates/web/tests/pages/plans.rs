//! `/plans`: what is approved, rejected, and typed wrongly.

use http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_wrong_number_leaves_the_plan_on_the_page_and_approves_nothing() {
    let world = World::new().await;
    let (connection, group) = world.staffed(&["ada", "bob"]).await;
    let none = json!({ "count": 0, "percent": 1.0, "window": "24h" });
    let limits = json!({ "limits": { "deactivate": none, "archive": none, "revoke": none } });
    world
        .patch(&format!("/api/v1/connections/{connection}"), limits)
        .await
        .is(StatusCode::OK);
    let people = world
        .get("/api/v1/employees?username=ada")
        .await
        .items()
        .clone();
    let ada = people[0]["source"]["object_id"].as_str().unwrap();
    world.remove_member(group, ada.parse().unwrap()).await;
    let run = world.sync(&connection).await;
    assert_eq!(run["status"], "held", "{run}");
    let at = format!("/plans/{}", run["plan_id"].as_str().unwrap());
    let root = world.root().await;
    let page = world.page(&root, &at).await;
    page.is(StatusCode::OK);
    // In words: what the fields are called, and why.
    for words in ["Sign-in", "No mapping rule applies to the person any more."] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    for technical in [
        "access reason",
        "no_rule",
        "deactivated by sync",
        "No access:",
    ] {
        assert!(!page.text.contains(technical), "{technical}: {}", page.text);
    }
    let hash = page.text.split("name=\"hash\" value=\"").nth(1).unwrap();
    let hash = hash.split('"').next().unwrap();
    let approve = format!("{at}/approve");
    for typed in ["7", "many", ""] {
        let form = format!("hash={hash}&losses={typed}");
        let refused = world.form(&root, &approve, &form).await;
        refused.is(StatusCode::UNPROCESSABLE_ENTITY);
        let kept = format!("name=\"losses\" value=\"{typed}\"");
        for words in ["not the number you typed", "role=\"alert\"", &kept, "ada"] {
            assert!(refused.text.contains(words), "{words}: {}", refused.text);
        }
    }
    let right = page.text.split(" of access, a role").next().unwrap();
    let right = right.rsplit("<label>").next().unwrap();
    let right = right.split(' ').next().unwrap();
    let form = format!("hash={hash}&losses={right}");
    let approved = world.form(&root, &approve, &form).await;
    approved.is(StatusCode::SEE_OTHER);
    // Somebody else decided it: the page says so, and is still the plan.
    for act in ["approve", "reject"] {
        let late = world.form(&root, &format!("{at}/{act}"), &form).await;
        late.is(StatusCode::CONFLICT);
        for words in ["role=\"alert\"", "ada@contoso.com"] {
            assert!(late.text.contains(words), "{words}: {}", late.text);
        }
    }
}
