//! Unit tests of `users`.

use super::*;
use crate::scripted::{self, Reply};

const AMY: Uuid = Uuid::from_u128(0xa);

#[tokio::test(start_paused = true)]
async fn people_come_in_pages_of_the_largest_size() {
    let next = "https://graph.microsoft.com/v1.0/users?$skiptoken=x";
    let (client, script) = scripted::client(vec![
        Reply::json(
            200,
            &json!({"value": [{"id": AMY}], "@odata.nextLink": next}),
        ),
        Reply::json(200, &json!({"value": []})),
    ]);
    let first = client.users_page(None).await.unwrap();
    assert_eq!(first.users[0].id, AMY);
    let last = client.users_page(first.next.as_ref()).await.unwrap();
    assert_eq!(
        last,
        UserPage {
            users: Vec::new(),
            next: None
        }
    );
    let sent = script.sent();
    assert!(sent[1].url.contains("$top=999&") || sent[1].url.ends_with("$top=999"));
    assert!(sent[1].url.contains("$select=id,userPrincipalName,"));
    assert_eq!(sent[2].url, next);
    assert_eq!(sent[2].header("authorization"), Some("Bearer token-1"));
}

#[tokio::test(start_paused = true)]
async fn a_link_elsewhere_gets_no_token() {
    let next = "https://evil.example/v1.0/users?$skiptoken=x";
    let body = json!({"value": [{"id": AMY}], "@odata.nextLink": next});
    let (client, script) = scripted::client(vec![Reply::json(200, &body)]);
    let error = client.users_page(None).await.unwrap_err();
    assert_eq!(error.kind(), &Kind::NotATokenHost);
    assert_eq!(script.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_graphs_own_word_says_that_nobody_is_there() {
    let gone = || Reply::error(404, "Request_ResourceNotFound", "");
    let (client, _) = scripted::client(vec![gone(), gone()]);
    assert_eq!(client.find_user(AMY).await.unwrap(), None);
    assert_eq!(client.find_deleted_user(AMY).await.unwrap(), None);
    for reply in [
        Reply::text(404, "<html>"),
        Reply::error(403, "Authorization_RequestDenied", ""),
        Reply::json(200, &json!({"id": Uuid::from_u128(0xb)})),
    ] {
        let (client, _) = scripted::client(vec![reply.clone(), reply]);
        assert!(client.find_user(AMY).await.is_err());
        assert!(client.find_deleted_user(AMY).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_person_tells_since_when() {
    let body = json!({
        "@odata.type": "#microsoft.graph.user", "id": AMY,
        "deletedDateTime": "2026-01-01T10:00:00Z",
    });
    let (client, _) = scripted::client(vec![Reply::json(200, &body)]);
    let found = client.find_deleted_user(AMY).await.unwrap().unwrap();
    assert_eq!(found.deleted.unwrap().to_string(), "2026-01-01T10:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn ids_are_asked_for_with_properties_and_within_bounds() {
    let body = json!({"value": [{"@odata.type": "#microsoft.graph.user", "id": AMY}]});
    let (client, script) = scripted::client(vec![Reply::json(200, &body)]);
    assert_eq!(client.users_by_ids(&[AMY]).await.unwrap()[0].id, AMY);
    assert!(script.sent()[1].url.contains("getByIds?$select=id,"));
    assert!(script.sent()[1].body.contains(&AMY.to_string()));
    assert!(client.users_by_ids(&[AMY; 1001]).await.is_err());
    assert!(client.check_member_groups(AMY, &[AMY; 21]).await.is_err());
    assert_eq!(client.users_by_ids(&[]).await.unwrap(), []);
    assert_eq!(script.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn memberships_are_ids() {
    let body = json!({"value": [AMY]});
    let (client, script) = scripted::client(vec![Reply::json(200, &body), Reply::json(200, &body)]);
    assert_eq!(
        client.check_member_groups(AMY, &[AMY]).await.unwrap(),
        [AMY]
    );
    assert_eq!(client.member_groups(AMY).await.unwrap(), [AMY]);
    assert_eq!(script.sent()[2].body, r#"{"securityEnabledOnly":false}"#);
}
