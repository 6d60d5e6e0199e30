//! What a round over a connection begins with.

use provisioning::ids::ConnectionId;
use provisioning::mapping_rule::{MappingRule, ScopeKind};
use store::cursors::{self, Cursor, CursorKind, Feed};
use store::rounds::{self, Feeds, Turn};
use store::{Db, connections, mapping_rules, pending, runs, settings};

use crate::mapping_rules::rule;
use crate::runs::run;
use crate::samples::{CONNECTION, connect, object, time};
use crate::support::both;

async fn turn_of(db: &Db, id: ConnectionId) -> Option<Turn<String>> {
    let turns = rounds::turns(db, &[id], "mode").await.unwrap();
    assert!(turns.len() < 2);
    turns.into_iter().next()
}

both! {
    a_round_begins_with_all_it_needs(db) {
        assert!(turn_of(&db, CONNECTION).await.is_none());
        connect(&db).await;
        assert_eq!(rounds::feeds(&db, CONNECTION).await.unwrap(), Feeds::default());
        let turn = turn_of(&db, CONNECTION).await.unwrap();
        assert_eq!((turn.setting, turn.has_runs), (None, false));
        assert_eq!(Some(turn.connection), connections::get(&db, CONNECTION).await.unwrap());
        let cursor = |link: &str| Cursor {
            link: link.to_owned(), kind: CursorKind::Delta, previous_link: None, updated_at: time(2),
        };
        let mut tx = db.begin().await.unwrap();
        cursors::set(&mut tx, CONNECTION, Feed::Users, &cursor("u")).await.unwrap();
        cursors::set(&mut tx, CONNECTION, Feed::Groups, &cursor("g")).await.unwrap();
        settings::put(&mut tx, "mode", &"local", None, time(1)).await.unwrap();
        runs::create(&mut tx, &run(1)).await.unwrap();
        tx.commit().await.unwrap();
        let turn = turn_of(&db, CONNECTION).await.unwrap();
        assert_eq!((turn.setting.as_deref(), turn.has_runs), (Some("local"), true));
        let mut expected = Feeds {
            users: Some(cursor("u")), groups: Some(cursor("g")), ..Feeds::default()
        };
        assert_eq!(rounds::feeds(&db, CONNECTION).await.unwrap(), expected);
        let rules = [(true, ScopeKind::Group), (false, ScopeKind::Assigned), (true, ScopeKind::Assigned)];
        for (n, (enabled, scope)) in (1..).zip(rules) {
            let rule = MappingRule { scope, enabled, ..rule(n, 1) };
            let mut tx = db.begin().await.unwrap();
            mapping_rules::insert(&mut tx, &rule, time(1)).await.unwrap();
            tx.commit().await.unwrap();
            expected.follows_assignments = enabled && scope == ScopeKind::Assigned;
            assert_eq!(rounds::feeds(&db, CONNECTION).await.unwrap(), expected);
        }
        let mut tx = db.begin().await.unwrap();
        pending::add(&mut tx, CONNECTION, &[object(1)], time(1)).await.unwrap();
        tx.commit().await.unwrap();
        expected.any_pending = true;
        assert_eq!(rounds::feeds(&db, CONNECTION).await.unwrap(), expected);
        assert_eq!(turn_of(&db, CONNECTION).await.unwrap().feeds, expected);
    }
}
