//! Serves one call: who asks, what for, at what price; then the handler; then the headers every answer has.

use std::sync::Arc;

use axum::http::header::{CACHE_CONTROL, DATE, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY};
use axum::http::{Method, StatusCode};
use futures::future::BoxFuture;
use uuid::Uuid;

use super::call::{Answer, Call, GraphRequest, JSON, Reply};
use super::cost::cost;
use super::route::{Route, parse, segments};
use super::{
    batch, deleted_items, delta, get_by_ids, invitations, member_checks, member_writes, members,
    objects, organization, relations, service_principals, subscriptions, writes,
};
use crate::app::App;
use crate::error::GraphError;
use crate::login::{AuthFailure, Caller};
use crate::odata::options::Options;
use crate::throttle::Payer;

/// An answer and what is to be known about it.
#[derive(Debug)]
pub(crate) struct Served {
    pub reply: Reply,
    pub units: u32,
    pub tenant_id: Option<Uuid>,
    pub app_id: Option<Uuid>,
    pub request_id: Uuid,
}

/// Price and fill level of what was charged.
#[derive(Default)]
struct Charged {
    units: u32,
    fill: f64,
}

/// Serves a request.
pub(crate) fn handle<'a>(app: &'a Arc<App>, request: &'a GraphRequest) -> BoxFuture<'a, Served> {
    Box::pin(async move {
        let request_id = app.core.chance.uuid();
        let mut charged = Charged::default();
        let caller = authenticate(app, request);
        let answer = match &caller {
            Ok(caller) => answer(app, request, caller, &mut charged).await,
            Err(error) => Err(error.clone()),
        };
        let caller = caller.ok();
        let mut reply = answer.unwrap_or_else(|error| refusal(app, request, request_id, &error));
        add_headers(app, request, request_id, &charged, &mut reply);
        Served {
            reply,
            units: charged.units,
            tenant_id: caller.as_ref().map(|caller| caller.tenant_id),
            app_id: caller.as_ref().map(|caller| caller.app_id),
            request_id,
        }
    })
}

fn authenticate(app: &App, request: &GraphRequest) -> Result<Caller, GraphError> {
    let header = request
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    app.login.authenticate(header).map_err(|failure| {
        let message = match failure {
            AuthFailure::Missing => "Access token is empty.",
            AuthFailure::Malformed => "CompactToken parsing failed with error code: 80049217",
            AuthFailure::Expired => "Lifetime validation failed, the token is expired.",
            AuthFailure::Unknown => "Access token validation failure.",
        };
        GraphError::unauthorized(message, &request.base)
    })
}

async fn answer(
    app: &Arc<App>,
    request: &GraphRequest,
    caller: &Caller,
    charged: &mut Charged,
) -> Answer {
    app.core.let_time_work();
    let mut segments = segments(&request.path).unwrap_or_default();
    let own_profile = is_me(&segments);
    if own_profile {
        let id = caller.user_id.ok_or_else(|| {
            GraphError::gateway("/me request is only valid with delegated authentication flow.")
        })?;
        if segments.len() > 1 {
            segments.splice(0..1, ["users".to_owned(), id.to_string()]);
        }
    }
    let route = parse(&segments).ok_or_else(|| {
        let name = segments.last().map_or("", String::as_str);
        GraphError::gateway(format!("Resource not found for the segment '{name}'."))
    })?;
    let options = Options::parse(&request.query)?;
    *charged = charge(app, request, caller, &route, &options)?;
    let call = Call {
        app,
        request,
        caller,
        options,
        address: segments.join("/"),
        now: app.core.now(),
    };
    dispatch(app, &call, route).await
}

fn is_me(segments: &[String]) -> bool {
    segments
        .first()
        .is_some_and(|first| first.eq_ignore_ascii_case("me"))
}

fn charge(
    app: &App,
    request: &GraphRequest,
    caller: &Caller,
    route: &Route,
    options: &Options,
) -> Result<Charged, GraphError> {
    // Subscriptions are not part of the table; a batch is charged item by item.
    if matches!(
        route,
        Route::Batch | Route::Subscriptions | Route::Subscription(_) | Route::Reauthorize(_)
    ) {
        return Ok(Charged::default());
    }
    let cost = cost(route, &request.method, options);
    let people = app
        .core
        .world()
        .tenant(caller.tenant_id)
        .map_or(0, |tenant| tenant.users.len());
    let payer = Payer {
        tenant_id: caller.tenant_id,
        app_id: caller.app_id,
        people,
    };
    let switches = app.core.switches();
    let level = app
        .throttle()
        .charge(payer, cost, switches.throttling, app.core.now());
    match level {
        Ok(level) => Ok(Charged {
            units: cost.units,
            fill: level.fill,
        }),
        Err(refusal) => {
            let seconds = refusal.retry_after_seconds;
            let retry_after = if switches.decimal_retry_after {
                format!("{seconds:.3}")
            } else {
                format!("{:.0}", seconds.ceil())
            };
            Err(GraphError::throttled(
                &retry_after,
                &refusal.scope,
                refusal.information,
            ))
        }
    }
}

async fn dispatch(app: &Arc<App>, call: &Call<'_>, route: Route) -> Answer {
    match (&route, call.request.method.as_str()) {
        (Route::Batch, "POST") => batch::run(app, call).await,
        (Route::Subscriptions, "POST") => subscriptions::create(app, call).await,
        _ => dispatch_at_once(call, route),
    }
}

fn dispatch_at_once(call: &Call<'_>, route: Route) -> Answer {
    match (route, call.request.method.as_str()) {
        (Route::Organizations, "GET") => organization::list(call),
        (Route::Organization(id), "GET") => organization::get(call, &id),
        (Route::Me, "GET") => objects::me(call),
        (Route::Objects(kind), "GET") => objects::list(call, kind),
        (Route::Objects(kind), "POST") => writes::create(call, kind),
        (Route::Count(kind), "GET") => objects::count(call, kind),
        (Route::Object(kind, id), "GET") => objects::get(call, kind, &id),
        (Route::Object(kind, id), "PATCH") => writes::update(call, kind, &id),
        (Route::Object(kind, id), "DELETE") => writes::delete(call, kind, &id),
        (Route::DirectoryObject(id), "GET") => objects::directory_object(call, &id),
        (Route::Delta(kind), "GET") => delta::get(call, kind),
        (Route::Related(relation, id, cast), "GET") => members::list(call, relation, &id, cast),
        (Route::RelatedCount(relation, id, cast), "GET") => {
            members::count(call, relation, &id, cast)
        }
        (Route::References(relation, id), "POST") => member_writes::add(call, relation, &id),
        (Route::Reference(relation, id, member), "DELETE") => {
            member_writes::remove(call, relation, &id, &member)
        }
        (
            Route::MemberOf {
                kind,
                id,
                cast,
                transitive,
            },
            "GET",
        ) => members::member_of(call, kind, &id, cast, transitive),
        (Route::CheckMemberGroups(kind, id), "POST") => member_checks::check(call, kind, &id),
        (Route::GetMemberGroups(kind, id), "POST") => member_checks::get(call, kind, &id),
        (Route::Manager(id), "GET") => relations::manager(call, &id),
        (Route::ManagerReference(id), "PUT") => relations::set_manager(call, &id),
        (Route::ManagerReference(id), "DELETE") => relations::clear_manager(call, &id),
        (Route::DeletedItems(kind), "GET") => deleted_items::list(call, kind),
        (Route::DeletedItem(id), "GET") => deleted_items::get(call, &id),
        (Route::DeletedItem(id), "DELETE") => deleted_items::purge(call, &id),
        (Route::RestoreItem(id), "POST") => deleted_items::restore(call, &id),
        (Route::GetByIds, "POST") => get_by_ids::run(call),
        (Route::ServicePrincipals, "GET") => service_principals::list(call),
        (Route::ServicePrincipals, "POST") => service_principals::create(call),
        (Route::ServicePrincipal(key), "GET") => service_principals::get(call, &key),
        (Route::ServicePrincipal(key), "PATCH") => service_principals::update(call, &key),
        (Route::AppRoleAssignedTo(key), "GET") => service_principals::assignments(call, &key),
        (Route::AppRoleAssignedTo(key), "POST") => service_principals::assign(call, &key),
        (Route::AppRoleAssignment(key, id), "DELETE") => {
            service_principals::unassign(call, &key, &id)
        }
        (Route::Invitations, "POST") => invitations::create(call),
        (Route::Subscriptions, "GET") => subscriptions::list(call),
        (Route::Subscription(id), "GET") => subscriptions::get(call, &id),
        (Route::Subscription(id), "PATCH") => subscriptions::renew(call, &id),
        (Route::Subscription(id), "DELETE") => subscriptions::delete(call, &id),
        (Route::Reauthorize(id), "POST") => subscriptions::reauthorize(call, &id),
        _ => Err(GraphError::wrong_method()),
    }
}

fn client_request_id(request: &GraphRequest, request_id: Uuid) -> String {
    let given = request
        .headers
        .get("client-request-id")
        .and_then(|value| value.to_str().ok());
    given.map_or_else(|| request_id.to_string(), str::to_owned)
}

fn refusal(app: &App, request: &GraphRequest, request_id: Uuid, error: &GraphError) -> Reply {
    let date = app.core.now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let client_request_id = client_request_id(request, request_id);
    let body = error.body(&date, &request_id.to_string(), &client_request_id);
    let mut reply = Reply::json(error.status, &body);
    reply.content_type = "application/json";
    reply.headers.clone_from(&error.headers);
    reply
}

fn add_headers(
    app: &App,
    request: &GraphRequest,
    request_id: Uuid,
    charged: &Charged,
    reply: &mut Reply,
) {
    let mut add = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            reply.headers.push((name, value));
        }
    };
    let named = HeaderName::from_static;
    add(named("request-id"), &request_id.to_string());
    add(
        named("client-request-id"),
        &client_request_id(request, request_id),
    );
    add(
        named("x-ms-ags-diagnostic"),
        r#"{"ServerInfo":{"DataCenter":"Loopback","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"EMULATOR"}}"#,
    );
    add(CACHE_CONTROL, "no-cache");
    add(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    add(
        DATE,
        &app.core
            .now()
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string(),
    );
    if charged.units > 0 {
        add(named("x-ms-resource-unit"), &charged.units.to_string());
    }
    if charged.fill >= 0.8 {
        let percentage = format!("{:.1}", charged.fill.min(1.8));
        add(named("x-ms-throttle-limit-percentage"), &percentage);
    }
    if reply.status != StatusCode::NO_CONTENT && reply.content_type == JSON {
        reply
            .headers
            .push((named("odata-version"), HeaderValue::from_static("4.0")));
    }
    if request.method == Method::HEAD {
        reply.body.clear();
    }
}
