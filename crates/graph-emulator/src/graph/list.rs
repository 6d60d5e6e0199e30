//! A page of a collection: where the objects come from, which pass, in what order, and the link to the next page.
//! Written straight into a buffer; nothing is held for a page that is not on it.

use uuid::Uuid;

use super::call::{Answer, Call, Reply};
use super::entity::{self, Expand, Style, context_name};
use super::list_conditions::{Conditions, check_advanced, index};
use super::list_source::{Found, Source};
use crate::directory::tenant::Tenant;
use crate::error::GraphError;
use crate::odata::order::Order;
use crate::odata::page::Cursor;
use crate::odata::select::{Target, select, select_mixed};
use crate::permission;
use crate::render::Sequence;
use crate::schema::Kind;

/// Objects on a page without `$top`.
const PAGE: u32 = 100;

const OPTIONS: [&str; 9] = [
    "$select",
    "$top",
    "$filter",
    "$search",
    "$orderby",
    "$count",
    "$expand",
    "$skiptoken",
    "$format",
];

/// A collection to show.
pub(super) struct List<'t> {
    pub source: Source<'t>,
    /// Only objects of this kind; `None` for a mixed list.
    pub only: Option<Kind>,
    /// The entity set named in `@odata.context`.
    pub set: &'static str,
    /// Needs the advanced query parameters when there are options besides.
    pub is_cast: bool,
}

/// How each kind is written on this list.
fn styles(call: &Call<'_>, list: &List<'_>) -> Result<[Style; 2], GraphError> {
    let selected = call.options.get("$select");
    let expand = call.options.get("$expand");
    match list.only {
        Some(kind) => {
            let mut style = Style::plain(select(kind, selected, Target::Collection)?);
            style.expand = Expand::parse(kind, expand)?;
            style.limited = limited(call, kind);
            Ok([style, style])
        }
        None if expand.is_some() => Err(GraphError::unsupported(
            "$expand is not supported on this collection.",
        )),
        None => {
            let (users, groups) = select_mixed(selected)?;
            let mut styles = [Style::typed(users), Style::typed(groups)];
            for kind in Kind::ALL {
                styles[index(kind)].limited = limited(call, kind);
            }
            Ok(styles)
        }
    }
}

fn limited(call: &Call<'_>, kind: Kind) -> bool {
    !permission::has(call.caller, permission::read(kind))
}

/// Shows a page of a list.
pub(super) fn page<'t>(call: &Call<'_>, tenant: &'t Tenant, list: &List<'t>) -> Answer {
    call.options.only(&OPTIONS)?;
    let styles = styles(call, list)?;
    let conditions = Conditions::parse(call, list.only)?;
    let order = call.options.get("$orderby");
    let kind = list.only.unwrap_or(Kind::User);
    let order = order.map(|text| Order::parse(kind, text)).transpose()?;
    if order.is_some()
        && (conditions.filtered || list.is_cast || matches!(list.source, Source::Deleted(_)))
    {
        check_advanced(call, Some("OrderBy"))?;
    }
    let others = [
        "$select", "$filter", "$orderby", "$expand", "$top", "$search",
    ];
    if list.is_cast && others.iter().any(|name| call.options.get(name).is_some()) {
        check_advanced(call, Some("Cast"))?;
    }
    let top = call.options.top()?.unwrap_or(PAGE) as usize;
    let lifetime = call.core().switches().page_token_lifetime_seconds;
    let cursor = call.binding().cursor(lifetime, call.now)?;
    let (shown, more) = match order {
        Some(order) => sorted(tenant, list, &conditions, order, cursor.as_ref(), top),
        None => in_order(tenant, list, &conditions, cursor.as_ref(), top),
    };
    let count = (cursor.is_none() && call.advanced()).then(|| count(tenant, list, &conditions));
    Ok(render(call, tenant, list, &styles, &shown, count, more))
}

/// How many objects pass.
fn count(tenant: &Tenant, list: &List<'_>, conditions: &Conditions) -> usize {
    if let (Source::All(kind), false, false) =
        (&list.source, conditions.filtered, conditions.searched)
    {
        return tenant.objects(*kind).len();
    }
    let all = list.source.after(tenant, None);
    all.filter(|found| conditions.accept(found)).count()
}

/// The number of a list as text, for `/$count`.
pub(super) fn total<'t>(call: &Call<'_>, tenant: &'t Tenant, list: &List<'t>) -> Answer {
    if !call.eventual() {
        return Err(GraphError::bad_request(
            "$count is not currently supported.",
        ));
    }
    call.options.only(&["$filter", "$search", "$count"])?;
    let conditions = Conditions::parse(call, list.only)?;
    Ok(Reply::text(count(tenant, list, &conditions).to_string()))
}

fn in_order<'t>(
    tenant: &'t Tenant,
    list: &List<'t>,
    conditions: &Conditions,
    after: Option<&Cursor>,
    top: usize,
) -> (Vec<Found<'t>>, Option<Cursor>) {
    let shortcut = conditions.shortcut(&list.source, tenant);
    let all = match shortcut {
        Some(short) => {
            let passed = after.cloned();
            let later = move |found: &Found<'_>| match (&found.at, &passed) {
                (Cursor::Id(id), Some(Cursor::Id(after))) => id > after,
                _ => true,
            };
            Box::new(short.filter(later))
        }
        None => list.source.after(tenant, after),
    };
    let mut shown: Vec<Found<'t>> = all
        .filter(|found| conditions.accept(found))
        .take(top + 1)
        .collect();
    let more = (shown.len() > top).then(|| {
        shown.truncate(top);
        shown.last().map(|last| last.at.clone())
    });
    (shown, more.flatten())
}

fn sorted<'t>(
    tenant: &'t Tenant,
    list: &List<'t>,
    conditions: &Conditions,
    order: Order,
    after: Option<&Cursor>,
    top: usize,
) -> (Vec<Found<'t>>, Option<Cursor>) {
    let flip = |ordering: std::cmp::Ordering| {
        if order.descending {
            ordering.reverse()
        } else {
            ordering
        }
    };
    let compare = |left: &(String, Uuid), right: &(String, Uuid)| {
        flip(left.0.cmp(&right.0)).then(left.1.cmp(&right.1))
    };
    let passed = match after {
        Some(Cursor::Sorted(key, id)) => Some((key.clone(), *id)),
        _ => None,
    };
    let all = list
        .source
        .after(tenant, None)
        .filter(|found| conditions.accept(found));
    let keyed = all.map(|found| ((order.key(&found.view), found.view.id()), found));
    let mut rest: Vec<_> = keyed
        .filter(|(key, _)| {
            passed
                .as_ref()
                .is_none_or(|passed| compare(key, passed).is_gt())
        })
        .collect();
    if rest.len() > top + 1 {
        rest.select_nth_unstable_by(top, |left, right| compare(&left.0, &right.0));
        rest.truncate(top + 1);
    }
    rest.sort_by(|left, right| compare(&left.0, &right.0));
    let more = rest.len() > top;
    rest.truncate(top);
    let last = rest
        .last()
        .map(|((key, id), _)| Cursor::Sorted(key.clone(), *id));
    (
        rest.into_iter().map(|(_, found)| found).collect(),
        last.filter(|_| more),
    )
}

fn render(
    call: &Call<'_>,
    tenant: &Tenant,
    list: &List<'_>,
    styles: &[Style; 2],
    shown: &[Found<'_>],
    count: Option<usize>,
    more: Option<Cursor>,
) -> Reply {
    let mut out = Vec::with_capacity(256 + shown.len() * 640);
    let mut sequence = Sequence::new();
    out.push(b'{');
    let set = context_name(list.set, call.options.get("$select"));
    sequence.pair(&mut out, "@odata.context", &call.context(&set));
    if let Some(count) = count {
        sequence.name(&mut out, "@odata.count");
        out.extend_from_slice(count.to_string().as_bytes());
    }
    if let Some(more) = more {
        let query = call.binding().next(more, call.now);
        sequence.pair(&mut out, "@odata.nextLink", &call.link(&query));
    }
    sequence.name(&mut out, "value");
    out.push(b'[');
    let mut items = Sequence::new();
    for _ in 0..=u8::from(call.request.duplicate) {
        for found in shown {
            items.next(&mut out);
            entity::write(
                &mut out,
                tenant,
                found.kind,
                &found.view,
                &styles[index(found.kind)],
            );
        }
    }
    out.extend_from_slice(b"]}");
    Reply::bytes(out)
}
