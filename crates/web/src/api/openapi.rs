//! `/api/openapi.json`: every operation with its scope, out of one table that
//! tests hold against the router.

use axum::Json;
use serde_json::{Map, Value, json};

/// One operation a line: method, path, scope, statuses of success, what it does.
const TABLE: &str = include_str!("openapi/operations.txt");

/// A line of the table.
struct Operation {
    method: &'static str,
    path: &'static str,
    scope: &'static str,
    status: &'static str,
    summary: &'static str,
}

fn operations() -> impl Iterator<Item = Operation> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let mut rest = line;
        let mut word = || {
            let (word, after) = rest.trim_start().split_once(' ')?;
            rest = after;
            Some(word)
        };
        Some(Operation {
            method: word()?,
            path: word()?,
            scope: word()?,
            status: word()?,
            summary: rest.trim(),
        })
    })
}

fn describe(operation: &Operation) -> Value {
    let Operation {
        method,
        path,
        scope,
        status,
        summary,
    } = operation;
    let tag = path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    let names = path.split(['{', '}']).skip(1).step_by(2);
    let in_path = names.map(|name| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
    });
    let mut parameters: Vec<Value> = in_path.collect();
    if *method == "get" && !path.contains('}') {
        for (name, kind) in [("limit", "integer"), ("after", "string")] {
            parameters.push(json!({ "name": name, "in": "query", "schema": { "type": kind } }));
        }
    }
    if *method == "post" {
        let schema = json!({ "type": "string", "maxLength": 255 });
        parameters.push(json!({ "name": "Idempotency-Key", "in": "header", "schema": schema }));
    }
    if matches!(*method, "patch" | "delete") {
        let schema = json!({ "type": "string" });
        parameters.push(json!({ "name": "If-Match", "in": "header", "schema": schema }));
    }
    let mut responses = Map::new();
    for status in status.split('|') {
        let mut success = json!({ "description": "Done" });
        if status != "204" {
            success["content"] = json!({ "application/json": { "schema": { "type": "object" } } });
        }
        responses.insert(status.to_owned(), success);
    }
    let problem = json!({ "$ref": "#/components/responses/Problem" });
    responses.insert("default".to_owned(), problem);
    let mut body = json!({
        "operationId": format!("{method}{}", path.replace(['/', '-'], "_").replace(['{', '}'], "")),
        "summary": summary, "tags": [tag], "parameters": parameters,
        "security": [{ "token": [scope] }],
        "responses": responses,
    });
    if matches!(*method, "post" | "put" | "patch") {
        let schema = json!({ "application/json": { "schema": { "type": "object" } } });
        body["requestBody"] = json!({ "content": schema });
    }
    body
}

fn document() -> Value {
    let mut paths = Map::new();
    for found in operations() {
        let path = paths.entry(found.path).or_insert_with(|| json!({}));
        path[found.method] = describe(&found);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Rollcall", "version": env!("CARGO_PKG_VERSION") },
        "servers": [{ "url": "/api/v1" }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "responses": { "Problem": {
                "description": "A problem (RFC 9457) with a stable code",
                "content": { "application/problem+json": { "schema": {
                    "type": "object",
                    "required": ["type", "title", "status", "code", "detail"],
                    "properties": {
                        "type": { "type": "string" }, "title": { "type": "string" },
                        "status": { "type": "integer" }, "code": { "type": "string" },
                        "detail": { "type": "string" }, "cure": { "type": "string" },
                    },
                } } },
            } },
        },
    })
}

/// The document as text.
pub fn openapi_json() -> String {
    format!("{:#}\n", document())
}

/// `GET /api/openapi.json`
pub(crate) async fn openapi() -> Json<Value> {
    Json(document())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_path_is_described_and_every_described_path_is_there() {
        let routes = crate::api::routes();
        let there: BTreeSet<_> = routes.paths().iter().map(String::as_str).collect();
        let described: BTreeSet<_> = operations().map(|found| found.path).collect();
        assert_eq!(there, described);
    }

    #[test]
    fn every_line_of_the_table_is_whole() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(operations().count(), lines);
        for found in operations() {
            assert!(["get", "post", "put", "patch", "delete"].contains(&found.method));
            assert!(["read", "people", "provisioning", "admin"].contains(&found.scope));
            assert!(!found.summary.is_empty(), "{}", found.path);
        }
    }
}
