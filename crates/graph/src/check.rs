//! The self-check of a connection, line by line: what works, what does not,
//! and how to mend it.
//!
//! Reads only, but for a trial subscription that is removed again. Does not
//! decide what a failed line means for the connection.

use futures::future;
use uuid::Uuid;

use crate::call::Call;
use crate::check_line::{CheckLine, CheckOutcome, CheckSubject};
use crate::client::GraphClient;
use crate::error::{GraphError, Kind};
use crate::permission::Permission;
use crate::subscription::SubscriptionRequest;

/// What is checked beside the things every connection needs.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// Groups whose members must be readable.
    pub groups: Vec<Uuid>,
    /// A subscription to try for real; `None` when notifications are off.
    pub notifications: Option<SubscriptionRequest>,
}

impl GraphClient {
    /// Checks the connection. Failures are lines, not errors.
    pub async fn check(&self, options: &CheckOptions) -> Vec<CheckLine> {
        let mut lines = Vec::new();
        let mut add = |subject, outcome| lines.push(CheckLine { subject, outcome });
        let token = self.token().await.map(|_| "received".to_owned());
        let has_token = token.is_ok();
        add(CheckSubject::Token, CheckOutcome::of(token));
        if !has_token {
            for subject in subjects(options) {
                add(subject, CheckOutcome::skipped("there is no access token"));
            }
            return lines;
        }
        let granted = self.granted().await;
        let (account, organization, users, groups, assignments) = tokio::join!(
            self.check_account(),
            self.check_organization(),
            self.check_users(),
            self.check_groups(),
            self.check_assignments(),
        );
        add(CheckSubject::Account, account.clone());
        for permission in Permission::ALL {
            let outcome = match (&granted, permission) {
                (Some(scope), _) if self.is_delegated() => in_scope(permission, scope),
                (_, Permission::UserRead) if self.is_delegated() => account.clone(),
                (_, Permission::UserRead) => CheckOutcome::skipped("for people who sign in only"),
                (_, Permission::UserReadAll) => users.clone(),
                (_, Permission::GroupReadAll) => groups.clone(),
                (_, Permission::DirectoryReadAll) => assignments.clone(),
            };
            add(
                CheckSubject::Permission(permission),
                by_use(permission, outcome),
            );
        }
        add(CheckSubject::Organization, organization);
        add(CheckSubject::Users, users);
        add(CheckSubject::Groups, groups);
        add(CheckSubject::Assignments, assignments);
        let members = options
            .groups
            .iter()
            .map(|group| self.check_members(*group));
        for (group, outcome) in options.groups.iter().zip(future::join_all(members).await) {
            add(CheckSubject::GroupMembers(*group), outcome);
        }
        let notifications = self
            .check_notifications(options.notifications.as_ref())
            .await;
        add(CheckSubject::Notifications, notifications);
        lines
    }

    async fn check_account(&self) -> CheckOutcome {
        if !self.is_delegated() {
            return CheckOutcome::skipped("the application signs in as itself");
        }
        let account = match self.me().await {
            Ok(account) => account,
            Err(error) => return CheckOutcome::Failed(error),
        };
        let is_guest = account
            .user_type
            .as_deref()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("Guest"));
        if is_guest {
            let doing = "checking the connecting account";
            return CheckOutcome::Failed(GraphError::new(Kind::GuestAccount, doing));
        }
        let name = account.user_principal_name.into_value();
        CheckOutcome::Passed {
            detail: name.unwrap_or_else(|| account.id.to_string()),
        }
    }

    async fn check_organization(&self) -> CheckOutcome {
        CheckOutcome::of(self.organization().await.map(|organization| {
            let name = organization.display_name.unwrap_or_default();
            let domains = organization.verified_domains.len();
            format!("{name}, {domains} verified domains")
        }))
    }

    async fn check_users(&self) -> CheckOutcome {
        let call = Call::get("reading people", "User.Read.All", "users")
            .query("$select", &self.selection().list())
            .query("$top", "1");
        let page = self.list_page::<crate::person::DirectoryUser>(&call).await;
        CheckOutcome::of(page.and_then(|page| match page.items.len() {
            // There is at least whoever gave consent.
            0 => Err(GraphError::new(
                Kind::PermissionMissing {
                    permission: "User.Read.All",
                },
                "reading people: nobody is visible",
            )),
            _ => Ok("readable".to_owned()),
        }))
    }

    async fn check_groups(&self) -> CheckOutcome {
        let call = Call::get("reading groups", "Group.Read.All", "groups")
            .query("$select", crate::groups::SELECT)
            .query("$top", "1");
        let page = self.list_page::<crate::groups::DirectoryGroup>(&call).await;
        CheckOutcome::of(page.map(|page| match page.items.len() {
            0 => "readable; there are none".to_owned(),
            _ => "readable".to_owned(),
        }))
    }

    async fn check_members(&self, group: Uuid) -> CheckOutcome {
        let (group, page) = tokio::join!(self.group(group), self.members_page(group, None));
        let found = group.and_then(|group| Ok((group, page?)));
        CheckOutcome::of(found.map(|(group, page)| {
            let name = group.display_name.into_value().unwrap_or_default();
            let shown = page.members.len();
            match (page.count, &page.next) {
                (Some(count), _) => format!("{name}: {count} people"),
                (None, None) => format!("{name}: {shown} people"),
                (None, Some(_)) => format!("{name}: {shown} people and more"),
            }
        }))
    }

    async fn check_assignments(&self) -> CheckOutcome {
        let assignments = async {
            let principal = self.service_principal().await?;
            let page = self.assignments_page(principal.id, None).await?;
            let required = if principal.assignment_required {
                "assignment required"
            } else {
                "assignment not required"
            };
            Ok(format!("{} assigned; {required}", page.assignments.len()))
        };
        CheckOutcome::of(assignments.await)
    }

    async fn check_notifications(&self, request: Option<&SubscriptionRequest>) -> CheckOutcome {
        let Some(request) = request else {
            return CheckOutcome::skipped("notifications are off");
        };
        match self.try_subscription(request).await {
            Ok(()) => CheckOutcome::Passed {
                detail: "the address was validated".to_owned(),
            },
            Err(error) if matches!(error.kind(), Kind::SubscriptionExists { .. }) => {
                CheckOutcome::Passed {
                    detail: "a subscription exists".to_owned(),
                }
            }
            Err(error) => CheckOutcome::Failed(error),
        }
    }
}

fn subjects(options: &CheckOptions) -> Vec<CheckSubject> {
    let mut all = vec![CheckSubject::Account];
    all.extend(Permission::ALL.map(CheckSubject::Permission));
    all.extend([
        CheckSubject::Organization,
        CheckSubject::Users,
        CheckSubject::Groups,
        CheckSubject::Assignments,
    ]);
    all.extend(
        options
            .groups
            .iter()
            .copied()
            .map(CheckSubject::GroupMembers),
    );
    all.push(CheckSubject::Notifications);
    all
}

fn in_scope(permission: Permission, scope: &str) -> CheckOutcome {
    if permission.is_in(scope) {
        return CheckOutcome::Passed {
            detail: "granted".to_owned(),
        };
    }
    let permission = permission.name();
    CheckOutcome::Failed(GraphError::new(
        Kind::PermissionMissing { permission },
        "checking the granted permissions",
    ))
}

/// Where the token does not tell, a read that needs the permission does.
fn by_use(permission: Permission, outcome: CheckOutcome) -> CheckOutcome {
    match outcome {
        CheckOutcome::Passed { detail } if detail == "granted" => CheckOutcome::Passed { detail },
        CheckOutcome::Passed { .. } => CheckOutcome::Passed {
            detail: "a read that needs it works".to_owned(),
        },
        CheckOutcome::Failed(error) if !is_refusal(&error) => {
            CheckOutcome::skipped(&format!("a read that needs {permission} failed otherwise"))
        }
        other => other,
    }
}

fn is_refusal(error: &GraphError) -> bool {
    matches!(error.kind(), Kind::PermissionMissing { .. })
}

#[cfg(test)]
mod tests;
