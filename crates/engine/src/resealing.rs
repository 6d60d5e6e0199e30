//! What is sealed under the master key, sealed under another one. Knows neither
//! where keys are kept nor what `web` seals.

use serde_json::json;
use store::sealer::Sealer;
use store::{Tx, oauth_states, secrets};

use crate::acts::About;
use crate::engine::Engine;
use crate::error::Result;
use crate::model::Actor;

impl Engine {
    /// Gives every data key and the newest seal of the journal to `new`, in the
    /// caller's transaction; how many data keys. Sign-ins that are under way at
    /// Microsoft begin again.
    pub async fn reseal(&self, tx: &mut Tx, new: &Sealer, actor: &Actor) -> Result<u64> {
        let random = |out: &mut [u8]| self.fill(out);
        let keys = secrets::rotate(tx, self.sealer(), new, &random).await?;
        oauth_states::clear(tx).await?;
        self.reseal_head(tx, new).await?;
        let body = json!({ "old": self.sealer().key_id(), "new": new.key_id(), "data_keys": keys });
        let about = About {
            body,
            ..About::default()
        };
        self.note(tx, actor, "master_key_changed", about).await?;
        secrets::set_master_key_id(tx, new.key_id(), self.now()).await?;
        Ok(keys)
    }
}
