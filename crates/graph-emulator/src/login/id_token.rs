//! Claims of an id_token. Source: "ID token claims reference". Does not sign.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::context::Context;
use super::tokens::SignIn;
use super::{Login, TenantInfo, UserInfo};

/// Life of an id_token, seconds.
const LIFE: i64 = 3600;

/// Whom an id_token is about.
pub(super) struct Subject<'a> {
    pub app_id: Uuid,
    pub tenant: &'a TenantInfo,
    pub user: &'a UserInfo,
    pub sign_in: &'a SignIn,
    pub nonce: Option<&'a str>,
}

/// The claims; `profile` and `email` scopes decide on some of them.
pub(super) fn claims(login: &Login, cx: &Context, subject: &Subject<'_>) -> Map<String, Value> {
    let now = login.principals().now().as_second();
    let mut unique = [0; 16];
    login.principals().random(&mut unique);
    let scopes = &subject.sign_in.scopes;
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| {
        claims.insert(name.to_owned(), value);
    };
    put("ver", json!("2.0"));
    put("iss", json!(cx.issuer(&subject.tenant.id.to_string())));
    put("sub", json!(pairwise(subject.app_id, subject.user.id)));
    put("aud", json!(subject.app_id));
    put("iat", json!(now));
    put("nbf", json!(now));
    put("exp", json!(now + LIFE));
    put("tid", json!(subject.tenant.id));
    put("uti", json!(URL_SAFE_NO_PAD.encode(unique)));
    put("sid", json!(subject.sign_in.session_id));
    if scopes.has("profile") {
        put("oid", json!(subject.user.id));
        put("name", json!(subject.user.display_name));
        let name = Some(&subject.user.upn);
        // The UPN of a guest is of no use to a person; the service shows the name used to sign in.
        let shown = if subject.user.guest {
            subject.user.mail.as_ref().or(name)
        } else {
            name
        };
        put("preferred_username", json!(shown));
    }
    if let Some(mail) = &subject.user.mail
        && (subject.user.guest || scopes.has("email"))
    {
        put("email", json!(mail));
    }
    let (home_tenant, _) = subject.sign_in.home;
    if home_tenant != subject.tenant.id {
        put(
            "idp",
            json!(format!("https://sts.windows.net/{home_tenant}/")),
        );
    }
    if let Some(nonce) = subject.nonce {
        put("nonce", json!(nonce));
    }
    claims
}

/// The subject of a person for one application: differs between applications and tells nothing.
pub(super) fn pairwise(app_id: Uuid, user_id: Uuid) -> String {
    let mut hash = Sha256::new();
    hash.update(app_id.as_bytes());
    hash.update(user_id.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.finalize())
}
