//! The review queue: questions only a person can answer, and those that were
//! answered.

mod item;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provisioning::case::Answer;
use provisioning::ids::ReviewId;
use serde::Deserialize;
use store::review_items::{self, ReviewFilter, ReviewStatus};
use store::rights::{Module, Right};

use self::item::{Item, items, name};
use super::frame::{Choice, Fields, Frame, go, needs, page, query, sentence};
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;

const PAGE: u32 = 50;

/// What is wrong with an answer, and which item it was for.
struct Failure {
    item: String,
    why: String,
    cure: Option<String>,
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    frame: Frame,
    notice: Option<String>,
    failure: Option<Failure>,
    /// Whether the failure's item is on the page.
    is_failure_here: bool,
    statuses: Vec<Choice>,
    is_open: bool,
    may_answer: bool,
    items: Vec<Item>,
    after: String,
    next: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    status: String,
    after: String,
    /// The item that was just answered.
    answered: String,
}

pub(crate) async fn list(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::View)?;
    page(&build(&state, &user, wanted, None).await?)
}

async fn build(
    state: &AppState,
    user: &CurrentUser,
    wanted: Wanted,
    failure: Option<Failure>,
) -> Result<ReviewPage> {
    let db = state.engine.db();
    let is_open = wanted.status != "answered";
    let filter = ReviewFilter {
        status: Some(match is_open {
            true => ReviewStatus::Open,
            false => ReviewStatus::Resolved,
        }),
        ..ReviewFilter::default()
    };
    let after: Option<ReviewId> = wanted.after.parse().ok();
    let rows = review_items::list(db, &filter, after, PAGE).await?;
    let is_full = rows.len() == PAGE as usize;
    let status = if is_open { "open" } else { "answered" };
    let next = rows.last().filter(|_| is_full).map(|row| {
        let after = row.review.id.to_string();
        query(&[("status", status), ("after", &after)])
    });
    let items = items(state, rows).await?;
    Ok(ReviewPage {
        frame: Frame::new("Review queue", "review", Some(user)),
        notice: notice(state, &wanted.answered).await?,
        is_failure_here: failure
            .as_ref()
            .is_some_and(|failure| items.iter().any(|item| item.id == failure.item)),
        failure,
        statuses: Choice::list(&[("open", "Open"), ("answered", "Answered")], status),
        is_open,
        may_answer: needs(user, Module::Admin, Right::Edit).is_ok(),
        items,
        after: wanted.after,
        next,
    })
}

/// What is said of the item that was just answered.
async fn notice(state: &AppState, answered: &str) -> Result<Option<String>> {
    let Ok(id) = answered.parse::<ReviewId>() else {
        return Ok(None);
    };
    let row = review_items::get(state.engine.db(), id).await?;
    Ok(row.and_then(|row| {
        let name = name(&row.review);
        Some(match row.answer? {
            Answer::Ignore => format!("{name} is ignored: no record, no access."),
            Answer::Create => format!("{name} gets a record of their own."),
            Answer::Link(_) => format!("{name} is linked."),
        })
    }))
}

pub(crate) async fn resolve(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<ReviewId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let problem = match resolved(&state, &user, id, &fields).await {
        Ok(response) => return Ok(response),
        Err(problem) => problem,
    };
    if !problem.is_mendable() {
        return Err(problem);
    }
    let failure = Failure {
        item: id.to_string(),
        why: sentence(problem.detail()),
        cure: match problem.status() {
            StatusCode::PRECONDITION_FAILED => Some("See what was said under Answered.".to_owned()),
            _ => problem.cure_text().map(str::to_owned),
        },
    };
    let wanted = Wanted {
        after: fields.text("after").unwrap_or_default(),
        ..Wanted::default()
    };
    let shown = build(&state, &user, wanted, Some(failure)).await?;
    Ok((problem.status(), page(&shown)?).into_response())
}

async fn resolved(
    state: &AppState,
    user: &CurrentUser,
    id: ReviewId,
    fields: &Fields,
) -> Result<Response> {
    let preview = fields.text("preview");
    let chosen = fields.text("answer").or_else(|| preview.clone());
    let answer = match chosen.as_deref() {
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
    if preview.is_some() {
        let plan = state.engine.preview_answer(id, answer).await?;
        return Ok(go(format!("/plans/{plan}")));
    }
    let actor = user.actor();
    let run = state.engine.resolve_review(id, answer, &actor).await?;
    Ok(match run {
        Some(run) => go(format!("/runs/{run}")),
        None => go(format!("/review?answered={id}")),
    })
}
