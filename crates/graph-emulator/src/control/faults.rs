//! Faults and switches: what is to go wrong, and which oddities are on.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Refused, read};
use crate::app::App;
use crate::fault::FaultSpec;
use crate::switches::Switches;

/// `POST /faults`.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let spec: FaultSpec = read(&body)?;
    let tenant_id = match &spec.matching.tenant {
        Some(name) => Some(
            super::tenants::find(&app.core, name)
                .map_err(|_| Refused::bad(format!("match.tenant: no tenant {name}")))?,
        ),
        None => None,
    };
    let mut faults = app.core.faults();
    let fault = faults.add(spec, tenant_id).map_err(Refused::bad)?;
    Ok((StatusCode::CREATED, Json(json!(fault))))
}

/// `GET /faults`.
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let faults = app.core.faults();
    Json(json!({ "items": faults.all() }))
}

/// `DELETE /faults`.
pub(super) async fn clear(State(app): State<Arc<App>>) -> StatusCode {
    app.core.faults().clear();
    StatusCode::NO_CONTENT
}

/// `DELETE /faults/{id}`.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Path(id): Path<u64>,
) -> Result<StatusCode, Refused> {
    let removed = app.core.faults().remove(id);
    removed
        .then_some(StatusCode::NO_CONTENT)
        .ok_or_else(|| Refused::missing(format!("id: no fault {id}")))
}

/// `GET /switches`.
pub(super) async fn switches(State(app): State<Arc<App>>) -> Json<Switches> {
    Json(app.core.switches())
}

/// `PATCH /switches`: those named change, the others stay.
pub(super) async fn set_switches(
    State(app): State<Arc<App>>,
    body: Bytes,
) -> Result<Json<Switches>, Refused> {
    let changes: Map<String, Value> = read(&body)?;
    let mut all = json!(app.core.switches());
    for (name, value) in changes {
        all[name.as_str()] = value;
    }
    let switches: Switches =
        serde_json::from_value(all).map_err(|error| Refused::bad(error.to_string()))?;
    if let Some(problem) = switches.problem() {
        return Err(Refused::bad(problem));
    }
    app.core.set_switches(switches.clone());
    Ok(Json(switches))
}
