//! The ladder from outside: sessions told as events or captured as packets, drawn, and set beside the
//! reference.

#![expect(clippy::expect_used, reason = "clippy knows test functions, not their helpers")]

mod alignment;
mod beside;
mod captures;
mod claims;
mod corpus;
mod covered;
mod events;
mod forms;
mod golden;
mod hard;
mod joined;
mod legal;
#[cfg(target_os = "linux")]
mod live;
mod logs;
mod packets;
mod router;
mod sessions;
mod swapped;
mod taps;
mod verdicts;
mod widths;
mod wire;
mod written;
