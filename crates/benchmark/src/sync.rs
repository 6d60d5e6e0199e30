//! The real thing: an engine over an empty database reads, plans and applies.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use engine::{
    Actor, Engine, EngineOptions, Mode, NewConnection, Notifications, RuleDraft, SyncRequest,
};
use graph::Cloud;
use provisioning::ids::{ConnectionId, GroupId};
use provisioning::limits::Limits;
use provisioning::mapping_rule::{Members, RolesMode};
use provisioning::policy::{EmailSource, OnDisabled};
use provisioning::psa::Kind;
use secrecy::SecretBox;
use serde_json::{Value, json};
use store::Db;
use store::connections::Auth;
use store::journal::Origin;
use store::runs::{RunRow, RunStatus};
use url::Url;

use crate::floor::environment;
use crate::tenant::{APPLICATION, SECRET, World};

/// A synced database.
pub(crate) struct Synced {
    engine: Engine,
    connection: ConnectionId,
    run: RunRow,
    /// How long the first sync took.
    pub(crate) seconds: f64,
}

fn actor() -> Actor {
    Actor {
        origin: Origin::User,
        name: "benchmark".to_owned(),
    }
}

#[allow(clippy::disallowed_methods)] // measuring is this program's business
fn clock() -> Instant {
    Instant::now()
}

/// Connects, makes a rule for each group and syncs.
pub(crate) async fn first_sync(world: &World, database: &str) -> Result<Synced> {
    let db = Db::open(&store::Options::new(database)).await?;
    db.migrate().await?;
    let options = EngineOptions {
        public_url: Url::parse("http://localhost:9443")?,
        cloud: Cloud::custom(&world.base, &world.base)?,
        poll_interval: Duration::from_secs(3600),
        reconcile_interval: Duration::from_secs(24 * 3600),
        notifications: Notifications::Off,
        auto_approve_first: true,
        limits: Limits::default(),
        worker: "benchmark".to_owned(),
    };
    let sealer = store::sealer::Sealer::new(SecretBox::new(Box::new([7; 32])));
    let engine = Engine::new(db, sealer, environment()?, options);
    let connection = engine
        .add_connection(
            NewConnection {
                tenant: world.tenant.to_string(),
                application_id: APPLICATION,
                application_key: Some(SECRET.into()),
                certificate: None,
                auth: Auth::Application,
                provision_employees: None,
                provision_contacts: None,
                email_source: EmailSource::Upn,
                on_disabled: OnDisabled::Deactivate,
                auto_approve: true,
                secret_expires_at: None,
                limits: None,
            },
            &actor(),
        )
        .await?
        .id;
    for (order, group) in (1..).zip(&world.groups) {
        let draft = RuleDraft {
            name: None,
            order,
            connection_id: Some(connection),
            tenant_id: None,
            group_id: GroupId(*group),
            kind: Kind::Employee,
            account_id: None,
            security_roles: vec!["User".to_owned()],
            roles_mode: RolesMode::Replace,
            include_nested: false,
            members: Members::All,
            exclude: Vec::new(),
            licensed_only: false,
            enabled: true,
        };
        engine.create_rule(draft, false, &actor()).await?;
    }
    let started = clock();
    let run = sync(&engine, connection, Mode::Full).await?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Synced {
        engine,
        connection,
        run,
        seconds,
    })
}

async fn sync(engine: &Engine, connection: ConnectionId, mode: Mode) -> Result<RunRow> {
    let request = SyncRequest {
        mode,
        ..SyncRequest::default()
    };
    let id = engine.sync(connection, request, &actor()).await?;
    let run = engine.run_to_end(id).await?;
    ensure!(
        run.status == RunStatus::Done,
        "{:?} {:?}",
        run.error,
        run.hold
    );
    Ok(run)
}

impl Synced {
    /// The first sync's figures.
    pub(crate) fn report(&self) -> Value {
        let people = self.run.counts.total();
        json!({
            "seconds": self.seconds,
            "people": people,
            "people_per_second": people as f64 / self.seconds,
            "requests": self.run.requests,
            "resource_units": self.run.resource_units,
        })
    }

    /// Times single changes, from the signal to the commit.
    pub(crate) async fn changes(&self, world: &World, count: u32) -> Result<Value> {
        let token = world.token().await?;
        let people = world.some_people(&token, count).await?;
        let mut times = Vec::new();
        for (index, person) in people.iter().enumerate() {
            world
                .change(&token, *person, &format!("Title {index}"))
                .await?;
            let started = clock();
            let run = sync(&self.engine, self.connection, Mode::Delta).await?;
            times.push(started.elapsed().as_secs_f64() * 1000.0);
            ensure!(run.counts.total() >= 1, "a change was not seen");
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (times.len() as f64 * share) as usize;
            times.get(index.min(times.len().saturating_sub(1))).copied()
        };
        Ok(json!({"count": times.len(), "p50": at(0.5), "p99": at(0.99)}))
    }

    /// A round in which nothing happened.
    pub(crate) async fn quiet_round(&self) -> Result<Value> {
        let started = clock();
        let run = sync(&self.engine, self.connection, Mode::Delta).await?;
        let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
        let requests = run.requests;
        let error = run.error.as_ref().map(Value::to_string);
        error
            .map_or(Ok(()), |error| Err(anyhow::anyhow!(error)))
            .context("quiet round")?;
        Ok(json!({"milliseconds": milliseconds, "requests": requests}))
    }
}
