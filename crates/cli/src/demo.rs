//! `demo`: the emulator with a sample MSP and its clients, and a server that
//! syncs them, in one process. Everything goes the way a real installation
//! goes: over HTTP, through consent, by API; nothing is written behind its back
//! but the root user and the first token.

mod api;
mod browser;
mod churn;
mod first_sync;
mod local_records;
mod people;
mod place;
mod setup;
mod summary;
mod world;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use graph::{Clock as _, ReqwestTransport, SystemClock, Transport, TransportOptions};
use graph_emulator::Emulator;
use serde_json::{Value, json};
use store::api_tokens::TokenScope;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::api::Api;
use self::place::{Place, SignIns};
use self::summary::Summary;
use self::world::World;
use crate::arguments::Global;
use crate::compose::{self, GRACE, Migrate};
use crate::config::{Address, Config, Every, Notify};
use crate::failure::{curable, wrong_use};
use crate::first_start::FirstStart;
use crate::installation::Installation;
use crate::output::{self, Output};
use crate::{commands, shutdown};

/// Start the emulator with a sample MSP and its clients, and a server that syncs them.
#[derive(Debug, Args)]
#[command(
    after_help = "The data directory is ./rollcall-data/demo, emptied at every start, unless --data-dir names
another: that one is kept, and taken up again.

Examples:
  rollcall demo
  rollcall demo --people 20000 --no-churn
  rollcall demo --once --json                one first sync, told as JSON"
)]
pub(crate) struct Demo {
    /// Where the server listens [default: 127.0.0.1:8080, or a free port]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where the emulator listens [default: 127.0.0.1:8765, or a free port]
    #[arg(long, value_name = "ADDRESS")]
    emulator_listen: Option<String>,
    /// About how many people there are in all tenants
    #[arg(long, value_name = "N", default_value_t = 430, value_parser = clap::value_parser!(u32).range(110..=2_000_000))]
    people: u32,
    /// Stop after the first sync
    #[arg(long)]
    once: bool,
    /// Leave the directories alone after the first sync
    #[arg(long)]
    no_churn: bool,
}

/// The demo once everything runs.
struct Running {
    installation: Installation,
    sign_ins: SignIns,
    world: World,
    api: Api,
    tasks: JoinSet<Result<()>>,
    stop: CancellationToken,
}

impl Demo {
    /// Runs until told to stop, or once.
    pub(crate) async fn run(&self, global: &Global, output: Output) -> Result<()> {
        let began = SystemClock.now();
        let stop = shutdown::token();
        let mut running = tokio::select! {
            running = self.start(global, stop.clone()) => running?,
            () = stop.cancelled() => return Ok(()),
        };
        // A stop that was asked for comes first: the parts end because of it.
        let summary = tokio::select! {
            biased;
            () = stop.cancelled() => return running.end().await,
            summary = first_sync(&running.api, &running.world, began) => summary,
            failed = running.tasks.join_next() => Err(ended_early(failed)),
        };
        let summary = match summary {
            Ok(summary) => summary,
            Err(error) => {
                running.stop.cancel();
                return Err(error);
            }
        };
        self.tell(&running, &summary, output)?;
        if !self.once {
            running.go_on(!self.no_churn, output).await?;
        }
        running.end().await
    }

    async fn start(&self, global: &Global, stop: CancellationToken) -> Result<Running> {
        let place = Place::prepare(global.data_dir.as_deref())?;
        let server = listen(self.listen.as_deref(), "127.0.0.1:8080").await?;
        let emulator = listen(self.emulator_listen.as_deref(), "127.0.0.1:8765").await?;
        let public_url = reachable("localhost", &server)?;
        let emulator_url = reachable("127.0.0.1", &emulator)?;
        let config = config(&place.directory, &public_url, &emulator_url)?;
        compose::start_log(&config);

        let world = World::new(&emulator_url, &public_url, self.people)?;
        let mut tasks = JoinSet::new();
        serve_emulator(&world.emulator, emulator, &mut tasks, stop.clone());

        let installation = compose::installation(config, Migrate::Apply).await?;
        let sign_ins = place.sign_ins(&installation.engine)?;
        sign_in(&installation, &sign_ins).await?;
        serve_installation(&installation, server, &mut tasks, stop.clone());
        let transport = ReqwestTransport::new(TransportOptions::default())?;
        let transport: Arc<dyn Transport> = Arc::new(transport);
        let api = Api::new(transport, &public_url, sign_ins.api_token.clone());
        api.wait_until_ready().await?;
        Ok(Running {
            installation,
            sign_ins,
            world,
            api,
            tasks,
            stop,
        })
    }

    fn tell(&self, running: &Running, summary: &Summary, output: Output) -> Result<()> {
        if self.once {
            return output.show(summary, || summary.text());
        }
        let ready = running.ready(summary)?;
        output.show(&ready, || running.welcome(summary))
    }
}

impl Running {
    fn ready(&self, summary: &Summary) -> Result<Value> {
        Ok(json!({
            "base_url": self.api.base(), "emulator_url": self.world.base,
            "api_token": self.sign_ins.api_token, "root_username": self.sign_ins.username,
            "root_password": self.sign_ins.password, "microsoft_sign_ins": people::as_json(),
            "summary": serde_json::to_value(summary)?,
        }))
    }

    fn welcome(&self, summary: &Summary) -> String {
        let addresses = output::list([
            ("Rollcall", self.api.base().to_owned()),
            (
                "sign in",
                format!("{} / {}", self.sign_ins.username, self.sign_ins.password),
            ),
            ("API token", self.sign_ins.api_token.clone()),
            ("emulator", format!("{}/emulator", self.world.base)),
            (
                "data",
                self.installation.config.data_dir.display().to_string(),
            ),
        ]);
        format!(
            "{}\n\n{addresses}\n\n{}\n\nCtrl-c stops it.",
            summary.text(),
            people::text()
        )
    }

    /// Lets the directories change until told to stop.
    async fn go_on(&mut self, churn: bool, output: Output) -> Result<()> {
        let stop = self.stop.clone();
        let changes = async {
            if churn {
                churn::trickle(&self.world, &self.api, output).await
            } else {
                std::future::pending().await
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            ended = changes => ended,
            failed = self.tasks.join_next() => Err(ended_early(failed)),
        }
    }

    /// Stops everything and waits for it.
    async fn end(mut self) -> Result<()> {
        self.stop.cancel();
        let ends = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended??;
            }
            Ok::<_, anyhow::Error>(())
        };
        match tokio::time::timeout(GRACE, ends).await {
            Ok(ended) => ended?,
            Err(_) => tracing::warn!("something was still going on"),
        }
        self.installation.db().close().await;
        Ok(())
    }
}

async fn first_sync(api: &Api, world: &World, began: jiff::Timestamp) -> Result<Summary> {
    let set_up = setup::everything(api, world).await?;
    first_sync::everyone(api, world, &set_up).await?;
    people::open(api, world).await?;
    summary::read(api, world, &set_up.connections, began).await
}

fn ended_early(ended: Option<Result<Result<()>, tokio::task::JoinError>>) -> anyhow::Error {
    match ended {
        Some(Ok(Err(error))) => error,
        Some(Err(error)) => error.into(),
        Some(Ok(Ok(()))) | None => anyhow!("a part of the demo ended by itself"),
    }
}

/// Takes a socket: the one asked for, or the usual one, or a free one.
async fn listen(asked: Option<&str>, usual: &str) -> Result<TcpListener> {
    match asked {
        Some(address) => TcpListener::bind(address).await.map_err(|error| {
            curable(
                format!("{address} cannot be listened on: {error}"),
                "Choose another port, or 0 for a free one.",
            )
        }),
        None => match TcpListener::bind(usual).await {
            Ok(listener) => Ok(listener),
            Err(_) => TcpListener::bind("127.0.0.1:0")
                .await
                .context("no socket can be had"),
        },
    }
}

/// The address of a socket of this process, without a slash at its end.
fn reachable(host: &str, listener: &TcpListener) -> Result<String> {
    let address = listener.local_addr()?;
    if address.is_ipv6() && host != "localhost" {
        return Ok(format!("http://[::1]:{}", address.port()));
    }
    Ok(format!("http://{host}:{}", address.port()))
}

/// The demo's configuration: its own, whatever rollcall.toml says, so that no
/// real installation is touched.
fn config(directory: &std::path::Path, public_url: &str, emulator_url: &str) -> Result<Config> {
    let mut config = Config {
        data_dir: PathBuf::from(directory),
        ..Config::default()
    };
    let address = Address::try_from(public_url.to_owned()).map_err(wrong_use)?;
    config.server.public_url = Some(address);
    config.microsoft.cloud = "custom".to_owned();
    config.microsoft.login_url = Some(emulator_url.to_owned());
    config.microsoft.graph_url = Some(emulator_url.to_owned());
    config.sync.poll_interval = Every::seconds(5);
    config.sync.notifications = Notify::On;
    config.log.filter = "warn".to_owned();
    Ok(config)
}

fn serve_emulator(
    emulator: &Emulator,
    listener: TcpListener,
    tasks: &mut JoinSet<Result<()>>,
    stop: CancellationToken,
) {
    let emulator = emulator.clone();
    tasks.spawn(async move {
        let served = emulator.serve(listener, stop.cancelled_owned()).await;
        served.context("the emulator failed")
    });
}

fn serve_installation(
    installation: &Installation,
    listener: TcpListener,
    tasks: &mut JoinSet<Result<()>>,
    stop: CancellationToken,
) {
    let (working, until) = (installation.clone(), stop.clone());
    tasks.spawn(async move {
        let courier = compose::courier(&working)?;
        compose::work(&working.engine, &courier, until).await;
        Ok(())
    });
    let served = commands::serve::serve(installation.clone(), listener, stop);
    tasks.spawn(served);
}

/// Root and the token, made at the first start in this data directory.
async fn sign_in(installation: &Installation, sign_ins: &SignIns) -> Result<()> {
    let engine = &installation.engine;
    let first = FirstStart {
        username: Some(sign_ins.username.clone()),
        password: Some(sign_ins.password.clone().into()),
        token: None,
    };
    first.take(engine).await?;
    let token = sign_ins.api_token.clone().into();
    web::auth::make_token(engine, "demo", vec![TokenScope::Admin], Some(token)).await?;
    Ok(())
}
