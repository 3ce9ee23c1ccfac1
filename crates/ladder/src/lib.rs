//! The session ladder: what an FTP session did, as numbered rows between two lifelines.
//!
//! What this crate is: a reader of the tap. `Ladder` takes the events of one session
//! ([`wharf_proto::tap::Event`]) and keeps them as [`Row`]s; `reference::align` sets a session beside the
//! reference session of 49 rows; [`text`] draws rows for a terminal of any width, and [`note`] says in
//! English or Japanese what a row means and where the RFC says so.
//!
//! What it is not: it reads no socket, file or clock, prints nothing, and never claims a packet that
//! nobody saw: each row says whether it was [seen, inferred or drawn for completeness](Provenance).
#![forbid(unsafe_code)]

mod acks;
pub mod note;
pub mod reference;
mod row;
pub mod text;
pub mod width;

pub use acks::with_acks;
pub use note::Lang;
pub use reference::{Alignment, align};
pub use row::{Channel, Ends, Packet, Ports, Provenance, Remark, Row};
pub use text::Options;
pub use width::Ambiguous;
