//! What pages share: the navigation, who is signed in, what is said after a save.

use http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn every_save_is_confirmed_once_on_the_page_it_leads_to() {
    let world = World::new().await;
    let connection = world.connect().await;
    let root = world.root().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let here = "/admin/my-company/auth-provision";
    let connection = format!("{here}/connections/{connection}");
    let account = format!("/crm/accounts/{account}");
    let role = "/admin/security-roles";
    let table = [
        (here, "mode=azure_ad_sync&department=Support&do=save"),
        (&connection, "version=&provision_contacts=on"),
        (&account, "version=1&name=Northwind&is_active=on&do=save"),
        (role, "name=Night+Desk&type=internal&service_desk.view=all"),
        (
            "/admin/security-roles/Night%20Desk",
            "version=1&crm.view=all&do=save",
        ),
        ("/admin/security-roles/Night%20Desk", "version=2&do=delete"),
        (
            "/admin/webhooks",
            "url=mailto%3Aops%40example.com&events=run.held",
        ),
        (
            "/hr/employees/new",
            "first_name=Tess&username=tess&access=none",
        ),
    ];
    let world = world.with_mail();
    for (path, form) in table {
        let saved = world.form(&root, path, form).await;
        saved.is(StatusCode::SEE_OTHER);
        let to = saved.header("location").unwrap().to_owned();
        let page = world.page(&root, &to).await;
        page.is(StatusCode::OK);
        let note = "<div class=\"note good\" role=\"status\">";
        assert!(page.text.contains(note), "{path} to {to}: {}", page.text);
        let plain = to.split("?done").next().unwrap();
        let again = world.page(&root, plain).await;
        assert!(!again.text.contains(note), "{plain}: {}", again.text);
    }
}

#[tokio::test]
async fn what_is_typed_into_an_address_is_not_said() {
    let world = World::new().await;
    let root = world.root().await;
    let page = world.page(&root, "/crm/accounts?done=You+are+hacked").await;
    page.is(StatusCode::OK);
    assert!(!page.text.contains("role=\"status\"") && !page.text.contains("hacked"));
}

#[tokio::test]
async fn the_page_says_who_is_signed_in_and_where() {
    let world = World::new().await;
    let body = json!({
        "username": "tess", "first_name": "Tess", "last_name": "Lund", "security_roles": ["Administrator"],
    });
    let (_, tess) = world.person("employees", body).await;
    let page = world.page(&tess, "/runs").await;
    page.is(StatusCode::OK);
    for text in [
        "<a href=\"/me\">Tess Lund</a>",
        "<summary>Menu: <b>Runs</b></summary>",
        "<p class=\"title\">Service Desk</p>",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
}
