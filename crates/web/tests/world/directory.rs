//! The tenant: who is in it, changing it, and connecting it over the API.

use bytes::Bytes;
use graph::Answer;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::{HOST, PUBLIC, Reply, World, bare, call};

pub(crate) const ADMIN: &str = "admin@contoso.com";
pub(crate) const SECRET: &str = "the-application-key";
pub(crate) const APPLICATION: Uuid = Uuid::from_u128(0xa99);
const WRITER: Uuid = Uuid::from_u128(0x77);

impl World {
    pub(super) async fn found(&mut self) {
        let tenant = json!({
            "domain": "contoso.onmicrosoft.com", "display_name": "Contoso",
            "verified_domains": ["contoso.com"],
        });
        let made = self.control(Method::POST, "tenants", tenant).await;
        let id = made.get("tenant_id").or_else(|| made.get("id"));
        self.tenant = id.and_then(Value::as_str).unwrap().parse().unwrap();
        self.register(json!({})).await;
        let writer = json!({
            "app_id": WRITER, "secret": SECRET, "redirect_uris": [], "tenants": [self.tenant],
            "delegated": [], "application": [
                "User.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All",
            ],
        });
        self.control(Method::POST, "apps", writer).await;
        self.control(
            Method::POST,
            "accounts",
            json!({ "tenant_id": self.tenant, "user_principal_name": ADMIN, "auto_consent": true }),
        )
        .await;
        let form = format!(
            "client_id={WRITER}&client_secret={SECRET}&grant_type=client_credentials&scope={HOST}/.default"
        );
        let request = Request::post(format!("{HOST}/{}/oauth2/v2.0/token", self.tenant))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .unwrap();
        let answer: Value = serde_json::from_slice(&self.outside(request).await.body).unwrap();
        self.writer = answer["access_token"].as_str().unwrap().to_owned();
    }

    /// Registers the application, differently where `change` says so.
    pub(crate) async fn register(&self, change: Value) {
        let mut app = json!({
            "app_id": APPLICATION, "secret": SECRET,
            "redirect_uris": [format!("{PUBLIC}/OAuth/IntegrationCallback.aspx")],
            "tenants": [self.tenant],
            "delegated": ["Directory.Read.All", "Group.Read.All", "User.Read", "User.Read.All"],
            "application": ["Directory.Read.All", "Group.Read.All", "User.Read.All"],
        });
        for (name, value) in change.as_object().unwrap() {
            app[name] = value.clone();
        }
        self.control(Method::POST, "apps", app).await;
    }

    /// What is posted to add the connection, with changes.
    pub(crate) fn connection(change: Value) -> Value {
        let mut new = json!({
            "tenant": "contoso.com", "application_id": APPLICATION, "application_key": SECRET,
        });
        for (name, value) in change.as_object().unwrap() {
            new[name] = value.clone();
        }
        new
    }

    /// Adds a connection and consents to it as an administrator would; its id.
    pub(crate) async fn connect(&self) -> String {
        let id = self
            .made("/api/v1/connections", Self::connection(json!({})))
            .await;
        let reply = self.consent(&id).await;
        reply.is(StatusCode::SEE_OTHER);
        let to = format!("/admin/my-company/auth-provision/connections/{id}?check=1");
        assert_eq!(reply.header("location"), Some(to.as_str()));
        id
    }

    /// Follows Azure Connect to the end; the answer of the callback.
    pub(crate) async fn consent(&self, id: &str) -> Reply {
        let begun = call(Method::POST, &format!("/api/v1/connections/{id}/connect"));
        let begun = self.send(begun).await;
        begun.is(StatusCode::OK);
        let cookie = begun.cookie(web::BINDING_COOKIE).expect("a binding");
        let url = begun.body["authorize_url"].as_str().unwrap();
        let back = self.follow(url.parse().unwrap()).await;
        let path = back.as_str().strip_prefix(PUBLIC).unwrap();
        self.send(bare(Method::GET, path).cookie(&cookie)).await
    }

    /// Where Azure Connect sends a browser of somebody who is given then and
    /// there, an administrator if known as one.
    pub(crate) async fn authorize_as(&self, id: &str, upn: &str) -> String {
        let account = json!({
            "tenant_id": self.tenant, "user_principal_name": upn,
            "auto_consent": true, "admin": upn == ADMIN,
        });
        self.control(Method::POST, "accounts", account).await;
        let begun = call(Method::POST, &format!("/api/v1/connections/{id}/connect"));
        let begun = self.send(begun).await;
        let url = begun.is(StatusCode::OK).body["authorize_url"].as_str();
        let mut url: Url = url.unwrap().parse().unwrap();
        url.query_pairs_mut().append_pair("login_hint", upn);
        url.into()
    }

    /// What Microsoft shows at an address when it sends nobody on.
    pub(crate) async fn microsoft_says(&self, url: &str) -> String {
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let answer = self.outside(request).await;
        assert!(answer.headers.get(LOCATION).is_none());
        String::from_utf8_lossy(&answer.body).into_owned()
    }

    /// Where Microsoft sends a browser back to.
    pub(crate) async fn follow(&self, mut url: Url) -> Url {
        let mut cookies: Vec<String> = Vec::new();
        for _ in 0..5 {
            let request = Request::get(url.as_str())
                .header(COOKIE, cookies.join("; "))
                .body(Bytes::new())
                .unwrap();
            let answer = self.outside(request).await;
            for cookie in answer.headers.get_all(http::header::SET_COOKIE) {
                let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
                cookies.push(cookie.to_owned());
            }
            let Some(to) = answer.headers.get(LOCATION) else {
                panic!(
                    "{}: {}",
                    answer.status,
                    String::from_utf8_lossy(&answer.body)
                );
            };
            url = url.join(to.to_str().unwrap()).unwrap();
            if url.as_str().starts_with(PUBLIC) {
                return url;
            }
        }
        panic!("the sign-in never came back");
    }

    /// Saves a rule that makes employees of a group, and works until it is done.
    pub(crate) async fn employees_of(&self, group: Uuid) -> Value {
        let rule = json!({
            "order": 1, "tenant_id": self.tenant, "group_id": group, "kind": "employee",
            "security_roles": ["User"],
        });
        let saved = self.post("/api/v1/mapping-rules", rule).await;
        saved.is(StatusCode::CREATED);
        saved.body["rule"].clone()
    }

    /// Syncs and waits; the run.
    pub(crate) async fn sync(&self, connection: &str) -> Value {
        let path = format!("/api/v1/connections/{connection}/sync");
        let started = self.post(&path, json!({ "mode": "full" })).await;
        started.is(StatusCode::ACCEPTED);
        self.finished(&started.body["run_id"]).await
    }

    /// A connected tenant with a synced group of these people; connection and group.
    pub(crate) async fn staffed(&self, people: &[&str]) -> (String, Uuid) {
        let connection = self.connect().await;
        let group = self.add_group("Staff").await;
        for name in people {
            let person = self.add_person(name).await;
            self.add_member(group, person).await;
        }
        self.employees_of(group).await;
        let run = self.sync(&connection).await;
        assert_eq!(run["status"], "done", "{run}");
        (connection, group)
    }

    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(format!("{HOST}/emulator/v1/{path}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = self.outside(request).await;
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
        let answer = self.outside(request.body(bytes).unwrap()).await;
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
        let path = format!("groups/{group}/members/$ref");
        self.write(Method::POST, &path, reference).await;
    }

    pub(crate) async fn remove_member(&self, group: Uuid, member: Uuid) {
        let path = format!("groups/{group}/members/{member}/$ref");
        self.write(Method::DELETE, &path, Value::Null).await;
    }

    async fn outside(&self, request: Request<Bytes>) -> Answer {
        self.transport.send(request, 1 << 26).await.unwrap()
    }
}

fn id(object: &Value) -> Uuid {
    object["id"].as_str().unwrap().parse().unwrap()
}
