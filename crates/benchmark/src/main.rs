//! Measures Rollcall against its floors and prints JSON.
//!
//! One run: the emulator in a process of its own makes a tenant; the floors
//! (fetch and parse only; bulk insert only) are measured; then a whole first
//! sync, single changes and a quiet round. Times nothing it does not print.

mod floor;
mod sync;
mod tenant;

use anyhow::Result;
use clap::Parser;
use serde_json::json;

/// What to measure.
#[derive(Debug, Parser)]
#[command(about = "Measures Rollcall against its floors and prints JSON")]
struct Arguments {
    /// People in the tenant, all in scope.
    #[arg(long, default_value_t = 10_000)]
    people: u64,
    /// Mapped groups they are spread over.
    #[arg(long, default_value_t = 50)]
    groups: u64,
    /// `sqlite` (a temporary file) or the address of an empty PostgreSQL database.
    #[arg(long, default_value = "sqlite")]
    database: String,
    /// Single changes to time.
    #[arg(long, default_value_t = 50)]
    changes: u32,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let directory = tempfile::tempdir()?;
    let url = |name: &str| match arguments.database.as_str() {
        "sqlite" => format!("sqlite:{}", directory.path().join(name).display()),
        other => other.to_owned(),
    };
    let emulator = tenant::Emulator::start().await?;
    let world = emulator.tenant(arguments.people, arguments.groups).await?;
    let fetched = floor::fetch(&world).await?;
    let synced = sync::first_sync(&world, &url("rollcall.db")).await?;
    let after_sync = peak_memory_bytes();
    let changes = synced.changes(&world, arguments.changes).await?;
    let quiet = synced.quiet_round().await?;
    let inserted = match arguments.database.as_str() {
        "sqlite" => Some(floor::insert(&world, &url("floor.db")).await?),
        _ => None,
    };
    let floors = fetched.seconds + inserted.as_ref().map_or(0.0, |floor| floor.seconds);
    let report = json!({
        "people": arguments.people,
        "groups": arguments.groups,
        "database": if arguments.database == "sqlite" { "sqlite" } else { "postgres" },
        "first_sync": synced.report(),
        "floor_fetch": fetched,
        "floor_insert": inserted,
        "ratio_to_floors": inserted.as_ref().map(|_| synced.seconds / floors),
        "peak_memory_bytes": after_sync,
        "single_change_ms": changes,
        "quiet_round": quiet,
    });
    #[allow(clippy::print_stdout)] // the report is this program's output
    {
        println!("{report:#}");
    }
    Ok(())
}

/// The most memory this process has held, from the kernel.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
