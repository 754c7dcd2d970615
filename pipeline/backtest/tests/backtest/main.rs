//! Files in, trades out.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_files;
mod files;
mod hand_worked;
mod harness;
mod look_ahead;
mod paper;
mod pipeline;
