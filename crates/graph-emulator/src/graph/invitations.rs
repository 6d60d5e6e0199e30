//! Inviting a person from elsewhere: makes a guest who has not accepted yet.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{Answer, Call, Reply};
use crate::clock::iso;
use crate::directory::identity::external_upn;
use crate::directory::record::Changes;
use crate::error::GraphError;
use crate::permission::INVITE;
use crate::schema::{Kind, known::user};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    invited_user_email_address: String,
    invite_redirect_url: String,
    invited_user_display_name: Option<String>,
    invited_user_type: Option<String>,
    #[serde(default)]
    send_invitation_message: bool,
    /// Taken and not looked at: no mail is sent.
    #[serde(default, rename = "invitedUserMessageInfo")]
    _message: Value,
}

/// `POST /invitations`.
pub(super) fn create(call: &Call<'_>) -> Answer {
    call.require_write(INVITE)?;
    let body: Body = call.body()?;
    let mail = &body.invited_user_email_address;
    let name = match mail.split_once('@') {
        Some((name, domain)) if !name.is_empty() && domain.contains('.') => name,
        _ => {
            return Err(GraphError::bad_request(
                "The invited user email address is invalid.",
            ));
        }
    };
    let kind = body.invited_user_type.as_deref().unwrap_or("Guest");
    if !["Guest", "Member"].contains(&kind) {
        return Err(GraphError::bad_request(
            "Invalid value specified for property 'invitedUserType' of resource 'Invitation'.",
        ));
    }
    let id = call.core().chance.uuid();
    call.edit(|tenant, now| {
        let upn = external_upn(mail, &tenant.initial_domain);
        let mut changes = Changes::default();
        changes.set(
            user::DISPLAY_NAME,
            body.invited_user_display_name.as_deref().unwrap_or(name),
        );
        changes.set(user::MAIL, mail.as_str());
        changes.set(user::OTHER_MAILS, json!([mail]));
        changes.set(
            user::MAIL_NICKNAME,
            upn.split('@').next().unwrap_or_default(),
        );
        changes.set(user::UPN, upn);
        changes.set(user::USER_TYPE, kind);
        changes.set(user::CREATION_TYPE, "Invitation");
        changes.set(user::EXTERNAL_STATE, "PendingAcceptance");
        changes.set(user::EXTERNAL_STATE_AT, iso(now));
        tenant.create(Kind::User, id, changes, now)?;
        Ok(())
    })?;
    let redeem = format!("{}/redeem?rd={id}", call.request.base);
    let answer = json!({
        "@odata.context": call.context("invitations/$entity"),
        "id": call.core().chance.uuid(),
        "inviteRedeemUrl": redeem,
        "inviteRedirectUrl": body.invite_redirect_url,
        "invitedUserDisplayName": body.invited_user_display_name,
        "invitedUserEmailAddress": mail,
        "invitedUserType": kind,
        "sendInvitationMessage": body.send_invitation_message,
        "resetRedemption": false,
        "status": "PendingAcceptance",
        "invitedUser": {"id": id},
    });
    Ok(Reply::json(StatusCode::CREATED, &answer))
}
