//! `token`: API tokens of the installation.

use anyhow::Result;
use clap::{Subcommand, ValueEnum};
use secrecy::ExposeSecret as _;
use serde_json::json;
use store::api_tokens::{self, TokenScope};

use crate::installation::Installation;
use crate::output::{self, Output};

/// API tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token; it is printed once
    #[command(after_help = "Examples:
  rollcall token create --name grafana --scopes read
  rollcall token create --name automation --scopes read,people,provisioning --json")]
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// What it may do
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<Scope>,
    },
    /// The tokens there are
    List,
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    /// Read everything
    Read,
    /// Change people and what refers to them
    People,
    /// Change connections and rules, sync, approve
    Provisioning,
    /// Everything
    Admin,
}

impl Scope {
    fn stored(self) -> TokenScope {
        match self {
            Self::Read => TokenScope::Read,
            Self::People => TokenScope::People,
            Self::Provisioning => TokenScope::Provisioning,
            Self::Admin => TokenScope::Admin,
        }
    }
}

impl Token {
    /// Runs it.
    pub(crate) async fn run(&self, installation: &Installation, output: Output) -> Result<()> {
        match self {
            Self::Create { name, scopes } => {
                let engine = &installation.engine;
                let scopes: Vec<_> = scopes.iter().map(|scope| scope.stored()).collect();
                let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
                let (id, token) = web::auth::make_token(engine, name, scopes, None).await?;
                let token = token.expose_secret();
                let value = json!({ "id": id, "name": name, "scopes": names, "token": token });
                output.show(&value, || token.to_owned())
            }
            Self::List => list(installation, output).await,
        }
    }
}

async fn list(installation: &Installation, output: Output) -> Result<()> {
    let mut tokens = Vec::new();
    let mut after = None;
    loop {
        let page = api_tokens::list(installation.db(), after.as_ref(), 200).await?;
        tokens.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let scopes = |token: &api_tokens::ApiToken| {
        token
            .scopes
            .iter()
            .map(|scope| scope.name())
            .collect::<Vec<_>>()
    };
    let items: Vec<_> = tokens
        .iter()
        .map(|token| {
            json!({
                "id": token.id, "name": token.name, "scopes": scopes(token),
                "created_at": token.created_at, "expires_at": token.expires_at,
                "last_used_at": token.last_used_at, "revoked_at": token.revoked_at,
            })
        })
        .collect();
    output.show(&json!({ "items": items }), || {
        let rows = tokens.iter().map(|token| {
            let used = token
                .last_used_at
                .map_or("never".to_owned(), |at| at.to_string());
            let state = if token.revoked_at.is_some() {
                "revoked"
            } else {
                ""
            };
            [
                token.id.to_string(),
                token.name.clone(),
                scopes(token).join(","),
                used,
                state.to_owned(),
            ]
        });
        output::table(["id", "name", "scopes", "last used", ""], rows)
    })
}
