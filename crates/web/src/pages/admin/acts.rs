//! What the journal's words for acts mean to people. The words themselves are
//! written where the acts are done.

use provisioning::action::ActionKind;

use crate::pages::plan::in_a_word;

/// Acts that are no action of a plan.
const OTHERS: &[(&str, &str)] = &[
    ("connection_added", "connection added"),
    ("connection_changed", "connection changed"),
    ("connection_consented", "consent given"),
    ("connection_removed", "connection removed"),
    ("delete", "deleted"),
    ("employee_defaults_saved", "Employee Defaults saved"),
    ("field_policies_saved", "field policies saved"),
    ("password_changed", "password changed"),
    ("password_reset", "password reset"),
    ("plan_approved", "plan approved"),
    ("plan_rejected", "plan rejected"),
    (
        "provisioning_mode_set",
        "Local only or Azure AD Sync chosen",
    ),
    ("recovery_code_used", "recovery code used"),
    ("review_resolved", "review answered"),
    ("role_created", "security role added"),
    ("role_deleted", "security role deleted"),
    ("role_updated", "security role changed"),
    ("root_created", "root user made"),
    ("rule_deleted", "mapping rule deleted"),
    ("rule_saved", "mapping rule saved"),
    ("rules_reordered", "mapping rules reordered"),
    ("second_factor_off", "second factor turned off"),
    ("second_factor_on", "second factor turned on"),
    ("second_factor_reset", "second factor taken away"),
    ("sessions_ended", "signed out everywhere"),
    ("sign_in_code_failed", "wrong code at sign-in"),
    ("sign_in_failed", "sign-in failed"),
    ("signed_in", "signed in"),
    ("token_created", "API token made"),
    ("token_revoked", "API token revoked"),
    ("webhook_changed", "webhook changed"),
    ("webhook_created", "webhook added"),
    ("webhook_removed", "webhook removed"),
];

/// An act in words.
pub(super) fn in_words(act: &str) -> String {
    if let Some(kind) = ActionKind::from_name(act) {
        return in_a_word(kind).to_owned();
    }
    let known = OTHERS.iter().find(|(name, _)| *name == act);
    known.map_or_else(|| act.replace('_', " "), |(_, words)| (*words).to_owned())
}

/// Every act with its words, in the order of the words.
pub(super) fn all() -> Vec<(&'static str, &'static str)> {
    let kinds = ActionKind::ALL.into_iter();
    let kinds = kinds.map(|kind| (kind.name(), in_a_word(kind)));
    let mut all: Vec<_> = kinds.chain(OTHERS.iter().copied()).collect();
    all.sort_unstable_by_key(|(_, words)| words.to_lowercase());
    all
}
