//! Sessions, API tokens, failed sign-ins, the one root user.

use jiff::SignedDuration;
use provisioning::psa::Kind;
use store::api_tokens::{self, ApiToken, TokenScope};
use store::psa_ids::ApiTokenId;
use store::records::{self, RecordWrite};
use store::sessions::{self, Method, Session};
use store::{second_factors, sign_in_attempts};
use uuid::Uuid;

use crate::catalogue::write;
use crate::samples::{TENANT, object, record, record_id, time};
use crate::support::both;

fn session(n: u8, record: u128, expires: i64) -> Session {
    Session {
        token_hash: [n; 32],
        record_id: record_id(record),
        created_at: time(i64::from(n)),
        last_seen_at: time(i64::from(n)),
        expires_at: time(expires),
        method: Method::Microsoft,
        tenant_id: Some(TENANT),
        object_id: Some(object(1)),
        user_agent: Some("Browser".into()),
        ip: None,
    }
}

fn token(n: u128, record: Option<u128>) -> ApiToken {
    ApiToken {
        id: ApiTokenId(Uuid::from_u128(n)),
        name: format!("Token {n}"),
        scopes: vec![TokenScope::People],
        record_id: record.map(record_id),
        created_by: Some("root".into()),
        created_at: time(i64::try_from(n).unwrap()),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }
}

both! {
    a_second_factor_counts_once_confirmed_and_each_step_and_code_once(db) {
        write(&db, vec![record(1, Kind::Employee)]).await;
        let who = record_id(1);
        let mut tx = db.begin().await.unwrap();
        assert_eq!(second_factors::get(&mut tx, who).await.unwrap(), None);
        assert!(!second_factors::confirm(&mut tx, who, 5, &[], time(1)).await.unwrap());
        second_factors::begin(&mut tx, who, time(1)).await.unwrap();
        assert!(!second_factors::use_step(&mut tx, who, 5).await.unwrap(), "not in force");
        second_factors::begin(&mut tx, who, time(2)).await.unwrap();
        let codes = [[1; 32], [2; 32]];
        assert!(second_factors::confirm(&mut tx, who, 5, &codes, time(3)).await.unwrap());
        assert!(!second_factors::confirm(&mut tx, who, 6, &codes, time(4)).await.unwrap());
        let error = second_factors::begin(&mut tx, who, time(5)).await.unwrap_err();
        assert!(matches!(error, store::StoreError::Stale { .. }));
        for (step, is_new) in [(5, false), (6, true), (6, false), (4, false), (7, true)] {
            assert_eq!(second_factors::use_step(&mut tx, who, step).await.unwrap(), is_new, "{step}");
        }
        for (code, is_new) in [([2; 32], true), ([2; 32], false), ([9; 32], false)] {
            assert_eq!(second_factors::use_recovery_code(&mut tx, who, &code).await.unwrap(), is_new);
        }
        let found = second_factors::get(&mut tx, who).await.unwrap().unwrap();
        assert_eq!((found.created_at, found.confirmed_at, found.recovery_codes), (time(2), Some(time(3)), 1));
        assert!(second_factors::delete(&mut tx, who).await.unwrap());
        assert!(!second_factors::delete(&mut tx, who).await.unwrap());
        assert_eq!(second_factors::get(&mut tx, who).await.unwrap(), None);
    }

    a_session_is_found_until_it_ends(db) {
        write(&db, vec![record(1, Kind::Employee)]).await;
        let mut tx = db.begin().await.unwrap();
        let one = session(1, 1, 100);
        sessions::start(&mut tx, &one).await.unwrap();
        assert_eq!(sessions::find(&mut tx, &[1; 32], time(99)).await.unwrap(), Some(one));
        assert_eq!(sessions::find(&mut tx, &[1; 32], time(100)).await.unwrap(), None);
        assert_eq!(sessions::find(&mut tx, &[2; 32], time(0)).await.unwrap(), None);
        assert!(sessions::seen(&mut tx, &[1; 32], time(50), time(200)).await.unwrap());
        let found = sessions::find(&mut tx, &[1; 32], time(150)).await.unwrap().unwrap();
        assert_eq!((found.last_seen_at, found.expires_at), (time(50), time(200)));
        assert!(!sessions::seen(&mut tx, &[1; 32], time(200), time(300)).await.unwrap());
        assert!(sessions::end(&mut tx, &[1; 32]).await.unwrap());
        assert!(!sessions::end(&mut tx, &[1; 32]).await.unwrap());
    }

    ending_and_purging_reach_whom_they_should(db) {
        write(&db, (1..=3).map(|n| record(n, Kind::Employee)).collect()).await;
        let mut tx = db.begin().await.unwrap();
        for (n, record, expires) in [(1, 1, 100), (2, 1, 200), (3, 1, 300), (4, 2, 100), (5, 3, 300)] {
            sessions::start(&mut tx, &session(n, record, expires)).await.unwrap();
        }
        let of = sessions::of_record(&mut tx, record_id(1), time(150)).await.unwrap();
        assert_eq!(of, [session(3, 1, 300), session(2, 1, 200)]);
        assert_eq!(sessions::purge(&mut tx, time(100)).await.unwrap(), 2);
        let except = Some(&[3; 32]);
        assert_eq!(sessions::end_of(&mut tx, record_id(1), except).await.unwrap(), 1);
        assert_eq!(sessions::end_sessions(&mut tx, &[]).await.unwrap(), 0);
        let all = [record_id(1), record_id(2), record_id(3)];
        assert_eq!(sessions::end_sessions(&mut tx, &all).await.unwrap(), 2);
        assert_eq!(sessions::end_of(&mut tx, record_id(1), None).await.unwrap(), 0);
    }

    taking_access_ends_sessions_and_tokens_of_those_people_only(db) {
        write(&db, vec![record(1, Kind::Employee), record(2, Kind::Employee)]).await;
        let mut tx = db.begin().await.unwrap();
        for n in 1..=2_u8 {
            sessions::start(&mut tx, &session(n, n.into(), 100)).await.unwrap();
            let token = token(n.into(), Some(n.into()));
            api_tokens::insert(&mut tx, &token, &[n; 32]).await.unwrap();
        }
        api_tokens::insert(&mut tx, &token(3, None), &[3; 32]).await.unwrap();
        sessions::end_access(&mut tx, &[record_id(1)], time(5)).await.unwrap();
        for (n, ended) in [(1, true), (2, false), (3, false)] {
            let session = sessions::find(&mut tx, &[n; 32], time(6)).await.unwrap();
            assert_eq!(session.is_none(), ended || n == 3);
            let token = api_tokens::find(&mut tx, &[n; 32]).await.unwrap().unwrap();
            assert_eq!(token.is_usable(time(6)), !ended);
        }
        records::delete(&mut tx, record_id(2)).await.unwrap();
        assert_eq!(sessions::find(&mut tx, &[2; 32], time(6)).await.unwrap(), None);
        assert_eq!(api_tokens::find(&mut tx, &[2; 32]).await.unwrap(), None);
    }

    a_token_is_listed_used_and_revoked(db) {
        let mut tx = db.begin().await.unwrap();
        for n in 1..=3 {
            let hash = [u8::try_from(n).unwrap(); 32];
            api_tokens::insert(&mut tx, &token(n, None), &hash).await.unwrap();
        }
        let first = api_tokens::list(&mut tx, None, 2).await.unwrap();
        assert_eq!(first.items, [token(3, None), token(2, None)]);
        let second = api_tokens::list(&mut tx, first.next.as_ref(), 2).await.unwrap();
        assert_eq!((second.items, second.next), (vec![token(1, None)], None));
        let id = token(1, None).id;
        api_tokens::used(&mut tx, id, time(10)).await.unwrap();
        let found = api_tokens::get(&mut tx, id).await.unwrap().unwrap();
        assert_eq!(found.last_used_at, Some(time(10)));
        assert!(!found.needs_touch(time(69)) && found.needs_touch(time(70)));
        assert!(api_tokens::revoke(&mut tx, id, time(20)).await.unwrap());
        assert!(!api_tokens::revoke(&mut tx, id, time(21)).await.unwrap());
        let found = api_tokens::find(&mut tx, &[1; 32]).await.unwrap().unwrap();
        assert_eq!(found.revoked_at, Some(time(20)));
        let twice = api_tokens::insert(&mut tx, &token(9, None), &[1; 32]).await.unwrap_err();
        assert!(twice.is_conflict("api_tokens_token_hash"));
    }

    tries_count_within_their_window_and_not_when_they_were_right(db) {
        let mut tx = db.begin().await.unwrap();
        let window = SignedDuration::from_secs(60);
        let tried = async |tx: &mut store::Tx, key: &str, at| {
            sign_in_attempts::tried(tx, key, time(at), window).await.unwrap()
        };
        for (at, count) in [(0, 1), (30, 2), (59, 3), (60, 1), (61, 2)] {
            assert_eq!(tried(&mut tx, "user:sam", at).await, count, "at {at}");
        }
        sign_in_attempts::was_right(&mut tx, "user:sam").await.unwrap();
        assert_eq!(tried(&mut tx, "user:sam", 62).await, 2);
        assert_eq!(tried(&mut tx, "user:kim", 62).await, 1);
        // What nobody tried cannot go below nothing.
        sign_in_attempts::was_right(&mut tx, "user:lee").await.unwrap();
        assert_eq!(tried(&mut tx, "user:lee", 62).await, 1);
        tried(&mut tx, "ip:::1", 90).await;
        assert_eq!(sign_in_attempts::purge(&mut tx, time(90)).await.unwrap(), 3);
        assert_eq!(tried(&mut tx, "ip:::1", 100).await, 2);
        sign_in_attempts::clear(&mut tx, "ip:::1").await.unwrap();
        assert_eq!(tried(&mut tx, "ip:::1", 100).await, 1);
    }

    there_is_one_root_user(db) {
        let root = |n| {
            let mut record = record(n, Kind::Employee);
            record.is_root = true;
            RecordWrite { record, expected_version: 0 }
        };
        let mut tx = db.begin().await.unwrap();
        records::write(&mut tx, &[root(1)], time(0)).await.unwrap();
        let second = records::write(&mut tx, &[root(2)], time(0)).await.unwrap_err();
        assert!(second.is_conflict("records_is_root"));
    }
}

#[test]
fn a_scope_includes_reading_and_admin_includes_all() {
    use TokenScope::{Admin, People, Provisioning, Read};
    for (scopes, allowed) in [
        (vec![], vec![]),
        (vec![Read], vec![Read]),
        (vec![People], vec![Read, People]),
        (vec![Provisioning], vec![Read, Provisioning]),
        (vec![Admin], vec![Read, People, Provisioning, Admin]),
    ] {
        let token = ApiToken {
            scopes,
            ..token(1, None)
        };
        let has: Vec<_> = TokenScope::ALL
            .into_iter()
            .filter(|scope| token.has(*scope))
            .collect();
        assert_eq!(has, allowed);
    }
}

#[test]
fn a_token_ends_when_it_says() {
    let token = ApiToken {
        expires_at: Some(time(10)),
        ..token(1, None)
    };
    assert!(token.is_usable(time(9)) && !token.is_usable(time(10)));
}
