//! Why something was refused, where the server does not say: one question more tells.
//!
//! 550 says that a name is not there, that it is something else, or that one may not; many servers have the same words for
//! all of it. That a name is a folder can be seen by entering it, which changes nothing but the current folder.

use wharf_proto::{Text, Verb};

use crate::{Error, Refusal, Session};

impl Session {
    /// What came of work on this path, and of a refusal what it is about, if its words do not say: a file that is a
    /// folder, or is there and not for us; a folder that is there already, or has none to be in. It may cost up to four
    /// short commands, and the current folder stays what it is.
    ///
    /// # Errors
    /// The error of the work, and nothing else.
    pub async fn with_reason<T>(
        &mut self,
        path: &Text,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        let error = match result {
            Err(error @ Error::Refused { .. }) if !self.plain => error,
            result => return result,
        };
        let reason = match (error.last().and_then(|last| last.verb), words(&error)) {
            (Some(Verb::Retr | Verb::Dele), Words::Unclear) => {
                if self.can_enter(path).await {
                    Some(Refusal::Folder)
                } else {
                    self.size(path).await.ok().flatten().map(|_| Refusal::Barred)
                }
            }
            (Some(Verb::Mkd), Words::Missing) => above(path).map(none_above),
            (Some(Verb::Mkd), Words::There) => Some(Refusal::There),
            (Some(Verb::Mkd), Words::Unclear) => match above(path) {
                _ if self.can_enter(path).await => Some(Refusal::There),
                Some(above) if !self.can_enter(&above).await => Some(none_above(above)),
                _ => None,
            },
            _ => None,
        };
        match (error, reason) {
            (Error::Refused { last }, Some(reason)) => Err(Error::RefusedFor { last, reason }),
            (error, _) => Err(error),
        }
    }

    /// What came of listing the folder at this path; where that is not there, and none either in which it could be, it is
    /// said which. It may cost three short commands, and the current folder stays what it is.
    ///
    /// # Errors
    /// The error of the listing, and nothing else.
    pub(crate) async fn with_none_above<T>(
        &mut self,
        path: &Text,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        let error = match result {
            Err(error @ Error::Refused { .. }) if !self.plain && error.is_not_found() => error,
            result => return result,
        };
        match (error, above(path)) {
            (Error::Refused { last }, Some(above)) if !self.can_enter(&above).await => {
                Err(Error::RefusedFor { last, reason: none_above(above) })
            }
            (error, _) => Err(error),
        }
    }

    /// Whether a path is that of a folder; what cannot be found out is none.
    async fn can_enter(&mut self, path: &Text) -> bool {
        self.look_into(path).await.is_ok()
    }
}

impl Error {
    /// What came of deleting a name that the server lists: where its words do not say why it was refused, that is not for want
    /// of the name.
    pub(crate) fn of_listed(self) -> Self {
        let is_unclear = self.is_not_found() && !matches!(words(&self), Words::Missing);
        match self {
            Self::Refused { last } if is_unclear => {
                Self::RefusedFor { last, reason: Refusal::Barred }
            }
            error => error,
        }
    }

    /// What was said to MKD of the folder at this path, which is not there either when it is listed: with the folder above that
    /// is missing, where one of the two tells it.
    pub(crate) fn of_unmade(self, path: &Text, listed: &Self) -> Self {
        let missing = match (listed, words(&self)) {
            (Self::RefusedFor { reason: reason @ Refusal::NoneAbove { .. }, .. }, _) => {
                Some(reason.clone())
            }
            (_, Words::Missing) => above(path).map(none_above),
            _ => None,
        };
        match (self, missing) {
            (Self::Refused { last }, Some(reason)) => Self::RefusedFor { last, reason },
            (error, _) => error,
        }
    }
}

fn none_above(folder: Text) -> Refusal {
    Refusal::NoneAbove { folder }
}

/// What the words of a refusal say.
enum Words {
    /// Something is not there.
    Missing,
    /// Something is there.
    There,
    /// One may not.
    Denied,
    Unclear,
}

fn words(error: &Error) -> Words {
    let text = error.reply().map(|reply| String::from_utf8_lossy(reply.text()).to_lowercase());
    let text = text.unwrap_or_default();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if error.code() != Some(550) && error.code() != Some(521) {
        Words::Denied
    } else if says(&["no such", "not found", "not exist", "n't exist"]) {
        Words::Missing
    } else if says(&["exist"]) {
        Words::There
    } else if says(&[
        "denied",
        "permission",
        "not permitted",
        "not allowed",
        "read-only",
        "director",
    ]) && !says(&["create directory operation failed"])
    {
        Words::Denied
    } else {
        Words::Unclear
    }
}

/// The folder that a path is in, if it names one.
fn above(path: &Text) -> Option<Text> {
    let path = path.as_bytes();
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let end = path.iter().rposition(|byte| *byte == b'/').filter(|end| *end > 0)?;
    Some(path[..end].into())
}
