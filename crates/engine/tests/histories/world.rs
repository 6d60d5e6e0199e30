//! The emulator, the database and the engine of one history, on one clock.
//!
//! The engine's clock is the emulator's, with a skew; both stand still but for
//! the milliseconds the machine needs, and move when the history says so.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use engine::{
    Actor, CallbackOutcome, CallbackQuery, Engine, EngineOptions, NewConnection, Notifications,
};
use graph::transport::TransportFuture;
use graph::{
    Answer, Clock, Cloud, Entropy, Environment, RouterTransport, SeededEntropy, Transport,
};
use graph_emulator::{Emulator, Options, SendFuture, Sender};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION};
use http::{Method, Request, Response};
use jiff::{SignedDuration, Timestamp};
use provisioning::ids::{AccountId, ConnectionId};
use provisioning::limits::{Limit, Limits};
use provisioning::policy::{EmailSource, OnDisabled};
use secrecy::SecretBox;
use serde_json::{Value, json};
use store::connections::Auth;
use store::journal::Origin;
use store::{Db, accounts};
use url::Url;
use uuid::Uuid;

use crate::chance::Chance;

pub(crate) const HOST: &str = "http://localhost:9000";
const PUBLIC: &str = "http://localhost:9443";
const SECRET: &str = "the-application-key";
const APPLICATION: Uuid = Uuid::from_u128(0xa99);
const WRITER: Uuid = Uuid::from_u128(0x77);
pub(crate) const ADMIN: &str = "admin@contoso.com";
/// The tenant's own domains; the first is the default one.
pub(crate) const DOMAINS: [&str; 2] = ["contoso.com", "contoso.org"];

/// What differs between worlds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    pub(crate) auth: Auth,
    pub(crate) on_disabled: OnDisabled,
    pub(crate) notifications: bool,
    pub(crate) tight_limits: bool,
    pub(crate) may_employ: bool,
}

impl Shape {
    pub(crate) fn of(seed: u64, chance: &mut Chance) -> Self {
        Self {
            seed,
            auth: if chance.one_in(4) {
                Auth::Delegated
            } else {
                Auth::Application
            },
            on_disabled: if chance.one_in(4) {
                OnDisabled::Ignore
            } else {
                OnDisabled::Deactivate
            },
            notifications: chance.one_in(2),
            tight_limits: chance.one_in(4),
            may_employ: !chance.one_in(6),
        }
    }
}

/// Everything.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) emulator: Emulator,
    pub(crate) db: Db,
    pub(crate) shape: Shape,
    pub(crate) tenant: Uuid,
    pub(crate) connection: ConnectionId,
    /// Two companies for contacts.
    pub(crate) accounts: Vec<AccountId>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) post: Arc<Post>,
    skew: Arc<AtomicI64>,
    lives: u64,
    writer: String,
}

pub(crate) fn actor() -> Actor {
    Actor {
        origin: Origin::User,
        name: "tester".to_owned(),
    }
}

/// The emulator's time, and how wrong the engine's clock is.
struct Watch {
    emulator: Emulator,
    skew: Arc<AtomicI64>,
}

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        let skew = SignedDuration::from_secs(self.skew.load(Ordering::Relaxed));
        self.emulator.now().checked_add(skew).unwrap()
    }
}

/// Seeded, and never waits between tries: a wait is a fraction of a ceiling,
/// and the fraction is the only thing that asks for four bytes.
struct Impatient(SeededEntropy);

impl Entropy for Impatient {
    fn fill(&self, out: &mut [u8]) {
        if out.len() == 4 {
            out.fill(0);
        } else {
            self.0.fill(out);
        }
    }
}

/// The network: counts, and tells lies where a planted bug wants them.
pub(crate) struct Wire {
    inner: Arc<dyn Transport>,
    sent: AtomicU64,
    /// Requests are sent this often more than asked.
    pub(crate) echo: AtomicU64,
    /// A removal that the directory never told, added to the next page of
    /// the people's change feed.
    pub(crate) forged_removal: Mutex<Option<Uuid>>,
}

impl Wire {
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Transport for Wire {
    fn send(&self, request: Request<Bytes>, limit_bytes: usize) -> TransportFuture<'_> {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            for _ in 0..self.echo.load(Ordering::Relaxed) {
                self.sent.fetch_add(1, Ordering::Relaxed);
                self.inner.send(request.clone(), limit_bytes).await?;
            }
            self.sent.fetch_add(1, Ordering::Relaxed);
            let mut answer = self.inner.send(request, limit_bytes).await?;
            if path.contains("/users/") && path.contains("delta") && answer.status.is_success() {
                self.forge(&mut answer);
            }
            Ok(answer)
        })
    }
}

impl Wire {
    fn forge(&self, answer: &mut Answer) {
        let Some(id) = self.forged_removal.lock().unwrap().take() else {
            return;
        };
        let mut body: Value = serde_json::from_slice(&answer.body).unwrap();
        let list = body["value"].as_array_mut().unwrap();
        list.push(json!({ "id": id, "@removed": { "reason": "changed" } }));
        answer.body = body.to_string().into();
    }
}

/// The notification endpoint: answers validations, keeps what is posted.
#[derive(Default)]
pub(crate) struct Post(Mutex<Vec<Bytes>>);

impl Post {
    pub(crate) fn take(&self) -> Vec<Bytes> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Postman(Arc<Post>);

impl Sender for Postman {
    fn send(&self, request: Request<Bytes>) -> SendFuture {
        let url: Url = request.uri().to_string().parse().unwrap();
        let token = url
            .query_pairs()
            .find(|(name, _)| name == "validationToken");
        let answer = match token {
            Some((_, token)) => Response::builder()
                .header(CONTENT_TYPE, "text/plain")
                .body(Bytes::from(token.into_owned())),
            None => {
                self.0.0.lock().unwrap().push(request.into_body());
                Response::builder().status(202).body(Bytes::new())
            }
        };
        Box::pin(async move { Ok(answer.unwrap()) })
    }
}

impl World {
    /// An MSP's tenant, connected, over an empty database: this one, or the one
    /// that was made for the test.
    pub(crate) async fn new(shape: Shape, database: Option<&str>) -> Self {
        let emulator = Emulator::new(Options {
            seed: shape.seed,
            start: "2026-03-02T08:00:00Z".parse().unwrap(),
        });
        let mut switches = emulator.switches();
        // Short histories spend a day's budget in a second.
        switches.throttling = false;
        switches.notification_delay_seconds = 0.0;
        emulator.set_switches(switches);
        let post = Arc::new(Post::default());
        emulator.set_sender(Arc::new(Postman(post.clone())));
        let wire = Arc::new(Wire {
            inner: Arc::new(RouterTransport::new(emulator.router())),
            sent: AtomicU64::new(0),
            echo: AtomicU64::new(0),
            forged_removal: Mutex::new(None),
        });
        let db = match database {
            Some(address) => {
                let mut options = store::Options::new(address);
                options.connections = 2;
                options.busy = Duration::from_millis(500);
                let db = Db::open(&options).await.unwrap();
                db.migrate().await.unwrap();
                db
            }
            None => crate::database::open().await,
        };
        let skew = Arc::new(AtomicI64::new(0));
        let engine = engine(&db, shape, &emulator, &wire, &skew, 0);
        let mut world = Self {
            engine,
            emulator,
            db,
            shape,
            tenant: Uuid::nil(),
            connection: ConnectionId(Uuid::nil()),
            accounts: Vec::new(),
            wire,
            post,
            skew,
            lives: 0,
            writer: String::new(),
        };
        world.found().await;
        world
    }

    /// The process dies and starts again on the same database.
    pub(crate) async fn restart(&mut self) {
        self.lives += 1;
        self.engine = engine(
            &self.db,
            self.shape,
            &self.emulator,
            &self.wire,
            &self.skew,
            self.lives,
        );
        // Its lease runs out, and what it held is free.
        self.advance(20);
        store::jobs::bury(&self.db, self.engine.now())
            .await
            .unwrap();
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.emulator.advance(Duration::from_secs(seconds));
    }

    /// How wrong the engine's clock is, in seconds.
    pub(crate) fn set_skew(&self, seconds: i64) {
        self.skew.store(seconds, Ordering::Relaxed);
    }

    async fn found(&mut self) {
        let tenant = json!({
            "domain": "contoso.onmicrosoft.com", "display_name": "Contoso",
            "verified_domains": DOMAINS,
        });
        let made = self.control(Method::POST, "tenants", tenant).await;
        self.tenant = id(&made);
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
            ],
        });
        self.control(Method::POST, "apps", writer).await;
        self.sign_in_writer().await;
        for name in ["Fabrikam", "Northwind"] {
            let account = self.account(name).await;
            self.accounts.push(account);
        }
        self.connect().await;
    }

    /// The token of whoever changes the directory.
    pub(crate) async fn sign_in_writer(&mut self) {
        let form = format!(
            "client_id={WRITER}&client_secret={SECRET}&grant_type=client_credentials&scope={HOST}/.default"
        );
        let request = Request::post(format!("{HOST}/{}/oauth2/v2.0/token", self.tenant))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .unwrap();
        let answer: Value = serde_json::from_slice(&self.send(request).await.body).unwrap();
        self.writer = answer["access_token"].as_str().unwrap().to_owned();
    }

    async fn connect(&mut self) {
        let all = Limit {
            count: 1_000,
            percent: 100.0,
            window_seconds: 86_400,
        };
        let loose = Limits {
            deactivate: all,
            archive: all,
            revoke: all,
        };
        let new = NewConnection {
            tenant: DOMAINS[0].to_owned(),
            application_id: APPLICATION,
            application_key: Some(SECRET.into()),
            certificate: None,
            auth: self.shape.auth,
            provision_employees: Some(self.shape.may_employ),
            provision_contacts: None,
            email_source: EmailSource::Upn,
            on_disabled: self.shape.on_disabled,
            auto_approve: false,
            secret_expires_at: None,
            limits: (!self.shape.tight_limits).then_some(loose),
        };
        let made = self.engine.add_connection(new, &actor()).await.unwrap();
        self.connection = made.id;
        if self.shape.auth == Auth::Delegated {
            let account = json!({
                "tenant_id": self.tenant, "user_principal_name": ADMIN,
                "auto_consent": true,
            });
            self.control(Method::POST, "accounts", account).await;
            let url = self.engine.connect(made.id, "browser").await.unwrap();
            let back = self.follow(url).await;
            let pairs = back
                .query_pairs()
                .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
                .collect();
            let query: CallbackQuery = serde_json::from_value(Value::Object(pairs)).unwrap();
            let outcome = self.engine.callback(query, Some("browser")).await.unwrap();
            assert_eq!(outcome, CallbackOutcome::Connected(made.id));
        }
    }

    async fn follow(&self, mut url: Url) -> Url {
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

    async fn account(&self, name: &str) -> AccountId {
        let now = self.engine.now();
        let account = accounts::Account {
            id: AccountId(self.engine.new_id()),
            name: name.to_owned(),
            is_active: true,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.db.begin().await.unwrap();
        accounts::insert(&mut tx, &account).await.unwrap();
        tx.commit().await.unwrap();
        account.id
    }

    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(format!("{HOST}/emulator/v1/{path}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = self.send(request).await;
        let text = String::from_utf8_lossy(&answer.body);
        assert!(
            answer.status.is_success(),
            "{path}: {} {text}",
            answer.status
        );
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// Changes the directory as any Graph client does.
    pub(crate) async fn write(&self, method: Method, path: &str, body: Value) -> Value {
        let answer = self.attempt(method, path, body).await;
        let text = String::from_utf8_lossy(&answer.body);
        assert!(
            answer.status.is_success(),
            "{path}: {} {text}",
            answer.status
        );
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// The same, and it may be refused.
    pub(crate) async fn attempt(&self, method: Method, path: &str, body: Value) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{HOST}/v1.0/{path}"))
            .header(AUTHORIZATION, format!("Bearer {}", self.writer));
        let mut bytes = Bytes::new();
        if !body.is_null() {
            request = request.header(CONTENT_TYPE, "application/json");
            bytes = body.to_string().into();
        }
        self.send(request.body(bytes).unwrap()).await
    }

    /// Past the counter: the history's own requests are not the engine's.
    async fn send(&self, request: Request<Bytes>) -> Answer {
        self.wire.inner.send(request, usize::MAX).await.unwrap()
    }
}

pub(crate) fn id(value: &Value) -> Uuid {
    value["id"].as_str().unwrap().parse().unwrap()
}

fn engine(
    db: &Db,
    shape: Shape,
    emulator: &Emulator,
    wire: &Arc<Wire>,
    skew: &Arc<AtomicI64>,
    life: u64,
) -> Engine {
    let seed = shape.seed.wrapping_mul(1_000).wrapping_add(life);
    let environment = Environment {
        clock: Arc::new(Watch {
            emulator: emulator.clone(),
            skew: skew.clone(),
        }),
        entropy: Arc::new(Impatient(SeededEntropy::new(seed))),
        transport: wire.clone(),
    };
    let sealer = store::sealer::Sealer::new(SecretBox::new(Box::new([7; 32])));
    let options = EngineOptions {
        public_url: Url::parse(PUBLIC).unwrap(),
        cloud: Cloud::custom(HOST, HOST).unwrap(),
        poll_interval: Duration::from_secs(10),
        reconcile_interval: Duration::from_secs(3_600),
        notifications: if shape.notifications {
            Notifications::On
        } else {
            Notifications::Off
        },
        auto_approve_first: false,
        limits: Limits::default(),
        worker: format!("life {life}"),
    };
    Engine::new(db.clone(), sealer, environment, options)
}
