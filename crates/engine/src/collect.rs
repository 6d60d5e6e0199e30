//! Reads a tenant into the mirror. Never decides about anybody.
//!
//! A full read goes group by group and is a generation of its own: whoever was
//! not seen is removed only when every group was read to its end. A delta
//! round saves each page with its cursor in one transaction.

mod assigned;
mod delta;
mod full;
mod headers;
mod hydrate;
mod members;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use graph::{Cost, GraphClient};
use jiff::Timestamp;
use provisioning::address::Domain;
use provisioning::ids::{GroupId, RunId, TenantId};
use provisioning::mapping_rule::{MappingRule, ScopeKind};
use store::connections::{Connection, Tenant};
use store::rounds::Feeds;
use store::{Tx, connections, mapping_rules, runs};
use tokio::sync::OnceCell;

use crate::engine::{Engine, locked};
use crate::error::{Class, EngineError, Result};
use crate::input::Hypothesis;
use crate::model::Mode;

/// What a collect cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Collected {
    pub(crate) requests: u64,
    pub(crate) resource_units: u64,
    /// Whether anybody waits to be decided about.
    pub(crate) any_pending: bool,
}

/// What every part of a collect works with.
pub(crate) struct Reading {
    pub(crate) engine: Engine,
    pub(crate) connection: Connection,
    pub(crate) client: GraphClient,
    pub(crate) tenant_id: TenantId,
    pub(crate) domains: BTreeSet<Domain>,
    pub(crate) run_id: Option<RunId>,
    started: Timestamp,
    /// What everything had cost when it was noted last.
    unnoted_from: Mutex<Cost>,
    /// Rules that are not saved yet, if any.
    rules: Option<Vec<MappingRule>>,
    mapped: OnceCell<BTreeMap<GroupId, Inside>>,
}

/// What of a mapped group is read besides the people directly in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Inside {
    /// Nothing.
    Nothing,
    /// The groups in it, and those in them.
    Groups,
    /// It is no group but the application: the groups assigned to it, without
    /// those in them.
    Assigned,
}

impl Engine {
    /// Reads what changed, or everything.
    pub(crate) async fn collect(
        &self,
        connection: &Connection,
        mode: Mode,
        run_id: Option<RunId>,
    ) -> Result<Collected> {
        self.collect_from(connection, mode, run_id, None).await
    }

    /// The same; with the feeds as they are, if they were just looked up.
    pub(crate) async fn collect_from(
        &self,
        connection: &Connection,
        mode: Mode,
        run_id: Option<RunId>,
        feeds: Option<Feeds>,
    ) -> Result<Collected> {
        let client = self.client(connection).await?;
        let before = client.cost();
        let reading = self.reading(connection, client, &Hypothesis::default(), run_id)?;
        let started = reading.started;
        let any_pending = match mode {
            Mode::Full => Box::pin(reading.full()).await?,
            Mode::Delta => match Box::pin(reading.delta(feeds)).await {
                Err(error) if error.code == "resync_required" => Box::pin(reading.full()).await?,
                other => other?,
            },
        };
        let cost: Cost = reading.client.cost().since(before);
        locked(&self.0.read_at).insert(connection.id, started);
        locked(&self.0.unwritten_reads).insert(connection.id);
        if reading.has_cost() {
            let mut tx = self.begin_relaxed().await?;
            reading.note_cost(&mut tx).await?;
            tx.commit().await?;
        }
        Ok(Collected {
            requests: cost.requests,
            resource_units: cost.resource_units,
            any_pending,
        })
    }

    /// Reads the groups of rules that are not saved yet, if any is new, for a plan.
    pub(crate) async fn collect_new_groups(
        &self,
        connection: &Connection,
        instead: &Hypothesis,
    ) -> Result<()> {
        let client = self.client(connection).await?;
        let reading = self.reading(connection, client, instead, None)?;
        reading.new_groups().await
    }

    fn reading(
        &self,
        connection: &Connection,
        client: GraphClient,
        instead: &Hypothesis,
        run_id: Option<RunId>,
    ) -> Result<Arc<Reading>> {
        let tenant_id = connection.tenant_id.ok_or_else(|| {
            EngineError::new(
                "not_connected",
                Class::Conflict,
                "the connection has no consent yet",
            )
        })?;
        let domains = connection.verified_domains.iter();
        let domains = domains.filter_map(|domain| Domain::parse(domain)).collect();
        Ok(Arc::new(Reading {
            engine: self.clone(),
            connection: connection.clone(),
            started: self.now(),
            unnoted_from: Mutex::new(client.cost()),
            client,
            tenant_id,
            domains,
            run_id,
            rules: instead.rules.clone(),
            mapped: OnceCell::new(),
        }))
    }
}

impl Reading {
    /// Whether something is to be written about what reading costs, or that a
    /// connection was read for the first time. Later reads are written down now
    /// and then, many in one transaction.
    fn has_cost(&self) -> bool {
        let since = self.client.cost().since(*locked(&self.unnoted_from));
        let is_first = self.connection.progress.as_of.is_none();
        since.requests > 0 && (is_first || self.run_id.is_some())
    }

    /// Adds what reading has cost since this was asked the last time to the run.
    async fn note_cost(&self, tx: &mut Tx) -> Result<()> {
        if !self.has_cost() {
            return Ok(());
        }
        let now = self.client.cost();
        let cost = now.since(std::mem::replace(&mut *locked(&self.unnoted_from), now));
        if self.connection.progress.as_of.is_none() {
            let reads = [(self.connection.id, self.started)];
            connections::record_reads(tx, &reads).await?;
        }
        if let Some(run) = self.run_id {
            runs::add_cost(tx, run, cost.requests, cost.resource_units).await?;
        }
        Ok(())
    }

    /// Groups of enabled rules, and what of them counts.
    async fn mapped(&self) -> Result<&BTreeMap<GroupId, Inside>> {
        self.mapped
            .get_or_try_init(|| async {
                let rules = match &self.rules {
                    Some(rules) => rules.clone(),
                    None => {
                        let (db, id) = (self.engine.db(), self.connection.id);
                        let rows = mapping_rules::of_connection(db, id).await?;
                        rows.into_iter().map(|row| row.rule).collect()
                    }
                };
                let mut mapped = BTreeMap::new();
                for rule in rules.iter().filter(|rule| rule.enabled) {
                    let inside = match (rule.scope, rule.include_nested) {
                        (ScopeKind::Assigned, _) => Inside::Assigned,
                        (ScopeKind::Group, true) => Inside::Groups,
                        (ScopeKind::Group, false) => Inside::Nothing,
                    };
                    let entry = mapped.entry(rule.group_id).or_insert(inside);
                    *entry = inside.max(*entry);
                }
                Ok(mapped)
            })
            .await
    }

    /// Refreshes what the tenant calls itself and which domains are its own.
    async fn organization(&self) -> Result<()> {
        let found = self.client.organization().await?;
        let default = found
            .verified_domains
            .iter()
            .find(|domain| domain.is_default);
        let tenant = Tenant {
            tenant_id: self.tenant_id,
            domain: default
                .or(found.verified_domains.first())
                .map(|domain| domain.name.clone()),
            name: found.display_name,
            verified_domains: found
                .verified_domains
                .iter()
                .map(|d| d.name.clone())
                .collect(),
        };
        let known = &self.connection;
        if known.tenant_domain == tenant.domain
            && known.tenant_name == tenant.name
            && known.verified_domains == tenant.verified_domains
        {
            return Ok(());
        }
        let now = self.engine.now();
        let mut tx = self.engine.begin().await?;
        connections::set_tenant(&mut tx, self.connection.id, &tenant, now).await?;
        tx.commit().await?;
        Ok(())
    }
}
