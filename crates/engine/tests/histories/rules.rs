//! Changes of rules and defaults, by the functions the API uses.

use engine::{Change, Engine, RuleDraft};
use provisioning::defaults::EmployeeDefaults;
use provisioning::ids::{GroupId, RuleId, TenantId};
use provisioning::mapping_rule::{Members, RolesMode};
use provisioning::psa::Kind;
use store::plans;
use store::runs::RunStatus;
use uuid::Uuid;

use crate::history::{History, Oracle, until};
use crate::model::{DEFAULT_TITLE, Rule};
use crate::world::actor;

enum Edit {
    Create(RuleDraft),
    Update(RuleId, RuleDraft),
    Delete(RuleId),
    Reorder(Vec<RuleId>),
    Defaults(EmployeeDefaults),
}

impl History {
    pub(crate) fn draft(&mut self, kind: Kind, group: Uuid, order: i64) -> RuleDraft {
        let account = self.chance.pick(&self.world.accounts);
        let role = match kind {
            Kind::Employee => ["User", "CRM Manager"][self.chance.below(2)],
            Kind::Contact => "External User",
        };
        RuleDraft {
            name: None,
            order,
            connection_id: None,
            tenant_id: Some(TenantId(self.world.tenant)),
            scope: engine::RuleScope::Group(GroupId(group)),
            kind,
            account_id: account.filter(|_| kind == Kind::Contact),
            security_roles: vec![role.to_owned()],
            roles_mode: RolesMode::Replace,
            include_nested: self.chance.one_in(2),
            members: Members::All,
            exclude: Vec::new(),
            licensed_only: false,
            enabled: true,
        }
    }

    fn draft_of(&self, rule: &Rule) -> RuleDraft {
        RuleDraft {
            name: None,
            order: rule.order,
            connection_id: None,
            tenant_id: Some(TenantId(self.world.tenant)),
            scope: engine::RuleScope::Group(GroupId(rule.group)),
            kind: rule.kind,
            account_id: rule.account,
            security_roles: rule.roles.clone(),
            roles_mode: RolesMode::Replace,
            include_nested: rule.nested,
            members: rule.members,
            exclude: rule
                .without
                .iter()
                .map(|start| format!("{start}*"))
                .collect(),
            licensed_only: false,
            enabled: rule.enabled,
        }
    }

    fn choose(&mut self) -> Option<Edit> {
        let rules = self.judge.rules.clone();
        let rule = self.chance.pick(&rules)?;
        let mut draft = self.draft_of(&rule);
        match self.chance.below(10) {
            0 => {
                let groups: Vec<Uuid> = self.judge.truth.groups.keys().copied().collect();
                let group = self.chance.pick(&groups)?;
                let kind = [Kind::Employee, Kind::Contact][self.chance.below(2)];
                let order = self.chance.below(6) as i64;
                return Some(Edit::Create(self.draft(kind, group, order)));
            }
            1 => return Some(Edit::Delete(rule.id)),
            2 => {
                let mut ids: Vec<RuleId> = rules.iter().map(|rule| rule.id).collect();
                ids.reverse();
                return Some(Edit::Reorder(ids));
            }
            3 => {
                return Some(Edit::Defaults(EmployeeDefaults {
                    department: Some(format!("Department {}", self.chance.below(9))),
                    location: Some("Main".to_owned()),
                    manager_id: None,
                    job_title: Some(DEFAULT_TITLE.to_owned()),
                    employment_type: Some("Full-time".to_owned()),
                    security_role: Some("User".to_owned()),
                    employee_role: Some("Technician".to_owned()),
                }));
            }
            4 => draft.order = self.chance.below(6) as i64,
            5 => draft.enabled = !draft.enabled,
            6 => draft.include_nested = !draft.include_nested,
            7 => draft.exclude = vec![["ann*", "b*", "zzz*"][self.chance.below(3)].to_owned()],
            8 => {
                draft.members =
                    [Members::All, Members::Members, Members::Guests][self.chance.below(3)];
            }
            _ => {
                return Some(Edit::Create(self.draft(
                    rule.kind.other(),
                    rule.group,
                    rule.order,
                )));
            }
        }
        Some(Edit::Update(rule.id, draft))
    }
}

/// Makes one edit; false when the process died on the way.
pub(crate) async fn edit(history: &mut History, polls: Option<usize>, faulty: bool) -> bool {
    let Some(edit) = history.choose() else {
        return true;
    };
    let engine = history.world.engine.clone();
    let what = match &edit {
        Edit::Create(draft) => format!("a rule is made: {draft:?}"),
        Edit::Update(id, draft) => format!("rule {id} becomes {draft:?}"),
        Edit::Delete(id) => format!("rule {id} is deleted"),
        Edit::Reorder(ids) => format!("rules are reordered: {ids:?}"),
        Edit::Defaults(_) => "defaults change".to_owned(),
    };
    history.say(format!("  {what}"));
    let Some(made) = until(make(&engine, edit), polls).await else {
        return false;
    };
    let change = match made {
        Ok(change) => change,
        Err(error) => {
            history.say(format!("  {error}"));
            let deleted = !history.judge.truth.deleted_groups.is_empty();
            if !faulty && !deleted {
                history.wrong(Oracle::State, [format!("{what}: {error}")]);
            }
            return true;
        }
    };
    // What is saved is what was asked for.
    history.read_rules().await;
    if change.held {
        history.say("  the plan is held".to_owned());
        if history.chance.one_in(2) {
            reject(history, &change).await;
        } else {
            history.approve_held().await;
        }
    } else {
        let work = async {
            for _ in 0..3 {
                if !engine.work_once().await.unwrap_or(false) {
                    break;
                }
            }
        };
        return until(work, polls).await.is_some();
    }
    true
}

async fn make(engine: &Engine, edit: Edit) -> Result<Change, engine::EngineError> {
    let actor = &actor();
    Ok(match edit {
        Edit::Create(draft) => engine.create_rule(draft, false, actor).await?.change,
        Edit::Update(id, draft) => {
            engine
                .update_rule(id, draft, None, false, actor)
                .await?
                .change
        }
        Edit::Delete(id) => engine.delete_rule(id, None, false, actor).await?.change,
        Edit::Reorder(ids) => engine.reorder_rules(ids, false, actor).await?,
        Edit::Defaults(defaults) => engine.put_defaults(defaults, false, actor).await?,
    })
}

async fn reject(history: &mut History, change: &Change) {
    let Some(plan) = change.plan_id else { return };
    let engine = history.world.engine.clone();
    if let Err(error) = engine.reject(plan, &actor()).await {
        history.say(format!("  rejecting: {error}"));
    }
    let row = plans::get(&history.world.db, plan).await.unwrap();
    if let (Some(row), Some(run)) = (row, change.run_id) {
        let run = store::runs::get(&history.world.db, run)
            .await
            .unwrap()
            .unwrap();
        if run.status != RunStatus::Rejected {
            let what = format!(
                "rejected, and the run is {:?}, the plan {:?}",
                run.status, row.status
            );
            history.wrong(Oracle::State, [what]);
        }
    }
}
