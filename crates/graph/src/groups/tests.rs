//! Unit tests of `groups`.

use serde_json::{Value, json};

use super::*;
use crate::error::Kind;
use crate::scripted::{self, Reply};
use crate::wire_group::GROUP_TYPE;
use crate::wire_user::USER_TYPE;

const GROUP: Uuid = Uuid::from_u128(0x6);
const AMY: Uuid = Uuid::from_u128(0xa);

fn page_of(items: Value, next: Option<&str>) -> Reply {
    let mut body = json!({"value": items});
    if let Some(next) = next {
        body["@odata.nextLink"] = json!(next);
    }
    Reply::json(200, &body)
}

#[tokio::test(start_paused = true)]
async fn members_come_with_properties_and_headers_on_every_page() {
    let next = "https://graph.microsoft.com/v1.0/groups/g/members?$skiptoken=x";
    let mut first = json!({"value": [{"id": AMY, "givenName": "Amy"}], "@odata.count": 2});
    first["@odata.nextLink"] = json!(next);
    let (client, script) =
        scripted::client(vec![Reply::json(200, &first), page_of(json!([]), None)]);
    let page = client.members_page(GROUP, None).await.unwrap();
    assert_eq!((page.members[0].id, page.count), (AMY, Some(2)));
    let page = client
        .members_page(GROUP, page.next.as_ref())
        .await
        .unwrap();
    assert_eq!((page.members.len(), page.next), (0, None));
    let sent = script.sent();
    let start = format!(
        "https://graph.microsoft.com/v1.0/groups/{GROUP}/members/microsoft.graph.user?$select=id,"
    );
    assert!(sent[1].url.starts_with(&start));
    assert!(sent[1].url.ends_with("$top=999&$count=true"));
    assert_eq!(sent[2].url, next);
    assert_eq!(sent[1].header("consistencylevel"), Some("eventual"));
    assert_eq!(sent[2].header("consistencylevel"), Some("eventual"));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_cannot_be_read_is_never_an_empty_one() {
    for (reply, kind) in [
        (
            Reply::error(403, "Authorization_RequestDenied", ""),
            Some(Kind::PermissionMissing {
                permission: PERMISSION,
            }),
        ),
        (
            Reply::error(404, "Request_ResourceNotFound", ""),
            Some(Kind::NotFound),
        ),
        (Reply::text(200, "{}"), None),
        (Reply::text(200, ""), None),
        (Reply::text(204, ""), None),
        (Reply::json(200, &json!({"value": null})), None),
        (Reply::json(200, &json!({"value": {}})), None),
        (page_of(json!([{"id": "x"}]), None), None),
        (
            page_of(
                json!([{"id": AMY, "@odata.type": "#microsoft.graph.device"}]),
                None,
            ),
            None,
        ),
        (page_of(json!([{"id": AMY, "@removed": {}}]), None), None),
    ] {
        for nested in [false, true] {
            let (client, _) = scripted::client(vec![reply.clone(); 3]);
            let error = if nested {
                client.nested_groups_page(GROUP, None).await.unwrap_err()
            } else {
                client.members_page(GROUP, None).await.unwrap_err()
            };
            match &kind {
                Some(kind) => assert_eq!(error.kind(), kind),
                None => assert!(matches!(error.kind(), Kind::Malformed { .. }), "{reply:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn member_references_tell_their_kind() {
    let (client, _) = scripted::client(vec![page_of(
        json!([
            {"@odata.type": USER_TYPE, "id": AMY},
            {"@odata.type": GROUP_TYPE, "id": AMY},
            {"@odata.type": "#microsoft.graph.device", "id": AMY},
            {"id": AMY},
        ]),
        None,
    )]);
    let page = client.member_refs_page(GROUP, None).await.unwrap();
    let kinds: Vec<_> = page.members.iter().map(|member| member.kind).collect();
    assert_eq!(
        kinds,
        [
            MemberKind::User,
            MemberKind::Group,
            MemberKind::Other,
            MemberKind::Unknown
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_search_cannot_leave_its_phrase() {
    let (client, script) = scripted::client(vec![
        page_of(
            json!([{"id": GROUP, "displayName": "Sales", "createdDateTime": null}]),
            None,
        ),
        page_of(json!([]), None),
    ]);
    let page = client.groups_page(Some("sa\" OR \"x"), None).await.unwrap();
    assert_eq!(page.groups[0].display_name.as_deref(), Some("Sales"));
    assert_eq!(page.groups[0].created, Field::Null);
    let sent = &script.sent()[1];
    assert!(
        sent.readable_url()
            .contains(r#"$search="displayName:sa OR x""#)
    );
    assert_eq!(sent.header("consistencylevel"), Some("eventual"));
    client.groups_page(Some("  "), None).await.unwrap();
    assert!(!script.sent()[2].url.contains("search"));
}

#[tokio::test(start_paused = true)]
async fn one_group_is_the_one_asked_for() {
    let (client, _) = scripted::client(vec![
        Reply::json(200, &json!({"id": GROUP, "groupTypes": ["Unified"]})),
        Reply::json(200, &json!({"id": AMY})),
    ]);
    let group = client.group(GROUP).await.unwrap();
    assert_eq!(group.group_types.value().unwrap(), &["Unified"]);
    assert!(client.group(GROUP).await.is_err());
}
