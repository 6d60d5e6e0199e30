//! The words for each kind of failure: what happened, and what an operator
//! does about it.
//!
//! Knows the kinds only; a cure for one particular Microsoft code stands in
//! its table (`aadsts`).

use crate::error::Kind;

/// What happened, as the middle of a sentence.
pub(crate) fn what(kind: &Kind) -> String {
    let text = match kind {
        Kind::NeedsReconnect => "the sign-in is no longer valid",
        Kind::Configuration => "the application registration or its settings are wrong",
        Kind::ConsentMissing => "nobody has consented for this tenant",
        Kind::ConsentDeclined => "consent was refused",
        Kind::PermissionMissing { permission } => {
            return format!("the permission {permission} is missing");
        }
        Kind::WrongCloud => "the tenant lives in another Microsoft cloud",
        Kind::TenantUnknown => "there is no such tenant",
        Kind::WrongTenant => "the sign-in was to another tenant",
        Kind::WrongSecret => "the application key is wrong",
        Kind::SecretExpired => "the application key has expired",
        Kind::AppUnknown => "the application is not known in this tenant",
        Kind::AppDisabled => "the application is switched off in this tenant",
        Kind::ConditionalAccess => "a Conditional Access policy stops the sign-in",
        Kind::AssignmentRequired => "the account is not assigned to the application",
        Kind::GuestAccount => "the signed-in account is a guest",
        Kind::Throttled { .. } => "Microsoft asks us to wait",
        Kind::Transient => "Microsoft could not be reached or could not answer",
        Kind::NotFound => "the object is not there",
        Kind::ResyncRequired => "the change history has ended",
        Kind::PageExpired => "the page link has expired",
        Kind::EndlessPages => "the pages do not end",
        Kind::NotATokenHost => "a link leads away from the Graph host",
        Kind::Malformed { what } => return format!("the answer is malformed: {what}"),
        Kind::IdTokenInvalid { reason } => return format!("the ID token was refused: {reason}"),
        Kind::CertificateUntrusted => "the host's certificate is not trusted",
        Kind::NotificationAddress => "Microsoft could not validate the notification address",
        Kind::SubscriptionQuota => "there are too many subscriptions",
        Kind::SubscriptionExists { .. } => "a subscription for this resource exists already",
        Kind::TokenNotStored => "the new refresh token could not be stored",
        Kind::Refused => "Microsoft refused the request",
    };
    text.to_owned()
}

/// What an operator does about it, as a sentence.
pub(crate) fn of(kind: &Kind) -> String {
    let text = match kind {
        Kind::NeedsReconnect => {
            "Press Azure Connect and sign in again with a member account of the tenant."
        }
        Kind::Configuration => {
            "Compare the application registration in Entra with the setup guide: account types, redirect URL, permissions."
        }
        Kind::ConsentMissing => {
            "Press Azure Connect as an administrator of the tenant and accept for the whole organization."
        }
        Kind::ConsentDeclined => {
            "Ask an administrator of the tenant to press Azure Connect and accept the permissions."
        }
        Kind::PermissionMissing { permission } => {
            return format!(
                "Add the Microsoft Graph permission {permission} to the application registration, grant admin consent, and press Azure Connect again."
            );
        }
        Kind::WrongCloud => {
            "Set microsoft.cloud to the cloud the tenant lives in; a registration exists once per cloud."
        }
        Kind::TenantUnknown => "Check the tenant domain name or tenant ID of the connection.",
        Kind::WrongTenant => {
            "Sign in with an account of the tenant this connection is for, or add a connection for the other tenant."
        }
        Kind::WrongSecret => {
            "Enter the Value (not the ID) of the client secret as the Application Key."
        }
        Kind::SecretExpired => {
            "Make a new client secret in the application registration and enter it as the Application Key."
        }
        Kind::AppUnknown => {
            "Check the Application ID, and that an administrator of this tenant has consented to it."
        }
        Kind::AppDisabled => {
            "Enable sign-in for the enterprise application in Entra: Enterprise applications, Properties."
        }
        Kind::ConditionalAccess => {
            "Have the tenant's administrator exclude the connecting account from the policy, or use an application (app-only) connection."
        }
        Kind::AssignmentRequired => {
            "Assign the connecting account to the enterprise application under Users and groups."
        }
        Kind::GuestAccount => "Connect with a member account: guests cannot read the directory.",
        Kind::Throttled { .. } => "Nothing to do: the work goes on when Microsoft allows it.",
        Kind::Transient => {
            "Nothing to do: it is tried again. If it lasts, check the network, DNS and Microsoft's service health."
        }
        Kind::NotFound => "Check that the object still exists in Entra.",
        Kind::ResyncRequired => "Nothing to do: the tenant is read in full once.",
        Kind::PageExpired => "Nothing to do: the list is read again from its start.",
        Kind::EndlessPages => {
            "Nothing was changed; run a full sync, and report the request id if it repeats."
        }
        Kind::NotATokenHost => {
            "No token was sent. Check microsoft.cloud and microsoft.graph_url; if they are right, report this."
        }
        Kind::Malformed { .. } => {
            "Nothing was changed. If it repeats, check for a proxy that alters answers, and report it with the request id."
        }
        Kind::IdTokenInvalid { .. } => {
            "Start the sign-in again; if it repeats, check the server's clock and microsoft.cloud."
        }
        Kind::CertificateUntrusted => {
            "Set microsoft.ca_file to the certificate authority of the host or of the inspecting proxy."
        }
        Kind::NotificationAddress => {
            "Make server.public_url reachable from the internet over https, or set sync.notifications to off; polling goes on meanwhile."
        }
        Kind::SubscriptionQuota => "Remove unused subscriptions; polling goes on meanwhile.",
        Kind::SubscriptionExists { .. } => "Nothing to do: the existing subscription is used.",
        Kind::TokenNotStored => {
            "Check the database; the sign-in stays valid and storing is tried again."
        }
        Kind::Refused => {
            "Report this with the request id: the request should not have been sent like this."
        }
    };
    text.to_owned()
}
