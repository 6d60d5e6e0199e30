//! What people and programs decide about settings, rules and plans, written
//! down in the journal beside what happened to the records.

use provisioning::ids::{ConnectionId, PlanId};
use serde_json::Value;
use store::Tx;
use store::journal::{self, NewEntry};

use crate::changes::Edit;
use crate::engine::Engine;
use crate::error::Result;
use crate::model::Actor;

/// What an act was about.
#[derive(Default)]
pub(crate) struct About {
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) plan: Option<PlanId>,
    /// More, as JSON; never a secret.
    pub(crate) body: Value,
}

impl Engine {
    /// Writes an act down, in the transaction that does it.
    pub(crate) async fn note(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        act: &str,
        about: About,
    ) -> Result<()> {
        let entry = NewEntry {
            actor: Some(actor.name.clone()),
            connection_id: about.connection,
            plan_id: about.plan,
            body: Some(about.body).filter(|body| !body.is_null()),
            ..NewEntry::new(self.now(), actor.origin, act)
        };
        Ok(journal::append(tx, &[entry]).await?)
    }

    /// Writes down that a change of rules or settings took effect.
    pub(crate) async fn note_edit(&self, tx: &mut Tx, actor: &Actor, edit: &Edit) -> Result<()> {
        let act = match edit {
            Edit::PutRule { .. } => "rule_saved",
            Edit::DeleteRule { .. } => "rule_deleted",
            Edit::Reorder { .. } => "rules_reordered",
            Edit::Defaults { .. } => "employee_defaults_saved",
            Edit::Fields { .. } => "field_policies_saved",
            // Written when it has gone.
            Edit::Remove { .. } => return Ok(()),
        };
        let about = About {
            body: serde_json::to_value(edit).unwrap_or_default(),
            ..About::default()
        };
        self.note(tx, actor, act, about).await
    }
}
