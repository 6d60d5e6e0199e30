//! Unit tests of the identity platform, over a scripted transport.

use serde_json::{Value, json};

use super::*;
use crate::scripted::{self, Reply, TENANT, application};

const HOST: &str = "https://login.microsoftonline.com";

fn discovery(issuer_tenant: &str) -> Value {
    json!({
        "issuer": format!("{HOST}/{issuer_tenant}/v2.0"),
        "jwks_uri": format!("{HOST}/common/discovery/v2.0/keys"),
        "cloud_instance_name": "microsoftonline.com",
    })
}

fn platform(replies: Vec<Reply>) -> (IdentityPlatform, std::sync::Arc<scripted::Scripted>) {
    let (environment, script) = scripted::environment(replies);
    (IdentityPlatform::new(environment, Cloud::global()), script)
}

#[tokio::test(start_paused = true)]
async fn a_domain_name_leads_to_its_tenant() {
    let reply = Reply::json(200, &discovery(&TENANT.to_string()));
    let (platform, script) = platform(vec![reply]);
    assert_eq!(platform.tenant_id(" contoso.com ").await.unwrap(), TENANT);
    assert_eq!(
        script.sent()[0].url,
        format!("{HOST}/contoso.com/v2.0/.well-known/openid-configuration")
    );
}

#[tokio::test(start_paused = true)]
async fn unknown_tenants_and_other_clouds_are_told_apart() {
    let mut government = discovery(&TENANT.to_string());
    government["cloud_instance_name"] = json!("microsoftonline.us");
    let unknown = json!({
        "error": "invalid_tenant", "error_codes": [90002],
        "error_description": "AADSTS90002: Tenant 'x.example' not found.",
    });
    for (reply, kind) in [
        (Reply::json(400, &unknown), Kind::TenantUnknown),
        (
            Reply::json(200, &discovery("{tenantid}")),
            Kind::TenantUnknown,
        ),
        (Reply::json(200, &government), Kind::WrongCloud),
    ] {
        let (platform, _) = platform(vec![reply]);
        let error = platform.tenant_id("x.example").await.unwrap_err();
        assert_eq!(error.kind(), &kind);
    }
    let (platform, script) = platform(Vec::new());
    for bad in [
        "",
        "a/b",
        "a b",
        "contoso.com?x",
        "contoso.com#",
        "%2e",
        "..",
    ] {
        if bad != ".." {
            assert!(platform.tenant_id(bad).await.is_err(), "{bad}");
        }
    }
    assert!(script.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn keys_from_another_host_are_refused() {
    let mut forged = discovery(&TENANT.to_string());
    forged["jwks_uri"] = json!("https://evil.example/keys");
    let (platform, _) = platform(vec![Reply::json(200, &forged)]);
    let error = platform.tenant_id("contoso.com").await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Malformed { .. }));
}

#[tokio::test(start_paused = true)]
async fn the_application_asks_for_everything_granted_to_it() {
    let (platform, script) = platform(vec![Reply::token("a")]);
    let tokens = platform
        .client_credentials(&application(), TENANT)
        .await
        .unwrap();
    assert_eq!(tokens.expires.to_string(), "2026-01-01T01:00:00Z");
    let sent = &script.sent()[0];
    assert_eq!(sent.url, format!("{HOST}/{TENANT}/oauth2/v2.0/token"));
    for (name, value) in [
        ("grant_type", "client_credentials"),
        ("scope", "https://graph.microsoft.com/.default"),
        ("client_id", &application().id.to_string()),
        ("client_secret", "application-key"),
    ] {
        assert_eq!(sent.form(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(sent.header("origin"), None);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_brings_the_rotated_token() {
    let reply = json!({
        "access_token": "a", "expires_in": 4521, "refresh_token": "r2",
        "scope": "https://graph.microsoft.com/User.Read https://graph.microsoft.com/User.Read.All",
    });
    let (platform, script) = platform(vec![Reply::json(200, &reply)]);
    let tokens = platform
        .refresh(&application(), TENANT, &"r1".into(), &Scopes::connection())
        .await
        .unwrap();
    assert_eq!(
        script.sent()[0].form("refresh_token").as_deref(),
        Some("r1")
    );
    assert_eq!(tokens.refresh_token.as_ref().unwrap().expose_secret(), "r2");
    assert_eq!(
        tokens.missing_permissions(),
        [Permission::DirectoryReadAll, Permission::GroupReadAll]
    );
    assert!(!format!("{tokens:?}").contains("r2"));
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_without_an_id_token_is_refused() {
    let (platform, script) = platform(vec![Reply::token("a")]);
    let redemption = Redemption {
        authority: Authority::Tenant(TENANT),
        code: "c",
        redirect_uri: "https://psa.example/OAuth/IntegrationCallback.aspx",
        verifier: &"v".into(),
        nonce: "n",
        scopes: &Scopes::connection(),
    };
    let error = platform
        .redeem(&application(), redemption)
        .await
        .unwrap_err();
    assert!(matches!(error.kind(), Kind::Malformed { .. }));
    assert_eq!(script.sent()[0].form("code_verifier").as_deref(), Some("v"));
}

#[test]
fn errors_on_the_callback_have_a_kind_and_a_cure() {
    for (error, description, kind) in [
        (
            "access_denied",
            Some("AADSTS65004: declined"),
            Kind::ConsentDeclined,
        ),
        (
            "consent_required",
            Some("AADSTS90094: admin"),
            Kind::ConsentMissing,
        ),
        (
            "access_denied",
            Some("AADSTS50105: not assigned"),
            Kind::AssignmentRequired,
        ),
        ("login_required", None, Kind::NeedsReconnect),
    ] {
        let found = callback_error(error, description);
        assert_eq!(found.kind(), &kind, "{error}");
        assert!(!found.cure().is_empty());
    }
}
