//! A request to Graph, the answer to one, and a call: a request whose sender is known.

use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode, header};
use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::app::App;
use crate::core::Core;
use crate::directory::tenant::Tenant;
use crate::directory::world::World;
use crate::error::GraphError;
use crate::login::Caller;
use crate::odata::options::Options;
use crate::odata::page::Binding;
use crate::permission::{self, AnyOf};
use crate::principals::is_guest;

/// What came over the wire, or as an item of a batch.
#[derive(Clone, Debug)]
pub(crate) struct GraphRequest {
    pub method: Method,
    /// Scheme and host the client used.
    pub base: String,
    /// As written, without query.
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// A fault asks for every item of a list twice.
    pub duplicate: bool,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

pub(crate) const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

impl Reply {
    pub(crate) fn bytes(body: Vec<u8>) -> Self {
        Self {
            status: StatusCode::OK,
            content_type: JSON,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        let mut reply = Self::bytes(body.to_string().into_bytes());
        reply.status = status;
        reply
    }

    pub(crate) fn text(body: String) -> Self {
        let mut reply = Self::bytes(body.into_bytes());
        reply.content_type = "text/plain";
        reply
    }

    pub(crate) fn no_content() -> Self {
        let mut reply = Self::bytes(Vec::new());
        reply.status = StatusCode::NO_CONTENT;
        reply
    }
}

/// What every handler gives back.
pub(crate) type Answer = Result<Reply, GraphError>;

/// A request of a known caller.
pub(crate) struct Call<'a> {
    pub app: &'a App,
    pub request: &'a GraphRequest,
    pub caller: &'a Caller,
    pub options: Options,
    /// The address without host and version, in one spelling: what page tokens are bound to.
    pub address: String,
    pub now: Timestamp,
}

impl<'a> Call<'a> {
    pub(crate) fn core(&self) -> &'a Core {
        &self.app.core
    }

    /// The caller's tenant. A token outlives a reset only as an unknown one, so it is there.
    pub(crate) fn tenant<'w>(&self, world: &'w World) -> Result<&'w Tenant, GraphError> {
        world
            .tenant(self.caller.tenant_id)
            .ok_or_else(GraphError::denied)
    }

    /// Changes the caller's tenant.
    pub(crate) fn edit<T>(
        &self,
        change: impl FnOnce(&mut Tenant, Timestamp) -> Result<T, GraphError>,
    ) -> Result<T, GraphError> {
        let edited = self.core().edit(self.caller.tenant_id, change);
        edited.unwrap_or_else(|| Err(GraphError::denied()))
    }

    /// # Errors
    /// 403 without one of the permissions.
    pub(crate) fn require(&self, any_of: AnyOf) -> Result<(), GraphError> {
        permission::has(self.caller, any_of)
            .then_some(())
            .ok_or_else(GraphError::denied)
    }

    /// The same for changes: a person must be an administrator besides.
    ///
    /// # Errors
    /// 403.
    pub(crate) fn require_write(&self, any_of: AnyOf) -> Result<(), GraphError> {
        self.require(any_of)?;
        let allowed = self.caller.user_id.is_none() || self.caller.is_admin;
        allowed.then_some(()).ok_or_else(GraphError::denied)
    }

    /// Guests may not list people.
    ///
    /// # Errors
    /// 403 for a guest.
    pub(crate) fn refuse_guests(&self, tenant: &Tenant) -> Result<(), GraphError> {
        let guest = self.caller.user_id.is_some_and(|id| {
            let slot = tenant.users.slot(id);
            let view = slot.and_then(|slot| tenant.users.view(slot));
            view.is_some_and(|view| is_guest(&view))
        });
        if guest {
            Err(GraphError::denied())
        } else {
            Ok(())
        }
    }

    /// Whether the caller is this very person.
    pub(crate) fn is_self(&self, id: Uuid) -> bool {
        self.caller.user_id == Some(id)
    }

    /// `ConsistencyLevel: eventual`.
    pub(crate) fn eventual(&self) -> bool {
        let header = self.request.headers.get("consistencylevel");
        header.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"eventual"))
    }

    /// Both parameters of advanced queries.
    pub(crate) fn advanced(&self) -> bool {
        self.eventual() && self.options.wants_count()
    }

    /// `@odata.context` of what is named after `$metadata#`.
    pub(crate) fn context(&self, what: &str) -> String {
        format!("{}/v1.0/$metadata#{what}", self.request.base)
    }

    /// An absolute address of this path with another query.
    pub(crate) fn link(&self, query: &str) -> String {
        format!("{}{}?{query}", self.request.base, self.request.path)
    }

    /// What page tokens of this call are bound to.
    pub(crate) fn binding(&self) -> Binding<'_> {
        Binding {
            signer: &self.core().signer,
            tenant_id: self.caller.tenant_id,
            path: &self.address,
            options: &self.options,
        }
    }

    /// The body as a JSON object.
    ///
    /// # Errors
    /// 400 without a `Content-Type` or with a body that is no object, 415 for another type.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, GraphError> {
        self.body()
    }

    /// The body as JSON of a known shape.
    ///
    /// # Errors
    /// As [`Self::object`].
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, GraphError> {
        let content_type = self.request.headers.get(header::CONTENT_TYPE);
        let Some(content_type) = content_type.and_then(|value| value.to_str().ok()) else {
            let message = "Write requests (excluding DELETE) must contain the Content-Type header declaration.";
            return Err(GraphError::gateway(message));
        };
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let message = format!(
                "A supported MIME type could not be found that matches the content type of the request. \
                 None of the supported type(s) 'application/json' matches the content type '{content_type}'."
            );
            return Err(GraphError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "RequestBodyRead",
                message,
            ));
        }
        let read = serde_json::from_slice(&self.request.body);
        read.map_err(|error| {
            GraphError::gateway(format!("Unable to read JSON request payload: {error}"))
        })
    }
}
