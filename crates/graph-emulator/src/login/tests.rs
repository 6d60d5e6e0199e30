//! Tests of the identity platform alone, over a small directory held in memory.
#![allow(clippy::unwrap_used)] // a test fails by it

mod admin_consent;
mod assertion;
mod authorize;
mod client;
mod control;
mod discovery;
mod refresh;
mod token;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::{Uuid, uuid};

use super::{Caller, Login, Principals, TenantInfo, UserInfo};

pub(super) const NORTHWIND: Uuid = uuid!("11111111-1111-4111-8111-111111111111");
pub(super) const CONTOSO: Uuid = uuid!("22222222-2222-4222-8222-222222222222");
pub(super) const APP: Uuid = uuid!("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa");
pub(super) const SECRET: &str = "s3cret~+/=&";

pub(super) const REDIRECT: &str = "https://rollcall.example/OAuth/IntegrationCallback.aspx";
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const START: &str = "2026-01-09T02:02:12Z";

/// Parameters that differ from the usual ones; an empty value leaves one out.
pub(super) type Changes = &'static [(&'static str, &'static str)];

/// A directory of two tenants.
pub(super) struct Directory {
    now: Mutex<Timestamp>,
    drawn: Mutex<u64>,
    users: Mutex<Vec<(Uuid, UserInfo)>>,
    pub enterprise_apps: Mutex<Vec<(Uuid, Uuid, String)>>,
}

impl Directory {
    pub(super) fn advance(&self, seconds: i64) {
        let mut now = self.now.lock().unwrap();
        *now += SignedDuration::from_secs(seconds);
    }

    /// Chance begins anew, as when the emulator is reset.
    pub(super) fn rewind_chance(&self) {
        *self.drawn.lock().unwrap() = 0;
    }

    pub(super) fn change(&self, upn: &str, change: impl Fn(&mut UserInfo)) {
        let mut users = self.users.lock().unwrap();
        users
            .iter_mut()
            .filter(|(_, user)| user.upn == upn)
            .for_each(|(_, user)| change(user));
    }

    pub(super) fn delete(&self, upn: &str) {
        self.users
            .lock()
            .unwrap()
            .retain(|(_, user)| user.upn != upn);
    }
}

impl Principals for Directory {
    fn tenant(&self, id_or_domain: &str) -> Option<TenantInfo> {
        let named = |tenant: &TenantInfo| {
            let domain = tenant
                .domains
                .iter()
                .any(|domain| domain.eq_ignore_ascii_case(id_or_domain));
            domain || tenant.id.to_string().eq_ignore_ascii_case(id_or_domain)
        };
        self.tenants().into_iter().find(named)
    }

    fn tenants(&self) -> Vec<TenantInfo> {
        let tenant = |id, name: &str, domains: [&str; 2]| TenantInfo {
            id,
            display_name: name.to_owned(),
            domains: domains.map(str::to_owned).to_vec(),
        };
        vec![
            tenant(
                NORTHWIND,
                "Northwind",
                ["northwind.example", "northwind.onmicrosoft.com"],
            ),
            tenant(
                CONTOSO,
                "Contoso",
                ["contoso.example", "contoso.onmicrosoft.com"],
            ),
        ]
    }

    fn user(&self, tenant_id: Uuid, id_or_upn: &str) -> Option<UserInfo> {
        let users = self.users.lock().unwrap();
        let named = |user: &UserInfo| {
            user.upn.eq_ignore_ascii_case(id_or_upn)
                || user.id.to_string().eq_ignore_ascii_case(id_or_upn)
        };
        users
            .iter()
            .find(|(tenant, user)| *tenant == tenant_id && named(user))
            .map(|(_, user)| user.clone())
    }

    fn ensure_user(&self, tenant_id: Uuid, upn: &str, _now: Timestamp) -> UserInfo {
        if let Some(user) = self.user(tenant_id, upn) {
            return user;
        }
        let guest = upn.contains("#EXT#");
        let user = UserInfo {
            id: super::errors::random_uuid(self),
            upn: upn.to_owned(),
            display_name: format!("Name of {upn}"),
            mail: Some(
                upn.split("#EXT#")
                    .next()
                    .unwrap_or_default()
                    .replace('_', "@"),
            ),
            enabled: true,
            guest,
        };
        self.users.lock().unwrap().push((tenant_id, user.clone()));
        user
    }

    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn random(&self, out: &mut [u8]) {
        let mut drawn = self.drawn.lock().unwrap();
        *drawn += 1;
        blake3::Hasher::new()
            .update(&drawn.to_le_bytes())
            .finalize_xof()
            .fill(out);
    }

    fn service_principal_created(&self, tenant_id: Uuid, app_id: Uuid, display_name: &str) {
        self.enterprise_apps
            .lock()
            .unwrap()
            .push((tenant_id, app_id, display_name.to_owned()));
    }
}

/// The platform with its directory, driven over HTTP without a socket.
pub(super) struct World {
    pub directory: Arc<Directory>,
    pub login: Arc<Login>,
}

/// An answer.
pub(super) struct Reply {
    pub status: u16,
    pub headers: axum::http::HeaderMap,
    pub text: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The parameters the redirect carries.
    pub(super) fn parameters(&self) -> BTreeMap<String, String> {
        assert_eq!(self.status, 302, "no redirect: {}", self.text);
        let location = self.header("location");
        let (_, query) = location.split_once(['?', '#']).unwrap();
        url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }

    pub(super) fn code(&self) -> String {
        let parameters = self.parameters();
        parameters
            .get("code")
            .unwrap_or_else(|| panic!("no code: {parameters:?}"))
            .clone()
    }

    /// The AADSTS number in a page, a redirect or an error body.
    pub(super) fn aadsts(&self) -> u32 {
        let text = if self.status == 302 {
            self.parameters()["error_description"].clone()
        } else {
            self.text.clone()
        };
        let (_, rest) = text
            .split_once("AADSTS")
            .unwrap_or_else(|| panic!("no error: {} {text}", self.status));
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }
}

impl World {
    /// Two tenants, no application, no account.
    pub(super) fn empty() -> Self {
        let directory = Arc::new(Directory {
            now: Mutex::new(START.parse().unwrap()),
            drawn: Mutex::new(0),
            users: Mutex::default(),
            enterprise_apps: Mutex::default(),
        });
        Self {
            login: Login::new(directory.clone()),
            directory,
        }
    }

    /// One application Northwind has consented to, and an administrator there who signs in without a page.
    pub(super) async fn new() -> Self {
        let world = Self::empty();
        world.app(json!({})).await;
        world
            .account(
                NORTHWIND,
                "admin@northwind.example",
                json!({ "auto_consent": true }),
            )
            .await;
        world
    }

    /// Registers the application with changes to its usual registration.
    pub(super) async fn app(&self, changes: Value) {
        let mut spec = json!({
            "app_id": APP, "display_name": "Rollcall", "secret": SECRET, "redirect_uris": [REDIRECT],
            "tenants": ["northwind.example"],
            "delegated": ["User.Read", "User.Read.All", "Group.Read.All", "Directory.Read.All"],
            "application": ["User.Read.All", "Group.Read.All"],
        });
        for (name, value) in changes.as_object().unwrap() {
            spec[name] = value.clone();
        }
        let reply = self
            .send(
                "POST",
                "/emulator/v1/apps",
                &[],
                "application/json",
                spec.to_string(),
            )
            .await;
        assert_eq!(reply.status, 201, "{}", reply.text);
    }

    pub(super) async fn account(&self, tenant: Uuid, upn: &str, changes: Value) -> Value {
        let mut spec = json!({ "tenant_id": tenant, "user_principal_name": upn });
        for (name, value) in changes.as_object().unwrap() {
            spec[name] = value.clone();
        }
        let reply = self.control("/emulator/v1/accounts", spec).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.json()
    }

    pub(super) async fn control(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, &[], "application/json", body.to_string())
            .await
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "", String::new()).await
    }

    pub(super) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.send(
            "POST",
            path,
            &[],
            "application/x-www-form-urlencoded",
            encoded(fields),
        )
        .await
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        content_type: &str,
        body: String,
    ) -> Reply {
        let mut request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "login.test:8943");
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self
            .login
            .router()
            .oneshot(request.body(Body::from(body)).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text,
        }
    }

    /// The address of an authorization request, with changes to the usual one; an empty value leaves a parameter out.
    pub(super) fn authorize_path(&self, tenant: &str, changes: &[(&str, &str)]) -> String {
        let app = APP.to_string();
        let mut parameters = BTreeMap::from([
            ("client_id", app.as_str()),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT),
            (
                "scope",
                "openid profile offline_access User.Read User.Read.All",
            ),
            ("state", "st&te"),
            ("nonce", "n0nce"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        for (name, value) in changes {
            parameters.insert(name, value);
        }
        parameters.retain(|_, value| !value.is_empty());
        let fields: Vec<_> = parameters.into_iter().collect();
        format!("/{tenant}/oauth2/v2.0/authorize?{}", encoded(&fields))
    }

    pub(super) async fn authorize(&self, tenant: &str, changes: &[(&str, &str)]) -> Reply {
        self.get(&self.authorize_path(tenant, changes)).await
    }

    /// A token request with the usual client, with changes; an empty value leaves a field out.
    pub(super) async fn token(&self, tenant: &str, fields: &[(&str, &str)]) -> Reply {
        let app = APP.to_string();
        let mut all = BTreeMap::from([("client_id", app.as_str()), ("client_secret", SECRET)]);
        all.extend(fields.iter().copied());
        all.retain(|_, value| !value.is_empty());
        let fields: Vec<_> = all.into_iter().collect();
        self.form(&format!("/{tenant}/oauth2/v2.0/token"), &fields)
            .await
    }

    pub(super) async fn redeem(&self, tenant: &str, code: &str, changes: &[(&str, &str)]) -> Reply {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        fields.extend(changes);
        self.token(tenant, &fields).await
    }

    /// Signs in at `tenant` and gives the token answer.
    pub(super) async fn sign_in(&self, tenant: &str, changes: &[(&str, &str)]) -> Value {
        let code = self.authorize(tenant, changes).await.code();
        let reply = self.redeem(tenant, &code, &[]).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }

    pub(super) async fn refresh(&self, tenant: &str, token: &str) -> Reply {
        self.token(
            tenant,
            &[("grant_type", "refresh_token"), ("refresh_token", token)],
        )
        .await
    }

    pub(super) fn caller(&self, token_answer: &Value) -> Caller {
        let token = token_answer["access_token"].as_str().unwrap();
        self.login
            .authenticate(Some(&format!("Bearer {token}")))
            .unwrap()
    }
}

pub(super) fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// The part of a text between two marks.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap().0
}
