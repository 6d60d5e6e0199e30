//! `/api/openapi.json`: every operation with its scope, out of one table that
//! a test holds against the router.

use axum::Json;
use serde_json::{Map, Value, json};

/// Method, path, scope, what it does, the status of success.
pub(super) type Operation = (&'static str, &'static str, &'static str, &'static str, u16);

/// Every operation of the API.
pub(super) const OPERATIONS: &[Operation] = &[
    (
        "get",
        "/connections",
        "read",
        "Connections with their state",
        200,
    ),
    (
        "post",
        "/connections",
        "provisioning",
        "Add a connection to a tenant",
        201,
    ),
    ("get", "/connections/{id}", "read", "One connection", 200),
    (
        "patch",
        "/connections/{id}",
        "provisioning",
        "Change a connection, pause or resume it",
        200,
    ),
    (
        "delete",
        "/connections/{id}",
        "provisioning",
        "Remove a connection (?people=keep|deactivate, ?plan_only)",
        204,
    ),
    (
        "post",
        "/connections/{id}/connect",
        "provisioning",
        "Begin consent: gives authorize_url",
        200,
    ),
    (
        "post",
        "/connections/{id}/sync",
        "provisioning",
        "Queue a sync",
        202,
    ),
    (
        "get",
        "/connections/{id}/check",
        "provisioning",
        "The self-check, line by line",
        200,
    ),
    (
        "get",
        "/connections/{id}/groups",
        "read",
        "Look groups of the tenant up (?search=)",
        200,
    ),
    (
        "get",
        "/mapping-rules",
        "read",
        "Mapping rules in their Order",
        200,
    ),
    (
        "post",
        "/mapping-rules",
        "provisioning",
        "Add a rule (?plan_only=true shows the plan)",
        201,
    ),
    (
        "post",
        "/mapping-rules/reorder",
        "provisioning",
        "Give rules new Orders",
        200,
    ),
    ("get", "/mapping-rules/{id}", "read", "One rule", 200),
    (
        "patch",
        "/mapping-rules/{id}",
        "provisioning",
        "Change a rule",
        200,
    ),
    (
        "delete",
        "/mapping-rules/{id}",
        "provisioning",
        "Delete a rule",
        200,
    ),
    (
        "get",
        "/employee-defaults",
        "read",
        "Employee Defaults",
        200,
    ),
    (
        "put",
        "/employee-defaults",
        "provisioning",
        "Set Employee Defaults",
        200,
    ),
    (
        "get",
        "/field-policies",
        "read",
        "Field policies by kind and field",
        200,
    ),
    (
        "put",
        "/field-policies",
        "provisioning",
        "Set field policies",
        200,
    ),
    (
        "get",
        "/plans/{id}",
        "read",
        "A plan with counts and actions",
        200,
    ),
    (
        "post",
        "/plans/{id}/approve",
        "provisioning",
        "Approve a held plan by its hash",
        202,
    ),
    (
        "post",
        "/plans/{id}/reject",
        "provisioning",
        "Reject a held plan",
        204,
    ),
    ("get", "/sync-runs", "read", "Runs, newest first", 200),
    ("get", "/sync-runs/{id}", "read", "One run", 200),
    (
        "get",
        "/sync-runs/{id}/actions",
        "read",
        "What a run does or did",
        200,
    ),
    (
        "get",
        "/review-items",
        "read",
        "Questions for a person",
        200,
    ),
    (
        "post",
        "/review-items/{id}/resolve",
        "provisioning",
        "Answer: link, create or ignore",
        200,
    ),
    ("get", "/employees", "read", "Employees", 200),
    ("post", "/employees", "people", "Add an employee", 201),
    ("get", "/employees/{id}", "read", "One employee", 200),
    (
        "patch",
        "/employees/{id}",
        "people",
        "Change an employee",
        200,
    ),
    (
        "delete",
        "/employees/{id}",
        "people",
        "Delete an employee nothing refers to",
        204,
    ),
    (
        "get",
        "/employees/{id}/why",
        "read",
        "Why the record is as it is",
        200,
    ),
    (
        "get",
        "/employees/{id}/timeline",
        "read",
        "What happened to the record",
        200,
    ),
    (
        "post",
        "/employees/{id}/resync",
        "provisioning",
        "Look at the person again",
        202,
    ),
    (
        "post",
        "/employees/{id}/reapply",
        "provisioning",
        "Apply the directory over local edits",
        202,
    ),
    (
        "post",
        "/employees/{id}/pin",
        "people",
        "Keep the directory off the record",
        200,
    ),
    (
        "post",
        "/employees/{id}/restore",
        "people",
        "Bring an archived record back",
        200,
    ),
    (
        "put",
        "/employees/{id}/password",
        "admin",
        "Set the local password",
        204,
    ),
    ("get", "/contacts", "read", "Contacts", 200),
    ("post", "/contacts", "people", "Add a contact", 201),
    ("get", "/contacts/{id}", "read", "One contact", 200),
    ("patch", "/contacts/{id}", "people", "Change a contact", 200),
    (
        "delete",
        "/contacts/{id}",
        "people",
        "Delete a contact nothing refers to",
        204,
    ),
    (
        "get",
        "/contacts/{id}/why",
        "read",
        "Why the record is as it is",
        200,
    ),
    (
        "get",
        "/contacts/{id}/timeline",
        "read",
        "What happened to the record",
        200,
    ),
    (
        "post",
        "/contacts/{id}/resync",
        "provisioning",
        "Look at the person again",
        202,
    ),
    (
        "post",
        "/contacts/{id}/reapply",
        "provisioning",
        "Apply the directory over local edits",
        202,
    ),
    (
        "post",
        "/contacts/{id}/pin",
        "people",
        "Keep the directory off the record",
        200,
    ),
    (
        "post",
        "/contacts/{id}/restore",
        "people",
        "Bring an archived record back",
        200,
    ),
    (
        "put",
        "/contacts/{id}/password",
        "admin",
        "Set the local password",
        204,
    ),
    ("get", "/accounts", "read", "Accounts by name", 200),
    ("post", "/accounts", "people", "Add an account", 201),
    ("get", "/accounts/{id}", "read", "One account", 200),
    (
        "patch",
        "/accounts/{id}",
        "people",
        "Change an account",
        200,
    ),
    (
        "delete",
        "/accounts/{id}",
        "people",
        "Delete an account nothing refers to",
        204,
    ),
    (
        "get",
        "/security-roles",
        "read",
        "Security roles with their rights",
        200,
    ),
    ("get", "/departments", "read", "Departments", 200),
    ("post", "/departments", "people", "Add a department", 201),
    ("get", "/locations", "read", "Locations", 200),
    ("post", "/locations", "people", "Add a location", 201),
    ("get", "/job-titles", "read", "Job titles", 200),
    ("post", "/job-titles", "people", "Add a job title", 201),
    ("get", "/employment-types", "read", "Employment types", 200),
    (
        "post",
        "/employment-types",
        "people",
        "Add an employment type",
        201,
    ),
    (
        "get",
        "/employee-roles",
        "read",
        "Employee roles (billing)",
        200,
    ),
    (
        "post",
        "/employee-roles",
        "people",
        "Add an employee role",
        201,
    ),
    ("get", "/tickets", "read", "Tickets, newest first", 200),
    ("post", "/tickets", "people", "Open a ticket", 201),
    ("get", "/tickets/{id}", "read", "One ticket", 200),
    (
        "patch",
        "/tickets/{id}",
        "people",
        "Change, assign or close a ticket",
        200,
    ),
    ("delete", "/tickets/{id}", "people", "Delete a ticket", 204),
    ("get", "/invoices", "read", "Invoices, newest first", 200),
    ("post", "/invoices", "people", "Add an invoice", 201),
    ("get", "/invoices/{id}", "read", "One invoice", 200),
    (
        "patch",
        "/invoices/{id}",
        "people",
        "Change an invoice",
        200,
    ),
    (
        "delete",
        "/invoices/{id}",
        "people",
        "Delete an invoice",
        204,
    ),
    ("get", "/audit", "admin", "The journal, newest first", 200),
    ("get", "/me", "read", "Whoever calls", 200),
    ("get", "/api-tokens", "admin", "API tokens", 200),
    (
        "post",
        "/api-tokens",
        "admin",
        "Make a token; it is shown once",
        201,
    ),
    ("get", "/api-tokens/{id}", "admin", "One token", 200),
    ("delete", "/api-tokens/{id}", "admin", "Revoke a token", 204),
    ("get", "/webhooks", "admin", "Outgoing webhooks", 200),
    (
        "post",
        "/webhooks",
        "admin",
        "Add a webhook; its secret is shown once",
        201,
    ),
    ("get", "/webhooks/{id}", "admin", "One webhook", 200),
    ("patch", "/webhooks/{id}", "admin", "Change a webhook", 200),
    ("delete", "/webhooks/{id}", "admin", "Delete a webhook", 204),
    (
        "get",
        "/webhooks/{id}/deliveries",
        "admin",
        "What was sent",
        200,
    ),
    (
        "post",
        "/webhooks/{id}/deliveries/{delivery}/redeliver",
        "admin",
        "Send again",
        202,
    ),
];

fn operation((method, path, scope, summary, status): &Operation) -> Value {
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
    let mut success = json!({ "description": "Done" });
    if *status != 204 {
        success["content"] = json!({ "application/json": { "schema": { "type": "object" } } });
    }
    let mut body = json!({
        "operationId": format!("{method}{}", path.replace(['/', '-'], "_").replace(['{', '}'], "")),
        "summary": summary, "tags": [tag], "parameters": parameters,
        "security": [{ "token": [scope] }],
        "responses": {
            status.to_string(): success,
            "default": { "$ref": "#/components/responses/Problem" },
        },
    });
    if matches!(*method, "post" | "put" | "patch") {
        let schema = json!({ "application/json": { "schema": { "type": "object" } } });
        body["requestBody"] = json!({ "content": schema });
    }
    body
}

fn document() -> Value {
    let mut paths = Map::new();
    for found in OPERATIONS {
        let path = paths.entry(found.1.to_owned()).or_insert_with(|| json!({}));
        path[found.0] = operation(found);
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
