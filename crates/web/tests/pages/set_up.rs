//! The page that makes the root user.

use http::{Method, StatusCode};
use store::Db;
use url::Url;

use crate::world::{World, bare};

const PASSWORD: &str = "correct+horse+battery";

/// A server nobody has set up yet, at this public address.
async fn fresh(public_url: &str) -> World {
    let db = Db::open(&store::Options::new("sqlite::memory:"))
        .await
        .unwrap();
    db.migrate().await.unwrap();
    let public_url = Url::parse(public_url).unwrap();
    World::new()
        .await
        .moved(db, |options| options.public_url = public_url)
}

async fn set_up(world: &World, code: Option<&str>) -> crate::world::Reply {
    let mut form = format!("username=boss&password={PASSWORD}&again={PASSWORD}");
    if let Some(code) = code {
        form = format!("{form}&code={code}");
    }
    let call = bare(Method::POST, "/set-up").header("accept", "text/html");
    world
        .send(call.body("application/x-www-form-urlencoded", &form))
        .await
}

#[tokio::test]
async fn on_this_machine_the_first_page_makes_root_without_a_code() {
    for address in [
        "http://localhost:9443",
        "http://127.0.0.7",
        "http://[::1]:8080",
    ] {
        let world = fresh(address).await;
        let page = world.send(bare(Method::GET, "/set-up")).await;
        assert!(
            !page.is(StatusCode::OK).text.contains("name=\"code\""),
            "{address}"
        );
        let awaited = web::auth::awaited_set_up_code(&world.engine).await.unwrap();
        assert_eq!(awaited, None, "{address}");
        set_up(&world, None).await.is(StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn where_others_reach_the_server_root_is_made_with_its_code_only() {
    for address in [
        "https://psa.example",
        "http://192.0.2.7:8080",
        "http://localhost.example",
    ] {
        let world = fresh(address).await;
        let page = world.send(bare(Method::GET, "/set-up")).await;
        let text = &page.is(StatusCode::OK).text;
        assert!(
            text.contains("name=\"code\"") && text.contains("rollcall admin set-up-code"),
            "{text}"
        );
        let code = web::auth::awaited_set_up_code(&world.engine)
            .await
            .unwrap()
            .unwrap();
        assert!(!text.contains(&code));

        let other = code.replace(|c: char| c != '-', "0");
        for wrong in [None, Some(""), Some(&other), Some(&code[1..])] {
            let refused = set_up(&world, wrong).await;
            refused.is(StatusCode::FORBIDDEN);
            assert!(
                refused.text.contains("This is not the set-up code"),
                "{}",
                refused.text
            );
            assert!(refused.text.contains("boss") && !refused.text.contains(&code));
        }
        let awaited = web::auth::awaited_set_up_code(&world.engine).await.unwrap();
        assert_eq!(awaited.as_deref(), Some(code.as_str()), "nothing was made");

        let typed = code.to_lowercase().replace('-', "+");
        set_up(&world, Some(&typed)).await.is(StatusCode::SEE_OTHER);
        let awaited = web::auth::awaited_set_up_code(&world.engine).await.unwrap();
        assert_eq!(awaited, None, "once");
        set_up(&world, Some(&code)).await.is(StatusCode::CONFLICT);
    }
}
