//! Invitations make guests who have not accepted yet.

use http::{Method, StatusCode};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn an_invited_person_waits_for_acceptance() {
    let world = World::new().await;
    let body = json!({"invitedUserEmailAddress": "gus.g@fabrikam.com", "inviteRedirectUrl": "https://x.example", "invitedUserDisplayName": "Gus"});
    let made = world.write(Method::POST, "invitations", body.clone()).await;
    assert_eq!(made["status"], "PendingAcceptance");
    let id = made["invitedUser"]["id"].as_str().unwrap();
    let select = "userPrincipalName,userType,creationType,externalUserState,mail,otherMails,displayName,identities";
    let guest = world.read(&format!("users/{id}?$select={select}")).await;
    assert_eq!(
        guest["userPrincipalName"],
        "gus.g_fabrikam.com#EXT#@contoso.onmicrosoft.com"
    );
    assert_eq!(
        (&guest["userType"], &guest["creationType"]),
        (&json!("Guest"), &json!("Invitation"))
    );
    assert_eq!(guest["externalUserState"], "PendingAcceptance");
    assert_eq!(guest["otherMails"], json!(["gus.g@fabrikam.com"]));
    assert_eq!(
        guest["identities"].as_array().unwrap().len(),
        1,
        "no federated identity before acceptance"
    );
    let again = world.try_write(Method::POST, "invitations", body).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    let nobody =
        json!({"invitedUserEmailAddress": "nobody", "inviteRedirectUrl": "https://x.example"});
    assert_eq!(
        world
            .try_write(Method::POST, "invitations", nobody)
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
}
