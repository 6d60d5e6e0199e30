//! `/service-desk/tickets` and `/finance/invoices`.

use http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_technician_opens_comments_on_and_closes_a_ticket() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let client = json!({ "username": "cleo", "first_name": "Cleo", "account_id": account, "security_roles": ["External User"] });
    let contact = world.made("/api/v1/contacts", client).await;
    let tess = json!({ "username": "tess", "first_name": "Tess", "security_roles": ["User"] });
    let (_, session) = world.person("employees", tess).await;
    let form = world
        .page(
            &session,
            "/service-desk/tickets/new?search=cle&title=Printer&description=It+hums&priority=high",
        )
        .await;
    let pick = format!("name=\"pick\" value=\"{contact}\"");
    // Searching keeps what was typed, and so does picking.
    let kept = ["value=\"Printer\"", "It hums", "value=\"high\" selected"];
    for text in [pick.as_str()].into_iter().chain(kept) {
        assert!(form.text.contains(text), "{text}: {}", form.text);
    }
    let query = "search=cle&title=Printer&description=It+hums&priority=high";
    let path = format!("/service-desk/tickets/new?{query}&pick={contact}");
    let form = world.page(&session, &path).await;
    let picked = format!("name=\"contact_id\" value=\"{contact}\"");
    for text in [picked.as_str(), "Somebody else"].into_iter().chain(kept) {
        assert!(form.text.contains(text), "{text}: {}", form.text);
    }
    let empty = format!("contact_id={contact}&title=&description=It+hums");
    let refused = world.form(&session, "/service-desk/tickets", &empty).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("It hums"), "{}", refused.text);
    let typed = format!("contact_id={contact}&title=Printer+hums&description=It+hums");
    let made = world.form(&session, "/service-desk/tickets", &typed).await;
    made.is(StatusCode::SEE_OTHER);
    let at = made.header("location").unwrap().to_owned();
    let said = "version=1&body=Looked+at+it&is_internal=on&do=comment";
    world
        .form(&session, &at, said)
        .await
        .is(StatusCode::SEE_OTHER);
    let page = world.page(&session, &at).await;
    for text in [
        "Printer hums",
        "Looked at it",
        "the client does not see it",
        "Northwind",
        "Cleo",
        "Tess",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    let nothing = world
        .form(&session, &at, "version=1&body=&is_internal=on&do=comment")
        .await;
    nothing.is(StatusCode::UNPROCESSABLE_ENTITY);
    for text in ["The comment is empty", "role=\"alert\"", "Printer hums"] {
        assert!(nothing.text.contains(text), "{text}: {}", nothing.text);
    }
    world
        .form(&session, &at, "version=1&body=Done&do=close")
        .await
        .is(StatusCode::SEE_OTHER);
    let open = world.page(&session, "/service-desk/tickets").await;
    assert!(!open.text.contains("Printer hums"), "{}", open.text);
    let closed = world
        .page(&session, "/service-desk/tickets?status=closed")
        .await;
    assert!(closed.text.contains("Printer hums"), "{}", closed.text);
    // Somebody else has closed it meanwhile: nothing is half-done.
    let stale = world
        .form(&session, &at, "version=1&body=Too+late&do=open")
        .await;
    stale.is(StatusCode::PRECONDITION_FAILED);
    for text in ["Too late</textarea>", "role=\"alert\"", "press again"] {
        assert!(stale.text.contains(text), "{text}: {}", stale.text);
    }
    assert!(!world.page(&session, &at).await.text.contains("Too late"));
    // The contact's page shows it.
    let tab = world
        .page(&session, &format!("/crm/contacts/{contact}?tab=tickets"))
        .await;
    assert!(tab.text.contains("Printer hums"), "{}", tab.text);
}

#[tokio::test]
async fn invoices_are_for_those_whose_roles_reach_them() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let invoice =
        json!({ "number": "2026-7", "account_id": account, "amount": "120.50", "currency": "EUR" });
    let id = world.made("/api/v1/invoices", invoice).await;
    let fay =
        json!({ "username": "fay", "first_name": "Fay", "security_roles": ["Finance Manager"] });
    let (_, fay) = world.person("employees", fay).await;
    let list = world.page(&fay, "/finance/invoices?search=2026").await;
    assert!(
        list.is(StatusCode::OK).text.contains("Northwind"),
        "{}",
        list.text
    );
    let one = world.page(&fay, &format!("/finance/invoices/{id}")).await;
    assert!(
        one.is(StatusCode::OK).text.contains("120.50 EUR"),
        "{}",
        one.text
    );
    let tess = json!({ "username": "tess", "first_name": "Tess", "security_roles": ["User"] });
    let (_, tess) = world.person("employees", tess).await;
    for path in [
        "/finance/invoices".to_owned(),
        format!("/finance/invoices/{id}"),
    ] {
        world.page(&tess, &path).await.is(StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn clients_have_no_page_of_the_staff() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let client = json!({ "username": "cleo", "first_name": "Cleo", "account_id": account, "security_roles": ["External Manager"] });
    let (contact, session) = world.person("contacts", client).await;
    let ticket = json!({ "title": "Own", "contact_id": contact, "account_id": account });
    let ticket = world.made("/api/v1/tickets", ticket).await;
    let ticket = format!("/service-desk/tickets/{ticket}");
    let root = world.get("/api/v1/employees").await.each("id")[0].to_owned();
    for path in [
        "/service-desk/tickets",
        "/service-desk/tickets/new?search=c",
        &ticket,
        "/crm/accounts",
        "/crm/contacts",
        "/hr/employees",
        "/finance/invoices",
        "/runs",
        "/review",
        "/admin/audit",
        "/admin/my-company/auth-provision",
        // Nor does any page tell whether somebody is there.
        &format!("/people/{root}"),
        &format!("/people/{}", uuid::Uuid::from_u128(1)),
    ] {
        let page = world.page(&session, path).await;
        page.is(StatusCode::NOT_FOUND);
        assert!(page.text.contains("/portal"), "{path}: {}", page.text);
    }
    let typed = format!("contact_id={contact}&title=Own&description=It+hums");
    for path in ["/service-desk/tickets", &ticket] {
        let reply = world.form(&session, path, &typed).await;
        reply.is(StatusCode::NOT_FOUND);
    }
    for path in ["/portal", "/me"] {
        world.page(&session, path).await.is(StatusCode::OK);
    }
    // One page says all about them, and is under Profile.
    let profile = world.page(&session, "/portal/profile").await;
    assert_eq!(profile.header("location"), Some("/me"));
    let me = world.page(&session, "/me").await;
    for text in [
        "Northwind",
        "Where you are signed in",
        "href=\"/me\" aria-current",
    ] {
        assert!(me.text.contains(text), "{text}: {}", me.text);
    }
}

#[tokio::test]
async fn clients_find_a_ticket_by_its_words_and_are_refused_in_theirs() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let client = json!({ "username": "cleo", "first_name": "Cleo", "account_id": account, "security_roles": ["External User"] });
    let (contact, session) = world.person("contacts", client).await;
    for title in ["The printer hums", "The door is stuck"] {
        let ticket = json!({ "title": title, "contact_id": contact, "account_id": account });
        world.made("/api/v1/tickets", ticket).await;
    }
    let found = world.page(&session, "/portal?search=printer").await;
    found.is(StatusCode::OK);
    assert!(found.text.contains("The printer hums"), "{}", found.text);
    assert!(!found.text.contains("The door is stuck"));
    let none = world.page(&session, "/portal?search=window").await;
    assert!(none.text.contains("No ticket fits."), "{}", none.text);
    let refused = world.page(&session, "/portal/invoices").await;
    refused.is(StatusCode::FORBIDDEN);
    assert!(
        refused
            .text
            .contains("Your access does not include this page.")
    );
    assert!(!refused.text.contains("Finance") && !refused.text.contains("security role"));
}

#[tokio::test]
async fn a_ticket_is_edited_by_those_who_may_and_comes_back_as_typed() {
    let world = World::new().await;
    let tess = json!({ "username": "tess", "first_name": "Tess", "security_roles": ["Service Desk Manager"] });
    let (_, tess) = world.person("employees", tess).await;
    let ticket = json!({ "title": "Printer hums", "description": "Loudly" });
    let ticket = world.made("/api/v1/tickets", ticket).await;
    let at = format!("/service-desk/tickets/{ticket}");
    let edit = "version=1&title=Printer+sings&description=In+C&priority=critical&do=edit";
    world.form(&tess, &at, edit).await.is(StatusCode::SEE_OTHER);
    let now = world.get(&format!("/api/v1/tickets/{ticket}")).await.body;
    assert_eq!(now["title"], "Printer sings");
    assert_eq!(now["description"], "In C");
    assert_eq!(now["priority"], "critical");
    let stale = edit.replace("sings", "screams");
    let stale = world.form(&tess, &at, &stale).await;
    stale.is(StatusCode::PRECONDITION_FAILED);
    for text in [
        "value=\"Printer screams\"",
        " open><summary>Edit",
        "value=\"2\"",
    ] {
        assert!(stale.text.contains(text), "{text}: {}", stale.text);
    }
    // A comment that is too long closes nothing.
    let long = format!("version=2&do=close&body={}", "x".repeat(20_001));
    let refused = world.form(&tess, &at, &long).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY);
    let now = world.get(&format!("/api/v1/tickets/{ticket}")).await.body;
    assert_eq!(now["status"], "open");
    let sees = json!({ "name": "Looker", "type": "internal", "rights": { "service_desk": { "view": "all" } } });
    let made = world.post("/api/v1/security-roles", sees).await;
    made.is(StatusCode::CREATED);
    let vera = json!({ "username": "vera", "first_name": "Vera", "security_roles": ["Looker"] });
    let (_, vera) = world.person("employees", vera).await;
    let page = world.page(&vera, &at).await;
    assert!(!page.text.contains("Edit title"), "{}", page.text);
    world.form(&vera, &at, edit).await.is(StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn tickets_are_filtered_by_who_has_them_linked_to_clients_and_exported() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let client = json!({ "username": "cleo", "first_name": "Cleo", "account_id": account, "security_roles": ["External User"] });
    let contact = world.made("/api/v1/contacts", client).await;
    let desk = json!({ "name": "Desk", "type": "internal", "rights": { "service_desk": { "view": "own" } } });
    let made = world.post("/api/v1/security-roles", desk).await;
    made.is(StatusCode::CREATED);
    let tess = json!({ "username": "tess", "first_name": "Tess", "security_roles": ["Desk"] });
    let (tess, session) = world.person("employees", tess).await;
    for (title, assignee) in [("=Hers", json!(tess)), ("Nobody's", json!(null))] {
        let ticket = json!({
            "title": title, "contact_id": contact, "account_id": account, "assignee_id": assignee,
        });
        world.made("/api/v1/tickets", ticket).await;
    }
    let root = world.root().await;
    let path = format!("/service-desk/tickets?assignee_id={tess}");
    let list = world.page(&root, &path).await;
    let export = format!("/api/v1/tickets/export?status=open&#38;assignee_id={tess}");
    for text in [
        "=Hers",
        &format!("/crm/accounts/{account}\">Northwind"),
        &format!("/crm/contacts/{contact}\">Cleo"),
        &format!("value=\"{tess}\" selected"),
    ] {
        assert!(list.text.contains(text), "{text}: {}", list.text);
    }
    assert!(
        list.text.contains(&export) || list.text.contains(&export.replace('-', "%2D")),
        "{export}: {}",
        list.text
    );
    assert!(!list.text.contains("Nobody&#39;s"), "{}", list.text);
    let path = format!("/api/v1/tickets/export?assignee_id={tess}");
    let file = world.page(&root, &path).await;
    file.is(StatusCode::OK);
    assert!(
        file.text.starts_with("number,title,status"),
        "{}",
        file.text
    );
    for text in ["'=Hers", "Northwind", "Cleo", "Tess"] {
        assert!(file.text.contains(text), "{text}: {}", file.text);
    }
    assert!(!file.text.contains("Nobody"), "{}", file.text);
    // Who sees no clients gets names without links, and only their own tickets.
    let own = world.page(&session, "/service-desk/tickets").await;
    assert!(own.text.contains("Northwind"), "{}", own.text);
    for absent in ["/crm/accounts", "name=\"assignee_id\"", "Nobody&#39;s"] {
        assert!(!own.text.contains(absent), "{absent}: {}", own.text);
    }
    let own = world.page(&session, "/api/v1/tickets/export").await;
    assert!(!own.text.contains("Nobody"), "{}", own.text);
    // From the contact to a ticket for them.
    let page = world.page(&root, &format!("/crm/contacts/{contact}")).await;
    let new = format!("/service-desk/tickets/new?contact_id={contact}");
    assert!(page.text.contains(&new), "{}", page.text);
    let form = world.page(&root, &new).await;
    let picked = format!("name=\"contact_id\" value=\"{contact}\"");
    assert!(form.text.contains(&picked), "{}", form.text);
}

#[tokio::test]
async fn an_invoice_is_made_on_the_page_and_comes_back_as_typed() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let fay =
        json!({ "username": "fay", "first_name": "Fay", "security_roles": ["Finance Manager"] });
    let (_, fay) = world.person("employees", fay).await;
    let list = world.page(&fay, "/finance/invoices").await;
    assert!(list.text.contains("/finance/invoices/new"), "{}", list.text);
    let form = |amount: &str, account: &str| {
        format!(
            "number=2026-8&account_id={account}&amount={amount}&currency=EUR&issued_on=2026-11-20&status=sent"
        )
    };
    for (amount, account, why) in [
        ("a+lot", account.as_str(), "An amount has at most"),
        ("12.5", "", "No account is chosen"),
    ] {
        let refused = world
            .form(&fay, "/finance/invoices", &form(amount, account))
            .await;
        refused.is(StatusCode::UNPROCESSABLE_ENTITY);
        for text in [
            why,
            "value=\"2026-8\"",
            "value=\"2026-11-20\"",
            "value=\"sent\" selected",
        ] {
            assert!(refused.text.contains(text), "{text}: {}", refused.text);
        }
    }
    let made = world
        .form(&fay, "/finance/invoices", &form("12.5", &account))
        .await;
    made.is(StatusCode::SEE_OTHER);
    let page = world.page(&fay, made.header("location").unwrap()).await;
    for text in ["12.5 EUR", "Northwind", "sent", "2026-11-20"] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    let twice = world
        .form(&fay, "/finance/invoices", &form("12.5", &account))
        .await;
    twice.is(StatusCode::CONFLICT);
    let tess = json!({ "username": "tess", "first_name": "Tess", "security_roles": ["User"] });
    let (_, tess) = world.person("employees", tess).await;
    world
        .page(&tess, "/finance/invoices/new")
        .await
        .is(StatusCode::FORBIDDEN);
    world
        .form(&tess, "/finance/invoices", &form("1", &account))
        .await
        .is(StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_answer_in_the_portal_is_not_lost_when_it_is_refused() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let client = json!({ "username": "cleo", "first_name": "Cleo", "account_id": account, "security_roles": ["External User"] });
    let (contact, session) = world.person("contacts", client).await;
    let ticket = json!({ "title": "Own", "contact_id": contact, "account_id": account });
    let ticket = world.made("/api/v1/tickets", ticket).await;
    let at = format!("/portal/tickets/{ticket}");
    let empty = world.form(&session, &at, "version=1&body=&do=answer").await;
    empty.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert!(empty.text.contains("The answer is empty"), "{}", empty.text);
    world
        .patch(
            &format!("/api/v1/tickets/{ticket}"),
            json!({ "title": "Owned" }),
        )
        .await
        .is(StatusCode::OK);
    let stale = world
        .form(&session, &at, "version=1&body=A+long+answer&do=close")
        .await;
    stale.is(StatusCode::PRECONDITION_FAILED);
    for text in ["A long answer</textarea>", "role=\"alert\"", "value=\"2\""] {
        assert!(stale.text.contains(text), "{text}: {}", stale.text);
    }
    // Nothing of it was done: it is sent once when sent again.
    let comments = world
        .get(&format!("/api/v1/tickets/{ticket}/comments"))
        .await;
    assert!(comments.items().is_empty());
    world
        .form(&session, &at, "version=2&body=A+long+answer&do=close")
        .await
        .is(StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_account_that_is_used_says_by_what_and_is_not_deleted() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let root = world.root().await;
    let at = format!("/crm/accounts/{account}");
    let refused = world.form(&root, &at, "version=0&name=Southwind").await;
    refused.is(StatusCode::PRECONDITION_FAILED);
    assert!(
        refused.text.contains("value=\"Southwind\""),
        "{}",
        refused.text
    );
    let told = world.page(&root, &format!("{at}/delete")).await;
    assert!(told.text.contains("Nothing refers to"), "{}", told.text);
    let client = json!({ "username": "cleo", "first_name": "Cleo", "account_id": account });
    world.made("/api/v1/contacts", client).await;
    let told = world.page(&root, &format!("{at}/delete")).await;
    assert!(told.text.contains("Cleo"), "{}", told.text);
    let kept = world
        .form(&root, &format!("{at}/delete"), "version=1")
        .await;
    kept.is(StatusCode::CONFLICT);
    world
        .get(&format!("/api/v1/accounts/{account}"))
        .await
        .is(StatusCode::OK);
}

#[tokio::test]
async fn a_name_that_an_account_has_already_comes_back_with_why_beside_it() {
    let world = World::new().await;
    let northwind = json!({ "name": "Northwind" });
    world.made("/api/v1/accounts", northwind).await;
    let root = world.root().await;
    let refused = world.form(&root, "/crm/accounts", "name=NORTHWIND").await;
    refused.is(StatusCode::CONFLICT);
    for text in [
        "name=\"name\" value=\"NORTHWIND\" required aria-invalid=\"true\"",
        "id=\"name-failure\" role=\"alert\">An account has this name already",
        "New account",
    ] {
        assert!(refused.text.contains(text), "{text}: {}", refused.text);
    }
    assert_eq!(world.get("/api/v1/accounts").await.items().len(), 1);
    let made = world.form(&root, "/crm/accounts", "name=Southwind").await;
    made.is(StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn tickets_that_nobody_has_are_listed_and_exported() {
    let world = World::new().await;
    let root = world.root().await;
    let id = world.get("/api/v1/employees?username=root").await.items()[0]["id"].clone();
    for (title, assignee) in [("=Hers", id), ("Nobody's", json!(null))] {
        let ticket = json!({ "title": title, "assignee_id": assignee });
        world.made("/api/v1/tickets", ticket).await;
    }
    let path = "/service-desk/tickets?assignee_id=nobody";
    let unassigned = world.page(&root, path).await;
    for text in [
        "Nobody&#39;s",
        "value=\"nobody\" selected",
        "assignee_id=nobody",
    ] {
        assert!(
            unassigned.text.contains(text),
            "{text}: {}",
            unassigned.text
        );
    }
    assert!(!unassigned.text.contains("=Hers"), "{}", unassigned.text);
    assert!(!unassigned.text.contains("value=\"\" selected"));
    let file = world
        .page(&root, "/api/v1/tickets/export?assignee_id=nobody")
        .await;
    assert!(
        file.text.contains("Nobody's") && !file.text.contains("Hers"),
        "{}",
        file.text
    );
    let wrong = world
        .page(&root, "/service-desk/tickets?assignee_id=somebody")
        .await;
    wrong.is(StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn home_leads_to_ones_tickets_and_to_whom_they_are_for() {
    let world = World::new().await;
    let root = world.root().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let client = json!({ "username": "cleo", "first_name": "Cleo", "account_id": account, "security_roles": ["External User"] });
    let contact = world.made("/api/v1/contacts", client).await;
    let root_id = world.get("/api/v1/employees?username=root").await.items()[0]["id"].clone();
    let ticket = json!({
        "title": "Root's", "contact_id": contact, "account_id": account, "assignee_id": root_id,
    });
    let ticket = world.made("/api/v1/tickets", ticket).await;
    let home = world.page(&root, "/").await;
    for text in [
        format!("/service-desk/tickets/{ticket}\">Root&#39;s"),
        format!("/crm/accounts/{account}\">Northwind"),
        format!("/crm/contacts/{contact}\">Cleo"),
    ] {
        assert!(home.text.contains(&text), "{text}: {}", home.text);
    }
}
