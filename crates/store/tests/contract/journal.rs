//! The journal.

use provisioning::action::ActionKind;
use provisioning::ids::PlanId;
use serde_json::json;
use store::journal::{self, Entry, JournalFilter, NewEntry, Origin};
use store::journal_seals::{self, Link};
use store::{Db, decisions};
use uuid::Uuid;

use crate::samples::{CONNECTION, TENANT, decision, object, record_id, run_id, time};
use crate::support::both;

fn entry(at: i64, origin: Origin, action: &str, record: Option<u128>) -> NewEntry {
    NewEntry {
        record_id: record.map(record_id),
        connection_id: Some(CONNECTION),
        ..NewEntry::new(time(at), origin, action)
    }
}

async fn append(db: &Db, entries: &[NewEntry]) {
    let mut tx = db.begin().await.unwrap();
    journal::append(&mut tx, entries).await.unwrap();
    tx.commit().await.unwrap();
}

fn actions(entries: &[Entry]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| entry.entry.action.as_str())
        .collect()
}

both! {
    an_entry_is_read_as_written(db) {
        let full = NewEntry {
            actor: Some("Ada".to_owned()),
            tenant_id: Some(TENANT),
            object_id: Some(object(1)),
            run_id: Some(run_id(2)),
            plan_id: Some(PlanId(Uuid::from_u128(3))),
            decision_seq: Some(4),
            body: Some(json!({"changes": [["last_name", null, "Vance"]]})),
            ..entry(1, Origin::Api, "update", Some(1))
        };
        let bare = NewEntry::new(time(2), Origin::Undo, "sign_in");
        append(&db, &[full.clone(), bare.clone()]).await;
        let found = journal::scan(&db, 0, 10).await.unwrap();
        let entries: Vec<_> = found.iter().map(|e| e.entry.clone()).collect();
        assert_eq!(entries, [full, bare]);
        assert!(found[0].seq < found[1].seq);
        assert_eq!(found[0].decision, None);
    }

    what_a_decision_holds_is_read_from_it(db) {
        let plan_id = PlanId(Uuid::from_u128(7));
        let decided = decision(1, Some(ActionKind::Create));
        let mut tx = db.begin().await.unwrap();
        decisions::append(&mut tx, plan_id, 12, std::slice::from_ref(&decided)).await.unwrap();
        tx.commit().await.unwrap();
        let pointing = |seq| NewEntry {
            plan_id: Some(plan_id),
            decision_seq: Some(seq),
            tenant_id: Some(decided.tenant_id),
            object_id: Some(decided.object_id),
            ..entry(1, Origin::Directory, "create", Some(1))
        };
        let own = NewEntry { body: Some(json!({})), ..pointing(12) };
        append(&db, &[pointing(12), pointing(13), own]).await;
        let found = journal::by_record(&db, record_id(1), None, 10).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|e| e.decision).collect();
        assert_eq!(found, [None, None, Some(decided)]);
    }

    what_runs_applied_to_records_is_read_newest_first(db) {
        let applied = |action: &str, record| NewEntry {
            plan_id: Some(PlanId(Uuid::from_u128(7))),
            decision_seq: Some(1),
            ..entry(1, Origin::Directory, action, Some(record))
        };
        let by_hand = entry(2, Origin::User, "edit", Some(1));
        append(&db, &[applied("a", 1), by_hand, applied("b", 2), applied("c", 3), applied("d", 1)]).await;
        let found = journal::applied_to(&db, &[record_id(1), record_id(2)]).await.unwrap();
        assert_eq!(actions(&found), ["d", "b", "a"]);
        assert!(journal::applied_to(&db, &[]).await.unwrap().is_empty());
    }

    a_record_and_a_run_have_their_own_lines(db) {
        let in_run = |action: &str| NewEntry { run_id: Some(run_id(1)), ..entry(1, Origin::Directory, action, Some(2)) };
        let unlinked = NewEntry { tenant_id: Some(TENANT), object_id: Some(object(5)), ..entry(1, Origin::Directory, "review", None) };
        append(&db, &[entry(1, Origin::User, "a", Some(1)), in_run("b"), entry(2, Origin::User, "c", Some(1)), in_run("d"), unlinked]).await;
        let newest = journal::by_record(&db, record_id(1), None, 1).await.unwrap();
        assert_eq!(actions(&newest), ["c"]);
        let older = journal::by_record(&db, record_id(1), Some(newest[0].seq), 9).await.unwrap();
        assert_eq!(actions(&older), ["a"]);
        let run = journal::by_run(&db, run_id(1), 0, 1).await.unwrap();
        assert_eq!(actions(&run), ["b"]);
        assert_eq!(actions(&journal::by_run(&db, run_id(1), run[0].seq, 9).await.unwrap()), ["d"]);
        assert_eq!(actions(&journal::by_object(&db, TENANT, object(5), None, 9).await.unwrap()), ["review"]);
        assert!(journal::by_object(&db, TENANT, object(6), None, 9).await.unwrap().is_empty());
    }

    the_journal_is_filtered(db) {
        let by_ada = NewEntry { actor: Some("Ada".to_owned()), ..entry(3, Origin::User, "edit", Some(2)) };
        append(&db, &[
            entry(1, Origin::Directory, "create", Some(1)),
            entry(2, Origin::Directory, "archive", Some(1)),
            by_ada,
            NewEntry { connection_id: None, run_id: Some(run_id(3)), ..entry(4, Origin::Api, "create", None) },
        ]).await;
        let all = JournalFilter::default();
        for (filter, wanted) in [
            (all.clone(), vec!["create", "edit", "archive", "create"]),
            (JournalFilter { origin: Some(Origin::Directory), ..all.clone() }, vec!["archive", "create"]),
            (JournalFilter { origin: Some(Origin::User), ..all.clone() }, vec!["edit"]),
            (JournalFilter { action: Some("archive".to_owned()), ..all.clone() }, vec!["archive"]),
            (JournalFilter { action: Some("create".to_owned()), ..all.clone() }, vec!["create", "create"]),
            (JournalFilter { actor: Some("Ada".to_owned()), ..all.clone() }, vec!["edit"]),
            (JournalFilter { connection_id: Some(CONNECTION), ..all.clone() }, vec!["edit", "archive", "create"]),
            (JournalFilter { record_id: Some(record_id(2)), ..all.clone() }, vec!["edit"]),
            (JournalFilter { run_id: Some(run_id(3)), ..all.clone() }, vec!["create"]),
            (JournalFilter { from: Some(time(2)), to: Some(time(4)), ..all.clone() }, vec!["edit", "archive"]),
        ] {
            let mut found = journal::list(&db, &filter, None, 9).await.unwrap();
            assert_eq!(actions(&found), wanted, "{filter:?}");
            // An export has the same, from the oldest on.
            found.reverse();
            let exported = journal::list_from(&db, &filter, 0, 9).await.unwrap();
            assert_eq!(actions(&exported), actions(&found), "{filter:?}");
        }
        let newest = journal::list(&db, &all, None, 2).await.unwrap();
        let rest = journal::list(&db, &all, Some(newest[1].seq), 9).await.unwrap();
        assert_eq!(actions(&rest), ["archive", "create"]);
    }

    losses_are_counted_by_person_within_the_window(db) {
        append(&db, &[
            entry(1, Origin::Directory, "revoke", Some(1)),
            entry(5, Origin::Directory, "revoke", Some(2)),
            entry(6, Origin::Directory, "revoke", Some(2)),
            entry(7, Origin::Directory, "archive", Some(3)),
            entry(8, Origin::Directory, "create", Some(4)),
            NewEntry { connection_id: None, ..entry(9, Origin::User, "deactivate", Some(5)) },
        ]).await;
        let losses = journal::losses_since(&db, CONNECTION, time(5)).await.unwrap();
        assert_eq!(losses.into_iter().collect::<Vec<_>>(), [(ActionKind::Archive, 1), (ActionKind::Revoke, 1)]);
    }

    the_chain_covers_every_entry_whatever_the_blocks(db) {
        append(&db, &[
            entry(1, Origin::User, "a", None), entry(2, Origin::Api, "b", Some(1)),
            NewEntry { body: Some(serde_json::json!({"x": 1})), ..entry(3, Origin::User, "c", None) },
        ]).await;
        let newest = journal_seals::newest(&db).await.unwrap();
        let whole = journal_seals::extend(&db, Link::START, newest, 9).await.unwrap();
        assert_eq!((whole.entries, whole.seq), (3, newest));
        let mut by_ones = Link::START;
        for _ in 0..4 {
            by_ones = journal_seals::extend(&db, by_ones, newest, 1).await.unwrap();
        }
        assert_eq!(by_ones, whole);
        let short = journal_seals::extend(&db, Link::START, newest - 1, 9).await.unwrap();
        assert_ne!(short.hash, whole.hash);
    }

    seals_are_kept_in_order_and_hold_writers_still(db) {
        assert_eq!(journal_seals::last(&db).await.unwrap(), None);
        let link = |seq| Link { seq, entries: 2, hash: [7; 32] };
        let mut tx = db.begin().await.unwrap();
        journal_seals::hold_still(&mut tx).await.unwrap();
        journal_seals::put(&mut tx, link(5), time(1)).await.unwrap();
        journal_seals::put(&mut tx, link(9), time(2)).await.unwrap();
        tx.commit().await.unwrap();
        let last = journal_seals::last(&db).await.unwrap().unwrap();
        assert_eq!((last.link, last.sealed_at), (link(9), time(2)));
        let after = journal_seals::page(&db, 5, 9).await.unwrap();
        assert_eq!(after, [last]);
    }
}
