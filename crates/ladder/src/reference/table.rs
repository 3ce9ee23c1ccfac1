//! The 49 rows of the reference session, as data.
//!
//! A copy of the same facts in `tests/ladder/reference.tsv` keeps this table honest.

use super::Kind::{Ack, Command, DataFin, Established, Fin, Reply, Syn, SynAck};
use super::Line::{Control, First, Second};
use super::{Kind, Line, RefRow};
use wharf_proto::Verb;
use wharf_proto::tap::Party;

const fn c(no: u32, line: Line, kind: Kind) -> RefRow {
    RefRow { no, from: Party::Client, line, kind }
}

const fn s(no: u32, line: Line, kind: Kind) -> RefRow {
    RefRow { no, from: Party::Server, line, kind }
}

/// The reference session: log in, change the directory, list it, fetch a file; active mode.
#[rustfmt::skip]
pub static REFERENCE: [RefRow; 49] = [
    c(1, Control, Syn),
    s(2, Control, SynAck),
    c(3, Control, Established),
    s(4, Control, Reply(220)),
    c(5, Control, Ack),
    c(6, Control, Command(Verb::User)),
    s(7, Control, Ack),
    s(8, Control, Reply(331)),
    c(9, Control, Ack),
    c(10, Control, Command(Verb::Pass)),
    s(11, Control, Ack),
    s(12, Control, Reply(230)),
    c(13, Control, Ack),
    c(14, Control, Command(Verb::Cwd)),
    s(15, Control, Ack),
    s(16, Control, Reply(250)),
    c(17, Control, Ack),
    c(18, Control, Command(Verb::Port)),
    s(19, Control, Ack),
    s(20, Control, Reply(200)),
    c(21, Control, Command(Verb::List)),
    s(22, Control, Ack),
    s(23, First, Syn),
    c(24, First, SynAck),
    s(25, Control, Reply(125)),
    s(26, First, Ack),
    s(27, First, DataFin),
    c(28, First, Ack),
    c(29, First, Fin),
    c(30, Control, Ack),
    s(31, First, Ack),
    s(32, Control, Reply(250)),
    c(33, Control, Ack),
    c(34, Control, Command(Verb::Port)),
    s(35, Control, Ack),
    s(36, Control, Reply(200)),
    c(37, Control, Command(Verb::Retr)),
    s(38, Control, Ack),
    s(39, Second, Syn),
    c(40, Second, SynAck),
    s(41, Second, Ack),
    s(42, Control, Reply(125)),
    s(43, Second, DataFin),
    c(44, Second, Ack),
    c(45, Second, Fin),
    c(46, Control, Ack),
    s(47, Second, Ack),
    s(48, Control, Reply(250)),
    c(49, Control, Ack),
];
