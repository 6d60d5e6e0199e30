//! Webhooks, their outbox, and requests that are sent again.

use store::idempotency_keys::{self, Begin, Replay};
use store::psa_ids::WebhookId;
use store::webhook_deliveries::{self, Delivery, DeliveryStatus, Message};
use store::webhooks::{self, Webhook, WebhookEvent};
use store::{StoreError, Tx};
use uuid::Uuid;

use crate::samples::time;
use crate::support::both;

use WebhookEvent::{PersonCreated, PersonUpdated, RunFinished};

fn webhook(n: u128, events: &[WebhookEvent]) -> Webhook {
    Webhook {
        id: WebhookId(Uuid::from_u128(n)),
        url: "https://example.org/hook".into(),
        description: String::new(),
        events: events.to_vec(),
        enabled: true,
        version: 1,
        created_at: time(0),
        updated_at: time(0),
    }
}

fn message(event: WebhookEvent, n: u32) -> Message {
    Message {
        event,
        body: format!("{{\"n\":{n}}}"),
    }
}

async fn emit(tx: &mut Tx, messages: &[Message]) -> u64 {
    webhook_deliveries::emit(tx, messages, time(0))
        .await
        .unwrap()
}

fn bodies(list: &[Delivery]) -> Vec<&str> {
    list.iter().map(|delivery| delivery.body.as_str()).collect()
}

both! {
    webhooks_are_kept_and_changed(db) {
        let mut tx = db.begin().await.unwrap();
        let mut one = webhook(1, &[RunFinished, PersonCreated, RunFinished]);
        webhooks::insert(&mut tx, &one).await.unwrap();
        one.events = vec![PersonCreated, RunFinished];
        assert_eq!(webhooks::get(&mut tx, one.id).await.unwrap(), Some(one.clone()));
        webhooks::insert(&mut tx, &webhook(2, &[PersonUpdated])).await.unwrap();
        assert_eq!(webhooks::list(&mut tx).await.unwrap().len(), 2);
        let wanted = webhooks::wanted(&mut tx).await.unwrap();
        assert_eq!(wanted, [PersonCreated, PersonUpdated, RunFinished].into());
        one.enabled = false;
        assert_eq!(webhooks::update(&mut tx, &one, 1, time(1)).await.unwrap(), 2);
        assert_eq!(webhooks::wanted(&mut tx).await.unwrap(), [PersonUpdated].into());
        let stale = webhooks::update(&mut tx, &one, 1, time(1)).await;
        assert!(matches!(stale, Err(StoreError::Stale { what: "webhook" })));
        webhooks::delete(&mut tx, one.id, 2).await.unwrap();
        let gone = webhooks::delete(&mut tx, one.id, 2).await;
        assert!(matches!(gone, Err(StoreError::NotFound { what: "webhook" })));
    }

    each_listener_gets_what_it_listens_to_in_order(db) {
        let mut tx = db.begin().await.unwrap();
        assert_eq!(emit(&mut tx, &[message(PersonCreated, 0)]).await, 0);
        let off = Webhook { enabled: false, ..webhook(3, &[PersonCreated]) };
        for webhook in [webhook(1, &[PersonCreated, PersonUpdated]), webhook(2, &[PersonCreated]), off] {
            webhooks::insert(&mut tx, &webhook).await.unwrap();
        }
        let many: Vec<_> = (1..=700).map(|n| message(PersonUpdated, n)).collect();
        assert_eq!(emit(&mut tx, &[message(PersonCreated, 0), message(RunFinished, 0)]).await, 2);
        assert_eq!(emit(&mut tx, &many).await, 700);
        let newest = webhook_deliveries::list(&mut tx, webhook(1, &[]).id, None, None, 2).await;
        let newest = newest.unwrap();
        assert_eq!(bodies(&newest.items), [r#"{"n":700}"#, r#"{"n":699}"#]);
        let next = newest.next.as_ref();
        let pending = Some(DeliveryStatus::Pending);
        let id = webhook(1, &[]).id;
        let more = webhook_deliveries::list(&mut tx, id, pending, next, 999).await.unwrap();
        assert_eq!((more.items.len(), more.next), (699, None));
        let failed = Some(DeliveryStatus::Failed);
        let none = webhook_deliveries::list(&mut tx, id, failed, None, 9).await.unwrap();
        assert_eq!(none.items, []);
        webhooks::delete(&mut tx, id, 1).await.unwrap();
        assert_eq!(webhook_deliveries::get(&mut tx, newest.items[0].id).await.unwrap(), None);
    }

    a_claimed_delivery_is_nobody_elses_until_its_lease_ends(db) {
        let mut tx = db.begin().await.unwrap();
        webhooks::insert(&mut tx, &webhook(1, &[PersonCreated])).await.unwrap();
        emit(&mut tx, &[message(PersonCreated, 1), message(PersonCreated, 2)]).await;
        assert_eq!(webhook_deliveries::next_due(&mut tx).await.unwrap(), Some(time(0)));
        let early = webhook_deliveries::claim(&mut tx, time(-1), time(60), 9).await.unwrap();
        assert_eq!(early, []);
        let first = webhook_deliveries::claim(&mut tx, time(1), time(60), 1).await.unwrap();
        assert_eq!((bodies(&first), first[0].attempts), (vec![r#"{"n":1}"#], 1));
        let second = webhook_deliveries::claim(&mut tx, time(1), time(60), 9).await.unwrap();
        assert_eq!(bodies(&second), [r#"{"n":2}"#]);
        let none = webhook_deliveries::claim(&mut tx, time(59), time(90), 9).await.unwrap();
        assert_eq!(none, []);
        let again = webhook_deliveries::claim(&mut tx, time(60), time(120), 9).await.unwrap();
        assert_eq!(again.iter().map(|delivery| delivery.attempts).collect::<Vec<_>>(), [2, 2]);
        let late = webhook_deliveries::delivered(&mut tx, first[0].id, 1, Some(200), time(61)).await;
        assert!(matches!(late, Err(StoreError::Fenced)));
    }

    a_delivery_ends_delivered_or_failed_and_can_be_sent_again(db) {
        let mut tx = db.begin().await.unwrap();
        webhooks::insert(&mut tx, &webhook(1, &[PersonCreated])).await.unwrap();
        emit(&mut tx, &[message(PersonCreated, 1), message(PersonCreated, 2)]).await;
        let claimed = webhook_deliveries::claim(&mut tx, time(0), time(60), 9).await.unwrap();
        let (one, two) = (claimed[0].id, claimed[1].id);
        webhook_deliveries::delivered(&mut tx, one, 1, Some(204), time(5)).await.unwrap();
        let failed = Some(time(30));
        webhook_deliveries::retry(&mut tx, two, 1, Some(500), "oops", failed).await.unwrap();
        let found = webhook_deliveries::get(&mut tx, two).await.unwrap().unwrap();
        assert_eq!((found.status, found.next_at), (DeliveryStatus::Pending, time(30)));
        assert_eq!((found.last_status, found.last_error.as_deref()), (Some(500), Some("oops")));
        webhook_deliveries::claim(&mut tx, time(30), time(60), 9).await.unwrap();
        webhook_deliveries::retry(&mut tx, two, 2, None, "timed out", None).await.unwrap();
        assert_eq!(webhook_deliveries::next_due(&mut tx).await.unwrap(), None);
        let found = webhook_deliveries::get(&mut tx, two).await.unwrap().unwrap();
        assert_eq!((found.status, found.last_status), (DeliveryStatus::Failed, None));
        webhook_deliveries::redeliver(&mut tx, one, time(70)).await.unwrap();
        let due = webhook_deliveries::claim(&mut tx, time(70), time(80), 9).await.unwrap();
        assert_eq!((due[0].id, due[0].attempts, due[0].delivered_at), (one, 2, None));
        let nothing = webhook_deliveries::redeliver(&mut tx, 999, time(70)).await;
        assert!(matches!(nothing, Err(StoreError::NotFound { .. })));
        assert_eq!(webhook_deliveries::purge(&mut tx, time(99)).await.unwrap(), 1);
        assert!(webhook_deliveries::get(&mut tx, one).await.unwrap().is_some());
    }

    a_request_sent_again_gets_the_first_answer(db) {
        let mut tx = db.begin().await.unwrap();
        let begin = async |tx: &mut Tx, who: &str, hash: u8, at| {
            let (now, abandoned) = (time(at), time(at - 60));
            idempotency_keys::begin(tx, who, "key", &[hash; 32], now, abandoned).await.unwrap()
        };
        let answer = Replay {
            status: 201,
            headers: vec![("location".into(), "/x".into())],
            body: "{}".into(),
        };
        assert_eq!(begin(&mut tx, "a", 1, 0).await, Begin::New);
        assert_eq!(begin(&mut tx, "a", 1, 60).await, Begin::InProgress);
        assert_eq!(begin(&mut tx, "a", 2, 60).await, Begin::Mismatch);
        assert_eq!(begin(&mut tx, "b", 2, 60).await, Begin::New);
        assert_eq!(begin(&mut tx, "a", 1, 61).await, Begin::New);
        idempotency_keys::finish(&mut tx, "a", "key", &answer).await.unwrap();
        assert_eq!(begin(&mut tx, "a", 1, 500).await, Begin::Replay(answer.clone()));
        assert_eq!(begin(&mut tx, "a", 2, 500).await, Begin::Mismatch);
        idempotency_keys::forget(&mut tx, "b", "key").await.unwrap();
        assert_eq!(begin(&mut tx, "b", 9, 62).await, Begin::New);
        assert_eq!(idempotency_keys::purge(&mut tx, time(62)).await.unwrap(), 1);
        assert_eq!(begin(&mut tx, "a", 3, 500).await, Begin::New);
        let nobody = idempotency_keys::finish(&mut tx, "c", "key", &answer).await;
        assert!(matches!(nobody, Err(StoreError::NotFound { .. })));
    }
}
