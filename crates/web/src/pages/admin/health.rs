//! Health: each connection line by line, the worst first, with what to do.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use engine::{HealthLine, Severity};
use store::overview;

use super::looks;
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::Result;
use crate::pages::frame::{Frame, page, word};
use crate::pages::moment::{Timed, told};
use crate::pages::sought::{Found, Listed, Sought};

/// How many are on a page.
const EACH: usize = 25;

struct Of {
    id: String,
    name: String,
    tenant: String,
    domain: String,
    worst: Severity,
    state: String,
    lines: Vec<Line>,
}

struct Line {
    subject: &'static str,
    state: String,
    detail: Timed,
    cure: Option<String>,
}

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage {
    frame: Frame,
    tenants: Found<Of>,
}

impl Listed for Of {
    fn names(&self) -> [&str; 3] {
        [&self.name, &self.tenant, &self.domain]
    }
}

/// A line's subject for people.
fn subject(line: &HealthLine) -> &'static str {
    match line.subject {
        "consent" => "Consent",
        "secret" => "Application Key",
        "notifications" => "Notifications",
        "change_feed" => "Change feed",
        "freshness" => "Freshness",
        "queue" => "Queue",
        "throttling" => "Throttling",
        other => other,
    }
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(sought): Query<Sought>,
) -> Result<Response> {
    looks(&user)?;
    let (mut all, now) = (Vec::new(), state.engine.now());
    for one in overview::all(state.engine.db()).await? {
        let lines = state.engine.health(&one);
        let connection = one.connection;
        let worst = lines.iter().map(|line| line.severity).max();
        let worst = worst.unwrap_or(Severity::Good);
        all.push(Of {
            id: connection.id.to_string(),
            name: connection.name().to_owned(),
            tenant: connection
                .tenant_id
                .map_or_else(String::new, |id| id.to_string()),
            domain: connection.tenant_domain.unwrap_or_default(),
            worst,
            state: word(&worst),
            lines: lines
                .into_iter()
                .map(|line| Line {
                    subject: subject(&line),
                    state: word(&line.severity),
                    detail: told(&line.detail, now),
                    cure: line.cure,
                })
                .collect(),
        });
    }
    all.sort_by(|a, b| b.worst.cmp(&a.worst).then_with(|| a.name.cmp(&b.name)));
    page(&HealthPage {
        frame: Frame::new("Health", "health", Some(&user)),
        tenants: sought.among(all, EACH),
    })
}
