//! Attacks on programs like this one, told again: the cases of published
//! advisories, and what their likes would try here. Each fails.
//!
//! nOAuth, CVE-2023-3128: `an_editable_mail…`, `a_tenant_that_takes_mail…`. CVE-2026-47164, -121939, -9084:
//! `a_privileged_record…`. Coder #25712, CVE-2026-55670: `a_linked_record…`. CVE-2026-9087: `an_approval…`.
//! CVE-2022-1680: `a_linked_person_who_takes…`. CVE-2026-67330: `losing_access…`. SyncJacking: `a_customer…`.
//! CVE-2025-55241: `a_notification…`. CVE-2020-25717: `names_meet…`. CVE-2024-27918: `a_domain_that_ends…`.
//! CVE-2026-40574: `an_address_with_two_ats…`. CVE-2024-4024: `a_name_in_the_directory…`. CVE-2025-46815:
//! `a_callback_from_another_browser_or_twice_is_refused` beside these. CVE-2026-49284: `a_consent…`. Vault's
//! duplicates: `letter_case…`. CVE-2025-41115 is held by the types of ids.

use std::collections::BTreeSet;

use engine::{CallbackQuery, Mode};
use http::Method;
use provisioning::ids::{ConnectionId, ObjectId, RecordId, TenantId};
use provisioning::link::LinkRole;
use provisioning::policy::EmailSource;
use provisioning::psa::{ADMINISTRATOR, Kind, Record, Status};
use provisioning::reason::ReviewReason;
use serde_json::{Value, json};
use store::review_items::{self, ReviewFilter};
use uuid::Uuid;

use crate::database::both;
use crate::world::World;

/// An MSP whose employee Amy is provisioned, and a customer's tenant that is
/// connected and whose people become contacts.
struct Scene {
    msp: World,
    own: ConnectionId,
    customer: World,
    connection: ConnectionId,
    clients: Uuid,
    amy: Record,
}

impl Scene {
    async fn new(email: EmailSource) -> Self {
        let msp = World::new().await;
        let staff = msp.add_group("staff").await;
        msp.add_member(staff, msp.add_person("amy").await).await;
        let own = msp.connect().await;
        msp.rule(msp.employees(staff, 1)).await;
        msp.sync_and_approve(own).await;
        let customer = msp.customer("fabrikam").await;
        let clients = customer.add_group("clients").await;
        let connection = customer.connect_customer("fabrikam", email).await;
        let account = msp.account("Fabrikam").await;
        customer.rule(customer.contacts(clients, 2, account)).await;
        let amy = msp.by_email("amy@contoso.com").await.unwrap();
        Self {
            msp,
            own,
            customer,
            connection,
            clients,
            amy,
        }
    }

    /// Somebody of the customer's tenant, in the mapped group.
    async fn client(&self, upn: &str, more: Value) -> Uuid {
        let mut person = json!({
            "accountEnabled": true, "displayName": upn, "givenName": "Mallory",
            "surname": "Client", "mailNickname": upn.split('@').next(), "userPrincipalName": upn,
            "passwordProfile": {"password": "not-used-7A", "forceChangePasswordNextSignIn": false},
        });
        person
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let made = self.customer.write(Method::POST, "users", person).await;
        let id = made["id"].as_str().unwrap().parse().unwrap();
        self.customer.add_member(self.clients, id).await;
        id
    }

    async fn sync(&self) {
        let run = self.customer.sync_and_approve(self.connection).await;
        assert_eq!(run.status, store::runs::RunStatus::Done, "{:?}", run.error);
    }

    async fn link(&self, tenant: Uuid, person: Uuid) -> Option<(RecordId, LinkRole)> {
        let db = self.msp.engine.db();
        let rows = store::links::get(db, TenantId(tenant), &[ObjectId(person)])
            .await
            .unwrap();
        rows.first().map(|row| (row.link.record_id, row.link.role))
    }

    /// Nothing of Amy's is another's or otherwise than it was.
    async fn amy_is_as_before(&self) {
        assert_eq!(self.msp.by_id(self.amy.id).await, self.amy);
    }

    async fn reviews(&self) -> BTreeSet<&'static str> {
        let db = self.msp.engine.db();
        let rows = review_items::list(db, &ReviewFilter::default(), None, 100)
            .await
            .unwrap();
        rows.iter()
            .map(|row| ReviewReason::code(row.review.reason))
            .collect()
    }
}

both! {
async fn an_editable_mail_takes_no_account() {
    let scene = Scene::new(EmailSource::Upn).await;
    let person = scene.client("mallory@fabrikam.com", json!({"mail": "amy@contoso.com"})).await;
    scene.sync().await;
    scene.amy_is_as_before().await;
    let (record, _) = scene.link(scene.customer.tenant, person).await.unwrap();
    assert_ne!(record, scene.amy.id);
    let record = scene.msp.by_id(record).await;
    assert_eq!(record.email.as_deref(), Some("mallory@fabrikam.com"));
}
}

both! {
async fn a_tenant_that_takes_mail_for_email_takes_no_other_tenants_account() {
    let scene = Scene::new(EmailSource::Mail).await;
    let person = scene.client("mallory@fabrikam.com", json!({"mail": "amy@contoso.com"})).await;
    scene.sync().await;
    scene.amy_is_as_before().await;
    // At most an identity that signs in as nobody's record but writes nothing:
    // here the customer says so itself, and a person has to look.
    if let Some((_, role)) = scene.link(scene.customer.tenant, person).await {
        assert_eq!(role, LinkRole::Secondary);
    }
}
}

both! {
async fn a_privileged_record_is_never_matched_without_authority() {
    let scene = Scene::new(EmailSource::Upn).await;
    for (name, is_root) in [("chief", false), ("root-of-all", true)] {
        let email = format!("{name}@elsewhere.example");
        let mut boss = Record::blank(RecordId(scene.msp.engine.new_id()), Kind::Employee);
        boss.email = Some(email.clone());
        boss.username = Some(name.to_owned());
        boss.security_roles = vec![ADMINISTRATOR.to_owned()];
        boss.access = true;
        boss.is_root = is_root;
        let id = scene.msp.record(boss).await;
        let before = scene.msp.by_id(id).await;
        let upn = format!("{name}_elsewhere.example#EXT#@fabrikam.onmicrosoft.com");
        let guest = json!({"userType": "Guest", "creationType": "Invitation", "identities": [
            {"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": null}]});
        let person = scene.client(&upn, guest).await;
        scene.sync().await;
        assert_eq!(scene.msp.by_id(id).await, before, "{name}");
        assert!(scene.link(scene.customer.tenant, person).await.is_none(), "{name}");
    }
    assert!(scene.reviews().await.contains("privileged"), "{:?}", scene.reviews().await);
}
}

both! {
async fn a_linked_record_is_never_linked_again_and_a_recreated_person_is_new() {
    let scene = Scene::new(EmailSource::Upn).await;
    let first = scene.client("carl@fabrikam.com", json!({})).await;
    scene.sync().await;
    let (record, _) = scene.link(scene.customer.tenant, first).await.unwrap();
    let path = format!("users/{first}");
    scene.customer.write(Method::DELETE, &path, Value::Null).await;
    let path = format!("tenants/{}/purge", scene.customer.tenant);
    scene.customer.control(Method::POST, &path, json!({})).await;
    let again = scene.client("carl@fabrikam.com", json!({})).await;
    scene.sync().await;
    assert_eq!(scene.link(scene.customer.tenant, first).await.map(|l| l.0), Some(record));
    assert!(scene.link(scene.customer.tenant, again).await.is_none());
    assert!(scene.reviews().await.contains("linked_elsewhere"));
    assert!(!scene.msp.by_id(record).await.access);
}
}

both! {
async fn a_linked_person_who_takes_another_address_takes_no_record() {
    let scene = Scene::new(EmailSource::Mail).await;
    let person = scene.client("mallory@fabrikam.com", json!({"mail": "mallory@fabrikam.com"})).await;
    scene.sync().await;
    let (record, _) = scene.link(scene.customer.tenant, person).await.unwrap();
    let change = json!({"mail": "amy@contoso.com"});
    scene.customer.write(Method::PATCH, &format!("users/{person}"), change).await;
    scene.sync().await;
    scene.amy_is_as_before().await;
    assert_eq!(scene.link(scene.customer.tenant, person).await.map(|l| l.0), Some(record));
}
}

both! {
async fn a_customer_makes_and_touches_no_employee() {
    let scene = Scene::new(EmailSource::Upn).await;
    let group = scene.customer.add_group("would be staff").await;
    let person = scene.client("mallory@fabrikam.com", json!({})).await;
    scene.customer.add_member(group, person).await;
    scene.customer.rule(scene.customer.employees(group, 0)).await;
    scene.sync().await;
    scene.amy_is_as_before().await;
    assert!(scene.reviews().await.contains("no_authority"));
    if let Some((record, _)) = scene.link(scene.customer.tenant, person).await {
        assert_eq!(scene.msp.by_id(record).await.kind, Kind::Contact);
    }
}
}

both! {
async fn names_meet_and_nobody_becomes_root() {
    let scene = Scene::new(EmailSource::Upn).await;
    let mut names = BTreeSet::new();
    for name in ["root", "admin", "Administrator", "system", "AMY", "amy.x"] {
        let person = scene.client(&format!("{name}@fabrikam.com"), json!({})).await;
        scene.sync().await;
        let (record, _) = scene.link(scene.customer.tenant, person).await.unwrap();
        let record = scene.msp.by_id(record).await;
        let username = record.username.unwrap().to_lowercase();
        assert!(!["root", "admin", "administrator", "system", "amy"].contains(&username.as_str()));
        assert!(names.insert(username));
        assert!(!record.is_root);
    }
    scene.amy_is_as_before().await;
}
}

both! {
async fn a_domain_that_ends_alike_is_another_domain() {
    let scene = Scene::new(EmailSource::Upn).await;
    let evil = scene.msp.customer("evilcontoso").await;
    let clients = evil.add_group("clients").await;
    let account = scene.msp.account("Evil").await;
    let id = evil.connect_customer("evilcontoso", EmailSource::Upn).await;
    evil.rule(evil.contacts(clients, 3, account)).await;
    let person = json!({
        "accountEnabled": true, "displayName": "Amy", "mailNickname": "amy",
        "userPrincipalName": "amy@evilcontoso.com",
        "passwordProfile": {"password": "not-used-7A", "forceChangePasswordNextSignIn": false},
    });
    let made = evil.write(Method::POST, "users", person).await;
    let person: Uuid = made["id"].as_str().unwrap().parse().unwrap();
    evil.add_member(clients, person).await;
    evil.sync_and_approve(id).await;
    scene.amy_is_as_before().await;
    let (record, role) = scene.link(evil.tenant, person).await.unwrap();
    assert_eq!((scene.msp.by_id(record).await.kind, role), (Kind::Contact, LinkRole::Primary));
}
}

both! {
async fn an_address_with_two_ats_or_look_alike_letters_matches_nobody() {
    let scene = Scene::new(EmailSource::Mail).await;
    for (at, mail) in ["amy@evil@contoso.com", "\u{430}my@contoso.com", "amy@c\u{43e}ntoso.com"]
        .into_iter()
        .enumerate()
    {
        let person = scene.client(&format!("m{at}@fabrikam.com"), json!({ "mail": mail })).await;
        scene.sync().await;
        scene.amy_is_as_before().await;
        let link = scene.link(scene.customer.tenant, person).await;
        assert_ne!(link.map(|link| link.0), Some(scene.amy.id), "{mail}");
    }
}
}

both! {
async fn a_name_in_the_directory_that_changes_hands_takes_no_record_along() {
    let scene = Scene::new(EmailSource::Upn).await;
    let carl = scene.client("carl@fabrikam.com", json!({})).await;
    scene.sync().await;
    let (record, _) = scene.link(scene.customer.tenant, carl).await.unwrap();
    let change = json!({"userPrincipalName": "karl@fabrikam.com"});
    scene.customer.write(Method::PATCH, &format!("users/{carl}"), change).await;
    let other = scene.client("carl@fabrikam.com", json!({})).await;
    scene.sync().await;
    assert_eq!(scene.link(scene.customer.tenant, carl).await.map(|l| l.0), Some(record));
    let taken = scene.link(scene.customer.tenant, other).await;
    assert_ne!(taken.map(|link| link.0), Some(record));
}
}

both! {
async fn letter_case_makes_no_second_person() {
    let scene = Scene::new(EmailSource::Upn).await;
    let mut local = Record::blank(RecordId(scene.msp.engine.new_id()), Kind::Contact);
    local.email = Some("Carl@Fabrikam.COM".to_owned());
    local.last_name = Some("Carl".to_owned());
    let id = scene.msp.record(local).await;
    let carl = scene.client("carl@fabrikam.com", json!({})).await;
    scene.sync().await;
    assert_eq!(scene.link(scene.customer.tenant, carl).await.map(|l| l.0), Some(id));
}
}

both! {
async fn a_guest_of_ours_in_a_customers_tenant_writes_nothing() {
    let scene = Scene::new(EmailSource::Upn).await;
    let upn = "amy_contoso.com#EXT#@fabrikam.onmicrosoft.com";
    let guest = json!({"userType": "Guest", "creationType": "Invitation", "mail": "amy@contoso.com",
        "identities": [{"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": null}]});
    let person = scene.client(upn, guest).await;
    scene.sync().await;
    scene.amy_is_as_before().await;
    let (record, role) = scene.link(scene.customer.tenant, person).await.unwrap();
    assert_eq!((record, role), (scene.amy.id, LinkRole::Secondary));
    // Nor when the customer deletes or disables the guest.
    scene.customer.write(Method::DELETE, &format!("users/{person}"), Value::Null).await;
    scene.sync().await;
    scene.amy_is_as_before().await;
}
}

both! {
async fn losing_access_ends_sessions_at_once() {
    let scene = Scene::new(EmailSource::Upn).await;
    let engine = &scene.msp.engine;
    let now = engine.now();
    let session = store::sessions::Session {
        token_hash: [9; 32],
        record_id: scene.amy.id,
        created_at: now,
        last_seen_at: now,
        expires_at: graph::environment::later(now, std::time::Duration::from_secs(3_600)),
        method: store::sessions::Method::Password,
        tenant_id: None,
        object_id: None,
        user_agent: None,
        ip: None,
    };
    let mut tx = engine.db().begin().await.unwrap();
    store::sessions::start(&mut tx, &session).await.unwrap();
    tx.commit().await.unwrap();
    let amy = store::links::by_records(engine.db(), &[scene.amy.id]).await.unwrap();
    let path = format!("users/{}", amy[0].link.object_id);
    scene.msp.write(Method::DELETE, &path, Value::Null).await;
    scene.msp.sync(scene.own, Mode::Delta).await;
    assert_eq!(scene.msp.by_id(scene.amy.id).await.status, Status::Inactive);
    let left = store::sessions::of_record(engine.db(), scene.amy.id, now).await.unwrap();
    assert!(left.is_empty());
}
}

both! {
async fn an_approval_binds_one_plan_and_no_other() {
    let scene = Scene::new(EmailSource::Upn).await;
    let person = scene.client("carl@fabrikam.com", json!({})).await;
    let run = scene.customer.sync(scene.connection, Mode::Full).await;
    let engine = &scene.msp.engine;
    let plan = store::plans::get(engine.db(), run.plan_id.unwrap()).await.unwrap().unwrap();
    let actor = crate::world::actor();
    let error = engine.approve(plan.id, "another hash", &actor).await.unwrap_err();
    assert_eq!(error.code, "plan_changed");
    assert!(scene.link(scene.customer.tenant, person).await.is_none());
}
}

both! {
async fn a_consent_says_its_tenant_by_its_token_not_by_its_query() {
    let world = World::new().await;
    let connection = world.connect().await;
    let before = store::connections::get(world.engine.db(), connection).await.unwrap().unwrap();
    let forged = CallbackQuery {
        tenant: Some(Uuid::from_u128(666).to_string()),
        admin_consent: Some("True".to_owned()),
        state: Some("guessed".to_owned()),
        ..CallbackQuery::default()
    };
    assert!(world.engine.callback(forged, Some("this browser")).await.is_err());
    let after = store::connections::get(world.engine.db(), connection).await.unwrap().unwrap();
    assert_eq!(after.tenant_id, before.tenant_id);
    assert_eq!(after.health, before.health);
}
}

both! {
async fn a_notification_of_another_tenant_or_without_the_secret_wakes_nobody() {
    let scene = Scene::new(EmailSource::Upn).await;
    let engine = &scene.msp.engine;
    let id = Uuid::from_u128(77);
    let now = engine.now();
    let secret = "the secret of the subscription";
    let subscription = store::subscriptions::Subscription {
        id,
        connection_id: scene.own,
        resource: "users".to_owned(),
        client_state_hash: {
            use sha2::Digest as _;
            sha2::Sha256::digest(secret.as_bytes()).to_vec()
        },
        notification_url: "http://localhost:9443/graph/notifications".to_owned(),
        expires_at: now,
        renew_at: now,
        created_at: now,
    };
    let mut tx = engine.db().begin().await.unwrap();
    store::subscriptions::put(&mut tx, &subscription).await.unwrap();
    tx.commit().await.unwrap();
    let tell = async |state: &str, tenant: Uuid| {
        let amy = Uuid::from_u128(1);
        let body = json!({"value": [{
            "subscriptionId": id, "clientState": state, "tenantId": tenant, "changeType": "updated",
            "resource": format!("Users/{amy}"), "subscriptionExpirationDateTime": now,
            "resourceData": {"@odata.type": "#Microsoft.Graph.User", "id": amy},
        }]});
        let woken = engine.notification(body.to_string().as_bytes()).await.unwrap();
        woken.accepted
    };
    assert_eq!(tell("guessed", scene.msp.tenant).await, 0);
    assert_eq!(tell(secret, scene.customer.tenant).await, 0);
    assert_eq!(tell(secret, scene.msp.tenant).await, 1);
}
}
