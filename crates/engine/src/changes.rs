//! Changes of rules and settings: a plan is made first, saving applies it.
//!
//! A change whose plan is held is kept with the plan and takes effect when the
//! plan is approved.

use provisioning::defaults::EmployeeDefaults;
use provisioning::ids::{ConnectionId, PlanId, RuleId, RunId};
use provisioning::mapping_rule::MappingRule;
use provisioning::policy::{FieldPolicies, Leaving};
use serde::{Deserialize, Serialize};
use store::connections::Connection;
use store::journal::Origin;
use store::plans::{PlanKind, PlanRow, PlanStatus};
use store::runs::{RunMode, RunStatus};
use store::{Tx, connections, jobs, mapping_rules, plans, runs, settings};

use crate::acts::About;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::input::{self, EMPLOYEE_DEFAULTS, FIELD_POLICIES, Hypothesis, PROVISIONING_MODE};
use crate::model::{Actor, Change, ProvisioningMode};
use crate::planning::{Built, PlanOf, Scope};
use crate::run::{SYNC_JOB, new_run};
use crate::saving::Seen;

/// A change that a plan may carry.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub(crate) enum Edit {
    /// A rule is made or replaced.
    PutRule {
        /// It.
        rule: Box<MappingRule>,
    },
    /// A rule goes.
    DeleteRule {
        /// Which.
        rule_id: RuleId,
    },
    /// Orders change.
    Reorder {
        /// New Orders.
        orders: Vec<(RuleId, i64)>,
    },
    /// Employee Defaults.
    Defaults {
        /// Them.
        defaults: EmployeeDefaults,
    },
    /// Field policies.
    Fields {
        /// Them.
        fields: FieldPolicies,
    },
    /// A connection goes.
    Remove {
        /// What becomes of its people.
        people: Leaving,
    },
}

/// What an edit means for one connection.
struct Planned {
    plan_id: PlanId,
    run_id: Option<RunId>,
    people: u64,
    losses: u64,
    hash: String,
    held: bool,
    /// The plan, unless it waits or was only asked for.
    ready: Option<Built>,
}

impl Edit {
    fn kind(&self) -> PlanKind {
        match self {
            Self::PutRule { .. } | Self::DeleteRule { .. } | Self::Reorder { .. } => PlanKind::Rule,
            Self::Defaults { .. } | Self::Fields { .. } => PlanKind::Defaults,
            Self::Remove { .. } => PlanKind::Removal,
        }
    }

    /// Whether somebody may be provisioned because of it.
    fn adds_people(&self) -> bool {
        matches!(self, Self::PutRule { rule } if rule.enabled)
    }

    /// The rules as they would be.
    fn apply(&self, mut rules: Vec<MappingRule>) -> Vec<MappingRule> {
        match self {
            Self::PutRule { rule } => {
                let mut rule = rule.as_ref().clone();
                rules.retain(|known| known.id != rule.id);
                rule.version += 1;
                rules.push(rule);
            }
            Self::DeleteRule { rule_id } => rules.retain(|known| known.id != *rule_id),
            Self::Reorder { orders } => {
                for rule in &mut rules {
                    if let Some((_, order)) = orders.iter().find(|(id, _)| *id == rule.id) {
                        rule.order = *order;
                    }
                }
            }
            Self::Defaults { .. } | Self::Fields { .. } | Self::Remove { .. } => {}
        }
        rules
    }
}

impl Engine {
    /// Plans an edit for every connection it concerns, saves it unless that
    /// was not asked for or must wait, and queues what follows from it.
    pub(crate) async fn make(
        &self,
        edit: Edit,
        concerned: Vec<ConnectionId>,
        plan_only: bool,
        actor: &Actor,
    ) -> Result<Change> {
        let made = self.plan_and_save(&edit, concerned, plan_only, None, actor);
        made.await.map(|(change, _)| change)
    }

    /// Makes an edit whose effect was seen; if it has another one by now,
    /// nothing is saved and the error shows the new preview.
    pub(crate) async fn make_seen(
        &self,
        edit: Edit,
        concerned: Vec<ConnectionId>,
        seen: Seen,
        actor: &Actor,
    ) -> Result<Change> {
        let made = self.plan_and_save(&edit, concerned.clone(), false, Some(&seen), actor);
        let (change, moved) = made.await?;
        if !moved {
            return Ok(change);
        }
        let (again, _) = self
            .plan_and_save(&edit, concerned, true, None, actor)
            .await?;
        let plan = match again.plan_id {
            Some(id) => plans::get(self.db(), id).await?,
            None => None,
        };
        Err(plan
            .as_ref()
            .map_or_else(|| EngineError::not_found("plan"), crate::approve::changed))
    }

    /// What became of it, and whether it was left because its effect is not the
    /// one that was seen.
    async fn plan_and_save(
        &self,
        edit: &Edit,
        mut concerned: Vec<ConnectionId>,
        plan_only: bool,
        seen: Option<&Seen>,
        actor: &Actor,
    ) -> Result<(Change, bool)> {
        // Always in one order: two changes never wait for each other.
        concerned.sort_unstable();
        let mut change = Change::default();
        let mut most = None;
        let mut to_apply = Vec::new();
        let mut first_syncs = Vec::new();
        for id in concerned {
            let connection = self.connection(id).await?;
            // Nobody was provisioned yet: what follows from a rule is the
            // first sync.
            let preview = plan_only && connection.consent.is_some();
            if !connection.progress.first_sync_done && !preview {
                if connection.consent.is_some() && edit.adds_people() {
                    first_syncs.push(id);
                }
                continue;
            }
            let own = self.hold(id).await?;
            let connection = own.connection(id).await?;
            let planned = own.plan_edit(&connection, edit, plan_only, actor).await?;
            // What waits comes first, then what concerns most people.
            let rank = Some((planned.held, planned.people));
            if rank > most {
                most = rank;
                change.run_id = planned.run_id;
                change.plan_id = Some(planned.plan_id);
            }
            change.plans.push(planned.plan_id);
            change.people += planned.people;
            change.losses += planned.losses;
            change.held |= planned.held;
            to_apply.push((id, own, planned));
        }
        if plan_only {
            for (_, own, _) in to_apply {
                own.release().await?;
            }
            return Ok((change, false));
        }
        let moved = seen.is_some_and(|seen| {
            to_apply.iter().any(|(id, _, planned)| {
                *id == seen.connection && planned.ready.is_some() && planned.hash != seen.hash
            })
        });
        let now = self.now();
        let mut tx = self.begin().await?;
        for (id, own, planned) in &to_apply {
            own.lean_on_job(&mut tx).await?;
            let (Some(built), Some(run_id)) = (&planned.ready, planned.run_id) else {
                continue;
            };
            if change.held || moved {
                // Another connection's plan waits, and the edit with it: this
                // one is made again when it takes effect.
                plans::delete(&mut tx, built.id).await?;
                runs::set_status(&mut tx, run_id, RunStatus::Rejected, Some(now)).await?;
                continue;
            }
            let judged = built.judged(PlanStatus::Applying, None);
            plans::finish_building(&mut tx, built.id, &judged).await?;
            runs::set_counts(&mut tx, run_id, &built.tally.counts).await?;
            runs::set_status(&mut tx, run_id, RunStatus::Applying, None).await?;
            connections::record_run(&mut tx, *id, run_id).await?;
            jobs::enqueue(&mut tx, SYNC_JOB, &id.to_string(), Some(*id), now, now).await?;
        }
        if !change.held && !moved {
            // With all its plans in one transaction: after a crash either
            // nothing of the edit happens or all of it.
            self.save_edit(&mut tx, edit, actor).await?;
            for id in first_syncs {
                change.run_id = Some(self.queue_first_sync(&mut tx, id, actor).await?);
            }
        }
        tx.commit().await?;
        for (_, own, _) in to_apply {
            own.release().await?;
        }
        Ok((change, moved))
    }

    async fn plan_edit(
        &self,
        connection: &Connection,
        edit: &Edit,
        plan_only: bool,
        actor: &Actor,
    ) -> Result<Planned> {
        let hypothesis = self.hypothesis(connection.id, edit).await?;
        // To take leave of a tenant nothing needs to be read there; often it
        // cannot be read any more.
        if hypothesis.leaving.is_none() {
            self.collect_new_groups(connection, &hypothesis).await?;
        }
        let connection = &self.connection(connection.id).await?;
        let policy = input::policy(self.db(), connection, &hypothesis).await?;
        let run_id = (!plan_only).then(|| RunId(self.new_id()));
        if let Some(run_id) = run_id {
            let cause = match edit {
                Edit::Remove { .. } => "removal",
                _ => "rule",
            };
            let mut run = new_run(run_id, connection.id, RunMode::Delta, cause, self.now());
            run.status = RunStatus::Planned;
            run.actor = Some(actor.name.clone());
            let mut tx = self.begin().await?;
            runs::create(&mut tx, &run).await?;
            tx.commit().await?;
        }
        let kind = if plan_only {
            PlanKind::Preview
        } else {
            edit.kind()
        };
        let built = self
            .build_plan(PlanOf {
                connection,
                policy: &policy,
                run_id,
                kind,
                scope: Scope::Everyone,
                reapply: false,
                change: serde_json::to_value(edit).ok(),
                tried: None,
            })
            .await?;
        let (plan_id, hash) = (built.id, built.hash.clone());
        let (people, losses) = (built.tally.people, built.tally.losses());
        let Some(run_id) = run_id else {
            let mut tx = self.begin().await?;
            let judged = built.judged(PlanStatus::Preview, None);
            plans::finish_building(&mut tx, plan_id, &judged).await?;
            tx.commit().await?;
            return Ok(Planned {
                plan_id,
                run_id: None,
                people,
                losses,
                hash,
                held: false,
                ready: None,
            });
        };
        let hold = self.hold_reason(connection, &built, false).await?;
        let held = hold.is_some();
        let ready = if held {
            self.keep_pending(edit).await?;
            self.settle(connection, run_id, built, hold, None).await?;
            None
        } else {
            Some(built)
        };
        Ok(Planned {
            plan_id,
            run_id: Some(run_id),
            people,
            losses,
            hash,
            held,
            ready,
        })
    }

    async fn hypothesis(&self, id: ConnectionId, edit: &Edit) -> Result<Hypothesis> {
        let rows = mapping_rules::of_connection(self.db(), id).await?;
        let rules = edit.apply(rows.into_iter().map(|row| row.rule).collect());
        let rules = rules
            .into_iter()
            .filter(|rule| rule.connection_id == id)
            .collect();
        Ok(Hypothesis {
            rules: Some(rules),
            defaults: match edit {
                Edit::Defaults { defaults } => Some(defaults.clone()),
                _ => None,
            },
            fields: match edit {
                Edit::Fields { fields } => Some(fields.clone()),
                _ => None,
            },
            leaving: match edit {
                Edit::Remove { people } => Some(*people),
                _ => None,
            },
        })
    }

    /// The world a stored plan was made for.
    pub(crate) async fn hypothesis_of(&self, plan: &PlanRow) -> Result<Hypothesis> {
        match (edit_of(plan)?, plan.connection_id) {
            (Some(edit), Some(id)) => self.hypothesis(id, &edit).await,
            _ => Ok(Hypothesis::default()),
        }
    }

    /// Saves the change a held plan carries.
    pub(crate) async fn save_change(&self, tx: &mut Tx, plan: &PlanRow) -> Result<()> {
        match edit_of(plan)? {
            Some(edit) => {
                self.drop_pending(tx, &edit).await?;
                let by = Actor {
                    origin: Origin::User,
                    name: plan.decided_by.clone().unwrap_or_default(),
                };
                self.save_edit(tx, &edit, &by).await
            }
            None => Ok(()),
        }
    }

    /// Drops the change a rejected plan carries.
    pub(crate) async fn drop_change(&self, tx: &mut Tx, plan: &PlanRow) -> Result<()> {
        match edit_of(plan)? {
            Some(edit) => self.drop_pending(tx, &edit).await,
            None => Ok(()),
        }
    }

    async fn keep_pending(&self, edit: &Edit) -> Result<()> {
        let Edit::PutRule { rule } = edit else {
            return Ok(());
        };
        let mut tx = self.begin().await?;
        let now = self.now();
        if mapping_rules::get(&mut tx, rule.id).await?.is_none() {
            let mut draft = rule.as_ref().clone();
            draft.enabled = false;
            mapping_rules::insert(&mut tx, &draft, now).await?;
        }
        let pending = serde_json::to_value(rule).ok();
        mapping_rules::set_pending(&mut tx, rule.id, pending.as_ref(), now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn drop_pending(&self, tx: &mut Tx, edit: &Edit) -> Result<()> {
        let Edit::PutRule { rule } = edit else {
            return Ok(());
        };
        let now = self.now();
        if let Some(row) = mapping_rules::get(&mut *tx, rule.id).await? {
            mapping_rules::set_pending(tx, rule.id, None, now).await?;
            // A rule that never took effect was only kept for its plan.
            if row.rule.version <= 1 && !row.rule.enabled && rule.version == 0 {
                mapping_rules::delete(tx, rule.id, row.rule.version).await?;
            }
        }
        Ok(())
    }

    async fn save_edit(&self, tx: &mut Tx, edit: &Edit, actor: &Actor) -> Result<()> {
        let now = self.now();
        match edit {
            Edit::PutRule { rule } => {
                let known = mapping_rules::get(&mut *tx, rule.id).await?;
                match known {
                    Some(_) => {
                        mapping_rules::update(tx, rule, now).await?;
                    }
                    None => mapping_rules::insert(tx, rule, now).await?,
                }
            }
            Edit::DeleteRule { rule_id } => {
                if let Some(row) = mapping_rules::get(&mut *tx, *rule_id).await? {
                    mapping_rules::delete(tx, *rule_id, row.rule.version).await?;
                }
            }
            Edit::Reorder { orders } => mapping_rules::reorder(tx, orders, now).await?,
            Edit::Defaults { defaults } => {
                settings::put(tx, EMPLOYEE_DEFAULTS, defaults, None, now).await?;
            }
            Edit::Fields { fields } => {
                settings::put(tx, FIELD_POLICIES, fields, None, now).await?;
            }
            // It goes when its people have gone.
            Edit::Remove { .. } => {}
        }
        self.note_edit(tx, actor, edit).await
    }

    /// Saves Employee Defaults.
    pub async fn put_defaults(
        &self,
        defaults: EmployeeDefaults,
        plan_only: bool,
        actor: &Actor,
    ) -> Result<Change> {
        let all = self.connection_ids().await?;
        self.make(Edit::Defaults { defaults }, all, plan_only, actor)
            .await
    }

    /// Saves field policies.
    pub async fn put_field_policies(
        &self,
        fields: FieldPolicies,
        plan_only: bool,
        actor: &Actor,
    ) -> Result<Change> {
        let all = self.connection_ids().await?;
        self.make(Edit::Fields { fields }, all, plan_only, actor)
            .await
    }

    /// Whether the directory is followed at all.
    pub async fn provisioning_mode(&self) -> Result<ProvisioningMode> {
        input::stored(self.db(), PROVISIONING_MODE).await
    }

    /// Switches following the directory on or off for every connection.
    pub async fn set_provisioning_mode(&self, mode: ProvisioningMode, actor: &Actor) -> Result<()> {
        let now = self.now();
        let ids = self.connection_ids().await?;
        let mut tx = self.begin().await?;
        settings::put(&mut tx, PROVISIONING_MODE, &mode, None, now).await?;
        let about = About {
            body: serde_json::json!({ "mode": mode }),
            ..About::default()
        };
        self.note(&mut tx, actor, "provisioning_mode_set", about)
            .await?;
        for id in ids {
            jobs::enqueue(&mut tx, SYNC_JOB, &id.to_string(), Some(id), now, now).await?;
        }
        tx.commit().await?;
        self.0.wake.notify_one();
        Ok(())
    }

    /// Employee Defaults as saved.
    pub async fn defaults(&self) -> Result<EmployeeDefaults> {
        input::stored(self.db(), EMPLOYEE_DEFAULTS).await
    }

    /// Field policies as saved, or as the original has them.
    pub async fn field_policies(&self) -> Result<FieldPolicies> {
        input::stored(self.db(), FIELD_POLICIES).await
    }

    pub(crate) async fn connection_ids(&self) -> Result<Vec<ConnectionId>> {
        Ok(connections::ids(self.db()).await?)
    }
}

pub(crate) fn edit_of(plan: &PlanRow) -> Result<Option<Edit>> {
    let Some(change) = plan.change.clone() else {
        return Ok(None);
    };
    let edit = serde_json::from_value(change).map_err(|error| {
        let code = "plan_unreadable";
        EngineError::new(
            code,
            crate::error::Class::Internal,
            format!("the plan's change: {error}"),
        )
    })?;
    Ok(Some(edit))
}
