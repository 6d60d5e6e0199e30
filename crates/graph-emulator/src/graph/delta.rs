//! `users/delta` and `groups/delta`: one page of a round, and the link to what follows.

use jiff::SignedDuration;

use super::call::{Answer, Call, Reply};
use super::delta_changes::{self, Range};
use super::delta_entry::Entries;
use super::delta_initial::{self, Round};
use super::delta_query::Query;
use super::delta_token::{DeltaToken, Phase, Tracked};
use super::members::is_hidden;
use crate::directory::changes::Sequence;
use crate::directory::tenant::Tenant;
use crate::error::GraphError;
use crate::permission;
use crate::render::Sequence as Commas;
use crate::schema::Kind;
use crate::switches::Switches;

/// Where a page begins.
struct Position {
    tracked: Tracked,
    phase: Phase,
    begun: bool,
    repeats: bool,
}

/// `GET /users/delta`, `GET /groups/delta`.
pub(super) fn get(call: &Call<'_>, kind: Kind) -> Answer {
    call.require(permission::delta(kind))?;
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    if kind == Kind::User {
        call.refuse_guests(tenant)?;
    }
    let switches = call.core().switches();
    let query = Query::parse(call, kind)?;
    let position = position(call, tenant, kind, &switches, query)?;
    tenant.track();
    if switches.delta_empty_pages && !position.begun {
        let entries = Entries::new(false);
        return Ok(reply(
            call,
            kind,
            &switches,
            &entries,
            &position.tracked,
            position.phase,
            false,
        ));
    }
    let may_see_members = |slot| !is_hidden(call, tenant, slot);
    let round = Round {
        tenant,
        kind,
        tracked: &position.tracked,
        switches: &switches,
        minimal: wants_minimal(call),
        may_see_members: &may_see_members,
    };
    let mut entries = Entries::new(switches.delta_omits_manager);
    let start = position.phase.clone();
    let next = match position.phase {
        Phase::Initial { after, head, slice } => {
            delta_initial::page(&round, &mut entries, after, slice, head, position.repeats)
        }
        Phase::Changes {
            from,
            to,
            at,
            slice,
        } => delta_changes::page(
            &round,
            &mut entries,
            Range { from, to, at },
            slice,
            position.repeats,
        ),
        Phase::Ready { from } => Phase::Ready { from },
    };
    let (next, repeats) = repeat(&switches, tenant, kind, &start, next);
    Ok(reply(
        call,
        kind,
        &switches,
        &entries,
        &position.tracked,
        next,
        repeats,
    ))
}

fn wants_minimal(call: &Call<'_>) -> bool {
    let header = call.request.headers.get_all("prefer").iter();
    let mut words = header
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','));
    words.any(|word| word.trim().eq_ignore_ascii_case("return=minimal"))
}

/// The newest change delta shows already.
fn visible_head(call: &Call<'_>, tenant: &Tenant, kind: Kind, switches: &Switches) -> Sequence {
    let lag = SignedDuration::try_from(switches.visibility_lag()).unwrap_or_default();
    if lag.is_zero() {
        return tenant.log(kind).head();
    }
    let limit = call.now.saturating_sub(lag).unwrap_or(call.now);
    tenant.log(kind).head_at(limit)
}

fn position(
    call: &Call<'_>,
    tenant: &Tenant,
    kind: Kind,
    switches: &Switches,
    query: Query,
) -> Result<Position, GraphError> {
    let head = visible_head(call, tenant, kind, switches);
    let log = tenant.log(kind);
    match query {
        Query::Start { tracked, latest } => {
            let phase = if latest {
                Phase::Ready { from: head }
            } else {
                Phase::Initial {
                    after: None,
                    head,
                    slice: None,
                }
            };
            // "From now on" is one page by definition.
            Ok(Position {
                tracked,
                phase,
                begun: latest,
                repeats: false,
            })
        }
        Query::Page(token) => Ok(Position {
            tracked: token.tracked(),
            repeats: token.repeats,
            begun: token.begun,
            phase: token.phase,
        }),
        Query::Since { token, tracked } => {
            let Phase::Ready { from } = token.phase else {
                return Err(GraphError::bad_request("Badly formed token."));
            };
            if !log.reaches(from) {
                return Err(GraphError::sync_state_not_found());
            }
            let from = from.saturating_sub(Sequence::from(switches.delta_replay));
            let to = head.max(from);
            let phase = Phase::Changes {
                from,
                to,
                at: from + 1,
                slice: None,
            };
            Ok(Position {
                tracked,
                phase,
                begun: false,
                repeats: false,
            })
        }
    }
}

/// Steps back by one object when objects are to come twice.
fn repeat(
    switches: &Switches,
    tenant: &Tenant,
    kind: Kind,
    start: &Phase,
    next: Phase,
) -> (Phase, bool) {
    if !switches.delta_duplicates {
        return (next, false);
    }
    match (&next, start) {
        (
            Phase::Initial {
                after: Some(last),
                head,
                slice: None,
            },
            Phase::Initial { after, .. },
        ) => {
            let objects = tenant.objects(kind);
            let before = objects
                .after(*after)
                .map(|(id, _)| id)
                .take_while(|id| id < last)
                .last();
            (
                Phase::Initial {
                    after: before.or(*after),
                    head: *head,
                    slice: None,
                },
                true,
            )
        }
        (
            Phase::Changes {
                from,
                to,
                at,
                slice: None,
            },
            Phase::Changes { at: begun, .. },
        ) => {
            let shown = tenant
                .log(kind)
                .changed(*from, *to, *begun)
                .map(|(sequence, _)| sequence);
            let last = shown.take_while(|sequence| sequence < at).last();
            let repeats = last.is_some();
            let at = last.unwrap_or(*at);
            (
                Phase::Changes {
                    from: *from,
                    to: *to,
                    at,
                    slice: None,
                },
                repeats,
            )
        }
        _ => (next, false),
    }
}

fn reply(
    call: &Call<'_>,
    kind: Kind,
    switches: &Switches,
    entries: &Entries,
    tracked: &Tracked,
    next: Phase,
    repeats: bool,
) -> Reply {
    let over = matches!(next, Phase::Ready { .. });
    let mut token = DeltaToken::new(
        call.caller.tenant_id,
        call.caller.app_id,
        kind.collection(),
        tracked,
        next,
    );
    token.repeats = repeats;
    token.issued = call.now.as_second();
    let mut nonce = [0; 8];
    call.core().chance.fill(&mut nonce);
    token.nonce = u64::from_le_bytes(nonce);
    let text = call.core().signer.sign(&token);
    let (name, option) = if over {
        ("@odata.deltaLink", "$deltatoken")
    } else {
        ("@odata.nextLink", "$skiptoken")
    };
    let set = if switches.delta_wrong_context {
        "directoryObjects"
    } else {
        kind.collection()
    };
    let mut out = Vec::with_capacity(entries.out.len() + 1024);
    let mut commas = Commas::new();
    out.push(b'{');
    commas.pair(&mut out, "@odata.context", &call.context(set));
    commas.pair(&mut out, name, &call.link(&format!("{option}={text}")));
    commas.name(&mut out, "value");
    out.push(b'[');
    out.extend_from_slice(&entries.out);
    if call.request.duplicate && entries.count > 0 {
        out.push(b',');
        out.extend_from_slice(&entries.out);
    }
    out.extend_from_slice(b"]}");
    Reply::bytes(out)
}
