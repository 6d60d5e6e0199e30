//! What is done to a record by hand, each act told first: deactivating,
//! restoring, pinning, re-applying, taking a second factor away.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use provisioning::ids::RecordId;
use provisioning::psa::Kind;
use serde_json::json;
use store::records::RecordRow;
use store::rights::{Module, Right};

use super::frame::{Fields, Frame, go, needs, page};
use super::people::{Where, full_name, place};
use super::person::{manager_of, profile, why_of};
use crate::AppState;
use crate::api::people::{access, edit, found, removal};
use crate::api::sessions as sessions_api;
use crate::auth::{Caller, CurrentUser, second_factor};
use crate::error::{Problem, Result};
use crate::extract::Id;

/// An act that is told first.
#[derive(Template)]
#[template(path = "person_act.html")]
struct ActPage {
    frame: Frame,
    place: Where,
    id: String,
    name: String,
    act: &'static str,
    button: &'static str,
    is_loss: bool,
    says: Vec<String>,
    asks_reason: bool,
}

async fn told(state: &AppState, row: &RecordRow, act: &str) -> Result<Vec<String>> {
    let name = full_name(&row.record);
    Ok(match act {
        "deactivate" => vec![
            format!("{name} can no longer sign in; sessions and API tokens end at once."),
            "The record, its tickets and its invoices stay.".to_owned(),
            "The directory does not bring the person back: who is deactivated by hand stays so until somebody activates the record here.".to_owned(),
        ],
        "restore" => vec![
            format!("{name} comes back under the old username and email address, inactive and without access."),
            "A mapping rule that takes the person gives access again with the next sync.".to_owned(),
        ],
        "pin" => vec![
            format!("The directory no longer changes {name}: no field, no role, no loss of access."),
            "A leaver who is pinned keeps signing in until the pin is taken off.".to_owned(),
        ],
        "reapply" => {
            let why = why_of(state, row.record.id).await?;
            let manager = manager_of(state, row).await?;
            let lines = profile(row, manager.as_deref(), why.as_ref(), state.engine.now());
            let edits = lines.into_iter().filter(|line| line.is_local);
            let mut says: Vec<String> = edits
                .map(|line| format!("{}: `{}`, edited here, goes back to what the directory or the defaults say.", line.label, line.value))
                .collect();
            if says.is_empty() {
                says.push("Nothing was edited here: nothing changes.".to_owned());
            }
            says
        }
        "second-factor" => vec![
            format!("{name} signs in with the password alone until they set up another."),
            "For whoever lost the app and the recovery codes. Make sure it is them who ask.".to_owned(),
        ],
        _ => return Err(Problem::not_found("page")),
    })
}

/// What the act does, before it is done.
pub(crate) async fn ask(
    kind: Kind,
    State(state): State<AppState>,
    user: CurrentUser,
    Path((id, act)): Path<(RecordId, String)>,
) -> Result<Response> {
    let place = place(kind);
    let module = match act.as_str() {
        "second-factor" => Module::Admin,
        _ => place.module,
    };
    needs(&user, module, Right::Edit)?;
    let row = found(state.engine.db(), kind, id).await?;
    let says = told(&state, &row, &act).await?;
    let (title, act, button, is_loss) = match act.as_str() {
        "deactivate" => ("Deactivate", "deactivate", "Deactivate", true),
        "restore" => ("Restore", "restore", "Restore", false),
        "pin" => ("Pin", "pin", "Pin", false),
        "second-factor" => ("Second factor of", "second-factor", "Take it away", true),
        _ => ("Re-apply", "reapply", "Re-apply", true),
    };
    let name = full_name(&row.record);
    page(&ActPage {
        frame: Frame::new(&format!("{title} {name}"), place.section, Some(&user)),
        id: id.to_string(),
        name,
        act,
        button,
        is_loss,
        says,
        asks_reason: act == "pin",
        place,
    })
}

/// Does an act, and leads back or to its run.
pub(crate) async fn act(
    kind: Kind,
    State(state): State<AppState>,
    user: CurrentUser,
    Path((id, act)): Path<(RecordId, String)>,
    fields: Fields,
) -> Result<Response> {
    let caller = Caller::from(user.clone());
    let status = |status: &str| {
        let draft = serde_json::from_value(json!({ "status": status }));
        draft.map_err(|error| Problem::internal(&error))
    };
    match act.as_str() {
        "resync" | "reapply" => {
            needs(&user, Module::Admin, Right::Edit)?;
            found(state.engine.db(), kind, id).await?;
            let run = state
                .engine
                .resync(id, act == "reapply", &user.actor())
                .await?;
            return Ok(go(format!("/runs/{run}")));
        }
        "second-factor" => {
            needs(&user, Module::Admin, Right::Edit)?;
            found(state.engine.db(), kind, id).await?;
            second_factor::reset(&state, id, &user.actor(), "second_factor_reset").await?;
        }
        "sign-out" => {
            sessions_api::end(kind, State(state), caller, Id(id)).await?;
            return Ok(go(format!("{}/{id}?tab=sessions", place(kind).base)));
        }
        "pin" => access::set_pin(kind, &state, &caller, id, true, fields.text("reason")).await?,
        "unpin" => access::set_pin(kind, &state, &caller, id, false, None).await?,
        "restore" => removal::bring_back(kind, &state, &caller, id).await?,
        "deactivate" => edit::change(kind, &state, &caller, id, None, status("inactive")?).await?,
        "activate" => edit::change(kind, &state, &caller, id, None, status("active")?).await?,
        _ => return Err(Problem::not_found("page")),
    }
    Ok(go(format!("{}/{id}", place(kind).base)))
}
