//! Addresses of Graph v1.0: what a path stands for. Methods, permissions and options are looked at later.

use percent_encoding::percent_decode_str;

use crate::schema::Kind;

/// Which members or owners of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Members,
    TransitiveMembers,
    Owners,
}

/// What a path stands for; ids are as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Organizations,
    Organization(String),
    Me,
    Objects(Kind),
    Count(Kind),
    Object(Kind, String),
    DirectoryObject(String),
    Delta(Kind),
    Related(Relation, String, Option<Kind>),
    RelatedCount(Relation, String, Option<Kind>),
    References(Relation, String),
    Reference(Relation, String, String),
    MemberOf {
        kind: Kind,
        id: String,
        cast: Option<Kind>,
        transitive: bool,
    },
    CheckMemberGroups(Kind, String),
    GetMemberGroups(Kind, String),
    Manager(String),
    ManagerReference(String),
    DeletedItems(Kind),
    DeletedItem(String),
    RestoreItem(String),
    GetByIds,
    ServicePrincipals,
    ServicePrincipal(String),
    AppRoleAssignedTo(String),
    AppRoleAssignment(String, String),
    Invitations,
    Subscriptions,
    Subscription(String),
    Reauthorize(String),
    Batch,
}

/// The segments after the version, decoded; doubled slashes are one, `users('id')` is `users/id`, `()` is dropped.
/// `None` when the path is not of v1.0.
pub(crate) fn segments(path: &str) -> Option<Vec<String>> {
    let mut raw = path.split('/').filter(|segment| !segment.is_empty());
    if !raw.next()?.eq_ignore_ascii_case("v1.0") {
        return None;
    }
    let mut segments = Vec::new();
    for segment in raw {
        let decoded = percent_decode_str(segment).decode_utf8().ok()?;
        let called = decoded
            .strip_suffix(')')
            .and_then(|call| call.split_once('('));
        match called {
            Some((name, key)) => {
                segments.push(name.to_owned());
                let key = key.replace('\'', "");
                if !key.is_empty() {
                    segments.push(key);
                }
            }
            None => segments.push(decoded.into_owned()),
        }
    }
    Some(segments)
}

/// A word of an address as the table below has it: lower case, without namespace unless it is a cast.
fn word(segment: &str) -> String {
    let lower = segment.to_ascii_lowercase();
    match lower.strip_prefix("microsoft.graph.") {
        Some("user") => "#user".to_owned(),
        Some("group") => "#group".to_owned(),
        Some(function) => function.to_owned(),
        None => lower,
    }
}

fn cast(word: &str) -> Option<Kind> {
    Kind::ALL
        .into_iter()
        .find(|kind| word.strip_prefix('#') == Some(kind.name()))
}

fn collection(word: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.collection() == word)
}

/// What the segments stand for.
pub(crate) fn parse(segments: &[String]) -> Option<Route> {
    let words: Vec<String> = segments.iter().map(|segment| word(segment)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let given = |at: usize| segments[at].clone();
    let route = match words[..] {
        ["organization"] => Route::Organizations,
        ["organization", _] => Route::Organization(given(1)),
        ["me"] => Route::Me,
        ["directoryobjects", "getbyids"] => Route::GetByIds,
        ["directoryobjects", _] => Route::DirectoryObject(given(1)),
        ["directory", "deleteditems", kind] if cast(kind).is_some() => {
            Route::DeletedItems(cast(kind)?)
        }
        ["directory", "deleteditems", _] => Route::DeletedItem(given(2)),
        ["directory", "deleteditems", _, "restore"] => Route::RestoreItem(given(2)),
        ["serviceprincipals"] => Route::ServicePrincipals,
        ["serviceprincipals", _] => Route::ServicePrincipal(given(1)),
        ["serviceprincipals", _, "approleassignedto"] => Route::AppRoleAssignedTo(given(1)),
        ["serviceprincipals", _, "approleassignedto", _] => {
            Route::AppRoleAssignment(given(1), given(3))
        }
        ["invitations"] => Route::Invitations,
        ["subscriptions"] => Route::Subscriptions,
        ["subscriptions", _] => Route::Subscription(given(1)),
        ["subscriptions", _, "reauthorize"] => Route::Reauthorize(given(1)),
        ["$batch"] => Route::Batch,
        [first, ..] => return objects(collection(first)?, &words, given),
        [] => return None,
    };
    Some(route)
}

fn objects(kind: Kind, words: &[&str], given: impl Fn(usize) -> String) -> Option<Route> {
    let route = match words[1..] {
        [] => Route::Objects(kind),
        ["$count"] => Route::Count(kind),
        ["delta"] => Route::Delta(kind),
        [_] => Route::Object(kind, given(1)),
        [_, "checkmembergroups"] => Route::CheckMemberGroups(kind, given(1)),
        [_, "getmembergroups"] => Route::GetMemberGroups(kind, given(1)),
        [_, "manager"] if kind == Kind::User => Route::Manager(given(1)),
        [_, "manager", "$ref"] if kind == Kind::User => Route::ManagerReference(given(1)),
        [_, name @ ("memberof" | "transitivememberof"), ref rest @ ..] => {
            let cast = match rest {
                [] => None,
                [word] => Some(cast(word)?),
                _ => return None,
            };
            let transitive = name == "transitivememberof";
            Route::MemberOf {
                kind,
                id: given(1),
                cast,
                transitive,
            }
        }
        [_, name, ..] if kind == Kind::Group => return related(name, words, given),
        _ => return None,
    };
    Some(route)
}

fn related(name: &str, words: &[&str], given: impl Fn(usize) -> String) -> Option<Route> {
    let relation = match name {
        "members" => Relation::Members,
        "transitivemembers" => Relation::TransitiveMembers,
        "owners" => Relation::Owners,
        _ => return None,
    };
    let group = given(1);
    let route = match words[3..] {
        [] => Route::Related(relation, group, None),
        ["$count"] => Route::RelatedCount(relation, group, None),
        ["$ref"] => Route::References(relation, group),
        [word] => Route::Related(relation, group, Some(cast(word)?)),
        [word, "$count"] => Route::RelatedCount(relation, group, Some(cast(word)?)),
        [_, "$ref"] => Route::Reference(relation, group, given(3)),
        _ => return None,
    };
    Some(route)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_address_leads_to_its_route() {
        let id = || "1".to_owned();
        for (path, expected) in [
            ("/v1.0/users", Some(Route::Objects(Kind::User))),
            ("/v1.0//users", Some(Route::Objects(Kind::User))),
            ("/v1.0/Users/$count", Some(Route::Count(Kind::User))),
            ("/v1.0/users/delta", Some(Route::Delta(Kind::User))),
            ("/v1.0/users/delta()", Some(Route::Delta(Kind::User))),
            (
                "/v1.0/groups/microsoft.graph.delta()",
                Some(Route::Delta(Kind::Group)),
            ),
            ("/v1.0/users('1')", Some(Route::Object(Kind::User, id()))),
            (
                "/v1.0/users/a%23EXT%23@b.c",
                Some(Route::Object(Kind::User, "a#EXT#@b.c".to_owned())),
            ),
            (
                "/v1.0/groups/1/members",
                Some(Route::Related(Relation::Members, id(), None)),
            ),
            (
                "/v1.0/groups/1/transitiveMembers/microsoft.graph.user",
                Some(Route::Related(
                    Relation::TransitiveMembers,
                    id(),
                    Some(Kind::User),
                )),
            ),
            (
                "/v1.0/groups/1/members/$count",
                Some(Route::RelatedCount(Relation::Members, id(), None)),
            ),
            (
                "/v1.0/groups/1/members/$ref",
                Some(Route::References(Relation::Members, id())),
            ),
            (
                "/v1.0/groups/1/members/2/$ref",
                Some(Route::Reference(Relation::Members, id(), "2".to_owned())),
            ),
            (
                "/v1.0/users/1/microsoft.graph.checkMemberGroups",
                Some(Route::CheckMemberGroups(Kind::User, id())),
            ),
            (
                "/v1.0/directory/deletedItems/microsoft.graph.user",
                Some(Route::DeletedItems(Kind::User)),
            ),
            (
                "/v1.0/directory/deletedItems/1",
                Some(Route::DeletedItem(id())),
            ),
            (
                "/v1.0/servicePrincipals(appId='1')",
                Some(Route::ServicePrincipal("appId=1".to_owned())),
            ),
            ("/v1.0/users/1/members", None),
            ("/v1.0/nothing", None),
            ("/beta/users", None),
            ("/v1.0", None),
        ] {
            let route = segments(path).and_then(|segments| parse(&segments));
            assert_eq!(route, expected, "{path}");
        }
    }
}
