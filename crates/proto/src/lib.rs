//! FTP without IO.
//!
//! What this crate is: the verbs, replies, parameters, codecs and listings of FTP, both session machines
//! and the tap events they emit. What it is not: it has no runtime, socket, file or clock; bytes, outcomes
//! and time are arguments.

#![forbid(unsafe_code)]

mod moment;
pub mod params;
pub mod reply;
pub mod tap;
mod text;
pub mod verb;

pub use moment::Moment;
pub use text::{Secret, Text, write_safe};
pub use verb::Verb;
