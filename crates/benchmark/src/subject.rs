//! What is measured: an engine over a database of its own, connected to
//! tenants of the emulator.

use std::time::Duration;

use anyhow::{Result, ensure};
use engine::{Actor, Engine, EngineOptions, NewConnection, Notifications, RuleDraft};
use graph::Cloud;
use provisioning::ids::{ConnectionId, GroupId, RunId};
use provisioning::limits::{Limit, Limits};
use provisioning::mapping_rule::{Members, RolesMode};
use provisioning::policy::{EmailSource, OnDisabled};
use provisioning::psa::Kind;
use secrecy::SecretBox;
use store::connections::{self, Auth};
use store::journal::Origin;
use store::runs::{RunRow, RunStatus};
use store::{Db, jobs, runs};
use url::Url;
use uuid::Uuid;

use crate::floor_fetch::environment;
use crate::measure::{Place, clock};
use crate::tenant::{APPLICATION, SECRET, World};

/// No limit.
const NONE: Limit = Limit {
    count: u64::MAX,
    percent: f64::MAX,
    window_seconds: 1,
};

const HOUR: Duration = Duration::from_secs(3600);
/// How often it is looked whether a tenant fails.
const LOOK: Duration = Duration::from_secs(5);

/// An engine and its database.
pub(crate) struct Subject {
    pub(crate) engine: Engine,
    pub(crate) place: Place,
    base: String,
}

pub(crate) fn actor() -> Actor {
    Actor {
        origin: Origin::User,
        name: "benchmark".to_owned(),
    }
}

impl Subject {
    /// Over an empty database.
    pub(crate) async fn new(base: &str, place: Place) -> Result<Self> {
        let db = Db::open(&store::Options::new(&place.url)).await?;
        db.migrate().await?;
        let engine = engine(base, db, HOUR, 24 * HOUR)?;
        let base = base.to_owned();
        Ok(Self {
            engine,
            place,
            base,
        })
    }

    /// Another process's engine over the same database, with intervals of its own.
    pub(crate) fn beside(&self, poll: Duration, reconcile: Duration) -> Result<Engine> {
        engine(&self.base, self.engine.db().clone(), poll, reconcile)
    }

    pub(crate) async fn connect(&self, tenant: Uuid) -> Result<ConnectionId> {
        let new = NewConnection {
            tenant: tenant.to_string(),
            application_id: APPLICATION,
            application_key: Some(SECRET.into()),
            certificate: None,
            auth: Auth::Application,
            provision_employees: Some(true),
            provision_contacts: None,
            email_source: EmailSource::Upn,
            on_disabled: OnDisabled::Deactivate,
            auto_approve: true,
            secret_expires_at: None,
            limits: None,
        };
        Ok(self.engine.add_connection(new, &actor()).await?.id)
    }

    /// Connects tenants, each with a rule for each of its groups.
    pub(crate) async fn connect_all(&self, worlds: &[World]) -> Result<()> {
        for world in worlds {
            let connection = self.connect(world.tenant).await?;
            for group in &world.groups {
                self.rule(connection, *group, 1, "User").await?;
            }
        }
        Ok(())
    }

    /// Waits, looking so often, until so many tenants have had their first syncs;
    /// up to the limit, and no longer than until one of them fails.
    pub(crate) async fn all_synced(
        &self,
        tenants: u64,
        look: Duration,
        limit: Duration,
    ) -> Result<()> {
        let db = self.engine.db();
        let began = clock();
        let mut looked = clock();
        loop {
            let done = connections::first_syncs_done(db).await?;
            if done == tenants {
                return Ok(());
            }
            ensure!(
                began.elapsed() < limit,
                "{done} of {tenants} tenants after {limit:?}"
            );
            if looked.elapsed() > LOOK {
                looked = clock();
                let all = connections::list(db).await?;
                let broken = all.iter().find(|one| one.health.code.is_some());
                ensure!(broken.is_none(), "{:?}", broken.map(|one| &one.health));
            }
            tokio::time::sleep(look).await;
        }
    }

    pub(crate) async fn rule(
        &self,
        connection: ConnectionId,
        group: Uuid,
        order: i64,
        role: &str,
    ) -> Result<provisioning::ids::RuleId> {
        let draft = RuleDraft {
            name: None,
            order,
            connection_id: Some(connection),
            tenant_id: None,
            scope: engine::RuleScope::Group(GroupId(group)),
            kind: Kind::Employee,
            account_id: None,
            security_roles: vec![role.to_owned()],
            roles_mode: RolesMode::Replace,
            include_nested: false,
            members: Members::All,
            exclude: Vec::new(),
            licensed_only: false,
            enabled: true,
        };
        let made = self.engine.create_rule(draft, false, &actor()).await?;
        made.rule
            .map(|rule| rule.id)
            .ok_or_else(|| anyhow::anyhow!("the rule was not made"))
    }

    /// The first sync that saving rules has queued.
    pub(crate) async fn first_sync(&self, connection: ConnectionId) -> Result<RunId> {
        let queued = runs::unfinished(self.engine.db(), connection).await?;
        queued
            .first()
            .map(|run| run.id)
            .ok_or_else(|| anyhow::anyhow!("no first sync is queued"))
    }

    /// Makes a connection due, as a notification does.
    pub(crate) async fn wake(&self, connection: ConnectionId) -> Result<()> {
        let now = self.engine.now();
        let key = connection.to_string();
        let mut tx = self.engine.db().begin().await?;
        jobs::enqueue(&mut tx, "sync", &key, Some(connection), now, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Waits for a run, or does it.
    pub(crate) async fn finish(&self, id: RunId) -> Result<RunRow> {
        let run = self.engine.run_to_end(id).await?;
        let (error, hold) = (&run.error, &run.hold);
        ensure!(run.status == RunStatus::Done, "{error:?} {hold:?}");
        Ok(run)
    }
}

/// An engine of another process, over a database that is there.
pub(crate) async fn engine_on(
    base: &str,
    url: &str,
    poll: Duration,
    reconcile: Duration,
) -> Result<Engine> {
    let db = Db::open(&store::Options::new(url)).await?;
    engine(base, db, poll, reconcile)
}

fn engine(base: &str, db: Db, poll: Duration, reconcile: Duration) -> Result<Engine> {
    let options = EngineOptions {
        public_url: Url::parse("http://localhost:9443")?,
        cloud: Cloud::custom(base, base)?,
        poll_interval: poll,
        reconcile_interval: reconcile,
        notifications: Notifications::Off,
        auto_approve_first: true,
        // Everybody moves at once here, and nobody is asked.
        limits: Limits {
            deactivate: NONE,
            archive: NONE,
            revoke: NONE,
        },
        worker: "benchmark".to_owned(),
    };
    let sealer = store::sealer::Sealer::new(SecretBox::new(Box::new([7; 32])));
    Ok(Engine::new(db, sealer, environment()?, options))
}
