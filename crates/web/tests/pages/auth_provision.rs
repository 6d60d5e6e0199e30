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

impl World {
    /// Follows a redirect to a preview and presses its button.
    async fn saves(&self, redirect: &Reply, button: &str) -> Reply {
        let plan = redirect.header("location").expect("a preview").to_owned();
        assert!(plan.starts_with("/plans/"), "{plan}");
        let root = self.root().await;
        let page = self.page(&root, &plan).await;
        page.is(StatusCode::OK);
        assert!(page.text.contains(button), "{button}: {}", page.text);
        assert!(page.text.contains("Nothing has happened yet"));
        let hash = page.text.split("name=\"hash\" value=\"").nth(1).unwrap();
        let hash = hash.split('"').next().unwrap();
        let plan = plan.split('?').next().unwrap();
        self.form(&root, &format!("{plan}/approve"), &format!("hash={hash}"))
            .await
    }

    async fn roles(&self, username: &str) -> serde_json::Value {
        let path = format!("/api/v1/employees?username={username}");
        self.get(&path).await.items()[0]["security_roles"].clone()
    }
}

impl World {
    /// Ada, of two rules: as a manager by the better one, as a user by the other.
    async fn of_two_rules(&self) -> [String; 2] {
        let connection = self.connect().await;
        let ada = self.add_person("ada").await;
        let mut ids = Vec::new();
        for (order, role) in [(10, "Service Desk Manager"), (20, "User")] {
            let group = self.add_group(role).await;
            self.add_member(group, ada).await;
            let rule = json!({
                "order": order, "tenant_id": self.tenant, "group_id": group, "kind": "employee",
                "security_roles": [role], "name": role,
            });
            let made = self.post("/api/v1/mapping-rules", rule).await;
            made.is(StatusCode::CREATED);
            ids.push(made.body["rule"]["id"].as_str().unwrap().to_owned());
        }
        self.sync(&connection).await;
        assert_eq!(self.roles("ada").await, json!(["Service Desk Manager"]));
        ids.try_into().unwrap()
    }

    async fn done_from(&self, redirect: &Reply) {
        let run = redirect.header("location").unwrap().to_owned();
        let run = run
            .strip_prefix("/runs/")
            .unwrap_or_else(|| panic!("{run}"));
        assert_eq!(self.finished(&json!(run)).await["status"], "done");
    }
}

#[tokio::test]
async fn moving_a_rule_shows_first_who_loses_a_role_and_then_swaps_the_two() {
    let world = World::new().await;
    let [managers, users] = world.of_two_rules().await;
    let path = format!("/rules/{users}/move");
    let shown = world.browser(Method::POST, &path, "to=up").await;
    let plan = shown.header("location").unwrap().to_owned();
    let page = world.page(&world.root().await, &plan).await;
    for words in ["One person keeps", "loses a role", "Service Desk Manager"] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    assert_eq!(world.roles("ada").await, json!(["Service Desk Manager"]));
    let saved = world.saves(&shown, "Save the order").await;
    world.done_from(&saved).await;
    assert_eq!(world.roles("ada").await, json!(["User"]));
    let rules = world.get("/api/v1/mapping-rules").await;
    let orders = rules
        .items()
        .iter()
        .map(|rule| (rule["id"].as_str().unwrap(), rule["order"].clone()));
    let orders: Vec<_> = orders.collect();
    assert_eq!(
        orders,
        [(users.as_str(), json!(10)), (managers.as_str(), json!(20))]
    );
    // The first one cannot go up any more, and nothing happens.
    let reply = world.browser(Method::POST, &path, "to=up").await;
    assert!(reply.header("location").unwrap().contains("tab=rules"));
}

#[tokio::test]
async fn a_rule_put_before_another_is_shown_first_and_saved_as_it_was_seen() {
    let world = World::new().await;
    let [managers, users] = world.of_two_rules().await;
    let order = async || {
        let rules = world.get("/api/v1/mapping-rules").await;
        let ids = rules.each("id").into_iter();
        ids.map(str::to_owned).collect::<Vec<_>>()
    };
    let path = format!("/rules/{users}/move");
    let form = format!("to=before&before={managers}");
    let shown = world.browser(Method::POST, &path, &form).await;
    assert_eq!(order().await, [managers.clone(), users.clone()]);
    let saved = world.saves(&shown, "Save the order").await;
    world.done_from(&saved).await;
    assert_eq!(order().await, [users.clone(), managers.clone()]);
    assert_eq!(world.roles("ada").await, json!(["User"]));
    // Where it stands already, nothing happens.
    for form in [form.as_str(), &format!("to=before&before={users}")] {
        let reply = world.browser(Method::POST, &path, form).await;
        assert!(reply.header("location").unwrap().contains("tab=rules"));
    }
    let shown = world.browser(Method::POST, &path, "to=end").await;
    assert!(shown.header("location").unwrap().starts_with("/plans/"));
    let nothing = uuid::Uuid::from_u128(7);
    for form in [
        format!("to=before&before={nothing}"),
        "to=before".to_owned(),
        "to=aside".to_owned(),
    ] {
        let refused = world.browser(Method::POST, &path, &form).await;
        refused.is(StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn a_rule_that_takes_a_role_is_shown_before_it_is_saved_or_deleted() {
    let world = World::new().await;
    let [managers, _] = world.of_two_rules().await;
    let at = format!("/api/v1/mapping-rules/{managers}");
    let rule = world.get(&at).await.body;
    let form = |roles: &str| {
        format!(
            "connection_id={}&scope=group&group_id={}&name=Managers&order=10&kind=employee\
             {roles}&roles_mode=replace&members=all&enabled=on&version=1&do=save",
            rule["connection_id"].as_str().unwrap(),
            rule["group_id"].as_str().unwrap(),
        )
    };
    let path = format!("/rules/{managers}");
    let shown = world
        .browser(Method::POST, &path, &form("&internal=User"))
        .await;
    assert_eq!(
        world.get(&at).await.body["name"],
        "Service Desk Manager",
        "not saved yet"
    );
    let saved = world.saves(&shown, "Save the rule").await;
    world.done_from(&saved).await;
    assert_eq!(world.get(&at).await.body["name"], "Managers");
    assert_eq!(world.roles("ada").await, json!(["User"]));
    // The preview is of a state that is past now.
    let again = world.saves(&shown, "Save the rule").await;
    again.is(StatusCode::PRECONDITION_FAILED);
    // What gives more is saved at once.
    let more = form("&internal=User&internal=CRM+Manager").replace("version=1", "version=2");
    let saved = world.browser(Method::POST, &path, &more).await;
    world.done_from(&saved).await;
    assert_eq!(world.roles("ada").await, json!(["CRM Manager", "User"]));
    let shown = world
        .browser(Method::POST, &format!("{path}/delete"), "version=3")
        .await;
    world.get(&at).await.is(StatusCode::OK);
    let gone = world.saves(&shown, "Delete the rule").await;
    world.done_from(&gone).await;
    world.get(&at).await.is(StatusCode::NOT_FOUND);
    assert_eq!(world.roles("ada").await, json!(["User"]));
}

#[tokio::test]
async fn a_preview_of_a_world_that_moved_saves_nothing_and_shows_the_new_one() {
    let world = World::new().await;
    let [_, users] = world.of_two_rules().await;
    let shown = world
        .browser(Method::POST, &format!("/rules/{users}/move"), "to=up")
        .await;
    // Meanwhile another person comes into both groups.
    let bob = world.add_person("bob").await;
    for rule in world.get("/api/v1/mapping-rules").await.items() {
        let group = rule["group_id"].as_str().unwrap().parse().unwrap();
        world.add_member(group, bob).await;
    }
    let connection = world.get("/api/v1/connections").await.each("id")[0].to_owned();
    world.sync(&connection).await;
    let moved = world.saves(&shown, "Save the order").await;
    let fresh = moved.header("location").unwrap();
    assert!(fresh.ends_with("?changed=1"), "{fresh}");
    assert_eq!(world.roles("ada").await, json!(["Service Desk Manager"]));
    let again = world.saves(&moved, "Save the order").await;
    world.done_from(&again).await;
    assert_eq!(world.roles("bob").await, json!(["User"]));
}

#[tokio::test]
async fn local_only_is_said_everywhere_and_syncs_nothing() {
    let world = World::new().await;
    let (id, _) = world.staffed(&["ada"]).await;
    let defaults = "mode=local_only&manager=nobody&department=Night+shift&do=save";
    let refused = world.browser(Method::POST, "", defaults).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY);
    for kept in [
        "no employee has the username",
        "Night shift",
        "value=\"nobody\"",
    ] {
        assert!(refused.text.contains(kept), "{kept}: {}", refused.text);
    }
    world
        .browser(Method::POST, "", "mode=local_only&do=save")
        .await
        .is(StatusCode::SEE_OTHER);
    let home = world.page(&world.root().await, "/").await;
    assert!(
        home.text.contains("No directory is followed"),
        "{}",
        home.text
    );
    let path = format!("/api/v1/connections/{id}/sync");
    let refused = world.post(&path, json!({})).await;
    refused.is_problem(StatusCode::CONFLICT, "local_only");
    let acts = world
        .get("/api/v1/audit?action=provisioning_mode_set")
        .await;
    assert_eq!(acts.items().len(), 1);
}

#[tokio::test]
async fn a_preview_that_concerns_nobody_says_so_and_keeps_what_was_typed() {
    let world = World::new().await;
    let defaults = "mode=azure_ad_sync&department=Night+shift&do=preview";
    let fields = "employee.job_title=on_create&do=preview";
    for (path, form, kept) in [
        ("", defaults, "value=\"Night shift\""),
        ("/field-policies", fields, "value=\"on_create\" selected"),
    ] {
        let told = world.browser(Method::POST, path, form).await;
        told.is(StatusCode::UNPROCESSABLE_ENTITY);
        for text in ["Nobody is concerned yet", "role=\"alert\"", kept] {
            assert!(told.text.contains(text), "{text}: {}", told.text);
        }
    }
    let saved = world.get("/api/v1/employee-defaults").await.body;
    assert_eq!(saved["department"], json!(null));
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
async fn searching_and_picking_a_group_keeps_everything_that_was_typed() {
    let world = World::new().await;
    let id = world.connect().await;
    let group = world.add_group("Guests").await;
    let typed = format!(
        "connection_id={id}&scope=assigned&group_id=&name=&order=77&kind=contact&exclude=svc-*\
         &external=External+User&roles_mode=add&members=guests&enabled=on&search=Gue"
    );
    let kept = [
        "value=\"77\"",
        "value=\"contact\" checked",
        "value=\"External User\" checked",
        "value=\"add\" selected",
        "value=\"guests\" selected",
        "svc-*",
        "name=\"enabled\" checked",
    ];
    let found = world
        .browser(Method::GET, &format!("/rules/new?{typed}"), "")
        .await;
    found.is(StatusCode::OK);
    let pick = format!("name=\"pick\" value=\"{group} Guests\"");
    for text in [pick.as_str(), "value=\"Gue\""].into_iter().chain(kept) {
        assert!(found.text.contains(text), "{text}: {}", found.text);
    }
    assert!(!found.text.contains("name=\"include_nested\" checked"));
    let path = format!("/rules/new?{typed}&pick={group}+Guests");
    let picked = world.browser(Method::GET, &path, "").await;
    let is = format!("name=\"group_id\" value=\"{group}\"");
    let now = [
        is.as_str(),
        "is the group <b>Guests</b>",
        "name=\"name\" value=\"Guests\"",
        "value=\"group\" checked",
    ];
    for text in now.into_iter().chain(kept) {
        assert!(picked.text.contains(text), "{text}: {}", picked.text);
    }
    // Another id by hand is not that group any more.
    let other = path.replace("&pick", "&group_name=Guests&named_group=other&no");
    let other = world.browser(Method::GET, &other, "").await;
    assert!(!other.text.contains("is the group"), "{}", other.text);
    let nobody = typed.replace("search=Gue", "search=Zzz");
    let nobody = world
        .browser(Method::GET, &format!("/rules/new?{nobody}"), "")
        .await;
    assert!(
        nobody.text.contains("name begins with “Zzz”"),
        "{}",
        nobody.text
    );
}

#[tokio::test]
async fn a_rules_page_is_called_as_the_rule_and_names_its_group() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let rule = world.get("/api/v1/mapping-rules").await.items()[0].clone();
    let path = format!("/rules/{}", rule["id"].as_str().unwrap());
    let page = world.browser(Method::GET, &path, "").await;
    let title = format!("<h1>{}</h1>", rule["name"].as_str().unwrap());
    for text in [title.as_str(), "is the group <b>Staff</b>"] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    // A search on it keeps the version and what was changed.
    let query = format!(
        "version=1&connection_id={}&scope=group&group_id={}&name=Crew&order=9&search=St",
        rule["connection_id"].as_str().unwrap(),
        rule["group_id"].as_str().unwrap(),
    );
    let page = world
        .browser(Method::GET, &format!("{path}?{query}"), "")
        .await;
    for text in [
        title.as_str(),
        "value=\"Crew\"",
        "name=\"version\" value=\"1\"",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
}

#[tokio::test]
async fn a_sync_that_cannot_be_is_refused_on_the_connections_page() {
    let world = World::new().await;
    let (id, _) = world.staffed(&["ada"]).await;
    let at = format!("/connections/{id}");
    let pause = world
        .browser(Method::POST, &format!("{at}/pause"), "do=pause")
        .await;
    pause.is(StatusCode::SEE_OTHER);
    let sync = format!("{at}/sync");
    let refused = world
        .browser(Method::POST, &sync, "full=on&reapply=on&do=sync")
        .await;
    refused.is(StatusCode::CONFLICT);
    for text in [
        "The connection is paused",
        "Resume the connection, then sync",
        "role=\"alert\"",
        "name=\"full\" checked",
        "name=\"reapply\" checked",
    ] {
        assert!(refused.text.contains(text), "{text}: {}", refused.text);
    }
    world
        .browser(Method::POST, &format!("{at}/pause"), "do=resume")
        .await;
    world
        .browser(Method::POST, "", "mode=local_only&do=save")
        .await
        .is(StatusCode::SEE_OTHER);
    let refused = world.browser(Method::POST, &sync, "do=sync").await;
    refused.is(StatusCode::CONFLICT);
    for text in ["Local only", "Settings", "role=\"alert\""] {
        assert!(refused.text.contains(text), "{text}: {}", refused.text);
    }
}

#[tokio::test]
async fn the_circuit_breaker_is_set_on_the_connections_page() {
    let world = World::new().await;
    let id = world.connect().await;
    let (at, api) = (
        format!("/connections/{id}"),
        format!("/api/v1/connections/{id}"),
    );
    let page = world.browser(Method::GET, &at, "").await;
    for text in [
        "value=\"shared\" checked",
        "25 people or 10 % in 24h",
        "name=\"revoke_window\" value=\"24h\"",
        "name=\"auto_approve\">",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    let form = |change: &str| {
        format!(
            "application_id={}&email_source=upn&on_disabled=deactivate&provision_contacts=on\
             &auto_approve=on&limits=own&deactivate_count=3&deactivate_percent=2.5\
             &deactivate_window=12h&archive_count=4&archive_percent=5&archive_window=24h\
             &revoke_count=6&revoke_percent=7&revoke_window=48h{change}",
            crate::world::APPLICATION,
        )
    };
    let wrong = [
        (
            "deactivate_count=3",
            "deactivate_count=few",
            "“few” is not a number of people",
        ),
        (
            "archive_percent=5",
            "archive_percent=500",
            "“500” is not between 0 and 100",
        ),
        (
            "revoke_window=48h",
            "revoke_window=soon",
            "“soon” is not a duration",
        ),
        (
            "revoke_window=48h",
            "revoke_window=",
            "the window is missing",
        ),
    ];
    for (right, typed, why) in wrong {
        let refused = world
            .browser(Method::POST, &at, &form("").replace(right, typed))
            .await;
        refused.is(StatusCode::UNPROCESSABLE_ENTITY);
        let (name, value) = typed.split_once('=').unwrap();
        let kept = format!("name=\"{name}\" value=\"{value}\"");
        for text in [
            why,
            &kept,
            "name=\"auto_approve\" checked",
            "value=\"own\" checked",
        ] {
            assert!(refused.text.contains(text), "{text}: {}", refused.text);
        }
    }
    assert_eq!(world.get(&api).await.body["limits"], json!(null));
    let saved = world.browser(Method::POST, &at, &form("")).await;
    saved.is(StatusCode::SEE_OTHER);
    let now = world.get(&api).await.body;
    assert_eq!(now["auto_approve"], true);
    assert_eq!(
        now["limits"]["deactivate"],
        json!({ "count": 3, "percent": 2.5, "window": "12h" })
    );
    assert_eq!(now["limits"]["revoke"]["window"], "48h");
    let shared = form("").replace("limits=own", "limits=shared");
    world
        .browser(Method::POST, &at, &shared)
        .await
        .is(StatusCode::SEE_OTHER);
    assert_eq!(world.get(&api).await.body["limits"], json!(null));
}

#[tokio::test]
async fn a_new_certificate_is_taken_on_the_page_and_never_shown() {
    let world = World::new().await;
    let id = world.connect().await;
    let at = format!("/connections/{id}");
    let form = |certificate: &str, key: &str| {
        format!(
            "application_id={}&email_source=upn&on_disabled=deactivate&provision_contacts=on\
             &certificate={certificate}&application_key={key}",
            crate::world::APPLICATION,
        )
    };
    let pem = "-----BEGIN+CERTIFICATE-----%0AMIIB%0A-----END+CERTIFICATE-----%0A\
               -----BEGIN+PRIVATE+KEY-----%0AMIIC%0A-----END+PRIVATE+KEY-----";
    for (certificate, key, why) in [
        ("MIIB", "", "with its private key in PEM"),
        (pem, "a-key", "not both"),
    ] {
        let refused = world
            .browser(Method::POST, &at, &form(certificate, key))
            .await;
        refused.is(StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text.contains(why), "{why}: {}", refused.text);
        for secret in ["MIIB", "MIIC", "a-key"] {
            assert!(!refused.text.contains(secret), "{secret}: {}", refused.text);
        }
    }
    let saved = world.browser(Method::POST, &at, &form(pem, "")).await;
    saved.is(StatusCode::SEE_OTHER);
    // It is tried at once.
    assert!(saved.header("location").unwrap().contains("?check=1"));
    let page = world.browser(Method::GET, &at, "").await;
    assert!(page.text.contains("a certificate is used"), "{}", page.text);
    assert!(!page.text.contains("MIIC"), "{}", page.text);
}

#[tokio::test]
async fn field_policies_are_looked_at_first_and_then_saved() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let page = world.browser(Method::GET, "?tab=fields", "").await;
    for text in [
        "Field Policies",
        "Employees: Job title",
        "Contacts: Mobile phone",
        "name=\"employee.job_title\"",
        "value=\"off\" selected",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    let before = world.get("/api/v1/field-policies").await.body;
    let form = "employee.job_title=keep_local&employee.phone=fill_blank&contact.email=on_create\
                &employee.department=source&employee.department.blank_clears=on&do=";
    let shown = world
        .browser(Method::POST, "/field-policies", &format!("{form}preview"))
        .await;
    assert_eq!(world.get("/api/v1/field-policies").await.body, before);
    let root = world.root().await;
    let plan = world.page(&root, shown.header("location").unwrap()).await;
    assert!(plan.text.contains("New field policies"), "{}", plan.text);
    assert!(plan.text.contains("?tab=fields"), "{}", plan.text);
    world
        .saves(&shown, "Save the policies")
        .await
        .is(StatusCode::SEE_OTHER);
    let now = world.get("/api/v1/field-policies").await.body;
    assert_eq!(now["employee"]["job_title"]["policy"], "keep_local");
    assert_eq!(now["employee"]["phone"]["policy"], "fill_blank");
    assert_eq!(now["contact"]["email"]["policy"], "on_create");
    let department = json!({ "policy": "source", "blank_clears": true, "enabled": true });
    assert_eq!(now["employee"]["department"], department);
    // What the form does not name stays; what is switched off keeps its policy.
    assert_eq!(now["contact"]["phone"], before["contact"]["phone"]);
    let saved = world
        .browser(
            Method::POST,
            "/field-policies",
            "employee.job_title=off&do=save",
        )
        .await;
    saved.is(StatusCode::SEE_OTHER);
    let now = world.get("/api/v1/field-policies").await.body;
    let off = json!({ "policy": "keep_local", "blank_clears": false, "enabled": false });
    assert_eq!(now["employee"]["job_title"], off);
    let wrong = "employee.job_title=whenever&do=save";
    let refused = world.browser(Method::POST, "/field-policies", wrong).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY);
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
    let shown = world.browser(Method::POST, &preview, "people=keep").await;
    world.get(&format!("/api/v1{at}")).await.is(StatusCode::OK);
    let gone = world.saves(&shown, "Remove the connection").await;
    assert_eq!(gone.header("location"), Some(HERE));
    world
        .get(&format!("/api/v1{at}"))
        .await
        .is(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_connection_that_is_refused_comes_back_as_it_was_typed() {
    let world = World::new().await;
    let form = "explicit=1&tenant=contoso.com&application_id=abc&auth=application&email_source=mail\
                &on_disabled=ignore&secret_ends=2027-01-31&provision_contacts=on";
    let refused = world.browser(Method::POST, "/connections", form).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY);
    for text in [
        "value=\"application\" selected",
        "value=\"mail\" selected",
        "value=\"ignore\" selected",
        "value=\"2027-01-31\"",
        "name=\"provision_employees\">",
        "name=\"provision_contacts\" checked>",
    ] {
        assert!(refused.text.contains(text), "{text}: {}", refused.text);
    }
}

#[tokio::test]
async fn what_comes_next_is_said_until_it_is_done() {
    let world = World::new().await;
    let page = world.browser(Method::GET, "/rules/new", "").await;
    assert!(page.text.contains("Add the first connection"));
    let id = world.connect().await;
    let at = format!("/connections/{id}");
    let next = format!("/rules/new?connection_id={id}");
    let page = world.browser(Method::GET, &at, "").await;
    assert!(page.text.contains(&next), "{}", page.text);
    let home = world.page(&world.root().await, "/").await;
    assert!(home.text.contains(&next), "{}", home.text);
    let form = world.browser(Method::GET, &next, "").await;
    assert!(form.text.contains(&format!("value=\"{id}\" selected")));
    let group = world.add_group("Staff").await;
    let rule = json!({
        "order": 10, "tenant_id": world.tenant, "group_id": group, "kind": "employee",
        "security_roles": ["User"], "name": "Staff",
    });
    let made = world.post("/api/v1/mapping-rules", rule).await;
    made.is(StatusCode::CREATED);
    let page = world.browser(Method::GET, &at, "").await;
    assert!(!page.text.contains(&next), "{}", page.text);
}

#[tokio::test]
async fn many_rules_come_a_page_at_a_time_and_one_that_moves_stays_in_sight() {
    let world = World::new().await;
    let root = world.root().await;
    world.connect().await;
    let group = world.add_group("Staff").await;
    let mut ids = Vec::new();
    for n in 1..=101 {
        let rule = json!({
            "order": n * 10, "tenant_id": world.tenant, "group_id": group, "kind": "employee",
            "security_roles": ["User"], "name": format!("Rule {n}"),
        });
        let made = world.post("/api/v1/mapping-rules", rule).await;
        made.is(StatusCode::CREATED);
        ids.push(made.body["rule"]["id"].as_str().unwrap().to_owned());
    }
    let (before, last) = (&ids[99], &ids[100]);
    let rows = |page: &Reply| page.text.matches("data-rule=").count();
    let here = format!("{HERE}?tab=rules");
    let first = world.page(&root, &here).await;
    assert_eq!(rows(&first), 100);
    for text in [
        "1 to 100 of 101",
        "href=\"?tab=rules&amp;search=&amp;page=2\" rel=\"next\"",
        "name=\"tab\" value=\"rules\"",
        // Dropped below the last one here, a rule goes before the first one there.
        &format!("data-next=\"{last}\""),
    ] {
        assert!(first.text.contains(text), "{text}: {}", first.text);
    }
    let second = world.page(&root, &format!("{here}&page=2")).await;
    assert_eq!(rows(&second), 1);
    assert!(second.text.contains(last.as_str()) && !second.text.contains("data-next"));
    let found = world.page(&root, &format!("{here}&search=rule+100")).await;
    assert_eq!(rows(&found), 1);
    assert!(found.text.contains(before.as_str()));
    let nobody = world.page(&root, &format!("{here}&search=nowhere")).await;
    assert!(nobody.text.contains("No rule is called so"));
    let path = format!("/rules/{last}/move");
    let moved = world
        .browser(Method::POST, &path, "to=up&search=Rule+10&page=1")
        .await;
    let there = format!("{here}&search=Rule%2010&page=1");
    assert_eq!(moved.header("location"), Some(there.as_str()));
    let second = world.page(&root, &format!("{here}&page=2")).await;
    assert!(second.text.contains(before.as_str()));
}
