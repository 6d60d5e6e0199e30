//! The journal cannot be changed unseen: its entries are chained by hashes and
//! sealed block by block; the newest seal is kept under the master key, so that
//! neither cutting the end off nor making the whole chain anew goes unnoticed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use store::journal_seals::{self, Link, Seal};
use store::sealer::Sealer;
use store::{Tx, settings};
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::error::Result;

/// Where the newest seal is kept under the master key.
const HEAD: &str = "audit_head";
/// Entries of a block.
const BLOCK: u32 = 2_000;
/// How often what was written is sealed.
const EVERY: Duration = Duration::from_secs(5);

/// What checking the journal found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Entries that are as they were sealed.
    pub verified: u64,
    /// Seals that hold.
    pub seals: u64,
    /// The newest seal's last entry.
    pub sealed_through: i64,
    /// The newest seal, to be kept elsewhere and compared.
    pub head: Option<String>,
    /// What is wrong; nothing when the journal is whole.
    pub broken: Option<Broken>,
}

/// Where the journal was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// After this entry,
    pub after: i64,
    /// and not after this one.
    pub through: i64,
    /// What was found.
    pub what: &'static str,
}

impl Engine {
    /// Seals what was written, until stopped.
    pub async fn keep_sealing(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.seal_journal().await {
                Ok(sealed) if sealed >= u64::from(BLOCK) => continue,
                Ok(_) => {}
                Err(error) => tracing::error!("the journal could not be sealed: {error}"),
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Seals the next block; how many entries it has.
    pub async fn seal_journal(&self) -> Result<u64> {
        let last = journal_seals::last(self.db()).await?;
        let from = last.map_or(Link::START, |seal| seal.link);
        if journal_seals::newest(self.db()).await? <= from.seq {
            return Ok(0);
        }
        // Everything up to here is there before any of it is hashed; the
        // hashing itself keeps nobody waiting.
        let mut tx = self.begin().await?;
        journal_seals::hold_still(&mut tx).await?;
        let through = journal_seals::newest(&mut tx).await?;
        tx.commit().await?;
        let link = journal_seals::extend(self.db(), from, through, BLOCK).await?;
        let mut tx = self.begin().await?;
        let now_last = journal_seals::last(&mut tx).await?;
        if now_last != last {
            // Another process was faster.
            return Ok(0);
        }
        journal_seals::put(&mut tx, link, self.now()).await?;
        self.keep_head(&mut tx, &link).await?;
        tx.commit().await?;
        Ok(link.entries - from.entries)
    }

    async fn keep_head(&self, tx: &mut Tx, link: &Link) -> Result<()> {
        self.keep_words(tx, self.sealer(), &words(link)).await
    }

    async fn keep_words(&self, tx: &mut Tx, sealer: &Sealer, words: &str) -> Result<()> {
        let random = |out: &mut [u8]| self.fill(out);
        let sealed = sealer.seal(&random, HEAD, HEAD.as_bytes(), words.as_bytes())?;
        settings::put(tx, HEAD, &STANDARD.encode(sealed), None, self.now()).await?;
        Ok(())
    }

    /// Keeps the newest seal under another master key. One that does not open
    /// stays as it is, so that it is found out as before.
    pub(crate) async fn reseal_head(&self, tx: &mut Tx, new: &Sealer) -> Result<()> {
        let kept: Option<(String, i64)> = settings::get(&mut *tx, HEAD).await?;
        match kept.and_then(|(text, _)| self.open_head(&text)) {
            Some(words) => self.keep_words(tx, new, &words).await,
            None => Ok(()),
        }
    }

    /// Reads the whole journal again and compares it with every seal.
    pub async fn verify_journal(&self) -> Result<AuditReport> {
        let db = self.db();
        let mut report = AuditReport {
            verified: 0,
            seals: 0,
            sealed_through: 0,
            head: None,
            broken: None,
        };
        let mut link = Link::START;
        loop {
            let seals = journal_seals::page(db, link.seq, 500).await?;
            if seals.is_empty() {
                break;
            }
            for seal in seals {
                let found = self.chain(link, &seal).await?;
                if found != seal.link {
                    report.broken = Some(Broken {
                        after: link.seq,
                        through: seal.link.seq,
                        what: "entries were changed, added or removed",
                    });
                    return Ok(report);
                }
                link = seal.link;
                report.verified = link.entries;
                report.seals += 1;
                report.sealed_through = link.seq;
                report.head = Some(words(&link));
            }
        }
        let kept: Option<(String, i64)> = settings::get(db, HEAD).await?;
        let kept = kept.map(|(text, _)| self.open_head(&text));
        if kept.flatten() != report.head {
            report.broken = Some(Broken {
                after: link.seq,
                through: journal_seals::newest(db).await?,
                what: "the newest seal is not the one kept under the master key",
            });
        }
        Ok(report)
    }

    /// The chain as the entries are now, up to where a seal was set.
    async fn chain(&self, mut link: Link, seal: &Seal) -> Result<Link> {
        loop {
            let next = journal_seals::extend(self.db(), link, seal.link.seq, BLOCK).await?;
            if next == link {
                return Ok(link);
            }
            link = next;
        }
    }

    fn open_head(&self, text: &str) -> Option<String> {
        let sealed = STANDARD.decode(text).ok()?;
        let plain = self.sealer().open(HEAD, HEAD.as_bytes(), &sealed).ok()?;
        String::from_utf8(plain.expose_secret().to_vec()).ok()
    }
}

/// A link in words that can be written down.
fn words(link: &Link) -> String {
    let hash: String = link.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}:{}:{hash}", link.seq, link.entries)
}
