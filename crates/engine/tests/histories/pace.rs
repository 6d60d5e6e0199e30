//! How often a connection is asked: seldom while notifications come and nothing
//! happens, and at once when something does.

use engine::{Mode, RuleDraft};
use http::Method;
use jiff::Unit;
use provisioning::psa::Kind;
use serde_json::json;
use uuid::Uuid;

use crate::chance::Chance;
use crate::directory::{add_group, add_member, add_person};
use crate::history::History;
use crate::world::{Shape, actor};

async fn connected(notifications: bool) -> (History, Uuid) {
    let mut chance = Chance::new(3);
    let shape = Shape {
        notifications,
        tight_limits: false,
        may_employ: true,
        ..Shape::of(3, &mut chance)
    };
    let mut history = History::begin(shape, chance, Some("sqlite::memory:"), None).await;
    let staff = add_group(&history.world, "staff").await;
    let amy = add_person(&history.world, "amy@contoso.com", &mut Chance::new(1)).await;
    add_member(&history.world, staff, amy).await;
    let draft: RuleDraft = history.draft(Kind::Employee, staff, 1);
    let engine = history.world.engine.clone();
    engine.create_rule(draft, false, &actor()).await.unwrap();
    assert!(history.complete(Mode::Full).await);
    (history, amy)
}

/// The seconds until the next round, after this one.
async fn round(history: &History) -> i64 {
    let engine = &history.world.engine;
    while !engine.work_once().await.unwrap() {
        history.world.advance(5);
    }
    let due = store::jobs::next_due(&history.world.db, &["sync"]).await;
    let wait = due.unwrap().unwrap().duration_since(engine.now());
    wait.round(Unit::Second).unwrap().as_secs()
}

#[tokio::test]
async fn a_calm_connection_with_notifications_is_asked_less_and_less() {
    let (history, amy) = connected(true).await;
    let mut waits = Vec::new();
    for _ in 0..6 {
        waits.push(round(&history).await);
    }
    assert_eq!(waits, [20, 40, 80, 80, 80, 80]);
    // A change is told, found at once, and the connection is asked often again.
    let path = format!("users/{amy}");
    let title = json!({ "jobTitle": "Director" });
    history.world.write(Method::PATCH, &path, title).await;
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    for post in history.world.post.take() {
        history.world.engine.notification(&post).await.unwrap();
    }
    assert!(history.world.engine.work_once().await.unwrap());
    let due = store::jobs::next_due(&history.world.db, &["sync"]).await;
    let wait = due
        .unwrap()
        .unwrap()
        .duration_since(history.world.engine.now());
    assert_eq!(wait.round(Unit::Second).unwrap().as_secs(), 10);
}

#[tokio::test]
async fn without_notifications_every_round_is_as_soon_as_the_other() {
    let (history, _) = connected(false).await;
    for _ in 0..4 {
        assert_eq!(round(&history).await, 10);
    }
}
