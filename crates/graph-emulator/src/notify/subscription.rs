//! One subscription: what it watches, until when, on whose token, and what it is told about a change.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::iso_precise;
use crate::directory::edit::Announcement;
use crate::schema::Kind;

/// What a subscription watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    All(Kind),
    One(Kind, Uuid),
    Members(Uuid),
}

impl Resource {
    /// Reads `users`, `groups/{id}`, `groups/{id}/members`, with or without a slash before.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.trim_matches('/').split('/').collect();
        let kind = |name: &str| {
            Kind::ALL
                .into_iter()
                .find(|kind| kind.collection().eq_ignore_ascii_case(name))
        };
        match parts[..] {
            [name] => kind(name).map(Self::All),
            [name, id] => Some(Self::One(kind(name)?, id.parse().ok()?)),
            [name, id, "members"] if kind(name)? == Kind::Group => {
                Some(Self::Members(id.parse().ok()?))
            }
            _ => None,
        }
    }

    /// The kind whose permission is needed.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::All(kind) | Self::One(kind, _) => kind,
            Self::Members(_) => Kind::Group,
        }
    }

    fn covers(self, announcement: &Announcement) -> bool {
        match self {
            Self::All(kind) => kind == announcement.kind,
            Self::One(kind, id) => kind == announcement.kind && id == announcement.id,
            Self::Members(id) => id == announcement.id && announcement.member.is_some(),
        }
    }
}

/// A subscription.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub app_id: Uuid,
    /// The signed-in user; `None` when the application acted for itself.
    pub user_id: Option<Uuid>,
    /// As given, for the answer.
    pub change_type: String,
    pub resource_text: String,
    pub resource: Resource,
    pub notification_url: String,
    pub lifecycle_url: Option<String>,
    pub client_state: Option<String>,
    pub tls_version: String,
    pub expires: Timestamp,
    /// When the token it was made or renewed with expires.
    pub token_expires: Timestamp,
    /// When the next lifecycle event is due.
    pub remind_at: Option<Timestamp>,
}

/// The words of a `changeType`, sorted, for comparison.
pub(crate) fn change_words(change_type: &str) -> Vec<String> {
    let words = change_type
        .split(',')
        .map(|word| word.trim().to_lowercase());
    let mut words: Vec<_> = words.collect();
    words.sort();
    words
}

impl Subscription {
    /// Whether this is the same request as another: then Graph answers 409.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.tenant_id == other.tenant_id
            && self.app_id == other.app_id
            && self.resource == other.resource
            && change_words(&self.change_type) == change_words(&other.change_type)
    }

    pub(crate) fn wants(&self, announcement: &Announcement) -> bool {
        let word = if announcement.deleted {
            "deleted"
        } else {
            "updated"
        };
        self.resource.covers(announcement)
            && change_words(&self.change_type)
                .iter()
                .any(|wanted| wanted == word)
    }

    /// Whether deliveries wait for a renewed token.
    pub(crate) fn paused(&self, now: Timestamp) -> bool {
        self.token_expires <= now
    }

    /// When the next `reauthorizationRequired` follows: earlier and earlier as the end of token or subscription nears.
    pub(crate) fn schedule_reminder(&mut self, now: Timestamp) {
        let minutes = |count| SignedDuration::from_mins(count);
        let left = self.expires.min(self.token_expires).duration_since(now);
        let wait = if left > minutes(180) {
            left - minutes(180)
        } else if left > minutes(60) {
            left / 2
        } else {
            minutes(15)
        };
        let next = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        self.remind_at = (self.lifecycle_url.is_some() && next < self.expires).then_some(next);
    }

    /// The entity as Graph shows it.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "resource": self.resource_text,
            "applicationId": self.app_id,
            "changeType": self.change_type,
            "clientState": self.client_state,
            "notificationUrl": self.notification_url,
            "notificationQueryOptions": null,
            "lifecycleNotificationUrl": self.lifecycle_url,
            "expirationDateTime": iso_precise(self.expires),
            "creatorId": self.user_id.unwrap_or(self.app_id),
            "includeResourceData": null,
            "latestSupportedTlsVersion": self.tls_version,
            "encryptionCertificate": null,
            "encryptionCertificateId": null,
            "notificationUrlAppId": null,
        })
    }

    fn common(&self) -> Value {
        let expires = self.expires.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        json!({
            "subscriptionId": self.id,
            "subscriptionExpirationDateTime": expires,
            "clientState": self.client_state,
            "tenantId": self.tenant_id,
        })
    }

    /// The notification of a change.
    pub(crate) fn notification(&self, announcement: &Announcement) -> Value {
        let (kind, id) = (announcement.kind, announcement.id);
        let path = format!("{}/{id}", kind.resource());
        let mut data = json!({
            "@odata.type": format!("#Microsoft.Graph.{}", if kind == Kind::User { "User" } else { "Group" }),
            "@odata.id": path,
            "id": id,
            "organizationId": self.tenant_id,
            "eventTime": iso_precise(announcement.at),
            // Ticks since the year 1, as the samples have it.
            "sequenceNumber": 621_355_968_000_000_000 + announcement.at.as_microsecond() * 10,
        });
        if let Some((id, kind, removed)) = announcement.member {
            let mut entry = json!({"id": id, "@odata.type": kind.odata_type()});
            if removed {
                entry["@removed"] = "deleted".into();
            }
            data["members@delta"] = json!([entry]);
        }
        let mut item = self.common();
        item["changeType"] = if announcement.deleted {
            "deleted"
        } else {
            "updated"
        }
        .into();
        item["resource"] = path.into();
        item["resourceData"] = data;
        item
    }

    /// The reminder that the token needs renewing.
    pub(crate) fn reminder(&self) -> Value {
        let mut item = self.common();
        item["lifecycleEvent"] = "reauthorizationRequired".into();
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_read_as_documented() {
        let id = Uuid::from_u128(7);
        for (text, expected) in [
            ("users", Some(Resource::All(Kind::User))),
            ("/groups", Some(Resource::All(Kind::Group))),
            (&format!("users/{id}"), Some(Resource::One(Kind::User, id))),
            (&format!("groups/{id}/members"), Some(Resource::Members(id))),
            (&format!("users/{id}/members"), None),
            ("users/amy", None),
            ("me/messages", None),
        ] {
            assert_eq!(Resource::parse(text), expected, "{text}");
        }
    }
}
