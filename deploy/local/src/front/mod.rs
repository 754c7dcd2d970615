//! ClickHouse's HTTP interface in front of the engine in this process.
//!
//! Deliberately absent: sessions (`session_id` is accepted and ignored, so temporary tables and
//! SET end with their request), roles, and external tables in forms.

mod encoding;
mod exception;
mod exec;
mod flow;
mod formats;
mod frames;
mod insert;
mod inside;
mod kill;
mod lexer;
mod multipart;
mod native;
mod options;
mod origin;
mod outlet;
mod policy;
mod query_state;
mod reader;
mod request;
mod running;
mod server;
mod slots;
mod sql;
mod state;
mod unpack;
mod wire;

pub use options::ClickHouseOptions;
pub(crate) use options::write_options;
pub use policy::{FrontUser, Role};
pub use server::clickhouse_main;
