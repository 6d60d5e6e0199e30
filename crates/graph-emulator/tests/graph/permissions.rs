//! Who may do what: application permissions, people, guests, hidden memberships.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, person};

#[tokio::test]
async fn without_a_good_token_there_is_a_way_to_one() {
    let world = World::new().await;
    for (header, message) in [
        (None, "Access token is empty."),
        (
            Some("Bearer nonsense"),
            "CompactToken parsing failed with error code: 80049217",
        ),
    ] {
        let mut request = http::Request::get(format!("{}/v1.0/users", crate::world::HOST));
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let answer = world
            .send(request.body(axum::body::Body::empty()).unwrap())
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.code(), "InvalidAuthenticationToken");
        assert_eq!(answer.json()["error"]["message"], message);
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .contains("/common/oauth2/authorize")
        );
        assert!(answer.json()["error"]["innerError"]["request-id"].is_string());
    }
    world.advance(3 * 3600);
    assert_eq!(
        world.get("users").await.status,
        StatusCode::UNAUTHORIZED,
        "the token has expired"
    );
}

#[tokio::test]
#[allow(clippy::too_many_lines)] // a table, one row a case
async fn each_call_needs_its_permission() {
    let world = World::new().await;
    let (amy, sales) = (
        world.add_person("amy").await,
        world.add_group("sales").await,
    );
    let me = format!("users/{amy}");
    let members = format!("groups/{sales}/members");
    let refs = format!("{members}/$ref");
    let reference = json!({"@odata.id": format!("{}/v1.0/users/{amy}", crate::world::HOST)});
    let assigned = format!("servicePrincipals/{}/appRoleAssignedTo", Uuid::nil());
    for (permission, method, path, body, allowed) in [
        ("User.Read.All", Method::GET, "users", Value::Null, true),
        (
            "User.Read.All",
            Method::GET,
            "users/delta",
            Value::Null,
            true,
        ),
        ("User.Read.All", Method::GET, "groups", Value::Null, false),
        ("User.Read.All", Method::GET, &members, Value::Null, false),
        (
            "User.Read.All",
            Method::PATCH,
            &me,
            json!({"jobTitle": "x"}),
            false,
        ),
        ("User.Read.All", Method::POST, "users", person("bea"), false),
        ("Group.Read.All", Method::GET, "users", Value::Null, false),
        ("Group.Read.All", Method::GET, "groups", Value::Null, true),
        (
            "Group.Read.All",
            Method::GET,
            "groups/delta",
            Value::Null,
            true,
        ),
        (
            "GroupMember.Read.All",
            Method::GET,
            &members,
            Value::Null,
            true,
        ),
        (
            "Directory.Read.All",
            Method::GET,
            "users",
            Value::Null,
            true,
        ),
        (
            "Directory.Read.All",
            Method::GET,
            &members,
            Value::Null,
            true,
        ),
        (
            "Directory.Read.All",
            Method::GET,
            "servicePrincipals",
            Value::Null,
            true,
        ),
        (
            "Directory.Read.All",
            Method::POST,
            &refs,
            reference.clone(),
            false,
        ),
        (
            "Application.Read.All",
            Method::POST,
            &assigned,
            json!({}),
            false,
        ),
        (
            "Application.Read.All",
            Method::GET,
            "users",
            Value::Null,
            false,
        ),
        (
            "User.ReadWrite.All",
            Method::PATCH,
            &me,
            json!({"jobTitle": "x"}),
            true,
        ),
        (
            "User.ReadWrite.All",
            Method::POST,
            &refs,
            reference.clone(),
            false,
        ),
        (
            "GroupMember.ReadWrite.All",
            Method::POST,
            &refs,
            reference.clone(),
            true,
        ),
        (
            "Group.ReadWrite.All",
            Method::POST,
            "users",
            person("bea"),
            false,
        ),
        ("User.Invite.All", Method::GET, "users", Value::Null, false),
    ] {
        let token = world.app_token(Uuid::from_u128(0xbee), &[permission]).await;
        let answer = world.call(method.clone(), path, &token, &[], body).await;
        let denied = answer.status == StatusCode::FORBIDDEN;
        assert_eq!(
            denied, !allowed,
            "{permission} {method} {path}: {}",
            answer.text
        );
        if denied {
            assert_eq!(answer.code(), "Authorization_RequestDenied");
        } else {
            assert!(
                answer.status.is_success(),
                "{permission} {method} {path}: {}",
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn people_may_read_and_only_administrators_write() {
    let world = World::new().await;
    let scopes = &["User.Read", "User.ReadWrite.All", "Group.Read.All"];
    let amy = world.person_token("amy@contoso.com", scopes, false).await;
    let root = world.person_token("root@contoso.com", scopes, true).await;
    let me = world
        .call(Method::GET, "me", &amy, &[], Value::Null)
        .await
        .json();
    assert_eq!(me["userPrincipalName"], "amy@contoso.com");
    let groups = world
        .call(Method::GET, "me/memberOf", &amy, &[], Value::Null)
        .await;
    assert_eq!(groups.json()["value"], json!([]));
    assert_eq!(
        world
            .call(Method::GET, "users", &amy, &[], Value::Null)
            .await
            .status,
        StatusCode::OK
    );
    let change = |token: String| {
        let world = &world;
        async move {
            world
                .call(
                    Method::PATCH,
                    "users/amy@contoso.com",
                    &token,
                    &[],
                    json!({"jobTitle": "x"}),
                )
                .await
                .status
        }
    };
    assert_eq!(change(amy).await, StatusCode::FORBIDDEN);
    assert_eq!(change(root).await, StatusCode::NO_CONTENT);
    assert_eq!(
        world.get("me").await.status,
        StatusCode::BAD_REQUEST,
        "an application is nobody"
    );
}

#[tokio::test]
async fn guests_see_themselves_and_no_list() {
    let world = World::new().await;
    let guest = json!({
        "accountEnabled": true, "displayName": "Gus", "mailNickname": "gus", "userType": "Guest",
        "userPrincipalName": "gus@contoso.com", "passwordProfile": {"password": "not-used-7A"},
    });
    world.write(Method::POST, "users", guest).await;
    let token = world
        .person_token("gus@contoso.com", &["User.Read", "User.Read.All"], false)
        .await;
    for (path, status) in [("me", 200), ("users", 403), ("users/delta", 403)] {
        let answer = world
            .call(Method::GET, path, &token, &[], Value::Null)
            .await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn hidden_memberships_need_their_own_permission() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    let group = json!({
        "displayName": "h", "mailEnabled": true, "mailNickname": "h", "securityEnabled": true, "groupTypes": ["Unified"],
        "visibility": "HiddenMembership",
    });
    let group = crate::world::id(&world.write(Method::POST, "groups", group).await);
    world.add_member(&group, &amy).await;
    let path = format!("groups/{group}/members");
    let reader = world
        .app_token(Uuid::from_u128(0xbee), &["Group.Read.All", "User.Read.All"])
        .await;
    assert_eq!(
        world
            .call(Method::GET, &path, &reader, &[], Value::Null)
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    let delta = world
        .call(Method::GET, "groups/delta", &reader, &[], Value::Null)
        .await
        .json();
    assert_eq!(delta["value"][0]["members@delta"], Value::Null);
    assert_eq!(world.read(&path).await["value"][0]["id"], amy);
}

#[tokio::test]
async fn without_the_right_to_read_people_members_are_ids_alone() {
    let world = World::new().await;
    let (amy, sales) = (
        world.add_person("amy").await,
        world.add_group("sales").await,
    );
    world.add_member(&sales, &amy).await;
    let reader = world
        .app_token(Uuid::from_u128(0xbee), &["GroupMember.Read.All"])
        .await;
    let page = world
        .call(
            Method::GET,
            &format!("groups/{sales}/members"),
            &reader,
            &[],
            Value::Null,
        )
        .await
        .json();
    assert_eq!(page["value"][0]["id"], amy);
    assert_eq!(page["value"][0]["displayName"], Value::Null);
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    let other = world
        .add_tenant("fabrikam.onmicrosoft.com", "fabrikam.com")
        .await;
    let token = world
        .app_token_in(Uuid::from_u128(5), crate::world::ALL, other)
        .await;
    let list = world
        .call(Method::GET, "users", &token, &[], Value::Null)
        .await
        .json();
    assert_eq!(list["value"], json!([]));
    let one = world
        .call(
            Method::GET,
            &format!("users/{amy}"),
            &token,
            &[],
            Value::Null,
        )
        .await;
    assert_eq!(one.status, StatusCode::NOT_FOUND);
}
