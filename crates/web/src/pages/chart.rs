//! The charts of Home, drawn here as SVG: changes by the hour or day, people and
//! delay by connection. Knows shapes and numbers, not where they come from.

use jiff::{SignedDuration, Timestamp};
use provisioning::action::ActionKind;
use provisioning::plan::Counts;

/// The drawing area of the chart of changes, in units of its own.
const HEIGHT: u64 = 120;
const WIDTH: u64 = 720;
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

/// How far back the chart of changes goes, and in what steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// A day by its hours.
    Hours,
    /// A month by its days.
    Days,
}

impl Span {
    /// Bars, the seconds each stands for, and how many share a label.
    fn steps(self) -> (i64, i64, i64) {
        match self {
            Self::Hours => (24, 3_600, 4),
            Self::Days => (30, 86_400, 5),
        }
    }

    fn label(self, began: Timestamp) -> String {
        let format = match self {
            Self::Hours => "%H:%M",
            Self::Days => "%-d %b",
        };
        began.strftime(format).to_string()
    }
}

/// What happened within one hour or day.
pub(crate) struct Step {
    pub(crate) label: String,
    pub(crate) is_labelled: bool,
    pub(crate) x: u64,
    pub(crate) middle: u64,
    pub(crate) parts: Vec<Part>,
    pub(crate) gained: u64,
    pub(crate) changed: u64,
    pub(crate) lost: u64,
}

impl Step {
    fn total(&self) -> u64 {
        self.gained + self.changed + self.lost
    }
}

/// Changes of the last day or month.
pub(crate) struct Changes {
    pub(crate) steps: Vec<Step>,
    pub(crate) total: u64,
    pub(crate) most: u64,
    pub(crate) width: u64,
    /// Of a bar.
    pub(crate) bar: u64,
    pub(crate) is_by_day: bool,
}

/// The beginning of what the chart of changes shows.
pub(crate) fn since(now: Timestamp, span: Span) -> Timestamp {
    let (count, seconds, _) = span.steps();
    let back = SignedDuration::from_secs(count * seconds);
    now.checked_sub(back).unwrap_or(Timestamp::MIN)
}

/// The chart of what runs did, each at its moment.
pub(crate) fn changes(runs: &[(Timestamp, Counts)], now: Timestamp, span: Span) -> Changes {
    let (count, seconds, share) = span.steps();
    let wide = WIDTH / count.unsigned_abs();
    let first = now.as_second().div_euclid(seconds) - count + 1;
    let mut steps: Vec<Step> = (0..count)
        .zip(0_u64..)
        .map(|(step, at)| {
            let began = Timestamp::from_second((first + step) * seconds).unwrap_or(now);
            Step {
                label: span.label(began),
                is_labelled: step % share == share - 1,
                x: at * wide + 4,
                middle: at * wide + wide / 2,
                parts: Vec::new(),
                gained: 0,
                changed: 0,
                lost: 0,
            }
        })
        .collect();
    for (at, counts) in runs {
        let step = at.as_second().div_euclid(seconds) - first;
        let step = usize::try_from(step).ok().and_then(|at| steps.get_mut(at));
        let Some(step) = step else { continue };
        for kind in ActionKind::ALL {
            let count = counts.of(kind);
            match kind {
                ActionKind::Review => {}
                ActionKind::Update | ActionKind::Link => step.changed += count,
                kind if kind.is_loss() => step.lost += count,
                _ => step.gained += count,
            }
        }
    }
    let most = steps.iter().map(Step::total).max().unwrap_or(0);
    for step in &mut steps {
        let mut y = HEIGHT;
        let series = [
            ("gained", step.gained),
            ("changed", step.changed),
            ("lost", step.lost),
        ];
        for (class, count) in series {
            let size = scaled(count, most, HEIGHT);
            y = y.saturating_sub(size);
            step.parts.push(Part { class, at: y, size });
        }
        step.parts.retain(|part| part.size > 0);
    }
    Changes {
        total: steps.iter().map(Step::total).sum(),
        most,
        width: WIDTH,
        bar: wide.saturating_sub(8),
        is_by_day: span == Span::Days,
        steps,
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
        let chart = changes(&runs, now, Span::Hours);
        assert_eq!((chart.total, chart.most), (16, 8), "the third is too old");
        let [first, .., last] = chart.steps.as_slice() else {
            panic!("hours")
        };
        assert_eq!((first.label.as_str(), first.total()), ("11:00", 8));
        assert_eq!(
            (last.label.as_str(), last.gained, last.lost),
            ("10:00", 6, 2)
        );
        let filled: u64 = last.parts.iter().map(|part| part.size).sum();
        assert_eq!(filled, HEIGHT);
        let month = changes(&runs, now, Span::Days);
        let counts: Vec<u64> = month.steps.iter().map(Step::total).collect();
        assert_eq!((month.total, &counts[28..]), (24, &[16, 8][..]));
        assert_eq!(month.steps[29].label, "1 Mar");
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
