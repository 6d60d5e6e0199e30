//! Unit tests of `hashed`.

use super::*;
use crate::wire::parse;

fn read(json: &str) -> Option<Hashed> {
    parse(json.as_bytes()).ok()
}

#[test]
fn equal_values_have_equal_hashes_and_others_do_not() {
    let same = [
        r#"{"a":"1","b":"2","c":null}"#,
        r#"{"c":null,"b":"2","a":"1"}"#,
        r#"{"a":"1","b":"2"}"#,
    ];
    assert_eq!(read(same[0]), read(same[1]));
    assert_eq!(read(same[0]), read(same[2]));
    let different = [
        r#""1""#,
        r#""2""#,
        r#""""#,
        r#"{"a":"1"}"#,
        r#"{"a":"2"}"#,
        r#"{"b":"1"}"#,
        r#"{"a":"1","b":"2"}"#,
        r#"{"a":"2","b":"1"}"#,
        "{}",
    ];
    for (at, one) in different.iter().enumerate() {
        for two in &different[at + 1..] {
            assert_ne!(read(one), read(two), "{one} {two}");
        }
    }
}

#[test]
fn an_object_in_which_all_is_empty_is_empty() {
    for empty in ["{}", r#"{"extensionAttribute1":null}"#] {
        assert_eq!(
            Hashed::field(Field::Value(read(empty).unwrap())),
            Field::Null
        );
    }
    assert_eq!(Hashed::field(Field::Absent), Field::Absent);
}

#[test]
fn other_forms_are_refused() {
    for bad in ["7", "[]", r#"{"a":7}"#, r#"{"a":{}}"#, "true"] {
        assert_eq!(read(bad), None, "{bad}");
    }
}
