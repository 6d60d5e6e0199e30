//! Unit tests of `selection`.

use serde_json::json;

use super::*;
use crate::scripted::{self, Reply};

const MESSAGE: &str = "Invalid request for delta query: for this entity set, $expand/$select \
                       is not supported for the following properties: employeeType, city";

#[test]
fn the_manager_is_asked_of_the_delta_only() {
    let selection = Selection::default();
    assert!(selection.delta().ends_with(",manager"));
    assert!(!selection.list().contains("manager"));
    assert!(selection.list().starts_with("id,userPrincipalName,"));
}

#[test]
fn only_whole_names_that_can_be_missed_are_dropped() {
    let selection = Selection::default();
    let smaller = selection.without_reported(MESSAGE).unwrap();
    assert_eq!(smaller.names.len(), selection.names.len() - 2);
    assert!(smaller.names.contains(&"employeeId"));
    assert_eq!(selection.without_reported("id is not supported"), None);
    assert_eq!(selection.without_reported("mailboxes are down"), None);
}

#[tokio::test(start_paused = true)]
async fn the_probe_drops_reported_names_and_tries_again() {
    let empty = json!({"value": []});
    let (client, script) = scripted::client(vec![
        Reply::error(400, "BadRequest", MESSAGE),
        Reply::json(200, &empty),
        Reply::error(
            501,
            "NotImplemented",
            "state: This operation target is not yet supported.",
        ),
        Reply::json(200, &empty),
        Reply::json(200, &empty),
    ]);
    let selection = client.probe_selection().await.unwrap();
    assert_eq!(selection.names.len(), Selection::default().names.len() - 3);
    assert!(script.is_finished());
}

#[tokio::test(start_paused = true)]
async fn another_refusal_is_an_error() {
    let (client, _) = scripted::client(vec![Reply::error(403, "x", MESSAGE)]);
    assert!(client.probe_selection().await.is_err());
}
