//! When a run waits for a person.

use provisioning::action::ActionKind;
use provisioning::limits::{Limit, Limits, passed};

fn held(limits: &Limits, people: u64, kind: ActionKind, wanted: u64, before: u64) -> bool {
    let only = |n: u64| move |of: ActionKind| if of == kind { n } else { 0 };
    !passed(limits, people, only(wanted), only(before)).is_empty()
}

#[test]
fn each_loss_has_its_own_limit_and_nothing_else_has_one() {
    let tight = Limit {
        count: 2,
        percent: 100.0,
        window_seconds: 60,
    };
    let limits = Limits {
        archive: tight,
        ..Limits::default()
    };
    assert!(held(&limits, 1_000, ActionKind::Archive, 3, 0));
    assert!(!held(&limits, 1_000, ActionKind::Archive, 2, 0));
    assert!(!held(&limits, 1_000, ActionKind::Deactivate, 3, 0));
    for kind in ActionKind::ALL {
        let expected = kind.is_loss();
        assert_eq!(held(&limits, 1_000, kind, 1_000, 0), expected, "{kind:?}");
    }
}

#[test]
fn what_happened_in_the_window_counts() {
    let limits = Limits::default();
    assert!(!held(&limits, 1_000, ActionKind::Revoke, 20, 5));
    assert!(held(&limits, 1_000, ActionKind::Revoke, 20, 6));
}

#[test]
fn a_run_that_takes_nothing_is_never_held() {
    assert!(!held(&Limits::default(), 10, ActionKind::Revoke, 0, 1_000));
}

#[test]
fn the_percentage_never_holds_fewer_than_five_people() {
    assert!(!held(&Limits::default(), 10, ActionKind::Revoke, 5, 0));
    assert!(held(&Limits::default(), 10, ActionKind::Revoke, 6, 0));
}

#[test]
fn a_hold_says_what_it_counted() {
    let wanted = |kind| if kind == ActionKind::Revoke { 30 } else { 0 };
    let found = passed(&Limits::default(), 1_000, wanted, |_| 1);
    assert_eq!(
        found[0].to_string(),
        "30 people would lose access or a security role after 1 within the limit's window, 25 are allowed"
    );
}
