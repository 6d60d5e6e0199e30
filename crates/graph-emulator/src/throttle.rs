//! Resource units: what a request costs, how much each application and tenant may spend, and when it is too much.
//! Source: "Microsoft Graph throttling limits", identity and access.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

/// What one request costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    pub units: u32,
    pub write: bool,
}

/// Who pays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payer {
    pub tenant_id: Uuid,
    pub app_id: Uuid,
    /// Live people of the tenant: decides its class.
    pub people: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Account {
    TenantAppRead(Uuid, Uuid),
    AppRead(Uuid),
    TenantAppWrite(Uuid, Uuid),
    AppWrite(Uuid),
    TenantWrite(Uuid),
}

/// A bucket that refills at an even rate.
#[derive(Debug)]
struct Bucket {
    spent: f64,
    at: Timestamp,
}

/// The state of the bucket that is fullest after a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    /// 1.0 is the limit.
    pub fill: f64,
}

/// A request over a limit.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub retry_after_seconds: f64,
    pub scope: String,
    pub information: &'static str,
}

/// Every bucket.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    buckets: HashMap<Account, Bucket>,
}

/// Capacity and refill time in seconds.
type Limit = (f64, f64);

/// Read units of an application in a tenant, by the tenant's class: S below 50 people, M to 500, L above.
fn tenant_class(people: usize) -> Limit {
    match people {
        0..50 => (3_500.0, 10.0),
        50..=500 => (5_000.0, 10.0),
        _ => (8_000.0, 10.0),
    }
}

fn accounts(payer: Payer, cost: Cost) -> Vec<(Account, Limit, f64)> {
    let (app, tenant) = (payer.app_id, payer.tenant_id);
    let units = f64::from(cost.units);
    let mut accounts = vec![
        (
            Account::TenantAppRead(tenant, app),
            tenant_class(payer.people),
            units,
        ),
        (Account::AppRead(app), (150_000.0, 20.0), units),
    ];
    if cost.write {
        accounts.extend([
            (Account::TenantAppWrite(tenant, app), (3_000.0, 150.0), 1.0),
            (Account::AppWrite(app), (35_000.0, 300.0), 1.0),
            (Account::TenantWrite(tenant), (18_000.0, 300.0), 1.0),
        ]);
    }
    accounts
}

impl Throttle {
    /// Charges a request. `enforce` off: it is charged all the same, never refused.
    pub(crate) fn charge(
        &mut self,
        payer: Payer,
        cost: Cost,
        enforce: bool,
        now: Timestamp,
    ) -> Result<Level, Refusal> {
        let accounts = accounts(payer, cost);
        if enforce {
            for (account, limit, amount) in &accounts {
                let over = self.spent(*account, *limit, now) + amount - limit.0;
                if over > 0.0 {
                    return Err(refusal(*account, payer, over * limit.1 / limit.0));
                }
            }
        }
        let mut fill = 0.0_f64;
        for (account, limit, amount) in accounts {
            let spent = self.spent(account, limit, now) + amount;
            self.buckets.insert(account, Bucket { spent, at: now });
            fill = fill.max(spent / limit.0);
        }
        Ok(Level { fill })
    }

    fn spent(&self, account: Account, limit: Limit, now: Timestamp) -> f64 {
        self.buckets.get(&account).map_or(0.0, |bucket| {
            let elapsed = now.duration_since(bucket.at).as_secs_f64();
            (bucket.spent - elapsed * limit.0 / limit.1).max(0.0)
        })
    }
}

fn refusal(account: Account, payer: Payer, seconds: f64) -> Refusal {
    let (scope, kind, information) = match account {
        Account::TenantAppRead(..) => (
            "Tenant_Application",
            "ReadWrite",
            "ResourceUnitLimitExceeded",
        ),
        Account::AppRead(_) => ("Application", "ReadWrite", "ResourceUnitLimitExceeded"),
        Account::TenantAppWrite(..) => ("Tenant_Application", "Write", "WriteLimitExceeded"),
        Account::AppWrite(_) => ("Application", "Write", "WriteLimitExceeded"),
        Account::TenantWrite(_) => ("Tenant", "Write", "WriteLimitExceeded"),
    };
    Refusal {
        retry_after_seconds: seconds.max(0.001),
        scope: format!("{scope}/{kind}/{}/{}", payer.app_id, payer.tenant_id),
        information,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn payer(people: usize) -> Payer {
        Payer {
            tenant_id: Uuid::from_u128(1),
            app_id: Uuid::from_u128(2),
            people,
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn the_limit_follows_the_size_of_the_tenant() {
        for (people, limit) in [
            (10, 3_500),
            (49, 3_500),
            (50, 5_000),
            (500, 5_000),
            (501, 8_000),
        ] {
            let mut throttle = Throttle::default();
            let mut charge = |units, write| {
                let cost = Cost { units, write };
                throttle.charge(payer(people), cost, true, now())
            };
            assert!(charge(limit, false).is_ok(), "{people}");
            let refusal = charge(1, false).unwrap_err();
            assert!(refusal.scope.starts_with("Tenant_Application/ReadWrite/"));
        }
    }

    #[test]
    fn a_bucket_refills_while_time_passes() {
        let mut throttle = Throttle::default();
        let cost = Cost {
            units: 3_500,
            write: false,
        };
        throttle.charge(payer(1), cost, true, now()).unwrap();
        let one = Cost {
            units: 350,
            write: false,
        };
        let refusal = throttle.charge(payer(1), one, true, now()).unwrap_err();
        assert!((refusal.retry_after_seconds - 1.0).abs() < 1e-9);
        let later = now() + SignedDuration::from_secs(1);
        assert!(throttle.charge(payer(1), one, true, later).is_ok());
    }

    #[test]
    fn writes_have_their_own_limit_and_accounting_goes_on_without_it() {
        let mut throttle = Throttle::default();
        let cost = Cost {
            units: 1,
            write: true,
        };
        for _ in 0..3_000 {
            throttle.charge(payer(1_000), cost, true, now()).unwrap();
        }
        let refusal = throttle
            .charge(payer(1_000), cost, true, now())
            .unwrap_err();
        assert_eq!(refusal.information, "WriteLimitExceeded");
        let level = throttle.charge(payer(1_000), cost, false, now()).unwrap();
        assert!(level.fill > 1.0);
    }
}
