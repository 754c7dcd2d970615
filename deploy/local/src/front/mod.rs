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
mod kill;
mod lexer;
mod multipart;
mod native;
mod outlet;
mod policy;
mod reader;
mod request;
mod running;
mod server;
mod slots;
mod sql;
mod wire;

pub use policy::{FrontUser, Role};
pub(crate) use server::write_options;
pub use server::{ClickHouseOptions, clickhouse_main};
