//! `directoryObjects/getByIds`: up to a thousand objects at once; those that are not there are silently absent.

use serde::Deserialize;

use super::call::{Answer, Call, Reply};
use super::entity::{self, Style};
use crate::directory::membership::Member;
use crate::error::GraphError;
use crate::odata::select::select_mixed;
use crate::permission;
use crate::render::Sequence;
use crate::schema::Kind;

/// Ids in one request.
const IDS_MAX: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    ids: Vec<String>,
    #[serde(default)]
    types: Vec<String>,
}

/// `POST /directoryObjects/getByIds`.
pub(super) fn run(call: &Call<'_>) -> Answer {
    call.options.only(&["$select"])?;
    let body: Body = call.body()?;
    if body.ids.len() > IDS_MAX {
        let message =
            format!("The number of values in property 'ids' exceeds the limit of {IDS_MAX}.");
        return Err(GraphError::bad_request(message));
    }
    let wanted = |kind: Kind| {
        let named = |name: &String| {
            name.eq_ignore_ascii_case(kind.name()) || name.eq_ignore_ascii_case("directoryObject")
        };
        body.types.is_empty() || body.types.iter().any(named)
    };
    for kind in Kind::ALL.into_iter().filter(|kind| wanted(*kind)) {
        call.require(permission::read(kind))?;
    }
    let (users, groups) = select_mixed(call.options.get("$select"))?;
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let mut out = Vec::with_capacity(256 + body.ids.len() * 640);
    let mut sequence = Sequence::new();
    out.push(b'{');
    sequence.pair(
        &mut out,
        "@odata.context",
        &call.context("directoryObjects"),
    );
    sequence.name(&mut out, "value");
    out.push(b'[');
    let mut items = Sequence::new();
    for id in &body.ids {
        let id = id
            .parse()
            .map_err(|_| GraphError::bad_request(format!("Invalid object identifier '{id}'.")))?;
        let member: Option<Member> = tenant.find(id).filter(|member| wanted(member.kind()));
        let Some((member, view)) = member.and_then(|member| Some((member, tenant.view(member)?)))
        else {
            continue;
        };
        let select = if member.kind() == Kind::User {
            users
        } else {
            groups
        };
        items.next(&mut out);
        entity::write(
            &mut out,
            tenant,
            member.kind(),
            &view,
            &Style::typed(select),
        );
    }
    out.extend_from_slice(b"]}");
    Ok(Reply::bytes(out))
}
