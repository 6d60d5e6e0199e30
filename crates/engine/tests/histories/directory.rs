//! Changes of the directory: people, groups, memberships.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::chance::Chance;
use crate::truth::Truth;
use crate::world::{DOMAINS, HOST, World, id};

const NAMES: [&str; 12] = [
    "ann", "bob", "cat", "dan", "eve", "fay", "gus", "hal", "ida", "jon", "kim", "leo",
];
const TITLES: [&str; 4] = ["Engineer", "Director", "Clerk", "Analyst"];

/// A name nobody has yet: a plain one, or a used one with a number.
fn free_upn(truth: &Truth, chance: &mut Chance) -> String {
    let taken = |upn: &str| truth.people.values().any(|human| human.upn == upn);
    for number in 0.. {
        let name = chance.pick(&NAMES).unwrap();
        let domain = chance.pick(&DOMAINS).unwrap();
        let upn = if number < 3 {
            format!("{name}@{domain}")
        } else {
            format!("{name}{number}@{domain}")
        };
        if !taken(&upn) {
            return upn;
        }
    }
    unreachable!("numbers do not end")
}

pub(crate) async fn add_person(world: &World, upn: &str, chance: &mut Chance) -> Uuid {
    let name = upn.split('@').next().unwrap();
    let mut person = json!({
        "accountEnabled": !chance.one_in(8), "displayName": name, "givenName": name,
        "surname": "Tester", "mailNickname": name, "userPrincipalName": upn,
        "passwordProfile": {"password": "not-used-7A", "forceChangePasswordNextSignIn": false},
    });
    if !chance.one_in(3) {
        person["jobTitle"] = json!(chance.pick(&TITLES));
        person["businessPhones"] = json!([format!("+1 555 {:04}", chance.below(9_999))]);
    }
    id(&world.write(Method::POST, "users", person).await)
}

async fn add_guest(world: &World, truth: &Truth, chance: &mut Chance) -> Option<Uuid> {
    let name = chance.pick(&NAMES).unwrap();
    let upn = format!("{name}_partner.net#EXT#@contoso.onmicrosoft.com");
    if truth.people.values().any(|human| human.upn == upn) {
        return None;
    }
    let person = json!({
        "accountEnabled": true, "displayName": name, "givenName": name, "surname": "Guest",
        "mailNickname": format!("{name}_partner.net#EXT#"), "userPrincipalName": upn,
        "userType": "Guest", "creationType": "Invitation", "externalUserState": "Accepted",
        "mail": format!("{name}@partner.net"),
        "identities": [{"signInType": "federated", "issuer": "ExternalAzureAD",
            "issuerAssignedId": null}],
        "passwordProfile": {"password": "not-used-7A", "forceChangePasswordNextSignIn": false},
    });
    Some(id(&world.write(Method::POST, "users", person).await))
}

pub(crate) async fn add_group(world: &World, name: &str) -> Uuid {
    // Ages of groups decide: no two are of one second.
    world.advance(2);
    let group = json!({
        "displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true,
    });
    id(&world.write(Method::POST, "groups", group).await)
}

pub(crate) async fn add_member(world: &World, group: Uuid, member: Uuid) {
    let reference = json!({"@odata.id": format!("{HOST}/v1.0/directoryObjects/{member}")});
    let path = format!("groups/{group}/members/$ref");
    world.write(Method::POST, &path, reference).await;
}

async fn patch(world: &World, person: Uuid, change: Value) {
    let path = format!("users/{person}");
    world.write(Method::PATCH, &path, change).await;
}

/// One change; says which. `None` when chance asked for what cannot be done.
pub(crate) async fn perturb(world: &World, truth: &Truth, chance: &mut Chance) -> Option<String> {
    let people = truth.ordinary();
    let groups: Vec<Uuid> = truth.groups.keys().copied().collect();
    let person = chance.pick(&people);
    let group = chance.pick(&groups)?;
    match chance.below(20) {
        0 => {
            let upn = free_upn(truth, chance);
            let person = add_person(world, &upn, chance).await;
            add_member(world, group, person).await;
            Some(format!("{upn} {person} is hired into {group}"))
        }
        1 => {
            let person = add_guest(world, truth, chance).await?;
            add_member(world, group, person).await;
            Some(format!("guest {person} is invited into {group}"))
        }
        2..=4 => join(world, truth, group, chance).await,
        5..=7 => leave(world, truth, group, chance).await,
        8..=10 => change_attribute(world, truth, person?, chance).await,
        11 => {
            let person = person?;
            let enabled = !truth.people[&person].enabled;
            patch(world, person, json!({"accountEnabled": enabled})).await;
            Some(format!("{person} enabled {enabled}"))
        }
        12 => {
            let person = person?;
            world
                .write(Method::DELETE, &format!("users/{person}"), Value::Null)
                .await;
            Some(format!("{person} is deleted"))
        }
        13 | 14 => {
            let deleted: Vec<Uuid> = truth.soft_deleted.iter().copied().collect();
            let person = chance.pick(&deleted)?;
            restore(world, person).await
        }
        15 => {
            let deleted: Vec<Uuid> = truth.soft_deleted.iter().copied().collect();
            let person = chance.pick(&deleted)?;
            let path = format!("tenants/{}/purge", world.tenant);
            world
                .control(Method::POST, &path, json!({"ids": [person]}))
                .await;
            Some(format!("{person} is purged"))
        }
        16 => {
            let person = person?;
            if truth.people[&person].is_guest {
                return None;
            }
            let upn = free_upn(truth, chance);
            patch(world, person, json!({"userPrincipalName": upn})).await;
            Some(format!("{person} is now {upn}"))
        }
        17 => recreate(world, truth, person?, chance).await,
        18 => nest(world, truth, group, chance).await,
        _ => delete_group(world, truth, group).await,
    }
}

async fn join(world: &World, truth: &Truth, group: Uuid, chance: &mut Chance) -> Option<String> {
    let mut people = truth.ordinary();
    people.retain(|person| !truth.groups[&group].members.contains(person));
    let person = chance.pick(&people)?;
    add_member(world, group, person).await;
    Some(format!("{person} joins {group}"))
}

async fn leave(world: &World, truth: &Truth, group: Uuid, chance: &mut Chance) -> Option<String> {
    let members: Vec<Uuid> = truth.groups[&group].members.iter().copied().collect();
    let member = chance.pick(&members)?;
    let path = format!("groups/{group}/members/{member}/$ref");
    world.write(Method::DELETE, &path, Value::Null).await;
    Some(format!("{member} leaves {group}"))
}

/// Deletes a group that has to do with no other, or brings one back.
async fn delete_group(world: &World, truth: &Truth, group: Uuid) -> Option<String> {
    if let Some(group) = truth.deleted_groups.first().copied() {
        return restore(world, group).await;
    }
    let is_inside = truth
        .groups
        .values()
        .any(|crowd| crowd.members.contains(&group));
    let mut members = truth.groups[&group].members.iter();
    if is_inside || members.any(|member| truth.groups.contains_key(member)) {
        return None;
    }
    let path = format!("groups/{group}");
    world.write(Method::DELETE, &path, Value::Null).await;
    Some(format!("group {group} is deleted"))
}

async fn restore(world: &World, object: Uuid) -> Option<String> {
    let path = format!("directory/deletedItems/{object}/restore");
    // Refused when somebody else has the name by now.
    let answer = world.attempt(Method::POST, &path, Value::Null).await;
    answer
        .status
        .is_success()
        .then(|| format!("{object} is restored"))
}

async fn change_attribute(
    world: &World,
    truth: &Truth,
    person: Uuid,
    chance: &mut Chance,
) -> Option<String> {
    let change = match chance.below(6) {
        0 => json!({"jobTitle": chance.pick(&TITLES)}),
        1 => json!({"jobTitle": null}),
        2 => json!({"businessPhones": [format!("+1 555 {:04}", chance.below(9_999))]}),
        3 => json!({"givenName": chance.pick(&NAMES)}),
        // Not mapped: it counts as a change all the same.
        4 => json!({"city": format!("City {}", chance.below(999))}),
        _ => {
            let was = truth.people[&person].title.clone();
            patch(world, person, json!({"jobTitle": "For a moment"})).await;
            json!({ "jobTitle": was })
        }
    };
    patch(world, person, change.clone()).await;
    Some(format!("{person} changes {change}"))
}

/// The account is deleted for good, and another one gets its name.
async fn recreate(
    world: &World,
    truth: &Truth,
    person: Uuid,
    chance: &mut Chance,
) -> Option<String> {
    let human = &truth.people[&person];
    if human.is_guest {
        return None;
    }
    let groups: Vec<Uuid> = truth
        .groups
        .iter()
        .filter(|(_, crowd)| crowd.members.contains(&person))
        .map(|(group, _)| *group)
        .collect();
    world
        .write(Method::DELETE, &format!("users/{person}"), Value::Null)
        .await;
    let path = format!("tenants/{}/purge", world.tenant);
    world
        .control(Method::POST, &path, json!({"ids": [person]}))
        .await;
    let again = add_person(world, &human.upn, chance).await;
    for group in groups {
        add_member(world, group, again).await;
    }
    Some(format!("{person} is recreated as {again}"))
}

async fn nest(world: &World, truth: &Truth, group: Uuid, chance: &mut Chance) -> Option<String> {
    let inner: Vec<Uuid> = truth
        .groups
        .keys()
        .copied()
        .filter(|g| *g != group)
        .collect();
    let inner = chance.pick(&inner)?;
    if truth.groups[&group].members.contains(&inner) {
        let path = format!("groups/{group}/members/{inner}/$ref");
        world.write(Method::DELETE, &path, Value::Null).await;
        return Some(format!("group {inner} leaves {group}"));
    }
    add_member(world, group, inner).await;
    Some(format!("group {inner} is put into {group}"))
}
