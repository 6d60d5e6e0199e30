//! `/admin`: security roles, API tokens, webhooks, the audit log, health.

use http::{Method, StatusCode};
use serde_json::json;

use crate::world::{Reply, World, bare};

fn shows(page: &Reply, what: &[&str]) {
    page.is(StatusCode::OK);
    for text in what {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
}

#[tokio::test]
async fn a_security_role_is_made_changed_and_removed_on_its_matrix() {
    let world = World::new().await;
    let root = world.root().await;
    shows(
        &world.page(&root, "/admin/security-roles").await,
        &["Administrator", "built in", "External Manager"],
    );
    let built_in = world
        .page(&root, "/admin/security-roles/Administrator")
        .await;
    shows(&built_in, &["it stays as it is"]);
    assert!(!built_in.text.contains("<select"));
    let form = "name=Dispatcher&type=internal&description=Night+shift&service_desk.view=all&service_desk.edit=own";
    world
        .form(&root, "/admin/security-roles", form)
        .await
        .is(StatusCode::SEE_OTHER);
    let made = world.get("/api/v1/security-roles/Dispatcher").await;
    assert_eq!(
        made.body["rights"],
        json!({ "service_desk": { "view": "all", "edit": "own" } })
    );
    let change = "version=1&description=Night+shift&is_active=on&crm.view=all&do=save";
    world
        .form(&root, "/admin/security-roles/Dispatcher", change)
        .await
        .is(StatusCode::SEE_OTHER);
    let changed = world.get("/api/v1/security-roles/Dispatcher").await;
    assert_eq!(changed.body["rights"], json!({ "crm": { "view": "all" } }));
    // External roles never reach everything: said on the form, which keeps what was chosen.
    let wrong = "name=Guest&type=external&service_desk.view=all";
    let refused = world.form(&root, "/admin/security-roles", wrong).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY);
    for text in [
        "External roles reach `own` or `account`",
        "Nothing was saved",
        "value=\"Guest\"",
    ] {
        assert!(
            refused.text.contains(text) || refused.text.contains(&text.replace('`', "&#96;")),
            "{text}: {}",
            refused.text
        );
    }
    let told = world
        .page(&root, "/admin/security-roles/Dispatcher/delete")
        .await;
    shows(&told, &["Nobody has the role", "cannot be undone"]);
    world
        .get("/api/v1/security-roles/Dispatcher")
        .await
        .is(StatusCode::OK);
    let at = "/admin/security-roles/Dispatcher/delete";
    let stale = world.form(&root, at, "version=1").await;
    stale.is(StatusCode::PRECONDITION_FAILED);
    assert!(stale.text.contains("role=\"alert\""), "{}", stale.text);
    world
        .form(&root, at, "version=2")
        .await
        .is(StatusCode::SEE_OTHER);
    world
        .get("/api/v1/security-roles/Dispatcher")
        .await
        .is(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_role_that_somebody_has_is_not_offered_for_deletion() {
    let world = World::new().await;
    let root = world.root().await;
    let form = "name=Dispatcher&type=internal&service_desk.view=all";
    world.form(&root, "/admin/security-roles", form).await;
    let body =
        json!({ "username": "tess", "first_name": "Tess", "security_roles": ["Dispatcher"] });
    world.made("/api/v1/employees", body).await;
    let at = "/admin/security-roles/Dispatcher/delete";
    let told = world.page(&root, at).await;
    shows(&told, &["cannot be deleted while", "Tess (employee)"]);
    assert!(!told.text.contains(">Delete</button>"), "{}", told.text);
    let refused = world.form(&root, at, "version=1").await;
    refused.is(StatusCode::CONFLICT);
    assert!(refused.text.contains("role=\"alert\""), "{}", refused.text);
}

#[tokio::test]
async fn what_somebody_may_do_is_shown_with_the_role_that_lets_them() {
    let world = World::new().await;
    let body = json!({ "username": "tess", "first_name": "Tess", "security_roles": ["User", "Finance Manager"] });
    let (id, session) = world.person("employees", body).await;
    let root = world.root().await;
    let tab = world
        .page(&root, &format!("/hr/employees/{id}?tab=rights"))
        .await;
    shows(&tab, &["Finance Manager, User", "Service Desk"]);
    let sessions = world
        .page(&root, &format!("/hr/employees/{id}?tab=sessions"))
        .await;
    shows(&sessions, &["password", "Sign out everywhere"]);
    world
        .form(&root, &format!("/hr/employees/{id}/sign-out"), "")
        .await
        .is(StatusCode::SEE_OTHER);
    let me = bare(Method::GET, "/api/v1/me").cookie(&session);
    world.send(me).await.is(StatusCode::UNAUTHORIZED);
    let found = world.page(&root, &format!("/people/{id}")).await;
    assert_eq!(
        found.header("location"),
        Some(format!("/hr/employees/{id}").as_str())
    );
}

#[tokio::test]
async fn a_token_is_shown_once_and_ends_when_revoked() {
    let world = World::new().await;
    let root = world.root().await;
    let made = world
        .form(
            &root,
            "/admin/api-tokens",
            "name=Backup&scopes=read&scopes=people&days=30",
        )
        .await;
    shows(&made, &["shown this once", "Backup", "read, people"]);
    let token = made
        .text
        .split("<code class=\"copy\">")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    assert!(
        !world
            .page(&root, "/admin/api-tokens")
            .await
            .text
            .contains(&token)
    );
    let call = || {
        bare(Method::GET, "/api/v1/employees").header("authorization", &format!("Bearer {token}"))
    };
    world.send(call()).await.is(StatusCode::OK);
    let listed = world.get("/api/v1/api-tokens").await;
    let id = listed
        .items()
        .iter()
        .find(|one| one["name"] == "Backup")
        .unwrap()["id"]
        .clone();
    let path = format!("/admin/api-tokens/{}/revoke", id.as_str().unwrap());
    let told = world.page(&root, &path).await;
    shows(&told, &["“Backup” is refused at once", "cannot be undone"]);
    world.send(call()).await.is(StatusCode::OK);
    world.form(&root, &path, "").await.is(StatusCode::SEE_OTHER);
    world.send(call()).await.is(StatusCode::UNAUTHORIZED);
    shows(&world.page(&root, &path).await, &["revoked already"]);
    let form = "scopes=people&days=9";
    let refused = world.form(&root, "/admin/api-tokens", form).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY);
    for kept in ["value=\"people\" checked", "value=\"9\""] {
        assert!(refused.text.contains(kept), "{kept}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_webhook_is_added_changed_and_removed() {
    let world = World::new().await;
    let root = world.root().await;
    let form = "url=https%3A%2F%2Fops.example%2Fhook&description=Ops&events=run.held&events=connection.unhealthy";
    let made = world.form(&root, "/admin/webhooks", form).await;
    shows(&made, &["whsec_", "https://ops.example/hook"]);
    let id = world.get("/api/v1/webhooks").await.items()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let at = format!("/admin/webhooks/{id}");
    let page = world.page(&root, &at).await;
    shows(
        &page,
        &["value=\"run.held\" checked", "Nothing was sent yet"],
    );
    assert!(!page.text.contains("whsec_"));
    let change =
        "version=1&url=https%3A%2F%2Fops.example%2Fother&description=&events=run.held&do=save";
    world
        .form(&root, &at, change)
        .await
        .is(StatusCode::SEE_OTHER);
    let changed = world.get(&format!("/api/v1/webhooks/{id}")).await;
    assert_eq!(
        (&changed.body["enabled"], &changed.body["url"]),
        (&json!(false), &json!("https://ops.example/other"))
    );
    let private = "url=http%3A%2F%2F10.0.0.1%2Fhook&events=run.held";
    let refused = world.form(&root, "/admin/webhooks", private).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.text.contains("No webhook was added"),
        "{}",
        refused.text
    );
    let nothing = "version=2&url=https%3A%2F%2Fops.example%2Fthird&description=Night";
    let refused = world.form(&root, &at, nothing).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY);
    for kept in ["Nothing was saved", "https://ops.example/third", "Night"] {
        assert!(refused.text.contains(kept), "{kept}: {}", refused.text);
    }
    let told = world.page(&root, &format!("{at}/remove")).await;
    shows(
        &told,
        &[
            "https://ops.example/other is told nothing",
            "cannot be undone",
        ],
    );
    assert_eq!(world.get("/api/v1/webhooks").await.items().len(), 1);
    world
        .form(&root, &format!("{at}/remove"), "version=2")
        .await
        .is(StatusCode::SEE_OTHER);
    assert!(world.get("/api/v1/webhooks").await.items().is_empty());
}

#[tokio::test]
async fn the_audit_log_is_filtered_and_proved() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let root = world.root().await;
    shows(
        &world.page(&root, "/admin/audit").await,
        &["create", "directory"],
    );
    let none = world.page(&root, "/admin/audit?action=deactivate").await;
    shows(&none, &["Nothing fits."]);
    let today = world
        .page(
            &root,
            "/admin/audit?origin=directory&action=create&from=2020-01-01",
        )
        .await;
    shows(&today, &["/people/"]);
    // What is listed is exported.
    let link = today
        .text
        .split("href=\"")
        .find(|href| href.starts_with("/api/v1/audit/export?"));
    let link = link.unwrap().split('"').next().unwrap();
    let link = link.replace("&#38;", "&").replace("&amp;", "&");
    let sheet = world.page(&root, &link).await;
    sheet.is(StatusCode::OK);
    assert!(link.contains("from=2020%2D01%2D01T00"), "{link}");
    assert!(sheet.text.contains(",directory,"), "{}", sheet.text);
    assert!(!sheet.text.contains("root_created"), "{}", sheet.text);
    let wrong = world.page(&root, "/admin/audit?from=yesterday").await;
    wrong.is(StatusCode::UNPROCESSABLE_ENTITY);
    let proof = world.form(&root, "/admin/audit/verification", "").await;
    shows(&proof, &["are as they were written"]);
}

#[tokio::test]
async fn the_audit_log_names_whom_an_entry_is_about_and_offers_every_act() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let (root, ada) = (world.root().await, world.employee("ada").await);
    let form = "username=ada&first_name=Ada&last_name=Byron&security_roles=User&access=granted";
    world
        .form(&root, &format!("/hr/employees/{ada}/edit"), form)
        .await
        .is(StatusCode::SEE_OTHER);
    let page = world.page(&root, "/admin/audit").await;
    shows(
        &page,
        &[&format!("<a href=\"/people/{ada}\">Ada Byron</a>")],
    );
    for entry in world.get("/api/v1/audit?limit=200").await.items() {
        let option = format!("<option value={}", entry["action"]);
        shows(&page, &[&option]);
    }
    let one = world
        .page(
            &root,
            &format!("/admin/audit?record_id={ada}&action=create"),
        )
        .await;
    shows(
        &one,
        &[
            "alone.",
            "<option value=\"create\" selected>created</option>",
        ],
    );
    // What an old address asks for is kept, known or not.
    let other = world.page(&root, "/admin/audit?action=long+gone").await;
    shows(&other, &["value=\"long_gone\" selected>long gone"]);
}

#[tokio::test]
async fn health_says_what_to_do_beside_what_is_wrong() {
    let world = World::new().await;
    let id = world.connect().await;
    let root = world.root().await;
    shows(
        &world.page(&root, "/admin/health").await,
        &["Contoso", "it is not known when it ends", "Enter the day"],
    );
    // Moments are told by their distance, with the exact time behind them.
    let page = world.page(&root, "/admin/health").await;
    let shown = page.text.split('<').map(|part| part.rsplit('>').next());
    let shown: String = shown.flatten().collect();
    assert!(page.text.contains("<time datetime=\"20"), "{}", page.text);
    assert!(
        !shown.contains("T0") && !shown.contains("T1") && !shown.contains("T2"),
        "{shown}"
    );
    let soon = json!({ "secret_expires_at": "2020-01-01T00:00:00Z" });
    world
        .patch(&format!("/api/v1/connections/{id}"), soon)
        .await
        .is(StatusCode::OK);
    shows(
        &world.page(&root, "/admin/health").await,
        &["critical", "it has ended", "Make a new client secret"],
    );
}

#[tokio::test]
async fn administration_is_for_administrators() {
    let world = World::new().await;
    let body = json!({ "username": "tess", "first_name": "Tess", "security_roles": ["Service Desk Manager"] });
    let (_, tess) = world.person("employees", body).await;
    for path in [
        "security-roles",
        "security-roles/new",
        "api-tokens",
        "webhooks",
        "audit",
        "health",
    ] {
        world
            .page(&tess, &format!("/admin/{path}"))
            .await
            .is(StatusCode::FORBIDDEN);
    }
    for (path, form) in [
        ("security-roles", "name=Mine&type=internal&admin.edit=all"),
        ("api-tokens", "name=Mine&scopes=admin"),
        ("webhooks", "url=https%3A%2F%2Fops.example&events=run.held"),
    ] {
        world
            .form(&tess, &format!("/admin/{path}"), form)
            .await
            .is(StatusCode::FORBIDDEN);
    }
    assert!(world.get("/api/v1/webhooks").await.items().is_empty());
}
