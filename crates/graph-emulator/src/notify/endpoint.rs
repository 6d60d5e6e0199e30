//! How an address answered lately, and what the service does about it: slow down, or drop.
//! Source: "change notifications delivery webhooks", section on throttling.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Fewer answers than this say nothing about an address.
const ANSWERS_MIN: usize = 10;
const SLOW: SignedDuration = SignedDuration::from_secs(3);
const DEAD: SignedDuration = SignedDuration::from_secs(10);

/// What new notifications to an address meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Good,
    /// Delayed by ten minutes.
    Slow,
    /// Thrown away.
    Drop,
}

/// The history of one address.
#[derive(Debug, Default)]
pub(crate) struct Endpoint {
    answers: VecDeque<(Timestamp, SignedDuration)>,
    state: State,
    until: Option<Timestamp>,
}

impl Endpoint {
    /// Takes note of an answer, or of none within the time allowed.
    pub(crate) fn answered(&mut self, now: Timestamp, took: SignedDuration) {
        self.answers.push_back((now, took));
        self.forget_old(now);
    }

    fn forget_old(&mut self, now: Timestamp) {
        let old = |at: Timestamp| now.duration_since(at) > WINDOW;
        while self.answers.front().is_some_and(|(at, _)| old(*at)) {
            self.answers.pop_front();
        }
    }

    /// The state now; looked at anew every ten minutes once it is bad.
    pub(crate) fn state(&mut self, now: Timestamp) -> State {
        if self.until.is_some_and(|until| now < until) {
            return self.state;
        }
        self.forget_old(now);
        let over = |limit| {
            self.answers
                .iter()
                .filter(|(_, took)| *took >= limit)
                .count()
        };
        let total = self.answers.len();
        self.state = if total < ANSWERS_MIN {
            State::Good
        } else if over(DEAD) * 100 > total * 15 {
            State::Drop
        } else if over(SLOW) * 100 > total * 10 {
            State::Slow
        } else {
            State::Good
        };
        let bad = self.state != State::Good;
        self.until = bad.then(|| now.saturating_add(WINDOW).unwrap_or(Timestamp::MAX));
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_answers_slow_down_and_then_drop() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        for (late, seconds, expected) in [
            (0, 1, State::Good),
            (1, 4, State::Good),
            (2, 4, State::Slow),
            (1, 11, State::Good),
            (2, 11, State::Drop),
        ] {
            let mut endpoint = Endpoint::default();
            for turn in 0..10 {
                let took = if turn < late { seconds } else { 0 };
                endpoint.answered(now, SignedDuration::from_secs(took));
            }
            assert_eq!(
                endpoint.state(now),
                expected,
                "{late} answers of {seconds} s"
            );
            let later = now + SignedDuration::from_mins(11);
            assert_eq!(endpoint.state(later), State::Good, "forgiven");
        }
    }
}
