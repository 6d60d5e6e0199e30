//! Unit tests of `wire`.

use super::*;

#[derive(Debug, PartialEq)]
struct Named(String);

#[derive(Debug, Deserialize)]
struct WireNamed<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

impl<'a> FromWire<'a> for Named {
    type Wire = WireNamed<'a>;

    fn from_wire(wire: WireNamed<'a>) -> Result<Self, Malformed> {
        match wire.name.as_str() {
            "bad" => Err(Malformed::new("`name` is bad")),
            name => Ok(Self(name.to_owned())),
        }
    }
}

fn page(text: &str) -> Result<Vec<Named>, Malformed> {
    parse::<WirePage<'_, Named>>(text.as_bytes()).map(WirePage::into_items)
}

#[test]
fn a_page_without_a_list_is_malformed_not_empty() {
    assert_eq!(page(r#"{"value":[]}"#), Ok(Vec::new()));
    for bad in [
        "{}",
        r#"{"value":null}"#,
        r#"{"value":{}}"#,
        r#"{"value":"x"}"#,
        r#"{"value":[{}]}"#,
        r#"{"value":[null]}"#,
        r#"{"value":[{"name":7}]}"#,
        r#"{"value":[{"name":"bad"}]}"#,
        r#"{"value":[],"value":[]}"#,
        r#"{"value":[]} trailing"#,
        r#"{"error":{"code":"x"}}"#,
        "[]",
        "null",
        "",
    ] {
        assert!(page(bad).is_err(), "{bad}");
    }
}

#[test]
fn texts_are_borrowed_and_unescaped() {
    let text: Text<'_> = parse(br#""plain""#).unwrap();
    assert!(matches!(text.0, Cow::Borrowed("plain")));
    let text: Text<'_> = parse(br#""t\u00e9xt""#).unwrap();
    assert_eq!(text.as_str(), "téxt");
}

#[test]
fn every_cut_of_a_page_is_an_error_that_says_so() {
    let whole = r#"{"@odata.count":1,"value":[{"name":"Zoë"}]}"#;
    for end in 0..whole.len() {
        let error = parse::<WirePage<'_, Named>>(&whole.as_bytes()[..end]).unwrap_err();
        assert!(error.is_cut_short, "{end}");
    }
}

#[test]
fn errors_name_the_property_but_not_the_value() {
    let error = page(r#"{"value":[{"name":"a"},{"nome":"secret"}]}"#).unwrap_err();
    assert!(
        error.what.starts_with("missing field `name`"),
        "{}",
        error.what
    );
    let error = page(r#"{"value":"a \"secret\" text"}"#).unwrap_err();
    assert!(!error.what.contains("secret"), "{}", error.what);
    assert!(error.what.contains("expected a sequence"), "{}", error.what);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = parse::<WirePage<'_, Named>>(&bytes);
    }
}
