//! Mapping rules.

use provisioning::ids::{AccountId, RuleId};
use provisioning::mapping_rule::{MappingRule, Members, RolesMode, ScopeKind, Target};
use store::StoreError;
use store::mapping_rules;
use uuid::Uuid;

use crate::samples::{CONNECTION, TENANT, connect, group, time};
use crate::support::both;

pub(crate) fn rule(n: u128, order: i64) -> MappingRule {
    MappingRule {
        id: RuleId(Uuid::from_u128(n)),
        name: format!("Rule {n}"),
        order,
        connection_id: CONNECTION,
        tenant_id: TENANT,
        scope: ScopeKind::Group,
        group_id: group(n),
        group_name: Some("Staff".to_owned()),
        group_created_at: Some(time(-9)),
        group_readable: true,
        target: Target::Employee,
        security_roles: vec!["User".to_owned()],
        roles_mode: RolesMode::OnCreate,
        include_nested: true,
        members: Members::Guests,
        exclude: vec!["*-svc@*".to_owned()],
        licensed_only: true,
        enabled: true,
        created_at: time(n.try_into().unwrap()),
        version: 1,
    }
}

both! {
    rules_are_read_as_written_and_in_order(db) {
        connect(&db).await;
        let account = AccountId(Uuid::from_u128(0xacc));
        let mut contact = rule(3, 10);
        contact.target = Target::Contact { account_id: account };
        contact.group_created_at = None;
        contact.scope = ScopeKind::Assigned;
        let mut tx = db.begin().await.unwrap();
        let text = "INSERT INTO accounts (id, name, name_key, is_active, version, created_at, updated_at)
            VALUES ($1, 'A', 'a', TRUE, 1, $2, $2)";
        tx.execute(text, store::args![account, time(0)]).await.unwrap();
        for rule in [&contact, &rule(1, 20), &rule(2, 10)] {
            mapping_rules::insert(&mut tx, rule, time(5)).await.unwrap();
        }
        let rules = mapping_rules::list(&mut tx).await.unwrap();
        let found: Vec<_> = rules.iter().map(|row| row.rule.clone()).collect();
        assert_eq!(found, [rule(2, 10), contact, rule(1, 20)]);
        assert_eq!(mapping_rules::of_connection(&mut tx, CONNECTION).await.unwrap(), rules);
        assert_eq!(mapping_rules::get(&mut tx, rule(1, 20).id).await.unwrap().unwrap().rule, rule(1, 20));
    }

    a_rule_is_changed_by_whoever_saw_it_last(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        mapping_rules::insert(&mut tx, &rule(1, 1), time(1)).await.unwrap();
        let pending = serde_json::json!({"order": 5});
        mapping_rules::set_pending(&mut tx, rule(1, 1).id, Some(&pending), time(2)).await.unwrap();
        let waiting = mapping_rules::get(&mut tx, rule(1, 1).id).await.unwrap().unwrap();
        assert_eq!((waiting.pending, waiting.rule.version), (Some(pending), 1));
        assert_eq!(mapping_rules::update(&mut tx, &rule(1, 7), time(3)).await.unwrap(), 2);
        let changed = mapping_rules::get(&mut tx, rule(1, 1).id).await.unwrap().unwrap();
        assert_eq!((changed.rule.order, changed.rule.version, changed.pending), (7, 2, None));
        for stale in [
            mapping_rules::update(&mut tx, &rule(1, 8), time(4)).await.map(|_| ()),
            mapping_rules::delete(&mut tx, rule(1, 1).id, 1).await,
        ] {
            assert!(matches!(stale, Err(StoreError::Stale { .. })));
        }
        mapping_rules::delete(&mut tx, rule(1, 1).id, 2).await.unwrap();
        let gone = mapping_rules::delete(&mut tx, rule(1, 1).id, 2).await;
        assert!(matches!(gone, Err(StoreError::NotFound { .. })));
        let gone = mapping_rules::set_pending(&mut tx, rule(1, 1).id, None, time(5)).await;
        assert!(matches!(gone, Err(StoreError::NotFound { .. })));
    }

    reordering_counts_as_a_change_only_where_something_moved(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        for rule in [rule(1, 1), rule(2, 2), rule(3, 3)] {
            mapping_rules::insert(&mut tx, &rule, time(1)).await.unwrap();
        }
        let orders = [(rule(2, 0).id, 1), (rule(1, 0).id, 2), (rule(3, 0).id, 3)];
        mapping_rules::reorder(&mut tx, &orders, time(2)).await.unwrap();
        let rules = mapping_rules::list(&mut tx).await.unwrap();
        let found: Vec<_> = rules.iter().map(|row| (row.rule.id, row.rule.order, row.rule.version)).collect();
        assert_eq!(found, [(rule(2, 0).id, 1, 2), (rule(1, 0).id, 2, 2), (rule(3, 0).id, 3, 1)]);
    }

    what_is_read_of_a_group_is_no_change_of_the_rule(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        mapping_rules::insert(&mut tx, &rule(1, 1), time(1)).await.unwrap();
        mapping_rules::set_group(&mut tx, CONNECTION, group(1), None, None, false).await.unwrap();
        let found = mapping_rules::get(&mut tx, rule(1, 1).id).await.unwrap().unwrap().rule;
        assert_eq!(found, MappingRule { group_readable: false, ..rule(1, 1) });
        mapping_rules::set_group(&mut tx, CONNECTION, group(1), Some("New"), Some(time(-5)), true).await.unwrap();
        let found = mapping_rules::get(&mut tx, rule(1, 1).id).await.unwrap().unwrap().rule;
        let wanted = MappingRule { group_name: Some("New".to_owned()), group_created_at: Some(time(-5)), ..rule(1, 1) };
        assert_eq!(found, wanted);
    }
}
