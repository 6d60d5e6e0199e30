//! The oddities of the real service, each with a switch. Defaults are what the documentation promises.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `GET` and `PATCH /emulator/v1/switches`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(clippy::struct_excessive_bools)]
pub struct Switches {
    /// Answer 429 above the documented limits. Off: resource units are still counted and reported.
    pub throttling: bool,
    /// `Retry-After` with a fraction of a second.
    pub decimal_retry_after: bool,
    /// People on a page of `/users/delta`.
    pub delta_page_users: u32,
    /// Groups on a page of `/groups/delta`.
    pub delta_page_groups: u32,
    /// Members on a page of `/groups/delta`; a larger group comes again on the next page.
    pub delta_page_members: u32,
    /// Every delta round begins with an empty page.
    pub delta_empty_pages: bool,
    /// The last object of a delta page comes again on the next.
    pub delta_duplicates: bool,
    /// A delta round repeats this many changes of the round before.
    pub delta_replay: u32,
    /// First rounds may hold `@removed` entries.
    pub delta_removed_at_first: bool,
    /// Delta does not show changes younger than this.
    pub visibility_lag_seconds: f64,
    /// `@odata.context` of delta answers names the wrong entity set.
    pub delta_wrong_context: bool,
    /// A restored object shows only when a selected property changed since.
    pub delta_hides_restored: bool,
    /// `manager@delta` is left out though selected.
    pub delta_omits_manager: bool,
    /// Delta links die after this long.
    pub delta_token_lifetime_seconds: u64,
    /// Page links die after this long; never when absent.
    pub page_token_lifetime_seconds: Option<u64>,
    /// Purging a person leaves no trace in `/groups/delta`.
    pub silent_member_purge: bool,
    /// Security groups go to the recycle bin; off: they are gone at once.
    pub security_groups_restorable: bool,
    /// Time between a change and its notification.
    pub notification_delay_seconds: f64,
    /// Most notifications in one POST.
    pub notification_batch: u32,
    /// Notifications of a batch come in reverse.
    pub notification_reversed: bool,
    /// Endpoints that answer late are slowed down and then dropped, as documented.
    pub notification_penalties: bool,
    /// Deliveries pause when the token that made the subscription has expired.
    pub subscriptions_need_token: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            throttling: true,
            decimal_retry_after: false,
            delta_page_users: 200,
            delta_page_groups: 200,
            delta_page_members: 500,
            delta_empty_pages: false,
            delta_duplicates: false,
            delta_replay: 0,
            delta_removed_at_first: false,
            visibility_lag_seconds: 0.0,
            delta_wrong_context: false,
            delta_hides_restored: false,
            delta_omits_manager: false,
            delta_token_lifetime_seconds: 7 * 86_400,
            page_token_lifetime_seconds: None,
            silent_member_purge: false,
            security_groups_restorable: true,
            notification_delay_seconds: 0.02,
            notification_batch: 100,
            notification_reversed: false,
            notification_penalties: true,
            subscriptions_need_token: true,
        }
    }
}

impl Switches {
    /// What is wrong with these values, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let sizes = [
            ("delta_page_users", self.delta_page_users),
            ("delta_page_groups", self.delta_page_groups),
            ("delta_page_members", self.delta_page_members),
            ("notification_batch", self.notification_batch),
        ];
        let zero = sizes.iter().find(|(_, size)| *size == 0);
        let seconds = [
            ("visibility_lag_seconds", self.visibility_lag_seconds),
            (
                "notification_delay_seconds",
                self.notification_delay_seconds,
            ),
        ];
        let bad = seconds
            .iter()
            .find(|(_, value)| Duration::try_from_secs_f64(*value).is_err());
        let zero = zero.map(|(name, _)| format!("{name}: must be 1 or more"));
        zero.or_else(|| bad.map(|(name, _)| format!("{name}: must be 0 or more seconds")))
    }

    pub(crate) fn notification_delay(&self) -> Duration {
        Duration::try_from_secs_f64(self.notification_delay_seconds).unwrap_or_default()
    }

    pub(crate) fn visibility_lag(&self) -> Duration {
        Duration::try_from_secs_f64(self.visibility_lag_seconds).unwrap_or_default()
    }
}
