//! What a webhook's message says by email: plain words, and where to look.
//! Knows no mail server; what sends is given from outside.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use provisioning::ids::ConnectionId;
use serde_json::Value;
use store::connections;
use store::webhook_deliveries::Delivery;
use store::webhooks::WebhookEvent;

use crate::engine::Engine;
use crate::error::Result;

/// An email in plain text. The subject is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// One address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// Why a mail was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// It may be later.
    Now(String),
    /// It will never be (RFC 5321: a reply of 5xx).
    Ever(String),
}

/// What sends mail.
pub trait Mailer: Send + Sync {
    /// Hands one mail to the mail server.
    fn send<'a>(
        &'a self,
        mail: &'a Mail,
    ) -> Pin<Box<dyn Future<Output = std::result::Result<(), Undelivered>> + Send + 'a>>;
}

/// Whether an event is for email: what happens to single people would be a
/// flood.
pub fn is_for_mail(event: WebhookEvent) -> bool {
    !event.name().starts_with("person.")
}

impl Engine {
    /// A message in words.
    pub(crate) async fn worded(&self, to: &str, delivery: &Delivery) -> Result<Mail> {
        let body: Value = serde_json::from_str(&delivery.body).unwrap_or_default();
        let data = &body["data"];
        let id = match delivery.event {
            WebhookEvent::ConnectionUnhealthy | WebhookEvent::ConnectionRecovered => &data["id"],
            _ => &data["connection_id"],
        };
        let tenant = self.tenant_of(id).await?;
        let base = self.options().public_url.as_str().trim_end_matches('/');
        let (subject, says, place) = words(delivery.event, data, &tenant);
        let text = format!("{says}\n\n{base}{place}\n\n-- \nRollcall, {base}\n");
        Ok(Mail {
            to: to.to_owned(),
            subject: one_line(&subject),
            text,
        })
    }

    async fn tenant_of(&self, id: &Value) -> Result<String> {
        let id = id.as_str().and_then(|id| id.parse::<ConnectionId>().ok());
        let found = match id {
            Some(id) => connections::get(self.db(), id).await?,
            None => None,
        };
        let name = found.and_then(|found| found.tenant_domain.or(found.tenant_name));
        Ok(name.unwrap_or_else(|| "a connection".to_owned()))
    }
}

/// Subject, text, and the page to look at.
fn words(event: WebhookEvent, data: &Value, tenant: &str) -> (String, String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let id = text(&data["id"]);
    let reason = match &data["reason"] {
        Value::String(reason) => reason.clone(),
        reason => text(&reason["message"]),
    };
    let connection = format!("/admin/my-company/auth-provision/connections/{id}");
    match event {
        WebhookEvent::RunHeld => (
            format!("A sync of {tenant} waits for approval"),
            format!(
                "{reason}\n\nNothing of it is applied until somebody approves it. What it would do, and to whom:"
            ),
            format!("/runs/{id}"),
        ),
        WebhookEvent::RunFinished => {
            let status = text(&data["status"]);
            (
                format!("A sync of {tenant}: {status}"),
                format!("The sync ended as {status}. {reason}"),
                format!("/runs/{id}"),
            )
        }
        WebhookEvent::ReviewOpened => {
            let name = text(&data["directory_person"]["name"]);
            (
                format!("{name} of {tenant} needs a decision"),
                format!(
                    "Which record {name} is cannot be told for sure ({reason}). Until somebody decides, nothing happens."
                ),
                "/review".to_owned(),
            )
        }
        WebhookEvent::ConnectionRecovered => (
            format!("{tenant} works again"),
            "The connection works again; what was missed meanwhile is read now.".to_owned(),
            connection,
        ),
        WebhookEvent::ConnectionUnhealthy => {
            let message = text(&data["message"]);
            let what = if message.is_empty() { reason } else { message };
            let cure = text(&data["cure"]);
            (
                format!("{tenant} needs you: {what}"),
                format!("{what}\n\nHow to mend it: {cure}"),
                connection,
            )
        }
        person => (
            format!("{}: {}", person.name(), text(&data["name"])),
            reason,
            format!("/people/{id}"),
        ),
    }
}

/// Nothing in a subject begins another header (RFC 5322, 2.2).
fn one_line(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_control() || letter == ' ');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let line = format!("[Rollcall] {}", words.join(" "));
    line.chars().take(150).collect()
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Now(why) | Self::Ever(why)) = self;
        f.write_str(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_event_for_mail_says_what_where_and_how_to_mend_it() {
        let data = json!({
            "id": "42", "status": "failed", "reason": { "message": "Because." },
            "message": "The secret ends.", "cure": "Make another.",
            "directory_person": { "name": "Ada" },
        });
        for event in WebhookEvent::ALL
            .iter()
            .filter(|event| is_for_mail(**event))
        {
            let (subject, says, place) = words(*event, &data, "contoso.com");
            assert!(subject.contains("contoso.com"), "{event:?}: {subject}");
            assert!(
                says.ends_with(['.', ':']) || says.contains(')'),
                "{event:?}: {says}"
            );
            assert!(place.starts_with('/'), "{event:?}: {place}");
        }
        let (_, says, _) = words(WebhookEvent::ConnectionUnhealthy, &data, "contoso.com");
        assert!(says.contains("Make another."));
    }

    #[test]
    fn a_subject_stays_one_line() {
        let line = one_line("Ada\r\nBcc: everybody@example.com\u{0} of  x");
        assert_eq!(line, "[Rollcall] Ada Bcc: everybody@example.com of x");
        assert_eq!(one_line(&"x".repeat(500)).chars().count(), 150);
    }
}
