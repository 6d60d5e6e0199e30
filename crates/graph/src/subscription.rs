//! Subscriptions: asking Graph to notify us, and keeping that alive.
//!
//! Does not know what a notification leads to.
//! Source: <https://learn.microsoft.com/graph/change-notifications-delivery-webhooks>.

use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::call::Call;
use crate::client::GraphClient;
use crate::error::{GraphError, Kind};
use crate::link::{Link, PageGuard};
use crate::page;
use crate::wire::{FromWire, Malformed, Text, timestamp, uuid};

/// The longest a subscription on people or groups may live: 41,760 minutes.
pub const MAX_LIFETIME: Duration = Duration::from_secs(41_760 * 60);

/// Graph allows 100 per application and tenant; more pages than this is a loop.
const MOST_PAGES: usize = 50;
/// `created` is not offered for these resources; `updated` includes it.
const CHANGES: &str = "updated,deleted";

/// What is subscribed to: always the whole tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionResource {
    /// People.
    Users,
    /// Groups, with their memberships.
    Groups,
}

impl SubscriptionResource {
    /// The resource as Graph names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
        }
    }

    fn permission(self) -> &'static str {
        match self {
            Self::Users => "User.Read.All",
            Self::Groups => "Group.Read.All",
        }
    }
}

/// A subscription to be made.
#[derive(Debug, Clone)]
pub struct SubscriptionRequest {
    /// What about.
    pub resource: SubscriptionResource,
    /// Where notifications go: https, reachable from the internet.
    pub notification_url: String,
    /// Where lifecycle notifications go; cannot be added later.
    pub lifecycle_url: Option<String>,
    /// Comes with every notification, to recognise it; at most 128 characters.
    pub client_state: SecretString,
    /// Until when; see [`MAX_LIFETIME`].
    pub expires: Timestamp,
}

/// What to do when one for the same resource exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnConflict {
    /// Keep it, with its client state, and move its end: after a create call
    /// whose answer was lost.
    Adopt,
    /// Delete it and make a new one: when its client state is not known.
    Replace,
}

/// How a subscription came to be ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// It was made.
    Created(Subscription),
    /// It existed and was renewed.
    Adopted(Subscription),
}

impl Creation {
    /// The subscription.
    pub fn subscription(&self) -> &Subscription {
        match self {
            Self::Created(subscription) | Self::Adopted(subscription) => subscription,
        }
    }
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: Uuid,
    /// What about, as Graph says it.
    pub resource: String,
    /// Until when.
    pub expires: Timestamp,
    /// Where notifications go, when it is told.
    pub notification_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateBody<'a> {
    change_type: &'a str,
    resource: &'a str,
    notification_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifecycle_notification_url: Option<&'a str>,
    client_state: &'a str,
    expiration_date_time: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireSubscription<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    resource: Text<'a>,
    #[serde(borrow)]
    expiration_date_time: Text<'a>,
    #[serde(borrow, default)]
    notification_url: Option<Text<'a>>,
}

impl<'a> FromWire<'a> for Subscription {
    type Wire = WireSubscription<'a>;

    fn from_wire(wire: WireSubscription<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            id: uuid(wire.id.as_str(), "id")?,
            resource: wire.resource.into_string(),
            expires: timestamp(wire.expiration_date_time.as_str(), "expirationDateTime")?,
            notification_url: wire.notification_url.map(Text::into_string),
        })
    }
}

impl GraphClient {
    /// Subscribes. Graph validates the addresses before it answers, so they
    /// must be served meanwhile.
    ///
    /// # Errors
    /// [`Kind::NotificationAddress`] when it cannot, [`Kind::SubscriptionQuota`]
    /// when there are too many.
    pub async fn create_subscription(
        &self,
        request: &SubscriptionRequest,
        on_conflict: OnConflict,
    ) -> Result<Creation, GraphError> {
        let error = match self.create(request).await {
            Ok(subscription) => return Ok(Creation::Created(subscription)),
            Err(error) => error,
        };
        let Kind::SubscriptionExists { id } = *error.kind() else {
            return Err(error);
        };
        let existing = match id {
            Some(id) => id,
            None => self.existing(request).await?.ok_or(error)?,
        };
        match on_conflict {
            OnConflict::Adopt => {
                let adopted = self.renew_subscription(existing, request.expires).await?;
                Ok(Creation::Adopted(adopted))
            }
            OnConflict::Replace => {
                self.delete_subscription(existing).await?;
                self.create(request).await.map(Creation::Created)
            }
        }
    }

    /// Moves the end of a subscription; also gives it the newest token.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when it is gone and has to be made anew.
    pub async fn renew_subscription(
        &self,
        id: Uuid,
        expires: Timestamp,
    ) -> Result<Subscription, GraphError> {
        let path = format!("subscriptions/{id}");
        let body = json!({"expirationDateTime": expires});
        let doing = "renewing a subscription";
        let call = Call::with_body(Method::PATCH, doing, "User.Read.All", &path, &body);
        self.item(&call).await
    }

    /// Gives a subscription the newest token without moving its end.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when it is gone and has to be made anew.
    pub async fn reauthorize_subscription(&self, id: Uuid) -> Result<(), GraphError> {
        let path = format!("subscriptions/{id}/reauthorize");
        let doing = "reauthorizing a subscription";
        let call = Call::bare(Method::POST, doing, "User.Read.All", &path);
        self.send(&call).await.map(drop)
    }

    /// Ends a subscription. Returns whether there was one.
    pub async fn delete_subscription(&self, id: Uuid) -> Result<bool, GraphError> {
        let path = format!("subscriptions/{id}");
        let doing = "ending a subscription";
        let call = Call::bare(Method::DELETE, doing, "User.Read.All", &path);
        match self.send(&call).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == &Kind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// This application's subscriptions in the tenant. A delegated connection
    /// sees only those made for the same signed-in person.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, GraphError> {
        const DOING: &str = "listing the subscriptions";
        const PERMISSION: &str = "User.Read.All";
        let mut guard = PageGuard::new(MOST_PAGES);
        let mut all = Vec::new();
        let mut from: Option<Link> = None;
        loop {
            let first = || Call::get(DOING, PERMISSION, "subscriptions");
            let call = page::call(from.as_ref(), DOING, PERMISSION, first);
            let page = self.list_page(&call).await?;
            all.extend(page.items);
            let Some(next) = page.next else {
                return Ok(all);
            };
            guard.follow(&next)?;
            from = Some(next);
        }
    }

    /// Subscribes and ends it at once, to see whether Graph reaches us.
    pub(crate) async fn try_subscription(
        &self,
        request: &SubscriptionRequest,
    ) -> Result<(), GraphError> {
        let made = self.create(request).await?;
        self.delete_subscription(made.id).await.map(drop)
    }

    async fn create(&self, request: &SubscriptionRequest) -> Result<Subscription, GraphError> {
        let body = CreateBody {
            change_type: CHANGES,
            resource: request.resource.name(),
            notification_url: &request.notification_url,
            lifecycle_notification_url: request.lifecycle_url.as_deref(),
            client_state: request.client_state.expose_secret(),
            expiration_date_time: request.expires,
        };
        let doing = format!("subscribing to {}", request.resource.name());
        let permission = request.resource.permission();
        let call = Call::with_body(Method::POST, doing, permission, "subscriptions", &body);
        self.item(&call).await.map_err(refined)
    }

    /// Found by what it is about and where it sends, when the conflict does
    /// not name it.
    async fn existing(&self, request: &SubscriptionRequest) -> Result<Option<Uuid>, GraphError> {
        let all = self.subscriptions().await?;
        let is_same = |candidate: &&Subscription| {
            let resource = candidate.resource.trim_start_matches('/');
            resource.eq_ignore_ascii_case(request.resource.name())
        };
        Ok(all.iter().find(is_same).map(|found| found.id))
    }
}

/// Gives the refusals of a create call their own kinds. The message is all
/// that tells some of them apart.
fn refined(error: GraphError) -> GraphError {
    let code = error.provider_code().unwrap_or_default();
    let message = error.message().unwrap_or_default();
    let kind = match error.status() {
        Some(409) => Kind::SubscriptionExists {
            id: message
                .split(|c: char| !(c.is_ascii_hexdigit() || c == '-'))
                .find_map(|word| Uuid::try_parse(word).ok()),
        },
        Some(400) if is_about_the_address(code, message) => Kind::NotificationAddress,
        Some(403) if code == "ExtensionError" || message.contains("Maximum number") => {
            Kind::SubscriptionQuota
        }
        _ => return error,
    };
    error.with_kind(kind)
}

fn is_about_the_address(code: &str, message: &str) -> bool {
    code == "ValidationError" || message.to_ascii_lowercase().contains("validation request")
}

#[cfg(test)]
mod tests;
