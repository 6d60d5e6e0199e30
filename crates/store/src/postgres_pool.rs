//! How PostgreSQL is reached: the settings of a connection, and a pool that lets
//! go of connections whose other end is silent.
//!
//! A network that swallows packets tells neither side anything, and the driver
//! waits for ever. So whoever waits here waits only so long; the connection is
//! dropped then, and the next one is made anew.

use std::future::Future;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use crate::db::Options;
use crate::error::{Result, StoreError};
use crate::postgres_nodelay::send_at_once;

/// How long a connection that does nothing may take to show that it works.
pub(crate) const SILENCE: Duration = Duration::from_secs(3);
/// One used so lately is not asked before it is used again.
pub(crate) const LATELY: Duration = Duration::from_secs(1);
/// How long any statement may take: the longest, over all rows of a million
/// people, take a tenth of it.
const STATEMENT: Duration = Duration::from_secs(600);

/// A pool, with one connection tried.
pub(crate) async fn open(options: &Options) -> Result<PgPool> {
    let connect = PgConnectOptions::from_str(&options.url)?;
    let connect = crate::postgres_tls::secure(&options.url, connect)
        .application_name("rollcall")
        .options([
            ("timezone", "UTC"),
            // A process that froze inside a transaction must not keep others
            // from its work: see `jobs`.
            ("idle_in_transaction_session_timeout", "8000"),
            // Whatever the planner expects of a batch or of a long list, compiling
            // its expressions takes longer than answering.
            ("jit", "off"),
        ])
        .statement_cache_capacity(256)
        .disable_statement_logging();
    // A pool would try a refused connection again until its time-out.
    let first = within(options.busy, PgConnection::connect_with(&connect)).await;
    first.map_err(not_secured)?.close().await?;
    let port = connect.get_port();
    let pool = PgPoolOptions::new()
        .max_connections(options.connections.max(2))
        .acquire_timeout(options.busy)
        .after_connect(move |_, _| {
            send_at_once(port);
            Box::pin(async { Ok(()) })
        })
        .test_before_acquire(false)
        .before_acquire(|on, about| {
            Box::pin(async move {
                if about.idle_for > LATELY {
                    within(SILENCE, on.ping()).await?;
                }
                Ok(true)
            })
        })
        // What was cut off in the middle of an answer comes back here too; the
        // pool asks once more, and would wait for ever.
        .after_release(|on, _| {
            Box::pin(async move {
                within(SILENCE, on.ping()).await?;
                Ok(true)
            })
        })
        .connect_with(connect)
        .await?;
    Ok(pool)
}

/// What a statement gives, unless it takes too long.
pub(crate) async fn answered<T>(
    statement: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    // On the heap: it is part of futures that nest deeply.
    within(STATEMENT, Box::pin(statement)).await
}

pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    let silent = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    tokio::time::timeout(limit, work).await.map_err(silent)?
}

/// Without TLS, or without a certificate that can be trusted, the cure is part
/// of the error.
fn not_secured(error: sqlx::Error) -> StoreError {
    match error {
        error @ sqlx::Error::Tls(_) => StoreError::NotSecured(error),
        error => error.into(),
    }
}
