//! Tracked groups and memberships.

use provisioning::absence::Absence;
use store::directory_groups::{self, DirectoryGroup};
use store::{memberships, mirror};

use crate::samples::{CONNECTION, connect, group, mirrored, object, person, time};
use crate::support::both;

fn tracked(n: u128) -> DirectoryGroup {
    DirectoryGroup {
        group_id: group(n),
        name: Some(format!("Group {n}")),
        created_at: Some(time(-100)),
        readable: true,
        unreadable_reason: None,
        members: 3,
        is_mapped: true,
        suspicious_since: None,
        read_at: Some(time(1)),
    }
}

both! {
    groups_are_written_as_they_are_now(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        directory_groups::upsert(&mut tx, CONNECTION, &[tracked(1), tracked(2)]).await.unwrap();
        let lost = DirectoryGroup {
            name: None,
            readable: false,
            unreadable_reason: Some("deleted".to_owned()),
            members: 0,
            suspicious_since: Some(time(4)),
            ..tracked(2)
        };
        directory_groups::upsert(&mut tx, CONNECTION, &[lost.clone(), tracked(3)]).await.unwrap();
        assert_eq!(directory_groups::list(&mut tx, CONNECTION).await.unwrap(), [tracked(1), lost.clone(), tracked(3)]);
        assert_eq!(directory_groups::get(&mut tx, CONNECTION, group(2)).await.unwrap(), Some(lost));
        assert_eq!(directory_groups::remove(&mut tx, CONNECTION, &[group(1), group(7)]).await.unwrap(), 1);
        assert_eq!(directory_groups::get(&mut tx, CONNECTION, group(1)).await.unwrap(), None);
    }

    a_member_is_added_once(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        let members = [(object(2), false), (object(1), false), (object(50), true)];
        assert_eq!(memberships::add(&mut tx, CONNECTION, group(1), &members).await.unwrap(), 3);
        assert_eq!(memberships::add(&mut tx, CONNECTION, group(1), &members).await.unwrap(), 0);
        let more = [(group(1), object(3), false), (group(1), object(3), false), (group(50), object(1), false)];
        assert_eq!(memberships::add_many(&mut tx, CONNECTION, &more).await.unwrap(), 2);
        assert_eq!(memberships::count(&mut tx, CONNECTION, group(1)).await.unwrap(), 4);
        assert_eq!(memberships::nested(&mut tx, CONNECTION).await.unwrap(), [(group(1), group(50))]);
        let mut of = memberships::of_members(&mut tx, CONNECTION, &[object(1), object(3), object(9)]).await.unwrap();
        of.sort();
        assert_eq!(of, [(object(1), group(1)), (object(1), group(50)), (object(3), group(1))]);
    }

    members_are_paged_in_the_order_of_their_ids(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        let members: Vec<_> = (1..=300).rev().map(|n| (object(n << 90), false)).collect();
        memberships::add(&mut tx, CONNECTION, group(1), &members).await.unwrap();
        memberships::add(&mut tx, CONNECTION, group(2), &[(object(5), false)]).await.unwrap();
        let mut found = Vec::new();
        loop {
            let after = found.last().map(|(id, _)| *id);
            let page = memberships::members_page(&mut tx, CONNECTION, group(1), after, 100).await.unwrap();
            if page.is_empty() { break }
            assert_eq!(page.len(), 100);
            found.extend(page);
        }
        let mut wanted = members;
        wanted.sort();
        assert_eq!(found, wanted);
    }

    who_leaves_a_group_gets_the_proof(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        mirror::write(&mut tx, CONNECTION, &[mirrored(&person(1)), mirrored(&person(2))], time(1)).await.unwrap();
        let members = [(object(1), false), (object(2), false)];
        memberships::add(&mut tx, CONNECTION, group(1), &members).await.unwrap();
        let proof = Absence::explicit_removal();
        let removed = memberships::remove(&mut tx, CONNECTION, group(1), &[object(1), object(3)], &proof).await.unwrap();
        assert_eq!(removed, [object(1)]);
        let again = memberships::remove(&mut tx, CONNECTION, group(1), &[object(1)], &proof).await.unwrap();
        assert_eq!(again, []);
        let people = mirror::page(&mut tx, CONNECTION, None, 10).await.unwrap();
        assert_eq!(people[0].absence, Some(proof));
        assert_eq!((people[1].absence.clone(), people[0].version), (None, 1));
    }

    a_group_or_a_person_leaves_altogether(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        for n in 1..=3 {
            let members = [(object(1), false), (object(2), false)];
            memberships::add(&mut tx, CONNECTION, group(n), &members).await.unwrap();
        }
        assert_eq!(memberships::drop_group(&mut tx, CONNECTION, group(1)).await.unwrap(), 2);
        assert_eq!(memberships::remove_everywhere(&mut tx, CONNECTION, &[object(1)]).await.unwrap(), 2);
        let left = memberships::of_members(&mut tx, CONNECTION, &[object(1), object(2)]).await.unwrap();
        assert_eq!(left.len(), 2);
        assert!(left.iter().all(|(member, _)| *member == object(2)));
    }
    what_a_reading_did_not_show_is_doubted_until_there_is_a_word_about_it(db) {
        connect(&db).await;
        let mut tx = db.begin().await.unwrap();
        let all: Vec<_> = (1..=5).map(object).collect();
        let members: Vec<_> = all.iter().map(|id| (*id, false)).collect();
        memberships::add(&mut tx, CONNECTION, group(1), &members).await.unwrap();
        memberships::add(&mut tx, CONNECTION, group(2), &members).await.unwrap();
        let doubted = async |tx: &mut store::Tx| {
            let mut found = memberships::doubted(tx, CONNECTION, &all).await.unwrap();
            found.sort();
            found
        };
        assert_eq!(memberships::doubt(&mut tx, CONNECTION, group(1), &all[..4]).await.unwrap(), []);
        assert_eq!(memberships::doubt(&mut tx, CONNECTION, group(2), &all[..1]).await.unwrap(), []);
        // Another reading shows the fourth, and still not the others.
        let seen = memberships::doubt(&mut tx, CONNECTION, group(1), &all[..3]).await.unwrap();
        assert_eq!(seen, [object(4)]);
        let believed = memberships::believe(&mut tx, CONNECTION, group(1), &all[2..]).await.unwrap();
        assert_eq!(believed, [object(3)]);
        let left = [(object(1), group(1)), (object(1), group(2)), (object(2), group(1))];
        assert_eq!(doubted(&mut tx).await, left);
        // With the membership the doubt goes.
        let proof = Absence::explicit_removal();
        memberships::remove(&mut tx, CONNECTION, group(1), &[object(2)], &proof).await.unwrap();
        assert_eq!(doubted(&mut tx).await, left[..2]);
        memberships::drop_group(&mut tx, CONNECTION, group(2)).await.unwrap();
        assert_eq!(doubted(&mut tx).await, left[..1]);
        memberships::remove_everywhere(&mut tx, CONNECTION, &[object(1)]).await.unwrap();
        assert_eq!(doubted(&mut tx).await, []);
    }
}
