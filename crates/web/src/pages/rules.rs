//! The form of a mapping rule: the group by live search, then the rest;
//! Preview shows the plan, Save keeps the rule.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use engine::{GroupInfo, RuleDraft, RuleScope};
use provisioning::ids::{ConnectionId, RuleId};
use provisioning::mapping_rule::{MappingRule, RoleType, ScopeKind};
use provisioning::psa::Kind;
use serde::Deserialize;
use store::accounts::{self, AccountFilter};
use store::rights::{Module, Right};
use store::{connections, mapping_rules, security_roles};

use super::auth_provision::HERE;
use super::frame::{Choice, Fields, Frame, needs, page, word};
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;

/// How many accounts the form offers.
const MOST_ACCOUNTS: i64 = 500;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Picked {
    connection: String,
    search: Option<String>,
    group: String,
    name: String,
}

#[derive(Template)]
#[template(path = "rule.html")]
struct RulePage {
    frame: Frame,
    action: String,
    rule_id: Option<String>,
    version: i64,
    connections: Vec<Choice>,
    connection: String,
    search: String,
    groups: Vec<GroupInfo>,
    group_failure: Option<String>,
    is_assigned: bool,
    group: String,
    name: String,
    order: i64,
    is_contact: bool,
    accounts: Vec<Choice>,
    internal: Vec<Choice>,
    external: Vec<Choice>,
    modes: Vec<Choice>,
    members: Vec<Choice>,
    include_nested: bool,
    licensed_only: bool,
    enabled: bool,
    exclude: String,
}

#[allow(clippy::too_many_lines)] // one form, field by field
async fn build(
    state: &AppState,
    user: &CurrentUser,
    rule: Option<&MappingRule>,
    picked: Picked,
) -> Result<RulePage> {
    let db = state.engine.db();
    let all = connections::list(db).await?;
    let known = rule.map(|rule| rule.connection_id);
    let connection: Option<ConnectionId> = picked.connection.parse().ok().or(known);
    let connection = connection.or(all.first().map(|first| first.id));
    let (mut groups, mut group_failure) = (Vec::new(), None);
    if let (Some(search), Some(id)) = (&picked.search, connection) {
        match state.engine.groups(id, Some(search.as_str())).await {
            Ok(found) => groups = found,
            Err(error) => group_failure = Some(error.message),
        }
    }
    let account = rule.and_then(|rule| rule.target.account_id());
    let filter = AccountFilter::default();
    let accounts = accounts::list(db, &filter, None, MOST_ACCOUNTS)
        .await?
        .items;
    let accounts = accounts.into_iter().map(|one| Choice {
        value: one.id.to_string(),
        chosen: account == Some(one.id),
        label: one.name,
    });
    let roles = security_roles::list(db).await?;
    let of = |role_type: RoleType| {
        let fitting = roles
            .iter()
            .filter(|r| r.is_active && r.role_type == role_type);
        let choice = |role: &security_roles::SecurityRole| Choice {
            value: role.name.clone(),
            label: role.name.clone(),
            chosen: rule.is_some_and(|rule| rule.security_roles.contains(&role.name)),
        };
        fitting.map(choice).collect()
    };
    let next = mapping_rules::list(db)
        .await?
        .last()
        .map_or(10, |last| last.rule.order + 10);
    let mode = rule.map_or_else(|| "replace".to_owned(), |rule| word(&rule.roles_mode));
    let members = rule.map_or_else(|| "all".to_owned(), |rule| word(&rule.members));
    let group = rule
        .filter(|rule| rule.scope == ScopeKind::Group)
        .map(|rule| rule.group_id.to_string())
        .unwrap_or_default();
    let chosen_name = rule.map(|rule| rule.name.clone()).unwrap_or_default();
    Ok(RulePage {
        frame: Frame::new("Mapping rule", "provision", Some(user)),
        action: rule.map_or(format!("{HERE}/rules"), |rule| {
            format!("{HERE}/rules/{}", rule.id)
        }),
        rule_id: rule.map(|rule| rule.id.to_string()),
        version: rule.map_or(0, |rule| rule.version),
        connections: all
            .into_iter()
            .map(|one| Choice {
                value: one.id.to_string(),
                chosen: connection == Some(one.id),
                label: one
                    .tenant_name
                    .or(one.tenant_domain)
                    .unwrap_or(one.configuration.tenant_input),
            })
            .collect(),
        connection: connection.map(|id| id.to_string()).unwrap_or_default(),
        search: picked.search.unwrap_or_default(),
        groups,
        group_failure,
        is_assigned: rule.is_some_and(|rule| rule.scope == ScopeKind::Assigned)
            && picked.group.is_empty(),
        group: if picked.group.is_empty() {
            group
        } else {
            picked.group
        },
        name: if picked.name.is_empty() {
            chosen_name
        } else {
            picked.name
        },
        order: rule.map_or(next, |rule| rule.order),
        is_contact: rule.is_some_and(|rule| rule.target.kind() == Kind::Contact),
        accounts: accounts.collect(),
        internal: of(RoleType::Internal),
        external: of(RoleType::External),
        modes: Choice::list(
            &[
                ("replace", "exactly these: others are taken away"),
                ("add", "at least these: others stay"),
                ("on_create", "once, when access begins"),
            ],
            &mode,
        ),
        members: Choice::list(
            &[
                ("all", "members and guests"),
                ("members", "members only"),
                ("guests", "guests only"),
            ],
            &members,
        ),
        include_nested: rule.is_none_or(|rule| rule.include_nested),
        licensed_only: rule.is_some_and(|rule| rule.licensed_only),
        enabled: rule.is_none_or(|rule| rule.enabled),
        exclude: rule.map(|rule| rule.exclude.join("\n")).unwrap_or_default(),
    })
}

pub(crate) async fn new(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(picked): Query<Picked>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    page(&build(&state, &user, None, picked).await?)
}

pub(crate) async fn edit(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RuleId>,
    Query(picked): Query<Picked>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let row = mapping_rules::get(state.engine.db(), id).await?;
    let row = row.ok_or_else(|| Problem::not_found("mapping rule"))?;
    page(&build(&state, &user, Some(&row.rule), picked).await?)
}

fn draft(fields: &Fields) -> Result<RuleDraft> {
    let group_id = fields.parse("group_id", "the object ID of a group")?;
    let scope = match (fields.choice("scope")?, group_id) {
        (ScopeKind::Assigned, _) => RuleScope::Assigned,
        (ScopeKind::Group, Some(id)) => RuleScope::Group(id),
        (ScopeKind::Group, None) => {
            return Err(Problem::invalid("no group is chosen")
                .cure("Search for the group, or paste its object ID."));
        }
    };
    let kind = match fields.text("kind").as_deref() {
        Some("contact") => Kind::Contact,
        _ => Kind::Employee,
    };
    let exclude = fields.text("exclude").unwrap_or_default();
    let exclude = exclude
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let account = fields.parse("account_id", "the id of an account")?;
    Ok(RuleDraft {
        name: fields.text("name"),
        order: fields.parse("order", "a whole number")?.unwrap_or(10),
        connection_id: fields.parse("connection_id", "the id of a connection")?,
        tenant_id: None,
        scope,
        kind,
        account_id: account.filter(|_| kind == Kind::Contact),
        security_roles: fields.all(if kind == Kind::Contact {
            "external"
        } else {
            "internal"
        }),
        roles_mode: fields.choice("roles_mode")?,
        // Of groups that are assigned only direct members count.
        include_nested: fields.ticked("include_nested") && scope != RuleScope::Assigned,
        members: fields.choice("members")?,
        exclude: exclude.map(str::to_owned).collect(),
        licensed_only: fields.ticked("licensed_only"),
        enabled: fields.ticked("enabled"),
    })
}

fn is_preview(fields: &Fields) -> bool {
    fields.text("do").as_deref() == Some("preview")
}

fn done(change: &engine::RuleChange, preview: bool) -> Response {
    super::plan::after(&change.change, preview, &format!("{HERE}?tab=rules"))
}

pub(crate) async fn create(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let preview = is_preview(&fields);
    let change = state
        .engine
        .create_rule(draft(&fields)?, preview, &user.actor())
        .await?;
    Ok(done(&change, preview))
}

pub(crate) async fn update(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RuleId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let preview = is_preview(&fields);
    let version = fields.parse("version", "a version")?;
    let draft = draft(&fields)?;
    let change = state
        .engine
        .update_rule(id, draft, version, preview, &user.actor())
        .await?;
    Ok(done(&change, preview))
}

pub(crate) async fn delete(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RuleId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let preview = is_preview(&fields);
    let version = fields.parse("version", "a version")?;
    let change = state
        .engine
        .delete_rule(id, version, preview, &user.actor())
        .await?;
    Ok(done(&change, preview))
}
