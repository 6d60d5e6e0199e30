//! A transport for unit tests that plays a list of answers and remembers what
//! was asked. Knows nothing of Graph.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{ClientOptions, GraphClient};
use crate::cloud::Cloud;
use crate::credential::Credential;
use crate::environment::{Environment, SeededEntropy, TokioClock};
use crate::identity::Application;
use crate::token::TokenSource;
use crate::transport::{Answer, Transport, TransportError, TransportFailure, TransportFuture};

/// What the network does next.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Answer(Answer),
    Failure(TransportFailure),
}

impl Reply {
    pub(crate) fn text(status: u16, body: impl Into<Bytes>) -> Self {
        Self::Answer(Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
        })
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string())
    }

    /// A Graph error body.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(
            status,
            &json!({"error": {"code": code, "message": message}}),
        )
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer(answer) = &mut self {
            let value = HeaderValue::from_str(value).unwrap();
            answer.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// A token answer for an hour.
    pub(crate) fn token(access_token: &str) -> Self {
        Self::json(
            200,
            &json!({"token_type": "Bearer", "expires_in": 3600, "access_token": access_token}),
        )
    }
}

/// One request as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Sent {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The address as a person reads it.
    pub(crate) fn readable_url(&self) -> String {
        percent_encoding::percent_decode_str(&self.url)
            .decode_utf8_lossy()
            .replace('+', " ")
    }

    pub(crate) fn form(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.body.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// The script and what was asked so far.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    replies: Mutex<VecDeque<Reply>>,
    sent: Mutex<Vec<Sent>>,
    renewals: Mutex<u32>,
}

impl Scripted {
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    pub(crate) fn renewals(&self) -> u32 {
        *self.renewals.lock().unwrap()
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.replies.lock().unwrap().is_empty()
    }
}

impl Transport for Scripted {
    fn send(&self, request: Request<Bytes>, limit_bytes: usize) -> TransportFuture<'_> {
        let (parts, body) = request.into_parts();
        self.sent.lock().unwrap().push(Sent {
            method: parts.method.to_string(),
            url: parts.uri.to_string(),
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        let reply = self.replies.lock().unwrap().pop_front();
        Box::pin(async move {
            tokio::task::yield_now().await;
            match reply {
                Some(Reply::Answer(answer)) if answer.body.len() > limit_bytes => {
                    Err(TransportError::new(TransportFailure::TooLong, "scripted"))
                }
                Some(Reply::Answer(answer)) => Ok(answer),
                Some(Reply::Failure(failure)) => Err(TransportError::new(failure, "scripted")),
                None => Err(TransportError::new(
                    TransportFailure::Request,
                    "the script has ended",
                )),
            }
        })
    }

    fn renew_connections(&self) {
        *self.renewals.lock().unwrap() += 1;
    }
}

/// An environment that plays `replies`.
pub(crate) fn environment(replies: Vec<Reply>) -> (Environment, Arc<Scripted>) {
    let script = Arc::new(Scripted {
        replies: Mutex::new(replies.into()),
        ..Scripted::default()
    });
    let environment = Environment {
        clock: Arc::new(TokioClock::starting_at(
            "2026-01-01T00:00:00Z".parse().unwrap(),
        )),
        entropy: Arc::new(SeededEntropy::new(1)),
        transport: script.clone(),
    };
    (environment, script)
}

pub(crate) const TENANT: Uuid = Uuid::from_u128(0x7e7a_0000_0000_0000_0000_0000_0000_0001);

pub(crate) fn application() -> Application {
    Application {
        id: Uuid::from_u128(0xa44),
        credential: Credential::Secret("application-key".into()),
    }
}

/// An app-only client whose first request, for a token, is answered with
/// `token-1`; then `replies` are played.
pub(crate) fn client(replies: Vec<Reply>) -> (GraphClient, Arc<Scripted>) {
    let mut all = vec![Reply::token("token-1")];
    all.extend(replies);
    let (environment, script) = environment(all);
    let client = GraphClient::new(
        environment,
        Cloud::global(),
        TENANT,
        application(),
        TokenSource::Application,
        ClientOptions::default(),
    );
    (client, script)
}
