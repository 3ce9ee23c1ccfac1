//! The server over real sockets: one file a feature, all in one test binary.
//!
//! The client here is plain blocking sockets and asserts on exact reply codes; it shares no code with the
//! server, so that a mistake in the protocol crate cannot hide itself.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected must fail")]

mod abort;
#[cfg(feature = "sqlite")]
mod accounts;
mod active;
mod confinement;
mod covered;
mod durable;
mod edges;
mod extended;
mod flood;
mod fxp;
mod guessing;
mod injection;
mod limits;
mod listing;
mod login;
mod matrix;
mod modes;
mod names;
mod passive;
mod quota;
mod rates;
mod raw;
mod text_type;
mod tls;
mod upload;
mod view;
mod walks;
