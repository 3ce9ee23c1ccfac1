//! How data will be transferred: PORT EPRT PASV EPSV, TYPE STRU MODE (RFC 959 section 4.1.2, RFC 2428).

use super::Session;
use super::effect::{Effect, Outcome};
use super::state::{Awaiting, DataPlan};
use crate::address::Eprt;
use crate::command::EpsvArgument;
use crate::params::{Format, Mode, Structure, Type};
use crate::tap::{Party, What};
use crate::texts::Say;
use crate::{Verb, address};
use std::net::{SocketAddr, SocketAddrV4};

impl Session {
    /// PORT.
    pub(super) fn port(&mut self, to: SocketAddrV4) {
        self.dial(Verb::Port, SocketAddr::V4(to));
    }

    /// EPRT.
    pub(super) fn eprt(&mut self, to: Eprt) {
        match to {
            Eprt::Address(to) if to.is_ipv4() == self.client.is_ipv4() => self.dial(Verb::Eprt, to),
            Eprt::Address(_) | Eprt::UnknownFamily(_) => self.refuse_family(),
        }
    }

    /// Data goes to the control peer's own address and to no service's port (RFC 2577 section 3). The
    /// refusal comes before any connection is tried and is the same whatever listens there.
    fn dial(&mut self, verb: Verb, to: SocketAddr) {
        if self.epsv_all {
            return self.say(&Say::OnlyEpsv(verb));
        }
        let to = SocketAddr::new(address::canonical(to.ip()), to.port());
        if to.ip() != self.client.ip() || to.port() < 1024 {
            return self.say(&Say::ForeignAddress);
        }
        self.forget_listener();
        self.plan = DataPlan::Dial(to);
        self.tap(What::DataPlanned { listener: Party::Client, address: to });
        self.say(&Say::WillDial(to));
    }

    fn refuse_family(&mut self) {
        self.say(&Say::WrongFamily { ours_is_ipv6: self.client.is_ipv6() });
    }

    /// PASV.
    pub(super) fn pasv(&mut self) {
        if self.epsv_all {
            self.say(&Say::OnlyEpsv(Verb::Pasv));
        } else if self.server.is_ipv6() {
            self.say(&Say::PassiveNeedsIpv4);
        } else {
            self.listen(false);
        }
    }

    /// EPSV.
    pub(super) fn epsv(&mut self, which: EpsvArgument) {
        let own_family = if self.client.is_ipv6() { 2 } else { 1 };
        match which {
            EpsvArgument::All => {
                self.epsv_all = true;
                self.say(&Say::EpsvAllNoted);
            }
            EpsvArgument::Family(family) if family != own_family => self.refuse_family(),
            EpsvArgument::Same | EpsvArgument::Family(_) => self.listen(true),
        }
    }

    fn listen(&mut self, extended: bool) {
        self.plan = DataPlan::None;
        self.awaiting = Awaiting::Listener { extended };
        self.start(Effect::Listen { ipv4_only: !extended });
    }

    pub(super) fn handle_listener_outcome(&mut self, extended: bool, outcome: Outcome) {
        match outcome {
            Outcome::Listening(at) => {
                self.plan = DataPlan::Listening;
                self.tap(What::DataPlanned { listener: Party::Server, address: at });
                match at {
                    SocketAddr::V4(at) if !extended => self.say(&Say::Listening(at)),
                    _ => self.say(&Say::ListeningExtended(at.port())),
                }
            }
            Outcome::NotListening(why) => self.say(&Say::NotListening(&why)),
            _ => self.say(&Say::InternalFault),
        }
    }

    pub(super) fn forget_listener(&mut self) {
        if std::mem::replace(&mut self.plan, DataPlan::None) == DataPlan::Listening {
            self.start(Effect::StopListening);
        }
    }

    /// TYPE.
    pub(super) fn type_(&mut self, value: Type) {
        match value {
            Type::Ascii(Format::NonPrint) | Type::Image | Type::Local(8) => {
                self.representation.kind = value;
                self.say(&Say::TypeIs(value));
            }
            Type::Ascii(Format::Telnet | Format::Carriage) | Type::Ebcdic(_) | Type::Local(_) => {
                self.say(&Say::TypeNotDone(value));
            }
        }
    }

    /// STRU.
    pub(super) fn stru(&mut self, value: Structure) {
        match value {
            Structure::File => self.say(&Say::StructureIs(value)),
            Structure::Record | Structure::Page => self.say(&Say::StructureNotDone(value)),
        }
    }

    /// MODE.
    pub(super) fn mode(&mut self, value: Mode) {
        match value {
            Mode::Stream => self.say(&Say::ModeIs(value)),
            Mode::Block | Mode::Compressed | Mode::Deflate => self.say(&Say::ModeNotDone(value)),
        }
    }
}
