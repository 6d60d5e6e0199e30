//! Reads a tenant into the mirror. Never decides about anybody.
//!
//! A full read goes group by group and is a generation of its own: whoever was
//! not seen is removed only when every group was read to its end. A delta
//! round saves each page with its cursor in one transaction.

mod delta;
mod full;
mod hydrate;

use std::collections::BTreeSet;

use graph::{Cost, GraphClient};
use provisioning::address::Domain;
use provisioning::ids::{GroupId, RunId, TenantId};
use store::connections::{Connection, Tenant};
use store::{connections, mapping_rules};

use crate::engine::Engine;
use crate::error::{Class, EngineError, Result};
use crate::input::Hypothesis;
use crate::model::Mode;

/// What a collect cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Collected {
    pub(crate) requests: u64,
    pub(crate) resource_units: u64,
}

/// What every part of a collect works with.
pub(crate) struct Reading<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) connection: &'a Connection,
    pub(crate) client: GraphClient,
    pub(crate) tenant_id: TenantId,
    pub(crate) domains: BTreeSet<Domain>,
    pub(crate) run_id: Option<RunId>,
    /// Groups of enabled rules; true where nested groups count.
    pub(crate) mapped: std::collections::BTreeMap<GroupId, bool>,
}

impl Engine {
    /// Reads what changed, or everything. `instead` names rules that are not
    /// saved yet, so that their groups are read for a plan.
    pub(crate) async fn collect(
        &self,
        connection: &Connection,
        mode: Mode,
        instead: &Hypothesis,
        run_id: Option<RunId>,
    ) -> Result<Collected> {
        let started = self.now();
        let client = self.client(connection).await?;
        let before = client.cost();
        let reading = self.reading(connection, client, instead, run_id).await?;
        match mode {
            Mode::Full => reading.full().await?,
            Mode::Delta => match reading.delta().await {
                Err(error) if error.code == "resync_required" => reading.full().await?,
                other => other?,
            },
        }
        let cost: Cost = reading.client.cost().since(before);
        let mut tx = self.db().begin().await?;
        connections::record_read(&mut tx, connection.id, started, None, None, None).await?;
        tx.commit().await?;
        Ok(Collected {
            requests: cost.requests,
            resource_units: cost.resource_units,
        })
    }

    /// Reads the groups of rules that are not saved yet, if any is new.
    pub(crate) async fn collect_new_groups(
        &self,
        connection: &Connection,
        instead: &Hypothesis,
    ) -> Result<()> {
        let client = self.client(connection).await?;
        let reading = self.reading(connection, client, instead, None).await?;
        reading.new_groups().await
    }

    async fn reading<'a>(
        &'a self,
        connection: &'a Connection,
        client: GraphClient,
        instead: &Hypothesis,
        run_id: Option<RunId>,
    ) -> Result<Reading<'a>> {
        let tenant_id = connection.tenant_id.ok_or_else(|| {
            EngineError::new(
                "not_connected",
                Class::Conflict,
                "the connection has no consent yet",
            )
        })?;
        let rules = match &instead.rules {
            Some(rules) => rules.clone(),
            None => {
                let rows = mapping_rules::of_connection(self.db(), connection.id).await?;
                rows.into_iter().map(|row| row.rule).collect()
            }
        };
        let mut mapped = std::collections::BTreeMap::new();
        for rule in rules.iter().filter(|rule| rule.enabled) {
            *mapped.entry(rule.group_id).or_insert(false) |= rule.include_nested;
        }
        let domains = connection.verified_domains.iter();
        let domains = domains.filter_map(|domain| Domain::parse(domain)).collect();
        Ok(Reading {
            engine: self,
            connection,
            client,
            tenant_id,
            domains,
            run_id,
            mapped,
        })
    }
}

impl Reading<'_> {
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
        let now = self.engine.now();
        let mut tx = self.engine.db().begin().await?;
        connections::set_tenant(&mut tx, self.connection.id, &tenant, now).await?;
        tx.commit().await?;
        Ok(())
    }
}
