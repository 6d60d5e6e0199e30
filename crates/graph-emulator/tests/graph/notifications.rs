//! Deliveries: what a notification says, retries, pauses, penalties, lifecycle events.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use graph_emulator::{SendError, SendFuture, Sender};
use http::{Method, Request, Response};
use serde_json::{Value, json};

use crate::subscriptions::request;
use crate::world::{World, id};

#[derive(Default)]
struct Memory {
    validations: usize,
    behaviour: String,
    delay_seconds: u64,
    /// Statuses for the next deliveries; 202 when there is none.
    statuses: VecDeque<u16>,
    attempts: usize,
    taken: Vec<Value>,
}

/// Somebody who listens, without a socket.
#[derive(Clone, Default)]
pub(crate) struct Listener(Arc<Mutex<Memory>>);

impl Listener {
    pub(crate) fn attach(world: &World) -> Self {
        let listener = Self::default();
        world.emulator.set_sender(Arc::new(listener.clone()));
        listener
    }

    pub(crate) fn validations(&self) -> usize {
        self.0.lock().unwrap().validations
    }

    pub(crate) fn behave(&self, how: &str) {
        self.0.lock().unwrap().behaviour = how.to_owned();
    }

    pub(crate) fn delay(&self, seconds: u64) {
        self.0.lock().unwrap().delay_seconds = seconds;
    }

    fn answer_with(&self, statuses: &[u16]) {
        self.0.lock().unwrap().statuses = statuses.iter().copied().collect();
    }

    fn attempts(&self) -> usize {
        self.0.lock().unwrap().attempts
    }

    /// Everything delivered so far, taken away.
    fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().unwrap().taken)
    }

    fn answer(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, SendError> {
        let mut memory = self.0.lock().unwrap();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let token = url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "validationToken");
        let Some((_, token)) = token else {
            memory.attempts += 1;
            let status = memory.statuses.pop_front().unwrap_or(202);
            if (200..300).contains(&status) {
                let body: Value = serde_json::from_slice(request.body()).unwrap();
                memory
                    .taken
                    .extend(body["value"].as_array().unwrap().clone());
            }
            return Ok(Response::builder()
                .status(status)
                .body(Bytes::new())
                .unwrap());
        };
        memory.validations += 1;
        assert_eq!(
            request.headers()["content-type"],
            "text/plain; charset=utf-8"
        );
        let plain = Response::builder().header("content-type", "text/plain");
        match memory.behaviour.as_str() {
            "encoded" => Ok(plain
                .body(
                    query
                        .split("validationToken=")
                        .nth(1)
                        .unwrap()
                        .to_owned()
                        .into(),
                )
                .unwrap()),
            "json" => Ok(Response::builder()
                .header("content-type", "application/json")
                .body(token.into_owned().into())
                .unwrap()),
            "403" => Ok(Response::builder().status(403).body(Bytes::new()).unwrap()),
            "gone" => Err(SendError("connection refused".to_owned())),
            _ => Ok(plain.body(token.into_owned().into()).unwrap()),
        }
    }
}

impl Sender for Listener {
    fn send(&self, request: Request<Bytes>) -> SendFuture {
        let listener = self.clone();
        Box::pin(async move {
            let delay = listener.0.lock().unwrap().delay_seconds;
            if delay > 0 {
                tokio::time::sleep(Duration::from_secs(delay)).await;
            }
            listener.answer(&request)
        })
    }
}

/// Lets virtual time pass while the notifier works.
async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

async fn subscribed(resource: &str) -> (World, Listener, Value) {
    let world = World::new().await;
    let listener = Listener::attach(&world);
    let made = world
        .write(
            Method::POST,
            "subscriptions",
            request(&world, resource, 20 * 3600),
        )
        .await;
    (world, listener, made)
}

#[tokio::test(start_paused = true)]
async fn a_notification_says_who_changed_and_not_what() {
    let (world, listener, made) = subscribed("users").await;
    let amy = world.add_person("amy").await;
    pass(1).await;
    let taken = listener.take();
    assert_eq!(taken.len(), 1);
    let item = &taken[0];
    assert_eq!(item["subscriptionId"], made["id"]);
    assert_eq!(item["clientState"], "only-graph-knows");
    assert_eq!(item["tenantId"], world.tenant.to_string());
    assert_eq!(
        (&item["changeType"], &item["resource"]),
        (&json!("updated"), &json!(format!("Users/{amy}")))
    );
    assert_eq!(item["resourceData"]["@odata.type"], "#Microsoft.Graph.User");
    assert_eq!(item["resourceData"]["id"], amy);
    assert_eq!(
        item["resourceData"]["organizationId"],
        world.tenant.to_string()
    );
}

#[tokio::test(start_paused = true)]
async fn soft_deletion_is_an_update_and_purging_a_deletion() {
    let (world, listener, _) = subscribed("users").await;
    let amy = world.add_person("amy").await;
    pass(1).await;
    listener.take();
    world
        .write(Method::DELETE, &format!("users/{amy}"), Value::Null)
        .await;
    pass(1).await;
    assert_eq!(listener.take()[0]["changeType"], "updated");
    world
        .write(
            Method::DELETE,
            &format!("directory/deletedItems/{amy}"),
            Value::Null,
        )
        .await;
    pass(1).await;
    assert_eq!(listener.take()[0]["changeType"], "deleted");
}

#[tokio::test(start_paused = true)]
async fn a_group_tells_whose_membership_changed() {
    let (world, listener, _) = subscribed("groups").await;
    let (amy, sales) = (
        world.add_person("amy").await,
        world.add_group("sales").await,
    );
    pass(1).await;
    assert_eq!(listener.take().len(), 1, "people are none of its business");
    world.add_member(&sales, &amy).await;
    world.remove_member(&sales, &amy).await;
    pass(1).await;
    let taken = listener.take();
    let told: Vec<_> = taken
        .iter()
        .map(|item| &item["resourceData"]["members@delta"][0])
        .collect();
    assert_eq!(
        (&told[0]["id"], &told[0]["@removed"]),
        (&json!(amy), &Value::Null)
    );
    assert_eq!(told[1]["@removed"], "deleted");
}

#[tokio::test(start_paused = true)]
async fn subscriptions_to_one_object_hear_of_it_alone() {
    let world = World::new().await;
    let listener = Listener::attach(&world);
    let (amy, bob) = (world.add_person("amy").await, world.add_person("bob").await);
    world
        .write(
            Method::POST,
            "subscriptions",
            request(&world, &format!("users/{amy}"), 3600),
        )
        .await;
    for id in [&bob, &amy] {
        world
            .write(
                Method::PATCH,
                &format!("users/{id}"),
                json!({"jobTitle": "x"}),
            )
            .await;
    }
    pass(1).await;
    let heard: Vec<_> = listener
        .take()
        .iter()
        .map(|item| item["resourceData"]["id"].clone())
        .collect();
    assert_eq!(heard, [json!(amy)]);
}

#[tokio::test(start_paused = true)]
async fn many_changes_come_in_batches_and_in_any_order_asked_for() {
    let (world, listener, _) = subscribed("users").await;
    world.switch(|switches| {
        switches.notification_batch = 4;
        switches.notification_delay_seconds = 5.0;
        switches.notification_reversed = true;
    });
    let mut made = Vec::new();
    for number in 0..10 {
        made.push(world.add_person(&format!("p{number}")).await);
    }
    pass(6).await;
    assert_eq!(listener.attempts(), 3);
    let mut heard: Vec<_> = listener
        .take()
        .iter()
        .map(|item| item["resourceData"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_ne!(heard, made);
    heard.sort();
    made.sort();
    assert_eq!(heard, made);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_comes_again_later_and_later() {
    let (world, listener, _) = subscribed("users").await;
    listener.answer_with(&[500, 404, 503]);
    world.add_person("amy").await;
    for (seconds, attempts) in [(1, 1), (11, 2), (21, 3), (41, 4)] {
        pass(seconds).await;
        assert_eq!(listener.attempts(), attempts, "after {seconds} s more");
    }
    assert_eq!(listener.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_four_hours_it_is_given_up() {
    let (world, listener, _) = subscribed("users").await;
    world.switch(|switches| switches.subscriptions_need_token = false);
    listener.answer_with(&[500; 100]);
    world.add_person("amy").await;
    pass(5 * 3600).await;
    let attempts = listener.attempts();
    assert!((8..20).contains(&attempts), "{attempts}");
    listener.answer_with(&[]);
    pass(3600).await;
    assert_eq!(listener.take(), Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_three_seconds_is_none() {
    let (world, listener, _) = subscribed("users").await;
    listener.delay(4);
    world.add_person("amy").await;
    pass(4).await;
    listener.delay(0);
    pass(15).await;
    assert_eq!(listener.take().len(), 1, "on the second attempt");
}

#[tokio::test(start_paused = true)]
async fn without_a_valid_token_deliveries_wait_for_a_renewal() {
    let (mut world, listener, made) = subscribed("users").await;
    world.advance(2 * 3600);
    let token = world.app_token(crate::world::APP, crate::world::ALL).await;
    world.token = token;
    world.add_person("amy").await;
    pass(60).await;
    assert_eq!(listener.take(), Vec::<Value>::new());
    world
        .write(
            Method::POST,
            &format!("subscriptions/{}/reauthorize", id(&made)),
            Value::Null,
        )
        .await;
    pass(1).await;
    assert_eq!(listener.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_expired_subscription_is_silent() {
    let (mut world, listener, _) = subscribed("users").await;
    world.advance(21 * 3600);
    let token = world.app_token(crate::world::APP, crate::world::ALL).await;
    world.token = token;
    assert_eq!(world.read("subscriptions").await["value"], json!([]));
    world.add_person("amy").await;
    pass(60).await;
    assert_eq!(listener.take(), Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn a_reminder_comes_before_the_token_ends() {
    let world = World::new().await;
    let listener = Listener::attach(&world);
    let mut body = request(&world, "users", 20 * 3600);
    body["lifecycleNotificationUrl"] = "https://listener.example/life".into();
    let made = world.write(Method::POST, "subscriptions", body).await;
    pass(50 * 60).await;
    let taken = listener.take();
    assert!((1..=4).contains(&taken.len()), "{}", taken.len());
    assert!(
        taken
            .iter()
            .all(|item| item["lifecycleEvent"] == "reauthorizationRequired")
    );
    assert_eq!(taken[0]["subscriptionId"], made["id"]);
    assert_eq!(taken[0]["resourceData"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_always_late_loses_notifications() {
    let (world, listener, _) = subscribed("users").await;
    listener.delay(60);
    for number in 0..12 {
        world.add_person(&format!("p{number}")).await;
        pass(30).await;
    }
    listener.delay(0);
    let attempts = listener.attempts();
    world.add_person("lost").await;
    pass(5).await;
    let heard: Vec<_> = listener.take();
    let lost = world.read("users/lost@contoso.com").await["id"].clone();
    assert!(
        heard.iter().all(|item| item["resourceData"]["id"] != lost),
        "{attempts} attempts"
    );
}

#[tokio::test(start_paused = true)]
async fn faults_lose_and_double_notifications() {
    let (world, listener, _) = subscribed("users").await;
    for (effect, expected) in [
        (json!({"drop": true}), 0),
        (json!({"duplicate": true}), 2),
        (json!({"status": 500}), 1),
    ] {
        world
            .fault(
                json!({"method": "POST", "path": "/hook"}),
                effect.clone(),
                1,
            )
            .await;
        world
            .write(
                Method::POST,
                "users",
                crate::world::person(&format!("p{expected}")),
            )
            .await;
        pass(30).await;
        assert_eq!(listener.take().len(), expected, "{effect}");
    }
}
