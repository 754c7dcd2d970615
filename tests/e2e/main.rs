//! The whole line on a real Kafka and the real ClickHouse engine.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod aws;
mod backtest;
mod bad_input;
mod clients;
mod codes;
mod demo;
mod enrol;
mod exactly_once;
mod grafana;
mod jdbc;
mod lives;
mod logins;
mod mail;
mod operator;
mod pages;
mod partial_commit;
mod preflight;
mod ranges;
mod recording;
mod records;
mod risk;
mod secrets;
mod sessions;
mod start;
mod store;
