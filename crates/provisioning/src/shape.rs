//! How a record comes to look as the directory and the rules say. Each
//! function changes a copy; what was done is the difference.
//!
//! Chooses nothing: which of these happens is decided in `decide`.

use crate::address::{Address, fold};
use crate::case::{Case, Surroundings};
use crate::claims::Claims;
use crate::field::{Field, FieldChange, Value};
use crate::field_mapping::project;
use crate::link::Applied;
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
    /// The folded username that a record archived for this person gives up.
    pub(crate) freed: Option<String>,
}

/// When fields are written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment<'a> {
    /// The record is made or merged into.
    First,
    /// The person changed.
    Later,
    /// Only rules or settings did, since this was applied: what was edited
    /// here stays.
    Unchanged(&'a Applied),
}

/// What differs, field by field.
pub(crate) fn difference(old: &Record, new: &Record) -> Vec<FieldChange> {
    let change = |field: Field| {
        let (old, new) = (old.get(field), new.get(field));
        FieldChange { field, old, new }
    };
    let differing = Field::ALL
        .into_iter()
        .filter(|field| old.differs(new, *field));
    differing.map(change).collect()
}

impl Context<'_> {
    /// Whether a folded name is used by somebody else.
    pub(crate) fn is_name_taken(&self, claims: &Claims, folded: &str) -> bool {
        let is_used = self.around.usernames.contains(folded);
        (is_used && self.freed.as_deref() != Some(folded)) || claims.has_username(folded)
    }

    /// Writes the mapped fields, as each field's policy allows.
    pub(crate) fn write_fields(&self, next: &mut Record, moment: Moment<'_>) {
        let is_first = matches!(moment, Moment::First);
        for (field, value) in project(&self.case.person, self.email, next.kind, self.policy) {
            let policy = self.policy.fields.of(next.kind, field);
            let is_blank = next.get(field).is_none();
            let wanted = match policy.policy {
                FieldRule::Source => true,
                FieldRule::FillBlank => is_blank,
                FieldRule::KeepLocal => is_first && is_blank,
                FieldRule::OnCreate => is_first,
            };
            if let Moment::Unchanged(applied) = moment
                && !self.is_due(next, field, value.as_ref(), applied)
            {
                continue;
            }
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

    /// Whether a mapping that changed reaches the field of an unchanged person:
    /// not where the value was edited here.
    fn is_due(
        &self,
        next: &Record,
        field: Field,
        value: Option<&Value>,
        applied: &Applied,
    ) -> bool {
        let current = next.get(field);
        match applied.value(field) {
            Some(given) => given.as_ref() != value && current == *given,
            None => current.is_none() || current == self.default_of(field),
        }
    }

    fn default_of(&self, field: Field) -> Option<Value> {
        let default = match field {
            Field::Department => &self.policy.defaults.department,
            Field::Location => &self.policy.defaults.location,
            Field::JobTitle => &self.policy.defaults.job_title,
            _ => &None,
        };
        default.clone().map(Value::Text)
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

    /// Gives the rule's account, rights and sign-in. Rights of root and of
    /// pinned records, and the Administrator role of the last administrator,
    /// stay.
    pub(crate) fn give_access(&self, next: &mut Record, rule: &CompiledRule, keep_admin: bool) {
        if let Some(account) = rule.rule.target.account_id() {
            next.account_id = Some(account);
        }
        if next.is_root {
            return;
        }
        let begins = !next.access;
        let given = || -> Vec<String> {
            let default = &self.policy.defaults.security_role;
            let default = default.iter().filter(|_| next.kind == Kind::Employee);
            match rule.rule.security_roles.as_slice() {
                [] => default.cloned().collect(),
                roles => roles.to_vec(),
            }
        };
        let mut roles = match rule.rule.roles_mode {
            RolesMode::Replace if next.pinned => [given(), next.security_roles.clone()].concat(),
            RolesMode::Replace => given(),
            RolesMode::OnCreate if begins => given(),
            RolesMode::OnCreate => next.security_roles.clone(),
            RolesMode::Add => [given(), next.security_roles.clone()].concat(),
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
        let mut forms = username::forms(&wanted, self.email, self.case.person.object_id.0);
        let name = forms.find(|form| !self.is_name_taken(claims, &fold(form)))?;
        claims.claim_username(&fold(&name));
        Some(name)
    }

    /// Renames to the directory's name if the mapping says so and the name is
    /// free; else the old name stays.
    pub(crate) fn rename(&self, next: &mut Record, claims: &mut Claims, moment: Moment<'_>) {
        let policy = self.policy.fields.of(next.kind, Field::Username);
        let is_first = matches!(moment, Moment::First);
        let is_mapped = match policy.policy {
            FieldRule::Source => policy.enabled,
            FieldRule::OnCreate => policy.enabled && is_first,
            FieldRule::KeepLocal | FieldRule::FillBlank => false,
        };
        if !is_mapped || next.is_root {
            return;
        }
        let wanted = username::wanted(&self.case.person, self.email);
        let folded = fold(&wanted);
        let is_own = next.username.as_deref().map(fold).as_ref() == Some(&folded);
        if username::is_reserved(&wanted) || (!is_own && self.is_name_taken(claims, &folded)) {
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
        let name = next.username.clone().unwrap_or_default();
        let free = |suffix: &String| !self.is_name_taken(claims, &fold(&format!("{name}{suffix}")));
        let mut suffixes = username::archived_suffixes(next.id.0);
        let suffix = suffixes
            .find(free)
            .unwrap_or_else(|| format!("_Archived{}", next.id));
        next.email = next.email.as_ref().map(|email| format!("{email}{suffix}"));
        if next.username.is_some() {
            let archived = format!("{name}{suffix}");
            claims.claim_username(&fold(&archived));
            next.username = Some(archived);
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
    set_reason(next, reason);
}

/// What was taken away by hand stays marked so.
fn set_reason(next: &mut Record, reason: AccessReason) {
    if next.access_reason.as_deref() != Some(AccessReason::ByHand.code()) {
        next.access_reason = Some(reason.code().to_owned());
    }
}

/// Takes rights and sign-in away; the record stays.
pub(crate) fn revoke(next: &mut Record) {
    next.security_roles.clear();
    next.access = false;
    set_reason(next, AccessReason::NoRule);
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
