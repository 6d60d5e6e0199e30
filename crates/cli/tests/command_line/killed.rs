//! The real binary, ended at each of its commits, before it and after it, as
//! `kill -9` would; started again, it comes to where the directory is, with
//! nothing lost and nothing doubled. On both databases.

pub(crate) mod server;

use std::collections::BTreeSet;

use self::server::{Database, Server};
use crate::directory::Directory;

/// How many histories run at a time: each waits most of its time.
const AT_ONCE: usize = 16;

/// Which of the commits are tried: all of the first ones, then every `step`th;
/// and in which files of the engine some of them must have been.
struct Commits {
    dense: u64,
    step: u64,
    must: &'static [&'static str],
}

/// One history: first sync and three changes, with one crash at a commit.
/// `None` when the process was not there any more to be ended: every commit
/// has been seen. Otherwise the place in the code where it ended.
async fn history(database: Database, side: &str, commit: u64) -> Option<String> {
    let directory = Directory::new().await;
    let mut server = Server::new(&directory, database).await;
    server.start(Some(&format!("{side}:{commit}"))).await;
    server.set_up().await;
    server.settles(&directory, "after the first sync").await;
    directory.changes().await;
    server.settles(&directory, "after the changes").await;
    server.nothing_is_doubled(&directory).await;
    server.end().await
}

async fn every_commit(make: impl Fn() -> Database, commits: Commits) {
    let mut places = BTreeSet::new();
    for side in ["before", "after"] {
        let mut at = 1;
        loop {
            let mut together = Vec::new();
            for _ in 0..AT_ONCE {
                together.push(history(make(), side, at));
                at += if at < commits.dense { 1 } else { commits.step };
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
    let seen = |file: &str| places.iter().any(|place| place.contains(file));
    for file in commits.must {
        assert!(seen(file), "no crash in {file}: {places:#?}");
    }
}

#[tokio::test]
async fn a_crash_at_any_commit_loses_and_doubles_nothing_on_sqlite() {
    every_commit(
        Database::sqlite,
        Commits {
            dense: 60,
            step: 3,
            must: &["collect", "apply", "run"],
        },
    )
    .await;
}

#[tokio::test]
async fn a_crash_at_any_commit_loses_and_doubles_nothing_on_postgres() {
    let Some(url) = server::postgres_url() else {
        return;
    };
    every_commit(
        || Database::postgres(&url),
        Commits {
            dense: 1,
            step: 7,
            must: &["collect", "run"],
        },
    )
    .await;
}
