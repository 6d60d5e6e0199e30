//! Moments as pages show them: how far away they are, with the exact time for
//! whoever points at it and for programs that read the page.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::Timestamp;

use super::frame::{ago, at};

/// Beyond this, a day says more than a distance.
const DISTANT: i64 = 45 * 86_400;

/// HTML with moments in it; everything else in it is escaped.
pub(crate) struct Timed(String);

impl fmt::Display for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Timed {}

impl From<&str> for Timed {
    fn from(words: &str) -> Self {
        Self(escaped(words))
    }
}

impl Timed {
    /// With words before it.
    pub(crate) fn after(self, words: &str) -> Self {
        Self(format!("{}{}", escaped(words), self.0))
    }
}

/// A moment, by its distance from now.
pub(crate) fn when(time: Timestamp, now: Timestamp) -> Timed {
    Timed(element(time, &distance(time, now)))
}

/// A moment that may not have come.
pub(crate) fn maybe(time: Option<Timestamp>, now: Timestamp) -> Timed {
    time.map_or_else(|| Timed("never".to_owned()), |time| when(time, now))
}

/// A sentence in which moments are written for programs, as people read them.
pub(crate) fn told(text: &str, now: Timestamp) -> Timed {
    let mut out: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let end = word.trim_end_matches([';', ',', '.']).len();
        let (moment, rest) = word.split_at(end);
        match moment.parse::<Timestamp>() {
            Ok(time) if time <= now => {
                // Read at 3 minutes ago: nobody says so.
                out.pop_if(|last| last == "at");
                out.push(format!("{}{rest}", element(time, &distance(time, now))));
            }
            Ok(time) => out.push(format!("{}{rest}", element(time, &minute(time)))),
            Err(_) => out.push(escaped(word)),
        }
    }
    Timed(out.join(" "))
}

fn element(time: Timestamp, words: &str) -> String {
    let (programs, exact) = (time.strftime("%Y-%m-%dT%H:%M:%SZ"), at(time));
    format!("<time datetime=\"{programs}\" title=\"{exact}\">{words}</time>")
}

fn minute(time: Timestamp) -> String {
    time.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

fn distance(time: Timestamp, now: Timestamp) -> String {
    let ahead = time.duration_since(now).as_secs();
    match ahead {
        ..=0 if ahead < -DISTANT => day(time),
        ..=0 => ago(Some(time), now),
        1..=89 => format!("in {ahead} seconds"),
        90..=5_399 => format!("in {} minutes", (ahead + 30) / 60),
        5_400..=129_599 => format!("in {} hours", (ahead + 1_800) / 3_600),
        129_600..=DISTANT => format!("in {} days", (ahead + 43_200) / 86_400),
        _ => day(time),
    }
}

fn day(time: Timestamp) -> String {
    time.strftime("%-d %B %Y").to_string()
}

fn escaped(text: &str) -> String {
    match askama::filters::escape(text, askama::filters::Html) {
        Ok(html) => html.to_string(),
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_moment_is_a_distance_with_the_exact_time_behind_it() {
        let now = time("2026-03-10T12:00:00Z");
        assert_eq!(
            when(time("2026-03-10T11:57:00.25Z"), now).to_string(),
            "<time datetime=\"2026-03-10T11:57:00Z\" title=\"2026-03-10 11:57:00 UTC\">3 minutes ago</time>"
        );
        let table = [
            ("2026-03-10T12:00:30Z", "in 30 seconds"),
            ("2026-03-12T11:00:00Z", "in 2 days"),
            ("2026-06-01T00:00:00Z", "1 June 2026"),
            ("2025-06-01T00:00:00Z", "1 June 2025"),
        ];
        for (given, expected) in table {
            assert_eq!(distance(time(given), now), expected, "{given}");
        }
        assert_eq!(maybe(None, now).to_string(), "never");
    }

    #[test]
    fn sentences_for_programs_are_told_to_people() {
        let now = time("2026-03-10T12:00:00Z");
        let plain = |text: &str| {
            let html = told(text, now).to_string();
            let parts = html.split('<').map(|part| part.rsplit('>').next().unwrap());
            parts.collect::<String>()
        };
        let table = [
            (
                "last read at 2026-03-10T11:00:00Z",
                "last read 60 minutes ago",
            ),
            ("as of 2026-03-10T11:59:55Z", "as of 5 seconds ago"),
            (
                "subscribed until 2026-03-12T08:30:00Z; renewed before",
                "subscribed until 12 March 2026, 08:30 UTC; renewed before",
            ),
            ("nobody looks at it", "nobody looks at it"),
        ];
        for (given, expected) in table {
            assert_eq!(plain(given), expected);
        }
        assert!(!told("<script>", now).to_string().contains('<'));
    }
}
