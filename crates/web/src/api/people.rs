//! `/employees` and `/contacts`: records, who they are linked to, why they are
//! as they are; making and editing by hand.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use provisioning::address::Address;
use provisioning::field::{Field, FieldChange, Value as FieldValue, names};
use provisioning::ids::{AccountId, RecordId, TenantId};
use provisioning::link::LinkRole;
use provisioning::psa::{Kind, Record, Status};
use serde::Deserialize;
use serde_json::{Value, json};
use store::api_tokens::TokenScope::{People, Provisioning, Read};
use store::journal::{self, NewEntry};
use store::links::{self, LinkRow};
use store::record_list::{self, Order, Position, RecordFilter};
use store::records::{self, RecordRow, RecordWrite};
use store::references;

use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Id, Body, Paging, bad_cursor, expected_version, list as answer};

#[derive(Deserialize)]
pub(crate) struct Filter {
    status: Option<Status>,
    email: Option<String>,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    job_title: Option<String>,
    account_id: Option<AccountId>,
    has_client_portal_access: Option<bool>,
    tenant_id: Option<TenantId>,
    search: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailRow {
    address: String,
    #[serde(default, rename = "type")]
    _kind: Option<String>,
    #[serde(default)]
    is_default: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PhoneRow {
    number: String,
    #[serde(default, rename = "type")]
    _kind: Option<String>,
    #[serde(default)]
    is_default: bool,
}

/// A record as it is written; what is missing stays.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Draft {
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    mobile_phone: Option<String>,
    job_title: Option<String>,
    department: Option<String>,
    location: Option<String>,
    manager_id: Option<RecordId>,
    employment_type: Option<String>,
    employee_id: Option<String>,
    security_roles: Option<Vec<String>>,
    employee_roles: Option<Vec<String>>,
    account_id: Option<AccountId>,
    emails: Option<Vec<EmailRow>>,
    phones: Option<Vec<PhoneRow>>,
    status: Option<Status>,
    has_client_portal_access: Option<bool>,
}

impl Draft {
    fn apply(self, record: &mut Record) -> Result<()> {
        let set = |slot: &mut Option<String>, value: Option<String>| {
            if let Some(value) = value {
                *slot = Some(value.trim().to_owned()).filter(|text| !text.is_empty());
            }
        };
        let default_email = self.emails.and_then(|rows| {
            let at = rows.iter().position(|row| row.is_default).unwrap_or(0);
            rows.into_iter().nth(at).map(|row| row.address)
        });
        let default_phone = self.phones.and_then(|rows| {
            let at = rows.iter().position(|row| row.is_default).unwrap_or(0);
            rows.into_iter().nth(at).map(|row| row.number)
        });
        set(&mut record.username, self.username);
        set(&mut record.first_name, self.first_name);
        set(&mut record.last_name, self.last_name);
        set(&mut record.email, self.email.or(default_email));
        set(&mut record.phone, self.phone.or(default_phone));
        set(&mut record.mobile_phone, self.mobile_phone);
        set(&mut record.job_title, self.job_title);
        set(&mut record.department, self.department);
        set(&mut record.location, self.location);
        set(&mut record.employment_type, self.employment_type);
        set(&mut record.employee_id, self.employee_id);
        record.manager_id = self.manager_id.or(record.manager_id);
        record.account_id = self.account_id.or(record.account_id);
        if let Some(roles) = self.security_roles {
            record.set(Field::SecurityRoles, names(roles)).map_err(|e| Problem::invalid(e.to_string()))?;
        }
        if let Some(roles) = self.employee_roles {
            record.set(Field::EmployeeRoles, names(roles)).map_err(|e| Problem::invalid(e.to_string()))?;
        }
        if let Some(access) = self.has_client_portal_access {
            record.access = access;
        }
        match self.status {
            Some(Status::Archived) => {
                return Err(Problem::invalid("status: a record is archived by a change of kind only"));
            }
            Some(status) => {
                record.status = status;
                record.deactivated_by_sync = false;
                record.access &= status == Status::Active;
            }
            None => {}
        }
        if let Some(email) = &record.email
            && Address::parse(email).is_none()
        {
            return Err(Problem::invalid(format!("email: `{email}` is not an email address")));
        }
        Ok(())
    }
}

fn view(row: &RecordRow, link: Option<&LinkRow>) -> Value {
    let record = &row.record;
    let primary = link.filter(|link| link.link.role == LinkRole::Primary);
    let source = primary.map(|row| {
        json!({
            "tenant_id": row.link.tenant_id, "object_id": row.link.object_id,
            "rule_id": row.link.applied.rule_id, "last_changed": row.updated_at,
            "last_applied": row.last_applied_at,
        })
    });
    let edits = primary.map_or_else(Vec::new, |row| local_edits(record, row));
    let mut body = json!({
        "id": record.id, "username": record.username,
        "first_name": record.first_name, "last_name": record.last_name,
        "email": record.email, "phone": record.phone, "mobile_phone": record.mobile_phone,
        "job_title": record.job_title, "department": record.department,
        "location": record.location, "manager_id": record.manager_id,
        "employment_type": record.employment_type, "employee_id": record.employee_id,
        "security_roles": record.security_roles, "employee_roles": record.employee_roles,
        "status": record.status,
        "access": if record.access { "granted" } else { "none" },
        "access_reason": record.access_reason, "source": source,
        "is_root": record.is_root, "pinned": record.pinned, "local_edits": edits,
        "created_at": row.created_at, "updated_at": row.updated_at,
    });
    if record.kind == Kind::Contact {
        let email = record.email.iter().map(|address| {
            json!({"address": address, "type": row.details.email_type, "is_default": true})
        });
        let others = row.details.other_emails.iter().map(|other| {
            json!({"address": other.address, "type": other.kind, "is_default": false})
        });
        body["emails"] = email.chain(others).collect();
        let phone = record.phone.iter().map(|number| {
            json!({"number": number, "type": row.details.phone_type, "is_default": true})
        });
        let others = row.details.other_phones.iter().map(|other| {
            json!({"number": other.number, "type": other.kind, "is_default": false})
        });
        body["phones"] = phone.chain(others).collect();
        body["account_id"] = json!(record.account_id);
        body["has_client_portal_access"] = json!(record.access);
        body["is_poc"] = json!(row.details.is_poc);
        body["receive_invoices"] = json!(row.details.receive_invoices);
    }
    body
}

/// Fields whose value is not what the directory gave last.
fn local_edits(record: &Record, row: &LinkRow) -> Vec<&'static str> {
    let values = row.link.applied.values.iter();
    let edited = values.filter(|(field, given)| {
        *field != Field::Username && given.is_some() && record.get(*field) != *given
    });
    edited.map(|(field, _)| field.path(record.kind)).collect()
}

async fn of_kind(
    state: AppState,
    caller: Caller,
    kind: Kind,
    filter: Filter,
    paging: Paging,
) -> Result<Json<Value>> {
    caller.needs(Read)?;
    let db = state.engine.db();
    let mut wanted = RecordFilter::new(kind);
    wanted.status = filter.status;
    wanted.email = filter.email;
    wanted.username = filter.username;
    wanted.first_name = filter.first_name;
    wanted.last_name = filter.last_name;
    wanted.job_title = filter.job_title;
    wanted.account_id = filter.account_id;
    wanted.access = filter.has_client_portal_access;
    wanted.tenant_id = filter.tenant_id;
    wanted.search = filter.search;
    let order = Order::default();
    let after = paging.after.as_deref();
    let after = after.map(|text| Position::parse(text, &wanted, order)).transpose();
    let after = after.map_err(|_| bad_cursor())?;
    let page = record_list::list(db, &wanted, order, after.as_ref(), paging.limit()).await?;
    let ids: Vec<RecordId> = page.items.iter().map(|row| row.record.id).collect();
    let linked = links::by_records(db, &ids).await?;
    let next = page.cursor();
    let items = page.items.iter().map(|row| {
        let link = linked.iter().find(|link| link.link.record_id == row.record.id);
        view(row, link)
    });
    Ok(answer(items.collect(), next))
}

pub(crate) async fn employees(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>> {
    of_kind(state, caller, Kind::Employee, filter, paging).await
}

pub(crate) async fn contacts(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>> {
    of_kind(state, caller, Kind::Contact, filter, paging).await
}

async fn found(state: &AppState, id: RecordId) -> Result<RecordRow> {
    let rows = records::get(state.engine.db(), &[id]).await?;
    rows.into_iter().next().ok_or_else(|| Problem::not_found("record"))
}

async fn shown(state: &AppState, id: RecordId, status: StatusCode) -> Result<Response> {
    let row = found(state, id).await?;
    let linked = links::by_records(state.engine.db(), &[id]).await?;
    let link = linked.iter().find(|link| link.link.record_id == id);
    let tag = [(header::ETAG, format!("\"{}\"", row.record.version))];
    Ok((status, tag, Json(view(&row, link))).into_response())
}

pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
) -> Result<Response> {
    caller.needs(Read)?;
    shown(&state, id, StatusCode::OK).await
}

async fn create(state: AppState, caller: Caller, kind: Kind, draft: Draft) -> Result<Response> {
    let actor = caller.needs(People)?;
    let engine = &state.engine;
    let mut record = Record::blank(RecordId(engine.new_id()), kind);
    draft.apply(&mut record)?;
    if kind == Kind::Contact && record.account_id.is_none() {
        return Err(Problem::invalid("account_id is missing: a contact needs an account"));
    }
    if kind == Kind::Employee && record.status == Status::Active {
        record.access = record.username.is_some() && !record.security_roles.is_empty();
    }
    let blank = Record::blank(record.id, kind);
    write(&state, &actor, "create", &blank, record.clone(), 0).await?;
    shown(&state, record.id, StatusCode::CREATED).await
}

pub(crate) async fn create_employee(
    State(state): State<AppState>,
    caller: Caller,
    Body(draft): Body<Draft>,
) -> Result<Response> {
    create(state, caller, Kind::Employee, draft).await
}

pub(crate) async fn create_contact(
    State(state): State<AppState>,
    caller: Caller,
    Body(draft): Body<Draft>,
) -> Result<Response> {
    create(state, caller, Kind::Contact, draft).await
}

/// Writes a record and its journal entry together.
async fn write(
    state: &AppState,
    actor: &engine::Actor,
    action: &str,
    old: &Record,
    new: Record,
    expected_version: i64,
) -> Result<()> {
    let now = state.engine.now();
    let changes: Vec<FieldChange> = Field::ALL
        .into_iter()
        .filter_map(|field| {
            let (old, new): (Option<FieldValue>, Option<FieldValue>) = (old.get(field), new.get(field));
            (old != new).then_some(FieldChange { field, old, new })
        })
        .collect();
    let mut entry = NewEntry::new(now, actor.origin, action);
    entry.actor = Some(actor.name.clone());
    entry.record_id = Some(new.id);
    entry.body = Some(json!({ "changes": changes }));
    let id = new.id;
    let loses = old.access && !new.access;
    let mut tx = state.engine.db().begin().await?;
    let write = RecordWrite {
        record: new,
        expected_version,
    };
    let failed = records::write(&mut tx, &[write], now).await;
    let failed = failed.map_err(|error| {
        if error.is_conflict("records_username_key") {
            return Problem::new(StatusCode::CONFLICT, "username_taken", "username: somebody else has it")
                .cure("Choose another username.");
        }
        error.into()
    })?;
    if !failed.is_empty() {
        return Err(Problem::from(store::StoreError::Stale { what: "record" }));
    }
    journal::append(&mut tx, &[entry]).await?;
    if loses {
        store::sessions::end_access(&mut tx, &[id], now).await?;
    }
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn update(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
    headers: HeaderMap,
    Body(draft): Body<Draft>,
) -> Result<Response> {
    let actor = caller.needs(People)?;
    let row = found(&state, id).await?;
    let old = row.record;
    if old.status == Status::Archived {
        let held = references::of_record(state.engine.db(), id, 20).await?;
        let list: Vec<Value> = held
            .iter()
            .map(|one| json!({"kind": one.kind.name(), "id": one.id, "label": one.label}))
            .collect();
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "record_in_use",
            "an archived record can be neither edited nor renamed",
        )
        .cure("Restore it by giving the person back the group in the directory.")
        .more(json!({ "records": list })));
    }
    let mut new = old.clone();
    draft.apply(&mut new)?;
    let stops = old.access && !new.access || old.is_administrator() && !new.is_administrator();
    let administrators = records::active_administrators(state.engine.db()).await?;
    if stops && (old.is_root || old.is_administrator() && administrators <= 1) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "last_administrator",
            "root and the last active administrator keep their access",
        ));
    }
    let version = expected_version(&headers)?.unwrap_or(old.version);
    write(&state, &actor, "update", &old, new, version).await?;
    shown(&state, id, StatusCode::OK).await
}

pub(crate) async fn why(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
) -> Result<Response> {
    caller.needs(Read)?;
    found(&state, id).await?;
    Ok(Json(state.engine.why(id).await?).into_response())
}

pub(crate) async fn timeline(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>> {
    caller.needs(Read)?;
    let before = paging.after.as_deref().map(str::parse::<i64>).transpose();
    let before = before.map_err(|_| bad_cursor())?;
    let limit = u32::try_from(paging.limit()).unwrap_or(50);
    let entries = journal::by_record(state.engine.db(), id, before, limit).await?;
    let full = entries.len() as u64 >= u64::from(limit);
    let next = entries.last().filter(|_| full).map(|entry| entry.seq.to_string());
    let items = entries.iter().map(|entry| {
        let body = entry.entry.body.as_ref();
        json!({
            "at": entry.entry.at, "origin": entry.entry.origin, "actor": entry.entry.actor,
            "action": entry.entry.action, "changes": body.and_then(|body| body.get("changes")),
            "reason": body.and_then(|body| body.get("reason")), "run_id": entry.entry.run_id,
        })
    });
    Ok(answer(items.collect(), next))
}

async fn again(state: AppState, caller: Caller, id: RecordId, reapply: bool) -> Result<Response> {
    let actor = caller.needs(Provisioning)?;
    let run_id = state.engine.resync(id, reapply, &actor).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "run_id": run_id }))).into_response())
}

pub(crate) async fn resync(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
) -> Result<Response> {
    again(state, caller, id, false).await
}

pub(crate) async fn reapply(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
) -> Result<Response> {
    again(state, caller, id, true).await
}
