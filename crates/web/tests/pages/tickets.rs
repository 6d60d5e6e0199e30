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
        .page(&session, "/service-desk/tickets/new?search=cle")
        .await;
    assert!(
        form.text.contains(&format!("?contact_id={contact}")),
        "{}",
        form.text
    );
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
        .form(&session, &at, "version=1&body=&do=comment")
        .await;
    nothing.is(StatusCode::UNPROCESSABLE_ENTITY);
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
