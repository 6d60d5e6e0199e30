//! Unit tests of `oauth`.

use std::collections::HashMap;

use super::*;
use crate::scripted;

fn request(options: &AuthorizeOptions) -> (AuthorizeRequest, HashMap<String, String>) {
    let (environment, _) = scripted::environment(Vec::new());
    let request = AuthorizeRequest::new(&environment, &Cloud::global(), options);
    let query = request.url.query_pairs().into_owned().collect();
    (request, query)
}

fn options() -> AuthorizeOptions {
    AuthorizeOptions {
        authority: Authority::Organizations,
        application_id: Uuid::from_u128(5),
        redirect_uri: "https://psa.example/OAuth/IntegrationCallback.aspx".to_owned(),
        scopes: Scopes::connection(),
        prompt: Some(Prompt::Consent),
        login_hint: Some("amy@contoso.com".to_owned()),
    }
}

#[test]
fn asks_for_exactly_the_four_permissions_with_pkce() {
    let (request, query) = request(&options());
    assert_eq!(request.url.path(), "/organizations/oauth2/v2.0/authorize");
    assert_eq!(
        query["scope"],
        "openid profile offline_access \
         Directory.Read.All Group.Read.All User.Read User.Read.All"
    );
    assert_eq!(query["redirect_uri"], options().redirect_uri);
    assert_eq!(query["prompt"], "consent");
    assert_eq!(query["state"], request.state);
    assert_eq!(query["nonce"], request.nonce);
    assert_eq!(query["code_challenge"], challenge(&request.verifier));
    assert!(
        !request
            .url
            .as_str()
            .contains(request.verifier.expose_secret())
    );
    assert!(request.state != request.nonce && request.state.len() == 43);
    assert!(!format!("{request:?}").contains(request.verifier.expose_secret()));
}

#[test]
fn the_challenge_is_that_of_the_rfc() {
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into();
    assert_eq!(
        challenge(&verifier),
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    );
}

#[test]
fn the_admin_consent_page_names_the_tenant_and_the_scopes() {
    let tenant = Uuid::from_u128(1);
    let url = admin_consent_url(
        &Cloud::us_gov(),
        Authority::Tenant(tenant),
        Uuid::from_u128(5),
        "https://psa.example/OAuth/IntegrationCallback.aspx",
        "s",
    );
    assert!(url.as_str().starts_with(&format!(
        "https://login.microsoftonline.us/{tenant}/v2.0/adminconsent?"
    )));
    let scope = url
        .query_pairs()
        .find(|(name, _)| name == "scope")
        .unwrap()
        .1;
    assert_eq!(
        scope,
        "Directory.Read.All Group.Read.All User.Read User.Read.All"
    );
}
