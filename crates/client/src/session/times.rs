//! When files of the server were modified: asked by MDTM, set by MFMT, or by MDTM with a time where there is no MFMT.
//!
//! That second use of MDTM is older than RFC 3659 and in no RFC; vsftpd has it, and nothing else to the same end. To most
//! servers time and path are the name of one file, which they do not have. So a server is believed when it has said once,
//! asked back, that the file has the very time that it was given; that is remembered for the host. Nothing is changed by
//! trying but the time of a file that has just been stored.

use wharf_proto::reply::Class;
use wharf_proto::time::{Timestamp, parse_mdtm};
use wharf_proto::{Command, Text, Verb};

use crate::{Error, Session};

impl Session {
    /// When a file was last modified. `None` where the server does not say.
    ///
    /// # Errors
    /// Those of the control connection; a refusal is `None`, as for [`size`](Self::size).
    pub async fn mdtm(&mut self, path: &Text) -> Result<Option<Timestamp>, Error> {
        let text = self.fact(&Command::Mdtm(asked(path))).await?;
        Ok(text.and_then(|text| parse_mdtm(&text)))
    }

    /// Whether the server was seen to take the times of files; before it was, whether it says that it does.
    ///
    /// # Errors
    /// Those of the control connection.
    pub(crate) async fn keeps_times(&mut self) -> Result<bool, Error> {
        let offered = self.features().await?.has("MFMT");
        Ok(!self.plain && self.data.takes_times().unwrap_or(offered))
    }

    /// Whether there is a way by which the server may take the times of files.
    ///
    /// # Errors
    /// Those of the control connection.
    pub(crate) async fn may_take_times(&mut self) -> Result<bool, Error> {
        if self.plain {
            return Ok(false);
        }
        let features = self.features().await?;
        let (sets, asks) = (features.has("MFMT"), features.has("MDTM"));
        Ok(sets && !self.unknown.contains(&Verb::Mfmt) || asks && !self.mdtm_only_asks)
    }

    /// Gives a file of the server the time of its last modification. Whether it has it is told; servers that cannot be told
    /// leave the time of the upload.
    ///
    /// # Errors
    /// Those of the control connection; a refusal is `false`.
    pub async fn keep_time(&mut self, path: &Text, time: Timestamp) -> Result<bool, Error> {
        if self.plain {
            return Ok(false);
        }
        if self.features().await?.has("MFMT") && !self.unknown.contains(&Verb::Mfmt) {
            let reply = self.quote(&Command::Mfmt(time, path.clone())).await?;
            let taken = reply.code.class() == Class::Completion;
            if !matches!(reply.code.value(), 500 | 502) {
                self.data.learn_times(Some(taken));
                return Ok(taken);
            }
            self.data.learn_times(None);
            self.unknown.push(Verb::Mfmt);
        }
        if !self.may_take_times().await? {
            return Ok(false);
        }
        self.keep_time_by_mdtm(path, Timestamp::new(time.seconds(), 0)).await
    }

    async fn keep_time_by_mdtm(&mut self, path: &Text, time: Timestamp) -> Result<bool, Error> {
        let words = [time.print_mdtm().as_bytes(), b" ", path.as_bytes()].concat();
        let command = Command::Mdtm(words.into());
        if self.data.takes_times() == Some(true) {
            let taken = self.quote(&command).await?.code.class() == Class::Completion;
            if !taken {
                self.data.learn_times(None);
            }
            return Ok(taken);
        }
        let before = self.mdtm(path).await?;
        if before == Some(time) {
            return Ok(true);
        }
        let taken = before.is_some()
            && self.quote(&command).await?.code.class() == Class::Completion
            && self.mdtm(path).await? == Some(time);
        self.data.learn_times(taken.then_some(true));
        self.mdtm_only_asks = !taken;
        self.control.teller().explain(format_args!(
            "{}",
            match taken {
                true => "the server takes the times of files by MDTM",
                false => "the server does not take the times of files",
            }
        ));
        Ok(taken)
    }
}

/// A path as MDTM can ask for it everywhere: not one that begins as if a day or a time were to be set.
fn asked(path: &Text) -> Text {
    let bytes = path.as_bytes();
    let begins = bytes.first().is_some_and(u8::is_ascii_digit);
    // vsftpd looks at no more of a time than this, where there is no file of the name.
    let is_time = match bytes.iter().position(|byte| *byte == b' ') {
        Some(8 | 14) => true,
        Some(end) => end > 15 && bytes.get(14) == Some(&b'.'),
        None => false,
    };
    match begins && is_time {
        true => [b"./", bytes].concat().into(),
        false => path.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_begins_with_a_time_is_asked_for_as_a_name() {
        for (path, expected) in [
            ("20200101000000 x", "./20200101000000 x"),
            ("20240101 x", "./20240101 x"),
            ("20200101000000.5 x", "./20200101000000.5 x"),
            ("12 x", "12 x"),
            ("20200101000000x", "20200101000000x"),
            ("2020010100000 x", "2020010100000 x"),
            ("/20200101000000 x", "/20200101000000 x"),
            ("é", "é"),
        ] {
            assert_eq!(asked(&path.into()), expected.into());
        }
    }
}
