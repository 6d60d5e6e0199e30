//! Bodies of change and lifecycle notifications.
//!
//! Anybody can send one, so it is read leniently, believed in nothing, and
//! recognised by its client state; the caller looks at the directory itself.
//! Source: <https://learn.microsoft.com/graph/api/resources/changenotification>.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// What one POST holds. It may mix subscriptions and tenants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotificationBatch {
    /// Changes.
    pub notifications: Vec<Notification>,
    /// News about subscriptions.
    pub lifecycle: Vec<Lifecycle>,
    /// Items without a usable subscription id.
    pub unreadable: usize,
}

/// A hint that something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The subscription it claims to come from.
    pub subscription_id: Uuid,
    /// What it brings to be recognised by.
    pub client_state: Option<String>,
    /// The tenant it claims to be about.
    pub tenant_id: Option<Uuid>,
    /// What kind of object.
    pub kind: ResourceKind,
    /// Which object.
    pub object_id: Option<Uuid>,
    /// What happened; a soft deletion comes as an update.
    pub change: ChangeKind,
    /// When, as far as it is told.
    pub event_time: Option<Timestamp>,
}

/// News about a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    /// The subscription it claims to be about.
    pub subscription_id: Uuid,
    /// What it brings to be recognised by.
    pub client_state: Option<String>,
    /// The tenant it claims to be about.
    pub tenant_id: Option<Uuid>,
    /// What is to be done.
    pub event: LifecycleEvent,
}

/// What kind of object changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceKind {
    /// A person.
    User,
    /// A group, or its members.
    Group,
    /// Something else.
    Other,
}

/// What happened to the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Not sent for people and groups; understood all the same.
    Created,
    /// Created, changed, or softly deleted.
    Updated,
    /// Deleted for good.
    Deleted,
    /// Something else.
    Other,
}

/// What a lifecycle notification asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LifecycleEvent {
    /// Reauthorize or renew, or notifications will stop.
    ReauthorizationRequired,
    /// Make it anew, and read what was missed.
    SubscriptionRemoved,
    /// Read what was missed.
    Missed,
    /// Newer than this connector; worth a line in the log.
    Other(String),
}

#[derive(Deserialize)]
struct Outline {
    value: Vec<Value>,
}

impl NotificationBatch {
    /// Reads a body. Items that cannot be used are counted, not refused.
    ///
    /// # Errors
    /// When it is not JSON with a `value` list.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        let outline: Outline = serde_json::from_slice(body)?;
        let mut batch = Self::default();
        for item in &outline.value {
            batch.add(item);
        }
        Ok(batch)
    }

    fn add(&mut self, item: &Value) {
        let Some(item) = item.as_object() else {
            self.unreadable += 1;
            return;
        };
        let Some(subscription_id) = guid(item, "subscriptionId") else {
            self.unreadable += 1;
            return;
        };
        let client_state = text(item, "clientState").map(str::to_owned);
        let tenant_id = guid(item, "tenantId");
        if let Some(event) = text(item, "lifecycleEvent") {
            self.lifecycle.push(Lifecycle {
                subscription_id,
                client_state,
                tenant_id,
                event: LifecycleEvent::of(event),
            });
            return;
        }
        let empty = Map::new();
        let data = get(item, "resourceData")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        let resource = text(item, "resource").unwrap_or_default();
        let (kind, id_in_path) = split(resource);
        self.notifications.push(Notification {
            subscription_id,
            client_state,
            tenant_id: tenant_id.or_else(|| guid(data, "organizationId")),
            kind: match kind {
                ResourceKind::Other => kind_of(text(data, "@odata.type").unwrap_or_default()),
                known => known,
            },
            object_id: guid(data, "id").or(id_in_path),
            change: ChangeKind::of(text(item, "changeType").unwrap_or_default()),
            event_time: text(data, "eventTime").and_then(|text| text.parse().ok()),
        });
    }
}

impl Notification {
    /// Whether it brings `expected`; takes the same time for every guess.
    pub fn client_state_is(&self, expected: &str) -> bool {
        is_same(self.client_state.as_deref(), expected)
    }
}

impl Lifecycle {
    /// Whether it brings `expected`; takes the same time for every guess.
    pub fn client_state_is(&self, expected: &str) -> bool {
        is_same(self.client_state.as_deref(), expected)
    }
}

impl ChangeKind {
    fn of(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "created" => Self::Created,
            "updated" => Self::Updated,
            "deleted" => Self::Deleted,
            _ => Self::Other,
        }
    }
}

impl LifecycleEvent {
    fn of(name: &str) -> Self {
        const LONGEST: usize = 64;
        match name.to_ascii_lowercase().as_str() {
            "reauthorizationrequired" => Self::ReauthorizationRequired,
            "subscriptionremoved" => Self::SubscriptionRemoved,
            "missed" => Self::Missed,
            _ => Self::Other(name.chars().take(LONGEST).collect()),
        }
    }
}

fn is_same(brought: Option<&str>, expected: &str) -> bool {
    !expected.is_empty()
        && brought.is_some_and(|state| state.as_bytes().ct_eq(expected.as_bytes()).into())
}

/// `Users/{id}`, `groups/{id}/members`, in any case, with or without a slash.
fn split(resource: &str) -> (ResourceKind, Option<Uuid>) {
    let mut parts = resource.split('/').filter(|part| !part.is_empty());
    let kind = match parts
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
        .as_str()
    {
        "users" => ResourceKind::User,
        "groups" => ResourceKind::Group,
        _ => return (ResourceKind::Other, None),
    };
    let id = parts.next().and_then(|part| Uuid::try_parse(part).ok());
    (kind, id)
}

fn kind_of(odata_type: &str) -> ResourceKind {
    let name = odata_type.rsplit('.').next().unwrap_or_default();
    if name.eq_ignore_ascii_case("user") {
        ResourceKind::User
    } else if name.eq_ignore_ascii_case("group") {
        ResourceKind::Group
    } else {
        ResourceKind::Other
    }
}

/// A property, whatever its case.
fn get<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| {
        object
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    get(object, name)?.as_str()
}

fn guid(object: &Map<String, Value>, name: &str) -> Option<Uuid> {
    Uuid::try_parse(text(object, name)?).ok()
}

#[cfg(test)]
mod tests;
