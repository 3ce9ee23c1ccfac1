//! TLS as the machine sees it: AUTH PBSZ PROT CCC, CPSV SSCN (RFC 2228, RFC 4217).
//!
//! The handshake and the records are the driver's. What is decided here is when TLS begins and ends, what may
//! be done in clear, and that nothing said before such a change has an effect behind it: at AUTH, CCC and REIN
//! the session starts over, and a client that has sent anything behind them is refused and sent away (the
//! injection attacks on STARTTLS).

use super::Session;
use super::effect::{Effect, Outcome, TlsRole};
use super::state::{Awaiting, Cover, DataPlan, Login, Security};
use crate::Verb;
use crate::command::{Level, Mechanism};
use crate::texts::Say;
use crate::verb::Theme;

impl Session {
    /// AUTH.
    pub(super) fn auth(&mut self, mechanism: &Mechanism) {
        match (mechanism, self.security) {
            _ if self.policy.tls.is_none() => self.say(&Say::NotDone(Verb::Auth)),
            (Mechanism::Other(_), _) => self.say(&Say::NoSuchMechanism),
            (_, Security::Covered(_) | Security::Cleared(_)) => self.say(&Say::SecuredAlready),
            (Mechanism::Tls | Mechanism::Ssl, Security::Plain) => {
                if self.refuses_what_is_behind() {
                    return;
                }
                // The host stays: it is what the certificate is chosen by (RFC 7151 section 3.3).
                self.hosted = self.start_over();
                self.say(&Say::Securing);
                self.awaiting = Awaiting::Security { greets: false };
                self.start(Effect::Secure);
            }
        }
    }

    pub(super) fn handle_secured(&mut self, greets: bool, outcome: &Outcome) {
        let Outcome::Secured { certified } = *outcome else {
            return self.close();
        };
        // Who connects to a port that is under TLS from the start has always meant the data as well.
        self.security = Security::Covered(Cover {
            certified,
            sized: greets,
            private: greets,
            as_client: false,
        });
        if greets {
            self.greet();
        }
    }

    /// Sends a client away that has sent something behind a command after which the stream is another one.
    pub(super) fn refuses_what_is_behind(&mut self) -> bool {
        let something = self.lines.buffered() > 0 || !self.waiting.is_empty();
        if something {
            self.say(&Say::SomethingBehind);
            self.close();
        }
        something
    }

    /// PBSZ: TLS needs no buffer of a size, and says so with 0.
    pub(super) fn pbsz(&mut self) {
        if let Some(cover) = self.cover_for(Verb::Pbsz) {
            cover.sized = true;
            self.say(&Say::BufferSize);
        }
    }

    /// PROT.
    pub(super) fn prot(&mut self, level: &Level) {
        let demanded = self.must_be_private();
        let Some(cover) = self.cover_for(Verb::Prot) else { return };
        let private = match level {
            _ if !cover.sized => return self.say(&Say::PbszFirst),
            Level::Half(_) => return self.say(&Say::HalfProtection),
            Level::Other(_) => return self.say(&Say::NoSuchProtection),
            Level::Clear if demanded => return self.say(&Say::ClearDataDenied),
            Level::Clear => false,
            Level::Private => true,
        };
        let changes = std::mem::replace(&mut cover.private, private) != private;
        // What there is of a data connection belongs to the protection that it was asked for under.
        if changes && matches!(self.plan, DataPlan::Kept | DataPlan::Listening { .. }) {
            self.forget_data();
        }
        self.say(&Say::ProtectionIs(private));
    }

    /// CCC. In the midst of a login it is refused: what the login waits for is a secret, and was asked for under TLS.
    pub(super) fn ccc(&mut self) {
        match (self.policy.tls, self.security) {
            (None, _) => self.say(&Say::NotDone(Verb::Ccc)),
            (Some(_), Security::Plain | Security::Cleared(_)) => self.say(&Say::NotCovered),
            (Some(policy), Security::Covered(_)) if !policy.ccc => self.say(&Say::CccDenied),
            (Some(_), Security::Covered(_)) if matches!(self.login, Login::Named(_)) => {
                self.say(&Say::CccInLogin);
            }
            (Some(_), Security::Covered(_)) if self.refuses_what_is_behind() => {}
            (Some(_), Security::Covered(cover)) => {
                self.say(&Say::Clearing);
                self.clear();
                self.security = Security::Cleared(cover);
            }
        }
    }

    /// TLS on the control connection ends, and nothing of it is left.
    pub(super) fn clear(&mut self) {
        self.security = Security::Plain;
        self.awaiting = Awaiting::Clearing;
        self.start(Effect::Clear);
    }

    /// CPSV: PASV for a server as the other end, which is the TLS server there.
    pub(super) fn cpsv(&mut self) {
        if self.may_be_tls_client(Verb::Cpsv) {
            self.pasv(Verb::Cpsv);
        }
    }

    /// SSCN.
    pub(super) fn sscn(&mut self, switch: Option<bool>) {
        if !self.may_be_tls_client(Verb::Sscn) {
            return;
        }
        let Some(cover) = self.cover_for(Verb::Sscn) else { return };
        let as_client = switch.unwrap_or(cover.as_client);
        cover.as_client = as_client;
        self.say(&Say::RoleIs(if as_client { TlsRole::Client } else { TlsRole::Server }));
    }

    /// Being the TLS client, we cannot tell whose data connection it is: that is for those who may let other
    /// servers in.
    fn may_be_tls_client(&mut self, verb: Verb) -> bool {
        let foreign = match &self.login {
            Login::In(account) => !account.foreign.is_empty(),
            Login::Nobody | Login::Named(_) => false,
        };
        if self.policy.tls.is_none() {
            self.say(&Say::NotDone(verb));
        } else if !self.is_private() {
            self.say(&Say::PrivateFirst(verb));
        } else if !foreign {
            self.say(&Say::RoleDenied);
        } else {
            return true;
        }
        false
    }

    /// What was agreed on, for a verb that has its place under TLS only; or the refusal said.
    fn cover_for(&mut self, verb: Verb) -> Option<&mut Cover> {
        match (self.policy.tls, self.security) {
            (Some(_), Security::Covered(_)) => {}
            (None, _) => self.say(&Say::NotDone(verb)),
            (Some(_), Security::Plain | Security::Cleared(_)) => self.say(&Say::SecureFirst(verb)),
        }
        match &mut self.security {
            Security::Covered(cover) => Some(cover),
            Security::Plain | Security::Cleared(_) => None,
        }
    }

    fn cover(&self) -> Option<Cover> {
        match self.security {
            Security::Covered(cover) | Security::Cleared(cover) => Some(cover),
            Security::Plain => None,
        }
    }

    /// Whether the control connection is under TLS.
    pub(super) fn is_covered(&self) -> bool {
        matches!(self.security, Security::Covered(_))
    }

    /// Whether the client has shown a certificate on this control connection, which is still covered.
    pub(super) fn is_certified(&self) -> bool {
        self.is_covered() && self.cover().is_some_and(|cover| cover.certified)
    }

    /// Whether the stream is neither in clear nor under TLS at this moment.
    pub(super) fn is_between_clear_and_tls(&self) -> bool {
        matches!(self.awaiting, Awaiting::Security { .. } | Awaiting::Clearing)
    }

    /// Whether a password would go over the wire in clear, and must not.
    pub(super) fn wants_tls_for_passwords(&self) -> bool {
        !self.is_covered() && self.policy.tls.is_some_and(|policy| !policy.clear_passwords)
    }

    /// Whether the data connections of this login must be private.
    pub(super) fn must_be_private(&self) -> bool {
        match (&self.login, self.security, self.policy.tls) {
            (Login::In(account), _, _) if account.demands_tls => true,
            (Login::In(account), Security::Covered(_) | Security::Cleared(_), Some(policy)) => {
                !account.anonymous && !policy.clear_data
            }
            (Login::In(_) | Login::Nobody | Login::Named(_), _, _) => false,
        }
    }

    /// Whether data connections are private.
    pub(super) fn is_private(&self) -> bool {
        self.cover().is_some_and(|cover| cover.private)
    }

    /// Our part on the next data connection, where that is under TLS.
    pub(super) fn tls_role(&self) -> Option<TlsRole> {
        let cover = self.cover().filter(|cover| cover.private)?;
        let as_client = cover.as_client || self.plan == DataPlan::Listening { as_client: true };
        Some(if as_client { TlsRole::Client } else { TlsRole::Server })
    }

    /// Whether FEAT may list a verb, as far as TLS is concerned.
    pub(super) fn does_security_of(&self, verb: Verb) -> bool {
        match (self.policy.tls, verb) {
            (Some(policy), Verb::Ccc) => policy.ccc,
            (Some(_), _) => true,
            (None, verb) => verb.row().theme != Theme::Security,
        }
    }
}
