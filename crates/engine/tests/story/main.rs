//! Stories told through the whole engine, the store and the emulator in one
//! process. No sockets but those of a PostgreSQL, when one is given.

mod first_sync;
mod life;
mod rules;
mod world;
