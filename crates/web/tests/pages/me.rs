//! `/me` and `/sign-in/code`: the second factor, the own password, and where
//! somebody is signed in.

use http::{Method, StatusCode};
use provisioning::ids::RecordId;
use totp_rs::{Builder, Secret, Totp};

use crate::world::{PASSWORD, Reply, World, bare};

const FORM: &str = "application/x-www-form-urlencoded";

/// An authenticator app.
struct App(Totp);

impl App {
    /// Reads the key off the page.
    fn new(page: &Reply) -> Self {
        let key = between(&page.text, "Key: <code class=\"copy\">", "</code>").replace(' ', "");
        let secret = Secret::try_from_base32(key).unwrap();
        Self(Builder::new().with_secret(secret).build_noncompliant())
    }

    /// The code so many steps from now.
    fn code(&self, world: &World, steps: i64) -> String {
        let now = world.engine.now().as_second() + steps * 30;
        self.0.generate(u64::try_from(now).unwrap()).to_string()
    }
}

/// The form in which somebody gives their password.
fn own_password() -> String {
    format!("password={}", PASSWORD.replace(' ', "+"))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split(before).nth(1);
    let rest = rest.unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split(after).next().unwrap()
}

impl World {
    /// Sets a second factor up in this browser; the app and the recovery codes.
    async fn second_factor(&self, session: &str) -> (App, Vec<String>) {
        let blind = self.form(session, "/me/second-factor", "").await;
        blind.is(StatusCode::UNAUTHORIZED);
        let begun = self
            .form(session, "/me/second-factor", &own_password())
            .await;
        assert_eq!(begun.header("location"), Some("/me"));
        let page = self.page(session, "/me").await;
        page.is(StatusCode::OK);
        assert!(page.text.contains("<svg"), "{}", page.text);
        let app = App::new(&page);
        // What is only begun is not asked for.
        let signed_in = self.sign_in("root", PASSWORD).await;
        signed_in.is(StatusCode::SEE_OTHER);
        let wrong = self
            .form(session, "/me/second-factor/confirm", "code=000000")
            .await;
        wrong.is(StatusCode::UNAUTHORIZED);
        let code = format!("code={}", app.code(self, 0));
        let on = self.form(session, "/me/second-factor/confirm", &code).await;
        on.is(StatusCode::OK);
        let codes = on.text.split("<li><code>").skip(1);
        let codes = codes.map(|rest| rest.split('<').next().unwrap().to_owned());
        (app, codes.collect())
    }

    /// The right password; what the form for the code carries.
    async fn password_first(&self) -> String {
        let reply = self.sign_in("root", PASSWORD).await;
        reply.is(StatusCode::OK);
        assert_eq!(reply.cookie("rollcall_session"), None, "not signed in yet");
        between(&reply.text, "name=\"half\" value=\"", "\"").to_owned()
    }

    /// The code, from a browser that is not signed in.
    async fn code_then(&self, half: &str, code: &str) -> Reply {
        let form = format!("half={half}&code={code}&return_to=/runs");
        let call = bare(Method::POST, "/sign-in/code").body(FORM, &form);
        self.send(call).await
    }

    async fn journal_has(&self, action: &str) -> bool {
        let path = format!("/api/v1/audit?action={action}");
        !self.get(&path).await.items().is_empty()
    }
}

#[tokio::test]
async fn a_code_is_asked_for_after_the_password_and_works_once() {
    let world = World::new().await;
    let root = world.root().await;
    let (app, recovery) = world.second_factor(&root).await;
    assert_eq!(recovery.len(), 10);
    assert!(world.journal_has("second_factor_on").await);

    let half = world.password_first().await;
    world
        .code_then(&half, "123")
        .await
        .is(StatusCode::UNAUTHORIZED);
    let used = world.code_then(&half, &app.code(&world, 0)).await;
    used.is(StatusCode::UNAUTHORIZED);
    assert!(used.text.contains("was used already"), "{}", used.text);
    let code = app.code(&world, 1);
    let reply = world.code_then(&half, &code).await;
    reply.is(StatusCode::SEE_OTHER);
    assert_eq!(reply.header("location"), Some("/runs"));
    let session = reply.cookie("rollcall_session").unwrap();
    world.page(&session, "/runs").await.is(StatusCode::OK);
    let again = world.code_then(&half, &code).await;
    again.is(StatusCode::UNAUTHORIZED);

    // A lost app.
    let typed = recovery[3].to_lowercase().replace('-', "+");
    let half = world.password_first().await;
    world
        .code_then(&half, &typed)
        .await
        .is(StatusCode::SEE_OTHER);
    world
        .code_then(&half, &typed)
        .await
        .is(StatusCode::UNAUTHORIZED);
    assert!(world.journal_has("recovery_code_used").await);
    let page = world.page(&session, "/me").await;
    assert!(page.text.contains("9 recovery codes are left"));
}

#[tokio::test]
async fn what_proves_the_password_is_worthless_when_damaged_or_outdated() {
    let world = World::new().await;
    let root = world.root().await;
    let (app, recovery) = world.second_factor(&root).await;
    let half = world.password_first().await;
    let code = app.code(&world, 1);
    for damaged in ["", "AAAA", &half[1..], &half.to_uppercase()] {
        let reply = world.code_then(damaged, &code).await;
        reply.is(StatusCode::UNAUTHORIZED);
        assert!(reply.text.contains("too long ago"), "{}", reply.text);
    }
    let form = format!("password={PASSWORD}&new=another+long+password&again=another+long+password");
    let changed = world
        .form(&root, "/me/password", &form.replace(' ', "+"))
        .await;
    changed.is(StatusCode::OK);
    let late = world.code_then(&half, &recovery[0]).await;
    late.is(StatusCode::UNAUTHORIZED);
    let wrong = world.sign_in("root", PASSWORD).await;
    wrong.is(StatusCode::UNAUTHORIZED);
    let right = world.sign_in("root", "another long password").await;
    assert!(right.text.contains("sign-in/code"), "{}", right.text);
}

#[tokio::test]
async fn guessing_codes_ends_after_some_even_with_the_right_one() {
    let world = World::new().await;
    let root = world.root().await;
    let (app, _) = world.second_factor(&root).await;
    let half = world.password_first().await;
    for _ in 0..8 {
        world
            .code_then(&half, "000000")
            .await
            .is(StatusCode::UNAUTHORIZED);
    }
    let right = world.code_then(&half, &app.code(&world, 1)).await;
    right.is(StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn it_is_turned_off_with_password_and_code_or_by_an_administrator() {
    let world = World::new().await;
    let root = world.root().await;
    let (app, recovery) = world.second_factor(&root).await;
    let password = PASSWORD.replace(' ', "+");
    let off = |password: &str, code: &str| format!("password={password}&code={code}");
    for form in [off("wrong", &recovery[0]), off(&password, "nonsense")] {
        let reply = world.form(&root, "/me/second-factor/off", &form).await;
        reply.is(StatusCode::UNAUTHORIZED);
    }
    // While it is on, another is not begun.
    let another = world
        .form(&root, "/me/second-factor", &own_password())
        .await;
    another.is(StatusCode::CONFLICT);
    let form = off(&password, &app.code(&world, 1));
    let reply = world.form(&root, "/me/second-factor/off", &form).await;
    reply.is(StatusCode::OK);
    world
        .sign_in("root", PASSWORD)
        .await
        .is(StatusCode::SEE_OTHER);
    assert!(world.journal_has("second_factor_off").await);

    let (_, _) = world.second_factor(&root).await;
    let at = format!("/hr/employees/{}", world.employee("root").await);
    let page = world.page(&root, &at).await;
    assert!(page.text.contains("on since"), "{}", page.text);
    let told = world.page(&root, &format!("{at}/second-factor")).await;
    assert!(told.text.contains("password alone"), "{}", told.text);
    let reset = world.form(&root, &format!("{at}/second-factor"), "").await;
    reset.is(StatusCode::SEE_OTHER);
    world
        .sign_in("root", PASSWORD)
        .await
        .is(StatusCode::SEE_OTHER);
    assert!(world.journal_has("second_factor_reset").await);

    let id: RecordId = world.employee("root").await.parse().unwrap();
    world.second_factor(&root).await;
    let was_on = web::auth::reset_second_factor(&world.engine, id).await;
    assert!(was_on.unwrap());
    let was_on = web::auth::reset_second_factor(&world.engine, id).await;
    assert!(!was_on.unwrap());
}

#[tokio::test]
async fn somebody_sees_and_ends_their_sessions_and_changes_their_password() {
    let world = World::new().await;
    let (here, there) = (world.root().await, world.root().await);
    let third = world.root().await;
    let page = world.page(&here, "/me").await;
    page.is(StatusCode::OK);
    assert_eq!(page.text.matches("this one").count(), 1);
    let id = between(&page.text, "name=\"id\" value=\"", "\"").to_owned();
    let ended = world
        .form(&here, "/me/sessions/end", &format!("id={id}"))
        .await;
    assert_eq!(ended.header("location"), Some("/me"));
    let gone = world
        .form(&here, "/me/sessions/end", &format!("id={id}"))
        .await;
    gone.is(StatusCode::NOT_FOUND);
    world.form(&here, "/me/sessions/end", "").await;
    for session in [&there, &third] {
        let page = world.page(session, "/runs").await;
        assert_ne!(page.status, StatusCode::OK, "ended");
    }
    world.page(&here, "/runs").await.is(StatusCode::OK);

    let old = PASSWORD.replace(' ', "+");
    for (form, status) in [
        (
            "password=wrong&new=a+long+password&again=a+long+password".to_owned(),
            StatusCode::UNAUTHORIZED,
        ),
        (
            format!("password={old}&new=short&again=short"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            format!("password={old}&new=a+long+password&again=another"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ] {
        let reply = world.form(&here, "/me/password", &form).await;
        reply.is(status);
        assert!(reply.text.contains("role=\"alert\""), "{}", reply.text);
    }
    world.root().await;
    assert!(!world.journal_has("password_changed").await);
}

#[tokio::test]
async fn who_signs_in_with_microsoft_has_no_second_factor_here() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let signed_in = world.microsoft("ada@contoso.com").await;
    let session = signed_in.cookie("rollcall_session").unwrap();
    let page = world.page(&session, "/me").await;
    page.is(StatusCode::OK);
    assert!(page.text.contains("your organization's"), "{}", page.text);
    let reply = world.form(&session, "/me/second-factor", "").await;
    reply.is(StatusCode::CONFLICT);
}
