//! Making, changing and deleting people and groups: what Graph insists on.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{HOST, World, id, person};

fn with(base: Value, changes: Value) -> Value {
    let mut all = base.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap().clone() {
        all.insert(name, value);
    }
    Value::Object(all)
}

fn without(mut base: Value, name: &str) -> Value {
    base.as_object_mut().unwrap().remove(name);
    base
}

#[tokio::test]
async fn a_person_needs_what_graph_asks_for() {
    let world = World::new().await;
    world.add_person("taken").await;
    for (body, status) in [
        (person("amy"), 201),
        (without(person("bea"), "accountEnabled"), 400),
        (without(person("bea"), "displayName"), 400),
        (without(person("bea"), "mailNickname"), 400),
        (without(person("bea"), "userPrincipalName"), 400),
        (without(person("bea"), "passwordProfile"), 400),
        (person("taken"), 400),
        (
            with(
                person("bea"),
                json!({"userPrincipalName": "Taken@Contoso.com"}),
            ),
            400,
        ),
        (
            with(
                person("bea"),
                json!({"userPrincipalName": "bea@elsewhere.com"}),
            ),
            400,
        ),
        (
            with(person("bea"), json!({"userPrincipalName": "bea"})),
            400,
        ),
        (with(person("bea"), json!({"shoeSize": 39})), 400),
        (with(person("bea"), json!({"accountEnabled": "yes"})), 400),
        (
            with(person("bea"), json!({"businessPhones": ["1", "2"]})),
            400,
        ),
        (
            with(person("bea"), json!({"givenName": "x".repeat(65)})),
            400,
        ),
        (with(person("bea"), json!({"jobTitle": ""})), 400),
        (
            with(
                person("bea"),
                json!({"id": "00000000-0000-0000-0000-000000000001"}),
            ),
            400,
        ),
    ] {
        let answer = world.try_write(Method::POST, "users", body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_graph_has_read_only_can_be_staged() {
    let world = World::new().await;
    let guest = json!({
        "accountEnabled": true, "displayName": "Gus", "mailNickname": "gus_fabrikam.com#EXT#",
        "userPrincipalName": "gus_fabrikam.com#EXT#@contoso.onmicrosoft.com", "userType": "Guest", "mail": "gus@fabrikam.com",
        "creationType": "Invitation", "externalUserState": "Accepted",
        "identities": [{"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": null}],
    });
    let gus = id(&world.write(Method::POST, "users", guest).await);
    let path = "users/gus_fabrikam.com%23EXT%23@contoso.onmicrosoft.com?$select=id,identities,proxyAddresses,onPremisesSyncEnabled";
    let found = world.read(path).await;
    assert_eq!(found["id"], gus);
    assert_eq!(found["identities"][0]["issuer"], "ExternalAzureAD");
    assert_eq!(found["proxyAddresses"], json!(["SMTP:gus@fabrikam.com"]));
    world
        .write(
            Method::PATCH,
            &format!("users/{gus}"),
            json!({"onPremisesSyncEnabled": false}),
        )
        .await;
    assert_eq!(world.read(path).await["onPremisesSyncEnabled"], false);
}

#[tokio::test]
async fn a_change_touches_what_it_names_and_what_follows() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    let path = format!("users/{amy}");
    let answer = world
        .try_write(
            Method::PATCH,
            &path,
            json!({"mail": "amy.adams@contoso.com", "jobTitle": "Chief"}),
        )
        .await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::NO_CONTENT, "")
    );
    world
        .write(
            Method::PATCH,
            &path,
            json!({"mail": "amy@contoso.com", "userPrincipalName": "amy2@contoso.com"}),
        )
        .await;
    let select = "?$select=jobTitle,mail,proxyAddresses,userPrincipalName,identities";
    let after = world.read(&format!("{path}{select}")).await;
    assert_eq!(after["jobTitle"], "Chief");
    assert_eq!(after["proxyAddresses"], json!(["SMTP:amy@contoso.com"]));
    assert_eq!(
        after["identities"][0]["issuerAssignedId"],
        "amy2@contoso.com"
    );
    assert_eq!(
        world.get("users/amy@contoso.com").await.status,
        StatusCode::NOT_FOUND
    );
    world.add_person("amy").await;
    for body in [
        json!({"displayName": null}),
        json!({"userPrincipalName": "amy@contoso.com"}),
        json!({"accountEnabled": null}),
        json!({"nonsense": 1}),
    ] {
        let answer = world.try_write(Method::PATCH, &path, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
}

#[tokio::test]
async fn groups_are_made_as_graph_allows() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    let security = json!({"displayName": "s", "mailEnabled": false, "mailNickname": "s", "securityEnabled": true});
    let unified = json!({
        "displayName": "u", "mailEnabled": true, "mailNickname": "u", "securityEnabled": false, "groupTypes": ["Unified"],
    });
    for (body, status) in [
        (security.clone(), 201),
        (unified.clone(), 201),
        (with(security.clone(), json!({"mailEnabled": true})), 400),
        (
            with(security.clone(), json!({"securityEnabled": false})),
            400,
        ),
        (with(unified.clone(), json!({"mailEnabled": false})), 400),
        (without(security.clone(), "mailNickname"), 400),
        (with(unified.clone(), json!({"visibility": "Secret"})), 400),
    ] {
        let answer = world.try_write(Method::POST, "groups", body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text);
    }
    let bound = with(
        security,
        json!({"members@odata.bind": [format!("{HOST}/v1.0/users/{amy}")]}),
    );
    let group = id(&world.write(Method::POST, "groups", bound).await);
    assert_eq!(
        world.read(&format!("groups/{group}/members")).await["value"][0]["id"],
        amy
    );
    let hidden = json!({"visibility": "HiddenMembership"});
    assert_eq!(
        world
            .try_write(Method::PATCH, &format!("groups/{group}"), hidden)
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn bodies_need_their_content_type() {
    let world = World::new().await;
    for (content_type, status) in [
        (None, 400),
        (Some("text/plain"), 415),
        (Some("application/json; charset=utf-8"), 201),
    ] {
        let mut request = http::Request::post(format!("{HOST}/v1.0/users"))
            .header("authorization", format!("Bearer {}", world.token));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let answer = world
            .send(request.body(person("amy").to_string().into()).unwrap())
            .await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{content_type:?}: {}",
            answer.text
        );
    }
    let broken = http::Request::post(format!("{HOST}/v1.0/users"))
        .header("authorization", format!("Bearer {}", world.token))
        .header("content-type", "application/json")
        .body("{".into())
        .unwrap();
    assert_eq!(world.send(broken).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn methods_an_address_does_not_have_are_405() {
    let world = World::new().await;
    for (method, path) in [
        (Method::PUT, "users"),
        (Method::POST, "users/delta"),
        (Method::DELETE, "organization"),
        (Method::GET, "$batch"),
    ] {
        let answer = world.try_write(method.clone(), path, Value::Null).await;
        assert_eq!(
            answer.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{method} {path}"
        );
        assert_eq!(answer.code(), "Request_BadRequest");
    }
}
