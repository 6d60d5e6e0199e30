//! Links between directory people and records.

use provisioning::link::{Basis, LinkRole};
use store::StoreError;
use store::links::{self, LinkRow};

use crate::samples::{CONNECTION, TENANT, connect, link, object, record_id, time};
use crate::support::both;

both! {
    a_link_is_read_as_written_and_keeps_its_birthday(db) {
        connect(&db).await;
        let first = link(1, LinkRole::Primary, 1);
        let mut second = LinkRow { created_at: time(50), updated_at: time(50), last_applied_at: None, ..first.clone() };
        second.link.archived_id = Some(record_id(9));
        second.link.suppressed = Some(Basis { person_version: 4, stance: "s".to_owned() });
        let mut tx = db.begin().await.unwrap();
        links::write(&mut tx, std::slice::from_ref(&first)).await.unwrap();
        assert_eq!(links::get(&mut tx, TENANT, &[object(1), object(2)]).await.unwrap(), [first]);
        links::write(&mut tx, std::slice::from_ref(&second)).await.unwrap();
        second.created_at = time(1);
        assert_eq!(links::get(&mut tx, TENANT, &[object(1)]).await.unwrap(), [second]);
    }

    a_record_has_one_primary_link_and_any_number_of_others(db) {
        connect(&db).await;
        let mut archived = link(3, LinkRole::Primary, 3);
        archived.link.archived_id = Some(record_id(1));
        let rows = [
            link(1, LinkRole::Primary, 1),
            link(2, LinkRole::Secondary, 1),
            archived,
            link(4, LinkRole::Primary, 4),
        ];
        let mut tx = db.begin().await.unwrap();
        links::write(&mut tx, &rows).await.unwrap();
        let found = links::by_records(&mut tx, &[record_id(1)]).await.unwrap();
        let mut objects: Vec<_> = found.iter().map(|row| row.link.object_id).collect();
        objects.sort();
        assert_eq!(objects, [object(1), object(2), object(3)]);
        assert_eq!(links::count_primary(&mut tx, CONNECTION).await.unwrap(), 3);
        let empty = provisioning::ids::ConnectionId(uuid::Uuid::from_u128(99));
        let counts = links::counts_primary(&mut tx, &[empty, CONNECTION]).await.unwrap();
        assert_eq!(counts, [(CONNECTION, 3)]);
        assert_eq!(links::counts_primary(&mut tx, &[]).await.unwrap(), []);
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let error = links::write(&mut tx, &[link(5, LinkRole::Primary, 1)]).await.unwrap_err();
        assert!(error.is_conflict("links_record_id"), "{error:?}");
    }

    a_first_link_is_no_second_one(db) {
        connect(&db).await;
        let (one, other) = (link(1, LinkRole::Primary, 1), link(2, LinkRole::Primary, 2));
        let mut tx = db.begin().await.unwrap();
        links::insert(&mut tx, links::rows(std::slice::from_ref(&one)).unwrap()).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let rows = links::rows(&[other, link(1, LinkRole::Primary, 3)]).unwrap();
        let error = links::insert(&mut tx, rows).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale { what: "link" }), "{error:?}");
        tx.rollback().await.unwrap();
        let there = links::get(&db, TENANT, &[object(1), object(2)]).await.unwrap();
        assert_eq!(there, [one]);
    }

    whom_a_rule_decides_is_listed_page_by_page(db) {
        connect(&db).await;
        let rule = provisioning::ids::RuleId(uuid::Uuid::from_u128(77));
        let rows: Vec<_> = (1..=4)
            .map(|n| {
                let role = if n == 2 { LinkRole::Secondary } else { LinkRole::Primary };
                let mut row = link(n, role, n);
                row.link.applied.rule_id = (n != 3).then_some(rule);
                row
            })
            .collect();
        let mut tx = db.begin().await.unwrap();
        links::write(&mut tx, &rows).await.unwrap();
        let first = links::decided_by(&mut tx, CONNECTION, rule, None, 1).await.unwrap();
        assert_eq!(first, [rows[0].clone()]);
        let rest = links::decided_by(&mut tx, CONNECTION, rule, Some(object(1)), 9).await.unwrap();
        assert_eq!(rest, [rows[3].clone()]);
    }

    links_are_suppressed_paged_and_forgotten(db) {
        connect(&db).await;
        let rows: Vec<_> = (1..=5).map(|n| link(n, LinkRole::Primary, n)).collect();
        let mut tx = db.begin().await.unwrap();
        links::write(&mut tx, &rows).await.unwrap();
        let basis = Basis { person_version: 3, stance: "s".to_owned() };
        links::set_suppressed(&mut tx, TENANT, object(2), Some(&basis), time(9)).await.unwrap();
        let page = links::page(&mut tx, CONNECTION, Some(object(1)), 2).await.unwrap();
        let suppressed: Vec<_> = page.iter().map(|row| (row.link.object_id, row.link.suppressed.clone())).collect();
        assert_eq!(suppressed, [(object(2), Some(basis)), (object(3), None)]);
        links::set_suppressed(&mut tx, TENANT, object(2), None, time(9)).await.unwrap();
        let missing = links::set_suppressed(&mut tx, TENANT, object(9), None, time(9)).await;
        assert!(matches!(missing, Err(StoreError::NotFound { .. })));
        assert_eq!(links::delete(&mut tx, TENANT, &[object(1), object(9)]).await.unwrap(), 1);
        assert_eq!(links::page(&mut tx, CONNECTION, None, 10).await.unwrap().len(), 4);
    }
}
