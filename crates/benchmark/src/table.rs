//! The measurements as the page people read.

use std::fmt::Write as _;

use serde_json::Value;

use crate::growth::{self, Point};
use crate::targets::{Judged, TARGETS, Target};

/// The page.
pub(crate) fn markdown(report: &Value) -> String {
    let mut page = String::from(HEAD);
    let machine = &report["machine"];
    put(
        &mut page,
        format_args!(
            "Machine: {}, {} processors, {}, Linux {}.{}\n\n",
            text(&machine["processor"]),
            machine["processors"],
            text(&machine["memory"]),
            text(&machine["system"]),
            if report["quick"] == true {
                " **Quick variant: small sizes.**"
            } else {
                ""
            },
        ),
    );
    let databases = of_databases(report);
    if report["quick"] != true {
        targets(&mut page, &databases);
    }
    for what in ["first_100k", "first_1m"] {
        first(&mut page, what, &databases);
    }
    far(&mut page, &databases);
    growth(&mut page, &databases);
    swap(&mut page, &databases);
    many(&mut page, &databases);
    workers(&mut page, &databases);
    peers(&mut page, report, &databases);
    page
}

fn of_databases(report: &Value) -> Vec<(&str, &Value)> {
    ["sqlite", "postgres"]
        .into_iter()
        .filter_map(|name| Some((name, report.get(name)?)))
        .collect()
}

const HEAD: &str = "# Performance

Made by `scripts/benchmark`; do not edit. The emulator runs in a process of its own without delay, and shares the
processors with what is measured, as does the PostgreSQL server. Floors are measured in the same run: *reading* fetches
and parses the same pages and throws them away; *inserting* writes the same kinds of rows by the store's bulk functions
and decides nothing. *Load* is the number of runnable processes in the minute before and after: above the number of
processors, something else was running too. What bounds these figures is in [bottlenecks](bottlenecks.md).

";

type Databases<'a> = [(&'a str, &'a Value)];

fn put(page: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = page.write_fmt(line);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("unknown")
}

fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if number >= 100.0 => grouped(number.round() as u64),
        Some(number) if number >= 10.0 => format!("{number:.1}"),
        Some(number) => format!("{number:.2}"),
        None => "none".to_owned(),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn megabytes(value: &Value) -> String {
    value
        .as_f64()
        .map_or("none".to_owned(), |bytes| format!("{:.0} MB", bytes / 1e6))
}

fn written(value: &Value) -> String {
    match (value.get("commits"), value.get("log_bytes")) {
        (Some(commits), _) => format!("{commits} commits, {} pages", value["pages"]),
        (_, Some(bytes)) => format!(
            "{} bytes of log",
            grouped(bytes.as_u64().unwrap_or_default())
        ),
        _ => "unknown".to_owned(),
    }
}

/// A row of a table: its name, and what it says of a database.
type Line<'a> = (&'a str, &'a dyn Fn(&Value) -> String);

/// A table with a column for each database.
fn table(page: &mut String, databases: &[(&str, &Value)], rows: &[Line<'_>]) {
    head(page, &[""], databases);
    for (name, cell) in rows {
        put(page, format_args!("| {name}"));
        for (_, of) in databases {
            put(page, format_args!(" | {}", cell(of)));
        }
        page.push_str(" |\n");
    }
    page.push('\n');
}

/// The head of a table: these columns, and one for each database.
fn head(page: &mut String, columns: &[&str], databases: &Databases<'_>) {
    let names = databases.iter().map(|(name, _)| *name);
    for name in columns.iter().copied().chain(names) {
        let space = if name.is_empty() { "" } else { " " };
        put(page, format_args!("|{space}{name} "));
    }
    page.push_str("|\n");
    page.push_str(&"|---".repeat(columns.len() + databases.len()));
    page.push_str("|\n");
}

/// The head of a section about one measurement, and the databases that have it;
/// none, and nothing is written, when no database does.
fn section<'a>(
    page: &mut String,
    what: &str,
    databases: &Databases<'a>,
    title: impl Fn(&Value) -> String,
) -> Option<Vec<(&'a str, &'a Value)>> {
    let databases = of(what, databases);
    let (_, any) = databases.first()?;
    let command = text(&any["command"]);
    put(page, format_args!("## {}\n\n`{command}`\n\n", title(any)));
    Some(databases)
}

/// What is wanted of the figures, and which of them reach it.
fn targets(page: &mut String, databases: &Databases<'_>) {
    let judged = |target: &Target| -> Option<Vec<String>> {
        let figures = databases.iter().map(|(_, of)| target.judge(of));
        let figures: Vec<Option<Judged>> = figures.collect();
        figures.iter().any(Option::is_some).then(|| {
            let cell = |figure: Option<Judged>| match figure {
                None => "not measured".to_owned(),
                Some(judged) if judged.is_reached => number(&judged.figure.into()),
                Some(judged) => format!("**{}**", number(&judged.figure.into())),
            };
            figures.into_iter().map(cell).collect()
        })
    };
    let rows: Vec<(&Target, Vec<String>)> = TARGETS
        .iter()
        .filter_map(|target| Some((target, judged(target)?)))
        .collect();
    if rows.is_empty() {
        return;
    }
    page.push_str("## What is wanted\n\nWhat does not reach it is set in bold.\n\n");
    head(page, &["", "wanted"], databases);
    for (target, cells) in rows {
        let (how, much) = target.wanted();
        put(
            page,
            format_args!(
                "| {} | {how} {} | {} |\n",
                target.what,
                number(&much.into()),
                cells.join(" | ")
            ),
        );
    }
    page.push('\n');
}

/// The same first sync with Microsoft further away.
fn far(page: &mut String, databases: &Databases<'_>) {
    let title = |any: &Value| {
        format!(
            "The same with {} ms for each request to Graph",
            any["latency_ms"]
        )
    };
    let Some(databases) = section(page, "first_1m_far", databases, title) else {
        return;
    };
    table(
        page,
        &databases,
        &[
            ("people per second", &|of| {
                number(&of["first_sync"]["people_per_second"])
            }),
            ("seconds", &|of| number(&of["first_sync"]["seconds"])),
            ("seconds collecting / planning / applying", &phases),
            ("memory at the peak", &|of| {
                megabytes(&of["memory_bytes"]["peak"])
            }),
        ],
    );
}

/// Other programs that read people, on the same machine and emulator.
fn peers(page: &mut String, report: &Value, databases: &Databases<'_>) {
    let peers = report["peers"].as_array().map_or(&[][..], Vec::as_slice);
    let own = of("first_20k", databases);
    let (Some((_, best)), Some(people)) = (own.last(), peers.first()) else {
        return;
    };
    put(
        page,
        format_args!(
            "## Beside what else reads people from Entra ID, {} people\n\n`scripts/benchmark-peers`, each as it comes from \
             PyPI, one after the other on the same emulator and machine. msgraph-sdk is a plain script around Microsoft's SDK; \
             azure-cli lists people without groups. Rollcall decides, and writes records, links and a journal besides. Its \
             seconds are of a first sync, theirs of the whole process.\n\n\
             | | people per second | Rollcall, times | memory | requests | resource units | page |\n\
             |---|---|---|---|---|---|---|\n",
            number(&people["people"]),
        ),
    );
    for (name, of) in &own {
        put(
            page,
            format_args!(
                "| Rollcall, {name} | {} | | {} | {} | {} | 999 |\n",
                number(&of["first_sync"]["people_per_second"]),
                megabytes(&of["memory_bytes"]["peak"]),
                number(&of["first_sync"]["requests"]),
                number(&of["first_sync"]["resource_units"]),
            ),
        );
    }
    let best = best["first_sync"]["people_per_second"].as_f64();
    for peer in peers {
        let speed = peer["people_per_second"].as_f64();
        let times = best.zip(speed).map_or(0.0, |(own, theirs)| own / theirs);
        put(
            page,
            format_args!(
                "| {} {}, into {} | {} | {times:.1} | {} MB | {} | {} | {} |\n",
                text(&peer["name"]),
                text(&peer["version"]),
                text(&peer["into"]),
                number(&peer["people_per_second"]),
                peer["peak_rss_mb"],
                number(&peer["requests"]),
                number(&peer["resource_units"]),
                peer["page_size"],
            ),
        );
    }
    page.push('\n');
}

fn load(of: &Value) -> String {
    format!(
        "{} / {}",
        number(&of["load_before"]),
        number(&of["load_after"])
    )
}

fn phases(of: &Value) -> String {
    let phase = |name: &str| number(&of["first_sync"]["seconds_by_phase"][name]);
    format!(
        "{} / {} / {}",
        phase("collecting"),
        phase("planning"),
        phase("applying")
    )
}

fn of<'a>(what: &str, databases: &Databases<'a>) -> Vec<(&'a str, &'a Value)> {
    let found = databases.iter();
    found
        .filter_map(|(name, all)| Some((*name, all.get(what)?)))
        .collect()
}

fn first(page: &mut String, what: &str, databases: &Databases<'_>) {
    let title = |any: &Value| {
        format!(
            "First sync of {} people in {} groups, then single changes and quiet rounds",
            number(&any["people"]),
            any["groups"]
        )
    };
    let Some(databases) = section(page, what, databases, title) else {
        return;
    };
    let cost = |of: &Value, name: &str| {
        let (used, least) = (
            &of["first_sync"][name],
            &of["first_sync"][format!("{name}_least")],
        );
        let ratio = used
            .as_f64()
            .zip(least.as_f64())
            .map_or(0.0, |(a, b)| a / b);
        format!("{} of {} ({ratio:.3}x)", number(used), number(least))
    };
    table(
        page,
        &databases,
        &[
            ("people per second", &|of| {
                number(&of["first_sync"]["people_per_second"])
            }),
            ("seconds", &|of| number(&of["first_sync"]["seconds"])),
            ("seconds collecting / planning / applying", &phases),
            ("CPU seconds of this process", &|of| {
                number(&of["first_sync"]["cpu_seconds"])
            }),
            ("floor, reading: people per second", &|of| {
                number(&of["floor_fetch"]["people_per_second"])
            }),
            ("floor, inserting: people per second", &|of| {
                number(&of["floor_insert"]["people_per_second"])
            }),
            ("times the sum of the floors", &|of| {
                number(&of["ratio_to_floors"])
            }),
            ("memory at the peak", &|of| {
                megabytes(&of["memory_bytes"]["peak"])
            }),
            ("Graph requests, of the least possible", &|of| {
                cost(of, "requests")
            }),
            ("Graph resource units, of the least possible", &|of| {
                cost(of, "resource_units")
            }),
            ("load before / after", &load),
        ],
    );
    page.push_str("Then, with everybody present:\n\n");
    afterwards(page, &databases);
    reads(page, &databases);
}

/// How a first sync grows with its tenant.
fn growth(page: &mut String, databases: &Databases<'_>) {
    let lines: Vec<(&str, Vec<Point>)> = with_points(databases);
    if lines.is_empty() {
        return;
    }
    page.push_str("## Growth\n\n![Growth with the tenant](growth.svg)\n\n");
    page.push_str(
        "| | people | seconds | memory at the peak | database |\n|---|---|---|---|---|\n",
    );
    for (name, points) in lines {
        for point in points {
            let [seconds, memory, disk] = point.values;
            put(
                page,
                format_args!(
                    "| {name} | {} | {seconds:.1} | {:.0} MB | {:.0} MB |\n",
                    grouped(point.people as u64),
                    memory / 1e6,
                    disk / 1e6
                ),
            );
        }
    }
    page.push('\n');
}

fn with_points<'a>(databases: &Databases<'a>) -> Vec<(&'a str, Vec<Point>)> {
    let all = databases.iter();
    all.map(|(name, of)| (*name, growth::points(of)))
        .filter(|(_, points)| !points.is_empty())
        .collect()
}

/// The picture beside the page, if there is something to draw.
pub(crate) fn picture(report: &Value) -> Option<String> {
    let lines = with_points(&of_databases(report));
    (!lines.is_empty()).then(|| growth::picture(&lines))
}

/// What people look at: a row for each kind of page and answer.
fn reads(page: &mut String, databases: &Databases<'_>) {
    let Some((_, any)) = databases.first() else {
        return;
    };
    put(
        page,
        format_args!(
            "And over HTTP, {} requests a second of all kinds, p50 / p99 in milliseconds since each was due:\n\n",
            any["reads"]["per_second"],
        ),
    );
    let middle_and_end = |of: &Value| format!("{} / {}", number(&of["p50"]), number(&of["p99"]));
    let all = |of: &Value| middle_and_end(&of["reads"]["all_ms"]);
    let kinds = any["reads"]["by_kind_ms"].as_object();
    let kinds: Vec<&String> = kinds.into_iter().flat_map(|kinds| kinds.keys()).collect();
    let cells: Vec<_> = kinds
        .iter()
        .map(|kind| move |of: &Value| middle_and_end(&of["reads"]["by_kind_ms"][kind.as_str()]))
        .collect();
    let mut rows: Vec<Line<'_>> = vec![("all", &all)];
    for (kind, cell) in kinds.iter().zip(&cells) {
        rows.push((kind.as_str(), cell));
    }
    table(page, databases, &rows);
}

/// Single changes and quiet rounds.
fn afterwards(page: &mut String, databases: &Databases<'_>) {
    let change = |of: &Value| {
        let of = &of["single_change_ms"];
        format!(
            "{} / {} / {}",
            number(&of["p50"]),
            number(&of["p99"]),
            number(&of["max"])
        )
    };
    table(
        page,
        databases,
        &[
            (
                "one change, notification to commit: p50 / p99 / most, ms",
                &change,
            ),
            ("quiet round: requests", &|of| {
                number(&of["quiet_round"]["requests_per_round"])
            }),
            ("quiet round: CPU, ms", &|of| {
                number(&of["quiet_round"]["cpu_ms_per_round"])
            }),
            ("quiet rounds measured", &|of| {
                number(&of["quiet_round"]["rounds"])
            }),
            ("written meanwhile", &|of| {
                written(&of["quiet_round"]["written"])
            }),
        ],
    );
}

fn swap(page: &mut String, databases: &Databases<'_>) {
    let title = |any: &Value| {
        format!(
            "A full read of one group that finds nothing new, a swap of two rules, and its undo, with {} people",
            number(&any["people"])
        )
    };
    let Some(databases) = section(page, "swap", databases, title) else {
        return;
    };
    table(
        page,
        &databases,
        &[
            ("full read: seconds", &|of| {
                number(&of["full_reconcile"]["seconds"])
            }),
            ("full read: CPU seconds", &|of| {
                number(&of["full_reconcile"]["cpu_seconds"])
            }),
            ("full read: written", &|of| {
                written(&of["full_reconcile"]["written"])
            }),
            ("swap: seconds to plan", &|of| {
                number(&of["rule_swap"]["plan_seconds"])
            }),
            ("swap: seconds to apply", &|of| {
                number(&of["rule_swap"]["apply_seconds"])
            }),
            ("undo of the swap: seconds", &|of| {
                number(&of["undo"]["seconds"])
            }),
            ("load before / after", &load),
        ],
    );
}

fn workers(page: &mut String, databases: &Databases<'_>) {
    let title = |any: &Value| {
        format!(
            "First syncs of {} tenants of {} people by several workers, with {} ms for each request to Graph",
            number(&any["connections"]),
            any["people_each"],
            any["latency_ms"]
        )
    };
    let Some(databases) = section(page, "workers", databases, title) else {
        return;
    };
    for (_, of) in databases {
        put(
            page,
            format_args!(
                "| workers | seconds | people per second | times one worker |\n|---|---|---|---|\n"
            ),
        );
        for row in of["by_workers"].as_array().into_iter().flatten() {
            put(
                page,
                format_args!(
                    "| {} | {} | {} | {} |\n",
                    row["workers"],
                    number(&row["seconds"]),
                    number(&row["people_per_second"]),
                    number(&row["times_one_worker"]),
                ),
            );
        }
        put(page, format_args!("\n"));
    }
}

fn many(page: &mut String, databases: &Databases<'_>) {
    let title = |any: &Value| {
        format!(
            "{} connections of {} people each, one worker",
            number(&any["connections"]),
            any["people_each"]
        )
    };
    let Some(databases) = section(page, "many", databases, title) else {
        return;
    };
    table(
        page,
        &databases,
        &[
            ("first syncs: people per second", &|of| {
                number(&of["first_syncs"]["people_per_second"])
            }),
            ("first syncs: seconds", &|of| {
                number(&of["first_syncs"]["seconds"])
            }),
            ("first syncs: CPU seconds", &|of| {
                number(&of["first_syncs"]["cpu_seconds"])
            }),
            ("idle: seconds between polls", &|of| {
                number(&of["idle"]["poll_seconds"])
            }),
            ("idle: per cent of one processor", &|of| {
                number(&of["idle"]["cpu_percent_of_one_core"])
            }),
            ("idle: written", &|of| written(&of["idle"]["written"])),
            ("memory idle", &|of| megabytes(&of["memory_bytes"]["idle"])),
            ("memory at the peak", &|of| {
                megabytes(&of["memory_bytes"]["peak"])
            }),
            ("load before / after", &load),
        ],
    );
}
