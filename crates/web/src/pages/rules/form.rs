//! What the form of a mapping rule shows: nothing typed yet, a rule that is
//! there, or what was typed and refused. Saves nothing.

use askama::Template;
use engine::GroupInfo;
use provisioning::ids::{ConnectionId, RuleId};
use provisioning::mapping_rule::{MappingRule, RoleType, ScopeKind};
use provisioning::psa::Kind;
use serde::Deserialize;
use store::accounts::{self, AccountFilter};
use store::{connections, mapping_rules, security_roles};

use super::super::auth_provision::HERE;
use super::super::frame::{Choice, Fields, Frame, sentence, word};
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};

/// How many accounts the form offers.
const MOST_ACCOUNTS: i64 = 500;
/// Room between one rule's order and the next.
const STEP: i64 = 10;

/// The group search, and the group picked from what it found.
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
pub(super) struct RulePage {
    frame: Frame,
    failure: Option<String>,
    cure: Option<String>,
    action: String,
    rule_id: Option<String>,
    connections: Vec<Choice>,
    search: String,
    groups: Vec<GroupInfo>,
    group_failure: Option<String>,
    typed: Typed,
    accounts: Vec<Choice>,
    internal: Vec<Choice>,
    external: Vec<Choice>,
    modes: Vec<Choice>,
    members: Vec<Choice>,
}

/// The fields of the form, as text.
#[derive(Clone)]
pub(super) struct Typed {
    version: String,
    connection: String,
    is_assigned: bool,
    group: String,
    name: String,
    order: String,
    is_contact: bool,
    account: String,
    roles: Vec<String>,
    roles_mode: String,
    members: String,
    include_nested: bool,
    licensed_only: bool,
    enabled: bool,
    exclude: String,
}

impl Typed {
    fn new(order: i64) -> Self {
        Self {
            version: String::new(),
            connection: String::new(),
            is_assigned: false,
            group: String::new(),
            name: String::new(),
            order: order.to_string(),
            is_contact: false,
            account: String::new(),
            roles: Vec::new(),
            roles_mode: "replace".to_owned(),
            members: "all".to_owned(),
            include_nested: true,
            licensed_only: false,
            enabled: true,
            exclude: String::new(),
        }
    }

    fn of(rule: &MappingRule) -> Self {
        let is_assigned = rule.scope == ScopeKind::Assigned;
        let account = rule.target.account_id();
        Self {
            version: rule.version.to_string(),
            connection: rule.connection_id.to_string(),
            is_assigned,
            group: if is_assigned {
                String::new()
            } else {
                rule.group_id.to_string()
            },
            name: rule.name.clone(),
            order: rule.order.to_string(),
            is_contact: rule.target.kind() == Kind::Contact,
            account: account.map(|id| id.to_string()).unwrap_or_default(),
            roles: rule.security_roles.clone(),
            roles_mode: word(&rule.roles_mode),
            members: word(&rule.members),
            include_nested: rule.include_nested,
            licensed_only: rule.licensed_only,
            enabled: rule.enabled,
            exclude: rule.exclude.join("\n"),
        }
    }

    /// What came back with the form.
    pub(super) fn again(fields: &Fields) -> Self {
        let text = |name| fields.text(name).unwrap_or_default();
        let is_contact = text("kind") == "contact";
        Self {
            version: text("version"),
            connection: text("connection_id"),
            is_assigned: text("scope") == "assigned",
            group: text("group_id"),
            name: text("name"),
            order: text("order"),
            is_contact,
            account: text("account_id"),
            roles: fields.all(if is_contact { "external" } else { "internal" }),
            roles_mode: text("roles_mode"),
            members: text("members"),
            include_nested: fields.ticked("include_nested"),
            licensed_only: fields.ticked("licensed_only"),
            enabled: fields.ticked("enabled"),
            exclude: text("exclude"),
        }
    }

    /// With the group that was picked from what the search found.
    fn with(mut self, picked: &Picked) -> Self {
        if !picked.connection.is_empty() {
            self.connection.clone_from(&picked.connection);
        }
        if !picked.group.is_empty() {
            self.group.clone_from(&picked.group);
            self.is_assigned = false;
        }
        if !picked.name.is_empty() {
            self.name.clone_from(&picked.name);
        }
        self
    }
}

/// The form to make a rule.
pub(super) async fn empty(
    state: &AppState,
    user: &CurrentUser,
    picked: Picked,
) -> Result<RulePage> {
    let rules = mapping_rules::list(state.engine.db()).await?;
    let last = rules.last().map_or(0, |last| last.rule.order);
    let typed = Typed::new(last + STEP).with(&picked);
    build(state, user, None, typed, picked.search).await
}

/// The form to change a rule.
pub(super) async fn of(
    state: &AppState,
    user: &CurrentUser,
    rule: &MappingRule,
    picked: Picked,
) -> Result<RulePage> {
    let typed = Typed::of(rule).with(&picked);
    build(state, user, Some(rule.id), typed, picked.search).await
}

/// The form as it was typed, with what is wrong with it.
pub(super) async fn refused(
    state: &AppState,
    user: &CurrentUser,
    rule: Option<RuleId>,
    typed: Typed,
    problem: &Problem,
) -> Result<RulePage> {
    Ok(RulePage {
        failure: Some(sentence(problem.detail())),
        cure: problem.cure_text().map(str::to_owned),
        ..build(state, user, rule, typed, None).await?
    })
}

async fn build(
    state: &AppState,
    user: &CurrentUser,
    rule: Option<RuleId>,
    mut typed: Typed,
    search: Option<String>,
) -> Result<RulePage> {
    let db = state.engine.db();
    let all = connections::list(db).await?;
    let connection: Option<ConnectionId> = typed.connection.parse().ok();
    let connection = connection.or(all.first().map(|first| first.id));
    typed.connection = connection.map(|id| id.to_string()).unwrap_or_default();
    let (mut groups, mut group_failure) = (Vec::new(), None);
    if let (Some(search), Some(id)) = (&search, connection) {
        match state.engine.groups(id, Some(search.as_str())).await {
            Ok(found) if found.is_empty() => {
                group_failure = Some(format!("No group's name begins with `{search}`."));
            }
            Ok(found) => groups = found,
            Err(error) => group_failure = Some(error.message),
        }
    }
    let roles = security_roles::list(db).await?;
    let of = |role_type: RoleType| {
        let fitting = roles
            .iter()
            .filter(|role| role.is_active && role.role_type == role_type);
        let names = fitting.map(|role| (role.name.clone(), role.name.clone()));
        choices(names, |value| typed.roles.iter().any(|name| name == value))
    };
    Ok(RulePage {
        frame: Frame::new("Mapping rule", "provision", Some(user)),
        failure: None,
        cure: None,
        action: rule.map_or(format!("{HERE}/rules"), |id| format!("{HERE}/rules/{id}")),
        rule_id: rule.map(|id| id.to_string()),
        connections: choices(all.into_iter().map(named), |value| {
            value == typed.connection
        }),
        search: search.unwrap_or_default(),
        groups,
        group_failure,
        accounts: choices(offered_accounts(state).await?.into_iter(), |value| {
            value == typed.account
        }),
        internal: of(RoleType::Internal),
        external: of(RoleType::External),
        modes: Choice::list(
            &[
                ("replace", "exactly these: others are taken away"),
                ("add", "at least these: others stay"),
                ("on_create", "once, when access begins"),
            ],
            &typed.roles_mode,
        ),
        members: Choice::list(
            &[
                ("all", "members and guests"),
                ("members", "members only"),
                ("guests", "guests only"),
            ],
            &typed.members,
        ),
        typed,
    })
}

fn named(one: connections::Connection) -> (String, String) {
    let name = one.tenant_name.or(one.tenant_domain);
    let label = name.unwrap_or(one.configuration.tenant_input);
    (one.id.to_string(), label)
}

async fn offered_accounts(state: &AppState) -> Result<Vec<(String, String)>> {
    let filter = AccountFilter::default();
    let found = accounts::list(state.engine.db(), &filter, None, MOST_ACCOUNTS).await?;
    let pair = |one: accounts::Account| (one.id.to_string(), one.name);
    Ok(found.items.into_iter().map(pair).collect())
}

fn choices(
    all: impl Iterator<Item = (String, String)>,
    is_chosen: impl Fn(&str) -> bool,
) -> Vec<Choice> {
    let one = |(value, label): (String, String)| Choice {
        chosen: is_chosen(&value),
        value,
        label,
    };
    all.map(one).collect()
}
