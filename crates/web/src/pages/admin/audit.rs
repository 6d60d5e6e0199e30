//! The audit log: who did what to whom, filtered by the address, exported, and
//! proved to be as it was written.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use provisioning::ids::RecordId;
use serde::Deserialize;
use serde_json::Value;
use store::journal::{self, Entry, JournalFilter, Origin};

use super::acts;
use crate::AppState;
use crate::api::audit as api;
use crate::auth::{Caller, CurrentUser};
use crate::error::{Problem, Result};
use crate::pages::frame::{Choice, Frame, page, query, word};
use crate::pages::moment::{Timed, when};
use crate::pages::tickets::record_names;

const PAGE: u32 = 100;

struct Row {
    seq: i64,
    at: Timed,
    who: String,
    origin: String,
    action: String,
    reason: String,
    changes: usize,
    /// Whom it is about: the record's id and name.
    whom: Option<(String, String)>,
    run: Option<String>,
    connection: Option<String>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    wanted: Wanted,
    origins: Vec<Choice>,
    acts: Vec<Choice>,
    is_filtered: bool,
    /// Whom the page is about, when it is about one person.
    about: Option<String>,
    rows: Vec<Row>,
    /// Where what is listed is exported.
    csv: String,
    next: Option<String>,
    proof: Option<(bool, String)>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    origin: String,
    actor: String,
    action: String,
    record_id: String,
    from: String,
    to: String,
    after: Option<i64>,
}

impl Wanted {
    fn is_filtered(&self) -> bool {
        let all = [
            &self.origin,
            &self.actor,
            &self.action,
            &self.record_id,
            &self.from,
            &self.to,
        ];
        all.iter().any(|text| !text.trim().is_empty())
    }

    fn filter(&self) -> Result<JournalFilter> {
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let origins = [Origin::Directory, Origin::User, Origin::Api, Origin::Undo];
        let record_id = some(&self.record_id).map(|text| text.parse()).transpose();
        Ok(JournalFilter {
            origin: origins
                .into_iter()
                .find(|origin| word(origin) == self.origin),
            actor: some(&self.actor),
            action: some(&self.action).map(|text| text.replace(' ', "_")),
            record_id: record_id
                .map_err(|_| Problem::invalid("record_id: not the id of a record"))?,
            from: day("from", &self.from, 0)?,
            to: day("to", &self.to, 1)?,
            ..JournalFilter::default()
        })
    }
}

/// The address of what the filter finds, as a sheet.
fn exported(filter: &JournalFilter) -> String {
    let text = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let record_id = filter.record_id.map(|id| id.to_string());
    let asked = query(&[
        ("format", "csv"),
        (
            "origin",
            &filter.origin.as_ref().map(word).unwrap_or_default(),
        ),
        ("actor", filter.actor.as_deref().unwrap_or_default()),
        ("action", filter.action.as_deref().unwrap_or_default()),
        ("record_id", &record_id.unwrap_or_default()),
        ("from", &text(filter.from)),
        ("to", &text(filter.to)),
    ]);
    format!("/api/v1/audit/export{asked}")
}

/// The beginning of a day, or of the one after it.
fn day(name: &str, text: &str, later: i64) -> Result<Option<Timestamp>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Problem::invalid(format!("{name}: `{text}` is not a day like 2026-11-25"));
    let date: Date = text.parse().map_err(|_| wrong())?;
    let date = date
        .checked_add(jiff::Span::new().days(later))
        .map_err(|_| wrong())?;
    let zoned = date.to_zoned(TimeZone::UTC).map_err(|_| wrong())?;
    Ok(Some(zoned.timestamp()))
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Directory => "directory",
        Origin::User => "by hand",
        Origin::Api => "API",
        Origin::Undo => "undo",
    }
}

/// What an act may be asked for by; one that is not known is kept.
fn choices(chosen: &str) -> Vec<Choice> {
    let mut all = vec![("", "any")];
    all.extend(acts::all());
    let mut choices = Choice::list(&all, chosen);
    if choices.iter().all(|one| !one.chosen) {
        choices.push(Choice {
            value: chosen.to_owned(),
            label: acts::in_words(chosen),
            chosen: true,
        });
    }
    choices
}

fn row(entry: &Entry, names: &HashMap<RecordId, String>, now: Timestamp) -> Row {
    let seen = api::view(entry);
    let reason = match &seen["reason"] {
        Value::String(text) => text.clone(),
        Value::Object(object) => {
            let text = object.get("text").and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        }
        _ => String::new(),
    };
    let own = &entry.entry;
    Row {
        seq: entry.seq,
        at: when(own.at, now),
        who: own.actor.clone().unwrap_or_default(),
        origin: origin(own.origin).to_owned(),
        action: acts::in_words(&own.action),
        reason,
        changes: seen["changes"].as_array().map_or(0, Vec::len),
        whom: own.record_id.map(|id| {
            let name = names.get(&id).cloned();
            (
                id.to_string(),
                name.unwrap_or_else(|| "somebody deleted".to_owned()),
            )
        }),
        run: own.run_id.map(|id| id.to_string()),
        connection: own.connection_id.map(|id| id.to_string()),
    }
}

async fn build(state: &AppState, user: &CurrentUser, wanted: Wanted) -> Result<AuditPage> {
    Caller::from(user.clone()).administrates()?;
    let filter = wanted.filter()?;
    let (db, now) = (state.engine.db(), state.engine.now());
    let entries = journal::list(db, &filter, wanted.after, PAGE).await?;
    let concerned = entries.iter().filter_map(|entry| entry.entry.record_id);
    let names = record_names(db, concerned.chain(filter.record_id).collect()).await?;
    let is_full = entries.len() >= PAGE as usize;
    let last = entries.last().map(|entry| entry.seq.to_string());
    let next = last.filter(|_| is_full).map(|after| {
        query(&[
            ("origin", &wanted.origin),
            ("actor", &wanted.actor),
            ("action", &wanted.action),
            ("record_id", &wanted.record_id),
            ("from", &wanted.from),
            ("to", &wanted.to),
            ("after", &after),
        ])
    });
    Ok(AuditPage {
        frame: Frame::new("Audit log", "audit", Some(user)),
        origins: Choice::list(
            &[
                ("", "any"),
                ("directory", "directory"),
                ("user", "by hand"),
                ("api", "API"),
                ("undo", "undo"),
            ],
            &wanted.origin,
        ),
        acts: choices(&wanted.action.trim().replace(' ', "_")),
        is_filtered: wanted.is_filtered(),
        about: filter.record_id.and_then(|id| names.get(&id).cloned()),
        rows: entries
            .iter()
            .map(|entry| row(entry, &names, now))
            .collect(),
        csv: exported(&filter),
        wanted,
        next,
        proof: None,
    })
}

pub(crate) async fn list(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    page(&build(&state, &user, wanted).await?)
}

/// Computes the chain anew and says whether it holds.
pub(crate) async fn verify(State(state): State<AppState>, user: CurrentUser) -> Result<Response> {
    let mut shown = build(&state, &user, Wanted::default()).await?;
    let report = state.engine.verify_journal().await?;
    shown.proof = Some(match report.broken {
        None => (
            true,
            format!(
                "{} entries in {} seals are as they were written; sealed through entry {}.",
                report.verified, report.seals, report.sealed_through
            ),
        ),
        Some(broken) => (
            false,
            format!(
                "Between entry {} and {}: {}. Keep the database as it is and compare it with a backup.",
                broken.after, broken.through, broken.what
            ),
        ),
    });
    page(&shown)
}
