//! Jobs, leases and fences.

use store::jobs::{self, Asked, Job};
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
    let claimed = jobs::claim(db, worker, time(now), KINDS, 1).await;
    claimed.unwrap().pop()
}

async fn claim_key(db: &Db, worker: &str, key: &str, now: i64) -> Option<Job> {
    let what = ("poll", key, Some(CONNECTION));
    jobs::claim_key(db, worker, what, time(now), time(now + 2))
        .await
        .unwrap()
}

async fn complete(db: &Db, job: &Job) -> Result<(), StoreError> {
    let mut tx = db.begin().await.unwrap();
    jobs::complete(&mut tx, job).await?;
    tx.commit().await
}

async fn give_back(db: &Db, job: &Job, at: i64) -> Result<(), StoreError> {
    let mut tx = db.begin().await.unwrap();
    jobs::give_back(&mut tx, job, time(at)).await?;
    tx.commit().await
}

both! {
    several_jobs_are_taken_at_once_those_due_longest_first(db) {
        for (key, at) in [("c", 3), ("a", 1), ("d", 4), ("b", 2), ("later", 9)] {
            enqueue(&db, "poll", key, at).await;
        }
        let take = async |worker: &str, most: u32| {
            let taken = jobs::claim(&db, worker, time(5), KINDS, most).await.unwrap();
            let mut keys: Vec<String> = taken.into_iter().map(|job| job.key).collect();
            keys.sort();
            keys
        };
        assert_eq!(take("w", 3).await, ["a", "b", "c"]);
        assert_eq!(take("v", 3).await, ["d"]);
        assert!(take("w", 3).await.is_empty());
        assert_eq!(jobs::held(&db, "w").await.unwrap().len(), 3);
    }

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
            attempts: 0,
            last_error: None,
        };
        assert_eq!(first, wanted);
        assert_eq!(claim(&db, "v", 9).await.unwrap().key, "late");
        assert_eq!(claim(&db, "v", 9).await, None);
        assert_eq!(jobs::counts(&db).await.unwrap(), [("other".to_owned(), 1, 0), ("poll".to_owned(), 0, 2)]);
        assert_eq!(jobs::next_due(&db, KINDS).await.unwrap(), None);
        assert_eq!(jobs::held(&db, "w").await.unwrap(), [(first.id, 1)]);
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
        assert_eq!((again.fence, again.attempts), (2, 0));
        complete(&db, &again).await.unwrap();
        assert_eq!(claim(&db, "v", 99).await, None);
    }

    a_holder_does_its_job_again_when_asked(db) {
        enqueue(&db, "poll", "a", 1).await;
        let job = claim(&db, "w", 1).await.unwrap();
        assert_eq!(jobs::asked_for(&db, "w", time(5)).await.unwrap(), []);
        enqueue(&db, "poll", "a", 6).await;
        assert_eq!(jobs::asked_for(&db, "w", time(5)).await.unwrap(), []);
        let asked = Asked { id: job.id, again: true, wanted: false };
        assert_eq!(jobs::asked_for(&db, "w", time(6)).await.unwrap(), [asked]);
        assert_eq!(jobs::asked_for(&db, "v", time(6)).await.unwrap(), []);
        jobs::begin_again(&db, &job).await.unwrap();
        assert_eq!(jobs::asked_for(&db, "w", time(9)).await.unwrap(), []);
        enqueue(&db, "poll", "a", 7).await;
        give_back(&db, &job, 20).await.unwrap();
        assert_eq!(claim(&db, "v", 7).await.unwrap().fence, 2);
    }

    a_job_is_handed_over_to_whoever_wants_it(db) {
        let job = claim_key(&db, "w", "new", 1).await.unwrap();
        assert_eq!(claim_key(&db, "v", "new", 2).await, None);
        let asked = Asked { id: job.id, again: false, wanted: true };
        assert_eq!(jobs::asked_for(&db, "w", time(3)).await.unwrap(), [asked]);
        give_back(&db, &job, 3).await.unwrap();
        // Due, but left to the one who wants it, for as long as that says so.
        assert_eq!(claim(&db, "w", 3).await, None);
        let taken = claim_key(&db, "v", "new", 3).await.unwrap();
        assert_eq!((taken.id, taken.fence), (job.id, 2));
        give_back(&db, &taken, 4).await.unwrap();
        assert_eq!(claim(&db, "w", 4).await.unwrap().fence, 3);
        assert_eq!(claim_key(&db, "v", "new", 4).await, None);
        assert_eq!(jobs::asked_for(&db, "w", time(9)).await.unwrap(), []);
    }

    a_lost_lease_is_fenced(db) {
        enqueue(&db, "poll", "a", 1).await;
        jobs::beat(&db, "slow", time(10)).await.unwrap();
        let slow = claim(&db, "slow", 1).await.unwrap();
        jobs::beat(&db, "slow", time(20)).await.unwrap();
        assert_eq!(jobs::workers(&db, time(19)).await.unwrap(), 1);
        assert_eq!(jobs::bury(&db, time(19)).await.unwrap(), 0);
        assert_eq!(claim(&db, "quick", 19).await, None);
        assert_eq!(jobs::bury(&db, time(20)).await.unwrap(), 1);
        assert_eq!(jobs::workers(&db, time(0)).await.unwrap(), 0);
        let quick = claim(&db, "quick", 20).await.unwrap();
        assert_eq!((quick.id, quick.fence), (slow.id, 3));
        let mut tx = db.begin().await.unwrap();
        for refused in [
            jobs::fence(&mut tx, &slow).await,
            jobs::complete(&mut tx, &slow).await,
            jobs::give_back(&mut tx, &slow, time(30)).await,
            jobs::fail(&mut tx, &slow, time(30), "no").await,
        ] {
            assert!(matches!(refused, Err(StoreError::Fenced)));
        }
        jobs::fence(&mut tx, &quick).await.unwrap();
        tx.commit().await.unwrap();
        assert!(matches!(jobs::begin_again(&db, &slow).await, Err(StoreError::Fenced)));
        complete(&db, &quick).await.unwrap();
        assert!(matches!(complete(&db, &quick).await, Err(StoreError::Fenced)));
    }

    what_leans_on_the_fence_goes_on_beside_the_holders_other_writes(db) {
        enqueue(&db, "poll", "a", 1).await;
        let job = claim(&db, "w", 1).await.unwrap();
        let mut first = db.begin().await.unwrap();
        jobs::fence(&mut first, &job).await.unwrap();
        if db.backend() == store::Backend::Postgres {
            let mut second = db.begin().await.unwrap();
            jobs::fence(&mut second, &job).await.unwrap();
            // A request, too, does not wait for them.
            enqueue(&db, "poll", "a", 2).await;
            second.commit().await.unwrap();
        }
        first.commit().await.unwrap();
        jobs::beat(&db, "w", time(3)).await.unwrap();
        assert_eq!(jobs::bury(&db, time(4)).await.unwrap(), 1);
        assert_eq!(claim(&db, "v", 4).await.unwrap().id, job.id);
    }

    what_the_dead_keep_locked_is_freed(db) {
        enqueue(&db, "poll", "a", 1).await;
        let job = claim(&db, "w", 1).await.unwrap();
        if db.backend() == store::Backend::Postgres {
            // It froze, and would keep its transaction as long as it likes.
            let mut frozen = db.begin().await.unwrap();
            jobs::fence(&mut frozen, &job).await.unwrap();
            let mut alive = db.begin().await.unwrap();
            enqueue(&db, "poll", "b", 1).await;
            let other = claim(&db, "v", 1).await.unwrap();
            jobs::beat(&db, "v", time(9)).await.unwrap();
            jobs::fence(&mut alive, &other).await.unwrap();
            jobs::beat(&db, "w", time(3)).await.unwrap();
            // A burial does not wait for it, and ends it for the next one.
            assert_eq!(jobs::bury(&db, time(4)).await.unwrap(), 0);
            assert!(matches!(frozen.commit().await, Err(StoreError::Unavailable(_))));
            // The server says so before it lets go of the locks.
            let mut freed = 0;
            for _ in 0..100 {
                freed = jobs::bury(&db, time(4)).await.unwrap();
                if freed > 0 { break }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            assert_eq!(freed, 1);
            alive.commit().await.unwrap();
        }
    }

    what_a_worker_holds_unawares_is_freed_unless_it_changed_hands(db) {
        enqueue(&db, "poll", "a", 1).await;
        let job = claim(&db, "w", 1).await.unwrap();
        for (worker, fence, freed) in [("v", 1, 0), ("w", 2, 0), ("w", 1, 1), ("w", 1, 0)] {
            let found = jobs::free_stray(&db, worker, (job.id, fence)).await.unwrap();
            assert_eq!(found, freed, "{worker} {fence}");
        }
        assert!(matches!(complete(&db, &job).await, Err(StoreError::Fenced)));
        assert_eq!(claim(&db, "v", 2).await.unwrap().fence, 3);
    }

    a_failed_job_is_tried_again_later(db) {
        enqueue(&db, "poll", "a", 1).await;
        let job = claim(&db, "w", 1).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        jobs::fail(&mut tx, &job, time(50), "no route").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(claim(&db, "w", 49).await, None);
        let again = claim(&db, "w", 50).await.unwrap();
        assert_eq!((again.attempts, again.last_error.as_deref()), (1, Some("no route")));
        give_back(&db, &again, 60).await.unwrap();
        assert_eq!(claim(&db, "w", 60).await.unwrap().attempts, 0);
    }

    a_worker_that_ends_gives_back_what_it_holds(db) {
        enqueue(&db, "poll", "a", 1).await;
        enqueue(&db, "poll", "b", 1).await;
        jobs::beat(&db, "w", time(9)).await.unwrap();
        let first = claim(&db, "w", 1).await.unwrap();
        let second = claim(&db, "v", 1).await.unwrap();
        assert_eq!(jobs::retire(&db, "w").await.unwrap(), 1);
        assert_eq!(jobs::workers(&db, time(1)).await.unwrap(), 0);
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
