//! `/`: tenants among many.

use http::{Method, StatusCode};
use serde_json::json;

use crate::world::{Reply, World};

impl World {
    /// A tenant whose connection waits for consent.
    async fn waiting(&self, domain: &str) {
        let tenant = json!({
            "domain": domain, "display_name": domain, "verified_domains": [domain],
        });
        self.control(Method::POST, "tenants", tenant).await;
        let new = Self::connection(json!({ "tenant": domain }));
        self.made("/api/v1/connections", new).await;
    }
}

fn cards(page: &Reply) -> usize {
    page.is(StatusCode::OK);
    page.text.matches("<section class=\"card\">").count()
}

fn rows(page: &Reply) -> usize {
    page.is(StatusCode::OK);
    page.text.matches("aria-label=\"Sync ").count()
}

#[tokio::test]
async fn many_tenants_come_a_page_at_a_time_and_are_found_by_a_word() {
    let world = World::new().await;
    let root = world.root().await;
    for n in 0..60 {
        world.waiting(&format!("client-{n:02}.example")).await;
    }
    let home = world.page(&root, "/").await;
    assert_eq!(cards(&home), 24);
    for text in [
        "1 to 24 of 60",
        "href=\"?search=&amp;page=2\" rel=\"next\"",
        "name=\"search\"",
    ] {
        assert!(home.text.contains(text), "{text}: {}", home.text);
    }
    let last = world.page(&root, "/?page=3").await;
    assert_eq!(cards(&last), 12);
    assert!(last.text.contains("rel=\"prev\"") && !last.text.contains("rel=\"next\""));
    // Beyond the last is the last.
    assert_eq!(cards(&world.page(&root, "/?page=99").await), 12);
    let found = world.page(&root, "/?search=CLIENT-07").await;
    assert_eq!(cards(&found), 1);
    assert!(found.text.contains("client-07.example"));
    let nobody = world.page(&root, "/?search=nowhere").await;
    assert_eq!(cards(&nobody), 0);
    assert!(nobody.text.contains("No tenant is called so"));

    let here = "/admin/my-company/auth-provision";
    let first = world.page(&root, here).await;
    assert_eq!(rows(&first), 50);
    assert!(first.text.contains("1 to 50 of 60"));
    let second = world.page(&root, &format!("{here}?page=2")).await;
    assert_eq!(rows(&second), 10);
    let found = world.page(&root, &format!("{here}?search=client-59")).await;
    assert_eq!(rows(&found), 1);

    let panels = |page: &Reply| page.text.matches("<section class=\"panel\">").count();
    let health = world.page(&root, "/admin/health?page=3").await;
    assert_eq!(panels(&health), 10);
    let found = world.page(&root, "/admin/health?search=client-59").await;
    assert_eq!(panels(&found), 1);
}

#[tokio::test]
async fn a_tenant_that_needs_somebody_comes_first() {
    let world = World::new().await;
    let root = world.root().await;
    world.connect().await;
    world.waiting("waits.example").await;
    let rule = world.add_group("Staff").await;
    let rule = json!({
        "order": 10, "tenant_id": world.tenant, "group_id": rule, "kind": "employee",
        "security_roles": ["User"], "name": "Staff",
    });
    let made = world.post("/api/v1/mapping-rules", rule).await;
    made.is(StatusCode::CREATED);
    let home = world.page(&root, "/").await;
    // Nobody looks for one of two.
    assert!(!home.text.contains("name=\"search\""), "{}", home.text);
    assert_eq!(cards(&home), 2);
    let place = |text: &str| home.text.find(text).unwrap();
    assert!(place(">waits.example</a></h2>") < place("Last run"));
}
