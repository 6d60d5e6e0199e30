//! How often a connection is asked: seldom while notifications come and nothing
//! happens, and at once when something does.

use http::Method;
use jiff::Unit;
use serde_json::json;

use crate::history::History;

/// The seconds until the next round.
async fn wait(history: &History) -> i64 {
    let due = store::jobs::next_due(&history.world.db, &["sync"]).await;
    let wait = due
        .unwrap()
        .unwrap()
        .duration_since(history.world.engine.now());
    wait.round(Unit::Second).unwrap().as_secs()
}

/// The same, after the next one.
async fn round(history: &History) -> i64 {
    while !history.world.engine.work_once().await.unwrap() {
        history.world.advance(5);
    }
    wait(history).await
}

#[tokio::test]
async fn a_calm_connection_with_notifications_is_asked_less_and_less() {
    let (mut history, _, amy) = History::staffed(true).await;
    let mut waits = Vec::new();
    for _ in 0..6 {
        waits.push(round(&history).await);
    }
    assert_eq!(waits, [20, 40, 80, 80, 80, 80]);
    // A change is told, found at once, and the connection is asked often again.
    let path = format!("users/{amy}");
    let title = json!({ "jobTitle": "Director" });
    history.world.write(Method::PATCH, &path, title).await;
    history.posts(None).await;
    assert!(history.world.engine.work_once().await.unwrap());
    assert_eq!(wait(&history).await, 10);
}

#[tokio::test]
async fn without_notifications_every_round_is_as_soon_as_the_other() {
    let (history, ..) = History::staffed(false).await;
    for _ in 0..4 {
        assert_eq!(round(&history).await, 10);
    }
}
