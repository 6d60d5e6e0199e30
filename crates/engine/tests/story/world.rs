//! An MSP and its tenant in the emulator, an engine over an empty database, and
//! ways to change both.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use engine::{
    Actor, CallbackOutcome, CallbackQuery, Engine, EngineOptions, Mode, NewConnection,
    Notifications, RuleChange, RuleDraft, SyncRequest,
};
use graph::{Answer, Cloud, Environment, RouterTransport, SystemClock, Transport};
use graph_emulator::{Emulator, Options};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION};
use http::{Method, Request};
use provisioning::address::Address;
use provisioning::ids::{AccountId, ConnectionId, GroupId, RecordId, RunId};
use provisioning::limits::Limits;
use provisioning::mapping_rule::{Members, RolesMode};
use provisioning::policy::{EmailSource, OnDisabled};
use provisioning::psa::{Kind, Record};
use secrecy::SecretBox;
use serde_json::{Value, json};
use store::connections::Auth;
use store::journal::Origin;
use store::records::RecordWrite;
use store::runs::{RunRow, RunStatus};
use store::{accounts, records};
use tokio::sync::oneshot;
use url::Url;
use uuid::Uuid;

const HOST: &str = "http://localhost:9000";
const PUBLIC: &str = "http://localhost:9443";
pub(crate) const ADMIN: &str = "admin@contoso.com";
pub(crate) const SECRET: &str = "the-application-key";
pub(crate) const APPLICATION: Uuid = Uuid::from_u128(0xa99);
const WRITER: Uuid = Uuid::from_u128(0x77);

/// Everything.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) tenant: Uuid,
    transport: Arc<Gate>,
    writer: String,
}

pub(crate) fn actor() -> Actor {
    Actor {
        origin: Origin::User,
        name: "tester".to_owned(),
    }
}

/// The emulator's door: an answer can be kept back on its way.
pub(crate) struct Gate {
    inner: RouterTransport<axum::Router>,
    held: Mutex<Option<Held>>,
}

struct Held {
    path: String,
    after: usize,
    arrived: oneshot::Sender<()>,
    go: oneshot::Receiver<()>,
}

impl Transport for Gate {
    fn send(
        &self,
        request: Request<Bytes>,
        limit_bytes: usize,
    ) -> graph::transport::TransportFuture<'_> {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            let answer = self.inner.send(request, limit_bytes).await;
            let held = {
                let mut held = self.held.lock().unwrap();
                match held.as_mut() {
                    Some(wanted) if path.contains(&wanted.path) && wanted.after == 0 => held.take(),
                    Some(wanted) if path.contains(&wanted.path) => {
                        wanted.after -= 1;
                        None
                    }
                    _ => None,
                }
            };
            if let Some(held) = held {
                let _ = held.arrived.send(());
                let _ = held.go.await;
            }
            answer
        })
    }
}

/// Seeded, and never waits between tries: a wait is a fraction of a ceiling,
/// and fractions are what four bytes are asked for.
struct Impatient(graph::SeededEntropy);

impl graph::Entropy for Impatient {
    fn fill(&self, out: &mut [u8]) {
        match out.len() {
            4 => out.fill(0),
            _ => self.0.fill(out),
        }
    }
}

/// An engine over the story's database: a process of its own, as it were.
async fn engine_over(transport: &Arc<Gate>, worker: &str) -> Engine {
    let environment = Environment {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(Impatient(graph::SeededEntropy::new(
            7 + worker.len() as u64,
        ))),
        transport: transport.clone(),
    };
    let sealer = store::sealer::Sealer::new(SecretBox::new(Box::new([7; 32])));
    let options = EngineOptions {
        public_url: Url::parse(PUBLIC).unwrap(),
        cloud: Cloud::custom(HOST, HOST).unwrap(),
        poll_interval: Duration::from_millis(50),
        reconcile_interval: Duration::from_secs(3600),
        notifications: Notifications::Off,
        auto_approve_first: false,
        limits: Limits::default(),
        worker: worker.to_owned(),
    };
    Engine::new(crate::database::open().await, sealer, environment, options)
}

impl World {
    /// Another tenant, whose people another connection brings: of a customer,
    /// so that it may provision contacts only. Not connected yet.
    pub(crate) async fn customer(&self, name: &str) -> Self {
        let tenant = json!({
            "domain": format!("{name}.onmicrosoft.com"), "display_name": name,
            "verified_domains": [format!("{name}.com")],
        });
        let made = self.control(Method::POST, "tenants", tenant).await;
        let mut other = Self {
            engine: self.engine.clone(),
            tenant: made["tenant_id"].as_str().unwrap().parse().unwrap(),
            transport: self.transport.clone(),
            writer: String::new(),
        };
        let number = u128::try_from(name.len()).unwrap() << 64;
        let reader = Uuid::from_u128(number + 1);
        let writer = Uuid::from_u128(number + 2);
        let reads = ["Directory.Read.All", "Group.Read.All", "User.Read.All"];
        let writes = [
            "User.ReadWrite.All",
            "Group.ReadWrite.All",
            "Directory.ReadWrite.All",
        ];
        for (app, rights) in [(reader, reads), (writer, writes)] {
            let app = json!({
                "app_id": app, "secret": SECRET, "redirect_uris": [],
                "tenants": [other.tenant], "delegated": [], "application": rights,
            });
            self.control(Method::POST, "apps", app).await;
        }
        other.writer = other.token_of(writer).await;
        other
    }

    async fn token_of(&self, app: Uuid) -> String {
        let form = format!(
            "client_id={app}&client_secret={SECRET}&grant_type=client_credentials&scope={HOST}/.default"
        );
        let request = Request::post(format!("{HOST}/{}/oauth2/v2.0/token", self.tenant))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .unwrap();
        let answer: Value = serde_json::from_slice(&self.send(request).await.body).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// Connects a customer's tenant, by its application alone.
    pub(crate) async fn connect_customer(&self, name: &str, email: EmailSource) -> ConnectionId {
        let new = self.customers_connection(name, email);
        self.engine.add_connection(new, &actor()).await.unwrap().id
    }

    /// How a customer's tenant is connected by its application alone.
    pub(crate) fn customers_connection(&self, name: &str, email: EmailSource) -> NewConnection {
        let number = u128::try_from(name.len()).unwrap() << 64;
        NewConnection {
            tenant: format!("{name}.com"),
            application_id: Uuid::from_u128(number + 1),
            application_key: Some(SECRET.into()),
            certificate: None,
            auth: Auth::Application,
            provision_employees: None,
            provision_contacts: None,
            email_source: email,
            on_disabled: OnDisabled::Deactivate,
            auto_approve: false,
            secret_expires_at: None,
            limits: None,
        }
    }

    /// Another process over the same database.
    pub(crate) async fn beside(&self, worker: &str) -> Engine {
        engine_over(&self.transport, worker).await
    }

    /// Keeps back the answer to the next request whose path contains this,
    /// after so many others: when it has arrived, and what lets it go.
    pub(crate) fn keep_back(
        &self,
        path: &str,
        after: usize,
    ) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let (arrived, has_arrived) = oneshot::channel();
        let (let_go, go) = oneshot::channel();
        let path = path.to_owned();
        *self.transport.held.lock().unwrap() = Some(Held {
            path,
            after,
            arrived,
            go,
        });
        (has_arrived, let_go)
    }

    /// Every worker's lease is over, as if all had been silent for long.
    pub(crate) async fn end_leases(&self) {
        let mut tx = self.engine.db().begin().await.unwrap();
        let past = jiff::Timestamp::UNIX_EPOCH;
        let text = "UPDATE workers SET lease_until = $1";
        tx.execute(text, store::args![past]).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn new() -> Self {
        let emulator = Emulator::new(Options {
            seed: 1,
            start: graph::Clock::now(&SystemClock),
        });
        let transport = Arc::new(Gate {
            inner: RouterTransport::new(emulator.router()),
            held: Mutex::default(),
        });
        let engine = engine_over(&transport, "test").await;
        let mut world = Self {
            engine,
            tenant: Uuid::nil(),
            transport,
            writer: String::new(),
        };
        world.found().await;
        world
    }

    /// People who are employees by one rule and its group, synced.
    pub(crate) async fn staffed(names: &[&str]) -> (Self, ConnectionId, Uuid, Vec<Uuid>) {
        let (world, connection, staff, people, _) = Self::staffed_by(names).await;
        (world, connection, staff, people)
    }

    /// The same, with the run that synced them.
    pub(crate) async fn staffed_by(
        names: &[&str],
    ) -> (Self, ConnectionId, Uuid, Vec<Uuid>, RunRow) {
        let world = Self::new().await;
        let staff = world.add_group("staff").await;
        let mut people = Vec::new();
        for name in names {
            let person = world.add_person(name).await;
            world.add_member(staff, person).await;
            people.push(person);
        }
        let connection = world.connect().await;
        world.rule(world.employees(staff, 1)).await;
        let run = world.sync_and_approve(connection).await;
        assert_eq!(run.status, RunStatus::Done, "{:?}", run.error);
        (world, connection, staff, people, run)
    }

    async fn found(&mut self) {
        let tenant = json!({
            "domain": "contoso.onmicrosoft.com", "display_name": "Contoso",
            "verified_domains": ["contoso.com"],
        });
        let made = self.control(Method::POST, "tenants", tenant).await;
        let id = made.get("tenant_id").or_else(|| made.get("id"));
        self.tenant = id.and_then(Value::as_str).unwrap().parse().unwrap();
        let app = json!({
            "app_id": APPLICATION, "secret": SECRET,
            "redirect_uris": [format!("{PUBLIC}/OAuth/IntegrationCallback.aspx")],
            "tenants": [self.tenant],
            "delegated": ["Directory.Read.All", "Group.Read.All", "User.Read", "User.Read.All"],
            "application": ["Directory.Read.All", "Group.Read.All", "User.Read.All"],
        });
        self.control(Method::POST, "apps", app).await;
        let writer = json!({
            "app_id": WRITER, "secret": SECRET, "redirect_uris": [], "tenants": [self.tenant],
            "delegated": [], "application": [
                "User.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All",
                "AppRoleAssignment.ReadWrite.All",
            ],
        });
        self.control(Method::POST, "apps", writer).await;
        let account = json!({
            "tenant_id": self.tenant, "user_principal_name": ADMIN, "auto_consent": true,
        });
        self.control(Method::POST, "accounts", account).await;
        self.writer = self.token_of(WRITER).await;
    }

    /// Adds the connection and goes through the real code flow.
    pub(crate) async fn connect(&self) -> ConnectionId {
        let connection = self
            .engine
            .add_connection(
                NewConnection {
                    tenant: "contoso.com".to_owned(),
                    application_id: APPLICATION,
                    application_key: Some(SECRET.into()),
                    certificate: None,
                    auth: Auth::Delegated,
                    provision_employees: None,
                    provision_contacts: None,
                    email_source: EmailSource::Upn,
                    on_disabled: OnDisabled::Deactivate,
                    auto_approve: false,
                    secret_expires_at: None,
                    limits: None,
                },
                &actor(),
            )
            .await
            .unwrap();
        let url = self
            .engine
            .connect(connection.id, "this browser")
            .await
            .unwrap();
        let back = self.follow(url).await;
        let query: CallbackQuery = callback(&back);
        let outcome = self
            .engine
            .callback(query, Some("this browser"))
            .await
            .unwrap();
        assert_eq!(outcome, CallbackOutcome::Connected(connection.id));
        connection.id
    }

    pub(crate) async fn follow(&self, mut url: Url) -> Url {
        let mut cookies: Vec<String> = Vec::new();
        for _ in 0..5 {
            let request = Request::get(url.as_str())
                .header(COOKIE, cookies.join("; "))
                .body(Bytes::new())
                .unwrap();
            let answer = self.send(request).await;
            for cookie in answer.headers.get_all(http::header::SET_COOKIE) {
                let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
                cookies.push(cookie.to_owned());
            }
            let to = answer.headers.get(LOCATION).expect("a redirect");
            url = url.join(to.to_str().unwrap()).unwrap();
            if url.as_str().starts_with(PUBLIC) {
                return url;
            }
        }
        panic!("the sign-in never came back");
    }

    /// A rule that makes employees of a group.
    pub(crate) fn employees(&self, group: Uuid, order: i64) -> RuleDraft {
        RuleDraft {
            name: None,
            order,
            connection_id: None,
            tenant_id: Some(provisioning::ids::TenantId(self.tenant)),
            scope: engine::RuleScope::Group(GroupId(group)),
            kind: Kind::Employee,
            account_id: None,
            security_roles: vec!["User".to_owned()],
            roles_mode: RolesMode::Replace,
            include_nested: false,
            members: Members::All,
            exclude: Vec::new(),
            licensed_only: false,
            enabled: true,
        }
    }

    /// A rule that makes contacts of a group.
    pub(crate) fn contacts(&self, group: Uuid, order: i64, account: AccountId) -> RuleDraft {
        RuleDraft {
            kind: Kind::Contact,
            account_id: Some(account),
            security_roles: vec!["External User".to_owned()],
            ..self.employees(group, order)
        }
    }

    pub(crate) async fn rule(&self, draft: RuleDraft) -> RuleChange {
        let change = self
            .engine
            .create_rule(draft, false, &actor())
            .await
            .unwrap();
        if let Some(run) = change.change.run_id {
            self.engine.run_to_end(run).await.unwrap();
        }
        change
    }

    pub(crate) async fn account(&self, name: &str) -> AccountId {
        let now = self.engine.now();
        let account = accounts::Account {
            id: AccountId(self.engine.new_id()),
            name: name.to_owned(),
            is_active: true,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.engine.db().begin().await.unwrap();
        accounts::insert(&mut tx, &account).await.unwrap();
        tx.commit().await.unwrap();
        account.id
    }

    /// A record made by hand.
    pub(crate) async fn record(&self, record: Record) -> RecordId {
        let id = record.id;
        let write = RecordWrite {
            record,
            expected_version: 0,
        };
        let mut tx = self.engine.db().begin().await.unwrap();
        records::write(&mut tx, &[write], self.engine.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// A record changed by hand.
    pub(crate) async fn edit(&self, record: Record) {
        let write = RecordWrite {
            expected_version: record.version,
            record,
        };
        let mut tx = self.engine.db().begin().await.unwrap();
        let stale = records::write(&mut tx, &[write], self.engine.now()).await;
        assert!(stale.unwrap().is_empty());
        tx.commit().await.unwrap();
    }

    pub(crate) async fn sync(&self, id: ConnectionId, mode: Mode) -> RunRow {
        let request = SyncRequest {
            mode,
            ..SyncRequest::default()
        };
        let run = self.engine.sync(id, request, &actor()).await.unwrap();
        self.engine.run_to_end(run).await.unwrap()
    }

    /// Syncs, and approves what is held.
    pub(crate) async fn sync_and_approve(&self, id: ConnectionId) -> RunRow {
        let run = self.sync(id, Mode::Full).await;
        if run.status == RunStatus::Held {
            return self.approve(run.id).await;
        }
        run
    }

    pub(crate) async fn approve(&self, run: RunId) -> RunRow {
        let run = store::runs::get(self.engine.db(), run)
            .await
            .unwrap()
            .unwrap();
        let plan = store::plans::get(self.engine.db(), run.plan_id.unwrap()).await;
        let plan = plan.unwrap().unwrap();
        let hash = plan.hash.unwrap();
        let run = self.engine.approve(plan.id, &hash, &actor()).await.unwrap();
        // The job is due, but a held run rests until the worker takes it.
        while !matches!(
            store::runs::get(self.engine.db(), run)
                .await
                .unwrap()
                .unwrap()
                .status,
            RunStatus::Done | RunStatus::Failed
        ) {
            if !self.engine.work_once().await.unwrap() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        store::runs::get(self.engine.db(), run)
            .await
            .unwrap()
            .unwrap()
    }

    /// The only record with this email that is not archived.
    pub(crate) async fn by_email(&self, email: &str) -> Option<Record> {
        let key = Address::parse(email).unwrap().key().to_owned();
        let rows = records::by_email_keys(self.engine.db(), &[key])
            .await
            .unwrap();
        assert!(rows.len() <= 1, "{email} has {} records", rows.len());
        rows.into_iter().next().map(|row| row.record)
    }

    pub(crate) async fn by_id(&self, id: RecordId) -> Record {
        let rows = records::get(self.engine.db(), &[id]).await.unwrap();
        rows.into_iter().next().unwrap().record
    }

    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(format!("{HOST}/emulator/v1/{path}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = self.send(request).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            answer.status.is_success(),
            "{path}: {} {text}",
            answer.status
        );
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    pub(crate) async fn write(&self, method: Method, path: &str, body: Value) -> Value {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{HOST}/v1.0/{path}"))
            .header(AUTHORIZATION, format!("Bearer {}", self.writer));
        let mut bytes = Bytes::new();
        if !body.is_null() {
            request = request.header(CONTENT_TYPE, "application/json");
            bytes = body.to_string().into();
        }
        let answer = self.send(request.body(bytes).unwrap()).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            answer.status.is_success(),
            "{path}: {} {text}",
            answer.status
        );
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    pub(crate) async fn add_person(&self, name: &str) -> Uuid {
        let person = json!({
            "accountEnabled": true, "displayName": name, "givenName": name, "surname": "Tester",
            "mailNickname": name, "userPrincipalName": format!("{name}@contoso.com"),
            "jobTitle": "Engineer", "businessPhones": ["+1 555 0100"],
            "passwordProfile": {"password": "not-used-7A", "forceChangePasswordNextSignIn": false},
        });
        id(&self.write(Method::POST, "users", person).await)
    }

    pub(crate) async fn add_group(&self, name: &str) -> Uuid {
        let group = json!({
            "displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true,
        });
        id(&self.write(Method::POST, "groups", group).await)
    }

    pub(crate) async fn add_member(&self, group: Uuid, member: Uuid) {
        let reference = json!({"@odata.id": format!("{HOST}/v1.0/directoryObjects/{member}")});
        self.write(
            Method::POST,
            &format!("groups/{group}/members/$ref"),
            reference,
        )
        .await;
    }

    pub(crate) async fn remove_member(&self, group: Uuid, member: Uuid) {
        let path = format!("groups/{group}/members/{member}/$ref");
        self.write(Method::DELETE, &path, Value::Null).await;
    }

    async fn send(&self, request: Request<Bytes>) -> Answer {
        self.transport.send(request, 1 << 26).await.unwrap()
    }
}

fn id(object: &Value) -> Uuid {
    object["id"].as_str().unwrap().parse().unwrap()
}

fn callback(url: &Url) -> CallbackQuery {
    let pairs: serde_json::Map<String, Value> = url
        .query_pairs()
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect();
    serde_json::from_value(Value::Object(pairs)).unwrap()
}
