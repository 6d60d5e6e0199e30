//! Removing a connection: its people stay, or are deactivated by a plan that is
//! made, held and approved like any other. The connection goes with the end of
//! that plan, in one transaction.

use provisioning::ids::{ConnectionId, RunId};
use provisioning::policy::Leaving;
use serde_json::json;
use store::connections::{self, Connection, ConnectionStatus};
use store::journal::{self, NewEntry, Origin};
use store::plans::{self, PlanKind};
use store::runs::{self, RunRow, RunStatus};
use store::{Tx, subscriptions};

use crate::apply::ApplyOf;
use crate::changes::Edit;
use crate::engine::Engine;
use crate::error::{Class, EngineError, Result};
use crate::events::tell_run;
use crate::input::{self, Hypothesis};
use crate::model::{Actor, Change, PeopleOnRemoval, ProvisioningMode};
use crate::planning::{PlanOf, Scope};

/// How often those who moved while they were deactivated are planned again.
const TRIES: u32 = 5;

impl Engine {
    /// Removes a connection. Its people stay as they are, local from then on,
    /// or are deactivated first. `plan_only` tells who that would be.
    pub async fn remove_connection(
        &self,
        id: ConnectionId,
        people: PeopleOnRemoval,
        plan_only: bool,
        actor: &Actor,
    ) -> Result<Change> {
        let connection = self.connection(id).await?;
        let people = match people {
            PeopleOnRemoval::Keep => Leaving::Keep,
            PeopleOnRemoval::Deactivate => Leaving::Deactivate,
        };
        let has_people = connection.progress.first_sync_done;
        if plan_only || (people == Leaving::Deactivate && has_people) {
            if !plan_only {
                self.refuse_asleep(&connection).await?;
            }
            let edit = Edit::Remove { people };
            return self.make(edit, vec![id], plan_only, actor).await;
        }
        let held = self.hold(id).await?;
        held.unsubscribe(&connection).await;
        self.forget_client(id);
        let mut tx = held.begin().await?;
        held.take_leave(&mut tx, &connection, people, None, actor)
            .await?;
        tx.commit().await?;
        // Its job went with it.
        held.forget();
        Ok(Change::default())
    }

    /// A plan is applied by the connection's own work, which rests.
    pub(crate) async fn refuse_asleep(&self, connection: &Connection) -> Result<()> {
        let is_paused = connection.health.status == ConnectionStatus::Paused;
        if !is_paused && self.provisioning_mode().await? != ProvisioningMode::LocalOnly {
            return Ok(());
        }
        let (code, message) = (
            "paused",
            "the connection is paused: nobody would be deactivated",
        );
        Err(EngineError::new(code, Class::Conflict, message)
            .cure("Resume it first, or remove it and keep its people."))
    }

    /// The end of a removal: whoever moved meanwhile is planned again, then the
    /// connection goes.
    pub(crate) async fn finish_removal(
        &self,
        connection: &Connection,
        run: &RunRow,
        actor: Option<String>,
    ) -> Result<()> {
        let leaving = Some(Leaving::Deactivate);
        for _ in 0..TRIES {
            let instead = Hypothesis {
                leaving,
                ..Hypothesis::default()
            };
            let policy = input::policy(self.db(), connection, &instead).await?;
            let built = self
                .build_plan(PlanOf {
                    connection,
                    policy: &policy,
                    run_id: None,
                    kind: PlanKind::Removal,
                    scope: Scope::Everyone,
                    reapply: false,
                    change: None,
                    tried: None,
                })
                .await?;
            if built.tally.people == 0 {
                let mut tx = self.begin().await?;
                plans::delete(&mut tx, built.id).await?;
                tx.commit().await?;
                break;
            }
            let mut tx = self.begin().await?;
            let judged = built.judged(plans::PlanStatus::Applying, None);
            plans::finish_building(&mut tx, built.id, &judged).await?;
            tx.commit().await?;
            let of = ApplyOf {
                connection,
                run_id: run.id,
                plan_id: built.id,
                actor: actor.clone(),
            };
            self.apply_plan(of, 0).await?;
            self.end_plan(built.id).await?;
        }
        self.unsubscribe(connection).await;
        self.forget_client(connection.id);
        let now = self.now();
        let who = Actor {
            origin: Origin::User,
            name: actor.unwrap_or_default(),
        };
        let mut tx = self.begin().await?;
        let run_id = Some(run.id);
        self.take_leave(&mut tx, connection, Leaving::Deactivate, run_id, &who)
            .await?;
        runs::set_status(&mut tx, run.id, RunStatus::Done, Some(now)).await?;
        let of = Some(connection.id);
        tell_run(&mut tx, now, of, run.id, RunStatus::Done, None).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Deletes the connection and says so in the journal.
    async fn take_leave(
        &self,
        tx: &mut Tx,
        connection: &Connection,
        people: Leaving,
        run_id: Option<RunId>,
        actor: &Actor,
    ) -> Result<()> {
        let entry = NewEntry {
            actor: Some(actor.name.clone()),
            connection_id: Some(connection.id),
            tenant_id: connection.tenant_id,
            run_id,
            body: Some(json!({
                "tenant": connection.tenant_domain, "people": people,
                "application_id": connection.configuration.application_id,
            })),
            ..NewEntry::new(self.now(), actor.origin, "connection_removed")
        };
        journal::append(tx, &[entry]).await?;
        connections::delete(tx, connection.id).await?;
        Ok(())
    }

    /// Takes the subscriptions back at Microsoft. They end by themselves within
    /// two days where that fails.
    async fn unsubscribe(&self, connection: &Connection) {
        let known = match subscriptions::list(self.db(), connection.id).await {
            Ok(known) if !known.is_empty() => known,
            _ => return,
        };
        let Ok(client) = self.client(connection).await else {
            return;
        };
        for subscription in known {
            if let Err(error) = client.delete_subscription(subscription.id).await {
                tracing::info!(connection = %connection.id, "a subscription ends by itself: {error}");
                return;
            }
        }
    }
}
