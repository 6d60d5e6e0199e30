//! The discovery document: which tenant a name belongs to, who issues its
//! tokens, and where the signing keys are.
//!
//! Source: OpenID Connect Discovery 1.0.

use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use crate::cloud::CloudName;
use crate::error::{GraphError, Kind};
use crate::identity::IdentityPlatform;
use crate::token_endpoint;
use crate::wire;

/// The document, as far as it is read.
#[derive(Deserialize)]
pub(crate) struct Discovery {
    pub(crate) issuer: String,
    pub(crate) jwks_uri: String,
    #[serde(default)]
    cloud_instance_name: Option<String>,
}

impl IdentityPlatform {
    /// The id of a tenant given by id or by any of its domain names.
    ///
    /// # Errors
    /// [`Kind::TenantUnknown`], [`Kind::WrongCloud`], and those of the network.
    pub async fn tenant_id(&self, domain_or_id: &str) -> Result<Uuid, GraphError> {
        const DOING: &str = "looking up the tenant";
        let name = domain_or_id.trim();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let is_label = |label: &str| !label.is_empty() && label.chars().all(is_plain);
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err(GraphError::new(Kind::TenantUnknown, DOING));
        }
        let discovery = self.discover(name, DOING).await?;
        Url::parse(&discovery.issuer)
            .ok()
            .and_then(|issuer| {
                let segment = issuer.path_segments()?.next()?.to_owned();
                Uuid::try_parse(&segment).ok()
            })
            // `common` and its like have no tenant of their own.
            .ok_or_else(|| GraphError::new(Kind::TenantUnknown, DOING))
    }

    pub(crate) async fn discover(
        &self,
        authority: &str,
        doing: &str,
    ) -> Result<Discovery, GraphError> {
        let path = format!("{authority}/v2.0/.well-known/openid-configuration");
        let url = self.cloud().login(&path);
        let answer =
            token_endpoint::get(self.environment(), self.retry_policy(), &url, doing).await?;
        let malformed = |what: String| GraphError::new(Kind::Malformed { what }, doing);
        let discovery: Discovery =
            wire::parse(&answer.body).map_err(|error| malformed(error.what))?;
        if self.is_elsewhere(&discovery) {
            return Err(GraphError::new(Kind::WrongCloud, doing));
        }
        // The keys decide who may sign in, so they come from this host alone.
        if !self.is_on_login_host(&discovery.jwks_uri) {
            return Err(malformed("`jwks_uri` leads to another host".to_owned()));
        }
        Ok(discovery)
    }

    /// A sign-in host answers for tenants of other clouds too, and says so.
    fn is_elsewhere(&self, discovery: &Discovery) -> bool {
        let host = self.cloud().login_url().host_str().unwrap_or_default();
        self.cloud().name() != CloudName::Custom
            && discovery
                .cloud_instance_name
                .as_deref()
                .is_some_and(|instance| !host.ends_with(instance))
    }

    fn is_on_login_host(&self, address: &str) -> bool {
        Url::parse(address).is_ok_and(|url| url.origin() == self.cloud().login_url().origin())
    }
}
