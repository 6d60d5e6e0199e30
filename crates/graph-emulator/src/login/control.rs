//! The control surface of the identity platform, under `/emulator/v1`: what a test or a person sets up and breaks.
//! Nothing here exists at Microsoft. Bad input is answered 400 with `{"error":{"code","message"}}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AccountSpec, AppSpec, Login, SpecError, apps};

type Body<T> = Result<Json<T>, JsonRejection>;
type Shared = State<Arc<Login>>;

/// A refusal of the control surface.
pub(super) struct Refused(StatusCode, String);

impl From<JsonRejection> for Refused {
    fn from(rejection: JsonRejection) -> Self {
        Self(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl From<SpecError> for Refused {
    fn from(error: SpecError) -> Self {
        Self(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let code = if self.0 == StatusCode::NOT_FOUND {
            "NotFound"
        } else {
            "BadRequest"
        };
        (
            self.0,
            Json(json!({ "error": { "code": code, "message": self.1 } })),
        )
            .into_response()
    }
}

fn unknown_app(app_id: Uuid) -> Refused {
    Refused(
        StatusCode::NOT_FOUND,
        format!("app_id: no application {app_id}"),
    )
}

fn view(login: &Login, app_id: Uuid) -> Result<Value, Refused> {
    let state = login.state();
    let app = state.apps.get(app_id).ok_or_else(|| unknown_app(app_id))?;
    Ok(apps::view(&app, &state.apps.consented_tenants(app_id)))
}

/// `POST /apps`.
pub(super) async fn put_app(
    State(login): Shared,
    body: Body<AppSpec>,
) -> Result<Response, Refused> {
    let Json(spec) = body?;
    let app_id = spec.app_id;
    login.add_app(spec)?;
    Ok((StatusCode::CREATED, Json(view(&login, app_id)?)).into_response())
}

/// `GET /apps`.
pub(super) async fn list_apps(State(login): Shared) -> Json<Value> {
    let state = login.state();
    let apps = state
        .apps
        .all()
        .map(|app| apps::view(app, &state.apps.consented_tenants(app.id)));
    Json(json!({ "items": apps.collect::<Vec<_>>() }))
}

/// `GET /apps/{app_id}`.
pub(super) async fn show_app(
    State(login): Shared,
    Path(app_id): Path<Uuid>,
) -> Result<Json<Value>, Refused> {
    view(&login, app_id).map(Json)
}

/// Changes to a registration; an absent field stays, a null one is cleared.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AppPatch {
    disabled: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    secret: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    secret_expires_at: Option<Option<Timestamp>>,
}

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// `PATCH /apps/{app_id}`.
pub(super) async fn patch_app(
    State(login): Shared,
    Path(app_id): Path<Uuid>,
    body: Body<AppPatch>,
) -> Result<Json<Value>, Refused> {
    let Json(patch) = body?;
    let found = login.state().apps.change(app_id, |app| {
        app.disabled = patch.disabled.unwrap_or(app.disabled);
        if let Some(secret) = patch.secret {
            app.secret = secret;
        }
        if let Some(at) = patch.secret_expires_at {
            app.secret_expires_at = at;
        }
    });
    if found {
        view(&login, app_id).map(Json)
    } else {
        Err(unknown_app(app_id))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Withdrawal {
    tenant_id: String,
}

/// `POST` or `DELETE /apps/{app_id}/withdraw`: the tenant removes the enterprise application.
pub(super) async fn withdraw(
    State(login): Shared,
    Path(app_id): Path<Uuid>,
    body: Body<Withdrawal>,
) -> Result<StatusCode, Refused> {
    let Json(withdrawal) = body?;
    let tenant_id = tenant(&login, &withdrawal.tenant_id)?;
    if login.state().apps.withdraw(tenant_id, app_id) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refused(
            StatusCode::NOT_FOUND,
            format!("tenant_id: no consent to {app_id} in {tenant_id}"),
        ))
    }
}

/// `POST /accounts`.
pub(super) async fn put_account(
    State(login): Shared,
    body: Body<AccountSpec>,
) -> Result<Response, Refused> {
    let Json(spec) = body?;
    let tenant_id = tenant(&login, &spec.tenant_id)?;
    let (auto_consent, admin) = (spec.auto_consent, spec.admin);
    let user = login.add_account(spec)?;
    let answer = json!({
        "id": user.id,
        "tenant_id": tenant_id,
        "user_principal_name": user.upn,
        "display_name": user.display_name,
        "auto_consent": auto_consent,
        "admin": admin,
    });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// `GET /accounts`, the oldest first.
pub(super) async fn list_accounts(State(login): Shared) -> Json<Value> {
    let state = login.state();
    let accounts = state.accounts.all().iter().map(|account| {
        json!({
            "id": account.user_id,
            "tenant_id": account.tenant_id,
            "user_principal_name": account.upn,
            "auto_consent": account.auto_consent,
            "admin": account.admin,
        })
    });
    Json(json!({ "items": accounts.collect::<Vec<_>>() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revocation {
    tenant_id: String,
    user_principal_name: String,
}

/// `POST /accounts/revoke`: an administrator revokes the person's sessions.
pub(super) async fn revoke(
    State(login): Shared,
    body: Body<Revocation>,
) -> Result<StatusCode, Refused> {
    let Json(revocation) = body?;
    let tenant_id = tenant(&login, &revocation.tenant_id)?;
    let upn = &revocation.user_principal_name;
    let user = login.principals().user(tenant_id, upn);
    let user =
        user.ok_or_else(|| SpecError::new("user_principal_name", format!("no person {upn}")))?;
    let now = login.principals().now();
    login.state().tokens.revoke((tenant_id, user.id), now);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    tenant_id: String,
    app_id: Uuid,
    /// The AADSTS code token requests fail with; null ends it.
    code: Option<u32>,
}

/// `POST /conditional-access`.
pub(super) async fn conditional_access(
    State(login): Shared,
    body: Body<Policy>,
) -> Result<StatusCode, Refused> {
    let Json(policy) = body?;
    let key = (tenant(&login, &policy.tenant_id)?, policy.app_id);
    let faults = &mut login.state().conditional_access;
    match policy.code {
        Some(code) => faults.insert(key, code),
        None => faults.remove(&key),
    };
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /keys/roll`: a key no client has seen signs from now on.
pub(super) async fn roll_keys(State(login): Shared) -> Result<StatusCode, Refused> {
    let rolled = login.state().keys.roll();
    rolled.map_err(|error| Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}

fn tenant(login: &Login, name: &str) -> Result<Uuid, SpecError> {
    let found = login.principals().tenant(name);
    found
        .map(|tenant| tenant.id)
        .ok_or_else(|| SpecError::no_tenant("tenant_id", login.principals(), name))
}
