//! What comes from outside, damaged in every way chance finds: nothing the
//! server is sent makes it fail, hang or keep anything, and the API says what
//! is wrong. `ROLLCALL_FUZZ=20000` tries so many for each target.

use http::{Method, StatusCode};
use serde_json::json;

use crate::world::{Call, World, bare, call};
use web::WebOptions;

/// How many for each target, unless the environment says otherwise.
const TRIES: u64 = 150;

fn tries() -> u64 {
    let wanted = std::env::var("ROLLCALL_FUZZ").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(TRIES)
}

/// Chance with a seed (splitmix64): a failure is repeated by its number.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// The text with some of it cut, doubled, swapped for what breaks parsers.
    fn damage(&mut self, text: &str) -> String {
        const ODD: [&str; 14] = [
            "\u{0}",
            "\"",
            "\\",
            "{",
            "}",
            "[",
            "null",
            "-1",
            "1e999",
            "\u{feff}",
            "\u{202e}",
            "%00",
            "99999999999999999999999",
            "\\ud800",
        ];
        let mut letters: Vec<char> = text.chars().collect();
        for _ in 0..=self.below(4) {
            let at = self.below(letters.len() + 1);
            let end = (at + self.below(12)).min(letters.len());
            match self.below(5) {
                0 => letters.truncate(at),
                1 => drop(letters.drain(at..end)),
                2 => {
                    let again: Vec<char> = letters[at..end].to_vec();
                    letters.splice(at..at, again);
                }
                3 if at < letters.len() => {
                    let code = u32::try_from(self.below(0x3000)).unwrap();
                    letters[at] = char::from_u32(code).unwrap_or('\u{fffd}');
                }
                _ => drop(letters.splice(at..end, ODD[self.below(ODD.len())].chars())),
            }
        }
        letters.into_iter().collect()
    }
}

/// Sends the damaged form of a call many times.
async fn bombard(world: &World, name: &str, whole: &str, as_call: impl Fn(&str) -> Option<Call>) {
    for seed in 0..tries() {
        let damaged = Chance(seed).damage(whole);
        let Some(call) = as_call(&damaged) else {
            continue;
        };
        // Each from a client of its own: limits are not what is tried here.
        let client = format!("10.{}.{}.{}", seed >> 16 & 255, seed >> 8 & 255, seed & 255);
        let call = call.header("x-forwarded-for", &client);
        let sent = tokio::time::timeout(std::time::Duration::from_secs(20), world.send(call));
        let reply = sent.await;
        let reply = reply.unwrap_or_else(|_| panic!("{name}, seed {seed}: no answer: {damaged}"));
        let is_limited = reply.status == StatusCode::TOO_MANY_REQUESTS;
        assert!(
            !reply.status.is_server_error() && !is_limited,
            "{name}, seed {seed}: {} for {damaged}: {}",
            reply.status,
            reply.text
        );
    }
}

/// A server behind a proxy of ours.
async fn behind_a_proxy() -> World {
    World::new().await.served(WebOptions {
        trust_forwarded_for: true,
        ..WebOptions::default()
    })
}

/// Everything that is kept of rules, connections and people.
async fn kept(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for path in ["employees", "contacts", "sync-runs"] {
        all.push(world.get(&format!("/api/v1/{path}?limit=200")).await.text);
    }
    all
}

#[tokio::test]
async fn damaged_calls_from_microsofts_side_change_nothing() {
    let world = behind_a_proxy().await;
    world.staffed(&["ada"]).await;
    let before = kept(&world).await;
    let notification = json!({ "value": [{
        "subscriptionId": "00000000-0000-0000-0000-00000000005b", "clientState": "not the secret",
        "tenantId": world.tenant, "changeType": "updated", "resource": "Users/1",
        "subscriptionExpirationDateTime": "2030-01-01T00:00:00Z", "lifecycleEvent": "missed",
        "resourceData": { "@odata.type": "#Microsoft.Graph.User", "id": "1" },
    }]});
    for path in ["/graph/notifications", "/graph/lifecycle"] {
        bombard(&world, path, &notification.to_string(), |body| {
            Some(bare(Method::POST, path).body("application/json", body))
        })
        .await;
    }
    let query = "code=0.ATcAabc_-&state=abcdefghijklmnopqrstuvwxyz&session_state=1&admin_consent=True\
                 &tenant=00000000-0000-0000-0000-000000000001&error=access_denied&error_description=no";
    bombard(&world, "callback", query, |query| {
        let path = format!("/OAuth/IntegrationCallback.aspx?{}", encoded(query));
        Some(bare(Method::GET, &path))
    })
    .await;
    assert_eq!(kept(&world).await, before);
}

/// What a browser leaves as it is of a query, everything else in per cent.
fn encoded(query: &str) -> String {
    let fine = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
    query
        .bytes()
        .map(|byte| match fine(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[tokio::test]
async fn damaged_bodies_of_the_api_are_refused_with_words() {
    let world = behind_a_proxy().await;
    let connection = world.connect().await;
    let group = world.add_group("Staff").await;
    let rule = json!({
        "name": "Staff", "order": 1, "tenant_id": world.tenant, "connection_id": connection,
        "group_id": group, "kind": "employee", "security_roles": ["User"], "roles_mode": "replace",
        "include_nested": false, "members": "all", "exclude": ["svc-*"], "enabled": true,
    });
    let employee = json!({
        "first_name": "Ada", "last_name": "Lovelace", "username": "ada", "email": "ada@example.com",
        "phones": [{ "type": "Business", "number": "+1 555 0100" }], "security_roles": ["User"],
        "job_title": "Engineer", "status": "active",
    });
    let defaults = world.get("/api/v1/employee-defaults").await.text;
    let fields = world.get("/api/v1/field-policies").await.text;
    for (method, path, body) in [
        (
            Method::POST,
            "/api/v1/mapping-rules?plan_only=true",
            rule.to_string(),
        ),
        (Method::POST, "/api/v1/employees", employee.to_string()),
        (
            Method::PUT,
            "/api/v1/employee-defaults?plan_only=true",
            defaults,
        ),
        (Method::PUT, "/api/v1/field-policies?plan_only=true", fields),
        (
            Method::POST,
            "/api/v1/webhooks",
            json!({ "url": "https://hooks.example.com/in", "events": ["run.held"] }).to_string(),
        ),
        (
            Method::POST,
            "/api/v1/tickets",
            json!({ "title": "It does not work", "status": "open" }).to_string(),
        ),
    ] {
        bombard(&world, path, &body, |body| {
            Some(call(method.clone(), path).body("application/json", body))
        })
        .await;
    }
}

#[tokio::test]
async fn damaged_cursors_filters_and_ids_are_refused_with_words() {
    let world = behind_a_proxy().await;
    world.staffed(&["ada", "sam", "tom"]).await;
    let first = world.get("/api/v1/employees?limit=1").await;
    let next = first.body["next"].as_str().unwrap();
    let id = first.items()[0]["id"].as_str().unwrap();
    for whole in [
        format!("employees?limit=1&after={next}"),
        "employees?search=ad&status=active&sort=-username&limit=2".to_owned(),
        "audit?action=create&from=2026-01-01T00:00:00Z&to=2030-01-01T00:00:00Z&limit=5".to_owned(),
        format!("employees/{id}"),
        format!("employees/{id}/why"),
    ] {
        bombard(&world, &whole, &whole, |path| {
            let path = format!("/api/v1/{}", encoded(path));
            path.parse::<http::Uri>().ok()?;
            Some(call(Method::GET, &path))
        })
        .await;
    }
}

/// That a failure is seen: the server answers 5xx when its database is gone.
#[tokio::test]
#[should_panic(expected = "seed 0")]
async fn a_failing_server_is_noticed() {
    let world = World::new().await;
    world.engine.db().close().await;
    bombard(&world, "nobody home", "employees", |_| {
        Some(call(Method::GET, "/api/v1/employees"))
    })
    .await;
}
