//! Unit tests of `assignments`.

use serde_json::json;

use super::*;
use crate::scripted::{self, Reply, application};

const PRINCIPAL: Uuid = Uuid::from_u128(0x5b);

#[tokio::test(start_paused = true)]
async fn assignments_are_found_through_the_enterprise_application() {
    let assignment = json!({
        "id": "x", "principalId": PRINCIPAL, "principalType": "Group",
        "principalDisplayName": "Sales", "appRoleId": Uuid::nil(),
        "createdDateTime": "2026-01-01T00:00:00Z",
    });
    let (client, script) = scripted::client(vec![
        Reply::json(
            200,
            &json!({"value": [{"id": PRINCIPAL, "displayName": "Rollcall"}]}),
        ),
        Reply::json(200, &json!({"value": [assignment]})),
    ]);
    let found = client.service_principal().await.unwrap();
    assert_eq!((found.id, found.assignment_required), (PRINCIPAL, false));
    assert_eq!(found.name.as_deref(), Some("Rollcall"));
    let filter = format!("$filter=appId eq '{}'", application().id);
    assert!(script.sent()[1].readable_url().contains(&filter));
    let page = client.assignments_page(found.id, None).await.unwrap();
    assert_eq!(page.assignments[0].principal_type, PrincipalType::Group);
    assert_eq!(page.assignments[0].principal_name.as_deref(), Some("Sales"));
}

#[tokio::test(start_paused = true)]
async fn an_application_that_is_not_there_is_an_error() {
    let (client, _) = scripted::client(vec![Reply::json(200, &json!({"value": []}))]);
    let error = client.service_principal().await.unwrap_err();
    assert_eq!(error.kind(), &Kind::AppUnknown);
    let (client, _) = scripted::client(vec![Reply::json(200, &json!({"value": [{}]}))]);
    assert!(client.assignments_page(PRINCIPAL, None).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_list_of_nobody_can_be_doubted_by_a_read_of_another_kind() {
    let assignment = json!({
        "principalId": PRINCIPAL, "principalType": "User", "appRoleId": Uuid::nil(),
    });
    let (client, script) = scripted::client(vec![
        Reply::json(
            200,
            &json!({"id": PRINCIPAL, "appRoleAssignedTo": [assignment]}),
        ),
        Reply::json(200, &json!({"id": PRINCIPAL})),
    ]);
    let found = client.assignments_sample(PRINCIPAL).await.unwrap();
    assert_eq!(found[0].principal_id, PRINCIPAL);
    assert!(
        script.sent()[1]
            .readable_url()
            .contains("$expand=appRoleAssignedTo")
    );
    // An answer without the property says nothing about anybody.
    assert!(client.assignments_sample(PRINCIPAL).await.is_err());
}
