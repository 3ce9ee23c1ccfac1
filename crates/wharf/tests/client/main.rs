//! The client commands of the real binary against servers that play a script.

#![expect(clippy::unwrap_used, reason = "a failed test panics")]

mod classic;
mod codes;
mod copies;
mod events;
mod faults;
mod files;
mod jobs;
mod listings;
mod manual;
mod segments;
mod settings;
mod shell;
mod story;
mod terminal;
mod trees;
mod ways;
