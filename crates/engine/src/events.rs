//! What outgoing webhooks are told: written to the outbox in the transaction of
//! what it tells about, so that neither happens without the other.

use std::collections::BTreeSet;

use jiff::Timestamp;
use provisioning::action::{Action, ActionKind, Decision};
use provisioning::ids::{ConnectionId, RunId};
use serde_json::{Value, json};
use store::Tx;
use store::connections::{Connection, Health};
use store::runs::RunStatus;
use store::webhook_deliveries::{self, Message};
use store::webhooks::{self, WebhookEvent};

use crate::error::Result;

/// Tells whoever listens.
pub async fn tell(tx: &mut Tx, now: Timestamp, event: WebhookEvent, data: Value) -> Result<()> {
    if webhooks::wanted(&mut *tx).await?.contains(&event) {
        webhook_deliveries::emit(tx, &[message(now, event, &data)], now).await?;
    }
    Ok(())
}

/// A message as it is sent.
pub(crate) fn message(now: Timestamp, event: WebhookEvent, data: &Value) -> Message {
    let body = json!({ "type": event, "timestamp": now, "data": data });
    Message {
        event,
        body: body.to_string(),
    }
}

/// The event of an action on a record, if it is one.
pub(crate) fn event_of(kind: ActionKind) -> Option<WebhookEvent> {
    Some(match kind {
        ActionKind::Create => WebhookEvent::PersonCreated,
        ActionKind::Adopt | ActionKind::Update => WebhookEvent::PersonUpdated,
        ActionKind::Archive => WebhookEvent::PersonArchived,
        ActionKind::Restore => WebhookEvent::PersonRestored,
        ActionKind::Deactivate => WebhookEvent::PersonDeactivated,
        ActionKind::Reactivate => WebhookEvent::PersonReactivated,
        ActionKind::Revoke => WebhookEvent::PersonAccessRevoked,
        ActionKind::Grant => WebhookEvent::PersonAccessGranted,
        ActionKind::Link | ActionKind::Review => return None,
    })
}

/// The message of an action that is applied, if somebody wants it.
pub(crate) fn of_action(
    wanted: &BTreeSet<WebhookEvent>,
    now: Timestamp,
    run_id: RunId,
    decision: &Decision,
    action: &Action,
) -> Option<Message> {
    let event = event_of(action.kind).filter(|event| wanted.contains(event))?;
    let data = json!({
        "id": action.record_id, "kind": action.record_kind, "name": decision.name,
        "username": decision.username, "email": decision.email,
        "tenant_id": decision.tenant_id, "object_id": decision.object_id,
        "run_id": run_id, "reason": action.reason.cause.describe(),
    });
    Some(message(now, event, &data))
}

/// What is told of a connection's health.
pub(crate) fn of_connection(connection: &Connection, health: &Health) -> Value {
    json!({
        "id": connection.id, "tenant_domain": connection.tenant_domain,
        "status": health.status, "code": health.code, "reason": health.reason,
        "cure": health.cure,
    })
}

/// Tells of a run that ended or waits.
pub(crate) async fn tell_run(
    tx: &mut Tx,
    now: Timestamp,
    connection_id: Option<ConnectionId>,
    run_id: RunId,
    status: RunStatus,
    why: Option<&Value>,
) -> Result<()> {
    let event = match status {
        RunStatus::Held => WebhookEvent::RunHeld,
        _ => WebhookEvent::RunFinished,
    };
    let data = json!({
        "id": run_id, "connection_id": connection_id, "status": status, "reason": why,
    });
    tell(tx, now, event, data).await
}
