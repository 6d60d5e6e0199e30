//! The self-check against the emulator.

use graph::{CheckOptions, CheckOutcome, CheckSubject, Permission};
use serde_json::json;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn a_working_connection_passes_every_line() {
    let world = World::new().await;
    let sales = world.add_group("sales").await;
    let options = CheckOptions {
        groups: vec![sales],
        notifications: None,
    };
    for client in [world.client(), world.connect().await.0] {
        for line in client.check(&options).await {
            if let CheckOutcome::Failed(error) = &line.outcome {
                panic!("{}: {error}", line.subject);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_named() {
    let world = World::new().await;
    let fewer = json!({"application": ["User.Read.All"]});
    world.register(&[world.tenant], fewer).await;
    let lines = world.client().check(&CheckOptions::default()).await;
    let failed = |subject| {
        lines
            .iter()
            .any(|line| line.subject == subject && line.outcome.is_failure())
    };
    assert!(failed(CheckSubject::Groups));
    assert!(failed(CheckSubject::Permission(Permission::GroupReadAll)));
    assert!(!failed(CheckSubject::Users));
    let text: Vec<String> = lines
        .iter()
        .filter_map(|line| match &line.outcome {
            CheckOutcome::Failed(error) => Some(error.cure()),
            _ => None,
        })
        .collect();
    assert!(text.iter().any(|cure| cure.contains("Group.Read.All")));
}
