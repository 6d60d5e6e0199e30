//! `/admin/my-company/auth-provision`: forms that are refused, and a connection's settings.

use http::{Method, StatusCode};
use serde_json::json;

use crate::world::{ADMIN, PASSWORD, Reply, World, bare};

const HERE: &str = "/admin/my-company/auth-provision";
const FORM: &str = "application/x-www-form-urlencoded";

impl World {
    /// Sends a form, or asks for a page, as root's browser.
    async fn browser(&self, method: Method, path: &str, form: &str) -> Reply {
        let signed_in = self.sign_in("root", PASSWORD).await;
        let session = signed_in.cookie("rollcall_session").unwrap();
        let mut call = bare(method, &format!("{HERE}{path}"))
            .cookie(&session)
            .header("accept", "text/html");
        if !form.is_empty() {
            call = call.body(FORM, form);
        }
        self.send(call).await
    }
}

#[tokio::test]
async fn a_refused_rule_comes_back_as_it_was_typed() {
    let world = World::new().await;
    let id = world.connect().await;
    let group = world.add_group("Guests").await;
    let form = format!(
        "connection_id={id}&scope=group&group_id={group}&name=Night+watch&order=70&kind=contact\
         &external=External+User&roles_mode=add&members=guests&exclude=svc-*&do=save"
    );
    let page = world.browser(Method::POST, "/rules", &form).await;
    page.is(StatusCode::UNPROCESSABLE_ENTITY);
    for kept in [
        "a contact needs an account",
        "Nothing was saved",
        &format!("value=\"{group}\""),
        "value=\"Night watch\"",
        "value=\"70\"",
        "value=\"contact\" checked",
        "value=\"External User\" checked",
        "value=\"add\" selected",
        "value=\"guests\" selected",
        "svc-*",
    ] {
        assert!(page.text.contains(kept), "{kept}: {}", page.text);
    }
    let rules = world.get("/api/v1/mapping-rules").await;
    assert!(rules.items().is_empty());
}

#[tokio::test]
async fn a_connections_key_is_changed_on_its_page_and_shown_nowhere() {
    let world = World::new().await;
    let wrong = json!({ "application_key": "not-the-key" });
    let id = world
        .made("/api/v1/connections", World::connection(wrong))
        .await;
    world.consent(&id).await.is(StatusCode::BAD_GATEWAY);
    let path = format!("/api/v1/connections/{id}");
    let waiting = world.get(&path).await.body;
    let why = waiting["status_reason"].as_str().unwrap();
    assert!(why.contains("application key is wrong"), "{why}");

    let at = format!("/connections/{id}");
    let page = world.browser(Method::GET, &at, "").await;
    assert!(
        page.text.contains("application key is wrong"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("not-the-key"), "{}", page.text);
    let version = page.text.split("name=\"version\" value=\"").nth(1).unwrap();
    let version = version.split('"').next().unwrap();
    let application = waiting["application_id"].as_str().unwrap();
    let form = |key: &str, application: &str| {
        format!(
            "version={version}&application_id={application}&application_key={key}\
             &email_source=mail&on_disabled=ignore&provision_contacts=on&secret_ends=2027-01-31"
        )
    };
    let refused = world.browser(Method::POST, &at, &form("x", "no+id")).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("Overview page"), "{}", refused.text);
    let saved = world
        .browser(Method::POST, &at, &form(crate::world::SECRET, application))
        .await;
    saved.is(StatusCode::SEE_OTHER);
    let changed = world.get(&path).await.body;
    assert_eq!(changed["email_source"], "mail");
    assert_eq!(changed["on_disabled"], "ignore");
    assert_eq!(changed["secret_expires_at"], "2027-01-31T23:59:59Z");
    assert_eq!(changed["provision_employees"], false);
    let stale = world
        .browser(Method::POST, &at, &form("", application))
        .await;
    stale.is(StatusCode::PRECONDITION_FAILED);

    world.consent(&id).await.is(StatusCode::SEE_OTHER);
    let connected = world.get(&path).await.body;
    assert_eq!(connected["status"], "connected");
    assert_eq!(connected["status_reason"], json!(null));
    assert_eq!(connected["consented_by"], ADMIN);
}

#[tokio::test]
async fn a_problem_on_a_page_leaves_those_who_are_signed_in_their_way_around() {
    let world = World::new().await;
    let page = world.browser(Method::GET, "/nothing", "").await;
    page.is(StatusCode::NOT_FOUND);
    assert!(page.text.contains("Sign out"), "{}", page.text);
}

#[tokio::test]
async fn removing_a_connection_is_shown_first_and_the_keys_end_is_kept() {
    let world = World::new().await;
    let (id, _) = world.staffed(&["ada"]).await;
    let at = format!("/connections/{id}");
    let form = "application_id=00000000-0000-0000-0000-000000000a99&email_source=upn\
                &on_disabled=deactivate&provision_employees=on&secret_ends=2030-02-01";
    world
        .browser(Method::POST, &at, form)
        .await
        .is(StatusCode::SEE_OTHER);
    let page = world.browser(Method::GET, &at, "").await;
    assert!(page.text.contains("value=\"2030-02-01\""), "{}", page.text);
    let preview = format!("{at}/remove");
    let shown = world
        .browser(Method::POST, &preview, "people=deactivate&do=preview")
        .await;
    assert!(shown.header("location").unwrap().starts_with("/plans/"));
    world.get(&format!("/api/v1{at}")).await.is(StatusCode::OK);
    let gone = world
        .browser(Method::POST, &preview, "people=keep&do=remove")
        .await;
    assert_eq!(gone.header("location"), Some(HERE));
    world
        .get(&format!("/api/v1{at}"))
        .await
        .is(StatusCode::NOT_FOUND);
}
