//! What no first sync can beat on the way in: reading the same pages, parsing
//! them and throwing them away.

use std::sync::Arc;

use anyhow::Result;
use futures::StreamExt as _;
use graph::{
    Application, ClientOptions, Cloud, Credential, Environment, GraphClient, ReqwestTransport,
    TokenSource, TransportOptions,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::measure::Since;
use crate::tenant::{APPLICATION, SECRET, World};

/// The connector's environment over real sockets.
pub(crate) fn environment() -> Result<Environment> {
    let transport = ReqwestTransport::new(TransportOptions::default())?;
    Ok(Environment::system(Arc::new(transport)))
}

/// Reads every group's members with all properties, four groups at a time: the
/// seconds, and a report.
pub(crate) async fn fetch(world: &World) -> Result<(f64, Value)> {
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
    let since = Since::now()?;
    let counts = futures::stream::iter(world.groups.iter().copied())
        .map(|group| {
            let client = client.clone();
            async move { tokio::spawn(count_members(client, group)).await? }
        })
        .buffer_unordered(4)
        .collect::<Vec<Result<u64>>>()
        .await;
    let people: u64 = counts.into_iter().sum::<Result<u64>>()?;
    let seconds = since.seconds();
    anyhow::ensure!(people >= world.people, "read {people} of {}", world.people);
    let cost = client.cost();
    let report = json!({
        "seconds": seconds,
        "people_per_second": (people as f64 / seconds).round(),
        "requests": cost.requests,
        "resource_units": cost.resource_units,
    });
    Ok((seconds, report))
}

async fn count_members(client: GraphClient, group: Uuid) -> Result<u64> {
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
