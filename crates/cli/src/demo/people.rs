//! Who can sign in to the demo with Microsoft: people of the sample with a role
//! each, chosen on the emulator's account page. The emulator has no passwords.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::api::{Api, LONGEST};
use super::world::World;
use crate::output;

/// Somebody who has an account.
struct Person {
    upn: &'static str,
    is: &'static str,
    /// Where they get to.
    page: &'static str,
}

/// In the order in which the account page and the closing lines show them.
const PEOPLE: &[Person] = &[
    Person {
        upn: "ada.lindgren@harbourit.example",
        is: "Harbour IT, administrator",
        page: "/",
    },
    Person {
        upn: "ingrid.solberg@harbourit.example",
        is: "Harbour IT, service desk",
        page: "/",
    },
    Person {
        upn: "hugh.sterling@lakesidedental.example",
        is: "Lakeside Dental, client portal",
        page: "/portal",
    },
    Person {
        upn: "anna.lind@lakesidedental.example",
        is: "Lakeside Dental, client portal as manager",
        page: "/portal",
    },
];

/// Gives them accounts. The administrators' were there for the set-up and are
/// asked like everybody else from now on: no account is chosen by itself.
pub(super) async fn open(api: &Api, world: &World) -> Result<()> {
    for tenant in &world.tenants {
        account(api, world, &tenant.id, &tenant.administrator(), true).await?;
    }
    // The page shows the newest first.
    for person in PEOPLE.iter().rev() {
        let (_, domain) = person.upn.split_once('@').unwrap_or_default();
        let tenant = world.tenants.iter().find(|tenant| tenant.domain == domain);
        let tenant = tenant.with_context(|| format!("no tenant has {domain}"))?;
        account(api, world, &tenant.id, person.upn, false).await?;
    }
    Ok(())
}

async fn account(api: &Api, world: &World, tenant: &str, upn: &str, admin: bool) -> Result<()> {
    let body = json!({
        "tenant_id": tenant, "user_principal_name": upn, "auto_consent": false, "admin": admin,
    });
    let request = Request::post(format!("{}/emulator/v1/accounts", world.base))
        .header(CONTENT_TYPE, "application/json")
        .body(Bytes::from(body.to_string()))?;
    let answer = api.transport().send(request, LONGEST).await?;
    let told = || format!("{upn}: {}", String::from_utf8_lossy(&answer.body));
    answer.status.is_success().then_some(()).with_context(told)
}

/// As the demo tells programs.
pub(super) fn as_json() -> Value {
    let people = PEOPLE.iter().map(
        |person| json!({ "user_principal_name": person.upn, "is": person.is, "page": person.page }),
    );
    people.collect()
}

/// As the demo tells people.
pub(super) fn text() -> String {
    let rows = PEOPLE
        .iter()
        .map(|person| (person.upn, person.is.to_owned()));
    format!(
        "Sign in with Microsoft asks the emulator, which has no passwords; choose one of\n{}",
        output::list(rows)
    )
}
