//! Unit tests of `graph_code`.

use bytes::Bytes;
use http::HeaderMap;

use super::*;

fn of(status: u16, body: &str) -> GraphError {
    let answer = Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    error(&answer, "testing", "Group.Read.All")
}

#[test]
fn codes_and_statuses_have_their_kind() {
    let denied = Kind::PermissionMissing {
        permission: "Group.Read.All",
    };
    for (status, code, kind) in [
        (400, "Request_BadRequest", Kind::Refused),
        (400, "syncStateNotFound", Kind::ResyncRequired),
        (400, "Directory_ExpiredPageToken", Kind::PageExpired),
        (401, "InvalidAuthenticationToken", Kind::NeedsReconnect),
        (403, "Authorization_RequestDenied", denied.clone()),
        (403, "Authorization_IdentityNotFound", Kind::ConsentMissing),
        (403, "", denied),
        (404, "Request_ResourceNotFound", Kind::NotFound),
        (410, "", Kind::ResyncRequired),
        (429, "", Kind::Throttled { retry_after: None }),
        (500, "generalException", Kind::Transient),
        (501, "NotImplemented", Kind::Refused),
        (509, "", Kind::Transient),
    ] {
        let error = of(
            status,
            &format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#),
        );
        assert_eq!(error.kind(), &kind, "{status} {code}");
        assert_eq!(error.provider_code().unwrap_or_default(), code);
    }
}

#[test]
fn the_innermost_known_code_counts() {
    let error = of(
        400,
        r#"{"error":{"code":"BadRequest","message":"out","innererror":{"code":"resyncRequired","innerError":{"code":"x"}}}}"#,
    );
    assert_eq!(error.kind(), &Kind::ResyncRequired);
    assert_eq!(error.provider_code(), Some("resyncRequired"));
    assert_eq!(error.message(), Some("out"));
}

#[test]
fn bodies_that_are_no_graph_error_go_by_status() {
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"error":"x"}"#,
        r#"{"error":{"code":7}}"#,
    ] {
        assert_eq!(of(404, body).kind(), &Kind::NotFound, "{body}");
        assert_eq!(of(404, body).provider_code(), None);
    }
}
