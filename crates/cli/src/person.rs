//! Finds the record an operator means: by our id, object id, email or username.

use anyhow::Result;
use provisioning::ids::{ObjectId, RecordId};
use store::records::{self, RecordRow};
use store::{Db, connections, keys, links};
use uuid::Uuid;

use crate::failure::wrong_use_curable;

/// The one record `text` means.
pub(crate) async fn find(db: &Db, text: &str) -> Result<RecordRow> {
    let mut found = match text.parse::<Uuid>() {
        Ok(id) => by_id(db, id).await?,
        Err(_) => by_name(db, text).await?,
    };
    found.sort_by_key(|row| row.record.id);
    found.dedup_by_key(|row| row.record.id);
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(wrong_use_curable(
            format!("nobody is called `{text}`"),
            "Give an id, an email address, a username or the object id in the directory.",
        )),
        _ => {
            let ids: Vec<_> = found.iter().map(describe).collect();
            Err(wrong_use_curable(
                format!("`{text}` means {} people: {}", ids.len(), ids.join("; ")),
                "Give the id.",
            ))
        }
    }
}

async fn by_id(db: &Db, id: Uuid) -> Result<Vec<RecordRow>> {
    let own = records::get(db, &[RecordId(id)]).await?;
    if !own.is_empty() {
        return Ok(own);
    }
    let mut linked = Vec::new();
    for connection in connections::list(db).await? {
        let Some(tenant) = connection.tenant_id else {
            continue;
        };
        let rows = links::get(db, tenant, &[ObjectId(id)]).await?;
        linked.extend(rows.into_iter().map(|row| row.link.record_id));
    }
    Ok(records::get(db, &linked).await?)
}

async fn by_name(db: &Db, text: &str) -> Result<Vec<RecordRow>> {
    let key = keys::fold(text);
    if let Some(row) = records::by_username(db, &key).await? {
        return Ok(vec![row]);
    }
    let email = keys::email(Some(text)).unwrap_or(key);
    Ok(records::by_email_keys(db, &[email]).await?)
}

/// First and last name.
pub(crate) fn name(row: &RecordRow) -> String {
    let parts = [&row.record.first_name, &row.record.last_name];
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    parts.join(" ")
}

fn describe(row: &RecordRow) -> String {
    format!(
        "{} ({}, {})",
        row.record.id,
        name(row),
        row.record.kind.name()
    )
}
