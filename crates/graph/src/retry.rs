//! When to try again, and after how long.
//!
//! Knows waiting times only, not what is being tried.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use crate::environment::Environment;

/// How patient a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a request is sent at most.
    pub max_tries: u32,
    /// The first wait; it doubles with each try.
    pub base: Duration,
    /// The longest single wait.
    pub longest_wait: Duration,
    /// The longest wait in all; past it the typed error is returned, so that
    /// the caller can park the work instead of holding it.
    pub patience: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_tries: 8,
            base: Duration::from_secs(1),
            longest_wait: Duration::from_secs(300),
            patience: Duration::from_secs(600),
        }
    }
}

impl RetryPolicy {
    /// How long to wait before try number `next` (the second is 2), or `None`
    /// when it is time to give up.
    pub(crate) fn wait(
        &self,
        next: u32,
        waited: Duration,
        asked: Option<Duration>,
        environment: &Environment,
    ) -> Option<Duration> {
        if next > self.max_tries {
            return None;
        }
        let wait = match asked {
            // A little later than asked, so that clients do not return in step.
            Some(asked) => asked + asked.mul_f64(environment.fraction() * 0.05),
            None => {
                let doublings = next.saturating_sub(2).min(16);
                let ceiling = (self.base * 2_u32.pow(doublings)).min(self.longest_wait);
                ceiling.mul_f64(environment.fraction())
            }
        };
        (wait <= self.longest_wait && waited + wait <= self.patience).then_some(wait)
    }
}

/// The wait an answer asks for: seconds, possibly with a fraction, or a date.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    const A_DAY: f64 = 86_400.0;
    let text = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0)
            .then(|| Duration::from_secs_f64(seconds.min(A_DAY)));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    let seconds = at.duration_since(now).as_secs_f64();
    Some(Duration::from_secs_f64(seconds.clamp(0.0, A_DAY)))
}

#[cfg(test)]
mod tests;
