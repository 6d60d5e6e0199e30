//! Every measurement on every database, one after the other, each in a process
//! of its own so that its memory is its own. What is measured is kept in a folder
//! as it comes: a run that breaks off goes on from there.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use tokio::process::Command;

/// What is run: the words after the program's name, for everyday use and in full.
const MEASUREMENTS: [(&str, &str, &str); 8] = [
    (
        "first_10k",
        "",
        "first --people 10000 --groups 50 --changes 50 --reads 2",
    ),
    // As large as what other programs are measured with.
    (
        "first_20k",
        "",
        "first --people 20000 --groups 500 --changes 20 --reads 1",
    ),
    (
        "first_100k",
        "first --people 5000 --groups 50 --changes 20 --reads 2",
        "first --people 100000 --groups 500 --changes 200 --reads 20",
    ),
    (
        "first_1m",
        "",
        "first --people 1000000 --groups 500 --changes 200 --reads 30",
    ),
    (
        "first_1m_far",
        "",
        "first --people 1000000 --groups 500 --changes 20 --reads 1 --latency 250",
    ),
    ("swap", "swap --people 5000", "swap --people 100000"),
    (
        "many",
        "many --connections 50 --people 20 --poll 2 --idle 2",
        "many --connections 5000 --people 100 --poll 30 --idle 60",
    ),
    (
        SEVERAL,
        "workers --connections 8 --people 5 --latency 20",
        "workers --connections 120 --people 20 --latency 250",
    ),
];

/// Of several processes: one SQLite file serves one.
const SEVERAL: &str = "workers";

/// What other programs were measured at, one JSON object in a line, in the folder
/// that keeps results.
const PEERS: &str = "peers.jsonl";

pub(crate) async fn measure(
    quick: bool,
    postgres: Option<&str>,
    kept: Option<&Path>,
) -> Result<Value> {
    let mut report = Map::new();
    report.insert("quick".to_owned(), json!(quick));
    report.insert("machine".to_owned(), machine());
    for (name, url) in [("sqlite", None), ("postgres", postgres)] {
        if name == "postgres" && url.is_none() {
            continue;
        }
        let mut of_database = Map::new();
        for (what, small, large) in MEASUREMENTS {
            let words = if quick { small } else { large };
            if words.is_empty() || what == SEVERAL && url.is_none() {
                continue;
            }
            let file = kept.map(|folder| folder.join(format!("{name}-{what}.json")));
            let measured = match file {
                Some(file) if file.exists() => serde_json::from_slice(&std::fs::read(file)?)?,
                Some(file) => {
                    let measured = run(words, url).await?;
                    std::fs::write(file, format!("{measured:#}\n"))?;
                    measured
                }
                None => run(words, url).await?,
            };
            of_database.insert(what.to_owned(), measured);
        }
        report.insert(name.to_owned(), Value::Object(of_database));
    }
    if let Some(folder) = kept {
        report.insert("peers".to_owned(), peers(&folder.join(PEERS))?);
    }
    Ok(Value::Object(report))
}

fn peers(file: &Path) -> Result<Value> {
    if !file.exists() {
        return Ok(json!([]));
    }
    let text = std::fs::read_to_string(file)?;
    let lines = text.lines().map(serde_json::from_str);
    let peers: Vec<Value> = lines.collect::<Result<_, _>>()?;
    Ok(Value::Array(peers))
}

async fn run(words: &str, postgres: Option<&str>) -> Result<Value> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(words.split_whitespace());
    if let Some(url) = postgres {
        command.args(["--postgres", url]);
    }
    let output = command.stderr(Stdio::inherit()).output().await?;
    let status = output.status;
    ensure!(status.success(), "`{words}` ended with {status}");
    let mut report: Value = serde_json::from_slice(&output.stdout)?;
    let report_fields = report.as_object_mut().context("no report")?;
    report_fields.insert("command".to_owned(), json!(format!("benchmark {words}")));
    Ok(report)
}

/// What it ran on, as the kernel tells.
fn machine() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let line = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    json!({
        "processor": line(&read("/proc/cpuinfo"), "model name"),
        "processors": processors,
        "memory": line(&read("/proc/meminfo"), "MemTotal"),
        "system": read("/proc/sys/kernel/osrelease").trim(),
    })
}
