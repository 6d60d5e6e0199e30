//! One stored object: its id and the properties that were ever set.
//! A property never set is absent; one that was cleared is null (delta tells the two apart).

use serde_json::Value;
use uuid::Uuid;

use crate::schema::{PropertyId, PropertySet};

/// A user or a group held in full.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub id: Uuid,
    /// Sorted by property.
    values: Vec<(PropertyId, Value)>,
}

impl Record {
    pub(crate) fn new(id: Uuid) -> Self {
        Self {
            id,
            values: Vec::new(),
        }
    }

    pub(crate) fn get(&self, property: PropertyId) -> Option<&Value> {
        let at = self.values.binary_search_by_key(&property, |entry| entry.0);
        at.ok().map(|at| &self.values[at].1)
    }

    /// The value as text; absent and null are `None`.
    pub(crate) fn text(&self, property: PropertyId) -> Option<&str> {
        self.get(property).and_then(Value::as_str)
    }

    /// Sets a property; tells whether it differs from before. Clearing what was never set changes nothing.
    pub(crate) fn set(&mut self, property: PropertyId, value: Value) -> bool {
        match self.values.binary_search_by_key(&property, |entry| entry.0) {
            Ok(at) if self.values[at].1 == value => false,
            Ok(at) => {
                self.values[at].1 = value;
                true
            }
            Err(_) if value.is_null() => false,
            Err(at) => {
                self.values.insert(at, (property, value));
                true
            }
        }
    }

    /// Takes a property away as if it had never been set.
    pub(crate) fn forget(&mut self, property: PropertyId) {
        self.values.retain(|entry| entry.0 != property);
    }

    /// Sets many properties; gives back those that changed.
    pub(crate) fn apply(&mut self, changes: Changes) -> PropertySet {
        let mut changed = PropertySet::default();
        for (property, value) in changes.0 {
            if self.set(property, value) {
                changed.insert(property);
            }
        }
        changed
    }
}

/// Values to set on one object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(pub(crate) Vec<(PropertyId, Value)>);

impl Changes {
    pub(crate) fn set(&mut self, property: PropertyId, value: impl Into<Value>) {
        self.0.retain(|entry| entry.0 != property);
        self.0.push((property, value.into()));
    }

    /// Sets a property unless the changes name it already.
    pub(crate) fn fill(&mut self, property: PropertyId, value: impl Into<Value>) {
        if self.get(property).is_none() {
            self.0.push((property, value.into()));
        }
    }

    pub(crate) fn get(&self, property: PropertyId) -> Option<&Value> {
        let entry = self.0.iter().find(|entry| entry.0 == property);
        entry.map(|entry| &entry.1)
    }

    pub(crate) fn text(&self, property: PropertyId) -> Option<&str> {
        self.get(property).and_then(Value::as_str)
    }
}
