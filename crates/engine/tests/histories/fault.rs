//! The faults there are, and how each is brought about.

use http::Method;
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::world::{HOST, World};

/// What the engine was doing when a fault hit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Doing {
    FirstSync,
    Delta,
    Full,
    Rule,
}

impl Doing {
    pub(crate) const ALL: [Self; 4] = [Self::FirstSync, Self::Delta, Self::Full, Self::Rule];
}

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fault {
    ThrottledWithRetryAfter,
    Throttled,
    Unavailable,
    GatewayTimeout,
    Truncated,
    Dropped,
    RepeatedPage,
    EmptyPages,
    EndlessNextLink,
    Gone,
    ExpiredDeltaToken,
    ExpiredSkipToken,
    Unauthorized,
    Forbidden,
    EmptyList,
    MembersSplitOverPages,
    RepeatedObjects,
    ReplayedChanges,
    DelayedVisibility,
    SilentPurge,
    LostNotification,
    LateNotification,
    DoubledNotification,
    ForgedNotification,
    ReorderedNotifications,
    SubscriptionGone,
    GrantRevoked,
    ClockJump,
    DatabaseBusy,
    Crash,
}

impl Fault {
    pub(crate) const ALL: [Self; 30] = [
        Self::ThrottledWithRetryAfter,
        Self::Throttled,
        Self::Unavailable,
        Self::GatewayTimeout,
        Self::Truncated,
        Self::Dropped,
        Self::RepeatedPage,
        Self::EmptyPages,
        Self::EndlessNextLink,
        Self::Gone,
        Self::ExpiredDeltaToken,
        Self::ExpiredSkipToken,
        Self::Unauthorized,
        Self::Forbidden,
        Self::EmptyList,
        Self::MembersSplitOverPages,
        Self::RepeatedObjects,
        Self::ReplayedChanges,
        Self::DelayedVisibility,
        Self::SilentPurge,
        Self::LostNotification,
        Self::LateNotification,
        Self::DoubledNotification,
        Self::ForgedNotification,
        Self::ReorderedNotifications,
        Self::SubscriptionGone,
        Self::GrantRevoked,
        Self::ClockJump,
        Self::DatabaseBusy,
        Self::Crash,
    ];

    /// The cells that can be hit at all.
    pub(crate) fn can_hit(self, doing: Doing) -> bool {
        match self {
            // A change feed is followed in delta rounds only, and its latest
            // link is asked for in full reads.
            Self::EmptyPages
            | Self::ExpiredDeltaToken
            | Self::ExpiredSkipToken
            | Self::EndlessNextLink
            | Self::MembersSplitOverPages
            | Self::RepeatedObjects
            | Self::ReplayedChanges => doing == Doing::Delta,
            Self::Gone => matches!(doing, Doing::Delta | Doing::Full | Doing::FirstSync),
            Self::DelayedVisibility | Self::SilentPurge => {
                matches!(doing, Doing::Delta | Doing::Full)
            }
            Self::LostNotification
            | Self::LateNotification
            | Self::DoubledNotification
            | Self::ForgedNotification
            | Self::ReorderedNotifications => doing == Doing::Delta,
            Self::SubscriptionGone => matches!(doing, Doing::Delta | Doing::Full),
            // A delta round lists the members of groups it never saw, seldom.
            Self::EmptyList => doing != Doing::Delta,
            _ => true,
        }
    }

    /// Whether posts of notifications are what it is about.
    pub(crate) fn is_post(self) -> bool {
        matches!(
            self,
            Self::LostNotification
                | Self::LateNotification
                | Self::DoubledNotification
                | Self::ForgedNotification
                | Self::ReorderedNotifications
        )
    }

    /// What the emulator is told, for faults of single requests.
    fn planned(self, chance: &mut Chance) -> Option<Value> {
        let nth = 1 + chance.below(4);
        let any = json!({"path": "/v1.0/**", "nth": nth});
        let delta = json!({"path": "/v1.0/*/delta*"});
        let lists = json!({"path": "/v1.0/groups/*/members/*"});
        let code = |code: &str| json!({"error": {"code": code, "message": "Planned."}});
        Some(match self {
            Self::ThrottledWithRetryAfter => json!({
                "match": any, "effect": {"status": 429, "retry_after": 0.001},
                "times": 1 + chance.below(4),
            }),
            Self::Throttled => json!({
                "match": any, "effect": {"status": 429}, "times": 1 + chance.below(12),
            }),
            Self::Unavailable => json!({
                "match": any, "effect": {"status": 503}, "times": 1 + chance.below(12),
            }),
            Self::GatewayTimeout => json!({
                "match": any, "effect": {"status": 504}, "times": 1 + chance.below(12),
            }),
            Self::Truncated => json!({
                "match": any, "effect": {"truncate": true}, "times": 1 + chance.below(12),
            }),
            Self::Dropped => json!({
                "match": any, "effect": {"drop": true}, "times": 1 + chance.below(12),
            }),
            Self::RepeatedPage => json!({
                "match": any, "effect": {"duplicate": true}, "times": 20,
            }),
            Self::EndlessNextLink => {
                let body = json!({
                    "@odata.context": format!("{HOST}/v1.0/$metadata#users"), "value": [],
                    "@odata.nextLink": format!("{HOST}/v1.0/users/delta?$skiptoken=endless"),
                });
                json!({
                    "match": {"path": "/v1.0/users/delta*"},
                    "effect": {"status": 200, "body": body}, "times": 1_000,
                })
            }
            Self::Gone => json!({
                "match": delta, "effect": {"status": 410}, "times": 1 + chance.below(3),
            }),
            Self::ExpiredSkipToken => json!({
                "match": {"path": "/v1.0/*/delta*", "nth": 2},
                "effect": {"status": 400, "body": code("Directory_ExpiredPageToken")},
            }),
            Self::Unauthorized => json!({
                "match": any, "effect": {"status": 401}, "times": 1 + chance.below(3),
            }),
            Self::Forbidden => json!({
                "match": {"path": if chance.one_in(2) { "/v1.0/groups/*" } else { "/v1.0/**" }},
                "effect": {"status": 403}, "times": 1 + chance.below(30),
            }),
            Self::EmptyList => json!({
                "match": lists, "effect": {"status": 200, "body": {"value": []}},
                "times": 1 + chance.below(6),
            }),
            Self::SubscriptionGone => json!({
                "match": {"path": "/v1.0/subscriptions/*"}, "effect": {"status": 404}, "times": 2,
            }),
            Self::GrantRevoked => json!({
                "match": {"path": "/*/oauth2/v2.0/token"}, "effect": {"status": 400},
                "times": 1 + chance.below(2),
            }),
            _ => return None,
        })
    }

    /// Brings the fault about. What needs a hand in the step itself is done
    /// there.
    pub(crate) async fn bring(self, world: &World, chance: &mut Chance) {
        if let Some(plan) = self.planned(chance) {
            world.control(Method::POST, "faults", plan).await;
        }
        let mut switches = world.emulator.switches();
        match self {
            Self::EmptyPages => switches.delta_empty_pages = true,
            Self::ExpiredDeltaToken => {
                switches.delta_token_lifetime_seconds = 1;
                world.advance(30);
            }
            Self::ExpiredSkipToken => {
                switches.delta_page_users = 1;
                switches.delta_page_groups = 1;
            }
            Self::MembersSplitOverPages => {
                switches.delta_page_users = 1;
                switches.delta_page_groups = 1;
                switches.delta_page_members = 1;
            }
            Self::RepeatedObjects => {
                switches.delta_duplicates = true;
                switches.delta_page_users = 2;
                switches.delta_page_groups = 2;
            }
            Self::ReplayedChanges => switches.delta_replay = 3,
            Self::DelayedVisibility => switches.visibility_lag_seconds = 60.0,
            Self::SilentPurge => switches.silent_member_purge = true,
            Self::ClockJump => {
                let days = [-2, -1, 1, 2, 40][chance.below(5)];
                world.set_skew(days * 86_400);
            }
            _ => {}
        }
        world.emulator.set_switches(switches);
    }

    /// Takes every fault back; gives whether a planned one fired.
    pub(crate) async fn end(world: &World) -> bool {
        let faults = world.control(Method::GET, "faults", Value::Null).await;
        let items = faults["items"].as_array().unwrap();
        let fired = items.iter().any(|fault| fault["fired"].as_u64() > Some(0));
        if !items.is_empty() {
            world.control(Method::DELETE, "faults", Value::Null).await;
        }
        world.set_skew(0);
        fired
    }

    /// Puts every oddity of the service back.
    pub(crate) fn calm(world: &World) {
        world.emulator.set_switches(graph_emulator::Switches {
            throttling: false,
            notification_delay_seconds: 0.0,
            ..graph_emulator::Switches::default()
        });
    }

    /// How long must pass first, in seconds: until a subscription is renewed,
    /// until a token has ended.
    pub(crate) fn takes(self) -> Option<u64> {
        match self {
            Self::SubscriptionGone => Some(31 * 60),
            Self::GrantRevoked => Some(91 * 60),
            _ => None,
        }
    }
}
