//! `graph-emulator`: the emulator on a socket. Prints one JSON line when ready and nothing else on standard output.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use graph_emulator::{Emulator, Options};
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// A Microsoft identity platform and Graph that runs on your machine.
///
/// Prints {"base_url":…,"ca_file":…|null} on standard output when ready; logs go to standard error (RUST_LOG).
#[derive(Debug, Parser)]
#[command(
    name = "graph-emulator",
    version,
    after_help = "Examples:\n  graph-emulator\n  graph-emulator --listen 127.0.0.1:0 --seed 7\n  graph-emulator --tls --scenario tenants.toml"
)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8765")]
    listen: String,
    /// Tenants, people, groups, applications and accounts to begin with, in TOML
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Serve HTTPS with a certificate of an authority made at start
    #[arg(long)]
    tls: bool,
    /// Where --tls writes the authority's certificate (ca.pem)
    #[arg(long, value_name = "DIRECTORY", requires = "tls")]
    tls_directory: Option<PathBuf>,
    /// Seed of all chance: ids, tokens, lifetimes
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let emulator = Emulator::new(Options {
        seed: arguments.seed,
        start: start(),
    });
    if let Some(file) = &arguments.scenario {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        emulator
            .load_scenario(&text)
            .with_context(|| file.display().to_string())?;
    }
    let listener = TcpListener::bind(&arguments.listen)
        .await
        .with_context(|| arguments.listen.clone())?;
    let address = listener.local_addr()?;
    if arguments.tls {
        let directory = arguments.tls_directory.unwrap_or_else(|| {
            std::env::temp_dir().join(format!("graph-emulator-{}", address.port()))
        });
        let tls = Emulator::prepare_tls(&directory).await?;
        announce(&json!({"base_url": format!("https://{address}"), "ca_file": tls.ca_file}))?;
        emulator.serve_tls(listener, tls, stop()).await?;
    } else {
        announce(&json!({"base_url": format!("http://{address}"), "ca_file": null}))?;
        emulator.serve(listener, stop()).await?;
    }
    Ok(())
}

/// The one place of this program that reads the machine's clock.
#[allow(clippy::disallowed_methods)]
fn start() -> Timestamp {
    Timestamp::now()
}

fn announce(line: &serde_json::Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Ready at ctrl-c or SIGTERM.
async fn stop() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(error) => {
                tracing::warn!(%error, "SIGTERM is not heard");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        result = tokio::signal::ctrl_c() => {
            if let Err(error) = result {
                tracing::warn!(%error, "ctrl-c is not heard");
            }
        }
        () = terminated => {}
    }
}
