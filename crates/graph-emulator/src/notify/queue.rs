//! Subscriptions and the deliveries that wait: matched, grouped by address, retried, given up.
//! Decides; sending is done elsewhere.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::endpoint::{Endpoint, State};
use super::subscription::Subscription;
use crate::directory::edit::Announcement;
use crate::switches::Switches;

/// Deliveries are given up this long after the change.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(4);
const SLOWED_BY: SignedDuration = SignedDuration::from_mins(10);
/// First wait after a failure; doubles each time.
const RETRY_FIRST: SignedDuration = SignedDuration::from_secs(10);

/// A notification on its way.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub subscription_id: Uuid,
    pub url: String,
    pub item: Value,
    pub since: Timestamp,
    due: Timestamp,
    pub attempt: u32,
    lifecycle: bool,
    admitted: bool,
}

/// Deliveries for one POST.
pub(crate) type Batch = Vec<Delivery>;

/// All subscriptions of the emulator and everything that waits.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    all: BTreeMap<Uuid, Subscription>,
    waiting: Vec<Delivery>,
    endpoints: HashMap<String, Endpoint>,
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

impl Subscriptions {
    /// Subscriptions that have not expired.
    pub(crate) fn live(&self, now: Timestamp) -> impl Iterator<Item = &Subscription> {
        self.all
            .values()
            .filter(move |subscription| subscription.expires > now)
    }

    pub(crate) fn add(&mut self, mut subscription: Subscription, now: Timestamp) {
        self.all.retain(|_, old| old.expires > now);
        subscription.schedule_reminder(now);
        self.all.insert(subscription.id, subscription);
    }

    pub(crate) fn get(&self, id: Uuid, now: Timestamp) -> Option<&Subscription> {
        self.all
            .get(&id)
            .filter(|subscription| subscription.expires > now)
    }

    /// Renews: new expiry when given, and the token of the caller.
    pub(crate) fn renew(
        &mut self,
        id: Uuid,
        expires: Option<Timestamp>,
        token_expires: Timestamp,
        now: Timestamp,
    ) {
        if let Some(subscription) = self.all.get_mut(&id) {
            subscription.expires = expires.unwrap_or(subscription.expires);
            subscription.token_expires = token_expires;
            subscription.schedule_reminder(now);
        }
    }

    pub(crate) fn remove(&mut self, id: Uuid) {
        self.all.remove(&id);
        self.waiting
            .retain(|delivery| delivery.subscription_id != id);
    }

    /// Queues what subscribers of a tenant are told; `true` when anybody is.
    pub(crate) fn publish(
        &mut self,
        tenant_id: Uuid,
        announcements: &[Announcement],
        now: Timestamp,
        delay: Duration,
    ) -> bool {
        let delay = SignedDuration::try_from(delay).unwrap_or_default();
        let before = self.waiting.len();
        for subscription in self.all.values() {
            if subscription.tenant_id != tenant_id || subscription.expires <= now {
                continue;
            }
            let wanted = announcements
                .iter()
                .filter(|announcement| subscription.wants(announcement));
            self.waiting.extend(wanted.map(|announcement| Delivery {
                subscription_id: subscription.id,
                url: subscription.notification_url.clone(),
                item: subscription.notification(announcement),
                since: now,
                due: later(now, delay),
                attempt: 0,
                lifecycle: false,
                admitted: false,
            }));
        }
        self.waiting.len() > before
    }

    fn remind(&mut self, now: Timestamp) {
        for subscription in self.all.values_mut() {
            let due = subscription.remind_at.is_some_and(|at| at <= now);
            let url = subscription.lifecycle_url.clone();
            if let (true, Some(url)) = (due && subscription.expires > now, url) {
                self.waiting.push(Delivery {
                    subscription_id: subscription.id,
                    url,
                    item: subscription.reminder(),
                    since: now,
                    due: now,
                    attempt: 0,
                    lifecycle: true,
                    admitted: false,
                });
                subscription.schedule_reminder(now);
            }
        }
    }

    /// Takes out what is to be sent now, in batches by address.
    pub(crate) fn take_due(&mut self, now: Timestamp, switches: &Switches) -> Vec<Batch> {
        self.remind(now);
        let mut by_url: BTreeMap<String, Batch> = BTreeMap::new();
        let mut kept = Vec::new();
        for mut delivery in std::mem::take(&mut self.waiting) {
            let Some(subscription) = self.all.get(&delivery.subscription_id) else {
                continue;
            };
            if subscription.expires <= now || now.duration_since(delivery.since) > GIVE_UP {
                continue;
            }
            let paused = switches.subscriptions_need_token
                && !delivery.lifecycle
                && subscription.paused(now);
            if paused || delivery.due > now {
                kept.push(delivery);
            } else if self.admit(&mut delivery, switches, now) {
                by_url
                    .entry(delivery.url.clone())
                    .or_default()
                    .push(delivery);
            } else if delivery.admitted {
                kept.push(delivery);
            }
        }
        self.waiting = kept;
        let size = usize::try_from(switches.notification_batch)
            .unwrap_or(1)
            .max(1);
        let mut batches = Vec::new();
        for mut batch in by_url.into_values() {
            if switches.notification_reversed {
                batch.reverse();
            }
            batches.extend(batch.chunks(size).map(<[Delivery]>::to_vec));
        }
        batches
    }

    /// Whether a delivery may go now; one that was slowed down is kept for later, one to a dead address is not.
    fn admit(&mut self, delivery: &mut Delivery, switches: &Switches, now: Timestamp) -> bool {
        if delivery.admitted || !switches.notification_penalties {
            return true;
        }
        let endpoint = self.endpoints.entry(delivery.url.clone()).or_default();
        match endpoint.state(now) {
            State::Good => true,
            State::Drop => false,
            State::Slow => {
                delivery.admitted = true;
                delivery.due = later(now, SLOWED_BY);
                false
            }
        }
    }

    /// When to look again, if nothing else happens.
    pub(crate) fn next_due(&self, now: Timestamp, switches: &Switches) -> Option<Timestamp> {
        let held = |delivery: &&Delivery| {
            let subscription = self.all.get(&delivery.subscription_id);
            let paused = subscription.is_some_and(|subscription| subscription.paused(now));
            !(switches.subscriptions_need_token && !delivery.lifecycle && paused)
        };
        let deliveries = self
            .waiting
            .iter()
            .filter(held)
            .map(|delivery| delivery.due);
        let reminders = self
            .live(now)
            .filter_map(|subscription| subscription.remind_at);
        deliveries.chain(reminders).min()
    }

    /// Takes note of how a batch fared; what was not taken waits for its next attempt.
    pub(crate) fn settle(
        &mut self,
        batch: Batch,
        delivered: bool,
        took: SignedDuration,
        now: Timestamp,
    ) {
        if let Some(first) = batch.first() {
            self.endpoints
                .entry(first.url.clone())
                .or_default()
                .answered(now, took);
        }
        if delivered {
            return;
        }
        self.waiting.extend(batch.into_iter().map(|mut delivery| {
            let wait = RETRY_FIRST.saturating_mul(1 << delivery.attempt.min(10));
            delivery.attempt += 1;
            delivery.due = later(now, wait);
            delivery.admitted = true;
            delivery
        }));
    }
}
