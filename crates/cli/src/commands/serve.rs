//! `serve` and `worker`: run until told to stop.

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::net::TcpListener;

use crate::arguments::Global;
use crate::compose::{self, GRACE, Migrate};
use crate::config::{Config, Override};
use crate::failure::curable;
use crate::first_start::FirstStart;
use crate::installation::Installation;
use crate::shutdown;

/// Run the server.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall serve
  rollcall serve --listen 0.0.0.0:80 --public-url https://psa.example.com
  rollcall serve --no-worker                 with `rollcall worker` elsewhere

On the first start ROLLCALL_ROOT_USERNAME, ROLLCALL_ROOT_PASSWORD and ROLLCALL_API_TOKEN are taken;
without them the first page makes the root user.")]
pub(crate) struct Serve {
    /// HOST:PORT to listen on (server.listen)
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The server's address as people and Microsoft see it (server.public_url)
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Leave the work to `rollcall worker`
    #[arg(long)]
    no_worker: bool,
    /// Refuse to start on an old schema instead of migrating it
    #[arg(long)]
    no_migrate: bool,
}

impl Serve {
    fn flags(&self) -> Vec<Override> {
        let listen = self.listen.clone().map(|value| ("server.listen", value));
        let public = self
            .public_url
            .clone()
            .map(|value| ("server.public_url", value));
        listen.into_iter().chain(public).collect()
    }

    /// Serves until told to stop.
    pub(crate) async fn run(&self, global: &Global) -> Result<()> {
        let config = global.load(self.flags())?;
        compose::start_log(&config);
        let stop = shutdown::token();
        let listener = listen(&config).await?;
        let migrate = if self.no_migrate {
            Migrate::Refuse
        } else {
            Migrate::Apply
        };
        let installation = compose::installation(config, migrate).await?;
        FirstStart::from_environment()
            .take(&installation.engine)
            .await?;
        let (engine, courier) = (
            installation.engine.clone(),
            compose::courier(&installation)?,
        );
        let until = stop.clone();
        let work = (!self.no_worker)
            .then(|| tokio::spawn(async move { compose::work(&engine, &courier, until).await }));
        serve(installation.clone(), listener, stop.clone()).await?;
        stop.cancel();
        if let Some(work) = work
            && tokio::time::timeout(GRACE, work).await.is_err()
        {
            tracing::warn!("work was still going on; it is taken up again at the next start");
        }
        installation.db().close().await;
        Ok(())
    }
}

/// Takes the socket.
async fn listen(config: &Config) -> Result<TcpListener> {
    let address = config.server.listen.to_string();
    TcpListener::bind(&address).await.map_err(|error| {
        curable(
            format!("server.listen: {address} cannot be listened on: {error}"),
            "Stop what uses the port, or choose another with server.listen or --listen.",
        )
    })
}

/// Serves pages, API and callbacks on a socket.
pub(crate) async fn serve(
    installation: Installation,
    listener: TcpListener,
    stop: tokio_util::sync::CancellationToken,
) -> Result<()> {
    let address = listener.local_addr()?;
    let public_url = installation.config.public_url();
    tracing::info!(%address, %public_url, "serving");
    if let Some(code) = web::auth::awaited_set_up_code(&installation.engine).await? {
        tracing::warn!(
            "there is no root user yet: the page {}/set-up makes one for whoever enters the set-up code {code}",
            public_url.as_str().trim_end_matches('/')
        );
    }
    let options = web::WebOptions {
        allow_private_webhooks: installation.config.webhooks.allow_private,
        trust_forwarded_for: installation.config.server.trust_forwarded_for,
        mail: installation.config.mail.host.is_some(),
    };
    let state = web::AppState::new(installation.engine, options);
    web::serve(listener, state, stop)
        .await
        .context("the server failed")
}

/// Run a worker without the server.
#[derive(Debug, Args)]
#[command(after_help = "Any number of workers may run on one PostgreSQL.

Examples:
  rollcall worker
  ROLLCALL_DATABASE__URL=postgres://rollcall@db/rollcall rollcall worker")]
pub(crate) struct Worker {}

impl Worker {
    /// Works until told to stop.
    pub(crate) async fn run(&self, global: &Global) -> Result<()> {
        let config = global.load(Vec::new())?;
        compose::start_log(&config);
        let stop = shutdown::token();
        let installation = compose::installation(config, Migrate::Apply).await?;
        tracing::info!("working");
        let courier = compose::courier(&installation)?;
        compose::work(&installation.engine, &courier, stop).await;
        installation.db().close().await;
        Ok(())
    }
}
