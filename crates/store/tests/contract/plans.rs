//! Plans and their decisions.

use provisioning::action::ActionKind;
use provisioning::ids::PlanId;
use provisioning::plan::Tally;
use store::decisions::{self, DecisionFilter};
use store::plans::{self, Built, PlanFilter, PlanKind, PlanRow, PlanStatus};
use store::{Db, StoreError};
use uuid::Uuid;

use crate::samples::{CONNECTION, decision, run_id, time};
use crate::support::both;

pub(crate) fn plan(n: u128) -> PlanRow {
    PlanRow {
        id: PlanId(Uuid::from_u128(n)),
        connection_id: Some(CONNECTION),
        run_id: None,
        kind: PlanKind::Sync,
        status: PlanStatus::Building,
        hash: None,
        counts: Tally::default().counts,
        people: 0,
        roles_lost: 0,
        applied_seq: 0,
        hold: None,
        scope: Some(serde_json::json!({"people": [1]})),
        change: None,
        created_at: time(n.try_into().unwrap()),
        decided_at: None,
        decided_by: None,
    }
}

async fn create(db: &Db, plan: &PlanRow) {
    let mut tx = db.begin().await.unwrap();
    plans::create(&mut tx, plan).await.unwrap();
    tx.commit().await.unwrap();
}

both! {
    a_plan_goes_from_building_to_applied(db) {
        let id = plan(1).id;
        create(&db, &plan(1)).await;
        assert_eq!(plans::get(&db, id).await.unwrap(), Some(plan(1)));
        let mut tally = Tally::default();
        tally.add(&decision(1, Some(ActionKind::Create)));
        let hold = serde_json::json!(["first sync"]);
        let built = Built {
            status: PlanStatus::Held,
            hash: &tally.hash(),
            counts: &tally.counts,
            people: tally.people,
            roles_lost: tally.roles_lost,
            hold: Some(&hold),
        };
        let mut tx = db.begin().await.unwrap();
        plans::finish_building(&mut tx, id, &built).await.unwrap();
        let twice = plans::finish_building(&mut tx, id, &built).await;
        assert!(matches!(twice, Err(StoreError::Stale { what: "plan" })));
        let held = [PlanStatus::Held, PlanStatus::Preview];
        plans::set_status(&mut tx, id, &held, PlanStatus::Approved, Some("Ada"), time(9)).await.unwrap();
        let twice = plans::set_status(&mut tx, id, &held, PlanStatus::Rejected, Some("Bob"), time(10)).await;
        assert!(matches!(twice, Err(StoreError::Stale { .. })));
        plans::set_status(&mut tx, id, &[PlanStatus::Approved], PlanStatus::Applying, None, time(11)).await.unwrap();
        plans::set_run(&mut tx, id, run_id(5)).await.unwrap();
        plans::advance(&mut tx, id, 40).await.unwrap();
        let back = plans::advance(&mut tx, id, 39).await;
        assert!(matches!(back, Err(StoreError::Stale { .. })));
        let wanted = PlanRow {
            run_id: Some(run_id(5)),
            status: PlanStatus::Applying,
            hash: Some(tally.hash()),
            counts: tally.counts.clone(),
            people: 1,
            applied_seq: 40,
            hold: Some(hold.clone()),
            decided_at: Some(time(9)),
            decided_by: Some("Ada".to_owned()),
            ..plan(1)
        };
        assert_eq!(plans::get(&mut tx, id).await.unwrap(), Some(wanted));
        let applied = plans::delete(&mut tx, id).await;
        assert!(matches!(applied, Err(StoreError::Stale { .. })));
    }

    plans_are_listed_newest_first(db) {
        for n in 1..=5 {
            create(&db, &plan(n)).await;
        }
        create(&db, &PlanRow { kind: PlanKind::Undo, status: PlanStatus::Held, connection_id: None, ..plan(6) }).await;
        let ids = |rows: Vec<PlanRow>| rows.iter().map(|row| row.id.0.as_u128()).collect::<Vec<_>>();
        let all = PlanFilter::default();
        let page = ids(plans::list(&db, &all, None, 3).await.unwrap());
        assert_eq!(page, [6, 5, 4]);
        assert_eq!(ids(plans::list(&db, &all, Some(plan(4).id), 3).await.unwrap()), [3, 2, 1]);
        let of_connection = PlanFilter { connection_id: Some(CONNECTION), ..all };
        assert_eq!(ids(plans::list(&db, &of_connection, Some(plan(5).id), 2).await.unwrap()), [4, 3]);
        let held = PlanFilter { status: Some(PlanStatus::Held), kind: Some(PlanKind::Undo), ..all };
        assert_eq!(ids(plans::list(&db, &held, None, 9).await.unwrap()), [6]);
    }

    decisions_are_read_in_order_and_filtered(db) {
        let id = plan(1).id;
        create(&db, &plan(1)).await;
        let kinds = [Some(ActionKind::Create), None, Some(ActionKind::Archive), Some(ActionKind::Create)];
        let all: Vec<_> = (1u128..=600).map(|n| decision(n, kinds[(n % 4) as usize])).collect();
        let mut tx = db.begin().await.unwrap();
        decisions::append(&mut tx, id, 1, &all[..300]).await.unwrap();
        decisions::append(&mut tx, id, 301, &all[300..]).await.unwrap();
        tx.commit().await.unwrap();
        let everything = DecisionFilter::default();
        let page = decisions::page(&db, id, 298, 4, &everything).await.unwrap();
        let seqs: Vec<_> = page.iter().map(|row| row.seq).collect();
        assert_eq!(seqs, [299, 300, 301, 302]);
        assert_eq!(page[2].decision, all[300]);
        for (filter, wanted) in [
            (DecisionFilter { headline: Some(ActionKind::Archive), ..everything.clone() }, vec![2, 6, 10]),
            (DecisionFilter { headline: Some(ActionKind::Create), ..everything.clone() }, vec![3, 4, 7]),
            (DecisionFilter { visible_only: true, ..everything.clone() }, vec![2, 3, 4]),
            (DecisionFilter { search: Some("ON 17 100%".to_owned()), ..everything.clone() }, vec![17]),
            (DecisionFilter { search: Some("person_17".to_owned()), ..everything.clone() }, vec![]),
            (DecisionFilter { headline: Some(ActionKind::Restore), ..everything.clone() }, vec![]),
        ] {
            let page = decisions::page(&db, id, 0, 3, &filter).await.unwrap();
            let seqs: Vec<_> = page.iter().map(|row| row.seq).collect();
            assert_eq!(seqs, wanted, "{filter:?}");
        }
    }

    decisions_are_marked_rewritten_and_deleted(db) {
        let id = plan(1).id;
        create(&db, &plan(1)).await;
        let mut tx = db.begin().await.unwrap();
        let all: Vec<_> = (1..=3).map(|n| decision(n, Some(ActionKind::Update))).collect();
        decisions::append(&mut tx, id, 1, &all).await.unwrap();
        decisions::mark(&mut tx, id, &[(1, "applied"), (3, "stale"), (9, "none")]).await.unwrap();
        let states: Vec<_> = decisions::page(&mut tx, id, 0, 9, &DecisionFilter::default()).await.unwrap()
            .into_iter().map(|row| row.state).collect();
        assert_eq!(states, [Some("applied".to_owned()), None, Some("stale".to_owned())]);
        assert_eq!(decisions::people_in_state(&mut tx, id, "stale").await.unwrap(), [all[2].object_id]);
        assert_eq!(decisions::count(&mut tx, id, 1).await.unwrap(), 2);
        let again = decision(3, Some(ActionKind::Archive));
        decisions::rewrite(&mut tx, id, 3, &again).await.unwrap();
        let row = decisions::get(&mut tx, id, 3).await.unwrap().unwrap();
        assert_eq!((row.decision, row.state), (again, None));
        let other = decisions::rewrite(&mut tx, id, 2, &decision(1, None)).await;
        assert!(matches!(other, Err(StoreError::NotFound { .. })));
        assert_eq!(decisions::get(&mut tx, id, 4).await.unwrap(), None);
        plans::delete(&mut tx, id).await.unwrap();
        assert_eq!(decisions::get(&mut tx, id, 1).await.unwrap(), None);
        assert_eq!(plans::get(&mut tx, id).await.unwrap(), None);
    }
}
