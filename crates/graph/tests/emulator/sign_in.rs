//! Signing in: as a person with a code, as the application with a secret or a
//! certificate, and what is refused.

use graph::error::Kind;
use graph::{Authority, ClientCertificate, Credential, Scopes, TokenSource};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::json;
use uuid::Uuid;

use crate::world::{ADMIN, World};

#[tokio::test(start_paused = true)]
async fn a_domain_name_and_an_id_lead_to_the_tenant() {
    let world = World::new().await;
    let platform = world.platform();
    for name in [
        "contoso.com",
        "contoso.onmicrosoft.com",
        "Contoso.COM",
        &world.tenant.to_string(),
    ] {
        assert_eq!(
            platform.tenant_id(name).await.unwrap(),
            world.tenant,
            "{name}"
        );
    }
    for name in ["fabrikam.com", &Uuid::from_u128(9).to_string()] {
        let error = platform.tenant_id(name).await.unwrap_err();
        assert_eq!(error.kind(), &Kind::TenantUnknown, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_signs_in_and_the_connection_reads_the_tenant() {
    let world = World::new().await;
    let redeemed = world
        .sign_in(Authority::Organizations, &Scopes::connection(), ADMIN)
        .await
        .unwrap();
    assert_eq!(redeemed.claims.tenant_id, world.tenant);
    assert_eq!(redeemed.claims.preferred_username.as_deref(), Some(ADMIN));
    assert_eq!(redeemed.tokens.missing_permissions(), []);
    let (client, _) = world.connect().await;
    let me = client.me().await.unwrap();
    assert_eq!(me.id, redeemed.claims.object_id);
    let organization = client.organization().await.unwrap();
    assert!(
        organization
            .verified_domains
            .iter()
            .any(|domain| domain.name == "contoso.com")
    );
}

#[tokio::test(start_paused = true)]
async fn the_refresh_token_rotates_and_the_newest_is_stored() {
    let world = World::new().await;
    let (client, vault) = world.connect().await;
    client.organization().await.unwrap();
    world.advance(2 * 3600).await;
    client.organization().await.unwrap();
    let stored = vault.0.lock().unwrap().clone();
    assert_eq!(stored.len(), 2);
    assert_ne!(stored[0], stored[1]);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_tells_its_tenant_and_keeps_nothing() {
    let world = World::new().await;
    let other = world
        .add_tenant("fabrikam.onmicrosoft.com", "fabrikam.com")
        .await;
    world.register(&[world.tenant, other], json!({})).await;
    let account = json!({
        "tenant_id": other, "user_principal_name": "bob@fabrikam.com", "auto_consent": true,
    });
    world.control(http::Method::POST, "accounts", account).await;
    for authority in [Authority::Organizations, Authority::Tenant(other)] {
        let signed_in = world
            .sign_in(authority, &Scopes::sign_in(), "bob@fabrikam.com")
            .await
            .unwrap();
        assert_eq!(signed_in.claims.tenant_id, other);
        assert!(signed_in.tokens.refresh_token.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn the_application_signs_in_with_its_secret_and_not_with_another() {
    let mut world = World::new().await;
    world.client().organization().await.unwrap();
    world.application.credential = Credential::Secret("guessed".into());
    let error = world.client().organization().await.unwrap_err();
    assert_eq!(error.kind(), &Kind::WrongSecret);
    assert!(error.cure().contains("Value"));
    world.application.id = Uuid::from_u128(0xbad);
    let error = world.client().organization().await.unwrap_err();
    assert_eq!(error.kind(), &Kind::AppUnknown);
}

#[tokio::test(start_paused = true)]
async fn the_application_signs_in_with_its_certificate_and_not_with_another() {
    let mut world = World::new().await;
    let (registered, credential) = certificate();
    world
        .register(&[world.tenant], json!({"certificates": [registered]}))
        .await;
    world.application.credential = credential;
    world.client().organization().await.unwrap();
    world.application.credential = certificate().1;
    let error = world.client().organization().await.unwrap_err();
    assert_eq!(error.kind(), &Kind::WrongSecret);
}

#[tokio::test(start_paused = true)]
async fn without_consent_nobody_gets_in() {
    let world = World::new().await;
    world.register(&[], json!({})).await;
    let error = world.client().organization().await.unwrap_err();
    assert!(error.needs_a_person(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_that_is_no_good_needs_a_person() {
    let world = World::new().await;
    let source = TokenSource::Delegated {
        refresh_token: "made-up".into(),
        vault: std::sync::Arc::new(crate::world::Vault::default()),
    };
    let client = world.client_of(world.application.clone(), source);
    let error = client.organization().await.unwrap_err();
    assert_eq!(error.kind(), &Kind::NeedsReconnect);
}

fn certificate() -> (String, Credential) {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2040, 1, 1);
    let pem = params.self_signed(&key).unwrap().pem();
    let both = format!("{pem}{}", key.serialize_pem());
    let certificate = ClientCertificate::from_pem(&both).unwrap();
    (pem, Credential::Certificate(certificate))
}
