//! Unit tests of `retry`.

use super::*;
use crate::scripted;

fn parse(text: &str) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::RETRY_AFTER, text.parse().ok()?);
    retry_after(&headers, "2026-01-01T00:00:00Z".parse().unwrap())
}

#[test]
fn reads_seconds_fractions_and_dates() {
    let seconds = Duration::from_secs_f64;
    for (text, expected) in [
        ("5", Some(seconds(5.0))),
        (" 2.128 ", Some(seconds(2.128))),
        ("0", Some(Duration::ZERO)),
        ("1e9", Some(seconds(86_400.0))),
        ("Thu, 01 Jan 2026 00:01:30 GMT", Some(seconds(90.0))),
        ("Thu, 01 Jan 2025 00:01:30 GMT", None),
        ("Wed, 01 Jan 2025 00:01:30 GMT", Some(Duration::ZERO)),
        ("-1", None),
        ("NaN", None),
        ("inf", None),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(parse(text), expected, "{text}");
    }
}

#[test]
fn waits_grow_and_end() {
    let environment = scripted::environment(Vec::new()).0;
    let policy = RetryPolicy::default();
    let wait = |next, waited, asked| policy.wait(next, waited, asked, &environment);
    assert!(wait(2, Duration::ZERO, None).unwrap() <= Duration::from_secs(1));
    assert!(wait(8, Duration::ZERO, None).unwrap() <= Duration::from_secs(64));
    assert_eq!(wait(9, Duration::ZERO, None), None);
    let asked = Some(Duration::from_secs(20));
    let waited = wait(2, Duration::ZERO, asked).unwrap();
    assert!(waited >= Duration::from_secs(20) && waited <= Duration::from_secs(21));
    assert_eq!(
        wait(2, Duration::ZERO, Some(Duration::from_secs(3600))),
        None
    );
    assert_eq!(wait(2, Duration::from_secs(599), asked), None);
}

proptest::proptest! {
    #[test]
    fn any_header_text_is_survived(text in "\\PC{0,40}") {
        let _ = parse(&text);
    }
}
