//! The whole product from outside: emulator, server, consent, rules, first
//! sync; counted against what the emulator says is true.

#![allow(clippy::unwrap_used)] // a test fails by unwrap

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use graph::{ReqwestTransport, Transport as _, TransportOptions};
use serde_json::Value;

const PEOPLE: &str = "200";

fn demo(directory: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    let data = directory.join("data").display().to_string();
    command
        .args(["demo", "--json", "--people", PEOPLE, "--data-dir", &data])
        .args([
            "--listen",
            "127.0.0.1:0",
            "--emulator-listen",
            "127.0.0.1:0",
        ])
        .args(more)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// A running demo; ended as a service manager would end it.
struct Running(Child);

impl Running {
    fn stop(mut self) -> Option<i32> {
        let id = self.0.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(asked.success());
        for _ in 0..200 {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.0.kill().unwrap();
        panic!("SIGTERM did not end the demo");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already when the test got that far.
        let _ = self.0.kill();
    }
}

struct Http(ReqwestTransport, String);

impl Http {
    async fn get(&self, url: &str) -> Value {
        let request = http::Request::get(url)
            .header("authorization", format!("Bearer {}", self.1))
            .body(Bytes::new())
            .unwrap();
        let answer = self.0.send(request, 1 << 26).await.unwrap();
        assert!(answer.status.is_success(), "{url}: {}", answer.status);
        serde_json::from_slice(&answer.body).unwrap()
    }

    async fn items(&self, url: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut next = format!("{url}?limit=100");
        loop {
            let page = self.get(&next).await;
            items.extend(page["items"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(after) => next = format!("{url}?limit=100&after={after}"),
                None => return items,
            }
        }
    }
}

/// Everybody in a group, through groups in it.
fn members<'a>(
    groups: &'a BTreeMap<&str, &'a Value>,
    name: &str,
    nested: bool,
) -> BTreeSet<&'a str> {
    let group = groups
        .values()
        .find(|group| group["displayName"] == name)
        .unwrap();
    let mut found = BTreeSet::new();
    let mut open = vec![*group];
    while let Some(group) = open.pop() {
        for id in group["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_str().unwrap())
        {
            match groups.get(id) {
                Some(inner) if nested => open.push(inner),
                Some(_) => {}
                None => drop(found.insert(id)),
            }
        }
    }
    found
}

/// The UPNs that shall have a record, by the decisions and the sample's rules,
/// reckoned from the directory alone.
fn expected(state: &Value, is_msp: bool, own: &[&str]) -> BTreeSet<String> {
    let groups = state["groups"].as_array().unwrap();
    let groups: BTreeMap<&str, &Value> = groups
        .iter()
        .map(|group| (group["id"].as_str().unwrap(), group))
        .collect();
    let mapped: &[(&str, bool)] = if is_msp {
        &[
            ("Administrators", false),
            ("Finance", false),
            ("Service Desk", true),
            ("Projects", false),
            ("Contractors", false),
            ("Staff", true),
        ]
    } else {
        &[("Portal Managers", false), ("Portal Users", true)]
    };
    let ids: BTreeSet<&str> = mapped
        .iter()
        .flat_map(|(name, nested)| members(&groups, name, *nested))
        .collect();
    let people = state["people"].as_array().unwrap().iter();
    let wanted = people.filter(|person| {
        let upn = person["userPrincipalName"].as_str().unwrap();
        let mail = person["mail"].as_str().unwrap_or_default();
        let is_guest = upn.contains("#EXT#");
        let at_home_elsewhere = is_guest
            && own
                .iter()
                .any(|domain| mail.ends_with(&format!("@{domain}")));
        ids.contains(person["id"].as_str().unwrap())
            && person["accountEnabled"] == true
            && !upn.starts_with("svc-")
            && !at_home_elsewhere
            && (!is_guest || !mail.is_empty())
            // Filed under another account: waits for a person.
            && upn != "willi.arndt@brandtlogistics.example"
    });
    wanted
        .map(|person| person["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_first_sync_gives_exactly_the_people_the_directories_hold() {
    let here = tempfile::tempdir().unwrap();
    let mut child = demo(here.path(), &["--no-churn"]).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let running = Running(child);
    out.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let text = |key: &str| ready[key].as_str().unwrap().to_owned();
    let transport = ReqwestTransport::new(TransportOptions::default()).unwrap();
    let http = Http(transport, text("api_token"));
    let (api, emulator) = (format!("{}/api/v1", text("base_url")), text("emulator_url"));

    let tenants = http.get(&format!("{emulator}/emulator/v1/tenants")).await;
    let tenants = tenants["items"].as_array().unwrap().clone();
    let own: Vec<&str> = tenants
        .iter()
        .map(|tenant| tenant["default_domain"].as_str().unwrap())
        .collect();
    let found = [
        ("employee", http.items(&format!("{api}/employees")).await),
        ("contact", http.items(&format!("{api}/contacts")).await),
    ];
    let mut in_directories = 0;
    for tenant in &tenants {
        let id = tenant["id"].as_str().unwrap();
        let state = http
            .get(&format!("{emulator}/emulator/v1/tenants/{id}/state"))
            .await;
        in_directories += state["people"].as_array().unwrap().len();
        let is_msp = tenant["display_name"] == "Harbour IT";
        for (kind, records) in &found {
            let wanted = if (*kind == "employee") == is_msp {
                expected(&state, is_msp, &own)
            } else {
                BTreeSet::new()
            };
            let sources = records.iter().map(|record| &record["source"]);
            let linked: BTreeSet<String> = sources
                .filter(|source| source["tenant_id"] == id)
                .map(|source| source["object_id"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(linked, wanted, "{kind}s of {}", tenant["display_name"]);
        }
    }
    people_sign_in_with_microsoft(&ready).await;
    let failed = http.items(&format!("{api}/sync-runs")).await;
    let failed: Vec<_> = failed
        .iter()
        .filter(|run| run["status"] != "done")
        .collect();
    assert!(failed.is_empty(), "a visitor reads no failures: {failed:?}");
    let summary = &ready["summary"];
    let linked = |records: &[Value]| {
        records
            .iter()
            .filter(|record| !record["source"].is_null())
            .count()
    };
    assert_eq!(summary["tenants"], tenants.len());
    assert_eq!(summary["people"], in_directories);
    assert_eq!(summary["employees"], linked(&found[0].1));
    assert_eq!(summary["contacts"], linked(&found[1].1));
    assert_eq!(
        running.stop(),
        Some(0),
        "a stop that was asked for is no failure"
    );
}

/// A browser that shows what it is led to.
struct Browser {
    http: ReqwestTransport,
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

impl Browser {
    /// Sends a request and follows redirects; the last address and its page.
    async fn go(&mut self, url: &str, form: Option<String>) -> (url::Url, u16, String) {
        let (mut url, mut form) = (url::Url::parse(url).unwrap(), form);
        for _ in 0..12 {
            let jar = self.cookies.entry(url.authority().to_owned()).or_default();
            let cookies: Vec<_> = jar
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let request = match form {
                None => http::Request::get(url.as_str()),
                Some(_) => http::Request::post(url.as_str())
                    .header("content-type", "application/x-www-form-urlencoded"),
            };
            let request = request
                .header("accept", "text/html")
                .header("cookie", cookies.join("; "))
                .body(Bytes::from(form.take().unwrap_or_default()))
                .unwrap();
            let answer = self.http.send(request, 1 << 24).await.unwrap();
            for header in answer.headers.get_all("set-cookie") {
                let pair = header.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                jar.insert(name.to_owned(), value.to_owned());
            }
            let Some(to) = answer.headers.get("location") else {
                let page = String::from_utf8_lossy(&answer.body).into_owned();
                return (url, answer.status.as_u16(), page);
            };
            url = url.join(to.to_str().unwrap()).unwrap();
        }
        panic!("the sign-in goes in circles");
    }
}

/// Each of the sample's people by the real code flow: the account page, the
/// code, the session, their own page.
async fn people_sign_in_with_microsoft(ready: &Value) {
    let base = ready["base_url"].as_str().unwrap();
    let people = ready["microsoft_sign_ins"].as_array().unwrap();
    assert_eq!(people.len(), 4);
    for person in people {
        let text = |key: &str| person[key].as_str().unwrap();
        let mut browser = Browser {
            http: ReqwestTransport::new(TransportOptions::default()).unwrap(),
            cookies: BTreeMap::new(),
        };
        let start = format!("{base}/sign-in/microsoft");
        let (at, _, page) = browser.go(&start, None).await;
        assert!(at.path().ends_with("/authorize"), "{at}: {page}");
        let button = page
            .lines()
            .find(|line| line.contains(text("user_principal_name")));
        let button = button.unwrap_or_else(|| panic!("{person} is not offered: {page}"));
        let value = button
            .split("value=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let (at, status, page) = browser
            .go(at.as_str(), Some(format!("account={value}")))
            .await;
        assert_eq!((status, at.path()), (200, text("page")), "{person}: {page}");
        assert!(at.as_str().starts_with(base), "{at}");
        let first = text("user_principal_name").split('.').next().unwrap();
        assert!(page.to_lowercase().contains(first), "{person}: {page}");
    }
}

#[test]
fn once_prints_one_json_object_and_ends() {
    let here = tempfile::tempdir().unwrap();
    let output = demo(here.path(), &["--once"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |key: &str| {
        summary[key]
            .as_u64()
            .unwrap_or_else(|| panic!("{key}: {summary}"))
    };
    // 4 employees and 12 contacts were there and have people in the directories.
    assert_eq!(number("adopted"), 16, "{summary}");
    assert_eq!(
        number("adopted") + number("created"),
        number("employees") + number("contacts"),
        "{summary}"
    );
    assert_eq!(
        number("review"),
        2,
        "no address, and another account: {summary}"
    );
    assert_eq!(number("tenants"), 5);
    let runs = summary["runs"].as_array().unwrap();
    assert!(runs.iter().all(|run| run["status"] == "done"), "{summary}");
    assert!(summary["seconds"].as_f64().unwrap() > 0.0);
}
