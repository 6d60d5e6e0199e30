//! One question of the review queue as it is asked: the directory person beside
//! the records that might be theirs, where it comes from, what each answer does.

use std::collections::{BTreeMap, HashMap};

use provisioning::action::ActionKind;
use provisioning::case::Answer;
use provisioning::directory::Person;
use provisioning::ids::{AccountId, ConnectionId, ObjectId, RecordId, RuleId};
use provisioning::link::LinkRole;
use provisioning::mapping_rule::MappingRule;
use provisioning::psa::Kind;
use store::links::{self, LinkRow};
use store::records::{self, RecordRow};
use store::review_items::{NewReview, ReviewRow};
use store::{Db, connections, journal, mapping_rules, mirror};

use super::super::auth_provision::HERE;
use super::super::frame::ago;
use super::super::people::{account_names, full_name, place};
use crate::AppState;
use crate::error::Result;

/// Entries of the journal looked through for the rule.
const LOOKED_AT: u32 = 20;

/// A record that might be the person's.
pub(super) struct Candidate {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) href: String,
    pub(super) email: String,
    pub(super) username: String,
    pub(super) job_title: String,
    pub(super) account: String,
    pub(super) kind: &'static str,
    pub(super) status: &'static str,
    pub(super) link: String,
    /// What linking it does.
    pub(super) does: String,
}

/// The person, as the directory has them.
pub(super) struct Directory {
    pub(super) email: String,
    pub(super) username: String,
    pub(super) job_title: String,
    pub(super) account: String,
    pub(super) status: &'static str,
}

/// A question.
pub(super) struct Item {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) object_id: String,
    pub(super) kind: &'static str,
    pub(super) why: &'static str,
    pub(super) tenant: String,
    pub(super) tenant_href: String,
    pub(super) rule: Option<(String, String)>,
    pub(super) opened: String,
    pub(super) person: Directory,
    pub(super) candidates: Vec<Candidate>,
    pub(super) creates: String,
    pub(super) ignores: String,
    /// The answer, when there is one.
    pub(super) answered: Option<String>,
}

/// What the items of a page have in common.
struct Around {
    tenants: BTreeMap<ConnectionId, String>,
    rules: Vec<MappingRule>,
    people: HashMap<(ConnectionId, ObjectId), Person>,
    records: Vec<RecordRow>,
    links: Vec<LinkRow>,
    accounts: HashMap<AccountId, String>,
}

/// What to call an item's person.
pub(super) fn name(review: &NewReview) -> String {
    let name = review.person.get("name").and_then(|name| name.as_str());
    name.unwrap_or("A directory person").to_owned()
}

/// The items of a page.
pub(super) async fn items(state: &AppState, rows: Vec<ReviewRow>) -> Result<Vec<Item>> {
    let (db, now) = (state.engine.db(), state.engine.now());
    let around = around(db, &rows).await?;
    let mut items = Vec::new();
    for row in rows {
        let rule = rule_of(db, &row.review).await?;
        let rule = around.rules.iter().find(|known| Some(known.id) == rule);
        let answered = row.answer.map(|answer| {
            let by = row.resolved_by.as_deref().unwrap_or("somebody");
            let words = around.answer(answer, &row.review);
            format!("{words} Answered by {by}, {}.", ago(row.resolved_at, now))
        });
        items.push(Item {
            answered,
            ..around.item(&row, rule, now)
        });
    }
    Ok(items)
}

async fn around(db: &Db, rows: &[ReviewRow]) -> Result<Around> {
    let tenants = connections::names(db).await?.into_iter().collect();
    let rules = mapping_rules::list(db).await?.into_iter();
    let rules: Vec<MappingRule> = rules.map(|row| row.rule).collect();
    let mut asked: BTreeMap<ConnectionId, Vec<ObjectId>> = BTreeMap::new();
    for ReviewRow { review, .. } in rows {
        let of = asked.entry(review.connection_id).or_default();
        of.push(review.object_id);
    }
    let mut people = HashMap::new();
    for (connection, ids) in asked {
        for found in mirror::get(db, connection, &ids).await? {
            people.insert((connection, found.person.object_id), found.person);
        }
    }
    let mut ids: Vec<RecordId> = rows
        .iter()
        .flat_map(|row| row.review.candidates.iter().copied())
        .collect();
    ids.extend(rows.iter().filter_map(|row| match row.answer {
        Some(Answer::Link(id)) => Some(id),
        _ => None,
    }));
    ids.sort_unstable();
    ids.dedup();
    let records = records::get(db, &ids).await?;
    let of_records = records.iter().filter_map(|row| row.record.account_id);
    let of_rules = rules.iter().filter_map(|rule| rule.target.account_id());
    let accounts = account_names(db, of_records.chain(of_rules).collect()).await?;
    Ok(Around {
        tenants,
        links: links::by_records(db, &ids).await?,
        people,
        records,
        accounts,
        rules,
    })
}

/// The rule that took the person, by the plan that asked.
async fn rule_of(db: &Db, review: &NewReview) -> Result<Option<RuleId>> {
    let (tenant, object) = (review.tenant_id, review.object_id);
    let entries = journal::by_object(db, tenant, object, None, LOOKED_AT).await?;
    let acts = entries
        .into_iter()
        .filter_map(|entry| entry.decision)
        .flat_map(|decision| decision.actions);
    let mut asked = acts.filter(|act| act.kind == ActionKind::Review);
    Ok(asked.find_map(|act| act.reason.rule_id))
}

fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::Employee => "an employee",
        Kind::Contact => "a contact",
    }
}

impl Around {
    fn tenant(&self, id: ConnectionId) -> String {
        let known = self.tenants.get(&id).cloned();
        known.unwrap_or_else(|| "a tenant that is not connected any more".to_owned())
    }

    fn account(&self, id: Option<AccountId>) -> String {
        let known = id.and_then(|id| self.accounts.get(&id).cloned());
        known.unwrap_or_default()
    }

    fn item(&self, row: &ReviewRow, rule: Option<&MappingRule>, now: jiff::Timestamp) -> Item {
        let review = &row.review;
        let name = name(review);
        let person = self.people.get(&(review.connection_id, review.object_id));
        let kept = |member: &str| {
            let text = review.person.get(member).and_then(|text| text.as_str());
            text.unwrap_or_default().to_owned()
        };
        let of = |text: fn(&Person) -> &Option<String>| {
            person
                .and_then(|person| text(person).clone())
                .unwrap_or_default()
        };
        let candidates = review.candidates.iter().filter_map(|id| {
            let row = self.records.iter().find(|row| row.record.id == *id)?;
            Some(self.candidate(row, review))
        });
        Item {
            id: review.id.to_string(),
            object_id: review.object_id.to_string(),
            kind: review.kind.name(),
            why: review.reason.describe(),
            tenant: self.tenant(review.connection_id),
            tenant_href: format!("{HERE}/connections/{}", review.connection_id),
            rule: rule.map(|rule| (rule.name.clone(), format!("{HERE}/rules/{}", rule.id))),
            opened: ago(Some(row.created_at), now),
            person: Directory {
                email: kept("email"),
                username: of(|person| &person.upn),
                job_title: of(|person| &person.job_title),
                account: self.account(rule.and_then(|rule| rule.target.account_id())),
                status: match person.map(|person| person.enabled) {
                    Some(true) => "enabled",
                    Some(false) => "disabled",
                    None => "not among those read last",
                },
            },
            candidates: candidates.collect(),
            creates: format!(
                "{} is made for {name}; the records that are there stay as they are.",
                match review.kind {
                    Kind::Employee => "A new employee",
                    Kind::Contact => "A new contact",
                }
            ),
            ignores: format!(
                "{name} gets no record and no access here. They are asked about again when the question becomes another one."
            ),
            name,
            answered: None,
        }
    }

    fn candidate(&self, row: &RecordRow, review: &NewReview) -> Candidate {
        let record = &row.record;
        let (name, kind) = (full_name(record), record.kind);
        let mut links = self.links.iter();
        let link = links
            .find(|link| link.link.role == LinkRole::Primary && link.link.record_id == record.id);
        let mine = (review.tenant_id, review.object_id);
        let is_other = link.is_some_and(|link| (link.link.tenant_id, link.link.object_id) != mine);
        let does = if is_other {
            format!(
                "The account becomes another sign-in of {name}: whoever has it signs in as {name}; it changes nothing in the record."
            )
        } else if kind == review.kind {
            format!(
                "{name} becomes this person's record. Its id, tickets and invoices stay; the directory fills in the fields, the rule gives roles and access."
            )
        } else {
            format!(
                "{name} is archived, being {}, and {} is made in its place. The archived record keeps its tickets and can come back.",
                article(kind),
                article(review.kind)
            )
        };
        Candidate {
            id: record.id.to_string(),
            href: format!("{}/{}", place(kind).base, record.id),
            name,
            email: record.email.clone().unwrap_or_default(),
            username: record.username.clone().unwrap_or_default(),
            job_title: record.job_title.clone().unwrap_or_default(),
            account: self.account(record.account_id),
            kind: kind.name(),
            status: record.status.name(),
            link: match link {
                None => "to nobody".to_owned(),
                Some(link) if is_other => {
                    format!("to somebody of {}", self.tenant(link.connection_id))
                }
                Some(_) => "to this very person".to_owned(),
            },
            does,
        }
    }

    fn answer(&self, answer: Answer, review: &NewReview) -> String {
        match answer {
            Answer::Create => format!("Answered with a new {}.", review.kind.name()),
            Answer::Ignore => "Ignored: no record, no access.".to_owned(),
            Answer::Link(id) => {
                let row = self.records.iter().find(|row| row.record.id == id);
                let name = row.map(|row| full_name(&row.record));
                let name = name.unwrap_or_else(|| "a record deleted since".to_owned());
                format!("Linked to {name}.")
            }
        }
    }
}
