//! Saving a change that was looked at first: its preview is approved by its
//! hash, like any plan. If the world has moved, the new preview is shown
//! instead, and nothing is saved.

use provisioning::ids::{ConnectionId, PlanId};
use store::mapping_rules;
use store::plans::{self, PlanRow, PlanStatus};

use crate::changes::{Edit, edit_of};
use crate::engine::Engine;
use crate::error::{Class, EngineError, Result};
use crate::model::{Actor, Change, PeopleOnRemoval};
use provisioning::policy::Leaving;

/// What a change was seen to do: to the people of one connection.
pub(crate) struct Seen {
    pub(crate) connection: ConnectionId,
    pub(crate) hash: String,
}

impl Engine {
    /// Saves the change that a preview showed.
    pub async fn save_preview(&self, id: PlanId, hash: &str, actor: &Actor) -> Result<Change> {
        let plan = plans::get(self.db(), id).await?;
        let plan = plan.ok_or_else(|| EngineError::not_found("plan"))?;
        let is_preview = plan.status == PlanStatus::Preview;
        let (Some(edit), Some(connection), true) =
            (edit_of(&plan)?, plan.connection_id, is_preview)
        else {
            return Err(EngineError::new(
                "plan_not_preview",
                Class::Conflict,
                "the plan shows no change that could be saved",
            ));
        };
        if plan.hash.as_deref() != Some(hash) {
            return Err(crate::approve::changed(&plan));
        }
        self.refuse_stale(&edit).await?;
        let seen = Seen {
            connection,
            hash: hash.to_owned(),
        };
        if let Edit::Remove { people } = edit {
            return self.save_removal(&plan, people, seen, actor).await;
        }
        let concerned = self.concerned_by(&edit, connection).await?;
        self.make_seen(edit, concerned, seen, actor).await
    }

    async fn save_removal(
        &self,
        plan: &PlanRow,
        people: Leaving,
        seen: Seen,
        actor: &Actor,
    ) -> Result<Change> {
        let connection = self.connection(seen.connection).await?;
        if people == Leaving::Deactivate && connection.progress.first_sync_done {
            self.refuse_asleep(&connection).await?;
            let edit = Edit::Remove { people };
            return self
                .make_seen(edit, plan.connection_id.into_iter().collect(), seen, actor)
                .await;
        }
        let people = match people {
            Leaving::Keep => PeopleOnRemoval::Keep,
            Leaving::Deactivate => PeopleOnRemoval::Deactivate,
        };
        self.remove_connection(connection.id, people, false, actor)
            .await
    }

    /// Whose people a change is about.
    async fn concerned_by(&self, edit: &Edit, of: ConnectionId) -> Result<Vec<ConnectionId>> {
        Ok(match edit {
            Edit::PutRule { .. } | Edit::DeleteRule { .. } | Edit::Remove { .. } => vec![of],
            Edit::Defaults { .. } | Edit::Fields { .. } => self.connection_ids().await?,
            Edit::Reorder { orders } => {
                let rules = mapping_rules::list(self.db()).await?;
                let moved = rules
                    .iter()
                    .filter(|row| orders.iter().any(|(id, _)| *id == row.rule.id));
                let mut concerned: Vec<_> = moved.map(|row| row.rule.connection_id).collect();
                concerned.sort_unstable();
                concerned.dedup();
                concerned
            }
        })
    }

    /// Refuses what was begun from a state that somebody else has changed.
    async fn refuse_stale(&self, edit: &Edit) -> Result<()> {
        let Edit::PutRule { rule } = edit else {
            return Ok(());
        };
        let known = mapping_rules::get(self.db(), rule.id).await?;
        if known.is_some_and(|known| known.rule.version != rule.version) {
            let what = "mapping rule";
            return Err(store::StoreError::Stale { what }.into());
        }
        Ok(())
    }
}
