//! The binary `rollcall`: reads the command line, runs one command, and turns
//! its outcome into an exit code: 0 done, 1 failed, 2 wrong use.

mod arguments;
mod commands;
mod compose;
mod config;
mod demo;
mod failure;
mod first_start;
mod installation;
mod key_files;
mod mailer;
mod master_key;
mod output;
mod person;
mod plan_view;
mod progress;
mod run_view;
mod shutdown;

use std::process::ExitCode;

use clap::Parser as _;
use tikv_jemallocator::Jemalloc;

use crate::arguments::Arguments;
use crate::output::Output;

/// SQLite's too, which allocates much and in small pieces: it takes `malloc`'s
/// place.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.global.json);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(arguments, output)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => failure::report(&error, output),
    }
}
