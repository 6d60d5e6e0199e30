//! What the directory really holds, asked of the emulator. The engine is never
//! asked.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::Value;
use uuid::Uuid;

use crate::world::{ADMIN, World};

/// A person as the directory has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Human {
    pub(crate) upn: String,
    pub(crate) mail: Option<String>,
    pub(crate) given: Option<String>,
    pub(crate) surname: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) is_guest: bool,
    pub(crate) enabled: bool,
    /// Everything, mapped or not.
    pub(crate) all: Value,
}

/// A group with its direct members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crowd {
    pub(crate) created: String,
    pub(crate) members: BTreeSet<Uuid>,
}

/// The whole tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) people: BTreeMap<Uuid, Human>,
    pub(crate) groups: BTreeMap<Uuid, Crowd>,
    pub(crate) soft_deleted: BTreeSet<Uuid>,
    pub(crate) deleted_groups: BTreeSet<Uuid>,
}

impl Truth {
    pub(crate) async fn read(world: &World) -> Self {
        let path = format!("tenants/{}/state", world.tenant);
        let state = world.control(Method::GET, &path, Value::Null).await;
        let list = |name: &str| state[name].as_array().cloned().unwrap_or_default();
        let people = list("people");
        let groups = list("groups");
        Self {
            people: people.iter().map(|v| (uuid(&v["id"]), human(v))).collect(),
            groups: groups.iter().map(|v| (uuid(&v["id"]), crowd(v))).collect(),
            soft_deleted: list("deleted_people")
                .iter()
                .map(|v| uuid(&v["id"]))
                .collect(),
            deleted_groups: list("deleted_groups")
                .iter()
                .map(|v| uuid(&v["id"]))
                .collect(),
        }
    }

    /// Everybody but the administrator who connected: nothing can be said of a
    /// connection whose account is gone.
    pub(crate) fn ordinary(&self) -> Vec<Uuid> {
        let people = self.people.iter();
        let ordinary = people.filter(|(_, human)| human.upn != ADMIN);
        ordinary.map(|(id, _)| *id).collect()
    }

    /// Every group in a group, through the groups inside it.
    pub(crate) fn below(&self, group: Uuid) -> BTreeSet<Uuid> {
        let mut below = BTreeSet::new();
        let mut todo = vec![group];
        while let Some(crowd) = todo.pop().and_then(|group| self.groups.get(&group)) {
            let groups = crowd.members.iter();
            let groups = groups.filter(|member| self.groups.contains_key(member));
            for inner in groups.copied().collect::<Vec<_>>() {
                if below.insert(inner) {
                    todo.push(inner);
                }
            }
        }
        below
    }

    /// Everybody in a group, through the groups inside it if `nested`.
    pub(crate) fn inside(&self, group: Uuid, nested: bool) -> BTreeSet<Uuid> {
        let mut groups = BTreeSet::from([group]);
        if nested {
            groups.extend(self.below(group));
        }
        let crowds = groups.iter().filter_map(|group| self.groups.get(group));
        let members = crowds.flat_map(|crowd| &crowd.members);
        members
            .filter(|member| self.people.contains_key(member))
            .copied()
            .collect()
    }
}

fn uuid(value: &Value) -> Uuid {
    value.as_str().unwrap().parse().unwrap()
}

fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    (!text.trim().is_empty()).then(|| text.to_owned())
}

fn human(value: &Value) -> Human {
    let mut all = value.clone();
    // What has no value is as if it were not there.
    all.as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    // The emulator's own bookkeeping is no property anybody reads.
    for name in [
        "refreshTokensValidFromDateTime",
        "signInSessionsValidFromDateTime",
    ] {
        all.as_object_mut().unwrap().remove(name);
    }
    Human {
        upn: text(&value["userPrincipalName"]).unwrap(),
        mail: text(&value["mail"]),
        given: text(&value["givenName"]),
        surname: text(&value["surname"]),
        phone: text(&value["businessPhones"][0]),
        title: text(&value["jobTitle"]),
        is_guest: value["userType"] == "Guest",
        enabled: value["accountEnabled"] != Value::Bool(false),
        all,
    }
}

fn crowd(value: &Value) -> Crowd {
    let members = value["members"].as_array().unwrap();
    Crowd {
        created: text(&value["createdDateTime"]).unwrap(),
        members: members.iter().map(uuid).collect(),
    }
}
