//! The review queue.

use provisioning::case::{Answer, ReviewState};
use provisioning::ids::ReviewId;
use provisioning::psa::Kind;
use provisioning::reason::ReviewReason;
use serde_json::json;
use store::StoreError;
use store::review_items::{self, NewReview, ReviewFilter, ReviewStatus};
use uuid::Uuid;

use crate::samples::{CONNECTION, TENANT, object, record_id, time};
use crate::support::both;

pub(crate) fn review(n: u128, fingerprint: &str) -> NewReview {
    NewReview {
        id: ReviewId(Uuid::from_u128(n)),
        connection_id: CONNECTION,
        tenant_id: TENANT,
        object_id: object(n % 100),
        kind: Kind::Contact,
        reason: ReviewReason::SeveralMatches,
        fingerprint: fingerprint.to_owned(),
        candidates: vec![record_id(1), record_id(2)],
        person: json!({"name": "Ada"}),
    }
}

both! {
    a_question_is_asked_once(db) {
        let mut tx = db.begin().await.unwrap();
        let asked = review_items::open(&mut tx, &[review(1, "a"), review(2, "a")], time(1)).await.unwrap();
        assert_eq!(asked, [review(1, "").id, review(2, "").id]);
        // The same question under another id: not again, neither open nor answered.
        assert_eq!(review_items::open(&mut tx, &[review(101, "a")], time(2)).await.unwrap(), []);
        let answered = review_items::resolve(&mut tx, review(1, "").id, Answer::Link(record_id(2)), "Ada", time(3)).await.unwrap();
        assert_eq!((answered.status, answered.answer), (ReviewStatus::Resolved, Some(Answer::Link(record_id(2)))));
        assert_eq!(review_items::open(&mut tx, &[review(101, "a")], time(4)).await.unwrap(), []);
        // Another question about the person: the same item, open again.
        assert_eq!(review_items::open(&mut tx, &[review(101, "b")], time(5)).await.unwrap(), [review(1, "").id]);
        let found = review_items::get(&mut tx, review(1, "").id).await.unwrap().unwrap();
        assert_eq!((found.status, found.answer, found.resolved_by, found.created_at), (ReviewStatus::Open, None, None, time(5)));
        assert_eq!(found.review, NewReview { id: review(1, "").id, ..review(101, "b") });
    }

    an_item_is_answered_once(db) {
        let mut tx = db.begin().await.unwrap();
        review_items::open(&mut tx, &[review(1, "a")], time(1)).await.unwrap();
        let id = review(1, "a").id;
        review_items::resolve(&mut tx, id, Answer::Create, "Ada", time(2)).await.unwrap();
        let twice = review_items::resolve(&mut tx, id, Answer::Ignore, "Bob", time(3)).await;
        assert!(matches!(twice, Err(StoreError::Stale { .. })));
        let missing = review_items::resolve(&mut tx, review(9, "").id, Answer::Ignore, "Bob", time(3)).await;
        assert!(matches!(missing, Err(StoreError::NotFound { .. })));
        let found = review_items::get(&mut tx, id).await.unwrap().unwrap();
        assert_eq!((found.resolved_by.as_deref(), found.resolved_at), (Some("Ada"), Some(time(2))));
    }

    the_planner_sees_questions_and_answers(db) {
        let mut tx = db.begin().await.unwrap();
        review_items::open(&mut tx, &[review(1, "a"), review(2, "b")], time(1)).await.unwrap();
        review_items::resolve(&mut tx, review(2, "").id, Answer::Ignore, "Ada", time(2)).await.unwrap();
        let mut states = review_items::states(&mut tx, TENANT, &[1, 2, 3].map(object)).await.unwrap();
        states.sort_by_key(|(id, _)| *id);
        let state = |fingerprint: &str, answer| ReviewState {
            reason: ReviewReason::SeveralMatches,
            fingerprint: fingerprint.to_owned(),
            answer,
        };
        assert_eq!(states, [(object(1), state("a", None)), (object(2), state("b", Some(Answer::Ignore)))]);
        // Questions that are no longer there go; answers stay.
        assert_eq!(review_items::close_for(&mut tx, TENANT, &[1, 2].map(object)).await.unwrap(), 1);
        assert_eq!(review_items::states(&mut tx, TENANT, &[1, 2].map(object)).await.unwrap().len(), 1);
    }

    the_queue_is_listed_oldest_first(db) {
        let mut tx = db.begin().await.unwrap();
        for n in 1..=4u128 {
            review_items::open(&mut tx, &[review(n, "a")], time(n.try_into().unwrap())).await.unwrap();
        }
        let no_email = NewReview { reason: ReviewReason::NoEmail, ..review(5, "a") };
        review_items::open(&mut tx, &[no_email], time(5)).await.unwrap();
        review_items::resolve(&mut tx, review(2, "").id, Answer::Create, "Ada", time(6)).await.unwrap();
        tx.commit().await.unwrap();
        let ids = async |filter: &ReviewFilter, after: Option<u128>, limit| {
            let after = after.map(|n| review(n, "").id);
            let rows = review_items::list(&db, filter, after, limit).await.unwrap();
            rows.iter().map(|row| row.review.id.0.as_u128()).collect::<Vec<_>>()
        };
        let all = ReviewFilter::default();
        let open = ReviewFilter { status: Some(ReviewStatus::Open), connection_id: Some(CONNECTION), ..all };
        assert_eq!(ids(&all, None, 2).await, [1, 2]);
        assert_eq!(ids(&all, Some(2), 9).await, [3, 4, 5]);
        assert_eq!(ids(&open, None, 9).await, [1, 3, 4, 5]);
        assert_eq!(ids(&ReviewFilter { reason: Some(ReviewReason::NoEmail), ..all }, None, 9).await, [5]);
        assert_eq!(review_items::count_open(&db, None).await.unwrap(), 4);
        assert_eq!(review_items::count_open(&db, Some(CONNECTION)).await.unwrap(), 4);
    }
}
