//! Measures Rollcall against its floors and prints JSON.
//!
//! The emulator runs in a process of its own; the engine and its database
//! connections are this process. Times nothing it does not print.

mod all;
mod first;
mod floor_fetch;
mod floor_insert;
mod growth;
mod many;
mod measure;
mod places;
mod reads;
mod subject;
mod swap;
mod table;
mod targets;
mod tenant;
mod workers;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use places::Places;
use tikv_jemallocator::Jemalloc;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Measures Rollcall against its floors and prints JSON.
#[derive(Debug, Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A first sync against its floors, then single changes, quiet rounds and reads.
    First {
        /// People in the tenant, all in scope.
        #[arg(long, default_value_t = 10_000)]
        people: u64,
        /// Mapped groups they are spread over.
        #[arg(long, default_value_t = 500)]
        groups: u64,
        /// Single changes to time.
        #[arg(long, default_value_t = 50)]
        changes: u32,
        /// Seconds of lists, searches and details.
        #[arg(long, default_value_t = 5)]
        reads: u32,
        /// Milliseconds that Microsoft Graph takes for each request.
        #[arg(long, default_value_t = 0)]
        latency: u64,
        #[command(flatten)]
        on: Database,
    },
    /// The rows of a first sync, inserted and nothing else.
    Floor {
        /// How many people's.
        #[arg(long, default_value_t = 100_000)]
        people: u64,
        #[command(flatten)]
        on: Database,
    },
    /// A full read of one group in which nothing changed, then a swap of rules that moves
    /// everybody, and the undo of that.
    Swap {
        /// How many.
        #[arg(long, default_value_t = 100_000)]
        people: u64,
        #[command(flatten)]
        on: Database,
    },
    /// Many small tenants.
    Many {
        /// How many.
        #[arg(long, default_value_t = 5_000)]
        connections: u64,
        /// People in each.
        #[arg(long, default_value_t = 100)]
        people: u64,
        /// Seconds between two polls of a connection.
        #[arg(long, default_value_t = 30)]
        poll: u64,
        /// Seconds of idleness.
        #[arg(long, default_value_t = 60)]
        idle: u64,
        #[command(flatten)]
        on: Database,
    },
    /// The first syncs of many tenants by one, two and four workers, each a process.
    Workers {
        /// How many tenants.
        #[arg(long, default_value_t = 120)]
        connections: u64,
        /// People in each.
        #[arg(long, default_value_t = 20)]
        people: u64,
        /// Milliseconds that Microsoft Graph takes for each request.
        #[arg(long, default_value_t = 250)]
        latency: u64,
        #[command(flatten)]
        on: Database,
    },
    /// One of those workers.
    #[command(hide = true)]
    Work {
        /// Where the emulator is.
        #[arg(long)]
        directory: String,
    },
    /// Everything, each measurement in a process of its own.
    All {
        /// Small sizes: under a minute.
        #[arg(long)]
        quick: bool,
        /// Writes the tables to this file.
        #[arg(long)]
        write: Option<PathBuf>,
        /// Keeps each result in this folder, and takes those that are there.
        #[arg(long)]
        keep: Option<PathBuf>,
        #[command(flatten)]
        on: Database,
    },
}

#[derive(Debug, Args)]
struct Database {
    /// The address of a PostgreSQL server whose user may make databases;
    /// without it, SQLite files are measured.
    #[arg(long)]
    postgres: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let report = match Arguments::parse().what {
        What::First {
            people,
            groups,
            changes,
            reads,
            latency,
            on,
        } => {
            let plan = first::Plan {
                people,
                groups,
                changes,
                reads,
                quiet: 2.4,
                latency,
            };
            first::measure(&Places::new(on.postgres)?, &plan).await?
        }
        What::Floor { people, on } => {
            let places = Places::new(on.postgres)?;
            let place = places.make("floor").await?;
            let (_, report) = floor_insert::insert(people, &place.url).await?;
            places.drop_all().await?;
            report
        }
        What::Swap { people, on } => swap::measure(&Places::new(on.postgres)?, people).await?,
        What::Many {
            connections,
            people,
            poll,
            idle,
            on,
        } => {
            let (poll, idle) = (Duration::from_secs(poll), Duration::from_secs(idle));
            let places = Places::new(on.postgres)?;
            many::measure(&places, connections, people, poll, idle).await?
        }
        What::Workers {
            connections,
            people,
            latency,
            on,
        } => workers::measure(&Places::new(on.postgres)?, connections, people, latency).await?,
        What::Work { directory } => workers::work(&directory).await?,
        What::All {
            quick,
            write,
            keep,
            on,
        } => {
            let report = all::measure(quick, on.postgres.as_deref(), keep.as_deref()).await?;
            if let Some(path) = write {
                std::fs::write(&path, table::markdown(&report))?;
                if let Some(picture) = table::picture(&report) {
                    std::fs::write(path.with_file_name("growth.svg"), picture)?;
                }
            }
            report
        }
    };
    #[allow(clippy::print_stdout)] // the report is this program's output
    {
        println!("{report:#}");
    }
    Ok(())
}
