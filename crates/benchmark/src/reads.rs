//! What people look at while everybody is present: lists, searches, details and
//! explanations, by page and by API, asked for at a steady rate over HTTP.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use provisioning::ids::ConnectionId;
use secrecy::SecretString;
use serde_json::{Value, json};
use store::links;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::measure::{clock, spread};
use crate::subject::Subject;

const PASSWORD: &str = "a password for the benchmark";
const TOKEN: &str = "a-token-for-the-benchmark";
/// Requests a second, of all kinds together.
pub(crate) const RATE: u32 = 200;
/// How many people are looked at.
const PEOPLE: u32 = 200;

/// What is asked for, by kind; `{id}` and `{name}` are somebody's.
const API: [(&str, &str); 8] = [
    ("list", "/api/v1/employees?limit=50"),
    (
        "list by username",
        "/api/v1/employees?sort=username&limit=50",
    ),
    (
        "list, filtered",
        "/api/v1/employees?status=inactive&limit=50",
    ),
    ("search", "/api/v1/employees?search={name}&limit=50"),
    ("one record", "/api/v1/employees/{id}"),
    ("why", "/api/v1/employees/{id}/why"),
    ("timeline", "/api/v1/employees/{id}/timeline"),
    ("audit", "/api/v1/audit?limit=50"),
];
const PAGES: [(&str, &str); 8] = [
    ("Home", "/"),
    ("Employees", "/hr/employees"),
    ("Employees, searched", "/hr/employees?search={name}"),
    ("Employees, filtered", "/hr/employees?status=inactive"),
    ("an employee", "/hr/employees/{id}"),
    ("an employee: why", "/hr/employees/{id}?tab=why"),
    ("an employee: timeline", "/hr/employees/{id}?tab=timeline"),
    ("Runs", "/runs"),
];

/// Times every kind of read for so many seconds.
#[allow(clippy::disallowed_methods)] // the benchmark's own client
pub(crate) async fn measure(
    subject: &Subject,
    connection: ConnectionId,
    seconds: u32,
) -> Result<Value> {
    let engine = &subject.engine;
    let secret = |text: &str| Some(SecretString::from(text));
    web::auth::bootstrap(engine, Some("root"), secret(PASSWORD), secret(TOKEN)).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let stop = CancellationToken::new();
    let state = web::AppState::new(engine.clone(), web::WebOptions::default());
    let server = tokio::spawn(web::serve(listener, state, stop.clone()));
    let no_redirects = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().redirect(no_redirects).build()?;
    let cookie = sign_in(&http, &base).await?;
    let asked = addresses(subject, connection).await?;

    let mut asking: JoinSet<Result<(String, f64)>> = JoinSet::new();
    let mut times: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    // Once each beforehand: what is made once is not counted.
    for (_, path) in asked.iter().take(API.len() + PAGES.len()) {
        ask(&http, &base, path, &cookie, clock()).await?;
    }
    let began = clock();
    let every = Duration::from_secs(1) / RATE;
    for (index, (kind, path)) in (0..RATE * seconds).zip(asked.iter().cycle()) {
        // Each has its time, however late the ones before are.
        let due = began + every * index;
        tokio::time::sleep_until(due.into()).await;
        let (http, base, cookie) = (http.clone(), base.clone(), cookie.clone());
        let (kind, path) = (kind.clone(), path.clone());
        asking.spawn(async move {
            let took = ask(&http, &base, &path, &cookie, due).await?;
            Ok((kind, took))
        });
    }
    while let Some(done) = asking.join_next().await {
        let (kind, took) = done??;
        times.entry(kind).or_default().push(took);
    }
    stop.cancel();
    server.await??;
    let all: Vec<f64> = times.values().flatten().copied().collect();
    let kinds = times.into_iter().map(|(kind, of)| (kind, spread(of)));
    Ok(json!({
        "per_second": RATE,
        "all_ms": spread(all),
        "by_kind_ms": kinds.collect::<BTreeMap<_, _>>(),
    }))
}

/// Everything that is asked for, again and again, for other people each time.
async fn addresses(subject: &Subject, connection: ConnectionId) -> Result<Vec<(String, String)>> {
    let db = subject.engine.db();
    let known = links::page(db, connection, None, PEOPLE).await?;
    let ids: Vec<_> = known.iter().map(|row| row.link.record_id).collect();
    let people = store::records::get(db, &ids).await?;
    ensure!(!people.is_empty(), "nobody to look at");
    let mut all = Vec::new();
    for row in people {
        let record = row.record;
        let name = record.username.context("a person without a username")?;
        let filled = |path: &str| {
            let path = path.replace("{id}", &record.id.to_string());
            path.replace("{name}", &name)
        };
        let api = API
            .iter()
            .map(|(kind, path)| (format!("API: {kind}"), filled(path)));
        let pages = PAGES
            .iter()
            .map(|(kind, path)| (format!("page: {kind}"), filled(path)));
        all.extend(api.chain(pages));
    }
    Ok(all)
}

async fn sign_in(http: &reqwest::Client, base: &str) -> Result<String> {
    let form = [("username", "root"), ("password", PASSWORD)];
    let reply = http
        .post(format!("{base}/sign-in"))
        .form(&form)
        .send()
        .await?;
    let cookies = reply.headers().get_all(reqwest::header::SET_COOKIE).iter();
    let mut cookies = cookies.filter_map(|cookie| cookie.to_str().ok());
    let session = cookies.find(|cookie| cookie.contains("rollcall_session"));
    let session = session.context("no session")?.split(';').next();
    Ok(session.unwrap_or_default().to_owned())
}

/// Asks for one thing; the milliseconds since it was due.
async fn ask(
    http: &reqwest::Client,
    base: &str,
    path: &str,
    cookie: &str,
    due: Instant,
) -> Result<f64> {
    let request = http.get(format!("{base}{path}"));
    let request = match path.starts_with("/api/") {
        true => request.bearer_auth(TOKEN),
        false => request.header(reqwest::header::COOKIE, cookie),
    };
    let reply = request.send().await?;
    let status = reply.status();
    let body = reply.bytes().await?;
    ensure!(
        status == 200,
        "{path}: {status} {}",
        String::from_utf8_lossy(&body)
    );
    Ok(due.elapsed().as_secs_f64() * 1000.0)
}
