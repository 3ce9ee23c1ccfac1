//! The client library against servers that play a script over real sockets.

#![expect(clippy::unwrap_used, reason = "a failed test panics")]

mod again;
mod blocks;
mod brisk;
mod clock;
mod control;
mod copy;
mod covered;
mod data;
mod dropped;
mod files;
mod forms;
mod listing;
mod marks;
mod naming;
mod support;
mod times;
mod tls;
mod transfer;
mod tree;
mod uncovered;
mod ways;
