//! One entry of a delta page: what is tracked of an object, or that it is gone.

use serde_json::Value;
use uuid::Uuid;

use crate::directory::objects::View;
use crate::render::{self, Sequence};
use crate::schema::{Kind, PropertySet, known};

/// A member that came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemberEntry {
    pub id: Uuid,
    pub kind: Kind,
    pub removed: bool,
}

/// Entries of a page, as they are written.
#[derive(Debug)]
pub(super) struct Entries {
    pub out: Vec<u8>,
    sequence: Sequence,
    pub count: usize,
    pub omit_manager: bool,
}

impl Entries {
    pub(super) fn new(omit_manager: bool) -> Self {
        Self {
            out: Vec::new(),
            sequence: Sequence::new(),
            count: 0,
            omit_manager,
        }
    }

    /// `{"id": …, "@removed": {"reason": …}}`.
    pub(super) fn removed(&mut self, id: Uuid, reason: &str) {
        self.count += 1;
        self.sequence.next(&mut self.out);
        self.out.extend_from_slice(b"{\"id\":");
        render::uuid(&mut self.out, id);
        self.out.extend_from_slice(b",\"@removed\":{\"reason\":");
        render::text(&mut self.out, reason);
        self.out.extend_from_slice(b"}}");
    }

    /// An object with those of `show` that were ever set, and its member changes.
    pub(super) fn object(
        &mut self,
        kind: Kind,
        view: &View<'_>,
        show: PropertySet,
        members: &[MemberEntry],
    ) {
        self.count += 1;
        self.sequence.next(&mut self.out);
        let out = &mut self.out;
        out.push(b'{');
        let mut sequence = Sequence::new();
        sequence.name(out, "id");
        render::uuid(out, view.id());
        for id in show.iter().filter(|id| *id != known::user::ID) {
            if kind == Kind::User && id == known::user::MANAGER {
                if !self.omit_manager {
                    write_manager(out, &mut sequence, view);
                }
                continue;
            }
            let before = out.len();
            // There is always an id before it.
            sequence.name(out, kind.property(id).name);
            if !view.write(id, out) {
                out.truncate(before);
            }
        }
        if !members.is_empty() {
            sequence.name(out, "members@delta");
            write_members(out, members);
        }
        out.push(b'}');
    }
}

fn write_manager(out: &mut Vec<u8>, sequence: &mut Sequence, view: &View<'_>) {
    let Some(manager) = view.get(known::user::MANAGER) else {
        return;
    };
    sequence.name(out, "manager@delta");
    match manager.as_ref() {
        Value::String(id) => {
            out.extend_from_slice(b"[{\"@odata.type\":\"#microsoft.graph.user\",\"id\":");
            render::text(out, id);
            out.extend_from_slice(b"}]");
        }
        _ => out.extend_from_slice(b"[]"),
    }
}

fn write_members(out: &mut Vec<u8>, members: &[MemberEntry]) {
    out.push(b'[');
    let mut sequence = Sequence::new();
    for member in members {
        sequence.next(out);
        out.extend_from_slice(b"{\"@odata.type\":");
        render::text(out, member.kind.odata_type());
        out.extend_from_slice(b",\"id\":");
        render::uuid(out, member.id);
        if member.removed {
            out.extend_from_slice(b",\"@removed\":{\"reason\":\"deleted\"}");
        }
        out.push(b'}');
    }
    out.push(b']');
}
