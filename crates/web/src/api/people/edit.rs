//! Making and changing records by hand, each with its journal entry in the
//! same transaction; and what is protected from it.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use engine::Actor;
use jiff::Timestamp;
use provisioning::field::{Field, FieldChange};
use provisioning::ids::RecordId;
use provisioning::mapping_rule::RoleType;
use provisioning::psa::{Kind, Record, Status};
use provisioning::reason::AccessReason;
use provisioning::username::is_reserved;
use serde_json::{Value, json};
use store::journal::{self, NewEntry};
use store::lookups::{self, Lookup};
use store::psa_ids::LookupId;
use store::records::{self, Details, RecordRow, RecordWrite};
use store::rights::Right::{Create, Edit};
use store::{StoreError, Tx, accounts, references, security_roles, sessions};

use super::draft::Draft;
use super::list::shown;
use super::{found, module};
use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Body, Id, expected_version};

/// `POST /employees`, `POST /contacts`
pub(super) async fn create(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Body(draft): Body<Draft>,
) -> Result<Response> {
    let id = make(kind, &state, &caller, draft).await?;
    shown(&state, kind, id, StatusCode::CREATED).await
}

/// Makes a record by hand.
pub(crate) async fn make(
    kind: Kind,
    state: &AppState,
    caller: &Caller,
    draft: Draft,
) -> Result<RecordId> {
    let actor = caller.may(module(kind), Create)?;
    let (now, id) = (state.engine.now(), RecordId(state.engine.new_id()));
    let blank = row_of(Record::blank(id, kind), now);
    let mut row = blank.clone();
    let access = draft.apply(&mut row)?;
    let record = &mut row.record;
    if record.first_name.is_none() && record.last_name.is_none() && record.email.is_none() {
        return Err(Problem::invalid(
            "first_name, last_name or email: at least one is needed",
        ));
    }
    let may = record.status == Status::Active
        && record.username.is_some()
        && !record.security_roles.is_empty();
    record.access = access.unwrap_or(may);
    let mut tx = state.engine.db().begin().await?;
    settle(&mut tx, &blank.record, record, access).await?;
    guard_rights(&mut tx, caller, &blank.record, record).await?;
    write(state, &mut tx, &actor, "create", &blank, &row).await?;
    tx.commit().await?;
    Ok(id)
}

/// `PATCH /employees/{id}`, `PATCH /contacts/{id}`
pub(super) async fn update(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
    headers: HeaderMap,
    Body(draft): Body<Draft>,
) -> Result<Response> {
    change(
        kind,
        &state,
        &caller,
        id,
        expected_version(&headers)?,
        draft,
    )
    .await?;
    shown(&state, kind, id, StatusCode::OK).await
}

/// Changes a record that is still at the version `seen`.
pub(crate) async fn change(
    kind: Kind,
    state: &AppState,
    caller: &Caller,
    id: RecordId,
    seen: Option<i64>,
    draft: Draft,
) -> Result<()> {
    let actor = caller.may(module(kind), Edit)?;
    let mut tx = state.engine.db().begin().await?;
    let old = found(&mut tx, kind, id).await?;
    if seen.is_some_and(|seen| seen != old.record.version) {
        return Err(Problem::stale("record"));
    }
    refuse_archived_in_use(&mut tx, &old.record).await?;
    let mut new = old.clone();
    let access = draft.apply(&mut new)?;
    follow_status(&old.record, &mut new.record, access);
    settle(&mut tx, &old.record, &mut new.record, access).await?;
    guard_rights(&mut tx, caller, &old.record, &new.record).await?;
    guard_own_email(caller, &old.record, &new.record)?;
    protect(&mut tx, &old.record, Some(&new.record)).await?;
    let action = match (old.record.status, new.record.status) {
        (Status::Active, Status::Inactive) => "deactivate",
        (Status::Inactive, Status::Active) => "reactivate",
        _ if old.record.access && !new.record.access => "revoke",
        _ if !old.record.access && new.record.access => "grant",
        _ => "update",
    };
    write(state, &mut tx, &actor, action, &old, &new).await?;
    tx.commit().await?;
    Ok(())
}

/// 412 when the caller has seen another version.
pub(super) fn expect(headers: &HeaderMap, version: i64) -> Result<()> {
    match expected_version(headers)? {
        Some(seen) if seen != version => Err(Problem::stale("record")),
        _ => Ok(()),
    }
}

fn row_of(record: Record, now: Timestamp) -> RecordRow {
    RecordRow {
        record,
        details: Details::default(),
        has_password: false,
        last_sign_in_at: None,
        created_at: now,
        updated_at: now,
    }
}

/// Whoever is made inactive by hand cannot sign in, and stays so until a hand
/// changes it; whoever is made active again gets back the access they had.
fn follow_status(old: &Record, new: &mut Record, access: Option<bool>) {
    match (old.status, new.status) {
        (Status::Active, Status::Inactive) => new.access = false,
        (Status::Inactive, Status::Active) => {
            let may = new.username.is_some() && !new.security_roles.is_empty();
            new.access = access.unwrap_or(may);
        }
        _ => new.access = access.unwrap_or(new.access),
    }
}

/// Checks a record against everything around it, and states why it has no
/// access.
async fn settle(tx: &mut Tx, old: &Record, new: &mut Record, access: Option<bool>) -> Result<()> {
    if let Some(username) = &new.username
        && !new.is_root
        && old.username != new.username
        && is_reserved(username)
    {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let detail = format!("username: `{username}` is reserved");
        return Err(Problem::new(status, "username_reserved", detail));
    }
    if let Some(manager) = new.manager_id.filter(|id| old.manager_id != Some(*id)) {
        let rows = records::get(&mut *tx, &[manager]).await?;
        let is_employee = rows.iter().any(|row| row.record.kind == Kind::Employee);
        if !is_employee || manager == new.id {
            return Err(Problem::invalid(format!(
                "manager_id: {manager} is no other employee"
            )));
        }
    }
    if let Some(account) = new.account_id.filter(|id| old.account_id != Some(*id))
        && accounts::get(&mut *tx, &[account]).await?.is_empty()
    {
        return Err(Problem::invalid(format!(
            "account_id: there is no account {account}"
        )));
    }
    if old.security_roles != new.security_roles {
        check_roles(tx, new).await?;
    }
    if access == Some(true) && !old.access {
        let missing = [
            ("username", new.username.is_none()),
            ("security_roles", new.security_roles.is_empty()),
        ];
        if let Some((field, _)) = missing.iter().find(|(_, is_missing)| *is_missing) {
            return Err(Problem::invalid(format!("{field}: access needs one")));
        }
        if new.status != Status::Active {
            return Err(Problem::invalid("access: only active people have access"));
        }
    }
    if new.access {
        new.access_reason = None;
    } else if old.access {
        new.access_reason = Some(AccessReason::ByHand.code().to_owned());
    }
    Ok(())
}

async fn check_roles(tx: &mut Tx, record: &Record) -> Result<()> {
    let types = security_roles::types(&mut *tx).await?;
    let (wanted, word) = match record.kind {
        Kind::Employee => (RoleType::Internal, "internal"),
        Kind::Contact => (RoleType::External, "external"),
    };
    for role in &record.security_roles {
        match types.get(role) {
            None => {
                let detail = format!("security_roles: there is no security role `{role}`");
                return Err(Problem::invalid(detail));
            }
            Some(found) if *found != wanted => {
                let kind = record.kind.name();
                let detail = format!("security_roles: `{role}` is not {word}, as a {kind} needs");
                return Err(Problem::invalid(detail));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Editing people must not be a way to more rights: only who administrates
/// makes or touches somebody who does, and nobody gives a role that can do more
/// than they can themselves. What clients get reaches no further than their
/// account, and is for whoever looks after them to give.
pub(super) async fn guard_rights(
    tx: &mut Tx,
    caller: &Caller,
    old: &Record,
    new: &Record,
) -> Result<()> {
    for record in [old, new] {
        let rights = security_roles::rights_of(&mut *tx, &record.security_roles).await?;
        if record.is_privileged() || rights.administers() {
            caller.administrates()?;
        }
    }
    if new.kind == Kind::Contact {
        return Ok(());
    }
    for role in &new.security_roles {
        if !old.security_roles.contains(role) {
            let rights = security_roles::rights_of(&mut *tx, std::slice::from_ref(role)).await?;
            caller.may_give(role, &rights)?;
        }
    }
    Ok(())
}

/// The email finds the record of whoever comes from a directory, with the roles
/// a rule gives them: nobody takes another's place by editing their own, unless
/// they have every right already.
fn guard_own_email(caller: &Caller, old: &Record, new: &Record) -> Result<()> {
    if caller.person() != Some(old.id) || old.email == new.email {
        return Ok(());
    }
    caller.administrates().map(|_| ()).map_err(|_| {
        Problem::new(
            StatusCode::FORBIDDEN,
            "own_email",
            "email: nobody changes the email of their own record",
        )
        .cure("Ask an administrator, or change it in the directory.")
    })
}

/// Root and the last active administrator keep what they have. `new` is none
/// when the record goes.
pub(super) async fn protect(tx: &mut Tx, old: &Record, new: Option<&Record>) -> Result<()> {
    let administrates = |record: &Record| {
        record.is_privileged() && record.access && record.status == Status::Active
    };
    let keeps = new
        .is_some_and(|new| !administrates(old) || (administrates(new) && new.is_administrator()));
    if keeps || !(old.is_root || administrates(old)) {
        return Ok(());
    }
    if old.is_root {
        return Err(Problem::conflict(
            "protected",
            "the root user keeps its access and its role",
        ));
    }
    if records::active_administrators(&mut *tx).await? <= 1 {
        return Err(Problem::conflict(
            "last_administrator",
            "this is the last active administrator",
        )
        .cure("Give somebody else the role Administrator first."));
    }
    Ok(())
}

/// Archived records stay as they are while tickets or invoices refer to them.
async fn refuse_archived_in_use(tx: &mut Tx, record: &Record) -> Result<()> {
    if record.status != Status::Archived {
        return Ok(());
    }
    refuse_in_use(
        tx,
        record.id,
        "an archived record is not changed while these refer to it",
    )
    .await
}

/// 409 `record_in_use` with the list, when anything refers to the record.
pub(super) async fn refuse_in_use(tx: &mut Tx, id: RecordId, detail: &str) -> Result<()> {
    let held = references::of_record(&mut *tx, id, 100).await?;
    if held.is_empty() {
        return Ok(());
    }
    Err(Problem::conflict("record_in_use", detail)
        .cure("Restore the record, or give what refers to it to somebody else.")
        .with("records", crate::api::references(&held)))
}

/// Writes what differs between two states of a record, with its journal entry;
/// nothing when nothing does.
pub(super) async fn write(
    state: &AppState,
    tx: &mut Tx,
    actor: &Actor,
    action: &str,
    old: &RecordRow,
    new: &RecordRow,
) -> Result<()> {
    let now = state.engine.now();
    let (before, after) = (&old.record, &new.record);
    let is_new = before.version == 0;
    let changes: Vec<FieldChange> = Field::ALL
        .into_iter()
        .filter_map(|field| {
            let (old, new) = (before.get(field).filter(|_| !is_new), after.get(field));
            (old != new).then_some(FieldChange { field, old, new })
        })
        .collect();
    if before == after && old.details == new.details && !is_new {
        return Ok(());
    }
    let mut version = before.version;
    if before != after || is_new {
        let write = RecordWrite {
            record: after.clone(),
            expected_version: version,
        };
        if !records::write(tx, &[write], now).await?.is_empty() {
            return Err(StoreError::Stale { what: "record" }.into());
        }
        version += 1;
    }
    if old.details != new.details {
        records::write_details(tx, after.id, &new.details, version, now).await?;
    }
    ensure_names(state, tx, after).await?;
    if before.access && !after.access {
        sessions::end_access(tx, &[after.id], now).await?;
    }
    let shown = changes.iter().map(|change| {
        json!({ "field": change.field.path(after.kind), "old": change.old, "new": change.new })
    });
    let shown: Vec<Value> = shown.collect();
    let entry = NewEntry {
        actor: Some(actor.name.clone()),
        record_id: Some(after.id),
        body: Some(json!({ "kind": after.kind, "changes": shown })),
        ..NewEntry::new(now, actor.origin, action)
    };
    journal::append(tx, &[entry]).await?;
    super::super::webhooks::person_changed(tx, action, after, now).await
}

/// Departments, titles and the like are names, made when missing.
async fn ensure_names(state: &AppState, tx: &mut Tx, record: &Record) -> Result<()> {
    let one = |name: &Option<String>| name.iter().cloned().collect::<Vec<_>>();
    let wanted = [
        (Lookup::Department, one(&record.department)),
        (Lookup::Location, one(&record.location)),
        (Lookup::JobTitle, one(&record.job_title)),
        (Lookup::EmploymentType, one(&record.employment_type)),
        (Lookup::EmployeeRole, record.employee_roles.clone()),
    ];
    for (lookup, names) in wanted {
        let rows = names
            .into_iter()
            .map(|name| (LookupId(state.engine.new_id()), name));
        let rows: Vec<(LookupId, String)> = rows.collect();
        if !rows.is_empty() {
            lookups::ensure(tx, lookup, &rows, state.engine.now()).await?;
        }
    }
    Ok(())
}
