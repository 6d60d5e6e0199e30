//! Measurements in Prometheus' text format. Counts and times only: nothing
//! here names a person.

use std::fmt::Write as _;
use std::sync::OnceLock;

use axum::http::{Method, StatusCode};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use store::connections::{self, ConnectionStatus};
use store::{jobs, review_items};

use crate::AppState;
use crate::error::Result;

static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The upper ends of the buckets for seconds.
const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Starts counting, once for the process.
pub(crate) fn install() {
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let builder =
            builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS);
        let recorder = builder.ok()?.build_recorder();
        let handle = recorder.handle();
        // A recorder of somebody else's keeps its place; then only what is
        // read from the database is shown.
        metrics::set_global_recorder(recorder).ok()?;
        Some(handle)
    });
}

/// Counts an answer.
pub(crate) fn answered(method: &Method, status: StatusCode, seconds: f64) {
    let labels = [
        ("method", method.as_str().to_owned()),
        ("status", status.as_str().to_owned()),
    ];
    metrics::counter!("rollcall_http_requests_total", &labels).increment(1);
    metrics::histogram!("rollcall_http_request_seconds").record(seconds);
}

/// Everything, as text.
pub(crate) async fn render(state: &AppState) -> Result<String> {
    let mut text = String::new();
    if let Some(handle) = HANDLE.get().and_then(Option::as_ref) {
        handle.run_upkeep();
        text = handle.render();
    }
    let db = state.engine.db();
    let all = connections::list(db).await?;
    let statuses = [
        (ConnectionStatus::AwaitingConsent, "awaiting_consent"),
        (ConnectionStatus::Connecting, "connecting"),
        (ConnectionStatus::Connected, "connected"),
        (ConnectionStatus::NeedsReconnect, "needs_reconnect"),
        (ConnectionStatus::Held, "held"),
        (ConnectionStatus::Quarantined, "quarantined"),
        (ConnectionStatus::Paused, "paused"),
    ];
    let mut put = |line: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = text.write_fmt(line);
    };
    put(format_args!("# TYPE rollcall_connections gauge\n"));
    for (status, name) in statuses {
        let count = all.iter().filter(|c| c.health.status == status).count();
        put(format_args!(
            "rollcall_connections{{status=\"{name}\"}} {count}\n"
        ));
    }
    put(format_args!(
        "# TYPE rollcall_connection_age_seconds gauge\n"
    ));
    let now = state.engine.now();
    for connection in &all {
        if let Some(as_of) = state.engine.as_of(connection) {
            let age = now.duration_since(as_of).as_secs().max(0);
            let id = connection.id;
            put(format_args!(
                "rollcall_connection_age_seconds{{connection=\"{id}\"}} {age}\n"
            ));
        }
    }
    let open = review_items::count_open(db, None).await?;
    put(format_args!(
        "# TYPE rollcall_review_items_open gauge\nrollcall_review_items_open {open}\n"
    ));
    put(format_args!("# TYPE rollcall_jobs gauge\n"));
    for (kind, waiting, running) in jobs::counts(db).await? {
        put(format_args!(
            "rollcall_jobs{{kind=\"{kind}\",state=\"waiting\"}} {waiting}\n"
        ));
        put(format_args!(
            "rollcall_jobs{{kind=\"{kind}\",state=\"running\"}} {running}\n"
        ));
    }
    Ok(text)
}
