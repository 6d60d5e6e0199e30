//! What leaves the server by itself: webhooks, to a receiver of ours that runs
//! in the same process.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use engine::{Courier, Mail, Mailer, Undelivered, sign};
use graph::RouterTransport;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{World, call};

const HOOKS: &str = "/api/v1/webhooks";

/// What a receiver got, and what it answers.
#[derive(Clone)]
struct Receiver {
    got: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answer: Arc<Mutex<StatusCode>>,
}

impl Receiver {
    fn new() -> Self {
        Self {
            got: Arc::default(),
            answer: Arc::new(Mutex::new(StatusCode::NO_CONTENT)),
        }
    }

    fn answers(&self, status: StatusCode) {
        *self.answer.lock().unwrap() = status;
    }

    fn router(&self) -> Router {
        async fn take(
            State(receiver): State<Receiver>,
            headers: HeaderMap,
            body: Bytes,
        ) -> StatusCode {
            let text = String::from_utf8(body.to_vec()).unwrap();
            receiver.got.lock().unwrap().push((headers, text));
            *receiver.answer.lock().unwrap()
        }
        Router::new()
            .route("/in", post(take))
            .with_state(self.clone())
    }

    fn count(&self) -> usize {
        self.got.lock().unwrap().len()
    }
}

impl World {
    fn courier(&self, receiver: &Receiver) -> Courier {
        let transport = Arc::new(RouterTransport::new(receiver.router()));
        Courier::new(self.engine.clone(), transport, false)
    }

    /// A webhook to the receiver: its path and secret.
    async fn hook(&self, events: &[&str]) -> (String, String) {
        let hook = json!({ "url": "https://hooks.example.com/in", "events": events });
        let made = self.post(HOOKS, hook).await;
        made.is(StatusCode::CREATED);
        let path = format!("{HOOKS}/{}", made.body["id"].as_str().unwrap());
        (path, made.body["secret"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn a_change_by_hand_is_told_signed_as_standard_webhooks() {
    let (world, receiver) = (World::new().await, Receiver::new());
    let courier = world.courier(&receiver);
    let (path, secret) = world.hook(&["person.created"]).await;
    let id = world
        .made("/api/v1/employees", json!({ "first_name": "Ada" }))
        .await;
    assert_eq!(courier.send_due().await.unwrap(), 1);
    let (headers, body) = receiver.got.lock().unwrap()[0].clone();
    let header = |name: &str| headers[name].to_str().unwrap();
    let at: i64 = header("webhook-timestamp").parse().unwrap();
    let expected = sign(&secret, header("webhook-id"), at, &body).unwrap();
    assert_eq!(header("webhook-signature"), expected);
    assert_eq!(header("content-type"), "application/json");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["type"], "person.created");
    assert_eq!(body["data"]["id"], id.as_str());
    assert!(body["timestamp"].is_string());
    let log = world.get(&format!("{path}/deliveries")).await;
    assert_eq!(log.items()[0]["status"], "delivered");
    assert_eq!(log.items()[0]["last_status"], 204);
    assert_eq!(courier.send_due().await.unwrap(), 0);
}

#[tokio::test]
async fn what_the_directory_brings_is_told_to_whoever_listens_to_it() {
    let (world, receiver) = (World::new().await, Receiver::new());
    let courier = world.courier(&receiver);
    world
        .hook(&["person.created", "person.access_revoked", "run.finished"])
        .await;
    world.staffed(&["ada"]).await;
    let rules = world.get("/api/v1/mapping-rules").await;
    let path = format!("/api/v1/mapping-rules/{}", rules.each("id")[0]);
    let deleted = world.delete(&path).await;
    world.finished(&deleted.body["run_id"]).await;
    while courier.send_due().await.unwrap() > 0 {}
    let got = receiver.got.lock().unwrap().clone();
    let bodies = got
        .iter()
        .map(|(_, body)| serde_json::from_str::<Value>(body).unwrap());
    let bodies: Vec<Value> = bodies.collect();
    let of = |kind: &str| {
        bodies
            .iter()
            .filter(|body| body["type"] == kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("person.created").len(), 1);
    assert_eq!(of("person.created")[0]["data"]["email"], "ada@contoso.com");
    assert_eq!(of("person.access_revoked").len(), 1);
    assert!(of("run.finished").len() >= 2);
    assert!(of("person.updated").is_empty());
    assert!(
        of("run.finished")
            .iter()
            .all(|body| body["data"]["status"] == "done")
    );
}

#[tokio::test]
async fn a_held_run_is_told_with_its_reason() {
    let world = World::with(|options| options.auto_approve_first = false).await;
    let receiver = Receiver::new();
    world.hook(&["run.held"]).await;
    let connection = world.connect().await;
    let (group, ada) = (
        world.add_group("Staff").await,
        world.add_person("ada").await,
    );
    world.add_member(group, ada).await;
    world.employees_of(group).await;
    world.sync(&connection).await;
    world.courier(&receiver).send_due().await.unwrap();
    let got = receiver.got.lock().unwrap().clone();
    assert!(
        got.iter().any(|(_, body)| body.contains("first_sync")),
        "{got:?}"
    );
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_later_and_redelivered_at_once() {
    let (world, receiver) = (World::new().await, Receiver::new());
    let courier = world.courier(&receiver);
    let (path, _) = world.hook(&["person.created"]).await;
    receiver.answers(StatusCode::INTERNAL_SERVER_ERROR);
    world
        .made("/api/v1/employees", json!({ "first_name": "Ada" }))
        .await;
    courier.send_due().await.unwrap();
    let log = world.get(&format!("{path}/deliveries")).await;
    let delivery = &log.items()[0];
    assert_eq!(delivery["status"], "pending");
    assert_eq!(delivery["attempts"], 1);
    assert_eq!(delivery["last_status"], 500);
    assert!(delivery["last_error"].as_str().unwrap().contains("500"));
    assert!(delivery["next_at"].as_str() > delivery["created_at"].as_str());
    // Not before its time.
    assert_eq!(courier.send_due().await.unwrap(), 0);
    receiver.answers(StatusCode::OK);
    let again = format!("{path}/deliveries/{}/redeliver", delivery["id"]);
    world
        .send(call(Method::POST, &again))
        .await
        .is(StatusCode::ACCEPTED);
    assert_eq!(courier.send_due().await.unwrap(), 1);
    let got = receiver.got.lock().unwrap().clone();
    assert_eq!(
        got[0].0["webhook-id"], got[1].0["webhook-id"],
        "one message, one id"
    );
    let log = world
        .get(&format!("{path}/deliveries?status=delivered"))
        .await;
    assert_eq!(log.items().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_is_gone_and_a_webhook_that_is_off_get_nothing_more() {
    let (world, receiver) = (World::new().await, Receiver::new());
    let courier = world.courier(&receiver);
    let (path, _) = world.hook(&["person.created"]).await;
    receiver.answers(StatusCode::GONE);
    world
        .made("/api/v1/employees", json!({ "first_name": "Ada" }))
        .await;
    courier.send_due().await.unwrap();
    let log = world.get(&format!("{path}/deliveries")).await;
    assert_eq!(log.items()[0]["status"], "failed");
    world
        .made("/api/v1/employees", json!({ "first_name": "Bo" }))
        .await;
    world
        .patch(&path, json!({ "enabled": false }))
        .await
        .is(StatusCode::OK);
    courier.send_due().await.unwrap();
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_target_that_is_private_now_gets_nothing() {
    let (world, receiver) = (World::new().await, Receiver::new());
    let (path, _) = world.hook(&["person.created"]).await;
    let mut tx = world.engine.db().begin().await.unwrap();
    let moved = "UPDATE webhooks SET url = 'http://127.0.0.1/in'";
    tx.execute(moved, vec![]).await.unwrap();
    tx.commit().await.unwrap();
    world
        .made("/api/v1/employees", json!({ "first_name": "Ada" }))
        .await;
    world.courier(&receiver).send_due().await.unwrap();
    assert_eq!(receiver.count(), 0);
    let log = world.get(&format!("{path}/deliveries")).await;
    assert_eq!(log.items()[0]["status"], "failed");
}

/// A mail server's stand-in: what it was handed, and what it answers.
#[derive(Default)]
struct Post {
    taken: Mutex<Vec<Mail>>,
    refuses: Mutex<Option<Undelivered>>,
}

impl Mailer for Post {
    fn send<'a>(
        &'a self,
        mail: &'a Mail,
    ) -> Pin<Box<dyn Future<Output = Result<(), Undelivered>> + Send + 'a>> {
        Box::pin(async move {
            if let Some(refusal) = self.refuses.lock().unwrap().clone() {
                return Err(refusal);
            }
            self.taken.lock().unwrap().push(mail.clone());
            Ok(())
        })
    }
}

#[tokio::test]
async fn mail_tells_in_words_what_waits_and_where_to_look() {
    let world = World::new().await.with_mail();
    let post = Arc::new(Post::default());
    let courier = world.courier(&Receiver::new()).by_mail(post.clone());
    let hook = json!({ "url": "mailto:ops@example.com", "events": ["run.finished", "run.held"] });
    let made = world.post(HOOKS, hook).await;
    made.is(StatusCode::CREATED);
    let path = format!("{HOOKS}/{}", made.body["id"].as_str().unwrap());
    *post.refuses.lock().unwrap() = Some(Undelivered::Now("the mail server is busy".to_owned()));
    world.staffed(&["ada"]).await;
    courier.send_due().await.unwrap();
    let log = world.get(&format!("{path}/deliveries")).await;
    assert_eq!(log.items()[0]["status"], "pending");
    assert_eq!(log.items()[0]["last_error"], "the mail server is busy");

    *post.refuses.lock().unwrap() = None;
    let id = log.items()[0]["id"].as_i64().unwrap();
    let again = format!("{path}/deliveries/{id}/redeliver");
    world.post(&again, json!({})).await.is(StatusCode::ACCEPTED);
    courier.send_due().await.unwrap();
    let mail = post.taken.lock().unwrap()[0].clone();
    assert_eq!(mail.to, "ops@example.com");
    assert!(
        mail.subject.starts_with("[Rollcall] A sync of contoso"),
        "{}",
        mail.subject
    );
    assert!(
        mail.text.contains("http://localhost:9443/runs/"),
        "{}",
        mail.text
    );
    let log = world.get(&format!("{path}/deliveries")).await;
    let sent = log.items().iter().find(|one| one["id"] == id).unwrap();
    assert_eq!(
        (&sent["status"], &sent["last_status"]),
        (&json!("delivered"), &json!(null))
    );
}

#[tokio::test]
async fn mail_is_not_for_single_people_and_not_without_a_mail_server() {
    let world = World::new().await;
    let hook = |events: &[&str]| json!({ "url": "mailto:ops@example.com", "events": events });
    let none = world.post(HOOKS, hook(&["run.held"])).await;
    none.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "no_mail");
    assert!(none.body["cure"].as_str().unwrap().contains("mail.host"));
    let world = world.with_mail();
    let flood = world
        .post(HOOKS, hook(&["run.held", "person.created"]))
        .await;
    flood.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    assert!(flood.text.contains("person.created"), "{}", flood.text);
    let id = world.made(HOOKS, hook(&["run.held"])).await;
    let flood = json!({ "events": ["person.updated"] });
    let flood = world.patch(&format!("{HOOKS}/{id}"), flood).await;
    flood.is(StatusCode::UNPROCESSABLE_ENTITY);
}
