//! The real binary, ended at each of its commits, before it and after it, as
//! `kill -9` would; started again, it comes to where the directory is, with
//! nothing lost and nothing doubled. On both databases.

pub(crate) mod server;

use std::collections::BTreeSet;

use self::server::{Database, Server};
use crate::directory::Directory;

/// How many histories run at a time: each waits most of its time.
const AT_ONCE: usize = 16;

/// The files of the product whose commits such a history goes through.
const PLACES: [&str; 8] = [
    "bootstrap.rs",
    "connections.rs",
    "changes.rs",
    "collect.rs",
    "planning.rs",
    "apply.rs",
    "settle.rs",
    "run.rs",
];

/// One history: first sync, an edit of a rule, and three changes, with one crash at a moment, as
/// `STORE_CRASH_AT` says it. `None` when the process was not there any more to
/// be ended. Otherwise the place in the code where it ended.
async fn history(database: Database, moment: String) -> Option<String> {
    let directory = Directory::new().await;
    let mut server = Server::new(&directory, database).await;
    server.start(Some(&moment)).await;
    server.set_up().await;
    server.settles(&directory, "after the first sync").await;
    server.rule_is_edited("Project Manager").await;
    server.syncs_once_more().await;
    directory.changes().await;
    server.settles(&directory, "after the changes").await;
    server.nothing_is_doubled(&directory).await;
    server.end().await
}

/// All of the first sixty commits, then every third one, until a history has
/// fewer.
#[tokio::test]
async fn a_crash_at_any_commit_loses_and_doubles_nothing_on_sqlite() {
    let mut places = BTreeSet::new();
    for side in ["before", "after"] {
        let mut at = 1;
        loop {
            let mut together = Vec::new();
            for _ in 0..AT_ONCE {
                together.push(history(Database::sqlite(), format!("{side}:{at}")));
                at += if at < 60 { 1 } else { 3 };
            }
            let found = futures::future::join_all(together).await;
            let is_past = found.iter().any(Option::is_none);
            places.extend(found.into_iter().flatten());
            if is_past {
                break;
            }
            assert!(at < 2_000, "a history of ten people never ends");
        }
    }
    // Which number a commit has differs a little from history to history, so
    // that a file with few of them may be passed over: such a one is named.
    for file in PLACES {
        let name = format!("/{file}:");
        if !places.iter().any(|place| place.contains(&name)) {
            let place = history(Database::sqlite(), format!("before:1:{file}")).await;
            assert!(place.is_some(), "no crash in {file}: {places:#?}");
        }
    }
}

/// The first and the third commit of each file.
#[tokio::test]
async fn a_crash_in_any_part_loses_and_doubles_nothing_on_postgres() {
    let Some(url) = server::postgres_url() else {
        return;
    };
    let mut moments = Vec::new();
    for file in PLACES {
        for (side, commit) in [("before", 1), ("after", 1), ("before", 3), ("after", 3)] {
            moments.push(format!("{side}:{commit}:{file}"));
        }
    }
    let mut told = Vec::new();
    for together in moments.chunks(AT_ONCE) {
        let histories = together
            .iter()
            .map(|moment| history(Database::postgres(&url), moment.clone()));
        told.extend(futures::future::join_all(histories).await);
    }
    for (moment, place) in moments.iter().zip(told) {
        let is_first = moment.contains(":1:");
        assert!(place.is_some() || !is_first, "no crash {moment}");
    }
}
