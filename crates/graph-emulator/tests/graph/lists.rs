//! Lists of users and groups: default properties, selection, filters, search, order, counts.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{World, id, ids, names, person};

#[tokio::test]
async fn users_have_eleven_properties_and_null_where_nothing_was_set() {
    let world = World::new().await;
    world.add_person("amy").await;
    let page = world.read("users").await;
    let amy = &page["value"][0];
    let mut found = names(amy);
    found.sort();
    let documented = [
        "businessPhones",
        "displayName",
        "givenName",
        "id",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
    ];
    assert_eq!(found, documented);
    assert_eq!(amy["businessPhones"], json!([]));
    assert_eq!(amy["jobTitle"], Value::Null);
    assert!(
        page["@odata.context"]
            .as_str()
            .unwrap()
            .ends_with("/v1.0/$metadata#users")
    );
}

#[tokio::test]
async fn every_form_of_the_address_is_taken() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    for path in [
        "users",
        "/users",
        "Users",
        "users?%24select=id",
        "users?$Select=id&$TOP=5",
        "users?$expand=manager%28%24select%3Did%29&$select=id",
        "users?$select=id,displayName&client=tool",
    ] {
        let page = world.read(path).await;
        assert_eq!(page["value"][0]["id"], amy, "{path}");
    }
    for path in [
        "users/amy@contoso.com",
        "users/AMY@Contoso.com",
        "users('amy@contoso.com')",
        &format!("users/{amy}"),
    ] {
        assert_eq!(world.read(path).await["id"], amy, "{path}");
    }
}

#[tokio::test]
async fn what_graph_does_not_know_is_refused() {
    let world = World::new().await;
    for (path, status, code) in [
        ("users?$selct=id", 400, "BadRequest"),
        ("users?$select=id,shoeSize", 400, "BadRequest"),
        ("users?$select=id,skills", 501, "NotImplemented"),
        ("users?$skip=10", 400, "Request_UnsupportedQuery"),
        ("users?$top=0", 400, "Request_UnsupportedQuery"),
        ("users?$top=1000", 400, "Request_UnsupportedQuery"),
        ("users?$top=5&$top=6", 400, "BadRequest"),
        ("users?$filter=shoeSize eq 3", 400, "BadRequest"),
        ("users?$filter=displayName eq", 400, "BadRequest"),
        (
            "users?$filter=displayName ne 'x'",
            400,
            "Request_UnsupportedQuery",
        ),
        (
            "users?$filter=endsWith(mail,'x')",
            400,
            "Request_UnsupportedQuery",
        ),
        (
            "users?$filter=startsWith(displayName,'a')&$orderby=displayName",
            400,
            "Request_UnsupportedQuery",
        ),
        (
            "users?$search=\"displayName:a\"",
            400,
            "Request_UnsupportedQuery",
        ),
        ("users?$orderby=shoeSize", 400, "Request_UnsupportedQuery"),
        ("users?$expand=messages", 400, "Request_UnsupportedQuery"),
        ("users/$count", 400, "Request_BadRequest"),
        ("nothing", 400, "BadRequest"),
        (
            "users/00000000-0000-0000-0000-00000000dead",
            404,
            "Request_ResourceNotFound",
        ),
    ] {
        let answer = world.get(&path.replace('"', "%22")).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        assert_eq!(answer.code(), code, "{path}");
    }
}

#[tokio::test]
async fn advanced_queries_work_with_both_parameters() {
    let world = World::new().await;
    for name in ["amy", "bob", "cleo"] {
        world.add_person(name).await;
    }
    for (query, expected) in [
        (
            "$filter=displayName ne 'bob'&$orderby=displayName",
            vec!["amy", "cleo"],
        ),
        (
            "$filter=startsWith(displayName,'a')&$orderby=displayName desc",
            vec!["amy"],
        ),
        ("$search=%22displayName:cl%22", vec!["cleo"]),
        (
            "$search=%22displayName:am%22 OR %22displayName:bo%22&$orderby=displayName",
            vec!["amy", "bob"],
        ),
        (
            "$filter=not(displayName eq 'amy')&$orderby=displayName desc",
            vec!["cleo", "bob"],
        ),
    ] {
        let answer = world.eventual(&format!("users?$count=true&{query}")).await;
        let page = answer.json();
        let found: Vec<_> = page["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["displayName"].as_str().unwrap())
            .collect();
        assert_eq!(found, expected, "{query}");
        assert_eq!(page["@odata.count"], expected.len(), "{query}");
    }
    assert_eq!(world.eventual("users/$count").await.text, "3");
    let ignored = world.read("users?$count=true").await;
    assert_eq!(
        ignored["@odata.count"],
        Value::Null,
        "silently ignored without the header"
    );
}

#[tokio::test]
async fn filters_find_people_by_name_address_and_id() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    world.add_person("bob").await;
    let patch = json!({"mail": "amy@contoso.com", "department": "Sales"});
    world
        .write(Method::PATCH, &format!("users/{amy}"), patch)
        .await;
    for filter in [
        "userPrincipalName eq 'AMY@contoso.com'".to_owned(),
        "mail eq 'amy@contoso.com'".to_owned(),
        "startswith(displayName,'am')".to_owned(),
        format!("id eq '{amy}'"),
        format!("id in ('{amy}','00000000-0000-0000-0000-00000000dead')"),
        "department eq 'sales' and accountEnabled eq true".to_owned(),
        "proxyAddresses/any(p:p eq 'smtp:amy@contoso.com')".to_owned(),
        "identities/any(c:c/issuerAssignedId eq 'amy@contoso.com' and c/issuer eq 'contoso.onmicrosoft.com')".to_owned(),
    ] {
        let page = world.read(&format!("users?$filter={filter}")).await;
        assert_eq!(ids(page["value"].as_array().unwrap()), [amy.clone()], "{filter}");
    }
}

#[tokio::test]
async fn the_manager_can_be_expanded() {
    let world = World::new().await;
    let (amy, bob) = (world.add_person("amy").await, world.add_person("bob").await);
    let reference = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/users/{bob}")});
    world
        .write(Method::PUT, &format!("users/{amy}/manager/$ref"), reference)
        .await;
    let page = world
        .read("users?$select=id&$expand=manager($select=id)")
        .await;
    let all = page["value"].as_array().unwrap();
    let of_amy = crate::world::entry(all, &amy);
    assert_eq!(
        of_amy["manager"],
        json!({"@odata.type": "#microsoft.graph.user", "id": bob})
    );
    assert_eq!(id(&world.read(&format!("users/{amy}/manager")).await), bob);
    assert_eq!(
        world.get(&format!("users/{bob}/manager")).await.status,
        StatusCode::NOT_FOUND
    );
    world
        .write(
            Method::DELETE,
            &format!("users/{amy}/manager/$ref"),
            Value::Null,
        )
        .await;
    assert_eq!(
        world.get(&format!("users/{amy}/manager")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn get_by_ids_leaves_out_what_is_not_there() {
    let world = World::new().await;
    let (amy, sales) = (
        world.add_person("amy").await,
        world.add_group("sales").await,
    );
    let wanted = [
        amy.clone(),
        sales.clone(),
        "00000000-0000-0000-0000-00000000dead".to_owned(),
    ];
    for (types, expected) in [
        (
            json!(["user", "group"]),
            vec!["#microsoft.graph.user", "#microsoft.graph.group"],
        ),
        (json!(["user"]), vec!["#microsoft.graph.user"]),
        (
            json!([]),
            vec!["#microsoft.graph.user", "#microsoft.graph.group"],
        ),
    ] {
        let body = json!({"ids": wanted, "types": types});
        let found = world
            .write(Method::POST, "directoryObjects/getByIds?$select=id", body)
            .await;
        let found: Vec<_> = found["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["@odata.type"].as_str().unwrap())
            .collect();
        assert_eq!(found, expected, "{types}");
    }
    let many: Vec<_> = (0..1001).map(uuid::Uuid::from_u128).collect();
    let answer = world
        .try_write(
            Method::POST,
            "directoryObjects/getByIds",
            json!({"ids": many}),
        )
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_organization_is_a_list_of_one() {
    let world = World::new().await;
    let page = world.read("organization").await;
    let organization = &page["value"][0];
    assert_eq!(organization["id"], world.tenant.to_string());
    let domains = organization["verifiedDomains"].as_array().unwrap();
    assert_eq!(domains[0]["name"], "contoso.com");
    assert_eq!(
        (&domains[0]["isDefault"], &domains[0]["isInitial"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(domains[1]["isInitial"], true);
    let one = world
        .read(&format!(
            "organization/{}?$select=id,displayName",
            world.tenant
        ))
        .await;
    assert_eq!(one["displayName"], "Contoso");
}

#[tokio::test]
async fn every_answer_has_the_common_headers() {
    let world = World::new().await;
    let call = |headers: Vec<(&'static str, &'static str)>| {
        let world = &world;
        async move {
            world
                .call(Method::GET, "users", &world.token, &headers, Value::Null)
                .await
        }
    };
    let answer = call(vec![(
        "client-request-id",
        "11111111-1111-4111-8111-111111111111",
    )])
    .await;
    assert_eq!(
        answer.header("client-request-id"),
        Some("11111111-1111-4111-8111-111111111111")
    );
    assert_eq!(answer.header("odata-version"), Some("4.0"));
    assert!(answer.header("request-id").is_some());
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("application/json;odata.metadata=minimal")
    );
    assert_eq!(answer.header("date"), Some("Mon, 02 Mar 2026 09:00:00 GMT"));
    let packed = http::Request::get(format!("{}/v1.0/users", crate::world::HOST))
        .header("authorization", format!("Bearer {}", world.token))
        .header("accept-encoding", "gzip")
        .body(axum::body::Body::empty())
        .unwrap();
    let packed = tower::ServiceExt::oneshot(world.router(), packed)
        .await
        .unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
}

#[tokio::test]
async fn a_created_person_is_found_at_once_with_what_the_service_adds() {
    let world = World::new().await;
    let made = world.write(Method::POST, "users", person("amy")).await;
    let select =
        "id,userType,createdDateTime,identities,mailNickname,securityIdentifier,passwordProfile";
    let amy = world
        .read(&format!("users/{}?$select={select}", id(&made)))
        .await;
    assert_eq!(amy["userType"], "Member");
    assert_eq!(amy["createdDateTime"], "2026-03-02T09:00:00Z");
    assert_eq!(amy["identities"][0]["issuer"], "contoso.onmicrosoft.com");
    assert!(
        amy["securityIdentifier"]
            .as_str()
            .unwrap()
            .starts_with("S-1-12-1-")
    );
    assert_eq!(amy["passwordProfile"], Value::Null);
}
