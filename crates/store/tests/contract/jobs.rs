//! Jobs, leases and fences.

use std::time::Duration;

use store::jobs::{self, Job};
use store::{Db, StoreError};

use crate::samples::{CONNECTION, time};
use crate::support::both;

const KINDS: &[&str] = &["poll", "mail"];

async fn enqueue(db: &Db, kind: &str, key: &str, at: i64) {
    let mut tx = db.begin().await.unwrap();
    jobs::enqueue(&mut tx, kind, key, Some(CONNECTION), time(at), time(0))
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn claim(db: &Db, worker: &str, now: i64) -> Option<Job> {
    jobs::claim(db, worker, time(now), Duration::from_secs(10), KINDS)
        .await
        .unwrap()
}

async fn complete(db: &Db, job: &Job) -> Result<(), StoreError> {
    let mut tx = db.begin().await.unwrap();
    jobs::complete(&mut tx, job).await?;
    tx.commit().await
}

both! {
    the_job_due_longest_comes_first_and_to_one_worker(db) {
        enqueue(&db, "poll", "late", 5).await;
        enqueue(&db, "poll", "early", 3).await;
        enqueue(&db, "other", "kind", 1).await;
        assert_eq!(claim(&db, "w", 2).await, None);
        assert_eq!(jobs::next_due(&db, KINDS).await.unwrap(), Some(time(3)));
        let first = claim(&db, "w", 9).await.unwrap();
        let wanted = Job {
            id: first.id,
            kind: "poll".to_owned(),
            key: "early".to_owned(),
            connection_id: Some(CONNECTION),
            fence: 1,
            attempts: 1,
            last_error: None,
            lease_until: time(19),
        };
        assert_eq!(first, wanted);
        assert_eq!(claim(&db, "v", 9).await.unwrap().key, "late");
        assert_eq!(claim(&db, "v", 9).await, None);
        assert_eq!(jobs::counts(&db).await.unwrap(), [("other".to_owned(), 1, 0), ("poll".to_owned(), 0, 2)]);
        assert_eq!(jobs::next_due(&db, KINDS).await.unwrap(), Some(time(19)));
    }

    waiting_requests_collapse_to_the_earliest(db) {
        for at in [5, 3, 9] {
            enqueue(&db, "poll", "a", at).await;
        }
        let job = claim(&db, "w", 3).await.unwrap();
        complete(&db, &job).await.unwrap();
        assert_eq!(claim(&db, "w", 99).await, None);
        assert_eq!(jobs::next_due(&db, KINDS).await.unwrap(), None);
    }

    a_request_during_a_run_makes_it_run_once_more(db) {
        enqueue(&db, "poll", "a", 1).await;
        let job = claim(&db, "w", 1).await.unwrap();
        for at in [7, 4, 8] {
            enqueue(&db, "poll", "a", at).await;
        }
        assert_eq!(claim(&db, "v", 5).await, None);
        complete(&db, &job).await.unwrap();
        assert_eq!(claim(&db, "v", 3).await, None);
        let again = claim(&db, "v", 4).await.unwrap();
        assert_eq!((again.fence, again.attempts), (2, 1));
        complete(&db, &again).await.unwrap();
        assert_eq!(claim(&db, "v", 99).await, None);
    }

    a_lost_lease_is_fenced(db) {
        enqueue(&db, "poll", "a", 1).await;
        let slow = claim(&db, "slow", 1).await.unwrap();
        jobs::heartbeat(&db, &slow, time(20)).await.unwrap();
        assert_eq!(claim(&db, "quick", 15).await, None);
        let quick = claim(&db, "quick", 20).await.unwrap();
        assert_eq!((quick.id, quick.fence, quick.attempts), (slow.id, 2, 2));
        let mut tx = db.begin().await.unwrap();
        for refused in [
            jobs::fence(&mut tx, &slow).await,
            jobs::complete(&mut tx, &slow).await,
            jobs::fail(&mut tx, &slow, time(30), "no").await,
        ] {
            assert!(matches!(refused, Err(StoreError::Fenced)));
        }
        jobs::fence(&mut tx, &quick).await.unwrap();
        tx.commit().await.unwrap();
        assert!(matches!(jobs::heartbeat(&db, &slow, time(40)).await, Err(StoreError::Fenced)));
        complete(&db, &quick).await.unwrap();
        assert!(matches!(complete(&db, &quick).await, Err(StoreError::Fenced)));
    }

    a_failed_job_is_tried_again_later(db) {
        enqueue(&db, "poll", "a", 1).await;
        let job = claim(&db, "w", 1).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        jobs::fail(&mut tx, &job, time(50), "no route").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(claim(&db, "w", 49).await, None);
        let again = claim(&db, "w", 50).await.unwrap();
        assert_eq!((again.attempts, again.last_error.as_deref()), (2, Some("no route")));
    }

    a_worker_that_ends_gives_back_what_it_holds(db) {
        enqueue(&db, "poll", "a", 1).await;
        enqueue(&db, "poll", "b", 1).await;
        let first = claim(&db, "w", 1).await.unwrap();
        let second = claim(&db, "v", 1).await.unwrap();
        assert_eq!(jobs::release(&db, "w").await.unwrap(), 1);
        assert_eq!(claim(&db, "u", 1).await.unwrap().id, first.id);
        complete(&db, &second).await.unwrap();
    }

    many_workers_share_the_work_without_overlap(db) {
        for n in 0..30 {
            enqueue(&db, "poll", &n.to_string(), 1).await;
        }
        let mut workers = tokio::task::JoinSet::new();
        for worker in 0..6 {
            let db = db.clone();
            workers.spawn(async move {
                let mut done = Vec::new();
                while let Some(job) = claim(&db, &worker.to_string(), 5).await {
                    complete(&db, &job).await.unwrap();
                    done.push(job.id);
                }
                done
            });
        }
        let mut done: Vec<i64> = workers.join_all().await.into_iter().flatten().collect();
        done.sort_unstable();
        // With skip-locked, a worker may find nothing free while others finish.
        while let Some(job) = claim(&db, "last", 5).await {
            complete(&db, &job).await.unwrap();
            done.push(job.id);
        }
        let count = done.len();
        done.sort_unstable();
        done.dedup();
        assert_eq!((done.len(), count), (30, 30));
    }
}
