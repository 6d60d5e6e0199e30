//! Limits: a token bucket for each client of the public endpoints, in memory;
//! and failed sign-ins, counted in the database so that every process of an
//! installation sees them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use provisioning::ids::RecordId;
use store::sign_in_attempts;

use crate::AppState;
use crate::error::{Problem, Result};

/// Clients remembered before the full buckets are forgotten.
const REMEMBERED: usize = 10_000;

/// Buckets by client and purpose.
#[derive(Debug, Default)]
pub(crate) struct Buckets(Mutex<HashMap<(&'static str, String), Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// How much a purpose allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    /// What for.
    pub(crate) purpose: &'static str,
    /// Requests at once.
    pub(crate) burst: f64,
    /// Requests a second.
    pub(crate) rate: f64,
}

impl Buckets {
    /// Takes one request out of a client's bucket; `Err` with the seconds
    /// until there is one again.
    pub(crate) fn take(
        &self,
        allowance: Allowance,
        client: &str,
        now: Timestamp,
    ) -> Result<(), u64> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let level = |bucket: &Bucket| {
            let passed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
            (bucket.tokens + passed * allowance.rate).min(allowance.burst)
        };
        if buckets.len() >= REMEMBERED {
            buckets.retain(|(purpose, _), bucket| {
                *purpose != allowance.purpose || level(bucket) < allowance.burst
            });
        }
        if buckets.len() >= REMEMBERED {
            buckets.clear();
        }
        let key = (allowance.purpose, client.to_owned());
        let full = Bucket {
            tokens: allowance.burst,
            at: now,
        };
        let bucket = buckets.entry(key).or_insert(full);
        let tokens = level(bucket);
        if tokens < 1.0 {
            *bucket = Bucket { tokens, at: now };
            return Err(((1.0 - tokens) / allowance.rate).ceil().max(1.0) as u64);
        }
        *bucket = Bucket {
            tokens: tokens - 1.0,
            at: now,
        };
        Ok(())
    }
}

/// How long a failed sign-in counts.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// Failures for one username.
const PER_USER: i64 = 8;
/// Failures from one address.
const PER_ADDRESS: i64 = 60;

/// The keys of one attempt, each with its limit.
pub(crate) fn keys(username: &str, client: &str) -> [(String, i64); 2] {
    let user = format!("user:{}", store::keys::fold(username));
    [(user, PER_USER), (format!("ip:{client}"), PER_ADDRESS)]
}

/// The same of a code after the password.
pub(crate) fn code_keys(id: RecordId, client: &str) -> [(String, i64); 2] {
    let user = format!("code:{id}");
    [(user, PER_USER), (format!("ip:{client}"), PER_ADDRESS)]
}

/// Refuses when there were too many failures.
pub(crate) async fn check_attempts(state: &AppState, keys: &[(String, i64)]) -> Result<()> {
    for (key, most) in keys {
        let now = state.engine.now();
        let failures = sign_in_attempts::failures(state.engine.db(), key, now, WINDOW).await?;
        if failures >= *most {
            let seconds = WINDOW.as_secs().unsigned_abs();
            return Err(Problem::too_many("too many failed sign-ins", seconds)
                .cure("Wait a quarter of an hour, or ask your administrator."));
        }
    }
    Ok(())
}

/// Counts a failure.
pub(crate) async fn count_failure(state: &AppState, keys: &[(String, i64)]) -> Result<()> {
    let mut tx = state.engine.db().begin().await?;
    for (key, _) in keys {
        sign_in_attempts::failed(&mut tx, key, state.engine.now(), WINDOW).await?;
    }
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance {
        purpose: "test",
        burst: 2.0,
        rate: 0.5,
    };

    #[test]
    fn a_bucket_empties_and_fills_with_time_for_each_client_alone() {
        let (buckets, start) = (Buckets::default(), Timestamp::UNIX_EPOCH);
        let at = |seconds| start + SignedDuration::from_secs(seconds);
        assert_eq!(buckets.take(ALLOWANCE, "a", at(0)), Ok(()));
        assert_eq!(buckets.take(ALLOWANCE, "a", at(0)), Ok(()));
        assert_eq!(buckets.take(ALLOWANCE, "a", at(0)), Err(2));
        assert_eq!(buckets.take(ALLOWANCE, "b", at(0)), Ok(()));
        assert_eq!(buckets.take(ALLOWANCE, "a", at(1)), Err(1));
        assert_eq!(buckets.take(ALLOWANCE, "a", at(2)), Ok(()));
    }
}
