//! Text messages from a server that behaves as Twilio's, to whoever waits for a code.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod desk;
mod poll;
mod server;
mod webhook;
