//! PAM as a source of accounts: the system's own modules say whether name and password are right.
//!
//! PAM knows nothing of FTP, so what is granted is said once for all whom it lets in ([`Pam::grants`]). The first
//! question that a module asks out of sight is answered with the password, each further one with the code of the
//! second factor; where there is none yet, the client is asked for it (332 and ACCT). No session of PAM is opened:
//! those are of users who get a process of their own.
//!
//! Modules may block and fork, and read files anywhere. A service for FTP should have no delay of its own
//! (`nodelay`): the server delays refusals itself, without holding one of the few turns that logins share.

use super::{Attempt, Source, Terms, Verdict, Why};
use nonstick::items::ItemsMut;
use nonstick::{
    AuthnFlags, ConversationAdapter, ErrorCode, PamShared, Transaction, TransactionBuilder,
};
use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Accounts of the system, by PAM.
#[derive(Clone, Debug)]
pub struct Pam {
    /// The service: a file of this name in `/etc/pam.d`.
    pub service: String,
    /// What is granted to whom it lets in.
    pub grants: Terms,
}

impl Source for Pam {
    fn verify(&self, attempt: &Attempt) -> Verdict {
        let said = [attempt.name.as_bytes(), attempt.password.reveal()];
        if said.iter().any(|bytes| bytes.contains(&0)) {
            // It ends there for PAM, and would be another name or password.
            return Verdict::Refused(Why::Unknown);
        }
        if let Err(why) = self.grants.admit(attempt, super::now()) {
            return Verdict::Refused(why);
        }
        let asked = Cell::new(Asked::Nothing);
        match self.ask(attempt, &asked) {
            Ok(()) => Verdict::In(Box::new(self.grants.member(&attempt.name))),
            Err(_) if asked.get() == Asked::CodeInVain => Verdict::WantsCode,
            Err(ErrorCode::UserUnknown) => Verdict::Refused(Why::Unknown),
            Err(error) if is_refusal(error) && attempt.code.is_some() => {
                Verdict::Refused(Why::Code)
            }
            Err(error) if is_refusal(error) => Verdict::Refused(Why::Password),
            Err(ErrorCode::AccountExpired) => Verdict::Refused(Why::Expired),
            Err(error) => {
                Verdict::Refused(Why::Broken(format!("PAM, service {}: {error}", self.service)))
            }
        }
    }
}

impl Pam {
    fn ask(&self, attempt: &Attempt, asked: &Cell<Asked>) -> nonstick::Result<()> {
        let questions = Questions { attempt, asked };
        let mut transaction = TransactionBuilder::new_with_service(&self.service)
            .username(OsStr::from_bytes(attempt.name.as_bytes()))
            .build(questions.into_conversation())?;
        let from = OsString::from(attempt.from.to_canonical().to_string());
        transaction.items_mut().set_remote_host(Some(&from))?;
        let strict = AuthnFlags::DISALLOW_NULL_AUTHTOK;
        transaction.authenticate(strict)?;
        transaction.account_management(strict)
    }
}

/// Whether PAM has judged the client, rather than failed.
fn is_refusal(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::AuthenticationError
            | ErrorCode::PermissionDenied
            | ErrorCode::CredentialsInsufficient
            | ErrorCode::MaxTries
            | ErrorCode::NewAuthTokRequired
            | ErrorCode::AuthTokExpired
    )
}

/// What the modules have asked for so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    /// The password, or a code as well.
    Answered,
    /// A code, and there was none.
    CodeInVain,
}

/// The client, as the modules may question it.
struct Questions<'a> {
    attempt: &'a Attempt,
    asked: &'a Cell<Asked>,
}

impl ConversationAdapter for Questions<'_> {
    fn prompt(&self, request: impl AsRef<OsStr>) -> nonstick::Result<OsString> {
        // In sight are codes, with some modules; the name is known.
        self.masked_prompt(request)
    }

    fn masked_prompt(&self, _: impl AsRef<OsStr>) -> nonstick::Result<OsString> {
        let (asked, answer) = match (self.asked.get(), &self.attempt.code) {
            (Asked::Nothing, _) => (Asked::Answered, Some(self.attempt.password.reveal())),
            (_, Some(code)) => (Asked::Answered, Some(code.reveal())),
            (_, None) => (Asked::CodeInVain, None),
        };
        self.asked.set(asked);
        let answer = answer.ok_or(ErrorCode::ConversationError)?;
        Ok(OsString::from_vec(answer.to_vec()))
    }

    fn error_msg(&self, message: impl AsRef<OsStr>) {
        self.info_msg(message);
    }

    fn info_msg(&self, message: impl AsRef<OsStr>) {
        let message = wharf_proto::Text::from(message.as_ref().as_bytes());
        tracing::debug!(user = %self.attempt.name, %message, "PAM says");
    }
}
