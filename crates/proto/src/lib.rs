//! FTP without IO.
//!
//! What this crate is: the verbs, replies, parameters, codecs and listings of FTP, both session machines
//! and the tap events they emit. What it is not: it has no runtime, socket, file or clock; bytes, outcomes
//! and time are arguments.

#![forbid(unsafe_code)]

pub mod address;
pub mod ascii;
pub mod charset;
pub mod client;
pub mod codec;
pub mod command;
pub mod foreign;
pub mod glob;
mod lang;
pub mod line;
pub mod listing;
mod moment;
mod number;
pub mod params;
pub mod path;
pub mod redact;
pub mod reply;
pub mod server;
pub mod tap;
mod text;
mod texts;
pub mod time;
pub mod verb;

pub use command::Command;
pub use lang::Lang;
pub use moment::Moment;
pub use reply::Reply;
pub use text::{Secret, Text, write_safe};
pub use verb::Verb;
