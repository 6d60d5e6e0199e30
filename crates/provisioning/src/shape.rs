//! How a record comes to look as the directory and the rules say. Each
//! function changes a copy; what was done is the difference.
//!
//! Chooses nothing: which of these happens is decided in `decide`.

use crate::address::Address;
use crate::case::{Case, Surroundings};
use crate::claims::Claims;
use crate::field::{Field, FieldChange, Value};
use crate::field_mapping::project;
use crate::mapping_rule::RolesMode;
use crate::policy::{CompiledRule, FieldRule, Policy};
use crate::psa::{Kind, Record, Status};
use crate::reason::AccessReason;
use crate::username;

/// Everything a shape may depend on beside the record.
pub(crate) struct Context<'a> {
    pub(crate) case: &'a Case,
    pub(crate) policy: &'a Policy,
    pub(crate) around: &'a Surroundings,
    pub(crate) email: Option<&'a Address>,
}

/// Whether fields are written into a record that is new to the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The record is made or merged into.
    First,
    /// The person changed.
    Later,
}

/// What differs, field by field.
pub(crate) fn difference(old: &Record, new: &Record) -> Vec<FieldChange> {
    let change = |field: Field| {
        let (old, new) = (old.get(field), new.get(field));
        (old != new).then_some(FieldChange { field, old, new })
    };
    Field::ALL.into_iter().filter_map(change).collect()
}

impl Context<'_> {
    /// Whether a folded name is used by somebody else.
    pub(crate) fn is_name_taken(&self, claims: &Claims, folded: &str) -> bool {
        self.around.usernames.contains(folded) || claims.has_username(folded)
    }

    /// Writes the mapped fields, as each field's policy allows.
    pub(crate) fn write_fields(&self, next: &mut Record, moment: Moment) {
        for (field, value) in project(&self.case.person, self.email, next.kind, self.policy) {
            let policy = self.policy.fields.of(next.kind, field);
            let is_blank = next.get(field).is_none();
            let wanted = match policy.policy {
                FieldRule::Source => true,
                FieldRule::FillBlank => is_blank,
                FieldRule::KeepLocal | FieldRule::OnCreate => {
                    moment == Moment::First && (is_blank || policy.policy == FieldRule::OnCreate)
                }
            };
            if !wanted || (value.is_none() && (!policy.blank_clears || field == Field::Email)) {
                continue;
            }
            // Every projected value is a text or blank, which these fields take.
            let _ = next.set(field, value);
        }
        if next.kind == Kind::Employee {
            self.fill_defaults(next);
        }
    }

    fn fill_defaults(&self, next: &mut Record) {
        let defaults = &self.policy.defaults;
        let fill = |slot: &mut Option<String>, default: &Option<String>| {
            if slot.is_none() {
                slot.clone_from(default);
            }
        };
        fill(&mut next.department, &defaults.department);
        fill(&mut next.location, &defaults.location);
        fill(&mut next.job_title, &defaults.job_title);
        fill(&mut next.employment_type, &defaults.employment_type);
        if next.manager_id.is_none() && defaults.manager_id != Some(next.id) {
            next.manager_id = defaults.manager_id;
        }
        if next.employee_roles.is_empty() {
            next.employee_roles = defaults.employee_role.iter().cloned().collect();
        }
    }

    /// Gives the rule's account, rights and sign-in. Rights of root, and the
    /// Administrator role of the last administrator, stay.
    pub(crate) fn give_access(&self, next: &mut Record, rule: &CompiledRule, keep_admin: bool) {
        if let Some(account) = rule.rule.target.account_id() {
            next.account_id = Some(account);
        }
        if next.is_root {
            return;
        }
        let begins = !next.access;
        let mut roles = match rule.rule.roles_mode {
            RolesMode::Replace => rule.rule.security_roles.clone(),
            RolesMode::OnCreate if begins => rule.rule.security_roles.clone(),
            RolesMode::OnCreate => next.security_roles.clone(),
            RolesMode::Add => {
                let more = rule.rule.security_roles.iter().cloned();
                next.security_roles.iter().cloned().chain(more).collect()
            }
        };
        if keep_admin && next.is_administrator() {
            roles.push(crate::psa::ADMINISTRATOR.to_owned());
        }
        roles.sort_unstable();
        roles.dedup();
        next.security_roles = roles;
        next.access = true;
        next.access_reason = None;
    }

    /// The username of a record that has none yet: the first free form.
    pub(crate) fn new_username(&self, claims: &mut Claims) -> Option<String> {
        let wanted = username::wanted(&self.case.person, self.email);
        let name = username::forms(&wanted, self.email)
            .find(|form| !self.is_name_taken(claims, &crate::address::fold(form)))?;
        claims.claim_username(&crate::address::fold(&name));
        Some(name)
    }

    /// Renames to the directory's name if that is free; else the name stays.
    pub(crate) fn rename(&self, next: &mut Record, claims: &mut Claims) {
        let wanted = username::wanted(&self.case.person, self.email);
        let folded = crate::address::fold(&wanted);
        let own = next.username.as_deref().map(crate::address::fold);
        let is_free = own.as_ref() == Some(&folded) || !self.is_name_taken(claims, &folded);
        if next.is_root || username::is_reserved(&wanted) || !is_free {
            return;
        }
        claims.claim_username(&folded);
        next.username = Some(wanted);
    }

    /// The values the directory gives now: what a link remembers.
    pub(crate) fn source_values(&self, kind: Kind) -> Vec<(Field, Option<Value>)> {
        let mut values = project(&self.case.person, self.email, kind, self.policy);
        let name = username::wanted(&self.case.person, self.email);
        values.push((Field::Username, Some(Value::Text(name))));
        values
    }

    /// Renames a record away and closes it.
    pub(crate) fn archive(&self, next: &mut Record, claims: &mut Claims) {
        next.original_username.clone_from(&next.username);
        next.original_email.clone_from(&next.email);
        if let Some(name) = &next.username {
            let archived = username::archived(name, |form| self.is_name_taken(claims, form));
            claims.claim_username(&crate::address::fold(&archived));
            let suffix = &archived[name.len()..];
            next.email = next.email.as_ref().map(|email| format!("{email}{suffix}"));
            next.username = Some(archived);
        } else {
            next.email = next.email.as_ref().map(|email| format!("{email}_Archived"));
        }
        next.status = Status::Archived;
        next.access = false;
        next.access_reason = Some(AccessReason::Archived.code().to_owned());
        next.deactivated_by_sync = false;
    }
}

/// Makes a record inactive by sync.
pub(crate) fn deactivate(next: &mut Record, reason: AccessReason) {
    if next.status == Status::Active {
        next.status = Status::Inactive;
        next.deactivated_by_sync = true;
    }
    next.access = false;
    next.access_reason = Some(reason.code().to_owned());
}

/// Takes rights and sign-in away; the record stays.
pub(crate) fn revoke(next: &mut Record) {
    next.security_roles.clear();
    next.access = false;
    next.access_reason = Some(AccessReason::NoRule.code().to_owned());
}

/// Brings an archived record back under its original names.
pub(crate) fn unarchive(next: &mut Record) {
    next.username = next.original_username.take();
    next.email = next.original_email.take();
    next.status = Status::Active;
    next.access_reason = None;
}

/// Makes an inactive record active.
pub(crate) fn reactivate(next: &mut Record) {
    next.status = Status::Active;
    next.deactivated_by_sync = false;
}
