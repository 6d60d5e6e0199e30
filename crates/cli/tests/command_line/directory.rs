//! An emulator that serves on loopback; and a small tenant in one of its own, with
//! what its people should be.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use graph::{Clock as _, ReqwestTransport, SystemClock, Transport as _, TransportOptions};
use graph_emulator::{Emulator, Options};
use http::{Method, Request};
use serde_json::{Value, json};

/// The application the server uses.
pub(crate) const APPLICATION: &str = "0d6f6c7e-5a55-4c0e-9a4e-52a1f0c0de11";
/// Its secret.
pub(crate) const KEY: &str = "only-the-emulator-takes-this-key";
const WRITER: &str = "0d6f6c7e-5a55-4c0e-9a4e-52a1f0c0de12";
const TENANT: &str = "5b1d2c40-1a6e-4d0f-9a33-0f1c9d1e0011";

/// An emulator that serves on loopback until it is dropped.
pub(crate) struct Microsoft {
    pub(crate) base: String,
    http: Arc<ReqwestTransport>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Microsoft {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Two applications: the server's, and one that writes to the directory.
pub(crate) fn applications(tenants: &[&str]) -> Value {
    json!([
        {
            "app_id": APPLICATION, "secret": KEY, "redirect_uris": [],
            "tenants": tenants, "delegated": [],
            "application": ["Directory.Read.All", "Group.Read.All", "User.Read.All"],
        },
        {
            "app_id": WRITER, "secret": KEY, "redirect_uris": [],
            "tenants": tenants, "delegated": [],
            "application": ["User.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"],
        },
    ])
}

impl Microsoft {
    pub(crate) async fn new(scenario: &Value) -> Self {
        let emulator = Emulator::new(Options {
            seed: 3,
            start: SystemClock.now(),
        });
        let scenario = toml::to_string(scenario).unwrap();
        emulator.load_scenario(&scenario).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            emulator
                .serve(listener, std::future::pending())
                .await
                .unwrap();
        });
        let http = Arc::new(ReqwestTransport::new(TransportOptions::default()).unwrap());
        Self {
            base,
            http,
            serving,
        }
    }

    /// One call to the emulator's own surface; no body asks.
    pub(crate) async fn control(&self, path: &str, body: Option<&Value>) -> Value {
        let url = format!("{}/emulator/v1/{path}", self.base);
        let request = match body {
            None => Request::get(url).body(Bytes::new()),
            Some(body) => Request::post(url)
                .header("content-type", "application/json")
                .body(Bytes::from(body.to_string())),
        };
        let answer = self.http.send(request.unwrap(), 1 << 24).await.unwrap();
        let text = String::from_utf8_lossy(&answer.body);
        assert!(answer.status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A tenant's people, by UPN, and groups, by name, with their ids.
    pub(crate) async fn ids(&self, tenant: &str) -> BTreeMap<String, String> {
        let state = self.state(tenant).await;
        let mut ids = BTreeMap::new();
        for (list, name) in [("people", "userPrincipalName"), ("groups", "displayName")] {
            for item in state[list].as_array().unwrap() {
                let text = |key: &str| item[key].as_str().unwrap().to_owned();
                ids.insert(text(name), text("id"));
            }
        }
        ids
    }

    async fn state(&self, tenant: &str) -> Value {
        self.control(&format!("tenants/{tenant}/state"), None).await
    }

    pub(crate) async fn graph(&self, token: &str, method: Method, path: &str, body: Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/v1.0/{path}", self.base))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(if body.is_null() {
                Bytes::new()
            } else {
                Bytes::from(body.to_string())
            })
            .unwrap();
        let answer = self.http.send(request, 1 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&answer.body);
        assert!(answer.status.is_success(), "{path}: {text}");
    }

    /// A token of the application that writes.
    pub(crate) async fn token(&self, tenant: &str) -> String {
        let form = format!(
            "client_id={WRITER}&client_secret={KEY}&grant_type=client_credentials&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"
        );
        let request = Request::post(format!("{}/{tenant}/oauth2/v2.0/token", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .unwrap();
        let answer = self.http.send(request, 1 << 20).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }
}

/// The small tenant.
pub(crate) struct Directory {
    pub(crate) base: String,
    microsoft: Microsoft,
    /// Ids by name.
    ids: BTreeMap<String, String>,
}

impl Directory {
    pub(crate) async fn new() -> Self {
        let people: Vec<Value> = (1..=10)
            .map(|n| {
                json!({
                    "displayName": format!("Person {n}"), "givenName": "Person",
                    "surname": format!("Number {n}"), "userType": "Member",
                    "userPrincipalName": format!("p{n}@contoso.com"),
                    "mail": format!("p{n}@contoso.com"), "jobTitle": "Engineer",
                })
            })
            .collect();
        let in_group = |from: u32, to: u32| -> Vec<String> {
            (from..=to).map(|n| format!("p{n}@contoso.com")).collect()
        };
        let scenario = json!({
            "tenants": [{
                "domain": "contoso.onmicrosoft.com", "tenant_id": TENANT,
                "display_name": "Contoso", "verified_domains": ["contoso.com"],
                "people": people,
                "groups": [
                    { "displayName": "Staff", "members": in_group(1, 6) },
                    { "displayName": "Portal", "members": in_group(7, 10) },
                ],
            }],
            "apps": applications(&[TENANT]),
        });
        let microsoft = Microsoft::new(&scenario).await;
        Self {
            base: microsoft.base.clone(),
            ids: microsoft.ids(TENANT).await,
            microsoft,
        }
    }

    /// The id of a person by UPN, or of a group by name.
    pub(crate) fn id(&self, name: &str) -> &str {
        &self.ids[name]
    }

    pub(crate) fn tenant(&self) -> &'static str {
        TENANT
    }

    /// One is renamed, one deleted, one leaves the group, one changes kind.
    pub(crate) async fn changes(&self) {
        let token = self.microsoft.token(TENANT).await;
        let (staff, portal) = (self.id("Staff"), self.id("Portal"));
        let person = |n: u32| self.id(&format!("p{n}@contoso.com"));
        let renamed = json!({ "surname": "Renamed" });
        self.microsoft
            .graph(
                &token,
                Method::PATCH,
                &format!("users/{}", person(1)),
                renamed,
            )
            .await;
        self.microsoft
            .graph(
                &token,
                Method::DELETE,
                &format!("users/{}", person(2)),
                Value::Null,
            )
            .await;
        for n in [3, 4] {
            let path = format!("groups/{staff}/members/{}/$ref", person(n));
            self.microsoft
                .graph(&token, Method::DELETE, &path, Value::Null)
                .await;
        }
        let reference = format!(
            "https://graph.microsoft.com/v1.0/directoryObjects/{}",
            person(4)
        );
        let path = format!("groups/{portal}/members/$ref");
        self.microsoft
            .graph(
                &token,
                Method::POST,
                &path,
                json!({ "@odata.id": reference }),
            )
            .await;
    }

    /// What everybody linked should be: kind, status and last name by object id.
    pub(crate) async fn expected(&self) -> BTreeMap<String, String> {
        let state = self.microsoft.state(TENANT).await;
        let groups = state["groups"].as_array().unwrap();
        let is_in = |name: &str, id: &str| {
            let group = groups.iter().find(|group| group["displayName"] == name);
            let members = group.unwrap()["members"].as_array().unwrap();
            members.iter().any(|member| member == id)
        };
        let mut expected = BTreeMap::new();
        for (name, id) in &self.ids {
            let Some(number) = name
                .strip_prefix('p')
                .and_then(|rest| rest.split('@').next())
            else {
                continue;
            };
            let Ok(number) = number.parse::<u32>() else {
                continue;
            };
            let person = state["people"].as_array().unwrap().iter();
            let person = person.clone().find(|person| person["id"] == id.as_str());
            let surname = person.map_or_else(
                || format!("Number {number}"),
                |person| person["surname"].as_str().unwrap().to_owned(),
            );
            let is_deleted = person.is_none_or(|person| !person["deletedDateTime"].is_null());
            let what = if is_deleted {
                "employee inactive none"
            } else if is_in("Staff", id) {
                "employee active granted"
            } else if is_in("Portal", id) {
                "contact active granted"
            } else {
                "employee active none"
            };
            expected.insert(id.clone(), format!("{what} {surname}"));
        }
        expected
    }
}
