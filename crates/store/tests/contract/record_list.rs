//! Lists of employees and contacts: filters, orders, search, paging.

use provisioning::ids::{RuleId, TenantId};
use provisioning::link::LinkRole;
use provisioning::psa::{Kind, Record, Status};
use store::page::BadCursor;
use store::record_list::{self, Order, Position, RecordFilter, Sort};
use store::{Db, accounts, links, records};
use uuid::Uuid;

use crate::catalogue::{account, write};
use crate::samples::{TENANT, link, record_id, time};
use crate::support::both;

fn person(n: u128, first: &str, last: &str, username: &str) -> Record {
    let mut record = Record::blank(record_id(n), Kind::Employee);
    record.first_name = Some(first.to_owned());
    record.last_name = Some(last.to_owned());
    record.username = Some(username.to_owned()).filter(|name| !name.is_empty());
    record.email = record
        .username
        .as_ref()
        .map(|name| format!("{name}@Fabrikam.com"));
    record.access = true;
    record
}

/// Nine employees, numbered 1 to 9 in the order of their names, and one contact.
async fn people(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    accounts::insert(&mut tx, &account(7, "Alpha"))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut list = vec![
        person(1, "Zoe", "Abbot", "zabbot"),
        person(2, "Ann", "Berg", ""),
        person(3, "Ann", "Berg", "ann3"),
        person(4, "Adele", "Vance", "avance"),
        person(5, "Bo", "Vance", "Vbo"),
        person(6, "Vance", "Wu", "wu"),
        person(7, "Xi", "Xu", "vancey"),
        person(8, "Yan", "Yu", "yan"),
        person(9, "Åsa", "Ågren", ""),
        person(20, "Vance", "Contact", "contact"),
    ];
    list[0].status = Status::Inactive;
    list[1].status = Status::Archived;
    list[2].access = false;
    list[3].job_title = Some("Technician".into());
    list[4].department = Some("Sales".into());
    list[5].location = Some("Bern".into());
    list[6].pinned = true;
    list[7].email = Some("vance.yan@fabrikam.com".into());
    list[9].kind = Kind::Contact;
    list[9].account_id = Some(account(7, "").id);
    write(db, list).await;
    let mut tx = db.begin().await.unwrap();
    let mut linked = link(1, LinkRole::Primary, 8);
    linked.link.applied.rule_id = Some(RuleId(Uuid::from_u128(0xabc)));
    links::write(&mut tx, &[linked, link(2, LinkRole::Secondary, 3)])
        .await
        .unwrap();
    let details = records::Details {
        is_poc: true,
        ..Default::default()
    };
    records::write_details(&mut tx, record_id(20), &details, 1, time(0))
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// The numbers of the records, page by page; cursors go through their text.
async fn pages(db: &Db, filter: &RecordFilter, order: Order, limit: i64) -> Vec<Vec<u128>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = record_list::list(db, filter, order, after.as_ref(), limit)
            .await
            .unwrap();
        let cursor = page.cursor();
        pages.push(
            page.items
                .iter()
                .map(|row| row.record.id.0.as_u128())
                .collect(),
        );
        match cursor {
            Some(text) => after = Some(Position::parse(&text, filter, order).unwrap()),
            None => return pages,
        }
    }
}

async fn found(db: &Db, filter: &RecordFilter) -> Vec<u128> {
    pages(db, filter, Order::default(), 50).await.remove(0)
}

fn employees() -> RecordFilter {
    RecordFilter::new(Kind::Employee)
}

const ORDERS: [(Sort, bool, [u128; 9]); 8] = [
    (Sort::Name, false, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    (Sort::Name, true, [9, 8, 7, 6, 5, 4, 3, 2, 1]),
    (Sort::Username, false, [3, 4, 7, 5, 6, 8, 1, 2, 9]),
    (Sort::Username, true, [1, 8, 6, 5, 7, 4, 3, 2, 9]),
    (Sort::Email, false, [3, 4, 8, 7, 5, 6, 1, 2, 9]),
    (Sort::Email, true, [1, 6, 5, 7, 8, 4, 3, 2, 9]),
    (Sort::Created, false, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    (Sort::Created, true, [9, 8, 7, 6, 5, 4, 3, 2, 1]),
];

both! {
    every_order_is_complete_at_every_page_size(db) {
        people(&db).await;
        for (sort, descending, expected) in ORDERS {
            let order = Order { sort, descending };
            for limit in 1..=10 {
                let pages = pages(&db, &employees(), order, limit).await;
                assert_eq!(pages.concat(), expected, "{order:?} by {limit}");
                let full = pages.iter().filter(|page| page.len() == limit as usize).count();
                assert_eq!(full, 9 / limit as usize, "{order:?} by {limit}");
            }
        }
    }

    each_filter_lets_its_records_through(db) {
        people(&db).await;
        let all = employees();
        let text = |text: &str| Some(text.to_owned());
        let rule = Some(RuleId(Uuid::from_u128(0xabc)));
        let table: Vec<(RecordFilter, Vec<u128>)> = vec![
            (RecordFilter { status: Some(Status::Active), ..all.clone() }, (3..=9).collect()),
            (RecordFilter { status: Some(Status::Inactive), ..all.clone() }, vec![1]),
            (RecordFilter { status: Some(Status::Archived), ..all.clone() }, vec![2]),
            (RecordFilter { access: Some(false), ..all.clone() }, vec![3]),
            (RecordFilter { access: Some(true), ..all.clone() }, vec![1, 2, 4, 5, 6, 7, 8, 9]),
            (RecordFilter { email: text("AVANCE@fabrikam.com "), ..all.clone() }, vec![4]),
            (RecordFilter { username: text("vBO"), ..all.clone() }, vec![5]),
            (RecordFilter { first_name: text("ann"), ..all.clone() }, vec![2, 3]),
            (RecordFilter { last_name: text("VANCE"), ..all.clone() }, vec![4, 5]),
            (RecordFilter { last_name: text("Van"), ..all.clone() }, vec![]),
            (RecordFilter { account_id: Some(account(7, "").id), ..all.clone() }, vec![]),
            (RecordFilter { job_title: text("Technician"), ..all.clone() }, vec![4]),
            (RecordFilter { department: text("Sales"), ..all.clone() }, vec![5]),
            (RecordFilter { location: text("Bern"), ..all.clone() }, vec![6]),
            (RecordFilter { is_poc: Some(true), ..all.clone() }, vec![]),
            (RecordFilter { is_poc: Some(false), ..all.clone() }, (1..=9).collect()),
            (RecordFilter { pinned: Some(true), ..all.clone() }, vec![7]),
            (RecordFilter { tenant_id: Some(TENANT), ..all.clone() }, vec![8]),
            (RecordFilter { tenant_id: Some(TenantId(Uuid::nil())), ..all.clone() }, vec![]),
            (RecordFilter { rule_id: rule, ..all.clone() }, vec![8]),
            (RecordFilter { rule_id: rule, status: Some(Status::Archived), ..all.clone() }, vec![]),
        ];
        for (filter, expected) in table {
            assert_eq!(found(&db, &filter).await, expected, "{filter:?}");
            for sort in [Sort::Username, Sort::Email, Sort::Created] {
                let order = Order { sort, descending: true };
                let mut same = pages(&db, &filter, order, 2).await.concat();
                same.sort_unstable();
                assert_eq!(same, expected, "{order:?} {filter:?}");
            }
        }
        let contacts = RecordFilter::new(Kind::Contact);
        for filter in [
            RecordFilter { account_id: Some(account(7, "").id), ..contacts.clone() },
            RecordFilter { is_poc: Some(true), ..contacts.clone() },
            contacts,
        ] {
            assert_eq!(found(&db, &filter).await, [20], "{filter:?}");
        }
    }

    a_search_gives_last_names_first_and_nobody_twice(db) {
        people(&db).await;
        for (search, expected) in [
            ("vance", vec![4, 5, 6, 7, 8]),
            ("VAN", vec![4, 5, 6, 7, 8]),
            ("v", vec![4, 5, 6, 7, 8]),
            ("adele vance", vec![4]),
            ("vance adele", vec![4]),
            ("vance wu@", vec![6]),
            ("vance abbot", vec![]),
            ("å", vec![9]),
            ("vance.yan@fabrikam", vec![8]),
            ("ontact", vec![]),
            ("%", vec![]),
        ] {
            let filter = RecordFilter { search: Some(search.into()), ..employees() };
            for limit in 1..=6 {
                let pages = pages(&db, &filter, Order::default(), limit).await;
                assert_eq!(pages.concat(), expected, "{search} by {limit}");
            }
        }
        let filter = RecordFilter { search: Some("  ".into()), ..employees() };
        assert_eq!(found(&db, &filter).await.len(), 9);
        let status = Some(Status::Active);
        let filter = RecordFilter { search: Some("a".into()), status, ..employees() };
        assert_eq!(found(&db, &filter).await, [4, 3]);
    }

    a_page_of_nothing_is_empty(db) {
        people(&db).await;
        let page = record_list::list(&db, &employees(), Order::default(), None, 0).await.unwrap();
        assert!(page.items.is_empty());
    }

    a_list_inside_a_transaction_sees_what_it_wrote(db) {
        people(&db).await;
        let mut tx = db.begin().await.unwrap();
        records::delete(&mut tx, record_id(4)).await.unwrap();
        let order = Order::default();
        let page = record_list::list(&mut tx, &employees(), order, None, 50).await.unwrap();
        assert_eq!(page.items.len(), 8);
    }
}

#[test]
fn a_cursor_of_another_order_is_refused() {
    let order = Order {
        sort: Sort::Name,
        descending: false,
    };
    let wrong = [
        "",
        "x",
        // {"order":{"sort":"name","descending":true},"segment":0,"keys":["a","b"],"id":…}
        &store::page::encode(&serde_json::json!({
            "order": {"sort": "name", "descending": true}, "segment": 0,
            "keys": ["a", "b"], "id": Uuid::nil()
        })),
        &store::page::encode(&serde_json::json!({
            "order": {"sort": "name", "descending": false}, "segment": 1,
            "keys": ["a", "b"], "id": Uuid::nil()
        })),
        &store::page::encode(&serde_json::json!({
            "order": {"sort": "name", "descending": false}, "segment": 0,
            "keys": ["a"], "id": Uuid::nil()
        })),
    ];
    for text in wrong {
        let parsed = Position::parse(text, &employees(), order);
        assert_eq!(parsed, Err(BadCursor), "{text}");
    }
    let right = store::page::encode(&serde_json::json!({
        "order": {"sort": "name", "descending": false}, "segment": 0,
        "keys": ["a", "b"], "id": Uuid::nil()
    }));
    assert!(Position::parse(&right, &employees(), order).is_ok());
}
