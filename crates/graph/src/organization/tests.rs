//! Unit tests of `organization`.

use serde_json::{Value, json};

use super::*;
use crate::scripted::{self, Reply, TENANT};

async fn read(items: Value) -> Result<Organization, Kind> {
    let (client, _) = scripted::client(vec![Reply::json(200, &json!({"value": items}))]);
    let organization = client.organization().await;
    organization.map_err(|error| error.kind().clone())
}

#[tokio::test(start_paused = true)]
async fn there_is_exactly_one_and_it_is_ours() {
    let ours = json!({
        "id": TENANT, "displayName": "Contoso", "onPremisesSyncEnabled": null,
        "verifiedDomains": [{"name": "contoso.com", "isDefault": true, "type": "Managed"}],
    });
    let organization = read(json!([ours])).await.unwrap();
    assert_eq!(organization.verified_domains[0].name, "contoso.com");
    assert!(organization.verified_domains[0].is_default);

    let other = json!({"id": Uuid::from_u128(2), "verifiedDomains": []});
    assert_eq!(read(json!([other])).await, Err(Kind::WrongTenant));
    for bad in [json!([]), json!([ours, ours]), json!([{"id": TENANT}])] {
        assert!(matches!(read(bad).await, Err(Kind::Malformed { .. })));
    }
}
