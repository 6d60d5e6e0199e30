//! What the form of a mapping rule shows: nothing typed yet, a rule that is
//! there, or what was typed and refused. Saves nothing.

use askama::Template;
use engine::GroupInfo;
use provisioning::ids::{ConnectionId, RuleId};
use provisioning::mapping_rule::{MappingRule, RoleType, ScopeKind};
use provisioning::psa::Kind;
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

#[derive(Template)]
#[template(path = "rule.html")]
pub(super) struct RulePage {
    frame: Frame,
    failure: Option<String>,
    cure: Option<String>,
    action: String,
    /// Where the group is searched and picked.
    finds: String,
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
    /// What the group is called, and which one that is.
    group_name: String,
    named_group: String,
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
            group_name: String::new(),
            named_group: String::new(),
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
        let group = match is_assigned {
            true => String::new(),
            false => rule.group_id.to_string(),
        };
        Self {
            version: rule.version.to_string(),
            connection: rule.connection_id.to_string(),
            is_assigned,
            group_name: rule.group_name.clone().unwrap_or_default(),
            named_group: group.clone(),
            group,
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

    /// What came back with the form; a group that was picked from what the
    /// search found is the rule's from then on, and lends it its name.
    pub(super) fn again(fields: &Fields) -> Self {
        let text = |name| fields.text(name).unwrap_or_default();
        let is_contact = text("kind") == "contact";
        let mut typed = Self {
            version: text("version"),
            connection: text("connection_id"),
            is_assigned: text("scope") == "assigned",
            group: text("group_id"),
            group_name: text("group_name"),
            named_group: text("named_group"),
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
        };
        let picked = text("pick");
        if !picked.is_empty() {
            let (id, name) = picked.split_once(' ').unwrap_or((&picked, ""));
            if typed.name.is_empty() || typed.name == typed.group_name {
                name.clone_into(&mut typed.name);
            }
            id.clone_into(&mut typed.group);
            typed.named_group.clone_from(&typed.group);
            name.clone_into(&mut typed.group_name);
            typed.is_assigned = false;
        }
        typed
    }

    /// The group's name, as long as the id is the one it belongs to.
    pub(super) fn known_group(&self) -> Option<&str> {
        let is_known = !self.group_name.is_empty() && self.group == self.named_group;
        is_known.then_some(self.group_name.as_str())
    }
}

/// Whether the fields are the whole form, sent to search or pick a group.
fn is_whole(fields: &Fields) -> bool {
    fields.text("scope").is_some()
}

/// What was searched for; nothing once a group is picked.
fn searched(fields: &Fields) -> Option<String> {
    let searches = is_whole(fields) && fields.text("pick").is_none();
    searches.then(|| fields.text("search").unwrap_or_default())
}

/// The form to make a rule.
pub(super) async fn empty(
    state: &AppState,
    user: &CurrentUser,
    fields: &Fields,
) -> Result<RulePage> {
    let typed = if is_whole(fields) {
        Typed::again(fields)
    } else {
        let rules = mapping_rules::list(state.engine.db()).await?;
        let last = rules.last().map_or(0, |last| last.rule.order);
        let connection = fields.text("connection_id").unwrap_or_default();
        Typed {
            connection,
            ..Typed::new(last + STEP)
        }
    };
    build(state, user, None, typed, searched(fields)).await
}

/// The form to change a rule.
pub(super) async fn of(
    state: &AppState,
    user: &CurrentUser,
    rule: &MappingRule,
    fields: &Fields,
) -> Result<RulePage> {
    let typed = match is_whole(fields) {
        true => Typed::again(fields),
        false => Typed::of(rule),
    };
    build(state, user, Some(rule.id), typed, searched(fields)).await
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

/// What the page is called: the rule, by the name it is saved under.
async fn title(state: &AppState, rule: Option<RuleId>) -> Result<String> {
    let Some(id) = rule else {
        return Ok("New mapping rule".to_owned());
    };
    let saved = mapping_rules::get(state.engine.db(), id).await?;
    let saved = saved.ok_or_else(|| Problem::not_found("mapping rule"))?;
    Ok(saved.rule.name)
}

async fn build(
    state: &AppState,
    user: &CurrentUser,
    rule: Option<RuleId>,
    mut typed: Typed,
    search: Option<String>,
) -> Result<RulePage> {
    let db = state.engine.db();
    let all = connections::names(db).await?;
    let connection: Option<ConnectionId> = typed.connection.parse().ok();
    let connection = connection.or(all.first().map(|(first, _)| *first));
    typed.connection = connection.map(|id| id.to_string()).unwrap_or_default();
    let (mut groups, mut group_failure) = (Vec::new(), None);
    if let (Some(search), Some(id)) = (&search, connection) {
        match state.engine.groups(id, Some(search.as_str())).await {
            Ok(found) if found.is_empty() => {
                group_failure = Some(format!("No group's name begins with “{search}”."));
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
        frame: Frame::new(&title(state, rule).await?, "provision", Some(user)),
        failure: None,
        cure: None,
        action: rule.map_or(format!("{HERE}/rules"), |id| format!("{HERE}/rules/{id}")),
        finds: rule.map_or(format!("{HERE}/rules/new"), |id| {
            format!("{HERE}/rules/{id}")
        }),
        rule_id: rule.map(|id| id.to_string()),
        connections: choices(
            all.into_iter().map(|(id, name)| (id.to_string(), name)),
            |value| value == typed.connection,
        ),
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
