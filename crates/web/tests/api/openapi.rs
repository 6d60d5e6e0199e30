//! `/api/openapi.json`: what is described is there, and nothing else.

use http::{Method, StatusCode};

use crate::world::{World, bare, call};

#[tokio::test]
async fn it_is_public_and_the_one_the_command_prints() {
    let world = World::new().await;
    let reply = world.send(bare(Method::GET, "/api/openapi.json")).await;
    reply.is(StatusCode::OK);
    let printed: serde_json::Value = serde_json::from_str(&web::openapi_json()).unwrap();
    assert_eq!(reply.body, printed);
    assert_eq!(reply.body["openapi"], "3.1.0");
}

/// On every described path the described methods are answered, and no other.
#[tokio::test]
async fn every_method_of_every_path_is_described() {
    let world = World::new().await;
    let document: serde_json::Value = serde_json::from_str(&web::openapi_json()).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let at = path.replace("{id}", "00000000-0000-4000-8000-000000000000");
        let at = format!("/api/v1{}", at.replace("{delivery}", "1"));
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let verb = || Method::from_bytes(method.as_bytes()).unwrap();
            if methods.get(method.to_lowercase()).is_some() {
                // Nobody's token: it is there, and does nothing for strangers.
                let reply = world.send(call(verb(), &at).token("nobody's")).await;
                assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{method} {path}");
                if method == "GET" {
                    let reply = world.send(call(verb(), &at)).await;
                    assert_ne!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
                }
            } else {
                let reply = world.send(call(verb(), &at)).await;
                assert_eq!(
                    reply.status,
                    StatusCode::METHOD_NOT_ALLOWED,
                    "{method} {path}"
                );
            }
        }
    }
}
