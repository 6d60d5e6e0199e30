//! Planned failures: which request meets them, what happens to it, and how often each has fired.
//! Matches method, path and tenant only; the effects are carried out by whoever serves or sends the request.

use globset::{Glob, GlobMatcher};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Which requests a fault is for; all that is given must hold.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Match {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// A glob on the path without query; `*` matches `/` too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only from the nth matching request on, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// Tenant id or domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// What happens; several may be given.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Effect {
    /// Answer with this status instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `Retry-After` in seconds, with `status`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<f64>,
    /// The body, with `status`: text as it is, anything else as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Seconds to wait first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<f64>,
    /// The body ends in the middle.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncate: bool,
    /// The connection is closed without an answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub drop: bool,
    /// A list page repeats its items; a notification is delivered twice.
    #[serde(default, skip_serializing_if = "is_false")]
    pub duplicate: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// `POST /emulator/v1/faults`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultSpec {
    #[serde(default, rename = "match")]
    pub matching: Match,
    pub effect: Effect,
    /// How often it fires before it is spent; 1 unless told otherwise.
    #[serde(default = "once")]
    pub times: u64,
}

fn once() -> u64 {
    1
}

/// A fault and how often it fired.
#[derive(Debug, Serialize)]
pub(crate) struct Fault {
    pub id: u64,
    #[serde(rename = "match")]
    pub matching: Match,
    pub effect: Effect,
    pub times: u64,
    pub fired: u64,
    #[serde(skip)]
    seen: u64,
    #[serde(skip)]
    glob: Option<GlobMatcher>,
    #[serde(skip)]
    tenant_id: Option<Uuid>,
}

/// All faults, in the order they were planned; the first that matches fires.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    all: Vec<Fault>,
    next_id: u64,
}

impl FaultSpec {
    /// What is wrong with the specification, if anything.
    fn problem(&self) -> Option<String> {
        let effect = &self.effect;
        if *effect == Effect::default() {
            return Some("effect: names nothing to do".to_owned());
        }
        if effect
            .status
            .is_some_and(|status| !(200..=599).contains(&status))
        {
            return Some("effect.status: must be from 200 to 599".to_owned());
        }
        if effect.status.is_none() && (effect.retry_after.is_some() || effect.body.is_some()) {
            return Some("effect: retry_after and body need status".to_owned());
        }
        for (name, seconds) in [("delay", effect.delay), ("retry_after", effect.retry_after)] {
            if seconds
                .is_some_and(|seconds| std::time::Duration::try_from_secs_f64(seconds).is_err())
            {
                return Some(format!("effect.{name}: must be 0 or more seconds"));
            }
        }
        (self.matching.nth == Some(0)).then(|| "match.nth: counts from 1".to_owned())
    }
}

impl Faults {
    /// Plans a fault. `tenant_id` is what `match.tenant` named.
    ///
    /// # Errors
    /// Says which field is wrong.
    pub(crate) fn add(
        &mut self,
        spec: FaultSpec,
        tenant_id: Option<Uuid>,
    ) -> Result<&Fault, String> {
        if let Some(problem) = spec.problem() {
            return Err(problem);
        }
        let glob = spec.matching.path.as_deref().map(Glob::new).transpose();
        let glob = glob.map_err(|error| format!("match.path: {error}"))?;
        self.next_id += 1;
        let at = self.all.len();
        self.all.push(Fault {
            id: self.next_id,
            matching: spec.matching,
            effect: spec.effect,
            times: spec.times,
            fired: 0,
            seen: 0,
            glob: glob.map(|glob| glob.compile_matcher()),
            tenant_id,
        });
        Ok(&self.all[at])
    }

    pub(crate) fn all(&self) -> &[Fault] {
        &self.all
    }

    /// Forgets one fault; `false` when there is none with this id.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.all.len();
        self.all.retain(|fault| fault.id != id);
        self.all.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.all.clear();
    }

    /// Whether any fault that is not spent asks for a tenant.
    pub(crate) fn need_tenant(&self) -> bool {
        self.all
            .iter()
            .any(|fault| fault.tenant_id.is_some() && fault.fired < fault.times)
    }

    /// The effect a request meets, if any.
    pub(crate) fn fire(
        &mut self,
        method: &str,
        path: &str,
        tenant_id: Option<Uuid>,
    ) -> Option<Effect> {
        let mut all = self.all.iter_mut();
        let fault = all.find_map(|fault| fault.hits(method, path, tenant_id).then_some(fault))?;
        fault.fired += 1;
        Some(fault.effect.clone())
    }
}

impl Fault {
    fn hits(&mut self, method: &str, path: &str, tenant_id: Option<Uuid>) -> bool {
        let wanted = &self.matching;
        let matches = wanted
            .method
            .as_deref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.glob.as_ref().is_none_or(|glob| glob.is_match(path))
            && (self.tenant_id.is_none() || self.tenant_id == tenant_id);
        if !matches || self.fired >= self.times {
            return false;
        }
        self.seen += 1;
        self.seen >= wanted.nth.unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(spec: Value) -> Faults {
        let mut faults = Faults::default();
        faults
            .add(serde_json::from_value(spec).unwrap(), None)
            .unwrap();
        faults
    }

    #[test]
    fn a_fault_fires_as_often_as_told_from_the_nth_match_on() {
        let spec = json!({
            "match": {"method": "get", "path": "/v1.0/users/delta*", "nth": 2}, "effect": {"status": 503}, "times": 2,
        });
        let mut faults = faults(spec);
        let mut fire = |method: &str, path: &str| faults.fire(method, path, None).is_some();
        assert!(!fire("POST", "/v1.0/users/delta"));
        assert!(!fire("GET", "/v1.0/users"));
        assert!(!fire("GET", "/v1.0/users/delta"), "the first match");
        assert!(fire("GET", "/v1.0/users/delta"));
        assert!(fire("GET", "/v1.0/users/delta()"));
        assert!(!fire("GET", "/v1.0/users/delta"), "spent");
        assert_eq!(faults.all()[0].fired, 2);
    }

    #[test]
    fn senseless_faults_are_refused() {
        for spec in [
            json!({"effect": {}}),
            json!({"effect": {"status": 99}}),
            json!({"effect": {"retry_after": 3}}),
            json!({"effect": {"delay": -1}}),
            json!({"match": {"nth": 0}, "effect": {"drop": true}}),
            json!({"match": {"path": "[z-a]"}, "effect": {"drop": true}}),
        ] {
            let parsed: FaultSpec = serde_json::from_value(spec.clone()).unwrap();
            assert!(Faults::default().add(parsed, None).is_err(), "{spec}");
        }
        let misspelt = json!({"effect": {"statu": 500}});
        assert!(serde_json::from_value::<FaultSpec>(misspelt).is_err());
    }
}
