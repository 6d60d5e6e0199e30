//! SQLite's plans for the walks of a list: each follows one index in order, so
//! that a page costs the same wherever it begins. SQLite keeps no statistics
//! here, so its plans do not depend on what is stored.
#![allow(clippy::unwrap_used)] // a test fails by it

use provisioning::psa::{Kind, Status};

use super::*;
use crate::{Db, Options};

/// The steps of the plan of each segment, for the pages after the first one.
async fn plans(db: &Db, filter: &RecordFilter, order: Order, few: Option<&[Uuid]>) -> Vec<String> {
    let mut plans = Vec::new();
    let conditions = filter.conditions();
    for (index, segment) in segments(filter, order).iter().enumerate() {
        let after = Position {
            order: shown(filter, order),
            segment: index,
            keys: vec!["m".to_owned(); segment.columns.len()],
            id: RecordId(Uuid::nil()),
        };
        let query = statement(filter, segment, &conditions, few, Some(&after));
        let rows = query.explained().rows(&mut db.source()).await.unwrap();
        let steps = rows.iter().map(|row| row.get::<String>("detail").unwrap());
        plans.push(steps.collect::<Vec<_>>().join("; "));
    }
    plans
}

async fn memory() -> Db {
    let db = Db::open(&Options::new("sqlite::memory:")).await.unwrap();
    db.migrate().await.unwrap();
    db
}

#[tokio::test]
async fn every_walk_follows_an_index_in_order() {
    let db = memory().await;
    let all = RecordFilter::new(Kind::Employee);
    let of = |status| RecordFilter {
        status: Some(status),
        ..all.clone()
    };
    let account_id = Some(provisioning::ids::AccountId(Uuid::nil()));
    let search = Some("vance".to_owned());
    let table: [(RecordFilter, Sort, &[&str]); 10] = [
        (all.clone(), Sort::Name, &["records_by_name"]),
        (
            all.clone(),
            Sort::Username,
            &["records_username_key", "records_without_username"],
        ),
        (
            all.clone(),
            Sort::Email,
            &["records_by_email", "records_without_email"],
        ),
        (all.clone(), Sort::Created, &["sqlite_autoindex_records_1"]),
        (of(Status::Active), Sort::Name, &["records_by_name"]),
        (of(Status::Inactive), Sort::Name, &["records_not_active"]),
        (
            RecordFilter {
                access: Some(false),
                ..all.clone()
            },
            Sort::Name,
            &["records_without_access"],
        ),
        (
            RecordFilter {
                is_poc: Some(true),
                ..all.clone()
            },
            Sort::Name,
            &["records_poc"],
        ),
        (
            RecordFilter {
                account_id,
                ..all.clone()
            },
            Sort::Name,
            &["records_by_name"],
        ),
        (
            RecordFilter {
                search,
                ..all.clone()
            },
            Sort::Name,
            &[
                "records_by_name",
                "records_by_first_name",
                "records_username_key",
                "records_by_email",
            ],
        ),
    ];
    for (filter, sort, indexes) in table {
        for descending in [false, true] {
            let order = Order { sort, descending };
            let plans = plans(&db, &filter, order, None).await;
            assert_eq!(plans.len(), indexes.len(), "{filter:?}");
            for (plan, index) in plans.iter().zip(indexes) {
                let begin = format!("SEARCH records USING INDEX {index} (");
                assert!(plan.starts_with(&begin), "{order:?} {filter:?}: {plan}");
                // Of what is searched only the range is walked.
                let is_bound = filter.search.is_none() || plan.contains(">?");
                assert!(is_bound, "{order:?} {filter:?}: {plan}");
                // Within one address the ids are sorted: a handful.
                let rest = plan.replace("USE TEMP B-TREE FOR LAST TERM OF ORDER BY", "");
                assert!(
                    !rest.contains("TEMP B-TREE"),
                    "{order:?} {filter:?}: {plan}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_narrowed_list_looks_up_the_few_and_nothing_else() {
    let db = memory().await;
    let filter = RecordFilter {
        status: Some(Status::Inactive),
        account_id: Some(provisioning::ids::AccountId(Uuid::nil())),
        ..RecordFilter::new(Kind::Contact)
    };
    for sort in [Sort::Name, Sort::Username, Sort::Email, Sort::Created] {
        let order = Order {
            sort,
            descending: false,
        };
        for plan in plans(&db, &filter, order, Some(&[Uuid::nil()])).await {
            let begin = "SEARCH records USING INDEX sqlite_autoindex_records_1 (id=?)";
            assert!(plan.starts_with(begin), "{order:?}: {plan}");
        }
    }
}
