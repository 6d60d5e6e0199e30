//! A new master key: it opens everything, the old one nothing, and a change that
//! is cut off anywhere goes on with the key that fits. On both databases.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::killed::server::{Schema, postgres_url};
use crate::main_path::Installation;
use crate::{json, text};

const ROTATE: [&str; 4] = ["secrets", "rotate", "--generate", "--yes"];

impl Installation {
    fn key(&self, end: &str) -> PathBuf {
        self.path().join(format!("rollcall-data/master.key{end}"))
    }

    fn key_text(&self, end: &str) -> Option<String> {
        std::fs::read_to_string(self.key(end)).ok()
    }

    /// The application key opens, and the newest seal of the journal.
    async fn opens_everything(&self, when: &str) {
        let check = self.json(&["connection", "check", "contoso.com"]).await;
        assert_eq!(check["ok"], true, "{when}: {check}");
        let audit = self.json(&["audit", "verify"]).await;
        assert_eq!(audit["broken"], Value::Null, "{when}");
    }

    /// A change that ends at a commit, as `kill -9` would end it.
    async fn cut_off(&self, moment: &str) {
        let mut command = self.command(&ROTATE);
        command.env("STORE_CRASH_AT", format!("{moment}:secrets.rs"));
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = run.await.unwrap();
        let told = text(&output.stderr);
        assert!(told.contains("crash"), "{moment}: {told}");
    }

    async fn set_up_and_sealed(database: Option<String>) -> Self {
        let it = Self::new(database).await;
        it.set_up().await;
        it.opens_everything("before").await;
        it
    }
}

async fn changed(database: Option<String>) {
    let it = Installation::set_up_and_sealed(database).await;
    let before = it.key_text("").unwrap();
    let told = it.json(&ROTATE).await;
    assert_eq!(told["secrets"], 1, "{told}");
    let after = it.key_text("").unwrap();
    assert_ne!(before, after);
    let mode = std::fs::metadata(it.key("")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!((it.key_text(".old"), it.key_text(".new")), (None, None));
    it.opens_everything("after").await;

    std::fs::write(it.key(""), &before).unwrap();
    let says = [
        "is not the master key this database is sealed under",
        "cure",
    ];
    it.refused(&["connection", "list"], 1, &says).await;
    std::fs::remove_file(it.key("")).unwrap();
    let says = ["cannot be read"];
    it.refused(&["connection", "list"], 1, &says).await;
    assert_eq!(it.key_text(""), None, "no new key is made for it");

    std::fs::write(it.key(""), &after).unwrap();
    let mut kept = ROTATE.to_vec();
    kept.push("--keep-old");
    it.json(&kept).await;
    assert_eq!(it.key_text(".old"), Some(after));
    it.opens_everything("once more").await;
    it.refused(&ROTATE, 1, &["earlier change", "move it away"])
        .await;
}

async fn cut_off_anywhere(database: Option<String>) {
    let it = Installation::set_up_and_sealed(database).await;
    for moment in ["before:1", "after:1", "before:2", "after:2"] {
        let before = it.key_text("").unwrap();
        it.cut_off(moment).await;
        let staged = it.key_text(".new");
        assert_eq!(it.key_text(""), Some(before.clone()), "{moment}");
        it.opens_everything(moment).await;
        let now = it.key_text("");
        let is_done = moment == "after:2";
        assert_eq!(now == staged, is_done, "{moment}: the key that fits");
        assert_eq!(now == Some(before), !is_done, "{moment}: the key that fits");
        if is_done {
            std::fs::remove_file(it.key(".old")).unwrap();
        }
        it.json(&ROTATE).await;
        it.opens_everything("after another change").await;
    }

    // Between the copy of the old key and the new one's taking its place.
    it.cut_off("after:2").await;
    std::fs::copy(it.key(""), it.key(".old")).unwrap();
    let staged = it.key_text(".new");
    let doctor = it.json(&["doctor", "--offline"]).await;
    assert!(
        doctor.to_string().contains("a change of it was cut off"),
        "{doctor}"
    );
    assert_eq!(it.key_text(".new"), staged, "doctor changes nothing");
    it.opens_everything("between the files").await;
    assert_eq!(it.key_text(""), staged);
    std::fs::remove_file(it.key(".old")).unwrap();

    // The machine crashed, and the database lost the change the files have.
    it.cut_off("before:2").await;
    let (before, unused) = (it.key_text(""), it.key_text(".new"));
    std::fs::rename(it.key(""), it.key(".old")).unwrap();
    std::fs::rename(it.key(".new"), it.key("")).unwrap();
    it.opens_everything("with a change that was lost").await;
    assert_eq!((it.key_text(""), it.key_text(".new")), (before, unused));
}

#[tokio::test]
async fn a_new_master_key_opens_everything_and_the_old_one_nothing_on_sqlite() {
    changed(None).await;
}

#[tokio::test]
async fn a_new_master_key_opens_everything_and_the_old_one_nothing_on_postgres() {
    let Some(url) = postgres_url() else { return };
    let (schema, url) = Schema::new(&url).await;
    changed(Some(url)).await;
    schema.gone().await;
}

#[tokio::test]
async fn a_change_of_the_master_key_cut_off_anywhere_leaves_a_key_that_works_on_sqlite() {
    cut_off_anywhere(None).await;
}

#[tokio::test]
async fn a_change_of_the_master_key_cut_off_anywhere_leaves_a_key_that_works_on_postgres() {
    let Some(url) = postgres_url() else { return };
    let (schema, url) = Schema::new(&url).await;
    cut_off_anywhere(Some(url)).await;
    schema.gone().await;
}

#[tokio::test]
async fn the_master_key_stays_while_somebody_works_with_it() {
    let it = Installation::set_up_and_sealed(None).await;
    let before = it.key_text("");
    let file = it.path().join("rollcall-data/rollcall.sqlite");
    let options = store::Options::new(format!("sqlite:{}", file.display()));
    let db = store::Db::open(&options).await.unwrap();
    let until = "2200-01-01T00:00:00Z".parse().unwrap();
    store::jobs::beat(&db, "elsewhere-1", until).await.unwrap();
    db.close().await;
    let says = ["1 servers or workers are running", "Stop every"];
    it.refused(&ROTATE, 1, &says).await;
    assert_eq!((it.key_text(""), it.key_text(".new")), (before, None));
}

#[tokio::test]
async fn a_key_of_the_environment_is_changed_by_naming_the_new_one() {
    let it = Installation::set_up_and_sealed(None).await;
    let old = it.key_text("").unwrap();
    std::fs::remove_file(it.key("")).unwrap();
    let with_key = async |key: &str, arguments: &[&str]| {
        let mut command = it.command(arguments);
        command.env("ROLLCALL_MASTER_KEY", key);
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        run.await.unwrap()
    };
    let refused = with_key(&old, &ROTATE).await;
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    let new = "07".repeat(32);
    std::fs::write(it.path().join("next.key"), &new).unwrap();
    let rotate = [
        "secrets",
        "rotate",
        "--key-file",
        "next.key",
        "--yes",
        "--json",
    ];
    json(&with_key(&old, &rotate).await);
    let again = with_key(&new, &rotate).await;
    assert_eq!(again.status.code(), Some(2), "it is the key already");
    let check = ["connection", "check", "contoso.com", "--json"];
    assert_eq!(json(&with_key(&new, &check).await)["ok"], true);
    let refused = with_key(&old, &check).await;
    assert!(text(&refused.stderr).contains("ROLLCALL_MASTER_KEY is not"));
    assert_eq!(it.key_text(""), None);
}
