//! A small world for tests: a tenant in the emulator, an application that is
//! known there, and ways to change both.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use graph::{
    Answer, Application, Authority, AuthorizeOptions, ClientOptions, Cloud, Credential,
    Environment, GraphClient, IdentityPlatform, Redeemed, Redemption, RouterTransport, Scopes,
    SeededEntropy, TokenSource, TokenVault, TokioClock, Transport, VaultError,
};
use graph_emulator::{Emulator, Options};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION};
use http::{Method, Request};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

/// The emulator answers for any host; its links follow the one it is asked at.
pub(crate) const HOST: &str = "http://localhost:9000";
pub(crate) const REDIRECT: &str = "http://localhost/OAuth/IntegrationCallback.aspx";
pub(crate) const ADMIN: &str = "admin@contoso.com";
const SECRET: &str = "the-application-key";
const WRITER: Uuid = Uuid::from_u128(0x77);

/// A tenant, an application, and everything around them.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) environment: Environment,
    pub(crate) cloud: Cloud,
    pub(crate) tenant: Uuid,
    pub(crate) application: Application,
    address: String,
    writer: SecretString,
}

/// An emulator with nothing in it.
pub(crate) fn emulator() -> Emulator {
    let start = "2026-01-01T00:00:00Z".parse().unwrap();
    Emulator::new(Options { seed: 1, start })
}

/// Remembers every refresh token it was given.
#[derive(Default)]
pub(crate) struct Vault(pub(crate) Mutex<Vec<String>>);

impl TokenVault for Vault {
    fn store<'a>(
        &'a self,
        refresh_token: &'a SecretString,
    ) -> BoxFuture<'a, Result<(), VaultError>> {
        let token = refresh_token.expose_secret().to_owned();
        self.0.lock().unwrap().push(token);
        Box::pin(async { Ok(()) })
    }
}

impl World {
    /// Contoso, with an application every permission is granted to, called
    /// without sockets.
    pub(crate) async fn new() -> Self {
        let emulator = emulator();
        let transport = Arc::new(RouterTransport::new(emulator.router()));
        Self::made(emulator, transport, HOST).await
    }

    /// The same behind an address of this machine.
    pub(crate) async fn made(
        emulator: Emulator,
        transport: Arc<dyn Transport>,
        address: &str,
    ) -> Self {
        let mut world = Self {
            environment: Environment {
                clock: Arc::new(TokioClock::starting_at(emulator.now())),
                entropy: Arc::new(SeededEntropy::new(7)),
                transport,
            },
            emulator,
            address: address.to_owned(),
            cloud: Cloud::custom(address, address).unwrap(),
            tenant: Uuid::nil(),
            application: Application {
                id: Uuid::from_u128(0xa99),
                credential: Credential::Secret(SECRET.into()),
            },
            writer: SecretString::default(),
        };
        world.tenant = world
            .add_tenant("contoso.onmicrosoft.com", "contoso.com")
            .await;
        world.register(&[world.tenant], json!({})).await;
        let writer = json!({
            "app_id": WRITER, "secret": SECRET, "redirect_uris": [], "tenants": [world.tenant],
            "delegated": [], "application": [
                "User.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All",
                "AppRoleAssignment.ReadWrite.All", "Application.ReadWrite.All",
            ],
        });
        world.control(Method::POST, "apps", writer).await;
        let account = json!({
            "tenant_id": world.tenant, "user_principal_name": ADMIN, "auto_consent": true,
        });
        world.control(Method::POST, "accounts", account).await;
        let writer = Application {
            id: WRITER,
            credential: Credential::Secret(SECRET.into()),
        };
        let tokens = world
            .platform()
            .client_credentials(&writer, world.tenant)
            .await;
        world.writer = tokens.unwrap().access_token;
        world
    }

    pub(crate) async fn add_tenant(&self, initial: &str, domain: &str) -> Uuid {
        let tenant = json!({
            "domain": initial, "display_name": "Contoso", "verified_domains": [domain],
        });
        let made = self.control(Method::POST, "tenants", tenant).await;
        let id = made.get("tenant_id").or_else(|| made.get("id"));
        id.and_then(Value::as_str).unwrap().parse().unwrap()
    }

    /// Registers the application anew, consented to in `tenants`.
    pub(crate) async fn register(&self, tenants: &[Uuid], more: Value) {
        let mut app = json!({
            "app_id": self.application.id, "secret": SECRET, "redirect_uris": [REDIRECT],
            "tenants": tenants,
            "delegated": ["Directory.Read.All", "Group.Read.All", "User.Read", "User.Read.All"],
            "application": ["Directory.Read.All", "Group.Read.All", "User.Read.All"],
        });
        let more = more.as_object().unwrap().clone();
        app.as_object_mut().unwrap().extend(more);
        self.control(Method::POST, "apps", app).await;
    }

    pub(crate) fn platform(&self) -> IdentityPlatform {
        IdentityPlatform::new(self.environment.clone(), self.cloud.clone())
    }

    pub(crate) fn client_of(&self, application: Application, source: TokenSource) -> GraphClient {
        GraphClient::new(
            self.environment.clone(),
            self.cloud.clone(),
            self.tenant,
            application,
            source,
            ClientOptions::default(),
        )
    }

    /// A client that signs in as the application.
    pub(crate) fn client(&self) -> GraphClient {
        self.client_of(self.application.clone(), TokenSource::Application)
    }

    /// Goes through the sign-in page as a browser would.
    pub(crate) async fn sign_in(
        &self,
        authority: Authority,
        scopes: &Scopes,
        account: &str,
    ) -> Result<Redeemed, graph::GraphError> {
        let platform = self.platform();
        let request = platform.authorize(&AuthorizeOptions {
            authority,
            application_id: self.application.id,
            redirect_uri: REDIRECT.to_owned(),
            scopes: scopes.clone(),
            prompt: None,
            login_hint: Some(account.to_owned()),
        });
        let callback = self.follow(request.url.clone()).await;
        let answer = |name: &str| {
            let mut pairs = callback.query_pairs();
            pairs
                .find(|pair| pair.0 == name)
                .map(|pair| pair.1.into_owned())
        };
        assert_eq!(answer("state").as_ref(), Some(&request.state), "{callback}");
        if let Some(error) = answer("error") {
            let description = answer("error_description");
            return Err(graph::callback_error(&error, description.as_deref()));
        }
        platform
            .redeem(
                &self.application,
                Redemption {
                    authority,
                    code: &answer("code").unwrap(),
                    redirect_uri: REDIRECT,
                    verifier: &request.verifier,
                    nonce: &request.nonce,
                    scopes,
                },
            )
            .await
    }

    /// A client that signs in as the administrator, and where its refresh
    /// tokens go.
    pub(crate) async fn connect(&self) -> (GraphClient, Arc<Vault>) {
        let redeemed = self
            .sign_in(Authority::Tenant(self.tenant), &Scopes::connection(), ADMIN)
            .await
            .unwrap();
        let vault = Arc::new(Vault::default());
        let source = TokenSource::Delegated {
            refresh_token: redeemed.tokens.refresh_token.unwrap(),
            vault: vault.clone(),
        };
        (self.client_of(self.application.clone(), source), vault)
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
            let Some(to) = answer.headers.get(LOCATION) else {
                panic!("no redirect: {} {}", answer.status, text(&answer));
            };
            url = url.join(to.to_str().unwrap()).unwrap();
            if url.as_str().starts_with(REDIRECT) {
                return url;
            }
        }
        panic!("the sign-in never came back");
    }

    /// Calls the emulator's control surface.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}/emulator/v1/{path}", self.address);
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = self.send(request).await;
        assert!(
            answer.status.is_success(),
            "{path}: {} {}",
            answer.status,
            text(&answer)
        );
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// Changes the directory through Graph, as any client with the right to
    /// could.
    pub(crate) async fn write(&self, method: Method, path: &str, body: Value) -> Value {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/v1.0/{path}", self.address))
            .header(
                AUTHORIZATION,
                format!("Bearer {}", self.writer.expose_secret()),
            );
        let mut bytes = Bytes::new();
        if !body.is_null() {
            request = request.header(CONTENT_TYPE, "application/json");
            bytes = body.to_string().into();
        }
        let answer = self.send(request.body(bytes).unwrap()).await;
        assert!(
            answer.status.is_success(),
            "{path}: {} {}",
            answer.status,
            text(&answer)
        );
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    pub(crate) async fn add_person(&self, name: &str) -> Uuid {
        let person = json!({
            "accountEnabled": true, "displayName": name, "givenName": name, "mailNickname": name,
            "userPrincipalName": format!("{name}@contoso.com"),
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
        let reference =
            json!({"@odata.id": format!("{}/v1.0/directoryObjects/{member}", self.address)});
        let path = format!("groups/{group}/members/$ref");
        self.write(Method::POST, &path, reference).await;
    }

    pub(crate) async fn remove_member(&self, group: Uuid, member: Uuid) {
        let path = format!("groups/{group}/members/{member}/$ref");
        self.write(Method::DELETE, &path, Value::Null).await;
    }

    /// The next `times` requests whose path fits meet `effect`.
    pub(crate) async fn fault(&self, path: &str, effect: Value, times: u32) {
        let fault = json!({"match": {"path": path}, "effect": effect, "times": times});
        self.control(Method::POST, "faults", fault).await;
    }

    /// Lets time pass, here and in the emulator, which follows tokio's clock too.
    pub(crate) async fn advance(&self, seconds: u64) {
        tokio::time::advance(std::time::Duration::from_secs(seconds)).await;
    }

    async fn send(&self, request: Request<Bytes>) -> Answer {
        let answer = self.environment.transport.send(request, 1 << 26).await;
        answer.unwrap()
    }
}

pub(crate) fn id(object: &Value) -> Uuid {
    object["id"].as_str().unwrap().parse().unwrap()
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}
