//! `/users/delta`: rounds, what they hold, and how their links end.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{APP, World, entry, ids, names};

const DAY: u64 = 86_400;

#[tokio::test]
async fn the_first_round_is_everybody_in_pages_of_200() {
    let world = World::new().await;
    world.generate(450, 0, 0).await;
    for path in [
        "users/delta",
        "users/delta()",
        "users/microsoft.graph.delta()",
        "users/delta?$top=5",
    ] {
        let (pages, last) = world.walk(path).await;
        assert_eq!(
            pages.iter().map(Vec::len).collect::<Vec<_>>(),
            [200, 200, 50],
            "{path}"
        );
        assert_eq!(
            ids(&pages.concat())
                .into_iter()
                .collect::<BTreeSet<_>>()
                .len(),
            450
        );
        assert!(
            last["@odata.deltaLink"]
                .as_str()
                .unwrap()
                .contains("$deltatoken=")
        );
    }
}

#[tokio::test]
async fn each_page_has_one_link_and_a_quiet_round_a_new_one() {
    let world = World::new().await;
    world.generate(300, 0, 0).await;
    let first = world.read("users/delta").await;
    assert_eq!(first["@odata.deltaLink"], Value::Null);
    let (_, link) = world.round("users/delta").await;
    let quiet = world.read(&link).await;
    assert_eq!(quiet["value"], json!([]));
    assert_eq!(quiet["@odata.nextLink"], Value::Null);
    assert_ne!(quiet["@odata.deltaLink"], link.as_str());
    let again = world.read(&link).await;
    assert_ne!(
        again["@odata.deltaLink"], quiet["@odata.deltaLink"],
        "every call gives another link"
    );
}

#[tokio::test]
async fn properties_never_set_are_absent_and_cleared_ones_null() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    let select = "users/delta?$select=displayName,jobTitle,department,userType,manager";
    let (entries, link) = world.round(select).await;
    assert_eq!(names(&entries[0]), ["displayName", "id", "userType"]);
    let path = format!("users/{amy}");
    world
        .write(Method::PATCH, &path, json!({"jobTitle": "Chief"}))
        .await;
    let (entries, link) = world.round(&link).await;
    assert_eq!(
        entries,
        [json!({"id": amy, "displayName": "amy", "jobTitle": "Chief", "userType": "Member"})]
    );
    world
        .write(Method::PATCH, &path, json!({"jobTitle": null}))
        .await;
    let (entries, _) = world.round(&link).await;
    assert_eq!(entries[0]["jobTitle"], Value::Null);
    assert!(entries[0].as_object().unwrap().contains_key("jobTitle"));
}

#[tokio::test]
async fn only_selected_properties_make_an_object_appear() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    let (_, link) = world.round("users/delta?$select=jobTitle").await;
    world
        .write(
            Method::PATCH,
            &format!("users/{amy}"),
            json!({"department": "Sales"}),
        )
        .await;
    let (entries, link) = world.round(&link).await;
    assert_eq!(entries, Vec::<Value>::new());
    world
        .write(
            Method::PATCH,
            &format!("users/{amy}"),
            json!({"jobTitle": "Chief"}),
        )
        .await;
    assert_eq!(world.round(&link).await.0.len(), 1);
}

#[tokio::test]
async fn life_and_death_are_told_as_documented() {
    let world = World::new().await;
    let (amy, bob, cleo) = (
        world.add_person("amy").await,
        world.add_person("bob").await,
        world.add_person("cleo").await,
    );
    let (_, link) = world.round("users/delta").await;
    let dora = world.add_person("dora").await;
    for id in [&amy, &bob, &cleo] {
        world
            .write(Method::DELETE, &format!("users/{id}"), Value::Null)
            .await;
    }
    world
        .write(
            Method::POST,
            &format!("directory/deletedItems/{bob}/restore"),
            Value::Null,
        )
        .await;
    world
        .write(
            Method::DELETE,
            &format!("directory/deletedItems/{cleo}"),
            Value::Null,
        )
        .await;
    let (entries, link) = world.round(&link).await;
    assert_eq!(
        entry(&entries, &amy),
        &json!({"id": amy, "@removed": {"reason": "changed"}})
    );
    assert_eq!(
        entry(&entries, &bob)["displayName"],
        "bob",
        "restored comes as created"
    );
    assert_eq!(
        entry(&entries, &cleo),
        &json!({"id": cleo, "@removed": {"reason": "deleted"}})
    );
    assert_eq!(
        entry(&entries, &dora)["userPrincipalName"],
        "dora@contoso.com"
    );
    assert_eq!(entries.len(), 4, "each object once");
    assert_eq!(world.round(&link).await.0, Vec::<Value>::new());
}

#[tokio::test]
async fn minimal_answers_hold_what_changed_alone() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    let (_, link) = world.round("users/delta").await;
    world
        .write(
            Method::PATCH,
            &format!("users/{amy}"),
            json!({"jobTitle": "Chief"}),
        )
        .await;
    let answer = world
        .call(
            Method::GET,
            &link,
            &world.token,
            &[("prefer", "return=minimal")],
            Value::Null,
        )
        .await;
    assert_eq!(
        answer.json()["value"],
        json!([{"id": amy, "jobTitle": "Chief"}])
    );
}

#[tokio::test]
async fn the_manager_is_a_relationship() {
    let world = World::new().await;
    let (amy, bob) = (world.add_person("amy").await, world.add_person("bob").await);
    let (_, link) = world.round("users/delta?$select=displayName,manager").await;
    let reference = json!({"@odata.id": format!("{}/v1.0/users/{bob}", crate::world::HOST)});
    world
        .write(Method::PUT, &format!("users/{amy}/manager/$ref"), reference)
        .await;
    let (entries, link) = world.round(&link).await;
    let expected = json!([{"@odata.type": "#microsoft.graph.user", "id": bob}]);
    assert_eq!(entry(&entries, &amy)["manager@delta"], expected);
    world.switch(|switches| switches.delta_omits_manager = true);
    world
        .write(
            Method::PATCH,
            &format!("users/{amy}"),
            json!({"displayName": "Amy"}),
        )
        .await;
    assert_eq!(names(&world.round(&link).await.0[0]), ["displayName", "id"]);
}

#[tokio::test]
async fn what_delta_does_not_have_is_refused() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    let (_, link) = world.round("users/delta").await;
    let many = |count| {
        (0..count)
            .map(|n| format!("id eq '{}'", uuid::Uuid::from_u128(n)))
            .collect::<Vec<_>>()
            .join(" or ")
    };
    for (path, status) in [
        ("users/delta?$select=birthday".to_owned(), 400),
        (
            "users/delta?$select=displayName,licenseAssignmentStates".to_owned(),
            400,
        ),
        ("users/delta?$select=shoeSize".to_owned(), 400),
        ("users/delta?$expand=manager".to_owned(), 400),
        ("users/delta?$orderby=displayName".to_owned(), 400),
        ("users/delta?$filter=displayName eq 'amy'".to_owned(), 400),
        (format!("users/delta?$filter={}", many(51)), 400),
        (format!("users/delta?$filter={}", many(50)), 200),
        (format!("users/delta?$filter=id eq '{amy}'"), 200),
        ("users/delta?$deltatoken=made-up".to_owned(), 400),
        (format!("{link}x"), 400),
        (format!("{link}&$filter=id eq '{amy}'"), 400),
        (format!("{link}&$select=displayName"), 200),
        (link.replace("/users/", "/groups/"), 400),
        (link.replace("$deltatoken", "$skiptoken"), 400),
    ] {
        let answer = world.get(&path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
    }
    let message =
        world.get("users/delta?$select=birthday").await.json()["error"]["message"].clone();
    assert_eq!(
        message,
        "Invalid request for delta query: for this entity set, $expand/$select is not supported for the following properties: birthday"
    );
}

#[tokio::test]
async fn a_filter_limits_every_round() {
    let world = World::new().await;
    let (amy, bob) = (world.add_person("amy").await, world.add_person("bob").await);
    let (entries, link) = world
        .round(&format!("users/delta?$filter=id eq '{amy}'"))
        .await;
    assert_eq!(ids(&entries), [amy.clone()]);
    for id in [&amy, &bob] {
        world
            .write(
                Method::PATCH,
                &format!("users/{id}"),
                json!({"jobTitle": "Chief"}),
            )
            .await;
    }
    assert_eq!(ids(&world.round(&link).await.0), [amy]);
}

#[tokio::test]
async fn latest_starts_from_now() {
    let world = World::new().await;
    world.add_person("amy").await;
    let page = world
        .read("users/delta?$select=displayName&$deltatoken=latest")
        .await;
    assert_eq!(page["value"], json!([]));
    let link = page["@odata.deltaLink"].as_str().unwrap();
    let bob = world.add_person("bob").await;
    let (entries, _) = world.round(link).await;
    assert_eq!(entries, [json!({"id": bob, "displayName": "bob"})]);
}

#[tokio::test]
async fn what_happens_during_a_round_is_told_by_the_next() {
    let world = World::new().await;
    world.generate(450, 0, 0).await;
    let first = world.read("users/delta?$select=jobTitle").await;
    let early = first["value"][0]["id"].as_str().unwrap().to_owned();
    world
        .write(
            Method::PATCH,
            &format!("users/{early}"),
            json!({"jobTitle": "Changed"}),
        )
        .await;
    let late = world.add_person("late").await;
    let (_, link) = world
        .round(first["@odata.nextLink"].as_str().unwrap())
        .await;
    let (entries, _) = world.round(&link).await;
    let found: BTreeSet<_> = ids(&entries).into_iter().collect();
    assert_eq!(found, BTreeSet::from([early, late]));
}

#[tokio::test]
async fn links_live_for_seven_days_and_belong_to_their_application() {
    let world = World::new().await;
    world.add_person("amy").await;
    let (_, link) = world.round("users/delta").await;
    world.advance(6 * DAY);
    let token = world.app_token(APP, crate::world::ALL).await;
    let call = |token: String| {
        let (world, link) = (&world, &link);
        async move {
            world
                .call(Method::GET, link, &token, &[], Value::Null)
                .await
        }
    };
    assert_eq!(call(token).await.status, StatusCode::OK);
    let other = world
        .app_token(uuid::Uuid::from_u128(0x07e), crate::world::ALL)
        .await;
    assert_eq!(call(other).await.status, StatusCode::BAD_REQUEST);
    world.advance(DAY + 1);
    let answer = call(world.app_token(APP, crate::world::ALL).await).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "syncStateNotFound")
    );
}

#[tokio::test]
async fn oddities_are_switched_on_one_by_one() {
    let world = World::new().await;
    world.generate(250, 0, 0).await;
    world.switch(|switches| switches.delta_empty_pages = true);
    let first = world.read("users/delta").await;
    assert_eq!(first["value"], json!([]));
    assert_ne!(first["@odata.nextLink"], Value::Null);
    assert_eq!(world.round("users/delta").await.0.len(), 250);

    world.switch(|switches| {
        switches.delta_empty_pages = false;
        switches.delta_duplicates = true;
    });
    let (entries, link) = world.round("users/delta").await;
    assert_eq!(entries.len(), 251);
    assert_eq!(
        ids(&entries).into_iter().collect::<BTreeSet<_>>().len(),
        250
    );

    world.switch(|switches| {
        switches.delta_duplicates = false;
        switches.delta_replay = 2;
    });
    let amy = world.add_person("amy").await;
    let (entries, link) = world.round(&link).await;
    assert_eq!(ids(&entries), [amy.clone()]);
    assert_eq!(
        ids(&world.round(&link).await.0),
        [amy.clone()],
        "told again"
    );

    world.switch(|switches| {
        switches.delta_replay = 0;
        switches.delta_wrong_context = true;
    });
    let page = world.read(&link).await;
    assert!(
        page["@odata.context"]
            .as_str()
            .unwrap()
            .ends_with("#directoryObjects")
    );
    world
        .write(Method::DELETE, &format!("users/{amy}"), Value::Null)
        .await;
    world.switch(|switches| switches.delta_removed_at_first = true);
    let (entries, _) = world.round("users/delta").await;
    assert_eq!(entry(&entries, &amy)["@removed"]["reason"], "changed");
}

#[tokio::test(start_paused = true)]
async fn with_a_lag_changes_show_later() {
    let world = World::new().await;
    world.switch(|switches| switches.visibility_lag_seconds = 60.0);
    let (_, link) = world.round("users/delta").await;
    let amy = world.add_person("amy").await;
    let (entries, link) = world.round(&link).await;
    assert_eq!(entries, Vec::<Value>::new());
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    assert_eq!(ids(&world.round(&link).await.0), [amy]);
}

#[tokio::test]
async fn a_restored_person_may_be_hidden_from_a_narrow_selection() {
    let world = World::new().await;
    world.switch(|switches| switches.delta_hides_restored = true);
    let amy = world.add_person("amy").await;
    let (_, link) = world.round("users/delta?$select=displayName").await;
    world
        .write(Method::DELETE, &format!("users/{amy}"), Value::Null)
        .await;
    let (_, link) = world.round(&link).await;
    world
        .write(
            Method::POST,
            &format!("directory/deletedItems/{amy}/restore"),
            Value::Null,
        )
        .await;
    assert_eq!(world.round(&link).await.0, Vec::<Value>::new());
}
