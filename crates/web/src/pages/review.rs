//! The review queue: questions only a person can answer.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use provisioning::case::Answer;
use provisioning::ids::ReviewId;
use serde::Deserialize;
use store::records;
use store::review_items::{self, ReviewFilter, ReviewStatus};
use store::rights::{Module, Right};

use super::frame::{Fields, Frame, ago, go, needs, page};
use super::people::full_name;
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;

const PAGE: u32 = 50;

struct Candidate {
    id: String,
    name: String,
    kind: &'static str,
    email: String,
    username: String,
    status: &'static str,
}

struct Item {
    id: String,
    name: String,
    email: String,
    object_id: String,
    kind: &'static str,
    why: &'static str,
    opened: String,
    candidates: Vec<Candidate>,
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    frame: Frame,
    items: Vec<Item>,
    next: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct After {
    after: Option<ReviewId>,
}

pub(crate) async fn list(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(query): Query<After>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::View)?;
    let (db, now) = (state.engine.db(), state.engine.now());
    let filter = ReviewFilter {
        status: Some(ReviewStatus::Open),
        ..ReviewFilter::default()
    };
    let rows = review_items::list(db, &filter, query.after, PAGE).await?;
    let is_full = rows.len() == PAGE as usize;
    let next = rows
        .last()
        .filter(|_| is_full)
        .map(|row| row.review.id.to_string());
    let ids: Vec<_> = rows
        .iter()
        .flat_map(|row| row.review.candidates.clone())
        .collect();
    let known = records::get(db, &ids).await?;
    let items = rows.into_iter().map(|row| {
        let review = row.review;
        let fitting = known
            .iter()
            .filter(|row| review.candidates.contains(&row.record.id));
        let candidates = fitting.map(|row| Candidate {
            id: row.record.id.to_string(),
            name: full_name(&row.record),
            kind: row.record.kind.name(),
            email: row.record.email.clone().unwrap_or_default(),
            username: row.record.username.clone().unwrap_or_default(),
            status: row.record.status.name(),
        });
        let text = |name: &str| review.person.get(name).and_then(|value| value.as_str());
        Item {
            id: review.id.to_string(),
            name: text("name").unwrap_or("A directory person").to_owned(),
            email: text("email").unwrap_or_default().to_owned(),
            object_id: review.object_id.to_string(),
            kind: review.kind.name(),
            why: review.reason.describe(),
            opened: ago(Some(row.created_at), now),
            candidates: candidates.collect(),
        }
    });
    page(&ReviewPage {
        frame: Frame::new("Review queue", "review", Some(&user)),
        items: items.collect(),
        next,
    })
}

pub(crate) async fn resolve(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<ReviewId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let answer = match fields.text("answer").as_deref() {
        Some("create") => Answer::Create,
        Some("ignore") => Answer::Ignore,
        Some("link") => {
            let record = fields.parse("record_id", "the id of a record")?;
            let none =
                || Problem::invalid("no record is chosen").cure("Choose the record to link.");
            Answer::Link(record.ok_or_else(none)?)
        }
        _ => return Err(Problem::invalid("answer: none of link, create, ignore")),
    };
    match state
        .engine
        .resolve_review(id, answer, &user.actor())
        .await?
    {
        Some(run) => Ok(go(format!("/runs/{run}"))),
        None => Ok(go("/review")),
    }
}
