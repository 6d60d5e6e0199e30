//! Unit tests of delta rounds, over a scripted transport.

use serde_json::{Value, json};

use super::*;
use crate::groups::MemberKind;
use crate::scripted::{self, Reply};
use crate::wire_group::GROUP_TYPE;
use crate::wire_user::USER_TYPE;

const AMY: Uuid = Uuid::from_u128(0xa);
const GROUP: Uuid = Uuid::from_u128(0x6);
const NEXT: &str = "https://graph.microsoft.com/v1.0/users/delta?$skiptoken=x";
const DELTA: &str = "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=y";

fn page(items: Value, link: &str, address: &str) -> Reply {
    let mut body = json!({"value": items});
    body[link] = json!(address);
    Reply::json(200, &body)
}

#[tokio::test(start_paused = true)]
async fn a_round_goes_on_over_empty_pages_until_its_delta_link() {
    let removed = json!({"id": AMY, "@removed": {"reason": "changed"}});
    let (client, script) = scripted::client(vec![
        page(
            json!([{"id": AMY, "givenName": "Amy"}]),
            "@odata.nextLink",
            NEXT,
        ),
        page(json!([]), "@odata.nextLink", NEXT),
        page(json!([removed]), "@odata.deltaLink", DELTA),
    ]);
    let first = client.users_delta(&DeltaStart::Initial).await.unwrap();
    assert!(matches!(&first.changes[0], UserChange::Changed(user) if user.id == AMY));
    let Next::Page(link) = first.next else {
        panic!("the round goes on")
    };
    let second = client.users_delta(&DeltaStart::Link(link)).await.unwrap();
    assert_eq!(second.changes, []);
    let Next::Page(link) = second.next else {
        panic!("the round goes on")
    };
    let third = client.users_delta(&DeltaStart::Link(link)).await.unwrap();
    assert_eq!(
        third.changes,
        [UserChange::Removed {
            id: AMY,
            reason: Reason::Changed
        }]
    );
    assert!(matches!(third.next, Next::Done(link) if link.as_str() == DELTA));
    let sent = script.sent();
    assert!(sent[1].url.contains("users/delta?$select=id,") && sent[1].url.ends_with("manager"));
    assert_eq!(sent[2].url, NEXT);
    assert!(sent[3].header("authorization").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_round_that_most_likely_finds_nothing_is_asked_for_without_compression() {
    let quiet = || page(json!([]), "@odata.deltaLink", DELTA);
    let (client, script) = scripted::client(vec![quiet(), quiet()]);
    let link = client.link(DELTA).unwrap();
    let since = DeltaStart::Since(link.clone());
    client.users_delta(&since).await.unwrap();
    client.users_delta(&DeltaStart::Link(link)).await.unwrap();
    let sent = script.sent();
    assert_eq!(sent[1].header("accept-encoding"), Some("identity"));
    assert_eq!(sent[2].header("accept-encoding"), None);
}

#[tokio::test(start_paused = true)]
async fn a_round_can_start_from_now() {
    let (client, script) = scripted::client(vec![page(json!([]), "@odata.deltaLink", DELTA)]);
    let page = client.users_delta(&DeltaStart::Latest).await.unwrap();
    assert!(matches!(page.next, Next::Done(_)));
    assert!(script.sent()[1].url.ends_with("&$deltatoken=latest"));
}

#[tokio::test(start_paused = true)]
async fn a_page_has_one_link_and_a_list() {
    for bad in [
        json!({"value": []}),
        json!({"value": [], "@odata.nextLink": NEXT, "@odata.deltaLink": DELTA}),
        json!({"@odata.deltaLink": DELTA}),
        json!({"value": null, "@odata.deltaLink": DELTA}),
        json!({"value": [], "@odata.deltaLink": "not an address"}),
        json!({"value": [], "@odata.deltaLink": null}),
    ] {
        let (client, _) = scripted::client(vec![Reply::json(200, &bad)]);
        let error = client.users_delta(&DeltaStart::Initial).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Malformed { .. }), "{bad}");
    }
    let away = json!({"value": [], "@odata.deltaLink": "https://evil.example/"});
    let (client, _) = scripted::client(vec![Reply::json(200, &away)]);
    let error = client.users_delta(&DeltaStart::Initial).await.unwrap_err();
    assert_eq!(error.kind(), &Kind::NotATokenHost);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_about_a_stored_link_means_a_resync() {
    let denied = Kind::PermissionMissing {
        permission: "User.Read.All",
    };
    for (status, code, kind) in [
        (410, "resyncRequired", Kind::ResyncRequired),
        (410, "", Kind::ResyncRequired),
        (400, "syncStateNotFound", Kind::ResyncRequired),
        (400, "Request_BadRequest", Kind::ResyncRequired),
        (400, "Directory_ExpiredPageToken", Kind::ResyncRequired),
        (404, "Request_ResourceNotFound", Kind::ResyncRequired),
        (403, "Authorization_RequestDenied", denied),
        (501, "NotImplemented", Kind::Refused),
    ] {
        let (client, _) = scripted::client(vec![Reply::error(status, code, "")]);
        let link = client.link(DELTA).unwrap();
        let (again, _) = scripted::client(vec![Reply::error(status, code, "")]);
        let error = client.users_delta(&DeltaStart::Link(link.clone())).await;
        assert_eq!(error.unwrap_err().kind(), &kind, "{status} {code}");
        let error = again.users_delta(&DeltaStart::Since(link)).await;
        assert_eq!(error.unwrap_err().kind(), &kind, "{status} {code}");
    }
    // At the start of a round the same refusal is about the query.
    let (client, _) = scripted::client(vec![Reply::error(400, "Request_BadRequest", "")]);
    let error = client.users_delta(&DeltaStart::Initial).await.unwrap_err();
    assert_eq!(error.kind(), &Kind::Refused);
}

#[tokio::test(start_paused = true)]
async fn groups_come_in_parts_with_their_members() {
    let part = json!({
        "id": GROUP, "displayName": "Sales",
        "members@delta": [
            {"@odata.type": USER_TYPE, "id": AMY},
            {"@odata.type": GROUP_TYPE, "id": GROUP, "@removed": {"reason": "deleted"}},
        ],
    });
    let gone = json!({"id": AMY, "@removed": {"reason": "deleted"}});
    let items = json!([part, {"id": GROUP}, gone]);
    let (client, script) = scripted::client(vec![page(items, "@odata.deltaLink", DELTA)]);
    let query = GroupDeltaQuery {
        groups: vec![GROUP, AMY],
        members: true,
    };
    let page = client
        .groups_delta(&query, &DeltaStart::Initial)
        .await
        .unwrap();
    let GroupChange::Changed { group, members } = &page.changes[0] else {
        panic!("the group is there")
    };
    assert_eq!(group.display_name.as_deref(), Some("Sales"));
    let member = |id, kind| MemberRef { id, kind };
    assert_eq!(
        members[..],
        [
            MemberChange::Added(member(AMY, MemberKind::User)),
            MemberChange::Removed(member(GROUP, MemberKind::Group)),
        ]
    );
    assert!(matches!(&page.changes[1], GroupChange::Changed { members, .. } if members.is_empty()));
    assert_eq!(
        page.changes[2],
        GroupChange::Removed {
            id: AMY,
            reason: Reason::Deleted
        }
    );
    let asked = script.sent()[1].readable_url();
    assert!(asked.contains("visibility,members&"), "{asked}");
    assert!(
        asked.ends_with(&format!("$filter=id eq '{GROUP}' or id eq '{AMY}'")),
        "{asked}"
    );
}

#[tokio::test(start_paused = true)]
async fn too_many_groups_are_refused_before_anything_is_sent() {
    let (client, script) = scripted::client(Vec::new());
    let query = GroupDeltaQuery {
        groups: vec![GROUP; MAX_GROUPS + 1],
        members: false,
    };
    assert!(
        client
            .groups_delta(&query, &DeltaStart::Initial)
            .await
            .is_err()
    );
    assert!(script.sent().is_empty());
}
