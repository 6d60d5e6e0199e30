//! The pages of the server: rendered here, working without scripts. Knows the
//! engine and the store; decides nothing about people.

mod accounts;
mod admin;
mod agent;
mod assets;
mod auth_provision;
mod chart;
mod confirm;
mod connections;
mod entrance;
mod field_policies;
mod flash;
mod frame;
mod home;
mod invoices;
mod me;
mod moment;
mod people;
mod person;
mod person_acts;
mod person_form;
mod plan;
mod portal;
mod review;
mod rules;
mod runs;
mod sentences;
mod sought;
mod tickets;
mod undo;
mod words;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use provisioning::psa::Kind;

use crate::AppState;
use crate::auth::{self, CurrentUser};
use crate::error::Problem;
use frame::{Frame, sentence};
pub(crate) use people::account_names;
pub(crate) use tickets::record_names;

/// Every page's route.
pub(crate) fn router(state: &AppState) -> Router<AppState> {
    Router::new()
        .route("/", get(home::show))
        .route("/assets/{name}", get(assets::show))
        .route("/sign-in", get(entrance::form).post(entrance::sign_in))
        .route("/sign-in/code", post(entrance::code))
        .route("/sign-in/microsoft", get(entrance::microsoft))
        .route("/sign-out", post(entrance::sign_out))
        .route("/set-up", get(entrance::set_up_form).post(entrance::set_up))
        .nest("/portal", portal::router())
        .nest("/me", me::router())
        .merge(
            of_staff()
                .route_layer(from_fn(flash::say))
                .route_layer(from_fn_with_state(state.clone(), staff_only)),
        )
}

/// The pages for the provider's own people.
fn of_staff() -> Router<AppState> {
    let provision = Router::new()
        .route("/", get(auth_provision::show).post(auth_provision::save))
        .route("/field-policies", post(field_policies::save))
        .route("/connections", post(connections::add))
        .route("/connections/new", get(connections::form))
        .route(
            "/connections/{id}",
            get(connections::show).post(connections::change),
        )
        .route("/connections/{id}/connect", post(connections::connect))
        .route("/connections/{id}/sync", post(connections::sync))
        .route("/connections/{id}/pause", post(connections::pause))
        .route("/connections/{id}/remove", post(connections::remove))
        .route("/rules", post(rules::create))
        .route("/rules/new", get(rules::new))
        .route("/rules/{id}", get(rules::edit).post(rules::update))
        .route("/rules/{id}/move", post(rules::shift))
        .route("/rules/{id}/undo", post(undo::rule))
        .route("/rules/{id}/delete", post(rules::delete));
    Router::new()
        .nest("/admin/my-company/auth-provision", provision)
        .route("/plans/{id}", get(plan::show))
        .route("/plans/{id}/approve", post(plan::approve))
        .route("/plans/{id}/reject", post(plan::reject))
        .route("/runs", get(runs::list))
        .route("/runs/{id}", get(runs::show))
        .route("/runs/{id}/undo", post(undo::run))
        .route("/review", get(review::list))
        .route("/review/{id}", post(review::resolve))
        .route("/hr/employees", get(people::employees))
        .nest("/admin", admin::router())
        .route("/crm/accounts", get(accounts::list).post(accounts::create))
        .route(
            "/crm/accounts/{id}",
            get(accounts::show).post(accounts::update),
        )
        .route(
            "/crm/accounts/{id}/delete",
            get(accounts::ask_delete).post(accounts::delete),
        )
        .route("/crm/contacts", get(people::contacts))
        .route("/people/{id}", get(person::find))
        .route("/hr/employees/{id}", get(person::employee))
        .route("/crm/contacts/{id}", get(person::contact))
        .merge(by_hand("/hr/employees", Kind::Employee))
        .merge(by_hand("/crm/contacts", Kind::Contact))
        .route(
            "/service-desk/tickets",
            get(tickets::list).post(tickets::create),
        )
        .route("/service-desk/tickets/new", get(tickets::new))
        .route(
            "/service-desk/tickets/{id}",
            get(tickets::show).post(tickets::update),
        )
        .route(
            "/finance/invoices",
            get(invoices::list).post(invoices::create),
        )
        .route("/finance/invoices/new", get(invoices::new))
        .route("/finance/invoices/{id}", get(invoices::show))
}

/// Contacts have the portal: whatever rights their roles give, the pages of the
/// staff show what is not for clients.
async fn staff_only(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if let Some(user) = auth::current(&state, request.headers()).await? {
        if user.record.record.kind == Kind::Contact {
            return Err(Problem::not_found("page for clients").cure("Your pages are at /portal."));
        }
        request.extensions_mut().insert(user);
    }
    Ok(next.run(request).await)
}

/// What is done to records of a kind by hand.
fn by_hand(base: &str, kind: Kind) -> Router<AppState> {
    let at = |rest: &str| format!("{base}{rest}");
    Router::new()
        .route(
            &at("/new"),
            get(move |state, user| person_form::blank(kind, state, user))
                .post(move |state, user, fields| person_form::create(kind, state, user, fields)),
        )
        .route(
            &at("/{id}/edit"),
            get(move |state, user, id| person_form::edit(kind, state, user, id)).post(
                move |state, user, id, fields| person_form::save(kind, state, user, id, fields),
            ),
        )
        .route(
            &at("/{id}/undo"),
            post(move |state, user, id, fields| undo::person(kind, state, user, id, fields)),
        )
        .route(
            &at("/{id}/{act}"),
            get(move |state, user, path, query| person_acts::ask(kind, state, user, path, query))
                .post(move |state, user, path, fields| {
                    person_acts::act(kind, state, user, path, fields)
                }),
        )
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    detail: String,
    code: &'a str,
    cure: Option<&'a str>,
    connection: Option<&'a str>,
}

/// The page of a problem: what happened, where, and how to mend it.
pub(crate) fn problem_page(user: Option<&CurrentUser>, problem: &Problem) -> Response {
    // Clients know neither our modules nor our roles.
    let is_contact = user.is_some_and(|user| user.record.record.kind == Kind::Contact);
    let is_refused = is_contact && problem.status() == StatusCode::FORBIDDEN;
    let shown = ProblemPage {
        frame: Frame::new(title(problem.status()), "", user),
        detail: match is_refused {
            true => "Your access does not include this page.".to_owned(),
            false => sentence(problem.detail()),
        },
        code: problem.code(),
        cure: match is_refused {
            true => Some("Ask whoever gives access at your company, if you need it."),
            false => problem.cure_text(),
        },
        connection: problem.member("connection_id"),
    };
    match shown.render() {
        Ok(text) => (problem.status(), Html(text)).into_response(),
        Err(error) => (problem.status(), error.to_string()).into_response(),
    }
}

/// What happened, for people who know no status codes.
fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::NOT_FOUND => "Not here",
        StatusCode::CONFLICT => "That does not fit",
        StatusCode::PRECONDITION_FAILED => "Somebody else was first",
        StatusCode::TOO_MANY_REQUESTS => "Too many tries",
        StatusCode::BAD_GATEWAY => "Microsoft refused",
        StatusCode::SERVICE_UNAVAILABLE => "Not possible just now",
        status if status.is_server_error() => "Something failed here",
        _ => "That did not work",
    }
}
