//! What is done to a record by hand, each act told first: deactivating,
//! restoring, pinning, re-applying, a new password, taking a second factor away.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use provisioning::ids::RecordId;
use provisioning::psa::{Kind, Status};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use store::records::RecordRow;
use store::rights::{Module, Right};

use super::frame::{Fields, Frame, go, needs, page, sentence};
use super::people::{Where, full_name, place};
use super::person::{link_of, names_of, profile, sets_password, why_of};
use crate::AppState;
use crate::api::people::{access, edit, found, removal};
use crate::api::sessions as sessions_api;
use crate::auth::{Caller, CurrentUser, SHORTEST_PASSWORD, second_factor, set_password};
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
    /// There is nothing to do: no button.
    does_nothing: bool,
    says: Vec<String>,
    failure: Option<(String, Option<String>)>,
    reason: String,
    shortest: usize,
    /// Just made by hand: the password is the next thing to do.
    is_made: bool,
}

/// What an act does, in sentences; none when it would change nothing.
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
            let names = names_of(state, row).await?;
            let lines = profile(row, &names, why.as_ref(), state.engine.now());
            let edits = lines.into_iter().filter(|line| line.is_local);
            edits
                .map(|line| format!("{}: “{}”, edited here, goes back to what the directory or the defaults say.", line.label, line.value))
                .collect()
        }
        "password" => {
            let username = row.record.username.as_deref().unwrap_or_default();
            let mut says = vec![
                format!("{name} signs in as {username} with this password from now on; an old one is worth nothing any more."),
                "Every session they have ends at once.".to_owned(),
                "Their second factor and their API tokens stay.".to_owned(),
            ];
            if !row.record.access {
                says.push("Sign-in is not given to them now: the password is of use once it is.".to_owned());
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

/// Refuses an act that does not fit what the record is.
async fn fits(state: &AppState, user: &CurrentUser, row: &RecordRow, act: &str) -> Result<()> {
    let status = row.record.status;
    let refuse = |code: &'static str, detail: &str| Err(Problem::conflict(code, detail));
    match act {
        "restore" if status != Status::Archived => refuse(
            "not_archived",
            "the record is not archived: there is nothing to restore",
        ),
        "deactivate" if status != Status::Active => refuse(
            "not_active",
            "the record is not active: there is nothing to deactivate",
        ),
        "pin" if row.record.pinned => refuse("pinned", "the record is pinned already"),
        "password" => {
            let (_, is_linked) = link_of(state, row.record.id).await?;
            if sets_password(user, row, is_linked) {
                return Ok(());
            }
            let detail = "a password is for people with a username whom no directory signs in";
            Err(Problem::conflict("no_password", detail)
                .cure("Whoever comes from the directory signs in with Microsoft. Others need a username first: edit the person."))
        }
        _ => Ok(()),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Made {
    made: Option<String>,
}

/// What the act does, before it is done.
pub(crate) async fn ask(
    kind: Kind,
    State(state): State<AppState>,
    user: CurrentUser,
    Path((id, act)): Path<(RecordId, String)>,
    Query(query): Query<Made>,
) -> Result<Response> {
    let mut asked = asked(kind, &state, &user, id, &act).await?;
    asked.is_made = query.made.is_some();
    page(&asked)
}

async fn asked(
    kind: Kind,
    state: &AppState,
    user: &CurrentUser,
    id: RecordId,
    act: &str,
) -> Result<ActPage> {
    let place = place(kind);
    let module = match act {
        "second-factor" | "password" | "reapply" => Module::Admin,
        _ => place.module,
    };
    needs(user, module, Right::Edit)?;
    let row = found(state.engine.db(), kind, id).await?;
    let mut says = told(state, &row, act).await?;
    fits(state, user, &row, act).await?;
    let (title, act, button, is_loss) = match act {
        "deactivate" => ("Deactivate", "deactivate", "Deactivate", true),
        "restore" => ("Restore", "restore", "Restore", false),
        "pin" => ("Pin", "pin", "Pin", false),
        "password" => ("Password of", "password", "Set the password", false),
        "second-factor" => ("Second factor of", "second-factor", "Take it away", true),
        _ => ("Re-apply", "reapply", "Re-apply", true),
    };
    let does_nothing = says.is_empty();
    if does_nothing {
        says.push("Nothing was edited here: there is nothing to re-apply.".to_owned());
    }
    let name = full_name(&row.record);
    Ok(ActPage {
        frame: Frame::new(&format!("{title} {name}"), place.section, Some(user)),
        id: id.to_string(),
        name,
        act,
        button,
        is_loss,
        does_nothing,
        says,
        failure: None,
        reason: String::new(),
        shortest: SHORTEST_PASSWORD,
        is_made: false,
        place,
    })
}

/// Sets a password that was typed twice alike; the passwords themselves are
/// never shown again.
async fn put_password(
    kind: Kind,
    state: &AppState,
    user: &CurrentUser,
    id: RecordId,
    fields: &Fields,
) -> Result<Response> {
    let mut shown = asked(kind, state, user, id, "password").await?;
    let typed = fields.verbatim("password");
    let set = if typed == fields.verbatim("again") {
        set_password(state, id, SecretString::from(typed), &user.actor())
            .await
            .map(|_| ())
    } else {
        Err(Problem::invalid("the two passwords are not the same").cure("Type both again."))
    };
    match set {
        Ok(()) => Ok(go(format!("{}/{id}?done=password", place(kind).base))),
        Err(problem) if problem.status().is_server_error() => Err(problem),
        Err(problem) => {
            let cure = problem.cure_text().map(str::to_owned);
            shown.failure = Some((sentence(problem.detail()), cure));
            Ok((problem.status(), page(&shown)?).into_response())
        }
    }
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
        "password" => return put_password(kind, &state, &user, id, &fields).await,
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
