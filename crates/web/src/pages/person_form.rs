//! Making and editing a record by hand. Written by the functions the API uses;
//! what is refused comes back as it was typed.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use provisioning::field::Field;
use provisioning::ids::RecordId;
use provisioning::mapping_rule::RoleType;
use provisioning::psa::Kind;
use serde_json::{Map, Value, json};
use store::accounts::{self, AccountFilter};
use store::records::RecordRow;
use store::rights::{Module, Right};
use store::{Db, security_roles};

use super::frame::{Choice, Fields, Frame, go, needs, page, sentence};
use super::people::{Where, full_name, place};
use super::words::label;
use crate::AppState;
use crate::api::people::draft::Draft;
use crate::api::people::{edit as by_hand, found};
use crate::auth::{Caller, CurrentUser};
use crate::error::{Problem, Result};
use crate::extract::Id;

/// How many accounts the form offers.
const MOST_ACCOUNTS: i64 = 500;

/// Texts of both kinds.
const COMMON: &[Field] = &[
    Field::FirstName,
    Field::LastName,
    Field::Username,
    Field::Email,
    Field::Phone,
    Field::MobilePhone,
    Field::JobTitle,
];
/// Texts of employees.
const OF_EMPLOYEES: &[Field] = &[
    Field::Department,
    Field::Location,
    Field::EmploymentType,
    Field::EmployeeId,
];

struct Input {
    name: &'static str,
    label: &'static str,
    value: String,
}

#[derive(Template)]
#[template(path = "person_form.html")]
struct FormPage {
    frame: Frame,
    place: Where,
    name: Option<(String, String)>,
    version: i64,
    failure: Option<(String, Option<String>)>,
    inputs: Vec<Input>,
    accounts: Vec<Choice>,
    is_contact: bool,
    is_poc: bool,
    receive_invoices: bool,
    roles: Vec<Choice>,
    accesses: Vec<Choice>,
    is_linked: bool,
}

fn texts(kind: Kind) -> impl Iterator<Item = Field> {
    let more = match kind {
        Kind::Employee => OF_EMPLOYEES,
        Kind::Contact => &[],
    };
    COMMON.iter().chain(more).copied()
}

/// The roles that people of the kind can have.
async fn roles(
    db: &Db,
    kind: Kind,
    row: Option<&RecordRow>,
    typed: Option<&Fields>,
) -> Result<Vec<Choice>> {
    let chosen = match (typed, row) {
        (Some(fields), _) => fields.all("security_roles"),
        (None, Some(row)) => row.record.security_roles.clone(),
        (None, None) => Vec::new(),
    };
    let wanted = match kind {
        Kind::Employee => RoleType::Internal,
        Kind::Contact => RoleType::External,
    };
    let all = security_roles::list(db).await?.into_iter();
    let fitting = all.filter(|role| role.is_active && role.role_type == wanted);
    let choice = |role: security_roles::SecurityRole| Choice {
        chosen: chosen.contains(&role.name),
        label: role.name.clone(),
        value: role.name,
    };
    Ok(fitting.map(choice).collect())
}

/// The accounts a contact can belong to.
async fn account_choices(
    db: &Db,
    row: Option<&RecordRow>,
    typed: Option<&Fields>,
) -> Result<Vec<Choice>> {
    let chosen = match typed {
        Some(fields) => fields.text("account_id"),
        None => row
            .and_then(|row| row.record.account_id)
            .map(|id| id.to_string()),
    };
    let filter = AccountFilter::default();
    let mut all = accounts::list(db, &filter, None, MOST_ACCOUNTS)
        .await?
        .items;
    // The one that is chosen is offered however many there are: else saving
    // would take it away.
    if let Some(id) = chosen.as_deref().and_then(|text| text.parse().ok())
        && all.iter().all(|one| one.id != id)
    {
        all.extend(accounts::get(db, &[id]).await?);
    }
    let choice = |one: accounts::Account| Choice {
        chosen: chosen.as_deref() == Some(one.id.to_string().as_str()),
        value: one.id.to_string(),
        label: one.name,
    };
    Ok(all.into_iter().map(choice).collect())
}

/// The form: what was typed, else what the record has.
async fn form(
    state: &AppState,
    user: &CurrentUser,
    kind: Kind,
    row: Option<&RecordRow>,
    typed: Option<&Fields>,
) -> Result<FormPage> {
    let db = state.engine.db();
    let place = place(kind);
    let kept = |field: Field| {
        row.and_then(|row| row.record.get(field))
            .map(|value| value.show())
    };
    let value = |field: Field| match typed {
        Some(fields) => fields.text(field.name()),
        None => kept(field),
    };
    let inputs = texts(kind).map(|field| Input {
        name: field.name(),
        label: label(field, kind),
        value: value(field).unwrap_or_default(),
    });
    let roles = roles(db, kind, row, typed).await?;
    let accounts = match kind {
        Kind::Employee => Vec::new(),
        Kind::Contact => account_choices(db, row, typed).await?,
    };
    let access = match typed {
        Some(fields) => fields.text("access"),
        None => row.map(|row| if row.record.access { "granted" } else { "none" }.to_owned()),
    };
    let ticked = |name: &str, kept: bool| typed.map_or(kept, |fields| fields.ticked(name));
    let name = row.map(|row| (row.record.id.to_string(), full_name(&row.record)));
    let title = match &name {
        Some((_, name)) => format!("Edit {name}"),
        None => format!("New {}", place.one),
    };
    let links = match row {
        Some(row) => store::links::by_records(db, &[row.record.id]).await?,
        None => Vec::new(),
    };
    Ok(FormPage {
        frame: Frame::new(&title, place.section, Some(user)),
        version: row.map_or(0, |row| row.record.version),
        name,
        failure: None,
        inputs: inputs.collect(),
        accounts,
        is_contact: kind == Kind::Contact,
        is_poc: ticked("is_poc", row.is_some_and(|row| row.details.is_poc)),
        receive_invoices: ticked(
            "receive_invoices",
            row.is_some_and(|row| row.details.receive_invoices),
        ),
        roles,
        accesses: Choice::list(
            &[("granted", "yes"), ("none", "no")],
            &access.unwrap_or_else(|| "none".to_owned()),
        ),
        is_linked: !links.is_empty(),
        place,
    })
}

/// What was typed, as the API takes it.
fn draft(kind: Kind, fields: &Fields) -> Result<Draft> {
    let mut body = Map::new();
    for field in texts(kind) {
        body.insert(field.name().to_owned(), json!(fields.text(field.name())));
    }
    body.insert(
        "security_roles".to_owned(),
        json!(fields.all("security_roles")),
    );
    body.insert("access".to_owned(), json!(fields.text("access")));
    if kind == Kind::Contact {
        body.insert("account_id".to_owned(), json!(fields.text("account_id")));
        body.insert("is_poc".to_owned(), json!(fields.ticked("is_poc")));
        let invoices = fields.ticked("receive_invoices");
        body.insert("receive_invoices".to_owned(), json!(invoices));
    }
    let draft = serde_json::from_value(Value::Object(body));
    draft.map_err(|error| Problem::invalid(error.to_string()))
}

/// Shows the form again with what is wrong, if the typist can mend it.
async fn refused(
    state: &AppState,
    user: &CurrentUser,
    kind: Kind,
    row: Option<&RecordRow>,
    fields: &Fields,
    problem: Problem,
) -> Result<Response> {
    if !problem.is_mendable() {
        return Err(problem);
    }
    let cure = problem.cure_text().map(str::to_owned);
    let shown = FormPage {
        failure: Some((sentence(problem.detail()), cure)),
        ..form(state, user, kind, row, Some(fields)).await?
    };
    Ok((problem.status(), page(&shown)?).into_response())
}

pub(crate) async fn blank(
    kind: Kind,
    State(state): State<AppState>,
    user: CurrentUser,
) -> Result<Response> {
    needs(&user, place(kind).module, Right::Create)?;
    page(&form(&state, &user, kind, None, None).await?)
}

pub(crate) async fn create(
    kind: Kind,
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    let made = match draft(kind, &fields) {
        Ok(draft) => by_hand::make(kind, &state, &Caller::from(user.clone()), draft).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok(id) => {
            let base = place(kind).base;
            // Nobody signs in without a password, unless the directory comes to know them.
            let is_next = fields.text("access").as_deref() == Some("granted")
                && needs(&user, Module::Admin, Right::Edit).is_ok();
            Ok(go(if is_next {
                format!("{base}/{id}/password?made=1")
            } else {
                format!("{base}/{id}")
            }))
        }
        Err(problem) => refused(&state, &user, kind, None, &fields, problem).await,
    }
}

pub(crate) async fn edit(
    kind: Kind,
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RecordId>,
) -> Result<Response> {
    needs(&user, place(kind).module, Right::Edit)?;
    let row = found(state.engine.db(), kind, id).await?;
    page(&form(&state, &user, kind, Some(&row), None).await?)
}

pub(crate) async fn save(
    kind: Kind,
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RecordId>,
    fields: Fields,
) -> Result<Response> {
    let row = found(state.engine.db(), kind, id).await?;
    let seen = fields.parse("version", "a version")?;
    let changed = match draft(kind, &fields) {
        Ok(draft) => {
            by_hand::change(kind, &state, &Caller::from(user.clone()), id, seen, draft).await
        }
        Err(problem) => Err(problem),
    };
    match changed {
        Ok(()) => Ok(go(format!("{}/{id}", place(kind).base))),
        Err(problem) => refused(&state, &user, kind, Some(&row), &fields, problem).await,
    }
}
