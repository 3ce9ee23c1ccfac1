//! What the tests share: a machine pair on a virtual clock, sessions as data, claims about any input.
//!
//! Nothing here ships, and nothing here but `scripted`, `faulty` and `cutting` knows a socket, a thread or a real clock: a whole
//! dialogue takes microseconds and comes out the same every time.
//!
//! - [`pair::Pair`]: the client machine and the server machine with a wire between them, in a [`world::World`]
//! - [`ladder`]: `.ladder` files, sessions that are fixture and documentation at once
//! - [`steps`]: random walks through the server machine
//! - [`watch::Watch`]: what must hold of every session, whoever drives it
//! - [`claims`]: what must hold of any bytes at all; the bodies of the fuzz targets
//! - [`scripted`]: a server over real sockets that plays a script, for clients
//! - [`faulty`]: a server over real sockets that does something wrong, whatever the client asks
//! - [`cutting`]: a proxy that breaks a connection in the midst

pub mod claims;
pub mod cutting;
pub mod escape;
pub mod faulty;
pub mod ladder;
pub mod pair;
pub mod scripted;
pub mod steps;
pub mod watch;
pub mod world;
