//! `rule`: mapping rules. Every change shows its plan and asks first.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use engine::{Change, RuleDraft, RuleScope, Undo};
use provisioning::ids::{AccountId, PlanId, RuleId};
use provisioning::mapping_rule::{MappingRule, Members, RolesMode};
use provisioning::psa::Kind;
use serde_json::{Value, json};
use store::accounts::{self, Account, AccountFilter};
use store::mapping_rules;
use store::plans;

use super::connection::find_group;
use super::rule_file;
use super::undo::take_back;
use crate::failure::{wrong_use, wrong_use_curable};
use crate::installation::Installation;
use crate::output::{self, Output};
use crate::plan_view::{self, SHOWN};
use crate::run_view;

/// Mapping rules.
#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// Every rule, the strongest first
    List,
    /// Add a rule
    Add(Box<Add>),
    /// Put a rule at another place; the others keep their order
    #[command(after_help = "Example:\n  rollcall rule move \"Service Desk\" 1")]
    Move {
        /// Id or name
        rule: String,
        /// Its new place, counted from 1
        place: usize,
        #[command(flatten)]
        how: How,
    },
    /// Delete a rule
    Rm {
        /// Id or name
        rule: String,
        #[command(flatten)]
        how: How,
    },
    /// Take back what a rule made of everybody it decides now
    #[command(
        after_help = "What somebody changed since stays. Example:\n  rollcall rule undo Contractors --plan-only"
    )]
    Undo {
        /// Id or name
        rule: String,
        #[command(flatten)]
        how: How,
    },
    /// Write every rule as TOML
    #[command(after_help = "Example:\n  rollcall rule export rules.toml")]
    Export {
        /// The file; standard output when left out
        file: Option<PathBuf>,
    },
    /// Add or change rules from TOML; a rule with the same tenant and name is changed
    #[command(after_help = "Examples:
  rollcall rule import rules.toml
  rollcall rule import rehearsed.toml --tenant contoso.com    groups are found by name there")]
    Import {
        /// The file
        file: PathBuf,
        /// Put all rules on this connection, whatever tenant they were exported from
        #[arg(long, value_name = "ID|TENANT")]
        tenant: Option<String>,
        #[command(flatten)]
        how: How,
    },
}

/// How a change is made.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct How {
    /// Show what would happen, change nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) plan_only: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Add a rule.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall rule add --connection mymsp.com --group Staff --kind employee --role User --order 90
  rollcall rule add --connection contoso.com --group \"Portal Users\" --kind contact \\
      --account Contoso --role \"External User\" --include-nested --exclude 'svc-*'
  rollcall rule add --connection mymsp.com --assigned --kind employee --role User")]
pub(crate) struct Add {
    /// The connection
    #[arg(long, value_name = "ID|TENANT")]
    connection: String,
    /// The group, by object id or exact name
    #[arg(long, value_name = "ID|NAME", required_unless_present = "assigned")]
    group: Option<String>,
    /// Instead of a group: who is assigned under Users and groups of the enterprise application
    #[arg(long, conflicts_with_all = ["group", "include_nested"])]
    assigned: bool,
    /// What its people become
    #[arg(long, value_enum)]
    kind: KindOf,
    /// Security role; may be repeated
    #[arg(long = "role", value_name = "NAME", required = true)]
    roles: Vec<String>,
    /// The account of contacts, by id or name
    #[arg(long, value_name = "ID|NAME")]
    account: Option<String>,
    /// The lowest wins; after all others when left out
    #[arg(long)]
    order: Option<i64>,
    /// What to call the rule; the group's name when left out
    #[arg(long)]
    name: Option<String>,
    /// How the roles are given
    #[arg(long, value_enum, default_value = "replace")]
    roles_mode: RolesModeOf,
    /// Members of groups in the group count too
    #[arg(long)]
    include_nested: bool,
    /// Whom the rule takes
    #[arg(long, value_enum, default_value = "all")]
    members: MembersOf,
    /// Pattern on UPN and mail of people to leave out; may be repeated
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Only people with a licence
    #[arg(long)]
    licensed_only: bool,
    /// Save it without effect
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindOf {
    /// HR employees
    Employee,
    /// CRM contacts with client portal access
    Contact,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RolesModeOf {
    /// Exactly these
    Replace,
    /// At least these
    Add,
    /// Given once, when access begins
    OnCreate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MembersOf {
    /// Members and guests
    All,
    /// Members
    Members,
    /// Guests
    Guests,
}

impl Rules {
    /// Runs it.
    pub(crate) async fn run(
        &self,
        installation: &Installation,
        output: Output,
    ) -> Result<ExitCode> {
        match self {
            Self::List => list(installation, output).await?,
            Self::Add(add) => add.run(installation, output).await?,
            Self::Move { rule, place, how } => {
                move_to(installation, rule, *place, *how, output).await?;
            }
            Self::Rm { rule, how } => remove(installation, rule, *how, output).await?,
            Self::Undo { rule, how } => {
                let rule = find(installation, rule).await?;
                return take_back(installation, Undo::Rule(rule.id), *how, output).await;
            }
            Self::Export { file } => rule_file::export(installation, file.as_deref()).await?,
            Self::Import { file, tenant, how } => {
                rule_file::import(installation, file, tenant.as_deref(), *how, output).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn all(installation: &Installation) -> Result<Vec<MappingRule>> {
    let rows = mapping_rules::list(installation.db()).await?;
    Ok(rows.into_iter().map(|row| row.rule).collect())
}

async fn find(installation: &Installation, text: &str) -> Result<MappingRule> {
    let rules = all(installation).await?;
    let mut found = rules
        .into_iter()
        .filter(|rule| rule.id.to_string() == text || rule.name.eq_ignore_ascii_case(text));
    match (found.next(), found.next()) {
        (Some(rule), None) => Ok(rule),
        (Some(_), Some(_)) => Err(wrong_use(format!(
            "several rules are called `{text}`; give the id"
        ))),
        (None, _) => Err(wrong_use(format!(
            "there is no rule `{text}`; `rollcall rule list` shows them"
        ))),
    }
}

async fn list(installation: &Installation, output: Output) -> Result<()> {
    let rules = all(installation).await?;
    let mut rows = Vec::new();
    for rule in &rules {
        rows.push([
            rule.order.to_string(),
            rule.id.to_string(),
            rule.name.clone(),
            installation.connection_name(rule.connection_id).await?,
            rule.group_name
                .clone()
                .unwrap_or_else(|| rule.group_id.to_string()),
            rule.target.kind().name().to_owned(),
            rule.security_roles.join(", "),
            if rule.enabled {
                String::new()
            } else {
                "disabled".to_owned()
            },
        ]);
    }
    output.show(&json!({ "items": rules }), || {
        let head = [
            "order",
            "id",
            "name",
            "connection",
            "group",
            "kind",
            "roles",
            "",
        ];
        output::table(head, rows)
    })
}

/// The account an operator means by id or name.
pub(crate) async fn find_account(installation: &Installation, text: &str) -> Result<Account> {
    let db = installation.db();
    let found = match text.parse::<AccountId>() {
        Ok(id) => accounts::get(db, &[id]).await?,
        Err(_) => {
            let filter = AccountFilter {
                name: Some(text.to_owned()),
                ..AccountFilter::default()
            };
            accounts::list(db, &filter, None, 2).await?.items
        }
    };
    found.into_iter().next().ok_or_else(|| {
        wrong_use_curable(
            format!("there is no account `{text}`"),
            "Make it first: under CRM > Accounts, or with POST /api/v1/accounts.",
        )
    })
}

impl Add {
    async fn run(&self, installation: &Installation, output: Output) -> Result<()> {
        let connection = installation.connection(&self.connection).await?;
        let scope = match &self.group {
            Some(group) => RuleScope::Group(find_group(installation, &connection, group).await?.id),
            None => RuleScope::Assigned,
        };
        let account_id = match &self.account {
            Some(text) => Some(find_account(installation, text).await?.id),
            None => None,
        };
        let last = all(installation).await?.iter().map(|rule| rule.order).max();
        let draft = RuleDraft {
            name: self.name.clone(),
            order: self.order.unwrap_or_else(|| last.unwrap_or(0) + 10),
            connection_id: Some(connection.id),
            tenant_id: None,
            scope,
            kind: match self.kind {
                KindOf::Employee => Kind::Employee,
                KindOf::Contact => Kind::Contact,
            },
            account_id,
            security_roles: self.roles.clone(),
            roles_mode: match self.roles_mode {
                RolesModeOf::Replace => RolesMode::Replace,
                RolesModeOf::Add => RolesMode::Add,
                RolesModeOf::OnCreate => RolesMode::OnCreate,
            },
            include_nested: self.include_nested,
            members: match self.members {
                MembersOf::All => Members::All,
                MembersOf::Members => Members::Members,
                MembersOf::Guests => Members::Guests,
            },
            exclude: self.exclude.clone(),
            licensed_only: self.licensed_only,
            enabled: !self.disabled,
        };
        save(installation, None, draft, self.how, output).await
    }
}

/// Creates or changes a rule: plan first, then the question, then the deed.
pub(crate) async fn save(
    installation: &Installation,
    existing: Option<&MappingRule>,
    draft: RuleDraft,
    how: How,
    output: Output,
) -> Result<()> {
    let (engine, actor) = (&installation.engine, installation.actor());
    let name = draft.name.clone().unwrap_or_else(|| "the rule".to_owned());
    let attempt = async |plan_only: bool| match existing {
        None => engine.create_rule(draft.clone(), plan_only, &actor).await,
        Some(rule) => {
            let version = Some(rule.version);
            engine
                .update_rule(rule.id, draft.clone(), version, plan_only, &actor)
                .await
        }
    };
    if !how.yes {
        let planned = attempt(true).await?;
        for warning in &planned.warnings {
            output::note(&format!("warning: {}", warning.message));
        }
        if !agreed(
            installation,
            planned.change.plan_id,
            &format!("Save {name}?"),
            how,
            output,
        )
        .await?
        {
            return Ok(());
        }
    }
    let saved = attempt(false).await?;
    let rule = serde_json::to_value(&saved.rule)?;
    finish(
        installation,
        &name,
        &saved.change,
        json!({ "rule": rule, "warnings": saved.warnings }),
        output,
    )
    .await
}

/// Shows a plan; whether the change shall be made.
async fn agreed(
    installation: &Installation,
    plan_id: Option<PlanId>,
    question: &str,
    how: How,
    output: Output,
) -> Result<bool> {
    let plan = match plan_id {
        Some(id) => plans::get(installation.db(), id).await?,
        None => None,
    };
    if let Some(plan) = plan {
        let limit = if output.is_json() { usize::MAX } else { SHOWN };
        let view = plan_view::read(installation.db(), &plan, limit).await?;
        if how.plan_only {
            output.show(&view, || view.text())?;
        } else if !output.is_json() {
            output::print(&view.text())?;
        }
    }
    Ok(!how.plan_only && output::ask(question, how.yes)?)
}

/// Waits for what a saved change set going, and tells.
async fn finish(
    installation: &Installation,
    name: &str,
    change: &Change,
    mut value: Value,
    output: Output,
) -> Result<()> {
    let mut text = format!("Saved {name}.");
    value["run_id"] = json!(change.run_id);
    value["plan_id"] = json!(change.plan_id);
    value["held"] = json!(change.held);
    if let Some(run_id) = change.run_id {
        let run = run_view::follow(installation, name, run_id).await?;
        value["run"] = run_view::view(&run)?;
        text = format!("Saved {name}. Run {run_id}: {}", run_view::outcome(&run)?);
    }
    if let (true, Some(plan_id)) = (change.held, change.plan_id) {
        text = format!(
            "{name} takes effect when its plan is approved: rollcall plan approve {plan_id}"
        );
    }
    output.show(&value, || text)
}

async fn move_to(
    installation: &Installation,
    text: &str,
    place: usize,
    how: How,
    output: Output,
) -> Result<()> {
    let rule = find(installation, text).await?;
    let mut ids: Vec<RuleId> = all(installation)
        .await?
        .iter()
        .map(|rule| rule.id)
        .collect();
    if place == 0 || place > ids.len() {
        return Err(wrong_use(format!("there are places 1 to {}", ids.len())));
    }
    ids.retain(|id| *id != rule.id);
    ids.insert(place - 1, rule.id);
    let (engine, actor) = (&installation.engine, installation.actor());
    if !how.yes {
        let planned = engine.reorder_rules(ids.clone(), true, &actor).await?;
        let question = format!("Put {} at place {place}?", rule.name);
        if !agreed(installation, planned.plan_id, &question, how, output).await? {
            return Ok(());
        }
    }
    let change = engine.reorder_rules(ids, false, &actor).await?;
    finish(
        installation,
        &rule.name,
        &change,
        json!({ "id": rule.id, "place": place }),
        output,
    )
    .await
}

async fn remove(installation: &Installation, text: &str, how: How, output: Output) -> Result<()> {
    let rule = find(installation, text).await?;
    let (engine, actor) = (&installation.engine, installation.actor());
    let version = Some(rule.version);
    if !how.yes {
        let planned = engine.delete_rule(rule.id, version, true, &actor).await?;
        let question = format!("Delete {}?", rule.name);
        if !agreed(installation, planned.change.plan_id, &question, how, output).await? {
            return Ok(());
        }
    }
    let gone = engine.delete_rule(rule.id, version, false, &actor).await?;
    finish(
        installation,
        &rule.name,
        &gone.change,
        json!({ "id": rule.id }),
        output,
    )
    .await
}
