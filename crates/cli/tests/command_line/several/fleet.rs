//! An installation of several processes over one PostgreSQL, and what may be
//! said of it afterwards: nothing lost, nothing doubled.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use graph::{ReqwestTransport, Transport as _, TransportOptions};
use http::{Method, Request};
use serde_json::{Value, json};
use store::{Db, Options, args};
use tokio::net::TcpListener;
use url::Url;

use super::host::Host;
use super::proxy::Proxy;
use super::tenants::{PEOPLE, Tenants};
use crate::directory::{APPLICATION, KEY};
use crate::killed::server::{Schema, TOKEN, settings};

/// What is promised: so long until others have a dead worker's tenants.
pub(crate) const TAKE_OVER: Duration = Duration::from_secs(15);
/// How long anything else may take on a machine that has more to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running program. Ends with the value, however that ends.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Process {
    /// Ends it as `kill -9` does, frozen or not.
    pub(crate) fn kill(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal by name: `STOP`, `CONT`, `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let text = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &text]).status().unwrap();
        assert!(sent.success(), "{text}");
    }

    pub(crate) fn told(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

/// Processes, their database, and the directories they follow.
pub(crate) struct Fleet {
    folder: tempfile::TempDir,
    settings: Vec<(&'static str, String)>,
    base: String,
    http: Arc<ReqwestTransport>,
    started: u32,
    schema: Schema,
    url: String,
    pub(crate) tenants: Tenants,
    /// Looks on.
    pub(crate) db: Db,
    pub(crate) serve: Option<Process>,
}

impl Fleet {
    /// A server that leaves the work to workers, with this many tenants
    /// connected and none synced.
    pub(crate) async fn new(postgres: &str, tenants: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tenants = Tenants::new(tenants).await;
        let (base, mut settings) = settings(folder.path(), &tenants.microsoft.base);
        let (schema, url) = Schema::new(postgres).await;
        settings.push(("ROLLCALL_DATABASE__URL", url.clone()));
        let mut options = Options::new(url.clone());
        options.connections = 2;
        let mut fleet = Self {
            folder,
            settings,
            base,
            http: Arc::new(ReqwestTransport::new(TransportOptions::default()).unwrap()),
            started: 0,
            schema,
            url,
            tenants,
            db: Db::open(&options).await.unwrap(),
            serve: None,
        };
        fleet.serve = Some(fleet.start(&["serve", "--no-worker"], None));
        fleet.connect().await;
        fleet
    }

    fn command(&self, arguments: &[&str], url: Option<&str>) -> Command {
        self.prepared(Command::new(env!("CARGO_BIN_EXE_rollcall")), arguments, url)
    }

    fn prepared(&self, mut command: Command, arguments: &[&str], url: Option<&str>) -> Command {
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.settings.iter().map(|(key, value)| (key, value)))
            .envs(url.map(|url| ("ROLLCALL_DATABASE__URL", url)))
            .stdin(Stdio::null());
        command
    }

    fn start(&mut self, arguments: &[&str], url: Option<&str>) -> Process {
        let command = self.command(arguments, url);
        self.spawn(command)
    }

    fn spawn(&mut self, mut command: Command) -> Process {
        self.started += 1;
        let log = self.folder.path().join(format!("log-{}", self.started));
        command
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap());
        let child = command.spawn().unwrap();
        Process { child, log }
    }

    pub(crate) fn worker(&mut self) -> Process {
        self.start(&["worker"], None)
    }

    /// A worker that reaches the database through a proxy.
    pub(crate) async fn worker_apart(&mut self) -> (Process, Proxy) {
        let mut url = Url::parse(&self.url).unwrap();
        let host = url.host_str().unwrap().to_owned();
        let proxy = Proxy::new(format!("{host}:{}", url.port().unwrap_or(5432))).await;
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(proxy.address.port())).unwrap();
        (self.start(&["worker"], Some(url.as_str())), proxy)
    }

    /// A worker on another host, which reaches the database by its cable, and
    /// Microsoft by another way. The ways, which are to be kept.
    pub(crate) async fn worker_on(&mut self, host: &Host) -> (Process, [Proxy; 2]) {
        let mut url = Url::parse(&self.url).unwrap();
        let database = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind((host.here, 0)).await.unwrap();
        let cable = Proxy::on(listener, database);
        url.set_host(Some(&host.here.to_string())).unwrap();
        url.set_port(Some(cable.address.port())).unwrap();
        // Over this cable nobody listens.
        url.query_pairs_mut().append_pair("sslmode", "disable");

        let microsoft = Url::parse(&self.tenants.microsoft.base).unwrap();
        let port = microsoft.port().unwrap();
        let listener = host.listen(port);
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let around = Proxy::on(listener, format!("127.0.0.1:{port}"));

        let program = host.command(env!("CARGO_BIN_EXE_rollcall"));
        let command = self.prepared(program, &["worker"], Some(url.as_str()));
        (self.spawn(command), [cable, around])
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments, None);
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        run.await.unwrap()
    }

    /// One call: its status and answer; `None` when there is none.
    pub(crate) async fn call(&self, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let method = body.map_or(Method::GET, |_| Method::POST);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json");
        let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let answer = self.http.send(request.body(bytes).unwrap(), 1 << 24).await;
        let answer = answer.ok()?;
        let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        Some((answer.status.as_u16(), body))
    }

    async fn make(&self, path: &str, body: &Value) -> Value {
        let path = format!("/api/v1{path}");
        let (status, made) = self.call(&path, Some(body)).await.unwrap();
        assert!((200..300).contains(&status), "{path}: {status} {made}");
        made
    }

    async fn connect(&self) {
        self.until(PATIENCE, "the server is ready", async || {
            let ready = self.call("/readyz", None).await;
            ready.is_some_and(|(status, _)| status == 200)
        })
        .await;
        for (n, tenant) in self.tenants.all.iter().enumerate() {
            let connection = json!({
                "tenant": tenant.domain, "application_id": APPLICATION, "application_key": KEY,
                "auth": "application", "provision_employees": true, "provision_contacts": true,
                "auto_approve": true,
            });
            let made = self.make("/connections", &connection).await;
            let connect = format!("/connections/{}/connect", made["id"].as_str().unwrap());
            self.make(&connect, &json!({})).await;
            let rule = json!({
                "tenant_id": tenant.id, "group_id": tenant.group, "kind": "employee",
                "security_roles": ["User"], "order": n + 1,
            });
            self.make("/mapping-rules", &rule).await;
        }
    }

    /// Waits until something is so; how long it took.
    pub(crate) async fn until(
        &self,
        limit: Duration,
        what: &str,
        is_so: impl AsyncFn() -> bool,
    ) -> Duration {
        let began = now();
        loop {
            let took = now().duration_since(began).unwrap();
            if is_so().await {
                return took;
            }
            assert!(took < limit, "not within {limit:?}: {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whom each tenant belongs to: the process id of its worker, by tenant.
    pub(crate) async fn holders(&self) -> BTreeMap<usize, u32> {
        let text = "SELECT connections.tenant_id, jobs.worker FROM jobs
            JOIN connections ON connections.id = jobs.connection_id
            WHERE jobs.kind = 'sync' AND jobs.worker IS NOT NULL";
        let rows = self.db.source().rows(text, args![]).await.unwrap();
        let of = |row: &store::sql::Row| {
            let id = row.get::<uuid::Uuid>("tenant_id").unwrap().to_string();
            let number = self.tenants.all.iter().position(|tenant| tenant.id == id);
            let worker: String = row.get("worker").unwrap();
            let process = worker.split(' ').next().unwrap().rsplit('-').next();
            (number.unwrap(), process.unwrap().parse().unwrap())
        };
        rows.iter().map(of).collect()
    }

    /// The tenants a worker has.
    pub(crate) async fn of(&self, worker: &Process) -> Vec<usize> {
        let id = worker.child.id();
        let all = self.holders().await.into_iter();
        all.filter(|(_, holder)| *holder == id)
            .map(|(tenant, _)| tenant)
            .collect()
    }

    /// Waits until each of these workers has its share of all tenants.
    pub(crate) async fn is_spread_over(&self, workers: &[&Process]) {
        let share = self.tenants.all.len() / workers.len();
        self.until(PATIENCE, "the work is spread", async || {
            let mut counts = Vec::new();
            for worker in workers {
                counts.push(self.of(worker).await.len());
            }
            counts.iter().all(|count| *count == share)
        })
        .await;
    }

    /// Titles by email, as the records have them.
    async fn titles(&self) -> BTreeMap<String, String> {
        let text = "SELECT email, job_title FROM records WHERE email IS NOT NULL";
        let rows = self.db.source().rows(text, args![]).await.unwrap();
        rows.iter()
            .map(|row| {
                let title: Option<String> = row.maybe("job_title").unwrap();
                (row.get("email").unwrap(), title.unwrap_or_default())
            })
            .collect()
    }

    /// Waits until everybody is as their directory says; how long it took.
    pub(crate) async fn settles(&self, limit: Duration, what: &str) -> Duration {
        let wanted: BTreeMap<String, String> = self
            .tenants
            .titles()
            .into_iter()
            .map(|(email, (title, _))| (email, title))
            .collect();
        self.until(limit, what, async || self.titles().await == wanted)
            .await
    }

    /// A record and a link for everybody, made once, and an entry in the journal
    /// for each change; doctor finds nothing.
    pub(crate) async fn nothing_is_lost_or_doubled(&self) {
        self.settles(PATIENCE, "everybody is as they should be")
            .await;
        let number = async |text: String| -> i64 {
            let row = self.db.source().row(text, args![]).await.unwrap();
            row.unwrap().get("n").unwrap()
        };
        let people = i64::try_from(self.tenants.all.len() * PEOPLE).unwrap();
        for counted in [
            "COUNT(*) AS n FROM records",
            "COUNT(DISTINCT email_key) AS n FROM records",
            "COUNT(DISTINCT username_key) AS n FROM records",
        ] {
            let text = format!("SELECT {counted} WHERE NOT is_root");
            assert_eq!(number(text).await, people, "{counted}");
        }
        for counted in ["*", "DISTINCT record_id", "DISTINCT object_id"] {
            let text = format!("SELECT COUNT({counted}) AS n FROM links");
            assert_eq!(number(text).await, people, "{counted} of links");
        }
        let text = "SELECT records.email, journal.action FROM journal
            JOIN records ON records.id = journal.record_id WHERE NOT records.is_root";
        let rows = self.db.source().rows(text, args![]).await.unwrap();
        let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in rows {
            let email: String = row.get("email").unwrap();
            let action: String = row.get("action").unwrap();
            entries.entry(email).or_default().push(action);
        }
        for (email, (title, changes)) in self.tenants.titles() {
            let found = &entries[&email];
            let count = |action: &str| found.iter().filter(|is| *is == action).count() as u64;
            assert_eq!(
                (count("create"), count("update"), found.len() as u64),
                (1, changes, 1 + changes),
                "{email}, {title}: {found:?}"
            );
        }
        let doctor = self.run(&["doctor", "--json"]).await;
        let told = crate::text(&doctor.stdout) + &crate::text(&doctor.stderr);
        assert_eq!(doctor.status.code(), Some(0), "{told}");
    }

    /// Ends the server and the database; the workers have ended.
    pub(crate) async fn end(mut self) {
        self.serve = None;
        self.db.close().await;
        self.schema.gone().await;
    }
}

// A test measures how long the programs take by the machine's clock.
#[allow(clippy::disallowed_methods)]
fn now() -> SystemTime {
    SystemTime::now()
}
