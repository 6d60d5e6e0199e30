//! Employees and contacts.

use provisioning::ids::{AccountId, RecordId};
use provisioning::psa::{Kind, Status};
use store::records::{self, Details, EmailType, OtherEmail, OtherPhone, PhoneType, RecordWrite};
use store::{Db, StoreError};
use uuid::Uuid;

use crate::samples::{record, record_id, time};
use crate::support::both;

fn write(record: provisioning::psa::Record, expected_version: i64) -> RecordWrite {
    RecordWrite {
        record,
        expected_version,
    }
}

async fn written(db: &Db, writes: &[RecordWrite]) -> Vec<RecordId> {
    let mut tx = db.begin().await.unwrap();
    let failed = records::write(&mut tx, writes, time(1)).await.unwrap();
    tx.commit().await.unwrap();
    failed
}

async fn versions(db: &Db, ids: &[RecordId]) -> Vec<i64> {
    let mut rows = records::get(db, ids).await.unwrap();
    rows.sort_by_key(|row| row.record.id);
    rows.iter().map(|row| row.record.version).collect()
}

both! {
    a_record_is_read_as_it_was_written(db) {
        let account = AccountId(Uuid::from_u128(0xacc));
        let mut tx = db.begin().await.unwrap();
        let text = "INSERT INTO accounts (id, name, name_key, is_active, version, created_at, updated_at)
            VALUES ($1, 'A', 'a', TRUE, 1, $2, $2)";
        tx.execute(text, store::args![account, time(0)]).await.unwrap();
        tx.commit().await.unwrap();
        let mut full = record(1, Kind::Contact);
        full.phone = Some("+1".to_owned());
        full.mobile_phone = Some("+2".to_owned());
        full.job_title = Some("Baker".to_owned());
        full.department = Some("Bread".to_owned());
        full.location = Some("Oven".to_owned());
        full.manager_id = Some(record_id(9));
        full.employment_type = Some("Full".to_owned());
        full.employee_id = Some("007".to_owned());
        full.employee_roles = vec!["Billable".to_owned()];
        full.security_roles = vec!["External \"User\"".to_owned(), "Ö".to_owned()];
        full.account_id = Some(account);
        full.status = Status::Inactive;
        full.access = true;
        full.access_reason = Some("by_hand".to_owned());
        full.deactivated_by_sync = true;
        full.original_username = Some("u".to_owned());
        full.original_email = Some("u@x".to_owned());
        full.pinned = true;
        assert_eq!(written(&db, &[write(full.clone(), 0)]).await, []);
        let found = records::get(&db, &[full.id]).await.unwrap().pop().unwrap();
        full.version = 1;
        assert_eq!(found.record, full);
        assert_eq!((found.created_at, found.updated_at, found.has_password), (time(1), time(1), false));
        assert_eq!(found.details, Details::default());
    }

    a_write_against_another_version_changes_nothing(db) {
        let (mut a, b) = (record(1, Kind::Employee), record(2, Kind::Employee));
        written(&db, &[write(a.clone(), 0), write(b.clone(), 0)]).await;
        a.last_name = Some("New".to_owned());
        let failed = written(&db, &[write(a.clone(), 1), write(b.clone(), 7), write(record(3, Kind::Employee), 4)]).await;
        assert_eq!(failed, [record_id(2), record_id(3)]);
        assert_eq!(versions(&db, &[a.id, b.id, record_id(3)]).await, [2, 1]);
        let found = records::get(&db, &[a.id]).await.unwrap().pop().unwrap();
        assert_eq!(found.record.last_name.as_deref(), Some("New"));
        // The kind of a record never changes.
        let failed = written(&db, &[write(record(1, Kind::Contact), 2)]).await;
        assert_eq!(failed, [a.id]);
    }

    many_records_are_written_at_once(db) {
        let new: Vec<_> = (1..=1_000).map(|n| write(record(n, Kind::Employee), 0)).collect();
        assert_eq!(written(&db, &new).await, []);
        let again: Vec<_> = new.iter().map(|w| write(w.record.clone(), 1)).collect();
        assert_eq!(written(&db, &again).await, []);
        let ids: Vec<_> = new.iter().map(|w| w.record.id).collect();
        assert_eq!(versions(&db, &ids).await, vec![2; 1_000]);
    }

    usernames_are_unique_regardless_of_case(db) {
        written(&db, &[write(record(1, Kind::Employee), 0)]).await;
        let mut other = record(2, Kind::Contact);
        other.username = Some("uSER1".to_owned());
        let mut tx = db.begin().await.unwrap();
        let error = records::write(&mut tx, &[write(other, 0)], time(1)).await.unwrap_err();
        assert!(error.is_conflict("records_username_key"), "{error:?}");
    }

    usernames_may_change_hands_in_one_batch(db) {
        let (mut a, mut b) = (record(1, Kind::Employee), record(2, Kind::Employee));
        written(&db, &[write(a.clone(), 0), write(b.clone(), 0)]).await;
        (a.username, b.username) = (b.username.take(), a.username.take());
        assert_eq!(written(&db, &[write(a.clone(), 1), write(b, 1)]).await, []);
        // An archived record frees its name for the new one of the other kind.
        let mut contact = record(3, Kind::Contact);
        contact.username = a.username.replace("User2_Archived".to_owned());
        a.status = Status::Archived;
        assert_eq!(written(&db, &[write(contact, 0), write(a, 2)]).await, []);
        let keys = ["user1", "user2", "user2_archived", "user3"].map(str::to_owned);
        let mut used = records::usernames_in_use(&db, &keys).await.unwrap();
        used.sort();
        assert_eq!(used, ["user1", "user2", "user2_archived"]);
        assert_eq!(records::usernames_with_prefix(&db, "user2").await.unwrap(), ["user2", "user2_archived"]);
        let found = records::by_username(&db, "user2").await.unwrap().unwrap();
        assert_eq!(found.record.id, record_id(3));
    }

    records_are_found_by_email_unless_archived(db) {
        let mut archived = record(3, Kind::Employee);
        archived.email = Some("user1@fabrikam.com".to_owned());
        archived.status = Status::Archived;
        let mut inactive = record(2, Kind::Contact);
        inactive.email = Some(" USER1@fabrikam.COM ".to_owned());
        inactive.status = Status::Inactive;
        let writes = [record(1, Kind::Employee), inactive, archived].map(|r| write(r, 0));
        written(&db, &writes).await;
        let keys = ["user1@fabrikam.com".to_owned(), "x".to_owned()];
        let rows = records::by_email_keys(&db, &keys).await.unwrap();
        let mut ids: Vec<_> = rows.iter().map(|row| row.record.id).collect();
        ids.sort();
        assert_eq!(ids, [record_id(1), record_id(2)]);
        assert!(records::by_email_keys(&db, &[]).await.unwrap().is_empty());
    }

    only_active_employees_with_access_administrate(db) {
        let administrator = |n, kind, status, access, roles: &[&str]| {
            let mut record = record(n, kind);
            record.status = status;
            record.access = access;
            record.security_roles = roles.iter().map(|role| (*role).to_owned()).collect();
            write(record, 0)
        };
        let writes = [
            administrator(1, Kind::Employee, Status::Active, true, &["Administrator"]),
            administrator(2, Kind::Employee, Status::Active, true, &["Administrator", "User"]),
            administrator(3, Kind::Employee, Status::Active, false, &["Administrator"]),
            administrator(4, Kind::Employee, Status::Inactive, true, &["Administrator"]),
            administrator(5, Kind::Contact, Status::Active, true, &["Administrator"]),
            administrator(6, Kind::Employee, Status::Active, true, &["Sub-Administrator"]),
        ];
        written(&db, &writes).await;
        assert_eq!(records::active_administrators(&db).await.unwrap(), 2);
    }

    details_and_passwords_are_kept_apart_from_plans(db) {
        let mut root = record(1, Kind::Employee);
        root.is_root = true;
        written(&db, &[write(root.clone(), 0)]).await;
        let details = Details {
            email_type: EmailType::Personal,
            phone_type: PhoneType::Home,
            other_emails: vec![OtherEmail { address: "a@b.c".to_owned(), kind: EmailType::Business }],
            other_phones: vec![OtherPhone { number: "1".to_owned(), kind: PhoneType::Fax }],
            is_poc: true,
            receive_invoices: true,
            pin_reason: Some("on leave".to_owned()),
        };
        let mut tx = db.begin().await.unwrap();
        records::write_details(&mut tx, root.id, &details, 1, time(2)).await.unwrap();
        let stale = records::write_details(&mut tx, root.id, &details, 1, time(2)).await;
        assert!(matches!(stale, Err(StoreError::Stale { .. })));
        records::set_password(&mut tx, root.id, Some("$argon2id$"), time(3)).await.unwrap();
        records::signed_in(&mut tx, root.id, time(4)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(written(&db, &[write(root.clone(), 2)]).await, []);
        let found = records::root(&db).await.unwrap().unwrap();
        assert_eq!((found.details, found.has_password, found.last_sign_in_at), (details, true, Some(time(4))));
        assert_eq!(records::password_hash(&db, root.id).await.unwrap().as_deref(), Some("$argon2id$"));
        assert_eq!(records::password_hash(&db, record_id(8)).await.unwrap(), None);
    }

    a_deleted_record_is_gone(db) {
        written(&db, &[write(record(1, Kind::Employee), 0)]).await;
        let mut tx = db.begin().await.unwrap();
        records::delete(&mut tx, record_id(1)).await.unwrap();
        let again = records::delete(&mut tx, record_id(1)).await;
        assert!(matches!(again, Err(StoreError::NotFound { .. })));
        let missing = records::set_password(&mut tx, record_id(1), None, time(1)).await;
        assert!(matches!(missing, Err(StoreError::NotFound { .. })));
        let missing = records::signed_in(&mut tx, record_id(1), time(1)).await;
        assert!(matches!(missing, Err(StoreError::NotFound { .. })));
        assert!(records::get(&mut tx, &[record_id(1)]).await.unwrap().is_empty());
    }
}
