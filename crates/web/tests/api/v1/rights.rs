//! Security roles decide what a session may do over the API.

use http::{Method, StatusCode};
use provisioning::ids::RecordId;
use provisioning::psa::{Kind, Record};
use serde_json::{Value, json};
use store::records::RecordWrite;

use crate::world::{World, bare};

const WORD: &str = "a long enough password";

impl World {
    /// Somebody with these roles, signed in: their id and cookie.
    pub(crate) async fn person(&self, kind: &str, body: Value) -> (String, String) {
        let username = body["username"].as_str().unwrap().to_owned();
        let id = self.made(&format!("/api/v1/{kind}"), body).await;
        let path = format!("/api/v1/{kind}/{id}/password");
        let set = self.put(&path, json!({ "password": WORD })).await;
        set.is(StatusCode::NO_CONTENT);
        let reply = self.sign_in(&username, WORD).await;
        let cookie = reply.cookie("rollcall_session").expect("signed in");
        (id, cookie)
    }
}

#[tokio::test]
async fn a_session_does_what_its_roles_say_module_by_module() {
    let world = World::new().await;
    let (_, cookie) = world
        .person(
            "employees",
            json!({
                "first_name": "Sam", "username": "sam", "security_roles": ["Service Desk Manager"],
            }),
        )
        .await;
    let tries = [
        (Method::GET, "tickets", Value::Null, true),
        (Method::POST, "tickets", json!({ "title": "Printer" }), true),
        (Method::GET, "employees", Value::Null, true),
        (
            Method::POST,
            "employees",
            json!({ "first_name": "X" }),
            false,
        ),
        (
            Method::POST,
            "accounts",
            json!({ "name": "Northwind" }),
            true,
        ),
        (Method::GET, "invoices", Value::Null, false),
        (Method::GET, "connections", Value::Null, false),
        (Method::GET, "mapping-rules", Value::Null, false),
        (Method::PUT, "employee-defaults", json!({}), false),
        (Method::GET, "audit", Value::Null, false),
        (Method::GET, "api-tokens", Value::Null, false),
        (Method::GET, "webhooks", Value::Null, false),
        (
            Method::POST,
            "security-roles",
            json!({ "name": "Y", "type": "internal" }),
            false,
        ),
        (Method::GET, "security-roles", Value::Null, true),
    ];
    for (method, path, body, is_allowed) in tries {
        let mut call = bare(method.clone(), &format!("/api/v1/{path}")).cookie(&cookie);
        if !body.is_null() {
            call = call.json(body);
        }
        let reply = world.send(call).await;
        assert_eq!(
            reply.status.is_success(),
            is_allowed,
            "{method} {path}: {}",
            reply.text
        );
        if !is_allowed {
            reply.is_problem(StatusCode::FORBIDDEN, "insufficient_rights");
            assert!(reply.body["module"].is_string() && reply.body["right"].is_string());
        }
    }
}

#[tokio::test]
async fn a_contact_sees_the_own_tickets_and_a_manager_the_accounts() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let other = world
        .made("/api/v1/accounts", json!({ "name": "Fabrikam" }))
        .await;
    let contact = |name: &str, role: &str| {
        json!({
            "first_name": name, "username": name, "account_id": account, "security_roles": [role],
        })
    };
    let (ada, user) = world
        .person("contacts", contact("ada", "External User"))
        .await;
    let (_, manager) = world
        .person("contacts", contact("max", "External Manager"))
        .await;
    let own = json!({ "title": "Own", "contact_id": ada, "account_id": account });
    let own = world.made("/api/v1/tickets", own).await;
    let colleague = json!({ "title": "Colleague's", "account_id": account });
    let colleague = world.made("/api/v1/tickets", colleague).await;
    let foreign = json!({ "title": "Foreign", "account_id": other });
    let foreign = world.made("/api/v1/tickets", foreign).await;
    let sees = async |cookie: &str| {
        let list = world
            .send(bare(Method::GET, "/api/v1/tickets").cookie(cookie))
            .await;
        let mut seen: Vec<_> = list.each("id").into_iter().map(str::to_owned).collect();
        seen.sort();
        seen
    };
    let mut of_account = vec![own.clone(), colleague.clone()];
    of_account.sort();
    assert_eq!(sees(&user).await, std::slice::from_ref(&own));
    assert_eq!(sees(&manager).await, of_account);
    for (cookie, id, status) in [
        (&user, &own, StatusCode::OK),
        (&user, &colleague, StatusCode::NOT_FOUND),
        (&user, &foreign, StatusCode::NOT_FOUND),
        (&manager, &colleague, StatusCode::OK),
        (&manager, &foreign, StatusCode::NOT_FOUND),
    ] {
        for path in [
            format!("/api/v1/tickets/{id}"),
            format!("/api/v1/tickets/{id}/comments"),
        ] {
            world
                .send(bare(Method::GET, &path).cookie(cookie))
                .await
                .is(status);
        }
    }
    // Filters do not widen what somebody reaches.
    let path = format!("/api/v1/tickets?account_id={other}");
    let list = world.send(bare(Method::GET, &path).cookie(&manager)).await;
    assert!(!list.each("id").contains(&foreign.as_str()));
    // Nor does opening a ticket in another's name.
    let call = bare(Method::POST, "/api/v1/tickets").cookie(&user);
    let reply = world
        .send(call.json(json!({ "title": "X", "account_id": other })))
        .await;
    reply.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
}

#[tokio::test]
async fn internal_comments_stay_with_the_msp() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let ada = json!({
        "first_name": "Ada", "username": "ada", "account_id": account,
        "security_roles": ["External User"],
    });
    let (ada, cookie) = world.person("contacts", ada).await;
    let ticket = json!({ "title": "Printer", "contact_id": ada });
    let path = format!(
        "/api/v1/tickets/{}/comments",
        world.made("/api/v1/tickets", ticket).await
    );
    world
        .made(&path, json!({ "body": "between us", "is_internal": true }))
        .await;
    world.made(&path, json!({ "body": "we look at it" })).await;
    let said = bare(Method::POST, &path).cookie(&cookie);
    let said = world
        .send(said.json(json!({ "body": "thank you", "is_internal": true })))
        .await;
    assert_eq!(said.is(StatusCode::CREATED).body["is_internal"], false);
    let seen = world.send(bare(Method::GET, &path).cookie(&cookie)).await;
    assert_eq!(seen.each("body"), ["we look at it", "thank you"]);
    assert_eq!(world.get(&path).await.items().len(), 3);
}

#[tokio::test]
async fn nobody_makes_themselves_an_administrator() {
    let world = World::new().await;
    let roles = json!({ "name": "HR", "type": "internal", "rights": {
        "hr": { "view": "all", "create": "all", "edit": "all", "delete": "all" },
    } });
    world
        .post("/api/v1/security-roles", roles)
        .await
        .is(StatusCode::CREATED);
    let (id, cookie) = world
        .person(
            "employees",
            json!({ "first_name": "Eve", "username": "eve", "security_roles": ["HR"] }),
        )
        .await;
    let path = format!("/api/v1/employees/{id}");
    let grab = json!({ "security_roles": ["Administrator"] });
    let token = world.token(&["people"]).await;
    for call in [
        bare(Method::PATCH, &path).cookie(&cookie),
        bare(Method::PATCH, &path).token(&token),
    ] {
        let reply = world.send(call.json(grab.clone())).await;
        reply.is(StatusCode::FORBIDDEN);
    }
    world.patch(&path, grab).await.is(StatusCode::OK);
}

#[tokio::test]
async fn taking_access_away_ends_the_session_at_once() {
    let world = World::new().await;
    let (id, cookie) = world
        .person(
            "employees",
            json!({ "first_name": "Sam", "username": "sam", "security_roles": ["User"] }),
        )
        .await;
    let me = || bare(Method::GET, "/api/v1/me").cookie(&cookie);
    world.send(me()).await.is(StatusCode::OK);
    let path = format!("/api/v1/employees/{id}");
    world
        .patch(&path, json!({ "status": "inactive" }))
        .await
        .is(StatusCode::OK);
    world.send(me()).await.is(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nobody_gives_or_touches_more_than_they_have() {
    let world = World::new().await;
    let hr = json!({ "hr": { "view": "all", "create": "all", "edit": "all", "delete": "all" } });
    let deputy = json!({ "admin": { "view": "all", "edit": "all" }, "hr": { "edit": "all" } });
    for (name, rights) in [("HR", hr), ("Deputy", deputy)] {
        let role = json!({ "name": name, "type": "internal", "rights": rights });
        let made = world.post("/api/v1/security-roles", role).await;
        made.is(StatusCode::CREATED);
    }
    let employee = |name: &str, role: &str| json!({ "first_name": name, "username": name, "security_roles": [role] });
    let (eve, cookie) = world.person("employees", employee("eve", "HR")).await;
    let (dan, deputy) = world.person("employees", employee("dan", "Deputy")).await;
    let token = world.token(&["people"]).await;
    // Neither the way round by a role that can change roles, nor any other that can more.
    let own = format!("/api/v1/employees/{eve}");
    for role in [
        "Deputy",
        "Administrator",
        "Finance Manager",
        "Service Desk Manager",
    ] {
        let wanted = json!({ "security_roles": ["HR", role] });
        let call = bare(Method::PATCH, &own).cookie(&cookie).json(wanted);
        let reply = world.send(call).await;
        reply.is_problem(StatusCode::FORBIDDEN, "insufficient_rights");
    }
    let made = bare(Method::POST, "/api/v1/employees").cookie(&cookie);
    let reply = world.send(made.json(employee("mallory", "Deputy"))).await;
    reply.is(StatusCode::FORBIDDEN);
    // What they have themselves they may give.
    let made = bare(Method::POST, "/api/v1/employees").cookie(&cookie);
    let reply = world.send(made.json(employee("hal", "HR"))).await;
    reply.is(StatusCode::CREATED);
    // Whoever administrates is not theirs to change, pin or delete.
    let other = format!("/api/v1/employees/{dan}");
    let pin = json!({ "pinned": true, "reason": "mine" });
    for call in [
        bare(Method::PATCH, &other).json(json!({ "security_roles": [] })),
        bare(Method::PATCH, &other).json(json!({ "status": "inactive" })),
        bare(Method::DELETE, &other),
        bare(Method::POST, &format!("{other}/pin")).json(pin),
    ] {
        world
            .send(call.cookie(&cookie))
            .await
            .is(StatusCode::FORBIDDEN);
    }
    let call = bare(Method::DELETE, &other).token(&token);
    world.send(call).await.is(StatusCode::FORBIDDEN);
    // Who may change roles may give every one.
    let call = bare(Method::PATCH, &own).cookie(&deputy);
    let grand = json!({ "security_roles": ["HR", "Finance Manager"] });
    world.send(call.json(grand)).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a_token_for_provisioning_makes_no_administrators_by_a_rule() {
    let world = World::new().await;
    let connection = world.connect().await;
    let group = world.add_group("Staff").await;
    let rule = |role: &str| {
        json!({
            "connection_id": connection, "group_id": group, "kind": "employee",
            "security_roles": [role], "order": 1,
        })
    };
    let token = world.token(&["provisioning"]).await;
    let made = |role: &str| {
        bare(Method::POST, "/api/v1/mapping-rules")
            .token(&token)
            .json(rule(role))
    };
    let refused = world.send(made("Administrator")).await;
    refused.is_problem(StatusCode::FORBIDDEN, "insufficient_scope");
    assert_eq!(refused.body["scope"], "admin");
    let saved = world.send(made("User")).await;
    saved.is(StatusCode::CREATED);
    let path = format!(
        "/api/v1/mapping-rules/{}",
        saved.body["rule"]["id"].as_str().unwrap()
    );
    let more = json!({ "security_roles": ["User", "Administrator"] });
    let call = bare(Method::PATCH, &path).token(&token).json(more.clone());
    world.send(call).await.is(StatusCode::FORBIDDEN);
    world.patch(&path, more).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a_token_ends_with_the_rights_of_whoever_made_it() {
    let world = World::new().await;
    let deputy =
        json!({ "first_name": "Dan", "username": "dan", "security_roles": ["Administrator"] });
    let (dan, cookie) = world.person("employees", deputy).await;
    let wanted = json!({ "name": "Dan's", "scopes": ["admin"] });
    let call = bare(Method::POST, "/api/v1/api-tokens").cookie(&cookie);
    let token = world.send(call.json(wanted)).await;
    assert_eq!(
        token.is(StatusCode::CREATED).body["record_id"],
        dan.as_str()
    );
    let token = token.body["token"].as_str().unwrap().to_owned();
    let audit = || bare(Method::GET, "/api/v1/audit").token(&token);
    world.send(audit()).await.is(StatusCode::OK);
    let path = format!("/api/v1/employees/{dan}");
    let less = json!({ "security_roles": ["User"] });
    world.patch(&path, less).await.is(StatusCode::OK);
    world
        .send(audit())
        .await
        .is_problem(StatusCode::FORBIDDEN, "insufficient_scope");
    let gone = json!({ "status": "inactive" });
    world.patch(&path, gone).await.is(StatusCode::OK);
    world.send(audit()).await.is(StatusCode::UNAUTHORIZED);
    // The installation's own tokens go with nobody.
    world.get("/api/v1/audit").await.is(StatusCode::OK);
}

#[tokio::test]
async fn a_contact_moves_no_ticket_and_opens_none_for_others() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let other = world
        .made("/api/v1/accounts", json!({ "name": "Fabrikam" }))
        .await;
    let contact = |name: &str, account: &str, role: &str| {
        json!({
            "first_name": name, "username": name, "account_id": account, "security_roles": [role],
        })
    };
    let (ada, user) = world
        .person("contacts", contact("ada", &account, "External User"))
        .await;
    let (_, manager) = world
        .person("contacts", contact("max", &account, "External Manager"))
        .await;
    let (victim, _) = world
        .person("contacts", contact("vic", &other, "External User"))
        .await;
    let own = json!({ "title": "Own", "contact_id": ada, "account_id": account });
    let own = world.made("/api/v1/tickets", own).await;
    let path = format!("/api/v1/tickets/{own}");
    for cookie in [&user, &manager] {
        for change in [
            json!({ "account_id": other, "contact_id": victim, "assignee_id": ada }),
            json!({ "contact_id": victim }),
            json!({ "account_id": other }),
            json!({ "assignee_id": ada }),
        ] {
            let call = bare(Method::PATCH, &path).cookie(cookie).json(change);
            world
                .send(call)
                .await
                .is_problem(StatusCode::FORBIDDEN, "insufficient_rights");
        }
        for new in [
            json!({ "title": "X", "contact_id": victim, "account_id": other, "assignee_id": ada }),
            json!({ "title": "X", "contact_id": victim, "account_id": account }),
            json!({ "title": "X", "contact_id": ada, "account_id": account, "assignee_id": ada }),
        ] {
            let call = bare(Method::POST, "/api/v1/tickets")
                .cookie(cookie)
                .json(new);
            world
                .send(call)
                .await
                .is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
        }
    }
    let call = bare(Method::PATCH, &path).cookie(&user);
    world
        .send(call.json(json!({ "status": "closed" })))
        .await
        .is(StatusCode::OK);
    // Whoever works on a ticket is an employee, and whoever it is about a contact.
    for wrong in [
        json!({ "assignee_id": ada }),
        json!({ "contact_id": other }),
    ] {
        let reply = world.patch(&path, wrong).await;
        reply.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    }
}

#[tokio::test]
async fn nobody_waits_in_anothers_place_by_editing_their_own_email() {
    let world = World::new().await;
    let hr = json!({ "hr": { "view": "all", "edit": "all" } });
    let role = json!({ "name": "HR", "type": "internal", "rights": hr });
    let made = world.post("/api/v1/security-roles", role).await;
    made.is(StatusCode::CREATED);
    let eve = json!({ "first_name": "Eve", "username": "eve", "security_roles": ["HR"] });
    let (eve, cookie) = world.person("employees", eve).await;
    let amy = json!({ "first_name": "Amy", "username": "amy" });
    let amy = world.made("/api/v1/employees", amy).await;
    let change = |id: &str, email: &str| {
        let path = format!("/api/v1/employees/{id}");
        bare(Method::PATCH, &path).json(json!({ "email": email }))
    };
    let own = change(&eve, "boss@contoso.com").cookie(&cookie);
    world
        .send(own)
        .await
        .is_problem(StatusCode::FORBIDDEN, "own_email");
    let other = change(&amy, "amy@contoso.com").cookie(&cookie);
    world.send(other).await.is(StatusCode::OK);
    let path = format!("/api/v1/employees/{eve}");
    let reply = world
        .patch(&path, json!({ "email": "eve@contoso.com" }))
        .await;
    reply.is(StatusCode::OK);
}

#[tokio::test]
async fn ids_of_the_directory_and_of_ours_are_never_taken_for_one_another() {
    let world = World::new().await;
    let (connection, group) = world.staffed(&["ada"]).await;
    let ada = world.get("/api/v1/employees?username=ada").await.items()[0].clone();
    let theirs = ada["source"]["object_id"].as_str().unwrap();
    for path in ["employees", "contacts"] {
        let reply = world.get(&format!("/api/v1/{path}/{theirs}")).await;
        reply.is(StatusCode::NOT_FOUND);
    }
    // An administrator here whose id is that of somebody in the directory.
    let bob = world.add_person("bob").await;
    let mut twin = Record::blank(RecordId(bob), Kind::Employee);
    twin.username = Some("twin".to_owned());
    twin.security_roles = vec!["Administrator".to_owned()];
    let write = RecordWrite {
        record: twin,
        expected_version: 0,
    };
    let mut tx = world.engine.db().begin().await.unwrap();
    store::records::write(&mut tx, &[write], world.engine.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.add_member(group, bob).await;
    world.sync(&connection).await;
    let found = world.get("/api/v1/employees?username=bob").await.items()[0].clone();
    assert_ne!(found["id"], bob.to_string());
    assert_eq!(found["security_roles"], json!(["User"]));
    let twin = world.get(&format!("/api/v1/employees/{bob}")).await.body;
    assert_eq!(
        (&twin["username"], &twin["source"]),
        (&json!("twin"), &Value::Null)
    );
}
