//! What each call costs in resource units.
//! Source: "Throttling limits", identity and access: base costs and adjustments.

use axum::http::Method;

use super::route::{Relation, Route};
use crate::odata::options::Options;
use crate::schema::Kind;
use crate::throttle::Cost;

fn base(route: &Route) -> u32 {
    match route {
        Route::Objects(Kind::User) | Route::MemberOf { .. } | Route::GetMemberGroups(..) => 2,
        Route::Related(Relation::Members, ..) => 3,
        Route::Related(Relation::TransitiveMembers, ..) | Route::GetByIds => 5,
        Route::CheckMemberGroups(..) => 4,
        _ => 1,
    }
}

/// The price of a call; a read by POST is no write.
pub(crate) fn cost(route: &Route, method: &Method, options: &Options) -> Cost {
    let reads_by_post = matches!(
        route,
        Route::GetByIds | Route::CheckMemberGroups(..) | Route::GetMemberGroups(..)
    );
    let write = *method != Method::GET && !reads_by_post;
    if write {
        return Cost { units: 1, write };
    }
    let mut units = i64::from(base(route));
    if options.get("$select").is_some() {
        // Selecting takes three from getByIds: its own note says 2.
        units -= if *route == Route::GetByIds { 3 } else { 1 };
    }
    if options.get("$expand").is_some() {
        units += 1;
    }
    if options.top().ok().flatten().is_some_and(|top| top < 20) {
        units -= 1;
    }
    Cost {
        units: u32::try_from(units.max(1)).unwrap_or(1),
        write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::route::{parse, segments};

    #[test]
    fn prices_are_as_documented() {
        for (method, path, query, expected) in [
            ("GET", "/v1.0/users", "", 2),
            ("GET", "/v1.0/users", "$select=id", 1),
            ("GET", "/v1.0/users", "$select=id&$top=5", 1),
            ("GET", "/v1.0/users", "$expand=manager", 3),
            ("GET", "/v1.0/users/1", "", 1),
            ("GET", "/v1.0/users/delta", "", 1),
            ("GET", "/v1.0/groups/1/members", "", 3),
            (
                "GET",
                "/v1.0/groups/1/members/microsoft.graph.user",
                "$select=id",
                2,
            ),
            ("GET", "/v1.0/groups/1/transitiveMembers", "", 5),
            ("GET", "/v1.0/users/1/transitiveMemberOf", "", 2),
            ("POST", "/v1.0/users/1/checkMemberGroups", "", 4),
            ("POST", "/v1.0/users/1/getMemberGroups", "", 2),
            ("POST", "/v1.0/directoryObjects/getByIds", "", 5),
            ("POST", "/v1.0/directoryObjects/getByIds", "$select=id", 2),
            ("POST", "/v1.0/users", "", 1),
        ] {
            let route = parse(&segments(path).unwrap()).unwrap();
            let options = Options::parse(query).unwrap();
            let method: Method = method.parse().unwrap();
            let price = cost(&route, &method, &options);
            assert_eq!(price.units, expected, "{method} {path}?{query}");
        }
    }
}
