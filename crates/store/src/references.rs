//! What refers to a record or an account, and so keeps it from being removed.

use provisioning::ids::{AccountId, RecordId};
use uuid::Uuid;

use crate::args;
use crate::db::Source;
use crate::error::Result;

/// What kind of thing refers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReferenceKind {
    /// A ticket, by its contact, assignee or account.
    Ticket,
    /// An invoice.
    Invoice,
    /// A contact of an account.
    Contact,
    /// A mapping rule that makes contacts of an account.
    MappingRule,
}

impl ReferenceKind {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Invoice => "invoice",
            Self::Contact => "contact",
            Self::MappingRule => "mapping_rule",
        }
    }
}

/// Something that refers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What it is.
    pub kind: ReferenceKind,
    /// Its id.
    pub id: Uuid,
    /// What a person calls it: `#12 Printer on fire`, `INV-7`.
    pub label: String,
}

// One side at a time, so that each finds its index and stops at the limit.
const TICKETS_OF_RECORD: &str = "SELECT id, title, number FROM
        (SELECT id, title, number FROM tickets
            WHERE contact_id = $1 ORDER BY number DESC LIMIT $2) AS opened
    UNION SELECT id, title, number FROM
        (SELECT id, title, number FROM tickets
            WHERE assignee_id = $1 ORDER BY number DESC LIMIT $2) AS assigned
    ORDER BY number DESC LIMIT $2";
const INVOICES_OF_RECORD: &str = "SELECT id, number AS label FROM invoices
    WHERE contact_id = $1 ORDER BY issued_on DESC, id DESC LIMIT $2";

const TICKETS_OF_ACCOUNT: &str = "SELECT id, title, number FROM tickets
    WHERE account_id = $1 ORDER BY number DESC LIMIT $2";
const INVOICES_OF_ACCOUNT: &str = "SELECT id, number AS label FROM invoices
    WHERE account_id = $1 ORDER BY issued_on DESC, id DESC LIMIT $2";
const CONTACTS_OF_ACCOUNT: &str = "SELECT id,
        COALESCE(first_name || ' ', '') || COALESCE(last_name, '') AS label
    FROM records WHERE account_id = $1 ORDER BY id LIMIT $2";
const RULES_OF_ACCOUNT: &str = "SELECT id, name AS label FROM mapping_rules
    WHERE account_id = $1 ORDER BY rule_order, id LIMIT $2";

async fn add(
    on: &mut Source<'_>,
    found: &mut Vec<Reference>,
    kind: ReferenceKind,
    text: &'static str,
    id: Uuid,
    limit: i64,
) -> Result<()> {
    for row in on.rows(text, args![id, limit]).await? {
        let label = match kind {
            ReferenceKind::Ticket => {
                let (number, title) = (row.get::<i64>("number")?, row.get::<String>("title")?);
                format!("#{number} {title}")
            }
            _ => row.get::<String>("label")?.trim().to_owned(),
        };
        let id = row.get("id")?;
        found.push(Reference { kind, id, label });
    }
    Ok(())
}

/// Tickets (as contact or assignee) and invoices of a record, newest first; of
/// each kind at most `limit`.
pub async fn of_record(
    on: impl Into<Source<'_>>,
    id: RecordId,
    limit: i64,
) -> Result<Vec<Reference>> {
    let (mut on, mut found) = (on.into(), Vec::new());
    for (kind, text) in [
        (ReferenceKind::Ticket, TICKETS_OF_RECORD),
        (ReferenceKind::Invoice, INVOICES_OF_RECORD),
    ] {
        add(&mut on, &mut found, kind, text, id.0, limit).await?;
    }
    Ok(found)
}

/// Whether tickets or invoices refer to a record.
pub async fn any_of_record(on: impl Into<Source<'_>>, id: RecordId) -> Result<bool> {
    Ok(!of_record(on, id, 1).await?.is_empty())
}

pub(crate) async fn of_account(
    on: impl Into<Source<'_>>,
    id: AccountId,
    limit: i64,
) -> Result<Vec<Reference>> {
    let (mut on, mut found) = (on.into(), Vec::new());
    for (kind, text) in [
        (ReferenceKind::Contact, CONTACTS_OF_ACCOUNT),
        (ReferenceKind::MappingRule, RULES_OF_ACCOUNT),
        (ReferenceKind::Ticket, TICKETS_OF_ACCOUNT),
        (ReferenceKind::Invoice, INVOICES_OF_ACCOUNT),
    ] {
        add(&mut on, &mut found, kind, text, id.0, limit).await?;
    }
    Ok(found)
}
