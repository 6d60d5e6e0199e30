//! Which employees or contacts a list shows, and how each filter is asked for in
//! SQL. Does not know in what order the list is.

use provisioning::ids::{AccountId, RuleId, TenantId};
use provisioning::psa::{Kind, Status};

use crate::args;
use crate::keys::{self, fold, prefix_end};
use crate::sql::Arg;

/// Which records a list shows. Filters that are none let everything through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFilter {
    /// Employees or contacts.
    pub kind: Kind,
    /// This status.
    pub status: Option<Status>,
    /// May sign in or not; of contacts: has client portal access.
    pub access: Option<bool>,
    /// The default address.
    pub email: Option<String>,
    /// In any letter case.
    pub username: Option<String>,
    /// In any letter case.
    pub first_name: Option<String>,
    /// In any letter case.
    pub last_name: Option<String>,
    /// Contacts of this account.
    pub account_id: Option<AccountId>,
    /// As it is written.
    pub job_title: Option<String>,
    /// As it is written.
    pub department: Option<String>,
    /// As it is written.
    pub location: Option<String>,
    /// Primary contacts of their account, or not.
    pub is_poc: Option<bool>,
    /// Pinned, or not.
    pub pinned: Option<bool>,
    /// From this tenant, by the primary link.
    pub tenant_id: Option<TenantId>,
    /// By this mapping rule, as applied last.
    pub rule_id: Option<RuleId>,
    /// Each word begins the last name, first name, username or email.
    pub search: Option<String>,
}

impl RecordFilter {
    /// All employees, or all contacts.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            status: None,
            access: None,
            email: None,
            username: None,
            first_name: None,
            last_name: None,
            account_id: None,
            job_title: None,
            department: None,
            location: None,
            is_poc: None,
            pinned: None,
            tenant_id: None,
            rule_id: None,
            search: None,
        }
    }

    /// The words looked for, folded, the longest first: it finds the fewest.
    pub(crate) fn words(&self) -> Vec<String> {
        let folded = self.search.as_deref().map(fold).unwrap_or_default();
        let mut words: Vec<String> = folded.split_whitespace().map(str::to_owned).collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words
    }

    /// One condition for each filter; the first word of the search is left to
    /// the list, whose order it decides.
    pub(crate) fn conditions(&self) -> Vec<Condition> {
        let mut all = self.states();
        let mut add = |condition: Option<Condition>| all.extend(condition);
        let equal = |text, find, value: Option<Arg>| Some(Condition::new(text, find, vec![value?]));
        let by_key = |key: Option<String>| key.map(Arg::from);
        add(equal(
            "email_key = ?",
            Find::Records,
            by_key(keys::email(self.email.as_deref())),
        ));
        add(equal(
            "username_key = ?",
            Find::Records,
            by_key(keys::key(self.username.as_deref())),
        ));
        add(equal(
            "last_name_key = ?",
            Find::OfKind,
            by_key(keys::key(self.last_name.as_deref())),
        ));
        add(equal(
            "first_name_key = ?",
            Find::OfKind,
            by_key(keys::key(self.first_name.as_deref())),
        ));
        add(equal(
            "account_id = ?",
            Find::Records,
            self.account_id.map(Arg::from),
        ));
        add(equal(
            "job_title = ?",
            Find::Records,
            self.job_title.as_ref().map(Arg::from),
        ));
        add(equal(
            "department = ?",
            Find::Records,
            self.department.as_ref().map(Arg::from),
        ));
        add(equal(
            "location = ?",
            Find::Records,
            self.location.as_ref().map(Arg::from),
        ));
        let tenant = "EXISTS (SELECT 1 FROM links WHERE links.record_id = records.id
            AND links.role = 'primary' AND links.tenant_id = ?)";
        let of_tenant = Find::Links("tenant_id = ?");
        add(equal(tenant, of_tenant, self.tenant_id.map(Arg::from)));
        let rule = "EXISTS (SELECT 1 FROM links WHERE links.record_id = records.id
            AND links.role = 'primary' AND links.rule_id = ?)";
        let of_rule = Find::Links("rule_id = ?");
        add(equal(rule, of_rule, self.rule_id.map(Arg::from)));
        for word in self.words().iter().skip(1) {
            let range = args![word, prefix_end(word)];
            add(Some(Condition::new(
                WORD,
                Find::No,
                std::iter::repeat_n(range, 4).flatten().collect(),
            )));
        }
        all
    }

    /// The rare states have partial indexes in name order; their conditions are
    /// those of the indexes, word by word.
    fn states(&self) -> Vec<Condition> {
        let rare = |text| Condition::new(text, Find::OfKind, vec![]);
        let usual = |text| Condition::new(text, Find::No, vec![]);
        let mut states = Vec::new();
        states.extend(self.status.map(|status| match status {
            Status::Active => usual("status = 'active'"),
            Status::Inactive => rare("status = 'inactive' AND status <> 'active'"),
            Status::Archived => rare("status = 'archived' AND status <> 'active'"),
        }));
        states.extend(self.access.map(|access| match access {
            true => usual("access"),
            false => rare("NOT access"),
        }));
        states.extend(self.is_poc.map(|is_poc| match is_poc {
            true => rare("is_poc"),
            false => usual("NOT is_poc"),
        }));
        states.extend(self.pinned.map(|pinned| match pinned {
            true => rare("pinned"),
            false => usual("NOT pinned"),
        }));
        states
    }
}

const WORD: &str = "(last_name_key >= ? AND last_name_key < ?
    OR first_name_key >= ? AND first_name_key < ?
    OR username_key >= ? AND username_key < ?
    OR email_key >= ? AND email_key < ?)";

/// A condition on records.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    /// With `?` for each argument.
    pub(crate) text: &'static str,
    pub(crate) args: Vec<Arg>,
    /// How the records that meet it are found when they are few.
    pub(crate) find: Find,
    /// Whether an index in name order tells the records that meet it.
    pub(crate) named: bool,
}

impl Condition {
    pub(crate) fn new(text: &'static str, find: Find, args: Vec<Arg>) -> Self {
        Self {
            text,
            args,
            find,
            named: find == Find::OfKind,
        }
    }
}

/// Where the records that meet a condition are looked for, when they may be few.
/// Reading a million records through is still faster than walking an index to
/// each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Find {
    /// Nowhere.
    No,
    /// In the records.
    Records,
    /// In the records of one kind.
    OfKind,
    /// In the primary links, by this condition.
    Links(&'static str),
}
