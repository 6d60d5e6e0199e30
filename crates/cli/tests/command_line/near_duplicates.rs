//! `doctor` names records that look like one person twice.

use provisioning::ids::RecordId;
use provisioning::psa::{Kind, Record};
use store::records::{self, RecordWrite};

use crate::{json, run, run_with, text};

const PASSWORD: &str = "correct horse battery staple";

#[tokio::test]
async fn doctor_notes_records_that_look_like_one_person_and_does_not_fail_by_it() {
    let here = tempfile::tempdir().unwrap();
    run(here.path(), &["migrate"]);
    let root = ["admin", "create-root", "--password-stdin"];
    run_with(here.path(), &root, PASSWORD);
    let well = json(&run(here.path(), &["doctor", "--json"]));
    assert!(
        well.to_string()
            .contains("no two records look like one person"),
        "{well}"
    );

    let file = here.path().join("rollcall-data/rollcall.sqlite");
    let options = store::Options::new(format!("sqlite:{}", file.display()));
    let db = store::Db::open(&options).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let people = [
        (Kind::Employee, "ada@x.example"),
        (Kind::Contact, "ada@x.example"),
        (Kind::Contact, "Bo@x.example"),
        (Kind::Contact, "bo@x.example"),
        (Kind::Employee, "ren\u{e9}@x.example"),
        (Kind::Employee, "rene\u{301}@x.example"),
        (Kind::Employee, "unique@x.example"),
    ];
    let writes = (1..).zip(people).map(|(n, (kind, email))| RecordWrite {
        record: Record {
            email: Some(email.to_owned()),
            ..Record::blank(RecordId(uuid::Uuid::from_u128(n)), kind)
        },
        expected_version: 0,
    });
    let writes: Vec<_> = writes.collect();
    let now = "2026-11-25T00:00:00Z".parse().unwrap();
    records::write(&mut tx, &writes, now).await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;

    let output = run(here.path(), &["doctor", "--json"]);
    let told = json(&output);
    assert_eq!(told["ok"], true, "{told}");
    let findings = told["findings"].as_array().unwrap().iter();
    let notes: Vec<_> = findings
        .filter(|finding| finding["subject"] == "same email")
        .collect();
    assert_eq!(notes.len(), 3, "{told}");
    for (note, wanted) in notes
        .iter()
        .zip(["have one email", "letter case", "encoding"])
    {
        assert!(note["detail"].as_str().unwrap().contains(wanted), "{note}");
        assert!(note["ok"].is_null() && note["cure"].is_string(), "{note}");
    }
    assert!(!text(&output.stdout).contains("unique@x.example"));
}
