//! Admin > My Company > Auth & Provision: the radio button, Employee
//! Defaults, and the tabs with connections, mapping rules and field policies.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use engine::ProvisioningMode;
use provisioning::defaults::EmployeeDefaults;
use provisioning::ids::{ConnectionId, RecordId, RuleId};
use provisioning::mapping_rule::{MappingRule, RoleType};
use provisioning::policy::FieldPolicies;
use provisioning::precedence;
use provisioning::psa::Kind;
use serde::Deserialize;
use store::rights::{Module, Right};
use store::{connections, mapping_rules, overview, records, security_roles};

use super::field_policies::{self, OfKind};
use super::frame::{Choice, Fields, Frame, go, needs, page, sentence};
use super::home::{Card, cards};
use super::sought::{Found, Listed, Sought};
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};

/// Where the page is.
pub(crate) const HERE: &str = "/admin/my-company/auth-provision";

/// How many connections are on a page.
const CONNECTIONS: usize = 50;
/// How many rules are on a page.
const RULES: usize = 100;

/// A rule in the table.
struct Row {
    id: String,
    /// The rules of a connection are in one order.
    connection: String,
    order: i64,
    is_tie: bool,
    /// Of its tenant's.
    is_first: bool,
    /// The rule of its tenant that follows.
    next: Option<String>,
    name: String,
    group: String,
    readable: bool,
    tenant: String,
    kind: &'static str,
    roles: String,
    enabled: bool,
    pending_plan: Option<String>,
}

impl Listed for Row {
    const WHAT: &'static str = "Rule";
    const HINT: &'static str = "Name, tenant or group";
    const TAB: &'static str = "rules";

    fn names(&self) -> [&str; 3] {
        [&self.name, &self.tenant, &self.group]
    }
}

#[derive(Template)]
#[template(path = "auth_provision.html")]
pub(super) struct AuthProvisionPage {
    frame: Frame,
    is_synced: bool,
    /// Which tab is open.
    tab: &'static str,
    policies: Vec<OfKind>,
    defaults: EmployeeDefaults,
    manager: String,
    roles: Vec<Choice>,
    missing: String,
    pub(super) failure: Option<String>,
    pub(super) cure: Option<String>,
    tenants: Found<Card>,
    rules: Found<Row>,
}

#[derive(Deserialize)]
pub(crate) struct Tab {
    #[serde(default)]
    tab: String,
}

async fn rows(state: &AppState) -> Result<Vec<Row>> {
    let rules = mapping_rules::list(state.engine.db()).await?;
    let names = connections::names(state.engine.db()).await?;
    let names: BTreeMap<ConnectionId, String> = names.into_iter().collect();
    // Only rules of one tenant compete.
    let mut orders: BTreeMap<_, usize> = BTreeMap::new();
    for row in &rules {
        let rule = &row.rule;
        if rule.enabled {
            *orders.entry((rule.connection_id, rule.order)).or_default() += 1;
        }
    }
    let mut rules = rules;
    rules.sort_by(|a, b| {
        let tenant = |rule: &MappingRule| (names.get(&rule.connection_id), rule.connection_id);
        let by_tenant = tenant(&a.rule).cmp(&tenant(&b.rule));
        by_tenant.then_with(|| precedence::compare(&a.rule, &b.rule))
    });
    let in_order: Vec<(ConnectionId, RuleId)> = rules
        .iter()
        .map(|row| (row.rule.connection_id, row.rule.id))
        .collect();
    let one = |(place, row): (usize, mapping_rules::RuleRow)| {
        let rule = row.rule;
        // The rule there, if it is of the same tenant.
        let among = |place: Option<usize>| {
            let (connection, id) = in_order.get(place?)?;
            (*connection == rule.connection_id).then_some(id)
        };
        let plan = row
            .pending
            .as_ref()
            .and_then(|p| p.get("plan_id")?.as_str());
        Row {
            id: rule.id.to_string(),
            connection: rule.connection_id.to_string(),
            order: rule.order,
            is_tie: rule.enabled
                && orders
                    .get(&(rule.connection_id, rule.order))
                    .is_some_and(|count| *count > 1),
            is_first: among(place.checked_sub(1)).is_none(),
            next: among(Some(place + 1)).map(RuleId::to_string),
            name: rule.name,
            group: rule.group_name.unwrap_or_else(|| rule.group_id.to_string()),
            readable: rule.group_readable,
            tenant: names
                .get(&rule.connection_id)
                .cloned()
                .unwrap_or_else(|| rule.tenant_id.to_string()),
            kind: rule.target.kind().name(),
            roles: rule.security_roles.join(", "),
            enabled: rule.enabled,
            pending_plan: plan.map(str::to_owned),
        }
    };
    Ok(rules.into_iter().enumerate().map(one).collect())
}

/// What the form says, saved or as it was typed.
struct Typed {
    mode: ProvisioningMode,
    defaults: EmployeeDefaults,
    manager: String,
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(query): Query<Tab>,
    Query(sought): Query<Sought>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::View)?;
    let tab = match query.tab.as_str() {
        "rules" => Shown::Rules(sought),
        "fields" => Shown::Fields(state.engine.field_policies().await?),
        _ => Shown::Connections(sought),
    };
    page(&with(&state, &user, tab).await?)
}

/// The tab that is open.
pub(super) enum Shown {
    Connections(Sought),
    Rules(Sought),
    Fields(FieldPolicies),
}

/// The page with what is saved, and this tab.
pub(super) async fn with(
    state: &AppState,
    user: &CurrentUser,
    tab: Shown,
) -> Result<AuthProvisionPage> {
    let engine = &state.engine;
    let defaults = engine.defaults().await?;
    let saved = Typed {
        mode: engine.provisioning_mode().await?,
        manager: manager_name(state, defaults.manager_id).await?,
        defaults,
    };
    shown(state, user, tab, saved).await
}

async fn shown(
    state: &AppState,
    user: &CurrentUser,
    tab: Shown,
    typed: Typed,
) -> Result<AuthProvisionPage> {
    let engine = &state.engine;
    let defaults = typed.defaults;
    let tenants = match &tab {
        Shown::Connections(sought) => {
            let all = overview::all(engine.db()).await?;
            let all = cards(state, all, engine.now()).await?;
            sought.among(all, CONNECTIONS)
        }
        Shown::Rules(_) | Shown::Fields(_) => Sought::default().among(Vec::new(), CONNECTIONS),
    };
    let roles = security_roles::list(engine.db()).await?.into_iter();
    let roles = roles.filter(|role| role.is_active && role.role_type == RoleType::Internal);
    let roles = roles.map(|role| Choice {
        chosen: defaults.security_role.as_deref() == Some(role.name.as_str()),
        value: role.name.clone(),
        label: role.name,
    });
    Ok(AuthProvisionPage {
        frame: Frame::new("Auth & Provision", "provision", Some(user)),
        is_synced: typed.mode == ProvisioningMode::AzureAdSync,
        tab: match &tab {
            Shown::Connections(_) => "",
            Shown::Rules(_) => "rules",
            Shown::Fields(_) => "fields",
        },
        policies: match &tab {
            Shown::Fields(policies) => field_policies::lines(policies),
            Shown::Connections(_) | Shown::Rules(_) => Vec::new(),
        },
        manager: typed.manager,
        roles: roles.collect(),
        missing: missing(&defaults),
        defaults,
        failure: None,
        cure: None,
        tenants,
        rules: match &tab {
            Shown::Rules(sought) => sought.among(rows(state).await?, RULES),
            Shown::Connections(_) | Shown::Fields(_) => Sought::default().among(Vec::new(), RULES),
        },
    })
}

/// The mandatory fields without a default, as the form names them.
fn missing(defaults: &EmployeeDefaults) -> String {
    let labels = defaults.missing().into_iter().map(|name| match name {
        "department" => "Department",
        "location" => "Location",
        "manager_id" => "Manager",
        "job_title" => "Job Title",
        "employment_type" => "Employment Type",
        "security_role" => "Security Role",
        "employee_role" => "Employee Role",
        other => other,
    });
    labels.collect::<Vec<_>>().join(", ")
}

/// The manager as the form names them.
async fn manager_name(state: &AppState, id: Option<RecordId>) -> Result<String> {
    let Some(id) = id else {
        return Ok(String::new());
    };
    let found = records::get(state.engine.db(), &[id]).await?.pop();
    let name = found.and_then(|row| row.record.username);
    Ok(name.unwrap_or_else(|| id.to_string()))
}

/// The employee a username, or an id, names.
async fn manager(state: &AppState, typed: Option<String>) -> Result<Option<RecordId>> {
    let Some(typed) = typed else {
        return Ok(None);
    };
    if let Ok(id) = typed.parse() {
        return Ok(Some(id));
    }
    let found = records::by_username(state.engine.db(), &store::keys::fold(&typed)).await?;
    let found = found.filter(|row| row.record.kind == Kind::Employee);
    found.map(|row| Some(row.record.id)).ok_or_else(|| {
        Problem::invalid(format!("manager: no employee has the username `{typed}`"))
            .cure("Look the username up under HR > Employees, or leave the field empty.")
    })
}

/// Saves, or shows what it would do; what is refused comes back as typed.
pub(crate) async fn save(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let mode: ProvisioningMode = fields.choice("mode")?;
    let defaults = EmployeeDefaults {
        department: fields.text("department"),
        location: fields.text("location"),
        manager_id: None,
        job_title: fields.text("job_title"),
        employment_type: fields.text("employment_type"),
        security_role: fields.text("security_role"),
        employee_role: fields.text("employee_role"),
    };
    let problem = match saved(&state, &user, &fields, mode, defaults.clone()).await {
        Ok(response) => return Ok(response),
        Err(problem) if problem.status().is_server_error() => return Err(problem),
        Err(problem) => problem,
    };
    let typed = Typed {
        mode,
        defaults,
        manager: fields.text("manager").unwrap_or_default(),
    };
    let mut again = shown(&state, &user, Shown::Connections(Sought::default()), typed).await?;
    again.failure = Some(sentence(problem.detail()));
    again.cure = problem.cure_text().map(str::to_owned);
    Ok((problem.status(), page(&again)?).into_response())
}

async fn saved(
    state: &AppState,
    user: &CurrentUser,
    fields: &Fields,
    mode: ProvisioningMode,
    mut defaults: EmployeeDefaults,
) -> Result<Response> {
    defaults.manager_id = manager(state, fields.text("manager")).await?;
    let engine = &state.engine;
    let plan_only = fields.text("do").as_deref() == Some("preview");
    if !plan_only && mode != engine.provisioning_mode().await? {
        engine.set_provisioning_mode(mode, &user.actor()).await?;
    }
    if !plan_only && defaults == engine.defaults().await? {
        return Ok(go(HERE));
    }
    let change = engine
        .put_defaults(defaults, plan_only, &user.actor())
        .await?;
    if plan_only && change.plan_id.is_none() {
        return Err(nobody_concerned());
    }
    Ok(super::plan::after(&change, plan_only, HERE))
}

/// A preview that has nobody to show.
pub(super) fn nobody_concerned() -> Problem {
    Problem::invalid("nobody is concerned yet: no connection has people")
        .cure("Save keeps it for the first sync.")
}
