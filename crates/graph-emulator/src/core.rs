//! What every part of the emulator shares: the directory behind its lock, clock, chance, switches, faults, subscriptions.
//! No lock is held across an await; requests are served elsewhere.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use jiff::Timestamp;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::chance::Chance;
use crate::clock::Clock;
use crate::directory::tenant::Tenant;
use crate::directory::world::World;
use crate::fault::Faults;
use crate::notify::{Sender, Subscriptions};
use crate::sign::Signer;
use crate::switches::Switches;

/// The emulator's memory.
pub(crate) struct Core {
    pub clock: Clock,
    pub chance: Chance,
    pub signer: Signer,
    world: RwLock<World>,
    switches: RwLock<Switches>,
    faults: Mutex<Faults>,
    subscriptions: Mutex<Subscriptions>,
    sender: RwLock<Arc<dyn Sender>>,
    /// Rings when the notifier should look again.
    pub wake: Arc<Notify>,
    /// Second of the last look into the recycle bins.
    swept: AtomicI64,
}

impl Core {
    pub(crate) fn new(seed: u64, start: Timestamp, sender: Arc<dyn Sender>) -> Self {
        Self {
            clock: Clock::new(start),
            chance: Chance::new(seed),
            signer: Signer::new(seed),
            world: RwLock::default(),
            switches: RwLock::default(),
            faults: Mutex::default(),
            subscriptions: Mutex::default(),
            sender: RwLock::new(sender),
            wake: Arc::new(Notify::new()),
            swept: AtomicI64::new(i64::MIN),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The directory, to read.
    pub(crate) fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a tenant.
    pub(crate) fn add_tenant(&self, tenant: Tenant) {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        world.add(tenant);
    }

    /// Changes one tenant and tells the subscribers; `None` when there is no such tenant.
    pub(crate) fn edit<T>(
        &self,
        tenant_id: Uuid,
        change: impl FnOnce(&mut Tenant, Timestamp) -> T,
    ) -> Option<T> {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let tenant = world.tenant_mut(tenant_id)?;
        let result = change(tenant, now);
        self.announce(tenant, now);
        Some(result)
    }

    fn announce(&self, tenant: &mut Tenant, now: Timestamp) {
        let announcements = tenant.take_announcements();
        if announcements.is_empty() {
            return;
        }
        let delay = self.switches().notification_delay();
        let mut subscriptions = self.subscriptions();
        if subscriptions.publish(tenant.id, &announcements, now, delay) {
            self.wake.notify_one();
        }
    }

    /// Does what only time does: empties recycle bins after 30 days. Cheap; called before every request.
    pub(crate) fn let_time_work(&self) {
        let now = self.now();
        let last = self.swept.load(Ordering::Relaxed);
        if now.as_second().saturating_sub(last) < 60 {
            return;
        }
        self.swept.store(now.as_second(), Ordering::Relaxed);
        let silent = self.switches().silent_member_purge;
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        for tenant_id in world.purge_expired(silent, now) {
            if let Some(tenant) = world.tenant_mut(tenant_id) {
                self.announce(tenant, now);
            }
        }
    }

    /// Moves the clock and does what is due.
    pub(crate) fn advance(&self, by: std::time::Duration) {
        self.clock.advance(by);
        self.swept.store(i64::MIN, Ordering::Relaxed);
        self.let_time_work();
        self.wake.notify_one();
    }

    pub(crate) fn switches(&self) -> Switches {
        let switches = self.switches.read().unwrap_or_else(PoisonError::into_inner);
        switches.clone()
    }

    pub(crate) fn set_switches(&self, switches: Switches) {
        *self
            .switches
            .write()
            .unwrap_or_else(PoisonError::into_inner) = switches;
        self.wake.notify_one();
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn subscriptions(&self) -> MutexGuard<'_, Subscriptions> {
        self.subscriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sender(&self) -> Arc<dyn Sender> {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&sender)
    }

    pub(crate) fn set_sender(&self, sender: Arc<dyn Sender>) {
        *self.sender.write().unwrap_or_else(PoisonError::into_inner) = sender;
    }

    /// Forgets everything; the clock goes back to what the runtime counted.
    pub(crate) fn reset(&self) {
        *self.world.write().unwrap_or_else(PoisonError::into_inner) = World::default();
        *self.subscriptions() = Subscriptions::default();
        *self.faults() = Faults::default();
        self.set_switches(Switches::default());
        self.clock.reset();
        self.chance.rewind();
        self.signer.forget();
        self.swept.store(i64::MIN, Ordering::Relaxed);
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // The notifier holds only this bell; it ends when it finds nobody behind it.
        self.wake.notify_one();
    }
}
