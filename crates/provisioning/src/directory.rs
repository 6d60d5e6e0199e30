//! A person as the directory shows them, after the connector has read them.
//!
//! Knows nothing of Graph's JSON: an absent property has been merged with what
//! was known, so `None` means the directory has no value.

use serde::{Deserialize, Serialize};

use crate::ids::{ObjectId, TenantId};

/// A directory person: everything that is read of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The tenant the object lives in.
    pub tenant_id: TenantId,
    /// The object's id there.
    pub object_id: ObjectId,
    /// `userPrincipalName`.
    #[serde(rename = "upn", default, skip_serializing_if = "Option::is_none")]
    pub upn: Option<String>,
    /// `mail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    /// `otherMails`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_mails: Vec<String>,
    /// `proxyAddresses`, with their `SMTP:` prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxy_addresses: Vec<String>,
    /// `displayName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// `givenName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// `surname`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surname: Option<String>,
    /// `businessPhones[0]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_phone: Option<String>,
    /// `mobilePhone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile_phone: Option<String>,
    /// `jobTitle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
    /// `department`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// `officeLocation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office_location: Option<String>,
    /// `employeeId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<String>,
    /// `accountEnabled`; unknown counts as enabled, since absence is no proof.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub enabled: bool,
    /// Whether any licence is assigned, when that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licensed: Option<bool>,
    /// `userType`.
    #[serde(default)]
    pub user_type: UserType,
    /// Where the account is at home.
    #[serde(default)]
    pub source: Source,
    /// Whether the object is there.
    #[serde(default)]
    pub presence: Presence,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_true(value: &bool) -> bool {
    *value
}

impl Person {
    /// A live member of which nothing is known but its id.
    pub fn blank(tenant_id: TenantId, object_id: ObjectId) -> Self {
        Self {
            tenant_id,
            object_id,
            upn: None,
            mail: None,
            other_mails: Vec::new(),
            proxy_addresses: Vec::new(),
            display_name: None,
            given_name: None,
            surname: None,
            business_phone: None,
            mobile_phone: None,
            job_title: None,
            department: None,
            office_location: None,
            employee_id: None,
            enabled: true,
            licensed: None,
            user_type: UserType::Member,
            source: Source::AzureAd,
            presence: Presence::Live,
        }
    }

    /// What to call the person in words.
    pub fn name(&self) -> &str {
        self.display_name
            .as_deref()
            .or(self.upn.as_deref())
            .unwrap_or("(no name)")
    }

    /// A 128-bit fingerprint of everything that is read of the person: equal
    /// fingerprints mean "did not change in the directory".
    pub fn fingerprint(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        let mut put = |text: Option<&str>| match text {
            Some(text) => {
                hasher.update(&[1]);
                hasher.update(&(text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
            None => {
                hasher.update(&[0]);
            }
        };
        for text in [
            &self.upn,
            &self.mail,
            &self.display_name,
            &self.given_name,
            &self.surname,
            &self.business_phone,
            &self.mobile_phone,
            &self.job_title,
            &self.department,
            &self.office_location,
            &self.employee_id,
        ] {
            put(text.as_deref());
        }
        for list in [&self.other_mails, &self.proxy_addresses] {
            for text in list {
                put(Some(text));
            }
            put(None);
        }
        hasher.update(&[
            u8::from(self.enabled),
            match self.licensed {
                None => 0,
                Some(false) => 1,
                Some(true) => 2,
            },
            self.user_type as u8,
            self.source as u8,
            self.presence as u8,
        ]);
        let mut out = [0; 16];
        hasher.finalize_xof().fill(&mut out);
        out
    }
}

/// `userType`; unknown or null counts as a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserType {
    /// Belongs to the tenant.
    #[default]
    Member,
    /// Was invited.
    Guest,
}

/// Where an account is at home: Microsoft's old column "Source".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A cloud account of this tenant.
    #[default]
    AzureAd,
    /// Synchronised from this organisation's own Active Directory.
    WindowsServerAd,
    /// Another Entra tenant.
    ExternalAzureAd,
    /// A personal Microsoft account.
    MicrosoftAccount,
    /// Google, Facebook, e-mail one-time passcode, SAML and others.
    Other,
    /// Invited, not yet redeemed.
    InvitedUser,
}

impl Source {
    /// The words the Azure portal used.
    pub fn label(self) -> &'static str {
        match self {
            Self::AzureAd => "Azure Active Directory",
            Self::WindowsServerAd => "Windows Server AD",
            Self::ExternalAzureAd => "External Azure Active Directory",
            Self::MicrosoftAccount => "Microsoft Account",
            Self::Other => "Other identity provider",
            Self::InvitedUser => "Invited User",
        }
    }
}

/// Whether a directory object is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is.
    #[default]
    Live,
    /// Deleted, restorable for 30 days.
    SoftDeleted,
    /// Gone for good.
    Purged,
}
