//! Unit tests of `field`.

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Holder {
    #[serde(default, skip_serializing_if = "Field::is_absent")]
    name: Field<String>,
}

#[test]
fn absent_null_and_value_survive_a_round_trip() {
    for (json, field) in [
        ("{}", Field::Absent),
        (r#"{"name":null}"#, Field::Null),
        (r#"{"name":"Amy"}"#, Field::Value("Amy".to_owned())),
    ] {
        let holder: Holder = serde_json::from_str(json).unwrap();
        assert_eq!(holder.name, field);
        assert_eq!(serde_json::to_string(&holder).unwrap(), json);
    }
    assert!(serde_json::from_str::<Holder>(r#"{"name":7}"#).is_err());
}

#[test]
fn an_absent_property_overlays_nothing() {
    let mut field = Field::Value(1);
    field.overlay(Field::Absent);
    assert_eq!(field, Field::Value(1));
    field.overlay(Field::Null);
    assert_eq!(field, Field::Null);
    field.overlay(Field::Value(2));
    assert_eq!(field, Field::Value(2));
}
