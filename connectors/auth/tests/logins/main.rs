//! Whole logins against venues on this machine, with whatever they ask for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod account_facts;
mod callback;
mod common;
mod device;
mod gateway;
mod oauth;
mod workflow;
