//! ClickHouse's HTTP interface in front of the engine in this process.
//!
//! Deliberately absent: sessions (`session_id` is accepted and ignored, so temporary tables and
//! SET end with their request), roles, and external tables in forms.

mod access;
mod connection;
mod encoding;
mod exception;
mod exec;
mod forbidden;
mod formats;
mod frames;
mod insert;
mod kill;
mod lexer;
mod multipart;
mod native;
mod options;
mod origin;
mod query_state;
mod reader_settings;
mod request;
mod result_pipe;
mod result_stream;
mod running_query;
mod server;
mod slots;
mod sql;
mod state;
mod unpack;

pub use access::{FrontUser, Role};
pub use options::ClickHouseOptions;
pub(crate) use options::write_options;
pub use server::clickhouse_main;
