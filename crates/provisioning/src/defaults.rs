//! Employee Defaults: what a mandatory employee field gets when the directory
//! gives nothing.

use serde::{Deserialize, Serialize};

use crate::ids::RecordId;

/// The seven mandatory employee fields' defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmployeeDefaults {
    /// Department.
    pub department: Option<String>,
    /// Location.
    pub location: Option<String>,
    /// Manager.
    pub manager_id: Option<RecordId>,
    /// Job Title.
    pub job_title: Option<String>,
    /// Employment Type.
    pub employment_type: Option<String>,
    /// Security Role: rights. A mapping rule's own roles come before it.
    pub security_role: Option<String>,
    /// Employee Role: billing.
    pub employee_role: Option<String>,
}

impl EmployeeDefaults {
    /// The names of the fields that have no default yet.
    pub fn missing(&self) -> Vec<&'static str> {
        let fields = [
            ("department", self.department.is_none()),
            ("location", self.location.is_none()),
            ("manager_id", self.manager_id.is_none()),
            ("job_title", self.job_title.is_none()),
            ("employment_type", self.employment_type.is_none()),
            ("security_role", self.security_role.is_none()),
            ("employee_role", self.employee_role.is_none()),
        ];
        let missing = fields.into_iter().filter(|(_, is_missing)| *is_missing);
        missing.map(|(name, _)| name).collect()
    }
}
