//! Pages, REST API, OAuth callback and notification endpoints of the server.
//!
//! Knows the engine and the store; knows no SQL and nothing of Graph's wire
//! format. Everything that decides about people is elsewhere.

mod api;
pub mod auth;
mod error;
mod extract;
mod front;
mod measure;
mod outside;
mod pages;
mod router;
mod serve;
mod state;
mod stream;

pub use api::{openapi_json, reseal_answers};
pub use outside::BINDING_COOKIE;
pub use router::router;
pub use serve::{ServeLimits, serve, serve_within};
pub use state::{AppState, WebOptions};
