//! The truth about a tenant: every person, and every group with its direct members.
//! Written in pieces, so that a million people need no memory; tenants of up to 5,000 people are one moment's picture.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::Value;
use uuid::Uuid;

use super::Refused;
use super::tenants::find;
use crate::app::App;
use crate::directory::membership::{Member, Memberships};
use crate::directory::objects::{Slot, View};
use crate::directory::tenant::Tenant;
use crate::render::{self, Sequence};
use crate::schema::Kind;

/// Objects written under one lock.
const PIECE: usize = 5_000;

/// Writes everything ever set on an object, and for a group who is in it.
fn write(out: &mut Vec<u8>, tenant: &Tenant, kind: Kind, view: &View<'_>, group: Option<Slot>) {
    out.extend_from_slice(b"{\"id\":");
    render::uuid(out, view.id());
    for (at, property) in kind.properties().iter().enumerate().skip(1) {
        let before = out.len();
        out.push(b',');
        render::text(out, property.name);
        out.push(b':');
        let id = u8::try_from(at).unwrap_or(u8::MAX);
        if !view.write(id, out) {
            out.truncate(before);
        }
    }
    if let Some(group) = group {
        list(out, ",\"members\":[", tenant, &tenant.members, group);
        list(out, ",\"owners\":[", tenant, &tenant.owners, group);
    }
    out.push(b'}');
}

fn list(out: &mut Vec<u8>, opening: &str, tenant: &Tenant, memberships: &Memberships, group: Slot) {
    out.extend_from_slice(opening.as_bytes());
    let mut sequence = Sequence::new();
    for view in memberships
        .after(group, None)
        .filter_map(|member| tenant.view(member))
    {
        sequence.next(out);
        render::uuid(out, view.id());
    }
    out.push(b']');
}

/// One object as JSON.
pub(super) fn object_json(tenant: &Tenant, member: Member) -> Value {
    let (kind, slot) = (member.kind(), member.slot());
    let mut out = Vec::new();
    let objects = tenant.objects(kind);
    let recycled = objects.deleted_view(slot).map(View::Stored);
    if let Some(view) = objects.view(slot).or(recycled) {
        let group = (kind == Kind::Group).then_some(slot);
        write(&mut out, tenant, kind, &view, group);
    }
    serde_json::from_slice(&out).unwrap_or_default()
}

/// Where the writing stands.
enum Stage {
    People(Option<Uuid>),
    Groups(Option<Uuid>),
    Deleted,
    Done,
}

fn live(out: &mut Vec<u8>, tenant: &Tenant, kind: Kind, after: Option<Uuid>) -> Option<Uuid> {
    let objects = tenant.objects(kind);
    let mut last = None;
    for (count, (id, slot)) in objects.after(after).enumerate() {
        if count == PIECE {
            return last;
        }
        if after.is_some() || last.is_some() {
            out.push(b',');
        }
        last = Some(id);
        if let Some(view) = objects.view(slot) {
            write(
                out,
                tenant,
                kind,
                &view,
                (kind == Kind::Group).then_some(slot),
            );
        }
    }
    None
}

/// Writes stages until a piece is full or all is written.
fn piece(tenant: &Tenant, mut stage: Stage) -> (Vec<u8>, Stage) {
    let mut out = Vec::new();
    loop {
        stage = match stage {
            Stage::People(after) => {
                if after.is_none() {
                    out.extend_from_slice(b"{\"tenant_id\":");
                    render::uuid(&mut out, tenant.id);
                    out.extend_from_slice(b",\"people\":[");
                }
                match live(&mut out, tenant, Kind::User, after) {
                    Some(last) => return (out, Stage::People(Some(last))),
                    None => Stage::Groups(None),
                }
            }
            Stage::Groups(after) => {
                if after.is_none() {
                    out.extend_from_slice(b"],\"groups\":[");
                }
                match live(&mut out, tenant, Kind::Group, after) {
                    Some(last) => return (out, Stage::Groups(Some(last))),
                    None => Stage::Deleted,
                }
            }
            Stage::Deleted => {
                deleted(&mut out, tenant);
                return (out, Stage::Done);
            }
            Stage::Done => return (out, Stage::Done),
        };
    }
}

fn deleted(out: &mut Vec<u8>, tenant: &Tenant) {
    for (name, kind) in [
        ("],\"deleted_people\":[", Kind::User),
        ("],\"deleted_groups\":[", Kind::Group),
    ] {
        out.extend_from_slice(name.as_bytes());
        let objects = tenant.objects(kind);
        let mut sequence = Sequence::new();
        for record in objects
            .deleted_after(None)
            .filter_map(|(_, slot)| objects.deleted_view(slot))
        {
            sequence.next(out);
            write(out, tenant, kind, &View::Stored(record), None);
        }
    }
    out.extend_from_slice(b"]}");
}

/// `GET /tenants/{tenant}/state`.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    let tenant_id = find(&app.core, &name)?;
    let pieces = futures::stream::unfold(Stage::People(None), move |stage| {
        let next = match stage {
            Stage::Done => None,
            stage => app
                .core
                .world()
                .tenant(tenant_id)
                .map(|tenant| piece(tenant, stage)),
        };
        std::future::ready(next.map(|(out, stage)| (Ok::<_, Infallible>(Bytes::from(out)), stage)))
    });
    // Compression asks once more after the end.
    let mut response = Response::new(Body::from_stream(pieces.fuse()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(response)
}
