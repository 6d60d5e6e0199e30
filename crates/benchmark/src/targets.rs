//! What the measurements are held to, and whether they reach it.

use serde_json::Value;

use Wanted::{AtLeast, AtMost};

/// One figure: what it is of, and how it is judged.
pub(crate) struct Target {
    pub(crate) what: &'static str,
    /// The measurement it is taken from.
    from: &'static str,
    wanted: Wanted,
    figure: fn(&Value) -> Option<f64>,
}

enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

/// A figure beside what was wanted.
pub(crate) struct Judged {
    pub(crate) figure: f64,
    pub(crate) is_reached: bool,
}

impl Target {
    pub(crate) fn wanted(&self) -> (&'static str, f64) {
        match self.wanted {
            AtLeast(least) => ("at least", least),
            AtMost(most) => ("at most", most),
        }
    }

    /// The figure in the measurements of one database, if it was taken.
    pub(crate) fn judge(&self, of_database: &Value) -> Option<Judged> {
        let figure = (self.figure)(of_database.get(self.from)?)?;
        let is_reached = match self.wanted {
            AtLeast(least) => figure >= least,
            AtMost(most) => figure <= most,
        };
        Some(Judged { figure, is_reached })
    }
}

fn at(of: &Value, pointer: &str) -> Option<f64> {
    of.pointer(pointer)?.as_f64()
}

fn slowest_read(of: &Value) -> Option<f64> {
    let kinds = of.pointer("/reads/by_kind_ms")?.as_object()?;
    let all = kinds.values().filter_map(|kind| kind["p99"].as_f64());
    all.reduce(f64::max)
}

const fn target(
    what: &'static str,
    from: &'static str,
    wanted: Wanted,
    figure: fn(&Value) -> Option<f64>,
) -> Target {
    Target {
        what,
        from,
        wanted,
        figure,
    }
}

/// All of them.
pub(crate) const TARGETS: [Target; 13] = [
    target(
        "first sync of a million: people per second",
        "first_1m",
        AtLeast(25_000.0),
        |of| at(of, "/first_sync/people_per_second"),
    ),
    target(
        "first sync of a million: times the sum of its floors",
        "first_1m",
        AtMost(1.5),
        |of| at(of, "/ratio_to_floors"),
    ),
    target(
        "first sync of a million: memory at the peak, MB",
        "first_1m",
        AtMost(150.0),
        |of| Some(at(of, "/memory_bytes/peak")? / 1e6),
    ),
    target(
        "first sync of a million: Graph resource units, times the least possible",
        "first_1m",
        AtMost(1.2),
        |of| {
            let least = at(of, "/first_sync/resource_units_least")?;
            Some(at(of, "/first_sync/resource_units")? / least)
        },
    ),
    target(
        "one change among a million: p50, ms",
        "first_1m",
        AtMost(50.0),
        |of| at(of, "/single_change_ms/p50"),
    ),
    target(
        "one change among a million: p99, ms",
        "first_1m",
        AtMost(250.0),
        |of| at(of, "/single_change_ms/p99"),
    ),
    target("a quiet round: CPU, ms", "first_1m", AtMost(5.0), |of| {
        at(of, "/quiet_round/cpu_ms_per_round")
    }),
    target(
        "slowest kind of page or answer at a million, 200 a second: p99, ms",
        "first_1m",
        AtMost(50.0),
        slowest_read,
    ),
    target(
        "full read of a group of 100,000 that finds nothing: CPU seconds",
        "swap",
        AtMost(2.0),
        |of| at(of, "/full_reconcile/cpu_seconds"),
    ),
    target(
        "swap of rules that moves 100,000: seconds to plan",
        "swap",
        AtMost(3.0),
        |of| at(of, "/rule_swap/plan_seconds"),
    ),
    target(
        "swap of rules that moves 100,000: seconds to apply",
        "swap",
        AtMost(10.0),
        |of| at(of, "/rule_swap/apply_seconds"),
    ),
    target(
        "5,000 tenants of 100: people per second",
        "many",
        AtLeast(10_000.0),
        |of| at(of, "/first_syncs/people_per_second"),
    ),
    target(
        "5,000 tenants, idle at a poll of 30 s: per cent of one processor",
        "many",
        AtMost(5.0),
        |of| at(of, "/idle/cpu_percent_of_one_core"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_figure_is_reached_or_not_and_never_guessed() {
        let memory = TARGETS.iter().find(|one| one.what.contains("memory"));
        let memory = memory.unwrap();
        let of = |bytes: u64| json!({"first_1m": {"memory_bytes": {"peak": bytes}}});
        assert!(memory.judge(&of(150_000_000)).unwrap().is_reached);
        assert!(!memory.judge(&of(150_000_001)).unwrap().is_reached);
        assert!(memory.judge(&json!({})).is_none());
        assert!(memory.judge(&json!({"first_1m": {}})).is_none());
        let speed = &TARGETS[0];
        let of = |speed: f64| json!({"first_1m": {"first_sync": {"people_per_second": speed}}});
        assert!(speed.judge(&of(25_000.0)).unwrap().is_reached);
        assert!(!speed.judge(&of(24_999.0)).unwrap().is_reached);
    }
}
