//! Secrets at rest.

use std::sync::atomic::{AtomicU8, Ordering};

use secrecy::{ExposeSecret, SecretBox, SecretString};
use store::sealer::Sealer;
use store::secrets::{self, Place};
use store::{StoreError, connections};
use uuid::Uuid;

use crate::samples::{CONNECTION, connect, time};
use crate::support::both;

const OWNER: Uuid = Uuid::from_u128(0x0e);

fn sealer(key: u8) -> Sealer {
    Sealer::new(SecretBox::new(Box::new([key; 32])))
}

/// Different bytes at every call, the same in every run.
fn counting() -> impl Fn(&mut [u8]) + Send + Sync {
    let next = AtomicU8::new(1);
    move |buffer: &mut [u8]| buffer.fill(next.fetch_add(1, Ordering::Relaxed))
}

fn place(purpose: &str) -> Place<'_> {
    Place {
        connection_id: Some(CONNECTION),
        owner: OWNER,
        purpose,
    }
}

async fn open(db: &store::Db, sealer: &Sealer, purpose: &str) -> Option<String> {
    let secret = secrets::get(db, sealer, OWNER, purpose).await.unwrap();
    secret.map(|secret| secret.expose_secret().to_owned())
}

both! {
    a_secret_comes_back_and_is_nowhere_in_the_open(db) {
        connect(&db).await;
        let (sealer, random) = (sealer(1), counting());
        let mut tx = db.begin().await.unwrap();
        for (n, text) in ["old", "hunter2"].into_iter().enumerate() {
            let id = Uuid::from_u128(n as u128);
            secrets::put(&mut tx, &sealer, &random, id, place("key"), &SecretString::from(text), time(0)).await.unwrap();
        }
        secrets::put(&mut tx, &sealer, &random, Uuid::from_u128(9), place("token"), &SecretString::from("t"), time(0)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(open(&db, &sealer, "key").await.as_deref(), Some("hunter2"));
        assert_eq!(open(&db, &sealer, "token").await.as_deref(), Some("t"));
        assert_eq!(open(&db, &sealer, "other").await, None);
        let rows = db.source().rows("SELECT ciphertext FROM secrets", vec![]).await.unwrap();
        for row in rows {
            let bytes: Vec<u8> = row.get("ciphertext").unwrap();
            assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
        }
        // One data key for the connection.
        let keys = db.source().rows("SELECT id FROM data_keys", vec![]).await.unwrap();
        assert_eq!(keys.len(), 1);
        let mut tx = db.begin().await.unwrap();
        assert!(secrets::delete(&mut tx, OWNER, "key").await.unwrap());
        assert!(!secrets::delete(&mut tx, OWNER, "key").await.unwrap());
    }

    a_secret_opens_only_in_its_place_and_with_its_key(db) {
        connect(&db).await;
        let (sealer1, random) = (sealer(1), counting());
        let mut tx = db.begin().await.unwrap();
        secrets::put(&mut tx, &sealer1, &random, Uuid::from_u128(1), place("key"), &SecretString::from("s"), time(0)).await.unwrap();
        let wrong = secrets::get(&mut tx, &sealer(2), OWNER, "key").await;
        assert!(matches!(wrong, Err(StoreError::Sealed(_))));
        tx.execute("UPDATE secrets SET purpose = 'token'", vec![]).await.unwrap();
        let moved = secrets::get(&mut tx, &sealer1, OWNER, "token").await;
        assert!(matches!(moved, Err(StoreError::Sealed(_))));
        tx.execute("UPDATE secrets SET purpose = 'key', owner_id = $1", store::args![Uuid::from_u128(5)]).await.unwrap();
        let moved = secrets::get(&mut tx, &sealer1, Uuid::from_u128(5), "key").await;
        assert!(matches!(moved, Err(StoreError::Sealed(_))));
    }

    rotation_leaves_the_old_master_key_useless(db) {
        connect(&db).await;
        let (old, new, random) = (sealer(1), sealer(2), counting());
        let mut tx = db.begin().await.unwrap();
        secrets::put(&mut tx, &old, &random, Uuid::from_u128(1), place("key"), &SecretString::from("s"), time(0)).await.unwrap();
        let local = Place { connection_id: None, owner: Uuid::from_u128(6), purpose: "webhook" };
        secrets::put(&mut tx, &old, &random, Uuid::from_u128(2), local, &SecretString::from("w"), time(0)).await.unwrap();
        assert_eq!(secrets::rotate(&mut tx, &old, &new, &random).await.unwrap(), 2);
        assert_eq!(secrets::rotate(&mut tx, &old, &new, &random).await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(open(&db, &new, "key").await.as_deref(), Some("s"));
        let old = secrets::get(&db, &old, OWNER, "key").await;
        assert!(matches!(old, Err(StoreError::Sealed(_))));
    }

    a_connections_secrets_go_with_it(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        secrets::put(&mut tx, &sealer(1), &counting(), Uuid::from_u128(1), place("key"), &SecretString::from("s"), time(0)).await.unwrap();
        connections::delete(&mut tx, CONNECTION).await.unwrap();
        assert!(secrets::get(&mut tx, &sealer(1), OWNER, "key").await.unwrap().is_none());
        assert!(tx.rows("SELECT id FROM data_keys", vec![]).await.unwrap().is_empty());
    }
}

#[test]
fn a_payload_opens_for_its_purpose_and_owner_only() {
    let sealer = sealer(1);
    let sealed = sealer
        .seal(&counting(), "state", b"cookie", b"verifier")
        .unwrap();
    let opened = sealer.open("state", b"cookie", &sealed).unwrap();
    assert_eq!(opened.expose_secret(), b"verifier");
    assert!(sealer.open("state", b"other", &sealed).is_err());
    assert!(sealer.open("other", b"cookie", &sealed).is_err());
    assert!(sealer.open("state", b"cookie", &sealed[..10]).is_err());
    let mut changed = sealed.clone();
    changed[30] ^= 1;
    assert!(sealer.open("state", b"cookie", &changed).is_err());
}

#[test]
fn debug_shows_no_key() {
    let sealer = sealer(0xab);
    assert_eq!(
        format!("{sealer:?}"),
        format!("Sealer({})", sealer.key_id())
    );
    assert!(!sealer.key_id().contains("abab"));
    assert_ne!(sealer.key_id(), self::sealer(1).key_id());
}
