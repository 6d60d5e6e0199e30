//! Sync runs.

use provisioning::ids::{PlanId, RunId};
use provisioning::plan::Tally;
use serde_json::json;
use store::runs::{self, RunFilter, RunMode, RunRow, RunStatus};
use store::{Db, StoreError};
use uuid::Uuid;

use crate::samples::{CONNECTION, decision, run_id, time};
use crate::support::both;

pub(crate) fn run(n: u128) -> RunRow {
    RunRow {
        id: run_id(n),
        connection_id: Some(CONNECTION),
        plan_id: None,
        mode: RunMode::Delta,
        cause: "poll".to_owned(),
        status: RunStatus::Collecting,
        started_at: time(n.try_into().unwrap()),
        finished_at: None,
        asked: json!({"reapply": true}),
        progress: json!({}),
        counts: Tally::default().counts,
        requests: 0,
        resource_units: 0,
        error: None,
        hold: None,
        undo_of: None,
        actor: None,
    }
}

async fn create(db: &Db, run: &RunRow) {
    let mut tx = db.begin().await.unwrap();
    runs::create(&mut tx, run).await.unwrap();
    tx.commit().await.unwrap();
}

both! {
    a_run_that_is_held_does_not_begin_meanwhile(db) {
        create(&db, &run(1)).await;
        let mut tx = db.begin().await.unwrap();
        let held = runs::unfinished_held(&mut tx, CONNECTION).await.unwrap();
        assert_eq!(held, [run(1)]);
        let begins = tokio::spawn({
            let db = db.clone();
            async move {
                let mut tx = db.begin().await.unwrap();
                runs::set_progress(&mut tx, run_id(1), &json!({"phase": "collecting"})).await.unwrap();
                tx.commit().await.unwrap();
            }
        });
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert!(!begins.is_finished());
        tx.commit().await.unwrap();
        begins.await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let begun = runs::unfinished_held(&mut tx, CONNECTION).await.unwrap();
        assert_eq!(begun[0].progress["phase"], "collecting");
    }

    a_run_keeps_what_is_noted(db) {
        create(&db, &run(1)).await;
        let mut tally = Tally::default();
        tally.add(&decision(1, Some(provisioning::action::ActionKind::Grant)));
        let plan_id = PlanId(Uuid::from_u128(3));
        let (error, hold) = (json!({"code": "x"}), json!(["limit"]));
        let mut tx = db.begin().await.unwrap();
        runs::set_plan(&mut tx, run(1).id, plan_id).await.unwrap();
        runs::set_progress(&mut tx, run(1).id, &json!({"people": 4})).await.unwrap();
        runs::set_counts(&mut tx, run(1).id, &tally.counts).await.unwrap();
        runs::add_cost(&mut tx, run(1).id, 2, 5).await.unwrap();
        runs::add_cost(&mut tx, run(1).id, 1, 3).await.unwrap();
        runs::set_error(&mut tx, run(1).id, Some(&error)).await.unwrap();
        runs::set_hold(&mut tx, run(1).id, Some(&hold)).await.unwrap();
        runs::set_status(&mut tx, run(1).id, RunStatus::Failed, Some(time(8))).await.unwrap();
        runs::set_status(&mut tx, run(1).id, RunStatus::Undone, None).await.unwrap();
        let wanted = RunRow {
            plan_id: Some(plan_id),
            status: RunStatus::Undone,
            finished_at: Some(time(8)),
            progress: json!({"people": 4}),
            counts: tally.counts.clone(),
            requests: 3,
            resource_units: 8,
            error: Some(error),
            hold: Some(hold),
            ..run(1)
        };
        assert_eq!(runs::get(&mut tx, run(1).id).await.unwrap(), Some(wanted));
        let missing = runs::set_error(&mut tx, run(9).id, None).await;
        assert!(matches!(missing, Err(StoreError::NotFound { what: "run" })));
    }

    a_run_has_what_its_plan_says(db) {
        create(&db, &run(1)).await;
        let mut tally = Tally::default();
        tally.add(&decision(1, Some(provisioning::action::ActionKind::Grant)));
        let planned = runs::Planned {
            plan_id: PlanId(Uuid::from_u128(3)),
            status: RunStatus::Held,
            progress: json!({"planned": 1}),
            counts: tally.counts.clone(),
            hold: Some(json!({"code": "limit_passed"})),
            finished_at: None,
        };
        let mut tx = db.begin().await.unwrap();
        runs::set_planned(&mut tx, run(1).id, &planned).await.unwrap();
        let found = runs::get(&mut tx, run(1).id).await.unwrap();
        assert_eq!(found, Some(planned.clone().of(run(1))));
        let missing = runs::set_planned(&mut tx, run(9).id, &planned).await;
        assert!(matches!(missing, Err(StoreError::NotFound { what: "run" })));
        let done = runs::Planned {
            status: RunStatus::Done,
            hold: None,
            finished_at: Some(time(8)),
            ..planned
        };
        runs::set_planned(&mut tx, run(1).id, &done).await.unwrap();
        let found = runs::get(&mut tx, run(1).id).await.unwrap();
        assert_eq!(found, Some(done.of(run(1))));
    }

    runs_are_listed_newest_first(db) {
        for n in 1..=4 {
            create(&db, &run(n)).await;
        }
        let other = RunRow { connection_id: None, undo_of: Some(run(2).id), status: RunStatus::Done, finished_at: Some(time(9)), ..run(5) };
        create(&db, &other).await;
        let ids = |rows: Vec<RunRow>| rows.iter().map(|row| row.id).collect::<Vec<RunId>>();
        let all = RunFilter::default();
        assert_eq!(ids(runs::list(&db, &all, None, 2).await.unwrap()), [run_id(5), run_id(4)]);
        assert_eq!(ids(runs::list(&db, &all, Some(run_id(4)), 2).await.unwrap()), [run_id(3), run_id(2)]);
        let done = RunFilter { status: Some(RunStatus::Done), ..all };
        assert_eq!(ids(runs::list(&db, &done, None, 9).await.unwrap()), [run_id(5)]);
        let of_connection = RunFilter { connection_id: Some(CONNECTION), ..all };
        assert_eq!(ids(runs::list(&db, &of_connection, None, 1).await.unwrap()), [run_id(4)]);
        let unfinished = runs::unfinished(&db, CONNECTION).await.unwrap();
        assert_eq!(ids(unfinished), [1, 2, 3, 4].map(run_id));
        assert_eq!(runs::undone_by(&db, run_id(2)).await.unwrap(), Some(other));
        assert_eq!(runs::undone_by(&db, run_id(1)).await.unwrap(), None);
    }
}
