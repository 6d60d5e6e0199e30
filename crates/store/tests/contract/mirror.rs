//! The mirror and who must be planned.

use provisioning::absence::Absence;
use provisioning::directory::{Presence, Source, UserType};
use provisioning::ids::{GroupId, ObjectId};
use provisioning::link::LinkRole;
use store::mirror::{self, MirrorWrite};
use store::{Db, links, memberships, pending};

use crate::samples::{CONNECTION, connect, group, link, mirrored, object, person, time};
use crate::support::both;

async fn written(db: &Db, writes: &[MirrorWrite], at: i64) -> Vec<ObjectId> {
    let mut tx = db.begin().await.unwrap();
    let mut changed = mirror::write(&mut tx, CONNECTION, writes, time(at))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    changed.sort();
    changed
}

both! {
    a_person_is_read_as_written(db) {
        connect(&db).await;
        let mut full = person(1);
        full.mail = Some("\"quoted\" <ö>".to_owned());
        full.proxy_addresses = vec!["SMTP:p1@fabrikam.com".to_owned()];
        full.given_name = Some("Åsa".to_owned());
        full.surname = Some("Vance".to_owned());
        full.business_phone = Some("+1".to_owned());
        full.mobile_phone = Some("+2".to_owned());
        full.job_title = Some("Baker".to_owned());
        full.department = Some("Bread".to_owned());
        full.office_location = Some("Oven".to_owned());
        full.employee_id = Some("7".to_owned());
        full.enabled = false;
        full.licensed = Some(false);
        full.user_type = UserType::Guest;
        full.source = Source::InvitedUser;
        full.presence = Presence::SoftDeleted;
        let blank = provisioning::directory::Person::blank(full.tenant_id, object(2));
        let mut writes = [mirrored(&full), mirrored(&blank)];
        writes[0].microsoft_changed_at = Some(time(-3));
        assert_eq!(written(&db, &writes, 1).await, [object(1), object(2)]);
        let found = mirror::page(&db, CONNECTION, None, 10).await.unwrap();
        assert_eq!((&found[0].person, &found[1].person), (&full, &blank));
        assert_eq!((found[0].fingerprint, found[0].version), (full.fingerprint(), 1));
        assert_eq!((found[0].changed_at, found[0].microsoft_changed_at), (time(1), Some(time(-3))));
        assert_eq!(found[0].absence, None);
    }

    only_a_change_or_a_notification_makes_the_version_grow(db) {
        connect(&db).await;
        written(&db, &[mirrored(&person(1)), mirrored(&person(2)), mirrored(&person(3))], 1).await;
        let mut changed = person(2);
        changed.job_title = Some("Baker".to_owned());
        let bumped = MirrorWrite { bump: true, ..mirrored(&person(3)) };
        let writes = [mirrored(&person(1)), mirrored(&changed), bumped, mirrored(&person(4))];
        assert_eq!(written(&db, &writes, 2).await, [object(2), object(3), object(4)]);
        let found = mirror::get(&db, CONNECTION, &[1, 2, 3, 4, 5].map(object)).await.unwrap();
        let mut versions: Vec<_> = found.iter().map(|m| (m.person.object_id, m.version, m.changed_at)).collect();
        versions.sort();
        assert_eq!(versions, [
            (object(1), 1, time(1)), (object(2), 2, time(2)), (object(3), 2, time(2)), (object(4), 1, time(2)),
        ]);
        let mut prints = mirror::fingerprints(&db, CONNECTION, &[object(2), object(9)]).await.unwrap();
        assert_eq!(prints.pop(), Some((object(2), changed.fingerprint())));
        assert_eq!(prints, []);
    }

    of_repeats_in_a_batch_the_last_counts(db) {
        connect(&db).await;
        written(&db, &[mirrored(&person(1))], 1).await;
        let mut other = person(1);
        other.surname = Some("Other".to_owned());
        // Away and back again: no change, unless somebody said so.
        assert_eq!(written(&db, &[mirrored(&other), mirrored(&person(1))], 2).await, []);
        let bumped = MirrorWrite { bump: true, ..mirrored(&other) };
        assert_eq!(written(&db, &[bumped, mirrored(&person(1))], 3).await, [object(1)]);
        let found = mirror::get(&db, CONNECTION, &[object(1)]).await.unwrap().pop().unwrap();
        assert_eq!((found.person, found.version), (person(1), 2));
    }

    people_are_paged_in_the_order_of_their_ids(db) {
        connect(&db).await;
        let people: Vec<_> = (1..=700).map(|n| mirrored(&person(n << 100 | n))).collect();
        assert_eq!(written(&db, &people, 1).await.len(), 700);
        let mut found: Vec<mirror::Mirrored> = Vec::new();
        loop {
            let after = found.last().map(|m| m.person.object_id);
            let page = mirror::page(&db, CONNECTION, after, 300).await.unwrap();
            if page.is_empty() { break }
            found.extend(page);
        }
        assert!(found.is_sorted_by_key(|m| m.person.object_id));
        assert_eq!(found.len(), 700);
        assert_eq!(mirror::count(&db, CONNECTION).await.unwrap(), 700);
        assert_eq!(mirror::known(&db, CONNECTION, &[people[3].person.object_id, object(1)]).await.unwrap(), [people[3].person.object_id]);
    }

    a_proof_stays_until_another_comes(db) {
        connect(&db).await;
        written(&db, &[mirrored(&person(1)), mirrored(&person(2))], 1).await;
        let mut tx = db.begin().await.unwrap();
        mirror::set_absence(&mut tx, CONNECTION, &[object(1)], &Absence::explicit_removal()).await.unwrap();
        assert_eq!(mirror::touch(&mut tx, CONNECTION, &[object(1), object(9)], time(5)).await.unwrap(), [object(1)]);
        tx.commit().await.unwrap();
        let bumped = MirrorWrite { bump: true, ..mirrored(&person(1)) };
        written(&db, &[bumped], 6).await;
        let found = mirror::get(&db, CONNECTION, &[object(1)]).await.unwrap().pop().unwrap();
        assert_eq!((found.absence, found.version), (Some(Absence::explicit_removal()), 3));
    }

    who_is_in_no_group_and_not_linked_may_be_forgotten(db) {
        connect(&db).await;
        let people: Vec<_> = (1..=5).map(|n| mirrored(&person(n))).collect();
        written(&db, &people, 1).await;
        let mut tx = db.begin().await.unwrap();
        memberships::add(&mut tx, CONNECTION, group(1), &[(object(1), false)]).await.unwrap();
        memberships::add(&mut tx, CONNECTION, group(2), &[(object(1), false), (object(5), false)]).await.unwrap();
        links::write(&mut tx, &[link(2, LinkRole::Primary, 2)]).await.unwrap();
        let outside = mirror::outside(&mut tx, CONNECTION, &[], None, 10).await.unwrap();
        assert_eq!(outside, [(object(2), true), (object(3), false), (object(4), false)]);
        let page = mirror::outside(&mut tx, CONNECTION, &[], Some(object(3)), 10).await.unwrap();
        assert_eq!(page, [(object(4), false)]);
        let page = mirror::outside(&mut tx, CONNECTION, &[group(2), group(9)], Some(object(3)), 10).await.unwrap();
        assert_eq!(page, [(object(4), false), (object(5), true)]);
        memberships::doubt(&mut tx, CONNECTION, group(2), &[object(1), object(5)]).await.unwrap();
        let page = mirror::outside(&mut tx, CONNECTION, &[], Some(object(3)), 10).await.unwrap();
        assert_eq!(page, [(object(4), false), (object(5), true)]);
        assert_eq!(mirror::forget(&mut tx, CONNECTION, &[object(3), object(4)]).await.unwrap(), 2);
        assert_eq!(mirror::count(&mut tx, CONNECTION).await.unwrap(), 3);
    }

    people_wait_once_each(db) {
        connect(&db).await;
        written(&db, &[mirrored(&person(1)), mirrored(&person(2))], 1).await;
        let mut tx = db.begin().await.unwrap();
        assert_eq!(pending::add(&mut tx, CONNECTION, &[object(2), object(7)], time(1)).await.unwrap(), 2);
        assert_eq!(pending::add_all(&mut tx, CONNECTION, time(2)).await.unwrap(), 1);
        let members = [(object(3), false), (object(2), false), (object(60), true)];
        memberships::add(&mut tx, CONNECTION, group(1), &members).await.unwrap();
        // The group inside it, and that one again.
        let inner = [(object(3), false), (object(8), false), (ObjectId(group(1).0), true)];
        memberships::add(&mut tx, CONNECTION, GroupId(object(60).0), &inner).await.unwrap();
        assert_eq!(pending::add_group(&mut tx, CONNECTION, group(1), time(3)).await.unwrap(), 2);
        assert_eq!(pending::page(&mut tx, CONNECTION, None, 3).await.unwrap(), [object(1), object(2), object(3)]);
        assert_eq!(pending::page(&mut tx, CONNECTION, Some(object(3)), 3).await.unwrap(), [object(7), object(8)]);
        assert_eq!(pending::oldest(&mut tx, CONNECTION, &[object(3), object(1)]).await.unwrap(), Some(time(2)));
        assert_eq!(pending::oldest(&mut tx, CONNECTION, &[object(9)]).await.unwrap(), None);
        pending::clear(&mut tx, CONNECTION, &[object(1), object(3)]).await.unwrap();
        assert_eq!(pending::count(&mut tx, CONNECTION).await.unwrap(), 3);
    }
}
