//! A Microsoft identity platform and Graph that runs on your machine.
//!
//! Serves sign-in, consent and tokens, and the part of Graph v1.0 that reads and writes people and groups, with delta
//! queries, change notifications, throttling and batches, as Microsoft documents them. A control surface under
//! `/emulator/v1` makes tenants, plans faults and moves the clock; a page at `/emulator` edits people by hand.
//!
//! It knows no client: it shares no type and no reading of the documentation with one, or a mistake made once would
//! pass every test. Nothing it keeps outlives the process.

mod app;
mod chance;
mod clock;
mod control;
mod core;
mod directory;
mod error;
mod fault;
mod front;
mod graph;
mod login;
mod notify;
mod odata;
mod page;
mod permission;
mod principals;
mod render;
mod request_log;
mod scenario;
mod schema;
mod serve;
mod sign;
mod switches;
mod throttle;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;

use crate::app::App;
use crate::core::Core;
use crate::notify::HttpSender;
pub use crate::notify::{SendError, SendFuture, Sender, ServiceSender};
pub use crate::scenario::ScenarioError;
pub use crate::serve::{ServeError, TlsReady};
pub use crate::switches::Switches;

/// What an emulator starts from.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// All chance follows from it: ids, tokens, lifetimes.
    pub seed: u64,
    /// What the clock shows at first. It moves with tokio's clock (paused time pauses it) and by [`Emulator::advance`].
    pub start: Timestamp,
}

/// An emulator. Clones are the same one.
#[derive(Clone)]
pub struct Emulator {
    app: Arc<App>,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Emulator").finish_non_exhaustive()
    }
}

impl Emulator {
    /// An empty emulator. Notifications leave over HTTP until [`Self::set_sender`] says otherwise.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let core = Core::new(options.seed, options.start, Arc::new(HttpSender::default()));
        Self {
            app: App::new(core),
        }
    }

    /// Every path of the emulator, to be served on a socket or called in process. Requests need a `Host` header or an
    /// absolute URI: links in answers follow it.
    pub fn router(&self) -> Router {
        front::router(&self.app)
    }

    /// Sends validation requests and notifications another way, as by [`ServiceSender`] to a router of this process.
    pub fn set_sender(&self, sender: Arc<dyn Sender>) {
        self.app.core.set_sender(sender);
    }

    /// The time it is in the emulator.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.app.core.now()
    }

    /// Moves the clock forward, as `POST /emulator/v1/clock/advance` does.
    pub fn advance(&self, by: Duration) {
        self.app.core.advance(by);
    }

    /// The oddities in force.
    #[must_use]
    pub fn switches(&self) -> Switches {
        self.app.core.switches()
    }

    /// Turns oddities on and off.
    pub fn set_switches(&self, switches: Switches) {
        self.app.core.set_switches(switches);
    }

    /// Makes what a scenario in TOML describes: tenants with people and groups, applications, accounts.
    ///
    /// # Errors
    /// Says what is wrong and where; what came before it has been made.
    pub fn load_scenario(&self, toml: &str) -> Result<(), ScenarioError> {
        scenario::load(&self.app, toml)
    }
}
