//! Scenarios in TOML: what they make, and how they are refused.

use graph_emulator::{Emulator, Options};

use crate::world::{START, World};

const SCENARIO: &str = r#"
[[tenants]]
domain = "fabrikam.onmicrosoft.com"
display_name = "Fabrikam"
verified_domains = ["fabrikam.com"]
generate = { people = 20, groups = 2, members_per_group = 10, seed = 3 }

[[tenants.people]]
userPrincipalName = "ada.lovelace@fabrikam.com"
jobTitle = "Analyst"
manager = "charles.babbage@fabrikam.com"

[[tenants.people]]
userPrincipalName = "charles.babbage@fabrikam.com"
accountEnabled = false

[[tenants.groups]]
displayName = "Engines"
members = ["ada.lovelace@fabrikam.com"]

[[tenants.groups]]
displayName = "Everything"
members = ["Engines", "charles.babbage@fabrikam.com"]

[[apps]]
app_id = "00000000-0000-0000-0000-0000000000aa"
secret = "s"
tenants = ["fabrikam.com"]
application = ["User.Read.All"]

[[accounts]]
tenant_id = "fabrikam.com"
user_principal_name = "admin@fabrikam.com"
auto_consent = true
"#;

#[tokio::test]
async fn a_scenario_makes_what_it_says() {
    let world = World::new().await;
    world.emulator.load_scenario(SCENARIO).unwrap();
    let state = world
        .control(
            http::Method::GET,
            "tenants/fabrikam.com/state",
            serde_json::Value::Null,
        )
        .await;
    let people = state["people"].as_array().unwrap();
    assert_eq!(people.len(), 23);
    let named = |upn: &str| {
        people
            .iter()
            .find(|person| person["userPrincipalName"] == upn)
            .unwrap()
    };
    let (ada, charles) = (
        named("ada.lovelace@fabrikam.com"),
        named("charles.babbage@fabrikam.com"),
    );
    assert_eq!(ada["displayName"], "Ada Lovelace");
    assert_eq!(ada["manager"], charles["id"]);
    assert_eq!(charles["accountEnabled"], false);
    let groups = state["groups"].as_array().unwrap();
    let group = |name: &str| {
        groups
            .iter()
            .find(|group| group["displayName"] == name)
            .unwrap()
    };
    assert_eq!(group("Engines")["members"][0], ada["id"]);
    assert_eq!(group("Everything")["members"].as_array().unwrap().len(), 2);
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, place) in [
        ("tenant = 1", "scenario"),
        ("[[tenants]]\ndomain = \"none\"", "tenants[0]"),
        (
            "[[tenants]]\ndomain = \"x.com\"\n[[tenants.people]]\ndisplayName = \"x\"",
            "tenants[0].people[0]",
        ),
        (
            "[[tenants]]\ndomain = \"x.com\"\n[[tenants.people]]\nuserPrincipalName = \"a@y.com\"",
            "tenants[0].people[0]",
        ),
        (
            "[[tenants]]\ndomain = \"x.com\"\n[[tenants.people]]\nuserPrincipalName = \"a@x.com\"\nmanager = \"b@x.com\"",
            "tenants[0].people[0].manager",
        ),
        (
            "[[tenants]]\ndomain = \"x.com\"\n[[tenants.groups]]\ndisplayName = \"g\"\nmembers = [\"b@x.com\"]",
            "tenants[0].groups[0].members",
        ),
        (
            "[[accounts]]\ntenant_id = \"x.com\"\nuser_principal_name = \"a@x.com\"",
            "accounts[0]",
        ),
    ] {
        let emulator = Emulator::new(Options {
            seed: 0,
            start: START.parse().unwrap(),
        });
        let error = emulator.load_scenario(text).unwrap_err();
        assert_eq!(error.place, place, "{text}: {error}");
    }
}
