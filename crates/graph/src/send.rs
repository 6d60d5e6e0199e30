//! Sending a call: token, pace, retries, and what a refusal means.
//!
//! Knows no endpoint; each module describes its own calls.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE,
};
use http::{Request, StatusCode};
use secrecy::ExposeSecret;

use crate::call::Call;
use crate::client::GraphClient;
use crate::error::{GraphError, Kind};
use crate::graph_code;
use crate::link::is_on_graph_host;
use crate::retry::retry_after;
use crate::token::AccessToken;
use crate::transport::{Answer, TransportError};
use crate::wire::Malformed;

/// How often a body that breaks off is asked for.
const TRIES_FOR_A_WHOLE_BODY: u32 = 3;

/// What has been tried for one call.
#[derive(Default)]
struct Attempts {
    made: u32,
    waited: Duration,
    has_refreshed: bool,
}

enum Verdict {
    Done(Answer),
    AgainAfter(Duration),
}

impl GraphClient {
    /// Sends `call` until it succeeds or patience ends.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, GraphError> {
        let mut attempts = Attempts::default();
        loop {
            // Waiting comes first: a token must not grow old in the queue.
            self.keep_pace(call).await?;
            let token = self.token().await?;
            let request = self.request(call, &token)?;
            let result = self.exchange(call, request, attempts.made > 0).await;
            attempts.made += 1;
            match self.judge(call, result, &token, &mut attempts).await? {
                Verdict::Done(answer) => return Ok(answer),
                Verdict::AgainAfter(wait) => {
                    attempts.waited += wait;
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Sends `call` and converts its body; one that breaks off is asked for
    /// again, and is an error when it keeps doing so.
    pub(crate) async fn read<T>(
        &self,
        call: &Call,
        convert: impl Fn(&Answer) -> Result<T, Malformed>,
    ) -> Result<T, GraphError> {
        let mut tries = 0;
        let mut waited = Duration::ZERO;
        loop {
            let answer = self.send(call).await?;
            let Malformed { what, is_cut_short } = match convert(&answer) {
                Ok(value) => return Ok(value),
                Err(malformed) => malformed,
            };
            tries += 1;
            let wait = self
                .retry_policy()
                .wait(tries + 1, waited, None, self.environment());
            match wait {
                Some(wait) if is_cut_short && tries < TRIES_FOR_A_WHOLE_BODY => {
                    waited += wait;
                    tokio::time::sleep(wait).await;
                }
                _ => {
                    return Err(call
                        .malformed(what)
                        .with_status(answer.status)
                        .with_request_id(graph_code::request_id(&answer)));
                }
            }
        }
    }

    async fn keep_pace(&self, call: &Call) -> Result<(), GraphError> {
        loop {
            let Some(wait) = self.admit(call.units) else {
                return Ok(());
            };
            if wait > self.retry_policy().longest_wait {
                let retry_after = Some(wait);
                return Err(call.fail(Kind::Throttled { retry_after }));
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Books `units` in the tenant and in all tenants, or says how long to wait.
    fn admit(&self, units: u32) -> Option<Duration> {
        let now = self.environment().instant();
        let (mut tenant, mut all) = (self.budget(), self.application_budget());
        let wait = tenant.wait(now, units).max(all.wait(now, units));
        if wait.is_none() {
            tenant.book(now, units);
            all.book(now, units);
        }
        wait
    }

    async fn exchange(
        &self,
        call: &Call,
        request: Request<Bytes>,
        is_again: bool,
    ) -> Result<Answer, TransportError> {
        self.counters().sent(is_again);
        let transport = &self.environment().transport;
        let answer = transport.send(request, self.max_body_bytes()).await?;
        self.learn(call, &answer);
        Ok(answer)
    }

    fn request(&self, call: &Call, token: &AccessToken) -> Result<Request<Bytes>, GraphError> {
        let url = call.url(self.graph_base())?;
        // Links are checked where they are made; this is the last door.
        if !is_on_graph_host(self.cloud(), &url) {
            return Err(call.fail(Kind::NotATokenHost));
        }
        let unusable = |error: http::Error| call.fail(Kind::Refused).with_source(error);
        let bearer = format!("Bearer {}", token.secret.expose_secret());
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|error| unusable(error.into()))?;
        bearer.set_sensitive(true);
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(url.as_str())
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT, "application/json")
            .header("client-request-id", self.environment().uuid().to_string());
        if call.is_plain {
            request = request.header(ACCEPT_ENCODING, "identity");
        }
        if call.is_advanced {
            request = request.header("ConsistencyLevel", "eventual");
        }
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request
            .body(call.body.clone().unwrap_or_default())
            .map_err(unusable)
    }

    fn learn(&self, call: &Call, answer: &Answer) {
        let number = |name: &str| answer.header(name)?.trim().parse::<f64>().ok();
        let units = answer
            .header("x-ms-resource-unit")
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(call.units);
        let share = number("x-ms-throttle-limit-percentage");
        let is_throttled = answer.status == StatusCode::TOO_MANY_REQUESTS;
        let now = self.environment().instant();
        self.budget().learn(now, call.units, units, share);
        // The header does not tell whose limit is near.
        self.application_budget()
            .learn(now, call.units, units, None);
        self.counters()
            .answered(units, answer.body.len(), is_throttled);
    }

    async fn judge(
        &self,
        call: &Call,
        result: Result<Answer, TransportError>,
        token: &AccessToken,
        attempts: &mut Attempts,
    ) -> Result<Verdict, GraphError> {
        let answer = match result {
            Ok(answer) if answer.status.is_success() => return Ok(Verdict::Done(answer)),
            Ok(answer) => answer,
            Err(error) => {
                let error = GraphError::from_transport(error, &call.doing);
                return self.again_if_passing(error, None, attempts);
            }
        };
        let error = graph_code::error(&answer, &call.doing, call.permission);
        let asked = retry_after(&answer.headers, self.environment().now());
        if is_claims_challenge(&answer) {
            return Err(error.with_kind(Kind::NeedsReconnect).with_cure(Some(
                "A policy of the tenant asks for a fresh sign-in: press Azure Connect.",
            )));
        }
        match answer.status {
            StatusCode::UNAUTHORIZED if !attempts.has_refreshed => {
                attempts.has_refreshed = true;
                self.discard_token(token).await;
                Ok(Verdict::AgainAfter(Duration::ZERO))
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let scope = answer.header("x-ms-throttle-scope").unwrap_or_default();
                self.slow_down(error, scope, asked, attempts)
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                self.environment().transport.renew_connections();
                self.again_if_passing(error, asked, attempts)
            }
            _ => self.again_if_passing(error, asked, attempts),
        }
    }

    fn slow_down(
        &self,
        error: GraphError,
        scope: &str,
        asked: Option<Duration>,
        attempts: &Attempts,
    ) -> Result<Verdict, GraphError> {
        let retry_after = asked;
        let error = error.with_kind(Kind::Throttled { retry_after });
        let verdict = self.again_if_passing(error, asked, attempts);
        let wait = match &verdict {
            Ok(Verdict::AgainAfter(wait)) => Some(*wait),
            _ => asked,
        };
        if let Some(wait) = wait {
            let now = self.environment().instant();
            let mut budget = match scope.split('/').next() {
                Some("Application") => self.application_budget(),
                _ => self.budget(),
            };
            budget.block(now + wait);
        }
        verdict
    }

    fn again_if_passing(
        &self,
        error: GraphError,
        asked: Option<Duration>,
        attempts: &Attempts,
    ) -> Result<Verdict, GraphError> {
        if !matches!(error.kind(), Kind::Transient | Kind::Throttled { .. }) {
            return Err(error);
        }
        let wait = self.retry_policy().wait(
            attempts.made + 1,
            attempts.waited,
            asked,
            self.environment(),
        );
        match wait {
            Some(wait) => {
                tracing::debug!(%error, ?wait, "trying again");
                Ok(Verdict::AgainAfter(wait))
            }
            None => Err(error),
        }
    }
}

/// Continuous access evaluation, or a policy for clients that do not know it.
fn is_claims_challenge(answer: &Answer) -> bool {
    let refused = matches!(
        answer.status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    );
    refused
        && answer
            .headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|text| text.contains("insufficient_claims"))
}

#[cfg(test)]
mod tests;
