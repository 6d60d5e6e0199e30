//! An emulator with one tenant and an application that may do everything, and short ways to call it.

use axum::Router;
use axum::body::Body;
use graph_emulator::{Emulator, Options, Switches};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

pub(crate) const HOST: &str = "http://graph.example";
pub(crate) const START: &str = "2026-03-02T09:00:00Z";
pub(crate) const APP: Uuid = Uuid::from_u128(0xa99);
const SECRET: &str = "secret";

pub(crate) const ALL: &[&str] = &[
    "User.ReadWrite.All",
    "Group.ReadWrite.All",
    "Directory.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "Application.ReadWrite.All",
    "Member.Read.Hidden",
];

pub(crate) struct World {
    pub(crate) emulator: Emulator,
    router: Router,
    pub(crate) tenant: Uuid,
    pub(crate) token: String,
}

/// An answer read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The `code` of an error.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let emulator = Emulator::new(Options {
            seed: 7,
            start: START.parse().unwrap(),
        });
        let router = emulator.router();
        let mut world = Self {
            emulator,
            router,
            tenant: Uuid::nil(),
            token: String::new(),
        };
        world.tenant = world
            .add_tenant("contoso.onmicrosoft.com", "contoso.com")
            .await;
        world.token = world.app_token(APP, ALL).await;
        world
    }

    pub(crate) async fn add_tenant(&self, initial: &str, domain: &str) -> Uuid {
        let tenant =
            json!({"domain": initial, "display_name": "Contoso", "verified_domains": [domain]});
        let made = self.control(Method::POST, "tenants", tenant).await;
        made["tenant_id"].as_str().unwrap().parse().unwrap()
    }

    /// A token of an application with these permissions, in the tenant.
    pub(crate) async fn app_token(&self, app: Uuid, permissions: &[&str]) -> String {
        self.app_token_in(app, permissions, self.tenant).await
    }

    pub(crate) async fn app_token_in(
        &self,
        app: Uuid,
        permissions: &[&str],
        tenant: Uuid,
    ) -> String {
        let spec = json!({
            "app_id": app, "secret": SECRET, "display_name": "Tester", "redirect_uris": [], "tenants": [tenant],
            "delegated": [], "application": permissions,
        });
        self.control(Method::POST, "apps", spec).await;
        let form = format!(
            "grant_type=client_credentials&client_id={app}&client_secret={SECRET}&scope=https://graph.microsoft.com/.default"
        );
        self.fetch_token(tenant, form).await
    }

    async fn fetch_token(&self, tenant: Uuid, form: String) -> String {
        let request = Request::post(format!("{HOST}/{tenant}/oauth2/v2.0/token"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        let answer = self.send(request).await.json();
        answer["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    }

    /// A token of a person who signed in to an application with these permissions.
    pub(crate) async fn person_token(
        &self,
        upn: &str,
        permissions: &[&str],
        admin: bool,
    ) -> String {
        let app = Uuid::from_u128(0xde1);
        let redirect = "http://localhost/callback";
        let spec = json!({
            "app_id": app, "secret": SECRET, "redirect_uris": [redirect], "tenants": [self.tenant],
            "delegated": permissions, "application": [],
        });
        self.control(Method::POST, "apps", spec).await;
        let account = json!({"tenant_id": self.tenant, "user_principal_name": upn, "auto_consent": true, "admin": admin});
        self.control(Method::POST, "accounts", account).await;
        let scope = permissions.join("%20");
        let hint = upn.replace('#', "%23");
        let url = format!(
            "{HOST}/{}/oauth2/v2.0/authorize?client_id={app}&response_type=code&redirect_uri={redirect}&scope={scope}&login_hint={hint}&state=s",
            self.tenant
        );
        let answer = self
            .send(Request::get(url).body(Body::empty()).unwrap())
            .await;
        let location = answer
            .header("location")
            .unwrap_or_else(|| panic!("{answer:?}"));
        let code = location
            .split("code=")
            .nth(1)
            .unwrap_or_else(|| panic!("{location}"))
            .split('&')
            .next()
            .unwrap();
        let form = format!(
            "grant_type=authorization_code&client_id={app}&client_secret={SECRET}&code={code}&redirect_uri={redirect}"
        );
        self.fetch_token(self.tenant, form).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Calls the control surface; it must agree.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let answer = self.try_control(method, path, body).await;
        assert!(
            answer.status.is_success(),
            "{path}: {} {}",
            answer.status,
            answer.text
        );
        serde_json::from_str(&answer.text).unwrap_or_default()
    }

    pub(crate) async fn try_control(&self, method: Method, path: &str, body: Value) -> Answer {
        let body = if body.is_null() {
            Body::empty()
        } else {
            Body::from(body.to_string())
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{HOST}/emulator/v1/{path}"))
            .header("content-type", "application/json")
            .body(body)
            .unwrap();
        self.send(request).await
    }

    /// Calls Graph with a token and further headers. `path` is after `/v1.0/`, or an absolute link.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Answer {
        let url = if path.starts_with("http") {
            path.replace(' ', "%20")
        } else {
            format!("{HOST}/v1.0/{}", path.replace(' ', "%20"))
        };
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        self.send(request.body(body).unwrap()).await
    }

    /// `GET` that may fail.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &self.token, &[], Value::Null)
            .await
    }

    /// `GET` with the advanced query header.
    pub(crate) async fn eventual(&self, path: &str) -> Answer {
        self.call(
            Method::GET,
            path,
            &self.token,
            &[("consistencylevel", "eventual")],
            Value::Null,
        )
        .await
    }

    /// `GET` that must succeed.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.json()
    }

    /// A change that may fail.
    pub(crate) async fn try_write(&self, method: Method, path: &str, body: Value) -> Answer {
        self.call(method, path, &self.token, &[], body).await
    }

    /// A change that must succeed.
    pub(crate) async fn write(&self, method: Method, path: &str, body: Value) -> Value {
        let answer = self.try_write(method, path, body).await;
        assert!(
            answer.status.is_success(),
            "{path}: {} {}",
            answer.status,
            answer.text
        );
        serde_json::from_str(&answer.text).unwrap_or_default()
    }

    pub(crate) async fn add_person(&self, name: &str) -> String {
        id(&self.write(Method::POST, "users", person(name)).await)
    }

    pub(crate) async fn add_group(&self, name: &str) -> String {
        let group = json!({"displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true});
        id(&self.write(Method::POST, "groups", group).await)
    }

    pub(crate) async fn add_member(&self, group: &str, member: &str) {
        let reference = json!({"@odata.id": format!("{HOST}/v1.0/directoryObjects/{member}")});
        self.write(
            Method::POST,
            &format!("groups/{group}/members/$ref"),
            reference,
        )
        .await;
    }

    pub(crate) async fn remove_member(&self, group: &str, member: &str) {
        self.write(
            Method::DELETE,
            &format!("groups/{group}/members/{member}/$ref"),
            Value::Null,
        )
        .await;
    }

    pub(crate) async fn generate(&self, people: u32, groups: u32, members: u32) -> Value {
        let amount =
            json!({"people": people, "groups": groups, "members_per_group": members, "seed": 1});
        self.control(
            Method::POST,
            &format!("tenants/{}/generate", self.tenant),
            amount,
        )
        .await
    }

    pub(crate) async fn state(&self) -> Value {
        self.control(
            Method::GET,
            &format!("tenants/{}/state", self.tenant),
            Value::Null,
        )
        .await
    }

    pub(crate) async fn fault(&self, matching: Value, effect: Value, times: u64) {
        self.control(
            Method::POST,
            "faults",
            json!({"match": matching, "effect": effect, "times": times}),
        )
        .await;
    }

    pub(crate) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        let mut switches = self.emulator.switches();
        change(&mut switches);
        self.emulator.set_switches(switches);
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.emulator
            .advance(std::time::Duration::from_secs(seconds));
    }

    /// The time it is in the emulator, `seconds` from now.
    pub(crate) fn in_seconds(&self, seconds: i64) -> String {
        let at: Timestamp = self.emulator.now() + jiff::SignedDuration::from_secs(seconds);
        at.to_string()
    }

    /// Follows `nextLink`s to the end; the items of every page, and the last page.
    pub(crate) async fn walk(&self, path: &str) -> (Vec<Vec<Value>>, Value) {
        let mut pages = Vec::new();
        let mut at = path.to_owned();
        for _ in 0..10_000 {
            let page = self.read(&at).await;
            pages.push(page["value"].as_array().unwrap().clone());
            match page["@odata.nextLink"].as_str() {
                Some(next) => at = next.to_owned(),
                None => return (pages, page),
            }
        }
        panic!("{path} never ends");
    }

    /// A delta round: its entries, and the link to the next.
    pub(crate) async fn round(&self, path: &str) -> (Vec<Value>, String) {
        let (pages, last) = self.walk(path).await;
        let link = last["@odata.deltaLink"]
            .as_str()
            .unwrap_or_else(|| panic!("no deltaLink: {last}"));
        (pages.concat(), link.to_owned())
    }
}

pub(crate) fn person(name: &str) -> Value {
    json!({
        "accountEnabled": true, "displayName": name, "mailNickname": name,
        "userPrincipalName": format!("{name}@contoso.com"), "passwordProfile": {"password": "not-used-7A"},
    })
}

pub(crate) fn id(object: &Value) -> String {
    object["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {object}"))
        .to_owned()
}

/// The ids of a list, in order.
pub(crate) fn ids(list: &[Value]) -> Vec<String> {
    list.iter().map(id).collect()
}

/// The entry with this id.
pub(crate) fn entry<'a>(list: &'a [Value], id: &str) -> &'a Value {
    list.iter()
        .find(|item| item["id"] == id)
        .unwrap_or_else(|| panic!("{id} is not in {list:?}"))
}

/// The names of an object's members, annotations apart.
pub(crate) fn names(object: &Value) -> Vec<String> {
    let names = object.as_object().unwrap().keys();
    names
        .filter(|name| !name.starts_with("@odata"))
        .cloned()
        .collect()
}
