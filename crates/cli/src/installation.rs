//! An opened installation, as every command but `demo` works with it.

use anyhow::Result;
use engine::{Actor, Engine};
use provisioning::ids::ConnectionId;
use store::connections::{self, Connection};
use store::journal::Origin;

use crate::config::Config;
use crate::failure::wrong_use;

/// Configuration and engine.
#[derive(Clone)]
pub(crate) struct Installation {
    /// What was configured.
    pub(crate) config: Config,
    /// The engine over the opened database.
    pub(crate) engine: Engine,
}

impl Installation {
    /// The database.
    pub(crate) fn db(&self) -> &store::Db {
        self.engine.db()
    }

    /// Who acts: the operator on this machine.
    pub(crate) fn actor(&self) -> Actor {
        let user = std::env::var("USER").unwrap_or_else(|_| "operator".to_owned());
        Actor {
            origin: Origin::User,
            name: format!("{user} (command line)"),
        }
    }

    /// The connection an operator means by id, tenant id, domain or name.
    pub(crate) async fn connection(&self, text: &str) -> Result<Connection> {
        let all = connections::list(self.db()).await?;
        let mut found = all
            .into_iter()
            .filter(|connection| is_called(connection, text));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => Err(wrong_use(format!(
                "`{text}` means more than one connection; give its id"
            ))),
            (None, _) => Err(wrong_use(format!(
                "there is no connection `{text}`; `rollcall connection list` shows them"
            ))),
        }
    }

    /// What to call a connection in a table.
    pub(crate) async fn connection_name(&self, id: ConnectionId) -> Result<String> {
        let connection = connections::get(self.db(), id).await?;
        Ok(connection.map_or_else(|| id.to_string(), |connection| name(&connection)))
    }
}

/// What to call a connection.
pub(crate) fn name(connection: &Connection) -> String {
    let known = connection
        .tenant_name
        .as_ref()
        .or(connection.tenant_domain.as_ref());
    known
        .unwrap_or(&connection.configuration.tenant_input)
        .clone()
}

fn is_called(connection: &Connection, text: &str) -> bool {
    let tenant = connection.tenant_id.map(|id| id.to_string());
    let names = [
        Some(connection.id.to_string()),
        tenant,
        connection.tenant_domain.clone(),
        connection.tenant_name.clone(),
        Some(connection.configuration.tenant_input.clone()),
    ];
    let names = names.into_iter().flatten();
    let mut names = names.chain(connection.verified_domains.iter().cloned());
    names.any(|name| name.eq_ignore_ascii_case(text))
}
