//! An installation with its root user and an administrator token, beside a
//! tenant in the emulator.

mod directory;
mod reply;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use engine::{Engine, EngineOptions, Notifications};
use graph::{Cloud, Environment, RouterTransport, SeededEntropy, SystemClock, Transport};
use graph_emulator::{Emulator, Options};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use provisioning::limits::Limits;
use secrecy::SecretBox;
use serde_json::{Value, json};
use store::Db;
use store::sealer::Sealer;
use tower::ServiceExt as _;
use url::Url;
use uuid::Uuid;
use web::{AppState, WebOptions};

pub(crate) use directory::{ADMIN, APPLICATION, SECRET};
pub(crate) use reply::Reply;

/// Where the emulator is.
pub(crate) const HOST: &str = "http://localhost:9000";
/// Where the server is.
pub(crate) const PUBLIC: &str = "http://localhost:9443";
/// The administrator token of the first start.
pub(crate) const TOKEN: &str = "an-administrators-token";
/// Root's password.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Everything.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) app: Router,
    pub(crate) tenant: Uuid,
    transport: Arc<dyn Transport>,
    writer: String,
}

/// A request that is being put together.
pub(crate) struct Call {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<(String, String)>,
}

/// A request with the administrator's token.
pub(crate) fn call(method: Method, path: &str) -> Call {
    bare(method, path).header(AUTHORIZATION.as_str(), &format!("Bearer {TOKEN}"))
}

/// A request that says nothing of who sends it.
pub(crate) fn bare(method: Method, path: &str) -> Call {
    Call {
        method,
        path: path.to_owned(),
        headers: Vec::new(),
        body: None,
    }
}

impl Call {
    /// Adds a header; one of this name that is there is replaced.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another token.
    pub(crate) fn token(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// In a browser that is signed in.
    pub(crate) fn cookie(mut self, cookie: &str) -> Self {
        self.headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case(AUTHORIZATION.as_str()));
        self.header(COOKIE.as_str(), cookie)
    }

    /// With a body of JSON.
    pub(crate) fn json(self, body: Value) -> Self {
        self.body("application/json", &body.to_string())
    }

    /// With a body.
    pub(crate) fn body(mut self, kind: &str, text: &str) -> Self {
        self.body = Some((kind.to_owned(), text.to_owned()));
        self
    }
}

fn engine(
    db: Db,
    transport: Arc<dyn Transport>,
    change: impl FnOnce(&mut EngineOptions),
) -> Engine {
    let environment = Environment {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SeededEntropy::new(7)),
        transport,
    };
    let sealer = Sealer::new(SecretBox::new(Box::new([7; 32])));
    let mut options = EngineOptions {
        public_url: Url::parse(PUBLIC).unwrap(),
        cloud: Cloud::custom(HOST, HOST).unwrap(),
        poll_interval: Duration::from_millis(50),
        reconcile_interval: Duration::from_secs(3600),
        notifications: Notifications::Off,
        auto_approve_first: true,
        limits: Limits::default(),
        worker: "test".to_owned(),
    };
    change(&mut options);
    Engine::new(db, sealer, environment, options)
}

impl World {
    /// A new installation.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A new installation with other options.
    pub(crate) async fn with(change: impl FnOnce(&mut EngineOptions)) -> Self {
        let db = Db::open(&store::Options::new("sqlite::memory:"))
            .await
            .unwrap();
        db.migrate().await.unwrap();
        Self::over(db, change).await
    }

    /// An installation over a database.
    pub(crate) async fn over(db: Db, change: impl FnOnce(&mut EngineOptions)) -> Self {
        let emulator = Emulator::new(Options {
            seed: 1,
            start: graph::Clock::now(&SystemClock),
        });
        let transport: Arc<dyn Transport> = Arc::new(RouterTransport::new(emulator.router()));
        let engine = engine(db, transport.clone(), change);
        web::auth::bootstrap(
            &engine,
            Some("root"),
            Some(PASSWORD.into()),
            Some(TOKEN.into()),
        )
        .await
        .unwrap();
        let mut world = Self {
            app: web::router(AppState::new(engine.clone(), WebOptions::default())),
            engine,
            tenant: Uuid::nil(),
            transport,
            writer: String::new(),
        };
        world.found().await;
        world
    }

    /// The same server, with a mail server beside it.
    pub(crate) fn with_mail(self) -> Self {
        self.served(WebOptions {
            mail: true,
            ..WebOptions::default()
        })
    }

    /// The same server with other options.
    pub(crate) fn served(mut self, options: WebOptions) -> Self {
        self.app = web::router(AppState::new(self.engine.clone(), options));
        self
    }

    /// The same server over another database.
    pub(crate) fn over_database(mut self, db: Db) -> Self {
        self.engine = engine(db, self.transport.clone(), |_| {});
        self.app = web::router(AppState::new(self.engine.clone(), WebOptions::default()));
        self
    }

    /// A server with other options over another database.
    pub(crate) fn moved(mut self, db: Db, change: impl FnOnce(&mut EngineOptions)) -> Self {
        self.engine = engine(db, self.transport.clone(), change);
        self.app = web::router(AppState::new(self.engine.clone(), WebOptions::default()));
        self
    }

    /// Sends a request. What the API answers is held against its description.
    pub(crate) async fn send(&self, call: Call) -> Reply {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{PUBLIC}{}", call.path));
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let body = match &call.body {
            Some((kind, text)) => {
                request = request.header(CONTENT_TYPE, kind);
                Body::from(text.clone())
            }
            None => Body::empty(),
        };
        let request = request.body(body).unwrap();
        let (parts, body) = self
            .app
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let reply = Reply::new(parts.status, parts.headers, &bytes);
        reply.fits_description(&call.method, &call.path);
        reply
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(call(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(call(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(call(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(call(Method::PATCH, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(call(Method::DELETE, path)).await
    }

    /// Makes something; its id.
    pub(crate) async fn made(&self, path: &str, body: Value) -> String {
        let reply = self.post(path, body).await;
        reply.is(StatusCode::CREATED);
        reply.body["id"].as_str().unwrap().to_owned()
    }

    /// A token with these scopes.
    pub(crate) async fn token(&self, scopes: &[&str]) -> String {
        let body = json!({ "name": scopes.join(" and "), "scopes": scopes });
        let reply = self.post("/api/v1/api-tokens", body).await;
        reply.is(StatusCode::CREATED);
        reply.body["token"].as_str().unwrap().to_owned()
    }

    /// The cookie of somebody who signed in with a password.
    pub(crate) async fn sign_in(&self, username: &str, password: &str) -> Reply {
        let form = format!(
            "username={username}&password={}",
            password.replace(' ', "+")
        );
        let call = bare(Method::POST, "/sign-in");
        self.send(call.body("application/x-www-form-urlencoded", &form))
            .await
    }

    /// Works until a run is over; the run.
    pub(crate) async fn finished(&self, run: &Value) -> Value {
        let path = format!("/api/v1/sync-runs/{}", run.as_str().expect("a run"));
        for _ in 0..600 {
            let run = self.get(&path).await;
            let status = run.body["status"].as_str().unwrap();
            if ["done", "held", "failed", "rejected", "undone"].contains(&status) {
                return run.body;
            }
            if !self.engine.work_once().await.unwrap() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        panic!("the run never ended");
    }
}
