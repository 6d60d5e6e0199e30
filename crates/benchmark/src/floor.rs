//! What no first sync can beat: reading the same pages and throwing them away;
//! inserting the same rows without deciding anything.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use graph::{
    Application, ClientOptions, Cloud, Credential, Environment, GraphClient, ReqwestTransport,
    TokenSource, TransportOptions,
};
use provisioning::directory::Person;
use provisioning::ids::{ConnectionId, GroupId, ObjectId, RecordId, TenantId};
use provisioning::psa::{Kind, Record};
use serde::Serialize;
use store::mirror::MirrorWrite;
use store::records::RecordWrite;
use store::{Db, memberships, mirror, records};
use uuid::Uuid;

use crate::tenant::{APPLICATION, SECRET, World};

/// A floor.
#[derive(Debug, Serialize)]
pub(crate) struct Floor {
    /// How long it took.
    pub(crate) seconds: f64,
    people_per_second: f64,
    requests: u64,
    resource_units: u64,
}

/// The connector's environment over real sockets.
pub(crate) fn environment() -> Result<Environment> {
    let transport = ReqwestTransport::new(TransportOptions::default())?;
    Ok(Environment::system(Arc::new(transport)))
}

#[allow(clippy::disallowed_methods)] // measuring is this program's business
fn clock() -> Instant {
    Instant::now()
}

/// Reads every group's members with all properties, four groups at a time.
pub(crate) async fn fetch(world: &World) -> Result<Floor> {
    let client = GraphClient::new(
        environment()?,
        Cloud::custom(&world.base, &world.base)?,
        world.tenant,
        Application {
            id: APPLICATION,
            credential: Credential::Secret(SECRET.into()),
        },
        TokenSource::Application,
        ClientOptions::default(),
    );
    let started = clock();
    let counts = futures::stream::iter(world.groups.iter().copied())
        .map(|group| count_members(&client, group))
        .buffer_unordered(4)
        .collect::<Vec<Result<u64>>>()
        .await;
    let people: u64 = counts.into_iter().sum::<Result<u64>>()?;
    let seconds = started.elapsed().as_secs_f64();
    anyhow::ensure!(people >= world.people, "read {people} of {}", world.people);
    let cost = client.cost();
    Ok(Floor {
        seconds,
        people_per_second: people as f64 / seconds,
        requests: cost.requests,
        resource_units: cost.resource_units,
    })
}

async fn count_members(client: &GraphClient, group: Uuid) -> Result<u64> {
    let mut count = 0;
    let mut from = None;
    loop {
        let page = client.members_page(group, from.as_ref()).await?;
        count += page.members.len() as u64;
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(count),
        }
    }
}

/// Inserts a mirror row, a membership and a record for each person.
pub(crate) async fn insert(world: &World, url: &str) -> Result<Floor> {
    const BATCH: u64 = 1_000;
    let db = Db::open(&store::Options::new(url)).await?;
    db.migrate().await?;
    let connection = ConnectionId(Uuid::from_u128(1));
    let group = GroupId(*world.groups.first().context("no groups")?);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let started = clock();
    let mut done = 0;
    while done < world.people {
        let size = BATCH.min(world.people - done);
        let mut people = Vec::new();
        let mut members = Vec::new();
        let mut rows = Vec::new();
        for index in done..done + size {
            // Spread like real object ids, in no order.
            let id = u128::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            let object = ObjectId(Uuid::from_u128(id));
            let mut person = Person::blank(TenantId(world.tenant), object);
            person.upn = Some(format!("person{index}@contoso.com"));
            person.display_name = Some(format!("Person {index}"));
            person.given_name = Some("Person".to_owned());
            person.surname = Some(index.to_string());
            person.job_title = Some("Engineer".to_owned());
            members.push((object, false));
            people.push(MirrorWrite {
                fingerprint: person.fingerprint(),
                person,
                bump: false,
                microsoft_changed_at: None,
            });
            let mut record =
                Record::blank(RecordId(Uuid::from_u128(u128::from(index))), Kind::Employee);
            record.username = Some(format!("person{index}"));
            record.email = Some(format!("person{index}@contoso.com"));
            record.first_name = Some("Person".to_owned());
            record.last_name = Some(index.to_string());
            rows.push(RecordWrite {
                record,
                expected_version: 0,
            });
        }
        let mut tx = db.begin().await?;
        mirror::write(&mut tx, connection, &people, now).await?;
        memberships::add(&mut tx, connection, group, &members).await?;
        records::write(&mut tx, &rows, now).await?;
        tx.commit().await?;
        done += size;
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Floor {
        seconds,
        people_per_second: done as f64 / seconds,
        requests: 0,
        resource_units: 0,
    })
}
