//! The charts of Home, drawn here as SVG: changes by the hour, people and
//! delay by connection. Knows shapes and numbers, not where they come from.

use jiff::{SignedDuration, Timestamp};
use provisioning::action::ActionKind;
use provisioning::plan::Counts;

/// Hours on the chart of changes.
const HOURS: i64 = 24;
/// Its drawing area, in units of its own.
const HEIGHT: u64 = 120;
const STEP: u64 = 30;
/// Bars of a chart by connection are this long at most.
const LENGTH: u64 = 260;
/// Connections on a chart: the largest.
const ROWS: usize = 8;

/// A rectangle of a kind.
pub(crate) struct Part {
    pub(crate) class: &'static str,
    pub(crate) at: u64,
    pub(crate) size: u64,
}

/// What happened within one hour.
pub(crate) struct Hour {
    pub(crate) label: String,
    pub(crate) is_labelled: bool,
    pub(crate) x: u64,
    pub(crate) parts: Vec<Part>,
    pub(crate) gained: u64,
    pub(crate) changed: u64,
    pub(crate) lost: u64,
}

impl Hour {
    fn total(&self) -> u64 {
        self.gained + self.changed + self.lost
    }
}

/// Changes of the last day, by the hour.
pub(crate) struct Changes {
    pub(crate) hours: Vec<Hour>,
    pub(crate) total: u64,
    pub(crate) most: u64,
    pub(crate) width: u64,
}

/// The beginning of the day the chart of changes shows.
pub(crate) fn since(now: Timestamp) -> Timestamp {
    let day = SignedDuration::from_hours(HOURS);
    now.checked_sub(day).unwrap_or(Timestamp::MIN)
}

/// The chart of what runs did, each at its moment.
pub(crate) fn changes(runs: &[(Timestamp, Counts)], now: Timestamp) -> Changes {
    let first = now.as_second().div_euclid(3_600) - HOURS + 1;
    let mut hours: Vec<Hour> = (0..HOURS)
        .zip(0_u64..)
        .map(|(hour, at)| {
            let began = Timestamp::from_second((first + hour) * 3_600).unwrap_or(now);
            Hour {
                label: began.strftime("%H:%M").to_string(),
                is_labelled: hour % 4 == 3,
                x: at * STEP,
                parts: Vec::new(),
                gained: 0,
                changed: 0,
                lost: 0,
            }
        })
        .collect();
    for (at, counts) in runs {
        let hour = at.as_second().div_euclid(3_600) - first;
        let hour = usize::try_from(hour).ok().and_then(|at| hours.get_mut(at));
        let Some(hour) = hour else { continue };
        for kind in ActionKind::ALL {
            let count = counts.of(kind);
            match kind {
                ActionKind::Review => {}
                ActionKind::Update | ActionKind::Link => hour.changed += count,
                kind if kind.is_loss() => hour.lost += count,
                _ => hour.gained += count,
            }
        }
    }
    let most = hours.iter().map(Hour::total).max().unwrap_or(0);
    for hour in &mut hours {
        let mut y = HEIGHT;
        let series = [
            ("gained", hour.gained),
            ("changed", hour.changed),
            ("lost", hour.lost),
        ];
        for (class, count) in series {
            let size = scaled(count, most, HEIGHT);
            y = y.saturating_sub(size);
            hour.parts.push(Part { class, at: y, size });
        }
        hour.parts.retain(|part| part.size > 0);
    }
    Changes {
        total: hours.iter().map(Hour::total).sum(),
        most,
        width: hours.len() as u64 * STEP,
        hours,
    }
}

/// A length for a count; what is there at all is seen.
fn scaled(count: u64, most: u64, length: u64) -> u64 {
    if count == 0 || most == 0 {
        return 0;
    }
    (count.saturating_mul(length) / most).max(2)
}

/// A connection's bar.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) words: String,
    pub(crate) parts: Vec<Part>,
}

/// One bar for each connection, the longest first.
pub(crate) fn people(mut of: Vec<(String, u64)>) -> Vec<Row> {
    of.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let most = of.first().map_or(0, |(_, count)| *count);
    let rows = of.into_iter().take(ROWS).map(|(name, count)| Row {
        name,
        words: count.to_string(),
        parts: vec![Part {
            class: "changed",
            at: 0,
            size: scaled(count, most, LENGTH),
        }],
    });
    rows.collect()
}

/// How long the last change took: at Microsoft until it was told, and here
/// until it stood; in milliseconds, the slowest first.
pub(crate) fn delays(mut of: Vec<(String, u64, u64)>) -> Vec<Row> {
    of.sort_by_key(|(_, theirs, ours)| std::cmp::Reverse(theirs + ours));
    let most = of.first().map_or(0, |(_, theirs, ours)| theirs + ours);
    let rows = of.into_iter().take(ROWS).map(|(name, theirs, ours)| {
        let first = scaled(theirs, most, LENGTH);
        let part = |class, at, size| Part { class, at, size };
        Row {
            name,
            words: format!("{} + {}", seconds(theirs), seconds(ours)),
            parts: vec![
                part("theirs", 0, first),
                part("changed", first, scaled(ours, most, LENGTH)),
            ],
        }
    });
    rows.collect()
}

fn seconds(milliseconds: u64) -> String {
    match milliseconds {
        0..=999 => format!("{milliseconds} ms"),
        _ => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_fall_into_their_hours_and_fill_the_height() {
        let now: Timestamp = "2026-03-01T10:30:00Z".parse().unwrap();
        let counts = Counts([(ActionKind::Create, 6), (ActionKind::Revoke, 2)].into());
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let runs = [
            (at("2026-03-01T10:00:00Z"), counts.clone()),
            (at("2026-02-28T11:59:00Z"), counts.clone()),
            (at("2026-02-28T10:59:00Z"), counts),
        ];
        let chart = changes(&runs, now);
        assert_eq!((chart.total, chart.most), (16, 8), "the third is too old");
        let [first, .., last] = chart.hours.as_slice() else {
            panic!("hours")
        };
        assert_eq!((first.label.as_str(), first.total()), ("11:00", 8));
        assert_eq!(
            (last.label.as_str(), last.gained, last.lost),
            ("10:00", 6, 2)
        );
        let filled: u64 = last.parts.iter().map(|part| part.size).sum();
        assert_eq!(filled, HEIGHT);
    }

    #[test]
    fn bars_are_as_long_as_their_share_and_never_vanish() {
        let rows = people(vec![("a".into(), 1), ("b".into(), 1_000)]);
        assert_eq!(
            (rows[0].name.as_str(), rows[0].parts[0].size),
            ("b", LENGTH)
        );
        assert_eq!(rows[1].parts[0].size, 2);
        let rows = delays(vec![("a".into(), 1_500, 500)]);
        assert_eq!(rows[0].words, "1.5 s + 500 ms");
        assert_eq!(rows[0].parts[1].at, rows[0].parts[0].size);
    }
}
