//! What callers give to the engine and get from it.

use jiff::Timestamp;
use provisioning::ids::{
    AccountId, ConnectionId, GroupId, ObjectId, PlanId, RecordId, RuleId, RunId, TenantId,
};
use provisioning::limits::Limits;
use provisioning::mapping_rule::{MappingRule, Members, RolesMode};
use provisioning::policy::{EmailSource, OnDisabled};
use provisioning::psa::Kind;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::connections::Auth;
use store::journal::Origin;
use uuid::Uuid;

/// Who asks, for the journal.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Through what.
    pub origin: Origin,
    /// Username, token name or command.
    pub name: String,
}

/// A connection to add.
#[derive(Debug, Clone)]
pub struct NewConnection {
    /// Tenant domain name or tenant id, as typed.
    pub tenant: String,
    /// The application (client) id.
    pub application_id: Uuid,
    /// The client secret's value.
    pub application_key: Option<SecretString>,
    /// A certificate and its private key in PEM, instead of a secret.
    pub certificate: Option<SecretString>,
    /// Delegated or application.
    pub auth: Auth,
    /// May provision employees; by default the first connection may.
    pub provision_employees: Option<bool>,
    /// May provision contacts; by default every connection may.
    pub provision_contacts: Option<bool>,
    /// Where members' email comes from.
    pub email_source: EmailSource,
    /// What a disabled account means.
    pub on_disabled: OnDisabled,
    /// Approve the first sync without a person.
    pub auto_approve: bool,
    /// When the secret ends, if known.
    pub secret_expires_at: Option<Timestamp>,
    /// Limits of its own.
    pub limits: Option<Limits>,
}

/// Changes to a connection; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct ConnectionChange {
    /// The application (client) id.
    pub application_id: Option<Uuid>,
    /// The client secret's value.
    pub application_key: Option<SecretString>,
    /// A certificate and its private key in PEM.
    pub certificate: Option<SecretString>,
    /// Delegated or application.
    pub auth: Option<Auth>,
    /// May provision employees.
    pub provision_employees: Option<bool>,
    /// May provision contacts.
    pub provision_contacts: Option<bool>,
    /// Where members' email comes from.
    pub email_source: Option<EmailSource>,
    /// What a disabled account means.
    pub on_disabled: Option<OnDisabled>,
    /// Approve the first sync without a person.
    pub auto_approve: Option<bool>,
    /// When the secret ends; `Some(None)`: not known.
    pub secret_expires_at: Option<Option<Timestamp>>,
    /// Limits of its own; `Some(None)`: those of every connection.
    pub limits: Option<Option<Limits>>,
}

/// The query of the OAuth callback.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CallbackQuery {
    /// The authorization code.
    pub code: Option<String>,
    /// Our state.
    pub state: Option<String>,
    /// An OAuth error.
    pub error: Option<String>,
    /// Its words.
    pub error_description: Option<String>,
    /// Admin consent's tenant: never trusted.
    pub tenant: Option<String>,
    /// Admin consent's flag: present on failure too.
    pub admin_consent: Option<String>,
}

/// What a callback led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackOutcome {
    /// A connection is connected.
    Connected(ConnectionId),
    /// Somebody signed in.
    SignedIn {
        /// Who.
        record: RecordId,
        /// In which tenant.
        tenant_id: TenantId,
        /// As which object.
        object_id: ObjectId,
        /// Where they wanted to go.
        return_to: String,
    },
}

/// A line of the self-check.
#[derive(Debug, Clone, Serialize)]
pub struct CheckLine {
    /// What was tried.
    pub subject: String,
    /// Whether it works; `None` when it was not tried, or when all works without it.
    pub ok: Option<bool>,
    /// What was found.
    pub detail: String,
    /// How to mend it.
    pub cure: Option<String>,
}

/// A group for the picker.
#[derive(Debug, Clone, Serialize)]
pub struct GroupInfo {
    /// Object id.
    pub id: GroupId,
    /// Display name.
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// Whether it is a security group.
    pub security_enabled: bool,
}

/// What happens to a removed connection's people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PeopleOnRemoval {
    /// They stay as they are, local from then on.
    #[default]
    Keep,
    /// They are deactivated.
    Deactivate,
}

/// Whether the directory is followed at all: the radio button of Auth &
/// Provision. Local only pauses every connection; nothing is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProvisioningMode {
    /// People are kept by hand.
    LocalOnly,
    /// Azure AD Sync.
    #[default]
    AzureAdSync,
}

/// How a sync reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// What changed.
    #[default]
    Delta,
    /// Everything.
    Full,
}

/// What a sync shall do.
#[derive(Debug, Clone, Copy, Default)]
pub struct SyncRequest {
    /// How to read.
    pub mode: Mode,
    /// Overwrite local edits.
    pub reapply: bool,
    /// Hold the plan whatever it is.
    pub plan_only: bool,
}

/// Whose people a rule to save takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scope", content = "group_id", rename_all = "snake_case")]
pub enum RuleScope {
    /// The members of this security group.
    Group(GroupId),
    /// Who is assigned to the application under *Users and groups*.
    Assigned,
}

/// A mapping rule to save.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleDraft {
    /// What to call it; the group's name when missing.
    pub name: Option<String>,
    /// The lowest wins.
    pub order: i64,
    /// The connection, or
    pub connection_id: Option<ConnectionId>,
    /// its tenant.
    pub tenant_id: Option<TenantId>,
    /// Whose people.
    #[serde(flatten)]
    pub scope: RuleScope,
    /// Employee or contact.
    pub kind: Kind,
    /// The account of contacts.
    pub account_id: Option<AccountId>,
    /// The rights.
    pub security_roles: Vec<String>,
    /// How they are given.
    pub roles_mode: RolesMode,
    /// Nested groups count.
    pub include_nested: bool,
    /// Members, guests, all.
    pub members: Members,
    /// Left out.
    pub exclude: Vec<String>,
    /// Licensed people only.
    pub licensed_only: bool,
    /// Counts.
    pub enabled: bool,
}

/// Something to know that does not stop a save.
#[derive(Debug, Clone, Serialize)]
pub struct Warning {
    /// Stable.
    pub code: &'static str,
    /// In words.
    pub message: String,
}

/// What became of a change that needs a plan.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The run that applies it.
    pub run_id: Option<RunId>,
    /// Its plan; of several tenants, the one that concerns most people.
    pub plan_id: Option<PlanId>,
    /// The plans of all tenants that it concerns.
    pub plans: Vec<PlanId>,
    /// People in all of them.
    pub people: u64,
    /// Of these, those who lose access, are closed, or lose a security role.
    pub losses: u64,
    /// Whether it waits for a person.
    pub held: bool,
}

/// Where a rule goes among the rules of its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RulePlace {
    /// Before the one above it.
    Up,
    /// After the one below it.
    Down,
    /// Before this one.
    Before(RuleId),
    /// After all of them.
    End,
}

/// What became of a change of a rule.
#[derive(Debug, Clone)]
pub struct RuleChange {
    /// The rule as it is now, or would be.
    pub rule: Option<MappingRule>,
    /// What to know.
    pub warnings: Vec<Warning>,
    /// The rest.
    pub change: Change,
}

/// What a notification woke.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Woken {
    /// Items that named a subscription of ours.
    pub accepted: usize,
    /// Items that did not.
    pub refused: usize,
}

/// Why a record is as it is.
#[derive(Debug, Clone, Serialize)]
pub struct Why {
    /// The winning rule.
    pub winner: Option<provisioning::why::Standing>,
    /// The rules that lost.
    pub losers: Vec<provisioning::why::Standing>,
    /// From the rule's group down, with names where known.
    pub group_path: Vec<String>,
    /// Where each field's value is from.
    pub fields: std::collections::BTreeMap<&'static str, FieldOrigin>,
    /// Whether the person may sign in, and why not.
    pub access: serde_json::Value,
    /// What would change it.
    pub what_if: Vec<String>,
    /// The outcome of planning the person now.
    pub now: serde_json::Value,
}

/// Where a field's value is from.
#[derive(Debug, Clone, Serialize)]
pub struct FieldOrigin {
    /// The value.
    pub value: Option<provisioning::field::Value>,
    /// `directory`, `rule`, `default`, or `local`: changed here.
    pub from: &'static str,
    /// When it was written, if the directory or a rule gave it.
    pub at: Option<Timestamp>,
}
