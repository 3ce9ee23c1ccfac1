//! How data will be transferred: PORT EPRT PASV EPSV, TYPE STRU MODE (RFC 959 section 4.1.2, RFC 2428).

use super::Session;
use super::effect::{Effect, Outcome, TlsRole};
use super::state::{Awaiting, DataPlan, Login};
use crate::address::Eprt;
use crate::command::EpsvArgument;
use crate::params::{Mode, Representation, Structure, Type};
use crate::tap::{Party, What};
use crate::texts::Say;
use crate::{Verb, address, codec};
use std::net::{IpAddr, SocketAddr, SocketAddrV4};

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
        let wanted = address::unmapped(to);
        let own = wanted.ip() == self.client.ip();
        if wanted.port() < 1024 || !(own || self.may_reach(wanted.ip())) {
            return self.say(&Say::ForeignAddress);
        }
        // The client's own address has the scope that EPRT cannot say.
        let mut to = if own { self.client } else { wanted };
        to.set_port(wanted.port());
        self.forget_data();
        self.plan = DataPlan::Dial(to);
        self.tap(What::DataPlanned { listener: Party::Client, address: to });
        self.say(&Say::WillDial(to));
    }

    /// Whether the account may have data connections with this host, which is not the client.
    fn may_reach(&self, host: IpAddr) -> bool {
        match &self.login {
            Login::In(account) => account.foreign.iter().any(|network| network.contains(&host)),
            Login::Nobody | Login::Named(_) => false,
        }
    }

    fn refuse_family(&mut self) {
        self.say(&Say::WrongFamily { ours_is_ipv6: self.client.is_ipv6() });
    }

    /// PASV and CPSV.
    pub(super) fn pasv(&mut self, verb: Verb) {
        if self.epsv_all {
            self.say(&Say::OnlyEpsv(verb));
        } else if self.server.is_ipv6() {
            self.say(&Say::PassiveNeedsIpv4);
        } else {
            self.listen(verb);
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
            EpsvArgument::Same | EpsvArgument::Family(_) => self.listen(Verb::Epsv),
        }
    }

    fn listen(&mut self, verb: Verb) {
        self.plan = DataPlan::None;
        self.awaiting = Awaiting::Listener(verb);
        let own = self.tls_role();
        let tls = if verb == Verb::Cpsv { Some(TlsRole::Client) } else { own };
        self.start(Effect::Listen { ipv4_only: verb != Verb::Epsv, tls });
    }

    pub(super) fn handle_listener_outcome(&mut self, verb: Verb, outcome: Outcome) {
        match outcome {
            Outcome::Listening(at) => {
                self.plan = DataPlan::Listening { as_client: verb == Verb::Cpsv };
                self.tap(What::DataPlanned { listener: Party::Server, address: at });
                match at {
                    SocketAddr::V4(at) if verb != Verb::Epsv => self.say(&Say::Listening(at)),
                    _ => self.say(&Say::ListeningExtended(at.port())),
                }
            }
            Outcome::NotListening(why) => self.say(&Say::NotListening(&why)),
            _ => self.say(&Say::InternalFault),
        }
    }

    pub(super) fn forget_data(&mut self) {
        match std::mem::replace(&mut self.plan, DataPlan::None) {
            DataPlan::Listening { .. } | DataPlan::Kept => {
                self.start(Effect::CloseData);
            }
            DataPlan::None | DataPlan::Dial(_) => {}
        }
    }

    /// TYPE.
    pub(super) fn type_(&mut self, value: Type) {
        let wanted = Representation { kind: value, ..self.representation };
        if codec::is_carried_out(wanted) {
            self.representation = wanted;
            self.say(&Say::TypeIs(value));
        } else {
            self.say(&Say::TypeNotDone(value));
        }
    }

    /// STRU.
    pub(super) fn stru(&mut self, value: Structure) {
        self.representation.structure = value;
        self.say(&Say::StructureIs(value));
    }

    /// MODE: a data connection that was kept belongs to the mode it was opened in.
    pub(super) fn mode(&mut self, value: Mode) {
        if value != self.representation.mode && self.plan == DataPlan::Kept {
            self.forget_data();
        }
        self.representation.mode = value;
        self.say(&Say::ModeIs(value));
    }
}
