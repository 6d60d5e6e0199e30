//! What a delta request asks for: a new round, the next page of one, or what changed since.
//! Source: "Use delta query to track changes", "user: delta", "group: delta".

use uuid::Uuid;

use super::call::Call;
use super::delta_token::{DeltaToken, Phase, Tracked};
use crate::error::GraphError;
use crate::odata::filter::Filter;
use crate::odata::options::Options;
use crate::odata::select::names;
use crate::schema::{Kind, Place, PropertySet, known};

/// Ids in a `$filter`.
const IDS_MAX: usize = 50;

/// A request understood.
#[derive(Debug)]
pub(super) enum Query {
    /// From the beginning, or from now on.
    Start { tracked: Tracked, latest: bool },
    /// The next page.
    Page(DeltaToken),
    /// What changed since; `select` when the caller tracks something else from now on.
    Since { token: DeltaToken, tracked: Tracked },
}

/// Relationships delta can track.
fn is_tracked_relationship(kind: Kind, id: u8) -> bool {
    match kind {
        Kind::User => id == known::user::MANAGER,
        Kind::Group => id == known::group::MEMBERS || id == known::group::OWNERS,
    }
}

/// The properties tracked; `id` is always among them.
fn select(kind: Kind, text: Option<&str>) -> Result<PropertySet, GraphError> {
    let mut set = PropertySet::default();
    set.insert(known::user::ID);
    let Some(text) = text else {
        set = kind.defaults();
        if kind == Kind::Group {
            set.insert(known::group::MEMBERS);
        }
        return Ok(set);
    };
    let mut refused = Vec::new();
    for name in names(text) {
        let id = kind.find(name).ok_or_else(|| {
            GraphError::gateway(format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.{}'.",
                kind.name()
            ))
        })?;
        match kind.property(id).place {
            Place::Default | Place::Selected => set.insert(id),
            Place::Relationship if is_tracked_relationship(kind, id) => set.insert(id),
            Place::Relationship | Place::Untracked | Place::Outside => {
                refused.push(kind.property(id).name)
            }
        }
    }
    if refused.is_empty() {
        return Ok(set);
    }
    Err(unsupported(&refused.join(",")))
}

fn unsupported(names: &str) -> GraphError {
    GraphError::gateway(format!(
        "Invalid request for delta query: for this entity set, $expand/$select is not supported for the following properties: {names}"
    ))
}

fn ids(kind: Kind, text: Option<&str>) -> Result<Option<Vec<Uuid>>, GraphError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let ids = Filter::parse(kind, text)?.ids();
    let ids = ids.ok_or_else(|| {
        GraphError::unsupported("Only filtering by id with eq is supported on delta queries.")
    })?;
    if ids.len() > IDS_MAX {
        let message = format!(
            "Too many ids in $filter: {} given, {IDS_MAX} allowed.",
            ids.len()
        );
        return Err(GraphError::unsupported(message));
    }
    Ok(Some(ids))
}

fn check_names(options: &Options) -> Result<(), GraphError> {
    if let Some(expand) = options.get("$expand") {
        return Err(unsupported(expand));
    }
    options.only(&[
        "$select",
        "$filter",
        "$deltatoken",
        "$skiptoken",
        "$top",
        "$format",
    ])
}

/// Opens a token that must be this caller's.
fn open(call: &Call<'_>, kind: Kind, text: &str) -> Result<DeltaToken, GraphError> {
    let token: Option<DeltaToken> = call.core().signer.open(text);
    let own = token.filter(|token| {
        token.tenant == call.caller.tenant_id
            && token.app == call.caller.app_id
            && token.set == kind.collection()
    });
    let token = own.ok_or_else(|| GraphError::bad_request("Badly formed token."))?;
    let age = call.now.as_second().saturating_sub(token.issued);
    let limit = call.core().switches().delta_token_lifetime_seconds;
    if u64::try_from(age).is_ok_and(|age| age > limit) {
        return Err(GraphError::sync_state_not_found());
    }
    Ok(token)
}

impl Query {
    /// # Errors
    /// 400 for options delta does not have, and for a token that is not the caller's, not of this address, or too old.
    pub(super) fn parse(call: &Call<'_>, kind: Kind) -> Result<Self, GraphError> {
        let options = &call.options;
        check_names(options)?;
        let fresh = |latest| {
            let tracked = Tracked {
                select: select(kind, options.get("$select"))?,
                default: options.get("$select").is_none(),
                ids: ids(kind, options.get("$filter"))?,
            };
            Ok(Self::Start { tracked, latest })
        };
        match (options.get("$skiptoken"), options.get("$deltatoken")) {
            (None, None) => fresh(false),
            (None, Some("latest")) => fresh(true),
            // What a 410 points to: start over.
            (None, Some("")) => fresh(false),
            (Some(text), None) => {
                options.only(&["$skiptoken"])?;
                let token = open(call, kind, text)?;
                let lifetime = call.core().switches().page_token_lifetime_seconds;
                let age = call.now.as_second().saturating_sub(token.issued);
                if lifetime.is_some_and(|limit| u64::try_from(age).is_ok_and(|age| age > limit)) {
                    return Err(GraphError::page_expired());
                }
                match token.phase {
                    Phase::Ready { .. } => Err(GraphError::bad_request("Badly formed token.")),
                    Phase::Initial { .. } | Phase::Changes { .. } => Ok(Self::Page(token)),
                }
            }
            (None, Some(text)) => {
                options.only(&["$deltatoken", "$select"])?;
                let token = open(call, kind, text)?;
                let mut tracked = token.tracked();
                if let Some(text) = options.get("$select") {
                    tracked.select = select(kind, Some(text))?;
                    tracked.default = false;
                }
                match token.phase {
                    Phase::Ready { .. } => Ok(Self::Since { token, tracked }),
                    Phase::Initial { .. } | Phase::Changes { .. } => {
                        Err(GraphError::bad_request("Badly formed token."))
                    }
                }
            }
            (Some(_), Some(_)) => Err(GraphError::gateway(
                "$skiptoken and $deltatoken cannot be given together.",
            )),
        }
    }
}
