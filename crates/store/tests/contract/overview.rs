//! What is said of connections at a glance.

use provisioning::ids::PlanId;
use store::cursors::{self, Cursor, CursorKind, Feed};
use store::overview::{self, LastRun};
use store::plans::{self, PlanStatus};
use store::runs::{self, RunStatus};
use store::{connections, mapping_rules, pending, review_items, subscriptions};
use uuid::Uuid;

use crate::connections::subscription;
use crate::mapping_rules::rule;
use crate::plans::plan;
use crate::review_items::review;
use crate::runs::run;
use crate::samples::{CONNECTION, connect, object, time};
use crate::support::both;

both! {
    a_glance_says_what_is_around_a_connection(db) {
        assert_eq!(overview::all(&db).await.unwrap(), []);
        assert_eq!(overview::of(&db, CONNECTION).await.unwrap(), None);
        connect(&db).await;
        let bare = overview::of(&db, CONNECTION).await.unwrap().unwrap();
        assert_eq!(bare.last_run, None);
        assert_eq!((bare.held, bare.subscription_ends), (None, None));
        assert_eq!((bare.has_rules, bare.reviews), (false, 0));
        assert_eq!((bare.feed_moved_at, bare.waiting), (None, 0));

        let mut tx = db.begin().await.unwrap();
        let (first, latest) = (run(1), run(2));
        runs::create(&mut tx, &first).await.unwrap();
        runs::create(&mut tx, &latest).await.unwrap();
        connections::record_run(&mut tx, CONNECTION, latest.id).await.unwrap();
        for (n, status) in [(1, PlanStatus::Held), (2, PlanStatus::Held), (3, PlanStatus::Applied)] {
            let plan = plans::PlanRow { status, ..plan(n) };
            plans::create(&mut tx, &plan).await.unwrap();
        }
        let (late, early) = (subscription(1, 9), subscription(2, 5));
        subscriptions::put(&mut tx, &late).await.unwrap();
        subscriptions::put(&mut tx, &early).await.unwrap();
        mapping_rules::insert(&mut tx, &rule(1, 1), time(1)).await.unwrap();
        review_items::open(&mut tx, &[review(1, "a"), review(2, "b")], time(1)).await.unwrap();
        for (feed, at) in [(Feed::Users, time(6)), (Feed::Groups, time(7))] {
            let cursor = Cursor {
                link: "https://graph.microsoft.com/v1.0/users/delta".to_owned(),
                kind: CursorKind::Delta,
                previous_link: None,
                updated_at: at,
            };
            cursors::set(&mut tx, CONNECTION, feed, &cursor).await.unwrap();
        }
        pending::add(&mut tx, CONNECTION, &[object(1), object(2)], time(8)).await.unwrap();
        tx.commit().await.unwrap();

        let all = overview::all(&db).await.unwrap();
        let one = all.first().unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(Some(one), overview::of(&db, CONNECTION).await.unwrap().as_ref());
        assert_eq!(Some(&one.connection), connections::get(&db, CONNECTION).await.unwrap().as_ref());
        let last = LastRun { id: latest.id, status: RunStatus::Collecting, started_at: latest.started_at };
        assert_eq!(one.last_run, Some(last));
        assert_eq!(one.held, Some(PlanId(Uuid::from_u128(2))));
        assert_eq!(one.subscription_ends, Some(early.expires_at.min(late.expires_at)));
        assert_eq!((one.has_rules, one.reviews), (true, 2));
        assert_eq!((one.feed_moved_at, one.waiting), (Some(time(6)), 2));
    }
}
