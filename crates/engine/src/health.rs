//! The health of a connection, line by line, each with what to do about it; and
//! the warnings, each told once: before a secret ends, and of silence.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use store::connections::{self, Connection, ConnectionStatus};
use store::overview::Overview;
use store::webhooks::WebhookEvent;
use store::{StoreError, settings};

use crate::engine::{Engine, Notifications, locked};
use crate::error::Result;
use crate::events::tell;

/// So many days before a secret ends it is told of.
const THRESHOLDS: [i64; 4] = [60, 30, 7, 1];
/// Delta links live for about a week.
const OLD_LINK: SignedDuration = SignedDuration::from_hours(5 * 24);
/// A mirror of this age is behind.
const BEHIND: SignedDuration = SignedDuration::from_hours(1);
/// One of this age is stale.
const STALE: SignedDuration = SignedDuration::from_hours(24);

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Good,
    /// To know.
    Notice,
    /// To do something about soon.
    Warning,
    /// Does not work, or ends within a day.
    Critical,
}

/// One aspect of a connection's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthLine {
    /// Stable: `consent`, `secret`, `notifications`, `change_feed`,
    /// `freshness`, `queue`, `throttling`.
    pub subject: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is so.
    pub detail: String,
    /// What to do about it.
    pub cure: Option<String>,
}

impl HealthLine {
    fn new(subject: &'static str, severity: Severity, detail: impl Into<String>) -> Self {
        Self {
            subject,
            severity,
            detail: detail.into(),
            cure: None,
        }
    }

    fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }
}

impl Engine {
    /// The health of a connection, aspect by aspect.
    pub fn health(&self, of: &Overview) -> Vec<HealthLine> {
        let (connection, now) = (&of.connection, self.now());
        let mut lines = vec![
            consent(connection),
            secret(connection.configuration.secret_expires_at, now),
            self.notifications(of.subscription_ends, now),
            change_feed(of.feed_moved_at, now),
            freshness(connection, self.as_of(connection), now),
            queue(of.waiting),
        ];
        lines.extend(self.throttling(connection));
        lines
    }

    fn notifications(&self, ends: Option<Timestamp>, now: Timestamp) -> HealthLine {
        let line = |severity, detail: &str| HealthLine::new("notifications", severity, detail);
        match (self.options().notifications, ends) {
            (Notifications::Off, _) => line(
                Severity::Notice,
                "off: changes are found by polling alone",
            ),
            (_, None) => line(Severity::Notice, "none: changes are found by polling alone").cure(
                "Make server.public_url reachable from the internet over https; the self-check says what is missing.",
            ),
            (_, Some(at)) if at <= now => line(Severity::Warning, "the subscription has ended; polling goes on")
                .cure("It is made again with the next round; if not, run the self-check."),
            (_, Some(at)) => HealthLine::new(
                "notifications",
                Severity::Good,
                format!("subscribed until {at:.0}; renewed before"),
            ),
        }
    }

    /// What this process has met since it started.
    fn throttling(&self, connection: &Connection) -> Option<HealthLine> {
        let throttled = locked(&self.0.clients)
            .get(&connection.id)
            .map(|client| client.cost().throttled)?;
        Some(match throttled {
            0 => HealthLine::new(
                "throttling",
                Severity::Good,
                "not since this server started",
            ),
            times => HealthLine::new(
                "throttling",
                Severity::Notice,
                format!("Microsoft asked to wait {times} times since this server started"),
            ),
        })
    }

    /// Tells of secrets that end, once for each threshold; whatever is told
    /// already for a secret's end is not told again.
    pub async fn warn_of_ends(&self) -> Result<()> {
        let now = self.now();
        for connection in connections::list(self.db()).await? {
            let Some(ends) = connection.configuration.secret_expires_at else {
                continue;
            };
            let left = days_left(ends, now);
            let Some(reached) = THRESHOLDS.into_iter().rfind(|days| left <= *days) else {
                continue;
            };
            let key = format!("secret_end_told.{}", connection.id);
            let told: Option<((Timestamp, i64), i64)> = settings::get(self.db(), &key).await?;
            let is_told = told.is_some_and(|((of, days), _)| of == ends && days <= reached);
            if is_told {
                continue;
            }
            let line = secret(Some(ends), now);
            let data = json!({
                "id": connection.id, "tenant_id": connection.tenant_id,
                "tenant": connection.tenant_domain, "code": "secret_expires",
                "message": line.detail, "cure": line.cure, "days_left": left,
                "secret_expires_at": ends,
            });
            let seen = told.map_or(0, |(_, version)| version);
            self.tell_once(&key, &(ends, reached), seen, data).await?;
        }
        Ok(())
    }

    /// Tells, once for each time it happens, of connections that nobody has
    /// read for a day though nothing is said against them.
    pub async fn warn_of_silence(&self) -> Result<()> {
        let now = self.now();
        for connection in connections::list(self.db()).await? {
            let works = matches!(
                connection.health.status,
                ConnectionStatus::Connected | ConnectionStatus::Held
            );
            let as_of = self.as_of(&connection).filter(|_| works);
            let Some(as_of) = as_of.filter(|at| now.duration_since(*at) > STALE) else {
                continue;
            };
            let key = format!("silence_told.{}", connection.id);
            let told: Option<(Timestamp, i64)> = settings::get(self.db(), &key).await?;
            if told.as_ref().is_some_and(|(of, _)| *of == as_of) {
                continue;
            }
            let line = freshness(&connection, Some(as_of), now);
            let data = json!({
                "id": connection.id, "tenant_id": connection.tenant_id,
                "tenant": connection.tenant_domain, "code": "stale",
                "message": line.detail, "cure": line.cure, "as_of": as_of,
            });
            let seen = told.map_or(0, |(_, version)| version);
            self.tell_once(&key, &as_of, seen, data).await?;
        }
        Ok(())
    }

    /// Tells of a connection and notes that it was told, unless another worker
    /// does so this moment.
    async fn tell_once(
        &self,
        key: &str,
        told: &impl Serialize,
        seen: i64,
        data: Value,
    ) -> Result<()> {
        let now = self.now();
        let mut tx = self.begin().await?;
        match settings::put(&mut tx, key, told, Some(seen), now).await {
            Err(StoreError::Stale { .. }) => return Ok(()),
            other => other?,
        };
        tracing::warn!(connection = %data["id"], "{}", data["message"]);
        tell(&mut tx, now, WebhookEvent::ConnectionUnhealthy, data).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Whole days until then; none left on the last.
fn days_left(ends: Timestamp, now: Timestamp) -> i64 {
    ends.duration_since(now).as_hours().div_euclid(24)
}

fn consent(connection: &Connection) -> HealthLine {
    let health = &connection.health;
    let severity = match health.status {
        ConnectionStatus::Connected => Severity::Good,
        ConnectionStatus::Paused
        | ConnectionStatus::Connecting
        | ConnectionStatus::AwaitingConsent => Severity::Notice,
        _ if health.code.is_some() => Severity::Critical,
        _ => Severity::Warning,
    };
    let by = connection.consent.as_ref().map(|consent| {
        let who = consent.by.as_deref().unwrap_or("an administrator");
        format!("given by {who} at {:.0}", consent.at)
    });
    let detail = health.reason.clone().or(by);
    let line = HealthLine::new(
        "consent",
        severity,
        detail.unwrap_or_else(|| "not given yet".to_owned()),
    );
    match (&health.cure, severity) {
        (Some(cure), _) => line.cure(cure.clone()),
        (None, Severity::Good) => line,
        (None, _) => line.cure("Press Azure Connect as an administrator of the tenant."),
    }
}

fn secret(ends: Option<Timestamp>, now: Timestamp) -> HealthLine {
    let Some(ends) = ends else {
        return HealthLine::new("secret", Severity::Notice, "it is not known when it ends")
            .cure("Enter the day Entra shows under Certificates & secrets, to be warned before.");
    };
    let left = days_left(ends, now);
    let renew = "Make a new client secret in Entra and enter it as the Application Key.";
    if ends <= now {
        let detail = format!("it has ended, at {ends:.0}");
        return HealthLine::new("secret", Severity::Critical, detail).cure(renew);
    }
    let detail = match left {
        0 => "it ends within a day".to_owned(),
        1 => "it ends in 1 day".to_owned(),
        _ => format!("it ends in {left} days"),
    };
    let severity = match left {
        ..=1 => Severity::Critical,
        2..=30 => Severity::Warning,
        31..=60 => Severity::Notice,
        _ => return HealthLine::new("secret", Severity::Good, detail),
    };
    HealthLine::new("secret", severity, detail).cure(renew)
}

fn change_feed(moved: Option<Timestamp>, now: Timestamp) -> HealthLine {
    match moved {
        None => HealthLine::new("change_feed", Severity::Notice, "not begun: the tenant is read in full first"),
        Some(at) if now.duration_since(at) > OLD_LINK => HealthLine::new(
            "change_feed",
            Severity::Warning,
            format!("the delta link is from {at:.0}; Microsoft keeps them for about a week"),
        )
        .cure("Sync now; if the link has ended, the tenant is read in full once, and nothing is lost."),
        Some(at) => HealthLine::new("change_feed", Severity::Good, format!("the delta link is from {at:.0}")),
    }
}

fn freshness(connection: &Connection, as_of: Option<Timestamp>, now: Timestamp) -> HealthLine {
    let line = |severity, detail: String| HealthLine::new("freshness", severity, detail);
    let cure = "Look at the latest run's error, or at whether a worker is running.";
    match as_of.map(|at| (at, now.duration_since(at))) {
        None => line(Severity::Notice, "never read yet".to_owned()),
        Some((at, _)) if connection.health.status == ConnectionStatus::Paused => {
            line(Severity::Notice, format!("paused; as of {at:.0}"))
        }
        Some((at, age)) if age > STALE => {
            line(Severity::Critical, format!("last read at {at:.0}")).cure(cure)
        }
        Some((at, age)) if age > BEHIND => {
            line(Severity::Warning, format!("last read at {at:.0}")).cure(cure)
        }
        Some((at, _)) => line(Severity::Good, format!("as of {at:.0}")),
    }
}

fn queue(waiting: u64) -> HealthLine {
    match waiting {
        0 => HealthLine::new("queue", Severity::Good, "nobody waits"),
        1 => HealthLine::new("queue", Severity::Good, "1 person waits to be planned"),
        _ => HealthLine::new(
            "queue",
            Severity::Good,
            format!("{waiting} people wait to be planned"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + days * 86_400).unwrap()
    }

    #[test]
    fn a_secret_that_ends_is_told_of_ever_more_urgently() {
        for (days, severity) in [
            (61, Severity::Good),
            (60, Severity::Notice),
            (31, Severity::Notice),
            (30, Severity::Warning),
            (7, Severity::Warning),
            (1, Severity::Critical),
            (0, Severity::Critical),
            (-3, Severity::Critical),
        ] {
            let line = secret(Some(at(days)), at(0));
            assert_eq!(line.severity, severity, "{days}: {}", line.detail);
            assert_eq!(line.cure.is_some(), severity != Severity::Good, "{days}");
        }
    }

    #[test]
    fn what_is_old_is_said_with_its_cure() {
        assert_eq!(change_feed(Some(at(-1)), at(0)).severity, Severity::Good);
        let old = change_feed(Some(at(-6)), at(0));
        assert!(old.severity == Severity::Warning && old.cure.is_some());
        assert_eq!(change_feed(None, at(0)).severity, Severity::Notice);
    }
}
