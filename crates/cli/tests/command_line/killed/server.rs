//! The real server on a database of its own, started again whenever it ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use graph::{ReqwestTransport, Transport as _, TransportOptions};
use http::{Method, Request};
use serde_json::{Value, json};
use store::{Db, Options};

use crate::directory::{APPLICATION, Directory, KEY};

pub(crate) const TOKEN: &str = "rollcall_a-token-for-the-tests-of-crashes-0123456";

/// Where a server keeps its people.
pub(crate) enum Database {
    /// A file in the server's own folder.
    Sqlite,
    /// A schema of its own in the PostgreSQL at this address.
    Postgres(String),
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite
    }

    pub(crate) fn postgres(url: &str) -> Self {
        Self::Postgres(url.to_owned())
    }
}

/// The address of a PostgreSQL to test on, if there is one.
pub(crate) fn postgres_url() -> Option<String> {
    let url = std::env::var("ROLLCALL_TEST_POSTGRES").ok();
    let required = std::env::var("ROLLCALL_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
    assert!(
        url.is_some() || !required,
        "ROLLCALL_REQUIRE_POSTGRES=1, but ROLLCALL_TEST_POSTGRES is not set"
    );
    url
}

/// A schema that goes when the test is over.
pub(crate) struct Schema {
    admin: Db,
    name: String,
}

impl Schema {
    pub(crate) async fn new(url: &str) -> (Self, String) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("killed_{}_{number}", std::process::id());
        let mut options = Options::new(url);
        options.connections = 1;
        let admin = Db::open(&options).await.unwrap();
        let schema = Self { admin, name };
        schema.run("CREATE SCHEMA").await;
        let join = if url.contains('?') { '&' } else { '?' };
        let own = format!("{url}{join}options=-csearch_path%3D{}", schema.name);
        (schema, own)
    }

    async fn run(&self, what: &str) {
        let mut tx = self.admin.begin().await.unwrap();
        let text = format!("{what} {}", self.name);
        tx.execute(text, Vec::new()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn gone(self) {
        let mut tx = self.admin.begin().await.unwrap();
        let text = format!("DROP SCHEMA {} CASCADE", self.name);
        tx.execute(text, Vec::new()).await.unwrap();
        tx.commit().await.unwrap();
        self.admin.close().await;
    }
}

/// A port for a server that ends and comes back to it. Below those that outgoing
/// connections take: one of them could have it in between. Each test's process
/// has two hundred of its own.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = 10_000 + u16::try_from(std::process::id() % 100).unwrap() * 200;
    for _ in 0..200 {
        let port = own + NEXT.fetch_add(1, Ordering::Relaxed) % 200;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port from {own} on is free");
}

/// A free address for a server, and the settings of one there over this folder
/// and this Microsoft.
pub(crate) fn settings(folder: &Path, microsoft: &str) -> (String, Vec<(&'static str, String)>) {
    let port = free_port();
    let base = format!("http://127.0.0.1:{port}");
    let microsoft = microsoft.to_owned();
    let settings = vec![
        (
            "ROLLCALL_DATA_DIR",
            folder.join("data").display().to_string(),
        ),
        ("ROLLCALL_SERVER__LISTEN", format!("127.0.0.1:{port}")),
        ("ROLLCALL_SERVER__PUBLIC_URL", base.clone()),
        ("ROLLCALL_MICROSOFT__CLOUD", "custom".to_owned()),
        ("ROLLCALL_MICROSOFT__LOGIN_URL", microsoft.clone()),
        ("ROLLCALL_MICROSOFT__GRAPH_URL", microsoft),
        ("ROLLCALL_SYNC__POLL_INTERVAL", "200ms".to_owned()),
        ("ROLLCALL_ROOT_USERNAME", "root".to_owned()),
        (
            "ROLLCALL_ROOT_PASSWORD",
            "a long enough passphrase".to_owned(),
        ),
        ("ROLLCALL_API_TOKEN", TOKEN.to_owned()),
    ];
    (base, settings)
}

/// One installation.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
    base: String,
    child: Option<Child>,
    starts: u32,
    /// Where the process ended, as it said itself.
    crash: Option<String>,
    schema: Option<Schema>,
    http: Arc<ReqwestTransport>,
    tenant: &'static str,
    groups: [String; 2],
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Gone already when it crashed last.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Server {
    pub(crate) async fn new(directory: &Directory, database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (base, mut environment) = settings(folder.path(), &directory.base);
        let mut schema = None;
        if let Database::Postgres(url) = database {
            let (own, url) = Schema::new(&url).await;
            environment.push(("ROLLCALL_DATABASE__URL", url));
            schema = Some(own);
        }
        Self {
            folder,
            environment,
            base,
            child: None,
            starts: 0,
            crash: None,
            schema,
            http: Arc::new(ReqwestTransport::new(TransportOptions::default()).unwrap()),
            tenant: directory.tenant(),
            groups: ["Staff", "Portal"].map(|name| directory.id(name).to_owned()),
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join(format!("log-{}", self.starts))
    }

    /// Starts the binary; with `crash`, it ends at that commit.
    pub(crate) async fn start(&mut self, crash: Option<&str>) {
        self.starts += 1;
        let log = File::create(self.log()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command
            .arg("serve")
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(crash) = crash {
            command.env("STORE_CRASH_AT", crash);
        }
        self.child = Some(command.spawn().unwrap());
    }

    /// Starts the server again when it has ended, and remembers where it did.
    async fn keep_up(&mut self) {
        let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() else {
            return;
        };
        let told = std::fs::read_to_string(self.log()).unwrap();
        let crash = told.lines().find(|line| line.starts_with("crash "));
        let crash = crash.unwrap_or_else(|| panic!("ended by itself ({status}): {told}"));
        assert!(self.crash.is_none(), "it ended twice: {crash}");
        self.crash = Some(crash.to_owned());
        self.start(None).await;
    }

    /// One call, until it is answered; with a body only once. A caller that was
    /// cut off looks whether it was done before asking again.
    async fn call(&mut self, method: Method, path: &str, body: Option<&Value>) -> Value {
        for _ in 0..400 {
            let mut request = Request::builder()
                .method(method.clone())
                .uri(format!("{}/api/v1{path}", self.base))
                .header("authorization", format!("Bearer {TOKEN}"));
            if body.is_some() {
                request = request.header("content-type", "application/json");
            }
            let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
            let answer = self.http.send(request.body(bytes).unwrap(), 1 << 24).await;
            let text = match &answer {
                Ok(answer) => String::from_utf8_lossy(&answer.body).into_owned(),
                Err(error) => error.to_string(),
            };
            match answer {
                Ok(answer) if answer.status.is_success() => {
                    return serde_json::from_str(&text).unwrap();
                }
                Ok(answer) if answer.status.is_server_error() => {}
                Ok(answer) => panic!("{method} {path}: {} {text}", answer.status),
                Err(_) => {}
            }
            self.keep_up().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            if body.is_some() {
                return Value::Null;
            }
        }
        panic!("{path} was never answered: {}", self.told());
    }

    fn told(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    async fn items(&mut self, path: &str) -> Vec<Value> {
        let page = self.call(Method::GET, path, None).await;
        assert!(page["next"].is_null(), "{path} has more than one page");
        page["items"].as_array().unwrap().clone()
    }

    /// Connection and rules.
    pub(crate) async fn set_up(&mut self) {
        let connection = json!({
            "tenant": "contoso.com", "application_id": APPLICATION, "application_key": KEY,
            "auth": "application", "provision_employees": true, "provision_contacts": true,
            "auto_approve": true,
        });
        self.make("/connections", &connection, "application_id")
            .await;
        let connection = self.items("/connections").await.remove(0);
        let connect = format!(
            "/connections/{}/connect",
            connection["id"].as_str().unwrap()
        );
        while self.items("/connections").await[0]["status"] == "awaiting_consent" {
            self.call(Method::POST, &connect, Some(&json!({}))).await;
        }
        let account = json!({ "name": "Contoso" });
        let account = self.make("/accounts", &account, "name").await;
        let [staff, portal] = self.groups.clone();
        let rule = |group: &str, kind: &str, role: &str, order: u32| {
            json!({
                "tenant_id": self.tenant, "group_id": group, "kind": kind,
                "security_roles": [role], "order": order,
            })
        };
        let employees = rule(&staff, "employee", "User", 10);
        let mut contacts = rule(&portal, "contact", "External User", 20);
        contacts["account_id"] = account["id"].clone();
        for rule in [employees, contacts] {
            self.make("/mapping-rules", &rule, "group_id").await;
        }
    }

    /// The rule of the employees gives one role more, and they all have it.
    pub(crate) async fn rule_is_edited(&mut self, role: &str) {
        let has_it = |item: &Value| {
            let roles = item["security_roles"].as_array().unwrap();
            roles.iter().any(|one| one == role)
        };
        let is_staff = |item: &Value| item["kind"] == "employee";
        for _ in 0..10 {
            let mut rules = self.items("/mapping-rules").await.into_iter();
            let rule = rules.find(is_staff).unwrap();
            if has_it(&rule) {
                break;
            }
            let path = format!("/mapping-rules/{}", rule["id"].as_str().unwrap());
            let edit = json!({ "security_roles": ["User", role] });
            self.call(Method::PATCH, &path, Some(&edit)).await;
        }
        for _ in 0..300 {
            let employees = self.items("/employees?limit=200").await;
            let synced = employees.iter().filter(|item| !item["source"].is_null());
            if synced.clone().count() > 0 && synced.clone().all(has_it) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{role} is never given, {:?}: {}", self.crash, self.told());
    }

    /// A sync that somebody asks for, done.
    pub(crate) async fn syncs_once_more(&mut self) {
        let connection = self.items("/connections").await.remove(0);
        let path = format!("/connections/{}/sync", connection["id"].as_str().unwrap());
        let asked = |run: &Value| run["trigger"] == "sync";
        for _ in 0..10 {
            if self.items("/sync-runs").await.iter().any(asked) {
                break;
            }
            self.call(Method::POST, &path, Some(&json!({}))).await;
        }
        for _ in 0..300 {
            let runs = self.items("/sync-runs").await;
            if runs.iter().any(|run| asked(run) && run["status"] == "done") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no sync is done, {:?}: {}", self.crash, self.told());
    }

    /// Makes something unless it is there, told by one of its fields.
    async fn make(&mut self, path: &str, body: &Value, by: &str) -> Value {
        for _ in 0..10 {
            let mut items = self.items(path).await.into_iter();
            if let Some(found) = items.find(|item| item[by] == body[by]) {
                return found;
            }
            self.call(Method::POST, path, Some(body)).await;
        }
        panic!("{path} is never made: {}", self.told());
    }

    async fn people(&mut self) -> Vec<(&'static str, Value)> {
        let employees = self.items("/employees?limit=200").await;
        let contacts = self.items("/contacts?limit=200").await;
        let employees = employees.into_iter().map(|item| ("employee", item));
        let contacts = contacts.into_iter().map(|item| ("contact", item));
        employees.chain(contacts).collect()
    }

    /// Waits until everybody is as the directory says.
    pub(crate) async fn settles(&mut self, directory: &Directory, when: &str) {
        let expected = directory.expected().await;
        let mut found = BTreeMap::new();
        for _ in 0..300 {
            found.clear();
            for (kind, item) in self.people().await {
                if item["status"] == "archived" || item["source"].is_null() {
                    continue;
                }
                let text = |key: &str| item[key].as_str().unwrap().to_owned();
                let (status, access) = (text("status"), text("access"));
                let what = format!("{kind} {status} {access} {}", text("last_name"));
                let id = item["source"]["object_id"].as_str().unwrap().to_owned();
                // The two lists are read one after the other: somebody who
                // changes kind between them is in both, for one look.
                let both = found.get(&id).map(|other| format!("{other} and {what}"));
                found.insert(id, both.unwrap_or(what));
            }
            if found == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut runs = self.items("/sync-runs").await;
        runs.extend(self.items("/connections").await);
        runs.extend(self.items("/mapping-rules").await);
        let crash = self.crash.clone();
        assert_eq!(
            found,
            expected,
            "{when}, {crash:?}: {runs:#?} {}",
            self.told()
        );
    }

    /// One record each, made once; the one that changed kind has two.
    pub(crate) async fn nothing_is_doubled(&mut self, directory: &Directory) {
        let people = self.people().await;
        let crash = self.crash.clone();
        let count = |kind: &str| people.iter().filter(|(is, _)| *is == kind).count();
        assert_eq!(count("employee"), 7, "root and six, {crash:?}: {people:#?}");
        assert_eq!(count("contact"), 5, "four and one, {crash:?}: {people:#?}");
        let emails: BTreeSet<String> = people
            .iter()
            .filter_map(|(_, item)| item["email"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(emails.len(), people.len() - 1, "root has none: {people:#?}");
        for (kind, item) in people {
            if item["is_root"] == true {
                continue;
            }
            let path = format!(
                "/{kind}s/{}/timeline?limit=200",
                item["id"].as_str().unwrap()
            );
            let made = self.items(&path).await;
            let made = made
                .iter()
                .filter(|entry| entry["action"] == "create")
                .count();
            assert_eq!(made, 1, "{crash:?}: {item}");
        }
        let known = directory.expected().await.len();
        assert_eq!(known, 10);
    }

    /// Ends the server and its database; where it crashed.
    pub(crate) async fn end(mut self) -> Option<String> {
        self.keep_up().await;
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        if let Some(schema) = self.schema.take() {
            schema.gone().await;
        }
        self.crash.take()
    }
}
