//! Unit tests of `link`.

use super::*;

fn parse(cloud: &Cloud, text: &str) -> Result<Link, Kind> {
    Link::parse(cloud, text, "testing").map_err(|error| error.kind().clone())
}

#[test]
fn only_the_graph_host_is_followed() {
    let global = Cloud::global();
    let local = Cloud::custom("http://127.0.0.1:9001", "http://127.0.0.1:9001").unwrap();
    for (cloud, good) in [
        (
            &global,
            "https://graph.microsoft.com/v1.0/users?$skiptoken=x",
        ),
        (&global, "https://graph.microsoft.com:443/v1.0/users"),
        (&global, "HTTPS://GRAPH.microsoft.com/v1.0/users"),
        (&local, "http://127.0.0.1:9001/v1.0/users"),
    ] {
        assert!(parse(cloud, good).is_ok(), "{good}");
    }
    for (cloud, bad) in [
        (&global, "http://graph.microsoft.com/v1.0/users"),
        (&global, "https://graph.microsoft.us/v1.0/users"),
        (&global, "https://graph.microsoft.com.evil.example/"),
        (&global, "https://graph.microsoft.com:8443/"),
        (&global, "https://graph.microsoft.com@evil.example/"),
        (&global, "https://token:x@graph.microsoft.com/"),
        (&global, "https://evil.example/#https://graph.microsoft.com"),
        (&global, "https://graph.microsoft.com./v1.0/users"),
        (&local, "http://127.0.0.1:9002/"),
        (&local, "http://127.0.0.2:9001/"),
        (&local, "http://localhost:9001/"),
    ] {
        assert_eq!(parse(cloud, bad), Err(Kind::NotATokenHost), "{bad}");
    }
    for broken in ["", "/v1.0/users", "graph.microsoft.com"] {
        assert!(
            matches!(parse(&global, broken), Err(Kind::Malformed { .. })),
            "{broken}"
        );
    }
    let long = format!("https://graph.microsoft.com/?{}", "x".repeat(LONGEST));
    assert!(matches!(parse(&global, &long), Err(Kind::Malformed { .. })));
}

#[test]
fn the_token_of_a_link_is_not_shown() {
    let link = parse(
        &Cloud::global(),
        "https://graph.microsoft.com/a?$deltatoken=secret",
    );
    assert!(!format!("{link:?}").contains("secret"));
}

#[test]
fn a_repeated_link_and_too_many_links_end_the_round() {
    let link = |n: u32| {
        parse(
            &Cloud::global(),
            &format!("https://graph.microsoft.com/?p={n}"),
        )
        .unwrap()
    };
    let mut guard = PageGuard::new(3);
    assert!(guard.follow(&link(1)).is_ok());
    assert!(guard.follow(&link(2)).is_ok());
    assert_eq!(
        guard.follow(&link(1)).unwrap_err().kind(),
        &Kind::EndlessPages
    );
    assert!(guard.follow(&link(3)).is_ok());
    assert_eq!(
        guard.follow(&link(4)).unwrap_err().kind(),
        &Kind::EndlessPages
    );
}
