//! The page at `/emulator`, for editing people and groups by hand. Plain forms; works without JavaScript.
//! Acts on the directory directly, so it may do what no Graph permission was given for.

mod act;
mod show;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use crate::app::App;
use crate::control::Refused;

/// Every path of the page.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/emulator", get(show::tenants))
        .route("/emulator/style.css", get(stylesheet))
        .route("/emulator/tenants/{tenant}", get(show::tenant))
        .route(
            "/emulator/tenants/{tenant}/people",
            post(act::create_person),
        )
        .route(
            "/emulator/tenants/{tenant}/people/{id}",
            get(show::person).post(act::edit_person),
        )
        .route(
            "/emulator/tenants/{tenant}/people/{id}/delete",
            post(act::delete),
        )
        .route(
            "/emulator/tenants/{tenant}/people/{id}/restore",
            post(act::restore),
        )
        .route(
            "/emulator/tenants/{tenant}/people/{id}/purge",
            post(act::purge),
        )
        .route("/emulator/tenants/{tenant}/groups", post(act::create_group))
        .route("/emulator/tenants/{tenant}/groups/{id}", get(show::group))
        .route(
            "/emulator/tenants/{tenant}/groups/{id}/delete",
            post(act::delete),
        )
        .route(
            "/emulator/tenants/{tenant}/groups/{id}/members",
            post(act::add_member),
        )
        .route(
            "/emulator/tenants/{tenant}/groups/{id}/members/{member}/remove",
            post(act::remove_member),
        )
        .with_state(Arc::clone(app))
}

/// Why a page cannot be shown or a form not be followed.
#[derive(Debug)]
struct PageError(StatusCode, String);

impl From<Refused> for PageError {
    fn from(refused: Refused) -> Self {
        Self(refused.0, refused.1)
    }
}

impl From<crate::error::GraphError> for PageError {
    fn from(error: crate::error::GraphError) -> Self {
        Self(error.status, error.message)
    }
}

#[derive(Template)]
#[template(path = "page/error.html")]
struct ErrorPage {
    message: String,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let page = ErrorPage { message: self.1 };
        let mut response = render(&page).unwrap_or_else(|error| error.1.into_response());
        *response.status_mut() = self.0;
        response
    }
}

/// A page, with a policy that lets nothing in but its own stylesheet.
fn render(page: &impl Template) -> Result<Response, PageError> {
    let html = page
        .render()
        .map_err(|error| PageError(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let mut response = Html(html).into_response();
    let policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(policy),
    );
    Ok(response)
}

fn to(address: &str) -> Response {
    Redirect::to(address).into_response()
}

async fn stylesheet() -> Response {
    let css = include_str!("../templates/page/style.css");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], css).into_response()
}
