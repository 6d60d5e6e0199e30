//! Home and `/runs`: what waits, what was done, and finding a run.

use http::StatusCode;

use crate::world::{Reply, World};

fn shows(page: &Reply, what: &[&str]) {
    page.is(StatusCode::OK);
    for text in what {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
}

#[tokio::test]
async fn runs_are_filtered_by_state_and_tenant() {
    let world = World::new().await;
    let (connection, _) = world.staffed(&["ada", "bob"]).await;
    let root = world.root().await;
    shows(
        &world.page(&root, "/runs").await,
        &[
            "Contoso",
            "2 created",
            ">done</span>",
            "rules or defaults were saved",
        ],
    );
    let done = format!("/runs?status=done&tenant={connection}");
    shows(&world.page(&root, &done).await, &["2 created"]);
    let failed = world.page(&root, "/runs?status=failed").await;
    shows(&failed, &["No run fits.", "<a href=\"/runs\">All runs</a>"]);
    assert!(!failed.text.contains("2 created"));
    let other = format!("/runs?tenant={}", uuid::Uuid::from_u128(1));
    shows(&world.page(&root, &other).await, &["No run fits."]);
    world
        .page(&root, "/runs?tenant=contoso")
        .await
        .is(StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_run_leads_to_the_people_of_each_action() {
    let world = World::new().await;
    world.staffed(&["ada", "bob"]).await;
    let root = world.root().await;
    let runs = world.get("/api/v1/sync-runs?status=done").await;
    let mut runs = runs.items().iter();
    let run = runs
        .find(|run| run["counts"]["create"] == 2)
        .expect("a run");
    let (id, plan) = (
        run["id"].as_str().unwrap(),
        run["plan_id"].as_str().unwrap(),
    );
    let link = format!("<a href=\"/plans/{plan}?action=create\">2 created</a>");
    let page = world.page(&root, &format!("/runs/{id}")).await;
    shows(
        &page,
        &[&link, "Who and what, with reasons", "<time datetime="],
    );
}

#[tokio::test]
async fn home_says_what_waits_and_ends_and_shows_a_day_or_a_month() {
    let world = World::new().await;
    let (connection, _) = world.staffed(&["ada"]).await;
    let root = world.root().await;
    let day = world.page(&root, "/").await;
    shows(
        &day,
        &["Changes in the last 24 hours", "href=\"/?chart=days\""],
    );
    let month = world.page(&root, "/?chart=days").await;
    shows(&month, &["Changes in the last 30 days", "in one day"]);
    let ends = serde_json::json!({ "secret_expires_at": "2099-01-31T00:00:00Z" });
    world
        .patch(&format!("/api/v1/connections/{connection}"), ends)
        .await
        .is(StatusCode::OK);
    let page = world.page(&root, "/").await;
    shows(
        &page,
        &[
            "Secret ends",
            "title=\"2099-01-31 00:00:00 UTC\">31 January 2099<",
        ],
    );
}

#[tokio::test]
async fn a_plan_that_waits_is_reached_from_its_tenants_card() {
    let world = World::with(|options| options.auto_approve_first = false).await;
    let connection = world.connect().await;
    let group = world.add_group("Staff").await;
    let ada = world.add_person("ada").await;
    world.add_member(group, ada).await;
    world.employees_of(group).await;
    let run = world.sync(&connection).await;
    assert_eq!(run["status"], "held", "{run}");
    let root = world.root().await;
    let plan = run["plan_id"].as_str().unwrap();
    let page = world.page(&root, "/").await;
    shows(
        &page,
        &[
            &format!("<a class=\"button\" href=\"/plans/{plan}\""),
            "Look at the plan of Contoso",
        ],
    );
}

#[tokio::test]
async fn empty_pages_lead_on() {
    let world = World::new().await;
    let root = world.root().await;
    let first = "/admin/my-company/auth-provision/connections/new";
    for path in ["/", "/runs", "/admin/health"] {
        shows(&world.page(&root, path).await, &[first]);
    }
    shows(
        &world.page(&root, "/crm/contacts").await,
        &["No contact yet.", "?tab=rules"],
    );
}
