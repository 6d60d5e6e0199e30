//! `admin`: the root user, for whoever sits at the machine.

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;
use store::records::RecordRow;
use store::{keys, records};

use crate::failure::{curable, wrong_use};
use crate::first_start::FirstStart;
use crate::installation::Installation;
use crate::output::{self, Output};
use crate::person;

/// The root user.
#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    /// Make the root user
    #[command(after_help = "Examples:
  rollcall admin create-root --username root
  printf '%s' \"$PASSWORD\" | rollcall admin create-root --username root --password-stdin")]
    CreateRoot {
        /// The username
        #[arg(long, default_value = "root")]
        username: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Print the code that the set-up page asks for
    #[command(
        after_help = "The page asks for it where server.public_url is not this machine's own address; once there is a
root user it is worth nothing. `rollcall serve` prints it at its start.

Example:
  rollcall admin set-up-code"
    )]
    SetUpCode,
    /// Give root, or a local user, a new password; their sessions end
    #[command(after_help = "Examples:
  rollcall admin reset-password
  printf '%s' \"$PASSWORD\" | rollcall admin reset-password --username jo --password-stdin")]
    ResetPassword {
        /// Whose; root's when left out
        #[arg(long)]
        username: Option<String>,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Take the second factor from root, or a local user, who lost it
    #[command(after_help = "Examples:
  rollcall admin reset-second-factor
  rollcall admin reset-second-factor --username jo")]
    ResetSecondFactor {
        /// Whose; root's when left out
        #[arg(long)]
        username: Option<String>,
    },
}

impl Admin {
    /// Runs it.
    pub(crate) async fn run(&self, installation: &Installation, output: Output) -> Result<()> {
        match self {
            Self::CreateRoot {
                username,
                password_stdin,
            } => {
                if records::root(installation.db()).await?.is_some() {
                    return Err(curable(
                        "there is a root user already",
                        "Use `rollcall admin reset-password` when the password is lost.",
                    ));
                }
                let password = output::new_password(*password_stdin)?;
                let first = FirstStart {
                    username: Some(username.clone()),
                    password: Some(password),
                    token: None,
                };
                first.take(&installation.engine).await?;
                let row = records::root(installation.db()).await?;
                let id = row.map(|row| row.record.id);
                output.show(&json!({ "id": id, "username": username }), || {
                    format!("The root user is `{username}`.")
                })
            }
            Self::SetUpCode => {
                if records::root(installation.db()).await?.is_some() {
                    return Err(curable(
                        "there is a root user already",
                        "Use `rollcall admin reset-password` when the password is lost.",
                    ));
                }
                let code = web::auth::set_up_code(&installation.engine);
                output.show(&json!({ "code": code }), || code.clone())
            }
            Self::ResetPassword {
                username,
                password_stdin,
            } => reset(installation, username.as_deref(), *password_stdin, output).await,
            Self::ResetSecondFactor { username } => {
                let row = find(installation, username.as_deref()).await?;
                let engine = &installation.engine;
                let was_on = web::auth::reset_second_factor(engine, row.record.id).await?;
                let body = json!({ "id": row.record.id, "was_on": was_on });
                output.show(&body, || match was_on {
                    true => format!("{} signs in with the password alone.", person::name(&row)),
                    false => format!("{} has no second factor.", person::name(&row)),
                })
            }
        }
    }
}

async fn reset(
    installation: &Installation,
    username: Option<&str>,
    from_stdin: bool,
    output: Output,
) -> Result<()> {
    let row = find(installation, username).await?;
    let (id, password) = (row.record.id, output::new_password(from_stdin)?);
    let ended = web::auth::reset_password(&installation.engine, id, password).await?;
    output.show(&json!({ "id": id, "sessions_ended": ended }), || {
        format!(
            "{} has a new password; {ended} sessions ended.",
            person::name(&row)
        )
    })
}

/// Whoever has this username; root without one.
async fn find(installation: &Installation, username: Option<&str>) -> Result<RecordRow> {
    let db = installation.db();
    let row = match username {
        Some(name) => records::by_username(db, &keys::fold(name)).await?,
        None => records::root(db).await?,
    };
    row.ok_or_else(|| match username {
        Some(name) => wrong_use(format!("nobody has the username `{name}`")),
        None => curable(
            "there is no root user yet",
            "Make one with `rollcall admin create-root`.",
        ),
    })
}
