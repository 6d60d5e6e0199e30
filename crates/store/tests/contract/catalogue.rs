//! Accounts, security roles and the lookup tables.

use provisioning::ids::AccountId;
use provisioning::mapping_rule::RoleType;
use provisioning::psa::Kind;
use store::accounts::{self, Account, AccountFilter};
use store::lookups::{self, Entry, Lookup};
use store::psa_ids::LookupId;
use store::records::{self, RecordWrite};
use store::references::ReferenceKind;
use store::rights::{Module, Right, Rights, Scope};
use store::security_roles::{self, SecurityRole};
use store::{Db, StoreError};
use uuid::Uuid;

use crate::samples::{record, time};
use crate::support::both;

pub(crate) fn account(n: u128, name: &str) -> Account {
    Account {
        id: AccountId(Uuid::from_u128(n)),
        name: name.to_owned(),
        is_active: true,
        version: 1,
        created_at: time(0),
        updated_at: time(0),
    }
}

/// Writes records as they are.
pub(crate) async fn write(db: &Db, list: Vec<provisioning::psa::Record>) {
    let mut tx = db.begin().await.unwrap();
    let write = |record| RecordWrite {
        record,
        expected_version: 0,
    };
    let writes: Vec<_> = list.into_iter().map(write).collect();
    assert_eq!(records::write(&mut tx, &writes, time(0)).await.unwrap(), []);
    tx.commit().await.unwrap();
}

fn role(name: &str, role_type: RoleType) -> SecurityRole {
    let mut rights = Rights::none();
    rights.grant(Module::ServiceDesk, Right::View, Scope::Own);
    SecurityRole {
        name: name.to_owned(),
        role_type,
        is_system: false,
        is_active: true,
        description: String::new(),
        rights,
        version: 1,
        created_at: time(0),
    }
}

fn entry(n: u128, name: &str) -> Entry {
    Entry {
        id: LookupId(Uuid::from_u128(n)),
        name: name.to_owned(),
        is_active: true,
        version: 1,
        created_at: time(0),
        updated_at: time(0),
    }
}

async fn names(db: &Db, filter: &AccountFilter, limit: i64) -> Vec<Vec<String>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = accounts::list(db, filter, after.as_ref(), limit)
            .await
            .unwrap();
        pages.push(page.items.into_iter().map(|account| account.name).collect());
        match page.next {
            Some(next) => after = Some(next),
            None => return pages,
        }
    }
}

both! {
    accounts_are_listed_by_name_page_by_page(db) {
        let mut tx = db.begin().await.unwrap();
        for (n, name) in [(1, "Zeta"), (2, "alpha"), (3, "Alpha 2"), (4, "Älpler"), (5, "Beta")] {
            let mut account = account(n, name);
            account.is_active = n != 5;
            accounts::insert(&mut tx, &account).await.unwrap();
        }
        tx.commit().await.unwrap();
        let all = AccountFilter::default();
        let pages = names(&db, &all, 2).await;
        assert_eq!(pages, [vec!["alpha", "Alpha 2"], vec!["Beta", "Zeta"], vec!["Älpler"]]);
        assert_eq!(names(&db, &all, 5).await.len(), 1);
        let table: [(AccountFilter, &[&str]); 4] = [
            (AccountFilter { search: Some(" AL".into()), ..all.clone() }, &["alpha", "Alpha 2"]),
            (AccountFilter { search: Some("äl".into()), ..all.clone() }, &["Älpler"]),
            (AccountFilter { name: Some("ZETA".into()), ..all.clone() }, &["Zeta"]),
            (AccountFilter { is_active: Some(false), ..all.clone() }, &["Beta"]),
        ];
        for (filter, expected) in table {
            assert_eq!(names(&db, &filter, 10).await, [expected.to_vec()], "{filter:?}");
        }
        let found = accounts::get(&db, &[account(1, "").id, account(9, "").id]).await.unwrap();
        assert_eq!(found, [account(1, "Zeta")]);
    }

    of_two_writers_of_an_account_the_second_is_told(db) {
        let mut tx = db.begin().await.unwrap();
        let mut alpha = account(1, "Alpha");
        accounts::insert(&mut tx, &alpha).await.unwrap();
        alpha.name = "Omega".into();
        assert_eq!(accounts::update(&mut tx, &alpha, 1, time(5)).await.unwrap(), 2);
        let second = accounts::update(&mut tx, &alpha, 1, time(6)).await;
        assert!(matches!(second, Err(StoreError::Stale { what: "account" })));
        let nobody = accounts::update(&mut tx, &account(7, "x"), 1, time(6)).await;
        assert!(matches!(nobody, Err(StoreError::NotFound { what: "account" })));
        let found = accounts::get(&mut tx, &[alpha.id]).await.unwrap().remove(0);
        assert_eq!((found.name.as_str(), found.version, found.updated_at), ("Omega", 2, time(5)));
        let stale = accounts::delete(&mut tx, alpha.id, 1).await;
        assert!(matches!(stale, Err(StoreError::Stale { .. })));
        accounts::delete(&mut tx, alpha.id, 2).await.unwrap();
        assert!(accounts::get(&mut tx, &[alpha.id]).await.unwrap().is_empty());
    }

    a_name_is_one_accounts_in_any_letter_case(db) {
        let mut tx = db.begin().await.unwrap();
        let mut other = account(2, "Émile & Co");
        accounts::insert(&mut tx, &account(1, "Alpha")).await.unwrap();
        accounts::insert(&mut tx, &other).await.unwrap();
        tx.commit().await.unwrap();
        for taken in ["Alpha", "ALPHA", " alpha ", "émile & co"] {
            let mut tx = db.begin().await.unwrap();
            let refused = accounts::insert(&mut tx, &account(3, taken)).await.unwrap_err();
            assert!(refused.is_conflict("accounts_name_key"), "{taken}: {refused:?}");
        }
        let mut tx = db.begin().await.unwrap();
        other.name = "ÉMILE & CO".to_owned();
        assert_eq!(accounts::update(&mut tx, &other, 1, time(1)).await.unwrap(), 2, "its own name");
        other.name = "alphA".to_owned();
        let refused = accounts::update(&mut tx, &other, 2, time(1)).await.unwrap_err();
        assert!(refused.is_conflict("accounts_name_key"), "{refused:?}");
    }

    accounts_that_shared_a_name_before_keep_apart_after_the_migration(db) {
        let mut tx = db.begin().await.unwrap();
        // As the schema was, and what it allowed.
        tx.execute("DROP INDEX accounts_name_key", vec![]).await.unwrap();
        tx.execute("CREATE INDEX accounts_by_name ON accounts (name_key, id)", vec![]).await.unwrap();
        for (n, name) in [(0x3a, "alpha"), (0x1b, "Alpha"), (0x2c, "ALPHA"), (0x4d, "Beta")] {
            let mut one = account(n, name);
            one.created_at = time(i64::try_from(n).unwrap());
            accounts::insert(&mut tx, &one).await.unwrap();
        }
        let migration = match db.backend() {
            store::Backend::Sqlite => include_str!("../../migrations/sqlite/0004_account_names.sql"),
            store::Backend::Postgres => include_str!("../../migrations/postgres/0004_account_names.sql"),
        };
        for statement in migration.split(";\n").filter(|text| !text.trim().is_empty()) {
            tx.execute(statement.to_owned(), vec![]).await.unwrap();
        }
        tx.commit().await.unwrap();
        let all = names(&db, &AccountFilter::default(), 10).await;
        let expected = ["Alpha", "ALPHA (duplicate 00000000002c)", "alpha (duplicate 00000000003a)", "Beta"];
        assert_eq!(all, [expected.to_vec()], "the oldest keeps the name");
    }

    an_account_with_contacts_stays(db) {
        let mut tx = db.begin().await.unwrap();
        let alpha = account(1, "Alpha");
        accounts::insert(&mut tx, &alpha).await.unwrap();
        tx.commit().await.unwrap();
        let mut contact = record(5, Kind::Contact);
        contact.account_id = Some(alpha.id);
        write(&db, vec![contact]).await;
        let mut tx = db.begin().await.unwrap();
        let refused = accounts::delete(&mut tx, alpha.id, 1).await.unwrap_err();
        assert!(refused.is_conflict("account_in_use"));
        let found = accounts::references(&mut tx, alpha.id, 5).await.unwrap();
        assert_eq!(found[0].kind, ReferenceKind::Contact);
        assert_eq!(found[0].label, "Åsa Vance5");
    }

    the_built_in_roles_have_their_rights(db) {
        use {Module::*, Right::*, Scope::*};
        let roles = security_roles::list(&db).await.unwrap();
        let internal = roles.iter().take_while(|role| role.role_type == RoleType::Internal);
        assert_eq!((roles.len(), internal.count()), (8, 6));
        assert!(roles.iter().all(|role| role.is_system && role.is_active));
        let expected = [
            ("Administrator", Admin, Delete, Some(All)),
            ("Project Manager", Projects, Delete, Some(All)),
            ("Project Manager", Finance, View, None),
            ("CRM Manager", Crm, Edit, Some(All)),
            ("CRM Manager", Admin, View, None),
            ("Finance Manager", Finance, Create, Some(All)),
            ("Finance Manager", ServiceDesk, View, None),
            ("Service Desk Manager", ServiceDesk, Delete, Some(All)),
            ("User", ServiceDesk, Edit, Some(Own)),
            ("User", Hr, View, None),
            ("External User", ServiceDesk, View, Some(Own)),
            ("External User", Finance, View, None),
            ("External Manager", ServiceDesk, View, Some(Account)),
            ("External Manager", Finance, View, Some(Account)),
            ("External Manager", Crm, View, None),
        ];
        for (name, module, right, scope) in expected {
            let role = security_roles::get(&db, name).await.unwrap().unwrap();
            assert_eq!(role.rights.scope(module, right), scope, "{name} {module:?} {right:?}");
            assert!(role.rights.allows(My, Edit), "{name}");
        }
        let admin = security_roles::get(&db, "Administrator").await.unwrap().unwrap();
        assert_eq!(admin.rights, Rights::everything());
    }

    rights_are_of_the_active_roles_together(db) {
        let mut tx = db.begin().await.unwrap();
        let mut own = role("Apprentice", RoleType::Internal);
        security_roles::insert(&mut tx, &own).await.unwrap();
        let both = ["Apprentice".to_owned(), "User".to_owned(), "Nobody".to_owned()];
        let rights = security_roles::rights_of(&mut tx, &both).await.unwrap();
        assert!(rights.allows_all(Module::ServiceDesk, Right::View));
        let rights = security_roles::rights_of(&mut tx, &both[..1]).await.unwrap();
        assert_eq!(rights, own.rights);
        own.is_active = false;
        security_roles::update(&mut tx, &own, 1).await.unwrap();
        assert!(security_roles::rights_of(&mut tx, &both[..1]).await.unwrap().is_empty());
        let types = security_roles::types(&mut tx).await.unwrap();
        assert_eq!(types.get("External User"), Some(&RoleType::External));
        assert_eq!(types.get("Apprentice"), None);
    }

    a_role_in_use_or_built_in_stays(db) {
        let mut tx = db.begin().await.unwrap();
        for name in ["Apprentice", "100%_\"sure\""] {
            security_roles::insert(&mut tx, &role(name, RoleType::Internal)).await.unwrap();
        }
        let twice = security_roles::insert(&mut tx, &role("User", RoleType::Internal)).await;
        assert!(twice.unwrap_err().is_conflict("security_roles_name"));
        tx.commit().await.unwrap();
        let mut holder = record(5, Kind::Employee);
        holder.security_roles = vec!["100%_\"sure\"".into()];
        write(&db, vec![holder]).await;
        let mut tx = db.begin().await.unwrap();
        let mut admin = security_roles::get(&mut tx, "Administrator").await.unwrap().unwrap();
        admin.rights = Rights::none();
        let refused = security_roles::update(&mut tx, &admin, 1).await.unwrap_err();
        assert!(refused.is_conflict("administrator_role"));
        for (name, code) in [("User", "system_role"), ("100%_\"sure\"", "role_in_use")] {
            let refused = security_roles::delete(&mut tx, name, 1).await.unwrap_err();
            assert!(refused.is_conflict(code), "{name}");
        }
        let holders = security_roles::holders(&mut tx, "100%_\"sure\"", 9).await.unwrap();
        assert_eq!(holders.len(), 1);
        let stale = security_roles::delete(&mut tx, "Apprentice", 4).await;
        assert!(matches!(stale, Err(StoreError::Stale { .. })));
        security_roles::delete(&mut tx, "Apprentice", 1).await.unwrap();
        let gone = security_roles::delete(&mut tx, "Apprentice", 1).await;
        assert!(matches!(gone, Err(StoreError::NotFound { .. })));
    }

    missing_names_are_made_once(db) {
        for lookup in Lookup::ALL {
            let mut tx = db.begin().await.unwrap();
            let id = |n| LookupId(Uuid::from_u128(n));
            let names = [(id(1), " Sales ".into()), (id(2), "SALES".into()), (id(3), " ".into())];
            assert_eq!(lookups::ensure(&mut tx, lookup, &names, time(0)).await.unwrap(), 1);
            let names = [(id(4), "sales".into()), (id(5), "Lager".into())];
            assert_eq!(lookups::ensure(&mut tx, lookup, &names, time(0)).await.unwrap(), 1);
            tx.commit().await.unwrap();
            let first = lookups::list(&db, lookup, None, None, None, 1).await.unwrap();
            assert_eq!(first.items, [entry(5, "Lager")]);
            let next = first.next.as_ref();
            let second = lookups::list(&db, lookup, None, Some(true), next, 1).await.unwrap();
            assert_eq!((second.items, second.next), (vec![entry(1, "Sales")], None));
            let found = lookups::list(&db, lookup, Some("LA"), None, None, 9).await.unwrap();
            assert_eq!(found.items, [entry(5, "Lager")]);
            let found = lookups::get(&db, lookup, id(1)).await.unwrap();
            assert_eq!(found, Some(entry(1, "Sales")));
        }
    }

    a_name_that_records_use_stays(db) {
        let mut employee = record(5, Kind::Employee);
        employee.department = Some("Sales".into());
        employee.location = Some("Sales".into());
        employee.job_title = Some("Sales".into());
        employee.employment_type = Some("Sales".into());
        employee.employee_roles = vec!["Sales".into()];
        write(&db, vec![employee]).await;
        for lookup in Lookup::ALL {
            let mut tx = db.begin().await.unwrap();
            let (mut used, free) = (entry(1, "Sales"), entry(2, "Lager"));
            lookups::insert(&mut tx, lookup, &used).await.unwrap();
            lookups::insert(&mut tx, lookup, &free).await.unwrap();
            let taken = format!("{}_name_key", lookup.table());
            let twice = lookups::insert(&mut tx, lookup, &entry(3, "SALES")).await;
            assert!(twice.unwrap_err().is_conflict(&taken));
            assert_eq!(lookups::used_by(&mut tx, lookup, "Sales", 9).await.unwrap().len(), 1);
            used.is_active = false;
            assert_eq!(lookups::update(&mut tx, lookup, &used, 1, time(1)).await.unwrap(), 2);
            used.name = "Vertrieb".into();
            let refused = lookups::update(&mut tx, lookup, &used, 2, time(1)).await;
            assert!(refused.unwrap_err().is_conflict("record_in_use"));
            let refused = lookups::delete(&mut tx, lookup, used.id, 2).await;
            assert!(refused.unwrap_err().is_conflict("record_in_use"));
            let clash = lookups::update(&mut tx, lookup, &entry(2, "sales"), 1, time(1)).await;
            assert!(clash.unwrap_err().is_conflict(&taken));
            let renamed = entry(2, "LAGER");
            assert_eq!(lookups::update(&mut tx, lookup, &renamed, 1, time(1)).await.unwrap(), 2);
            let stale = lookups::delete(&mut tx, lookup, free.id, 1).await;
            assert!(matches!(stale, Err(StoreError::Stale { .. })));
            lookups::delete(&mut tx, lookup, free.id, 2).await.unwrap();
            let gone = lookups::delete(&mut tx, lookup, free.id, 2).await;
            assert!(matches!(gone, Err(StoreError::NotFound { .. })));
        }
    }
}
