//! Connections, subscriptions, cursors and authorization states.

use provisioning::address::Domain;
use provisioning::ids::{ConnectionId, RunId, TenantId};
use provisioning::limits::{Limit, Limits};
use store::connections::{self, ConnectionStatus, Consent, Health, Tenant};
use store::cursors::{self, Cursor, CursorKind, Feed};
use store::oauth_states::{self, NewState};
use store::subscriptions::{self, Subscription};
use store::{StoreError, jobs, links, memberships, mirror, pending};
use uuid::Uuid;

use crate::samples::{
    CONNECTION, TENANT, configuration, connect, group, health, link, mirrored, object, person, time,
};
use crate::support::both;

both! {
    a_connection_is_read_as_it_was_written(db) {
        let mut wanted = configuration();
        wanted.limits = Some(Limits {
            revoke: Limit { count: 3, percent: 1.5, window_seconds: 60 },
            ..Limits::default()
        });
        wanted.certificate_pem = Some("-----BEGIN".to_owned());
        wanted.settings = serde_json::json!({"groups": ["a"]});
        wanted.secret_expires_at = Some(time(99));
        let state = Health {
            status: ConnectionStatus::NeedsReconnect,
            code: Some("AADSTS7000222".to_owned()),
            reason: Some("expired".to_owned()),
            cure: Some("new secret".to_owned()),
        };
        let mut tx = db.begin().await.unwrap();
        connections::insert(&mut tx, CONNECTION, &wanted, &state, time(0)).await.unwrap();
        let consent = Consent { at: time(5), by: Some("Ada".to_owned()), object_id: Some(object(4)) };
        connections::set_consent(&mut tx, CONNECTION, &consent, time(5)).await.unwrap();
        tx.commit().await.unwrap();
        let found = connections::get(&db, CONNECTION).await.unwrap().unwrap();
        assert_eq!(connections::ids(&db).await.unwrap(), [CONNECTION]);
        let name = found.name().to_owned();
        assert_eq!((found.version, found.created_at, found.updated_at), (1, time(0), time(5)));
        assert_eq!((found.configuration, found.health, found.consent), (wanted, state, Some(consent)));
        assert_eq!(connections::list(&db).await.unwrap().len(), 1);
        assert_eq!(connections::names(&db).await.unwrap(), [(CONNECTION, name)]);
        let nobody = ConnectionId(Uuid::from_u128(9_999));
        let there = connections::there(&db, &[CONNECTION, nobody].into()).await.unwrap();
        assert_eq!(there, [CONNECTION].into());
    }

    a_configuration_is_changed_by_whoever_saw_it_last(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        let mut wanted = configuration();
        wanted.auto_approve = true;
        let version = connections::update(&mut tx, CONNECTION, &wanted, 1, time(2)).await.unwrap();
        assert_eq!(version, 2);
        let stale = connections::update(&mut tx, CONNECTION, &wanted, 1, time(3)).await;
        assert!(matches!(stale, Err(StoreError::Stale { .. })));
        let found = connections::get(&mut tx, CONNECTION).await.unwrap().unwrap();
        assert_eq!((found.configuration, found.version), (wanted, 2));
    }

    one_tenant_has_one_connection(db) {
        connect(&db).await;
        let other = ConnectionId(Uuid::from_u128(2));
        let mut tx = db.begin().await.unwrap();
        let waiting = health(ConnectionStatus::AwaitingConsent);
        connections::insert(&mut tx, other, &configuration(), &waiting, time(1)).await.unwrap();
        let tenant = Tenant { tenant_id: TENANT, domain: None, name: None, verified_domains: vec![] };
        let error = connections::set_tenant(&mut tx, other, &tenant, time(1)).await.unwrap_err();
        assert!(error.is_conflict("connections_tenant_id"), "{error:?}");
        drop(tx);
        let found = connections::by_tenant(&db, TENANT).await.unwrap().unwrap();
        assert_eq!((found.id, found.verified_domains), (CONNECTION, vec!["fabrikam.com".to_owned()]));
        let none = connections::by_tenant(&db, TenantId(Uuid::from_u128(9))).await.unwrap();
        assert_eq!(none, None);
    }

    a_domain_tells_which_other_tenant_is_at_home_there(db) {
        connect(&db).await;
        let domain = |text: &str| Domain::parse(text).unwrap();
        let asked = [domain("fabrikam.com"), domain("fabrikam.com.evil.com"), domain("abrikam.com")];
        let abroad = TenantId(Uuid::from_u128(99));
        let found = connections::homes(&db, &asked, abroad).await.unwrap();
        assert_eq!(found, [(domain("fabrikam.com"), TENANT)]);
        assert_eq!(connections::homes(&db, &asked, TENANT).await.unwrap(), []);
        assert_eq!(connections::homes(&db, &[], abroad).await.unwrap(), []);
        // Names are compared in their one form; what is not verified any more is forgotten.
        let mut tx = db.begin().await.unwrap();
        let domains = vec!["Litware.COM".to_owned(), "litware.com".to_owned()];
        let tenant = Tenant { tenant_id: TENANT, domain: None, name: None, verified_domains: domains };
        connections::set_tenant(&mut tx, CONNECTION, &tenant, time(2)).await.unwrap();
        tx.commit().await.unwrap();
        let asked = [domain("fabrikam.com"), domain("litware.com")];
        let found = connections::homes(&db, &asked, abroad).await.unwrap();
        assert_eq!(found, [(domain("litware.com"), TENANT)]);
        let mut tx = db.begin().await.unwrap();
        connections::delete(&mut tx, CONNECTION).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(connections::homes(&db, &asked, abroad).await.unwrap(), []);
    }

    progress_is_noted_piece_by_piece(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        let run = RunId(Uuid::from_u128(1));
        connections::record_microsoft_delay(&mut tx, CONNECTION, time(3), 2000).await.unwrap();
        connections::record_our_delay(&mut tx, CONNECTION, 50).await.unwrap();
        connections::record_reads(&mut tx, &[(CONNECTION, time(9))]).await.unwrap();
        connections::record_reads(&mut tx, &[(CONNECTION, time(8))]).await.unwrap();
        connections::record_run(&mut tx, CONNECTION, RunId(Uuid::from_u128(2))).await.unwrap();
        connections::record_reconcile(&mut tx, CONNECTION, time(8)).await.unwrap();
        connections::record_success(&mut tx, CONNECTION, run, true, time(8)).await.unwrap();
        connections::record_success(&mut tx, CONNECTION, run, false, time(9)).await.unwrap();
        let found = connections::get(&mut tx, CONNECTION).await.unwrap().unwrap();
        let progress = connections::Progress {
            as_of: Some(time(9)),
            changed_at_microsoft: Some(time(3)),
            delay_microsoft_ms: Some(2000),
            delay_ours_ms: Some(50),
            last_success_at: Some(time(9)),
            last_run_id: Some(run),
            last_reconcile_at: Some(time(8)),
            first_sync_done: true,
        };
        assert_eq!((found.progress, found.version), (progress, 1));
        let missing = ConnectionId(Uuid::from_u128(77));
        let error = connections::record_run(&mut tx, missing, run).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { what: "connection" }));
    }

    removing_a_connection_leaves_its_people_linked(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        mirror::write(&mut tx, CONNECTION, &[mirrored(&person(1))], time(1)).await.unwrap();
        memberships::add(&mut tx, CONNECTION, group(1), &[(object(1), false)]).await.unwrap();
        pending::add(&mut tx, CONNECTION, &[object(1)], time(1)).await.unwrap();
        links::write(&mut tx, &[link(1, provisioning::link::LinkRole::Primary, 1)]).await.unwrap();
        jobs::enqueue(&mut tx, "poll", "c", Some(CONNECTION), time(1), time(1)).await.unwrap();
        subscriptions::put(&mut tx, &subscription(1, 5)).await.unwrap();
        connections::delete(&mut tx, CONNECTION).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(connections::get(&db, CONNECTION).await.unwrap(), None);
        assert_eq!(mirror::count(&db, CONNECTION).await.unwrap(), 0);
        assert_eq!(memberships::count(&db, CONNECTION, group(1)).await.unwrap(), 0);
        assert_eq!(pending::count(&db, CONNECTION).await.unwrap(), 0);
        assert_eq!(jobs::counts(&db).await.unwrap(), []);
        assert_eq!(subscriptions::list(&db, CONNECTION).await.unwrap(), []);
        assert_eq!(links::get(&db, TENANT, &[object(1)]).await.unwrap().len(), 1);
        let mut tx = db.begin().await.unwrap();
        let again = connections::delete(&mut tx, CONNECTION).await;
        assert!(matches!(again, Err(StoreError::NotFound { .. })));
    }

    a_subscription_is_renewed_in_place(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        subscriptions::put(&mut tx, &subscription(1, 5)).await.unwrap();
        subscriptions::put(&mut tx, &subscription(2, 9)).await.unwrap();
        let renewed = Subscription { expires_at: time(100), ..subscription(1, 50) };
        subscriptions::put(&mut tx, &renewed).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(subscriptions::get(&db, renewed.id).await.unwrap(), Some(renewed.clone()));
        assert_eq!(subscriptions::list(&db, CONNECTION).await.unwrap().len(), 2);
        assert_eq!(subscriptions::due(&db, time(9)).await.unwrap(), [subscription(2, 9)]);
        let mut tx = db.begin().await.unwrap();
        assert!(subscriptions::delete(&mut tx, renewed.id).await.unwrap());
        assert!(!subscriptions::delete(&mut tx, renewed.id).await.unwrap());
    }

    each_feed_has_its_own_cursor(db) {
        connect(&db).await;
        let next = Cursor { link: "a".to_owned(), kind: CursorKind::Next, previous_link: Some("z".to_owned()), updated_at: time(1) };
        let delta = Cursor { link: "b".to_owned(), kind: CursorKind::Delta, previous_link: None, updated_at: time(2) };
        let mut tx = db.begin().await.unwrap();
        cursors::set(&mut tx, CONNECTION, Feed::Users, &next).await.unwrap();
        cursors::set(&mut tx, CONNECTION, Feed::Groups, &next).await.unwrap();
        cursors::set(&mut tx, CONNECTION, Feed::Users, &delta).await.unwrap();
        cursors::clear(&mut tx, CONNECTION, Feed::Groups).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(cursors::get(&db, CONNECTION, Feed::Users).await.unwrap(), Some(delta));
        assert_eq!(cursors::get(&db, CONNECTION, Feed::Groups).await.unwrap(), None);
    }

    a_state_counts_once_and_not_for_long(db) {
        let state = |n: u8, expires| NewState {
            state_hash: [n; 32],
            connection_id: None,
            purpose: "sign_in".to_owned(),
            binding_hash: [n + 100; 32],
            payload: vec![1, 2, 3],
            created_at: time(0),
            expires_at: time(expires),
        };
        let mut tx = db.begin().await.unwrap();
        oauth_states::put(&mut tx, &state(1, 600)).await.unwrap();
        oauth_states::put(&mut tx, &state(2, 10)).await.unwrap();
        let found = oauth_states::take(&mut tx, &[1; 32], time(20)).await.unwrap().unwrap();
        assert_eq!((found.binding_hash, found.payload), (vec![101; 32], vec![1, 2, 3]));
        assert!(oauth_states::take(&mut tx, &[1; 32], time(20)).await.unwrap().is_none());
        assert!(oauth_states::take(&mut tx, &[2; 32], time(20)).await.unwrap().is_none());
        assert!(oauth_states::take(&mut tx, &[3; 32], time(20)).await.unwrap().is_none());
    }
}

pub(crate) fn subscription(n: u128, renew_at: i64) -> Subscription {
    Subscription {
        id: Uuid::from_u128(n),
        connection_id: CONNECTION,
        resource: "users".to_owned(),
        client_state_hash: vec![7; 32],
        notification_url: "https://rollcall.example/graph/notifications".to_owned(),
        expires_at: time(renew_at + 10),
        renew_at: time(renew_at),
        created_at: time(0),
    }
}
