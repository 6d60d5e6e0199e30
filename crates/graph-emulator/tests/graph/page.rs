//! The page for editing by hand: everything by links and forms.

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::Value;

use crate::world::{HOST, World, id};

async fn show(world: &World, path: &str) -> String {
    let answer = world
        .send(
            Request::get(format!("{HOST}{path}"))
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    assert!(
        answer
            .header("content-security-policy")
            .unwrap()
            .contains("default-src 'none'")
    );
    assert!(
        !answer.text.contains("<script") && !answer.text.contains(" style="),
        "no scripts, no inline styles"
    );
    answer.text
}

async fn submit(world: &World, path: &str, form: &str) -> String {
    let request = Request::post(format!("{HOST}{path}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form.to_owned()))
        .unwrap();
    let answer = world.send(request).await;
    assert_eq!(
        answer.status,
        StatusCode::SEE_OTHER,
        "{path}: {}",
        answer.text
    );
    answer.header("location").unwrap().to_owned()
}

#[tokio::test]
async fn a_person_is_made_changed_deleted_and_restored() {
    let world = World::new().await;
    let tenant = format!("/emulator/tenants/{}", world.tenant);
    assert!(show(&world, "/emulator").await.contains(&tenant));
    let form = "displayName=Amy+%3CAdams%3E&userPrincipalName=amy%40contoso.com";
    let amy = submit(&world, &format!("{tenant}/people"), form).await;
    assert!(
        show(&world, &amy).await.contains("Amy &#60;Adams&#62;"),
        "escaped"
    );
    submit(
        &world,
        &amy,
        "displayName=Amy&userPrincipalName=amy%40contoso.com&jobTitle=Chief",
    )
    .await;
    let person = world
        .read("users/amy@contoso.com?$select=id,jobTitle,accountEnabled")
        .await;
    assert_eq!(
        (&person["jobTitle"], &person["accountEnabled"]),
        (&Value::from("Chief"), &Value::from(false))
    );
    assert!(
        show(&world, &format!("{tenant}?q=am"))
            .await
            .contains("amy@contoso.com")
    );
    assert!(
        !show(&world, &format!("{tenant}?q=zz"))
            .await
            .contains("amy@contoso.com")
    );
    submit(&world, &format!("{amy}/delete"), "").await;
    assert!(show(&world, &tenant).await.contains("Deleted people"));
    submit(&world, &format!("{amy}/restore"), "").await;
    assert_eq!(id(&world.read("users/amy@contoso.com").await), id(&person));
}

#[tokio::test]
async fn members_are_added_and_removed() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    let tenant = format!("/emulator/tenants/{}", world.tenant);
    let group = submit(&world, &format!("{tenant}/groups"), "displayName=Sales").await;
    submit(
        &world,
        &format!("{group}/members"),
        "member=amy%40contoso.com",
    )
    .await;
    assert!(show(&world, &group).await.contains("1 members"));
    submit(&world, &format!("{group}/members/{amy}/remove"), "").await;
    assert!(show(&world, &group).await.contains("0 members"));
}

#[tokio::test]
async fn what_cannot_be_done_is_explained() {
    let world = World::new().await;
    let path = format!("{HOST}/emulator/tenants/{}/people", world.tenant);
    let request = Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(
            "displayName=Amy&userPrincipalName=amy%40elsewhere.com",
        ))
        .unwrap();
    let answer = world.send(request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("verified domain"));
}
