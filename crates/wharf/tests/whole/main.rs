//! The real binary at both ends: `wharf serve` and the client commands, and `wharf demo`.

#![expect(clippy::unwrap_used, reason = "a failed test panics")]

mod certificates;
mod check;
mod config;
mod confine;
mod copy;
mod demo;
mod events;
mod examples;
mod forms;
mod injection;
mod jobs;
mod logs;
mod marks;
mod plan;
mod remote;
mod reserve;
mod resume;
mod segments;
mod serve;
mod serving;
mod supply;
mod sync;
mod talk;
mod tap;
mod tls;
mod told;
mod trace;
mod tree;
#[cfg(feature = "tui")]
mod tui;
mod unread_log;
#[cfg(feature = "sqlite")]
mod user;
