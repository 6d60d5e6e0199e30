//! `/hr/employees` and `/crm/contacts`: the lists, one record, and what is done by hand.

use http::{Method, StatusCode};
use serde_json::json;

use crate::world::{PASSWORD, Reply, World, bare};

const FORM: &str = "application/x-www-form-urlencoded";

impl World {
    /// A page as this browser sees it.
    pub(super) async fn page(&self, session: &str, path: &str) -> Reply {
        let call = bare(Method::GET, path).cookie(session);
        self.send(call.header("accept", "text/html")).await
    }

    /// A form sent by this browser.
    pub(super) async fn form(&self, session: &str, path: &str, form: &str) -> Reply {
        let call = bare(Method::POST, path).cookie(session);
        let call = call.header("accept", "text/html").body(FORM, form);
        self.send(call).await
    }

    /// Root's browser.
    pub(super) async fn root(&self) -> String {
        let signed_in = self.sign_in("root", PASSWORD).await;
        signed_in.cookie("rollcall_session").unwrap()
    }

    /// The id of the only employee with this username.
    pub(super) async fn employee(&self, username: &str) -> String {
        let found = self
            .get(&format!("/api/v1/employees?username={username}"))
            .await;
        found.items()[0]["id"].as_str().unwrap().to_owned()
    }
}

fn shows(page: &Reply, what: &[&str]) {
    page.is(StatusCode::OK);
    for text in what {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
}

#[tokio::test]
async fn a_list_is_searched_filtered_sorted_and_downloaded() {
    let world = World::new().await;
    world.staffed(&["ada", "bob"]).await;
    let root = world.root().await;
    let list = world.page(&root, "/hr/employees").await;
    shows(
        &list,
        &[
            "ada@contoso.com",
            "bob@contoso.com",
            "aria-sort=\"ascending\"",
        ],
    );
    let found = world
        .page(
            &root,
            "/hr/employees?search=bob&status=active&access=granted",
        )
        .await;
    shows(
        &found,
        &[
            "bob@contoso.com",
            "/api/v1/employees/export?search=bob&#38;status=active&#38;access=granted",
        ],
    );
    assert!(!found.text.contains("ada@contoso.com"));
    let turned = world.page(&root, "/hr/employees?sort=-username").await;
    let (ada, bob) = (turned.text.find(">ada<"), turned.text.find(">bob<"));
    assert!(bob < ada, "{}", turned.text);
    let nobody = world.page(&root, "/crm/contacts").await;
    shows(
        &nobody,
        &["No contact yet.", "mapping rule</a> makes contacts"],
    );
    let none = world.page(&root, "/hr/employees?search=zoe").await;
    shows(&none, &["Nobody fits.", "Everybody</a>"]);
}

#[tokio::test]
async fn a_record_says_where_its_values_are_from_and_what_was_edited_here() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let (root, id) = (world.root().await, world.employee("ada").await);
    let at = format!("/hr/employees/{id}");
    shows(
        &world.page(&root, &at).await,
        &["from Entra", "from the mapping rule", "Resync"],
    );
    let edit = world.page(&root, &format!("{at}/edit")).await;
    shows(&edit, &["value=\"ada@contoso.com\"", "value=\"Engineer\""]);
    let form = "first_name=Ada&last_name=Tester&username=ada&email=ada%40contoso.com\
                &phone=%2B1+555+0100&job_title=Countess&security_roles=User&access=granted";
    let saved = world.form(&root, &format!("{at}/edit"), form).await;
    saved.is(StatusCode::SEE_OTHER);
    let page = world.page(&root, &at).await;
    shows(
        &page,
        &[
            "Countess",
            "edited here, until the directory changes",
            "Re-apply",
        ],
    );
    // Re-apply says first what goes.
    let told = world.page(&root, &format!("{at}/reapply")).await;
    shows(&told, &["“Countess”, edited here, goes back"]);
    shows(
        &world.page(&root, &format!("{at}?tab=why")).await,
        &["Winning rule", "Staff"],
    );
    let timeline = world.page(&root, &format!("{at}?tab=timeline")).await;
    shows(&timeline, &["Job title: Engineer → Countess"]);
}

#[tokio::test]
async fn what_is_refused_comes_back_as_it_was_typed() {
    let world = World::new().await;
    world.staffed(&["ada", "bob"]).await;
    let (root, id) = (world.root().await, world.employee("ada").await);
    let form =
        "first_name=Ada&username=bob&email=not-an-address&security_roles=User&access=granted";
    let page = world
        .form(&root, &format!("/hr/employees/{id}/edit"), form)
        .await;
    page.is(StatusCode::UNPROCESSABLE_ENTITY);
    for text in [
        "`not-an-address` is not an email address",
        "Nothing was saved",
        "value=\"bob\"",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    // A version that is gone by now.
    let stale = "version=0&first_name=Ada&username=ada&security_roles=User&access=granted";
    let page = world
        .form(&root, &format!("/hr/employees/{id}/edit"), stale)
        .await;
    page.is(StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn acts_are_told_first_and_then_done() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let (root, id) = (world.root().await, world.employee("ada").await);
    let at = format!("/hr/employees/{id}");
    let told = world.page(&root, &format!("{at}/deactivate")).await;
    shows(
        &told,
        &["can no longer sign in", "stays so until somebody activates"],
    );
    let record = async || world.get(&format!("/api/v1/employees/{id}")).await.body;
    assert_eq!(record().await["status"], "active");
    world
        .form(&root, &format!("{at}/deactivate"), "")
        .await
        .is(StatusCode::SEE_OTHER);
    assert_eq!(record().await["status"], "inactive");
    world
        .form(&root, &format!("{at}/activate"), "")
        .await
        .is(StatusCode::SEE_OTHER);
    assert_eq!(record().await["status"], "active");
    world
        .form(&root, &format!("{at}/pin"), "reason=on+leave")
        .await
        .is(StatusCode::SEE_OTHER);
    shows(&world.page(&root, &at).await, &["on leave", "Unpin"]);
    world
        .form(&root, &format!("{at}/unpin"), "")
        .await
        .is(StatusCode::SEE_OTHER);
    assert_eq!(record().await["pinned"], json!(false));
    let run = world.form(&root, &format!("{at}/resync"), "").await;
    assert!(run.header("location").unwrap().starts_with("/runs/"));
    let nothing = world.page(&root, &format!("{at}/explode")).await;
    nothing.is(StatusCode::NOT_FOUND);
    let root_record = world.employee("root").await;
    let kept = world
        .form(
            &root,
            &format!("/hr/employees/{root_record}/deactivate"),
            "",
        )
        .await;
    kept.is(StatusCode::CONFLICT);
}

#[tokio::test]
async fn acts_that_would_change_nothing_are_not_offered() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let (root, id) = (world.root().await, world.employee("ada").await);
    let at = format!("/hr/employees/{id}");
    let nothing = world.page(&root, &format!("{at}/reapply")).await;
    shows(&nothing, &["there is nothing to re-apply"]);
    for absent in ["class=\"danger\"", "<form class=\"panel"] {
        assert!(!nothing.text.contains(absent), "{absent}: {}", nothing.text);
    }
    let active = world.page(&root, &format!("{at}/restore")).await;
    active.is(StatusCode::CONFLICT);
    assert!(
        active.text.contains("nothing to restore"),
        "{}",
        active.text
    );
    world.form(&root, &format!("{at}/deactivate"), "").await;
    let again = world.page(&root, &format!("{at}/deactivate")).await;
    again.is(StatusCode::CONFLICT);
}

#[tokio::test]
async fn an_administrator_gives_a_local_user_a_password_and_sessions_end() {
    let world = World::new().await;
    let root = world.root().await;
    let form = "first_name=Lena&username=lena&security_roles=User&access=granted";
    let made = world.form(&root, "/hr/employees/new", form).await;
    let next = made.header("location").unwrap().to_owned();
    let told = world.page(&root, &next).await;
    shows(&told, &["Lena is made", "signs in as lena", "ends at once"]);
    let at = next.strip_suffix("?made=1").unwrap();
    let person = at.strip_suffix("/password").unwrap();
    let none = world.page(&root, person).await;
    shows(&none, &["none yet: nobody can sign in", "Set password…"]);
    for (typed, why) in [
        ("password=short&again=short", "at least 12 characters"),
        (
            "password=a+long+enough+one&again=another+one",
            "are not the same",
        ),
    ] {
        let refused = world.form(&root, at, typed).await;
        refused.is(StatusCode::UNPROCESSABLE_ENTITY);
        for words in [why, "role=\"alert\""] {
            assert!(refused.text.contains(words), "{words}: {}", refused.text);
        }
        assert!(!refused.text.contains("long enough one"));
    }
    let typed = "password=a+long+enough+one&again=a+long+enough+one";
    let set = world.form(&root, at, typed).await;
    let done = world.page(&root, set.header("location").unwrap()).await;
    shows(&done, &["The password is set", "set another…"]);
    let signed_in = world.sign_in("lena", "a long enough one").await;
    let session = signed_in.cookie("rollcall_session").unwrap();
    let me = || bare(Method::GET, "/api/v1/me").cookie(&session);
    world.send(me()).await.is(StatusCode::OK);
    // Only administrators; and a new one ends what is open.
    world.page(&session, at).await.is(StatusCode::FORBIDDEN);
    let other = world.form(&session, at, typed).await;
    other.is(StatusCode::FORBIDDEN);
    let typed = "password=another+long+one&again=another+long+one";
    world.form(&root, at, typed).await.is(StatusCode::SEE_OTHER);
    world.send(me()).await.is(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn whom_the_directory_signs_in_gets_no_password_here() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let (root, id) = (world.root().await, world.employee("ada").await);
    let at = format!("/hr/employees/{id}");
    assert!(!world.page(&root, &at).await.text.contains("Set password"));
    let refused = world.page(&root, &format!("{at}/password")).await;
    refused.is(StatusCode::CONFLICT);
    assert!(
        refused.text.contains("signs in with Microsoft"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn the_explanation_links_rules_and_says_where_each_value_is_from() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let (root, id) = (world.root().await, world.employee("ada").await);
    let rule = world.get("/api/v1/mapping-rules").await.each("id")[0].to_owned();
    let why = world
        .page(&root, &format!("/hr/employees/{id}?tab=why"))
        .await;
    shows(
        &why,
        &[
            &format!("/rules/{rule}\">"),
            "Through the groups",
            "givenName",
            "from the mapping rule",
            "Out of the group of “",
            " UTC",
        ],
    );
    assert!(
        !why.text.contains('`') && !why.text.contains("&#96;"),
        "{}",
        why.text
    );
    let root_record = world.employee("root").await;
    let local = world
        .page(&root, &format!("/hr/employees/{root_record}?tab=why"))
        .await;
    shows(&local, &["This is root"]);
    let lena = json!({ "username": "lena", "first_name": "Lena" });
    let lena = world.made("/api/v1/employees", lena).await;
    let local = world
        .page(&root, &format!("/hr/employees/{lena}?tab=why"))
        .await;
    shows(&local, &["This record is local"]);
}

#[tokio::test]
async fn an_archived_person_says_who_they_are_now_and_changes_are_told_in_words() {
    let world = World::new().await;
    let connection = world.connect().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let ada = world.add_person("ada").await;
    let (clients, staff) = (
        world.add_group("Clients").await,
        world.add_group("Staff").await,
    );
    world.add_member(clients, ada).await;
    let rule = json!({
        "order": 20, "tenant_id": world.tenant, "group_id": clients, "kind": "contact",
        "account_id": account, "security_roles": ["External User"],
    });
    let saved = world.post("/api/v1/mapping-rules", rule).await;
    saved.is(StatusCode::CREATED);
    world.sync(&connection).await;
    let contacts = world.get("/api/v1/contacts").await;
    let contact = contacts.each("id")[0].to_owned();
    world.employees_of(staff).await;
    world.add_member(staff, ada).await;
    let run = world.sync(&connection).await;
    assert_eq!(run["status"], "done", "{run}");
    let root = world.root().await;
    let at = format!("/crm/contacts/{contact}");
    let why = world.page(&root, &format!("{at}?tab=why")).await;
    let employee = world.employee("ada").await;
    shows(
        &why,
        &[
            "This record is archived",
            "brings this very record back",
            &format!("/hr/employees/{employee}\">The employee they are now"),
        ],
    );
    let timeline = world.page(&root, &format!("{at}?tab=timeline")).await;
    shows(
        &timeline,
        &[
            "Archived",
            "a record of the other kind took its place",
            "Account: Northwind",
            "Client portal access: yes → no",
        ],
    );
    let technical = [
        "[default]",
        "original",
        "access_reason",
        "eactivated by",
        &account,
    ];
    let words = timeline.text.split("class=\"timeline\"").nth(1).unwrap();
    let words = words.split("</ol>").next().unwrap();
    for technical in technical {
        assert!(!words.contains(technical), "{technical}: {words}");
    }
    // It is brought back by its name.
    shows(
        &world.page(&root, &format!("{at}/restore")).await,
        &["comes back"],
    );
}

#[tokio::test]
async fn a_contact_is_made_by_hand_and_belongs_to_an_account() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let root = world.root().await;
    let form = format!(
        "first_name=Cleo&last_name=Client&username=cleo&email=cleo%40northwind.example\
         &account_id={account}&security_roles=External+User&access=granted&is_poc=on"
    );
    let made = world.form(&root, "/crm/contacts/new", &form).await;
    made.is(StatusCode::SEE_OTHER);
    // Whoever signs in needs a password: that is where it goes on.
    let next = made.header("location").unwrap();
    shows(&world.page(&root, next).await, &["Cleo Client is made"]);
    let at = next.strip_suffix("/password?made=1").unwrap();
    let page = world.page(&root, at).await;
    shows(
        &page,
        &["Cleo Client", "Northwind", "External User", "not linked"],
    );
    let list = world
        .page(&root, &format!("/crm/contacts?account_id={account}"))
        .await;
    shows(&list, &["Cleo Client", "Of the account"]);
}

#[tokio::test]
async fn rights_decide_what_is_seen_and_done() {
    let world = World::new().await;
    let (id, session) = world
        .person(
            "employees",
            json!({ "username": "tess", "first_name": "Tess", "security_roles": ["User"] }),
        )
        .await;
    let page = world.page(&session, "/hr/employees").await;
    page.is(StatusCode::FORBIDDEN);
    assert!(page.text.contains("security roles"), "{}", page.text);
    let form = world
        .form(&session, &format!("/hr/employees/{id}/deactivate"), "")
        .await;
    form.is(StatusCode::FORBIDDEN);
    let home = world.page(&session, "/").await;
    shows(&home, &["Your open tickets"]);
    assert!(!home.text.contains("/hr/employees"));
}

#[tokio::test]
async fn the_timeline_offers_to_take_back_and_shows_first_what_that_does() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let (root, id) = (world.root().await, world.employee("ada").await);
    let at = format!("/hr/employees/{id}");
    let timeline = world.page(&root, &format!("{at}?tab=timeline")).await;
    shows(&timeline, &["Undo…", &format!("action=\"{at}/undo\"")]);
    let run = timeline.text.split("name=\"run_id\" value=\"").nth(1);
    let run = run.unwrap().split('"').next().unwrap().to_owned();
    let told = world
        .form(&root, &format!("{at}/undo"), &format!("run_id={run}"))
        .await;
    shows(&told, &["1 deactivated", "Take it back", &run]);
    assert_eq!(
        world.get(&format!("/api/v1/employees/{id}")).await.body["status"],
        "active"
    );
    let sure = format!("run_id={run}&sure=yes");
    let gone = world.form(&root, &format!("{at}/undo"), &sure).await;
    let undo = gone.header("location").unwrap().to_owned();
    assert!(undo.starts_with("/runs/"), "{undo}");
    world
        .finished(&json!(undo.trim_start_matches("/runs/")))
        .await;
    let ada = world.get(&format!("/api/v1/employees/{id}")).await;
    assert_eq!(ada.body["status"], "inactive");
    let nothing = world
        .form(&root, &format!("{at}/undo"), &format!("run_id={run}"))
        .await;
    shows(&nothing, &["nothing left to take back"]);

    let rules = world.get("/api/v1/mapping-rules").await;
    let rule = format!(
        "/admin/my-company/auth-provision/rules/{}",
        rules.each("id")[0]
    );
    shows(
        &world.page(&root, &rule).await,
        &["Take back what the rule did"],
    );
    shows(
        &world.form(&root, &format!("{rule}/undo"), "").await,
        &["nothing left to take back"],
    );
}

#[tokio::test]
async fn an_account_shows_some_of_its_contacts_and_leads_to_all() {
    let world = World::new().await;
    let name = json!({ "name": "Northwind" });
    let account = world.made("/api/v1/accounts", name).await;
    let add = async |number: u32| {
        let contact = json!({ "first_name": format!("C{number}"), "account_id": account });
        world.made("/api/v1/contacts", contact).await;
    };
    let root = world.root().await;
    for number in 0..19 {
        add(number).await;
    }
    let page = world.page(&root, &format!("/crm/accounts/{account}")).await;
    assert!(!page.text.contains("All 19 contacts"));
    for number in 19..23 {
        add(number).await;
    }
    let page = world.page(&root, &format!("/crm/accounts/{account}")).await;
    let link = format!("<a href=\"/crm/contacts?account_id={account}\">All 23 contacts</a>");
    shows(&page, &[&link]);
}

#[tokio::test]
async fn what_is_wrong_on_a_form_is_said_in_its_own_words() {
    let world = World::new().await;
    let root = world.root().await;
    let form = "first_name=Cleo&username=cleo&access=granted";
    let page = world.form(&root, "/crm/contacts/new", form).await;
    page.is(StatusCode::UNPROCESSABLE_ENTITY);
    let note = page.text.split("role=\"alert\"").nth(1).unwrap();
    let note = note.split("</div>").next().unwrap();
    let said = "Security roles: access needs one. Nothing was saved.";
    assert!(note.contains(said), "{note}");
}
