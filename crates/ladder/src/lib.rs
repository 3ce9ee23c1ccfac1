//! The session ladder: what an FTP session did, as numbered rows between two lifelines.
//!
//! What this crate is: a reader of the tap, of captured packets and of text logs ([`logs`]). [`Ladder`] takes the events of one
//! session ([`wharf_proto::tap::Event`]), [`Packets`] the segments of one out of a capture ([`packet`],
//! [`capture`]), and both keep them as [`Row`]s; [`reference::align`] sets a session beside the reference
//! session of 49 rows; [`text`] draws rows for a terminal of any width, and [`note`] says in English or
//! Japanese what a row means and where the RFC says so.
//!
//! On Linux [`live`] captures what goes over loopback, for those who may.
//!
//! What it is not: it opens no file, prints nothing, and never claims a packet that nobody saw: each row
//! says whether it was [seen, inferred or drawn for completeness](Provenance).
//!
//! ```
//! use std::time::Duration;
//! use wharf_ladder::{Ladder, Options};
//! use wharf_proto::tap::{Event, Party, SessionId, What};
//! use wharf_proto::{Moment, Text, Verb};
//!
//! let told = [
//!     What::ControlOpened {
//!         client: "192.0.2.10:1180".parse()?,
//!         server: "203.0.113.5:21".parse()?,
//!     },
//!     What::Reply { code: 220, lines: vec![Text::from("ready")] },
//!     What::Command { verb: Some(Verb::User), line: Text::from("USER ann") },
//! ];
//! let mut ladder = Ladder::new();
//! for (n, what) in (0..).zip(told) {
//!     let at = Moment::after(Duration::from_millis(20 * n));
//!     ladder.push(&Event { session: SessionId(1), at, teller: Party::Server, what });
//! }
//! assert_eq!(ladder.rows().len(), 5, "SYN, SYN-ACK and ACK of the connection, 220, USER");
//! let text = ladder.render_text(&Options { ascii: true, width: 60, ..Options::default() });
//! assert!(text.contains("  5 C  +0.020  1180|----------- USER ann ------------>|21"));
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

#![forbid(unsafe_code)]

mod acks;
pub mod beside;
pub mod capture;
mod case;
pub mod compare;
pub mod conn;
mod dialogue;
pub mod findings;
mod hidden;
mod label;
#[cfg(target_os = "linux")]
pub mod live;
pub mod logs;
mod model;
mod more;
pub mod note;
pub mod packet;
mod packets;
pub mod raw;
pub mod reference;
pub mod render;
mod row;
pub mod scene;
pub mod sessions;
pub mod statistics;
pub mod summary;
pub mod tap;
pub mod text;
pub mod tls;
pub mod width;

pub use acks::with_acks;
pub use case::{Case, Setting, Vantage};
pub use conn::Conn;
pub use hidden::Hide;
pub use model::Ladder;
pub use more::{Lines, More};
pub use packet::{Flags, Segment};
pub use packets::{Keep, Packets};
pub use reference::{Alignment, align};
pub use row::{Channel, Ends, Packet, Ports, Provenance, Remark, Row, Wire};
pub use scene::Scene;
pub use summary::Summary;
pub use text::Options;
pub use wharf_proto::Lang;
pub use width::Ambiguous;
