//! Reading requests strictly: unknown fields are refused with what and where,
//! ids are typed, versions come by `If-Match`.

use std::str::FromStr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::{CONTENT_TYPE, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::{Value, json};

use crate::error::{Problem, Result};

/// A JSON body in which every field is known.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let is_json = is_json(request.headers());
        let bytes = bytes(request, state).await?;
        if !is_json {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "the body must be JSON, with Content-Type: application/json",
            ));
        }
        parse(&bytes).map(Self)
    }
}

/// A JSON body that may be left out altogether.
pub(crate) struct MaybeBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let bytes = bytes(request, state).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(T::default()));
        }
        parse(&bytes).map(Self)
    }
}

/// No body, or an empty object.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes> {
    Bytes::from_request(request, state)
        .await
        .map_err(|error| match error {
            BytesRejection::FailedToBufferBody(error)
                if error.status() == StatusCode::PAYLOAD_TOO_LARGE =>
            {
                Problem::new(error.status(), "too_large", "the body is too large")
            }
            error => Problem::new(error.status(), "unreadable", error.body_text()),
        })
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        let words = error.to_string();
        if !error.is_data() {
            return Problem::new(StatusCode::BAD_REQUEST, "malformed_json", words);
        }
        refuse(words)
    })
}

fn refuse(words: String) -> Problem {
    let is_unknown = words.contains("unknown field `");
    let code = if is_unknown {
        "unknown_field"
    } else {
        "validation"
    };
    let field = words.split('`').nth(1).map(str::to_owned);
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, words);
    match field {
        Some(field) if is_unknown => problem.with("field", field),
        _ => problem,
    }
}

/// A query in which every parameter is known.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query.map(|query| Self(query.0)).map_err(|error| {
            use std::error::Error as _;
            let words = error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string);
            refuse(words)
        })
    }
}

/// The id in the path; what is no id names nothing.
pub(crate) struct Id<T>(pub(crate) T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(|| Problem::not_found("thing"))
    }
}

/// For fields of a PATCH: tells `null` (clear) from absent (leave).
pub(crate) fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

const DEFAULT_LIMIT: i64 = 50;
const LARGEST_LIMIT: i64 = 1_000;

/// Where in a list to begin, and how much of it to give.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Paging {
    /// How many were asked for.
    pub(crate) limit: Option<i64>,
    /// The cursor as it was sent.
    pub(crate) after: Option<String>,
}

impl Paging {
    /// How many items a page has: at least one, at most a thousand.
    pub(crate) fn limit(&self) -> i64 {
        page_size(self.limit)
    }

    /// The place after which the page begins.
    pub(crate) fn after<K: DeserializeOwned>(&self) -> Result<Option<K>> {
        let place = self.after.as_deref().map(store::page::decode);
        place.transpose().map_err(|_| bad_cursor())
    }
}

/// How many items a page has: what was asked for, within bounds.
pub(crate) fn page_size(asked: Option<i64>) -> i64 {
    asked.unwrap_or(DEFAULT_LIMIT).clamp(1, LARGEST_LIMIT)
}

/// One page of a list that is short enough to be read whole; `id` names the
/// place after which the next one begins.
pub(crate) fn page_of<T>(
    mut all: Vec<T>,
    paging: &Paging,
    id: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>)> {
    if let Some(after) = paging.after::<String>()? {
        let place = all.iter().position(|item| id(item) == after);
        all.drain(..=place.ok_or_else(bad_cursor)?);
    }
    let size = usize::try_from(paging.limit()).unwrap_or(usize::MAX);
    let has_more = all.len() > size;
    all.truncate(size);
    let next = all.last().filter(|_| has_more);
    let next = next.map(|item| store::page::encode(&id(item)));
    Ok((all, next))
}

/// 400: a cursor that this list did not give.
pub(crate) fn bad_cursor() -> Problem {
    let detail = "after: the cursor is not one of this list";
    Problem::new(StatusCode::BAD_REQUEST, "bad_cursor", detail).cure("Begin again without `after`.")
}

/// A list with the cursor of its next page.
pub(crate) fn list(items: Vec<Value>, next: Option<String>) -> Json<Value> {
    Json(json!({ "items": items, "next": next }))
}

/// The version the caller has seen, by `If-Match`; `*` is any.
pub(crate) fn expected_version(headers: &HeaderMap) -> Result<Option<i64>> {
    let Some(header) = headers.get(IF_MATCH) else {
        return Ok(None);
    };
    let text = header.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text
        .strip_prefix("W/")
        .unwrap_or(text)
        .trim_matches('"')
        .parse();
    // A tag we never gave matches no version.
    version.map(Some).map_err(|_| Problem::stale("record"))
}
