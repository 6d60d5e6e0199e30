//! Sends what the outbox of webhooks holds, signed as Standard Webhooks or in
//! words by email, again and again at growing distances until it is taken or
//! given up.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use graph::environment::later;
use graph::{Transport, post_json};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::ExposeSecret as _;
use sha2::Sha256;
use store::webhook_deliveries::{self, Delivery};
use store::{StoreError, secrets, webhooks};
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::error::Result;
use crate::mail::{Mailer, Undelivered};
use crate::target::{Target, Ways, check_target};

/// The purpose of a webhook's signing secret.
pub const SIGNING_SECRET: &str = "webhook";

/// Waits before the second attempt and those after it; then it is given up.
const WAITS: [u64; 9] = [5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200];
/// Who does not answer by then has not taken it.
const PATIENCE: Duration = Duration::from_secs(20);
/// A delivery is nobody else's for so long.
const LEASE: Duration = Duration::from_secs(60);
const AT_ONCE: usize = 8;
const BATCH: i64 = 32;
/// How often the outbox is looked at.
const NAP: Duration = Duration::from_secs(1);
/// Answers are not read further than this.
const LONGEST_ANSWER: usize = 64 << 10;

/// Sends webhooks.
#[derive(Clone)]
pub struct Courier {
    engine: Engine,
    transport: Arc<dyn Transport>,
    mailer: Option<Arc<dyn Mailer>>,
    allow_private: bool,
}

/// How an attempt went.
enum Attempt {
    Taken(u16),
    /// By a mail server.
    Mailed,
    /// Perhaps later.
    Failed(Option<u16>, String),
    /// The receiver wants no more of it, or it can go nowhere.
    Hopeless(Option<u16>, String),
}

impl Courier {
    /// A courier by this way. The transport must refuse names that lead to
    /// private addresses unless they are allowed.
    pub fn new(engine: Engine, transport: Arc<dyn Transport>, allow_private: bool) -> Self {
        Self {
            engine,
            transport,
            mailer: None,
            allow_private,
        }
    }

    /// With a mail server too.
    #[must_use]
    pub fn by_mail(self, mailer: Arc<dyn Mailer>) -> Self {
        Self {
            mailer: Some(mailer),
            ..self
        }
    }

    /// Sends until stopped.
    pub async fn work(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.send_due().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => tracing::error!("webhooks could not be sent: {error}"),
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(NAP) => {}
            }
        }
    }

    /// Sends what is due now; how many were tried.
    pub async fn send_due(&self) -> Result<usize> {
        let (db, now) = (self.engine.db(), self.engine.now());
        let due = webhook_deliveries::next_due(db).await?;
        if due.is_none_or(|due| due > now) {
            return Ok(0);
        }
        let mut tx = db.begin().await?;
        let claimed = webhook_deliveries::claim(&mut tx, now, later(now, LEASE), BATCH).await?;
        tx.commit().await?;
        let count = claimed.len();
        let sent = futures::stream::iter(claimed)
            .map(|delivery| self.deliver(delivery))
            .buffer_unordered(AT_ONCE);
        let results: Vec<Result<()>> = sent.collect().await;
        results.into_iter().collect::<Result<()>>()?;
        Ok(count)
    }

    async fn deliver(&self, delivery: Delivery) -> Result<()> {
        let attempt = self.attempt(&delivery).await?;
        let (db, now) = (self.engine.db(), self.engine.now());
        let mut tx = db.begin().await?;
        let (id, number) = (delivery.id, delivery.attempts);
        let (settled, outcome) = match attempt {
            Attempt::Taken(status) => {
                let settled =
                    webhook_deliveries::delivered(&mut tx, id, number, Some(status.into()), now)
                        .await;
                (settled, "delivered")
            }
            Attempt::Mailed => {
                let settled = webhook_deliveries::delivered(&mut tx, id, number, None, now).await;
                (settled, "delivered")
            }
            Attempt::Failed(status, why) => {
                let wait = usize::try_from(number - 1)
                    .ok()
                    .and_then(|at| WAITS.get(at));
                let next = wait.map(|seconds| later(now, Duration::from_secs(*seconds)));
                let status = status.map(i64::from);
                let settled =
                    webhook_deliveries::retry(&mut tx, id, number, status, &why, next).await;
                (settled, "failed")
            }
            Attempt::Hopeless(status, why) => {
                let status = status.map(i64::from);
                let settled =
                    webhook_deliveries::retry(&mut tx, id, number, status, &why, None).await;
                (settled, "given_up")
            }
        };
        metrics::counter!("rollcall_webhook_attempts_total", "outcome" => outcome).increment(1);
        match settled {
            Ok(()) => Ok(tx.commit().await?),
            // It took so long that another courier has it now.
            Err(StoreError::Fenced) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn attempt(&self, delivery: &Delivery) -> Result<Attempt> {
        let db = self.engine.db();
        let Some(webhook) = webhooks::get(db, delivery.webhook_id).await? else {
            return Ok(Attempt::Hopeless(None, "the webhook is gone".to_owned()));
        };
        if !webhook.enabled {
            return Ok(Attempt::Hopeless(
                None,
                "the webhook is switched off".to_owned(),
            ));
        }
        // What is allowed may have changed since the webhook was saved.
        let ways = Ways {
            private: self.allow_private,
            mail: self.mailer.is_some(),
        };
        let url = match check_target(&webhook.url, ways) {
            Ok(Target::Web(url)) => url,
            Ok(Target::Mail(to)) => return self.mail(&to, delivery).await,
            // The mail server may be set up again.
            Err(error) if error.code == "no_mail" => {
                return Ok(Attempt::Failed(None, error.to_string()));
            }
            Err(error) => return Ok(Attempt::Hopeless(None, error.to_string())),
        };
        let secret = secrets::get(db, self.engine.sealer(), webhook.id.0, SIGNING_SECRET).await?;
        let Some(secret) = secret else {
            return Ok(Attempt::Hopeless(
                None,
                "the signing secret is gone".to_owned(),
            ));
        };
        let id = format!("msg_{}_{}", webhook.id.0.simple(), delivery.id);
        let at = self.engine.now().as_second();
        let Some(signature) = sign(secret.expose_secret(), &id, at, &delivery.body) else {
            return Ok(Attempt::Hopeless(
                None,
                "the signing secret is broken".to_owned(),
            ));
        };
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", at.to_string()),
            ("webhook-signature", signature),
        ];
        let body = delivery.body.clone();
        let sent = post_json(&*self.transport, &url, &headers, body, LONGEST_ANSWER);
        Ok(match tokio::time::timeout(PATIENCE, sent).await {
            Err(_) => Attempt::Failed(None, format!("no answer within {} s", PATIENCE.as_secs())),
            Ok(Err(error)) => Attempt::Failed(None, error.to_string()),
            Ok(Ok(answer)) => judged(answer.status.as_u16()),
        })
    }
}

impl Courier {
    async fn mail(&self, to: &str, delivery: &Delivery) -> Result<Attempt> {
        let Some(mailer) = &self.mailer else {
            return Ok(Attempt::Failed(None, "no mail server is set up".to_owned()));
        };
        let mail = self.engine.worded(to, delivery).await?;
        let sent = tokio::time::timeout(PATIENCE, mailer.send(&mail));
        Ok(match sent.await {
            Err(_) => Attempt::Failed(None, format!("no answer within {} s", PATIENCE.as_secs())),
            Ok(Err(Undelivered::Now(why))) => Attempt::Failed(None, why),
            Ok(Err(Undelivered::Ever(why))) => Attempt::Hopeless(None, why),
            Ok(Ok(())) => Attempt::Mailed,
        })
    }
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier").finish_non_exhaustive()
    }
}

/// Redirects are not followed: the address was judged, not where it leads.
fn judged(status: u16) -> Attempt {
    match status {
        200..300 => Attempt::Taken(status),
        410 => Attempt::Hopeless(Some(410), "the receiver wants no more (410)".to_owned()),
        _ => Attempt::Failed(Some(status), format!("the receiver answered {status}")),
    }
}

/// The signature of a message (standardwebhooks.com, version 1); none when the
/// secret is no secret.
pub fn sign(secret: &str, id: &str, timestamp: i64, body: &str) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Some(format!(
        "v1,{}",
        STANDARD.encode(mac.finalize().into_bytes())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_signed_as_the_specification_says() {
        // The example of the Standard Webhooks specification's test suites.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let (id, at) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330);
        let signature = sign(secret, id, at, r#"{"test": 2432232314}"#);
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signature.as_deref(), Some(expected));
        assert_eq!(sign("no secret", id, at, "{}"), None);
    }
}
