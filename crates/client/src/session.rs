//! A session: one typed method for each thing one does over FTP.
//!
//! Each method sends the commands it needs, in plain mode only those of RFC 959's minimum, and makes an
//! error of a refusal. How replies are paired with commands is in `connection.rs`, how bytes move in
//! `transfer.rs`, how files on this machine are kept safe in `files.rs`.

mod again;
mod brisk;
mod features;
mod gateway;
mod login;
mod names;
mod place;
mod reasons;
mod times;

pub(crate) use again::Acquaintance;
pub use features::Features;
pub use login::{Login, Wanted};
use place::Away;

use tokio::io::AsyncWrite;
use wharf_proto::params::{Representation, Type};
use wharf_proto::path::parse_quoted;
use wharf_proto::reply::Class;
use wharf_proto::{Command, Reply, Text, Verb};

use self::login::Took;
use crate::connection::{FAREWELL, from_the_beginning};
use crate::data::{DataPlane, Question};
use crate::transfer::{Order, Restart};
use crate::{BYTES, Connection, Error, Options, Progress, TEXT, Transfer, Watch, Way};

/// An FTP session.
///
/// ```
/// # let server = wharf_testkit::faulty::Faulty::new(&[("pub/image.iso", b"bytes")], &[]);
/// # let (host, port) = ("127.0.0.1", server.address().port());
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// use wharf_client::{Login, Options, Session};
/// let mut session = Session::connect(host, port, &Options::default()).await?;
/// session.login(&Login::anonymous()).await?;
/// session.cwd(&"pub".into()).await?;
/// for entry in session.list(None).await?.entries {
///     println!("{}", String::from_utf8_lossy(&entry.name));
/// }
/// session.quit().await
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Session {
    pub(crate) control: Connection,
    pub(crate) data: DataPlane,
    /// Only what RFC 959's minimum has.
    pub(crate) plain: bool,
    pub(crate) listing_limit: usize,
    /// Who is logged in.
    user: Text,
    /// Where the session belongs while a method has it elsewhere.
    away: Option<Away>,
    features: Option<Features>,
    /// What the server says to SYST; empty where it does not say.
    system: Option<Text>,
    /// Verbs that the server does not know; they are not sent again.
    unknown: Vec<Verb>,
    /// Whether MDTM was seen to set no time.
    mdtm_only_asks: bool,
    /// What the login took, where that was nothing out of the ordinary.
    login_took: Option<Took>,
    /// Whether the server was seen to take several commands in one segment.
    pub(crate) at_once: bool,
    /// The command of the next transfer, which may be sent as soon as the bytes of the present one are here.
    pub(crate) ahead: Option<Command>,
    /// The command of the next transfer, where it has been, and how a data connection was asked for.
    pub(crate) asked: Option<(Question, Command)>,
    /// The file that is stored is small: it may be sent before the server says that it takes it, where that is known to
    /// do no harm.
    pub(crate) brisk: bool,
    /// The file whose size was asked for before the server had said that it has it.
    pub(crate) sized: Option<Text>,
    /// Whether a data connection has resumed its TLS session.
    pub(crate) has_resumed: bool,
}

impl Session {
    /// Connects and awaits the greeting.
    ///
    /// # Errors
    /// Those of [`Connection::open`].
    pub async fn connect(host: &str, port: u16, options: &Options) -> Result<Self, Error> {
        let control = Connection::open(host, port, options).await?;
        let mut session = Self {
            data: DataPlane::new(options, &control),
            control,
            plain: options.plain,
            listing_limit: options.listing_limit,
            user: Text::default(),
            away: None,
            features: None,
            system: None,
            unknown: Vec::new(),
            mdtm_only_asks: false,
            login_took: None,
            at_once: false,
            ahead: None,
            asked: None,
            brisk: false,
            sized: None,
            has_resumed: false,
        };
        session.knows_telnet();
        Ok(session)
    }

    /// Says QUIT, awaits the answer for a moment and closes. Nothing depends on the answer: one that takes longer than two
    /// seconds is not awaited.
    ///
    /// # Errors
    /// Those of the control connection, but for `NoReply`.
    pub async fn quit(mut self) -> Result<(), Error> {
        let said = self.control.command_within(&Command::Quit, FAREWELL).await;
        self.control.close().await;
        match said {
            Ok(_) | Err(Error::NoReply { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether no other command can be sent: the session has ended, or the server owes replies that did not come in time.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.control.is_spent()
    }

    /// Closes without QUIT.
    pub async fn close(self) {
        self.control.close().await;
    }

    /// Changes the folder.
    ///
    /// # Errors
    /// `Refused`, and those of the control connection.
    pub async fn cwd(&mut self, path: &Text) -> Result<Reply, Error> {
        self.completed(&Command::Cwd(path.clone())).await
    }

    /// Changes to the folder above.
    ///
    /// # Errors
    /// `Refused`, and those of the control connection.
    pub async fn cdup(&mut self) -> Result<Reply, Error> {
        self.completed(&Command::Cdup).await
    }

    /// The current folder.
    ///
    /// # Errors
    /// `Refused`, `Malformed`, and those of the control connection.
    pub async fn pwd(&mut self) -> Result<Text, Error> {
        let reply = self.completed(&Command::Pwd).await?;
        self.quoted(&reply)
    }

    /// The size of a file in bytes as TYPE I would move them. `None` where the server does not say.
    ///
    /// # Errors
    /// Those of the control connection; a refusal is `None`, because SIZE is not in every server and
    /// some refuse it for files that they do send.
    pub async fn size(&mut self, path: &Text) -> Result<Option<u64>, Error> {
        if self.unknown.contains(&Verb::Size) {
            return Ok(None);
        }
        self.set_type(Type::Image).await?;
        let text = match self.size_ahead(path).await? {
            Some(reply) => self.told(Verb::Size, &reply),
            None => self.fact(&Command::Size(path.clone())).await?,
        };
        Ok(text.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok()))
    }

    /// What a 213 says; `None` for any other reply.
    async fn fact(&mut self, command: &Command) -> Result<Option<Vec<u8>>, Error> {
        if self.unknown.contains(&command.verb()) {
            return Ok(None);
        }
        let reply = self.quote(command).await?;
        Ok(self.told(command.verb(), &reply))
    }

    fn told(&mut self, verb: Verb, reply: &Reply) -> Option<Vec<u8>> {
        match reply.code.value() {
            213 => return Some(reply.text().trim_ascii().to_vec()),
            500 | 502 => self.unknown.push(verb),
            _ => {}
        }
        None
    }

    /// What the server can do beyond RFC 959. Asked once; a server without FEAT has no features.
    ///
    /// # Errors
    /// Those of the control connection.
    pub async fn features(&mut self) -> Result<&Features, Error> {
        if self.features.is_none() && !self.plain {
            let reply = self.control.command(&Command::Feat).await?;
            let found = match reply.code.class() {
                Class::Completion => Features::parse(&reply),
                _ => Features::default(),
            };
            if found.has("UTF8") {
                // Only servers that follow the old draft want this; the answer changes nothing.
                self.control.command(&Command::Opts("UTF8 ON".into())).await?;
            }
            self.features = Some(found);
        }
        Ok(self.features.get_or_insert_default())
    }

    /// Whether this refusal says that the server has no MLSD, whatever its FEAT promises: then it is not asked for it
    /// again.
    pub(crate) fn has_no_mlsd(&mut self, error: &Error) -> bool {
        let Error::Refused { last } = error else { return false };
        let unknown = matches!(error.code(), Some(500 | 502 | 504));
        let Some(features) = self.features.as_mut().filter(|_| unknown) else { return false };
        if last.verb != Some(Verb::Mlsd) || !features.has("MLST") {
            return false;
        }
        features.forget("MLST");
        let reply = error.code().unwrap_or_default();
        self.control.teller().explain(format_args!(
            "MLSD was refused ({reply}): LIST from now on, whatever FEAT says"
        ));
        true
    }

    /// What the server says that its system is (SYST), empty where it does not say. Asked once.
    ///
    /// # Errors
    /// Those of the control connection.
    pub async fn system(&mut self) -> Result<&Text, Error> {
        if self.system.is_none() {
            let reply = self.control.command(&Command::Syst).await?;
            let said = reply.code.class() == Class::Completion;
            self.system = Some(if said { reply.text().into() } else { Text::default() });
        }
        Ok(self.system.get_or_insert_default())
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// `Refused`, and those of the control connection.
    pub async fn delete(&mut self, path: &Text) -> Result<Reply, Error> {
        self.completed(&Command::Dele(path.clone())).await
    }

    /// Renames a file or folder.
    ///
    /// # Errors
    /// `Refused`, and those of the control connection.
    pub async fn rename(&mut self, from: &Text, to: &Text) -> Result<Reply, Error> {
        let to = Command::Rnto(to.clone());
        // Nothing may be asked between the two.
        self.can_say(&to).await?;
        let reply = self.quote(&Command::Rnfr(from.clone())).await?;
        if reply.code.class() != Class::Intermediate {
            return Err(self.refused());
        }
        self.completed(&to).await
    }

    /// Makes a folder and gives the name that the server has for it, where it tells one.
    ///
    /// # Errors
    /// `Refused`, and those of the control connection.
    pub async fn mkdir(&mut self, path: &Text) -> Result<Option<Text>, Error> {
        let reply = self.completed(&Command::Mkd(path.clone())).await?;
        Ok(parse_quoted(reply.text()).map(Text::from))
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// `Refused`, and those of the control connection.
    pub async fn rmdir(&mut self, path: &Text) -> Result<Reply, Error> {
        self.completed(&Command::Rmd(path.clone())).await
    }

    /// Sends any command that opens no transfer and gives the reply, whatever it says. What it changes at the server is
    /// heeded by whatever comes next: a transfer sets its own TYPE, STRU and MODE, and begins where it was told to. After
    /// PROT the data connections are as that says. After REIN nobody is logged in, and data connections are put under TLS
    /// again where they were to be; a server that ends TLS then, as RFC 4217 section 11 has it, ends the session.
    ///
    /// # Errors
    /// `Cleared` for REIN behind CCC, since nobody could log in again, and those of the control connection.
    pub async fn quote(&mut self, command: &Command) -> Result<Reply, Error> {
        self.may_quote(command).await?;
        let reply = self.control.command(command).await?;
        self.has_quoted(command, &reply);
        Ok(reply)
    }

    /// Sends a line as it is, such as a verb that a vendor has added, or a known one as somebody has typed it, and gives the
    /// reply, whatever it says. It must open no transfer.
    ///
    /// # Errors
    /// `Unsendable` where it is empty or has a control character in it, `Cleared` as for [`quote`](Self::quote), and those
    /// of the control connection.
    pub async fn quote_line(&mut self, line: &[u8]) -> Result<Reply, Error> {
        let Ok(command) = Command::parse(line) else { return self.control.line(line).await };
        self.may_quote(&command).await?;
        let reply = self.control.line(line).await?;
        self.has_quoted(&command, &reply);
        Ok(reply)
    }

    async fn may_quote(&mut self, command: &Command) -> Result<(), Error> {
        self.can_say(command).await?;
        // Behind it nobody could log in again.
        if *command == Command::Rein { self.may_be_secret() } else { Ok(()) }
    }

    fn has_quoted(&mut self, command: &Command, reply: &Reply) {
        if *command == Command::Rein && reply.code.class() == Class::Completion {
            self.is_now(Text::default());
        }
    }

    /// Fetches a file byte by byte from `offset` on. What arrives in `to` is complete only when this
    /// returns without an error; [`get`](Self::get) is the way to fetch into a file.
    ///
    /// # Errors
    /// Every error that a transfer can have.
    pub async fn fetch<W: AsyncWrite + Unpin>(
        &mut self,
        path: &Text,
        offset: u64,
        to: &mut W,
        watch: &mut Watch<'_>,
    ) -> Result<Transfer, Error> {
        let size = if self.plain { None } else { self.size(path).await? };
        self.retrieve(path, BYTES, offset, size, to, watch).await
    }

    /// Fetches a file as text: the CR LF at the end of each line becomes LF.
    ///
    /// # Errors
    /// Every error that a transfer can have.
    pub async fn fetch_text<W: AsyncWrite + Unpin>(
        &mut self,
        path: &Text,
        to: &mut W,
        watch: &mut Watch<'_>,
    ) -> Result<Transfer, Error> {
        self.fetch_as(path, TEXT, to, watch).await
    }

    /// Fetches a file in this TYPE, STRU and MODE, and makes of it what it is on the disk.
    ///
    /// # Errors
    /// `NotInForm`, and every error that a transfer can have.
    pub async fn fetch_as<W: AsyncWrite + Unpin>(
        &mut self,
        path: &Text,
        how: Representation,
        to: &mut W,
        watch: &mut Watch<'_>,
    ) -> Result<Transfer, Error> {
        self.retrieve(path, how, 0, None, to, watch).await
    }

    /// Fetches a file from byte `at` on. `size` is that of the whole, where it is known.
    pub(crate) async fn retrieve<W: AsyncWrite + Unpin>(
        &mut self,
        path: &Text,
        how: Representation,
        at: u64,
        size: Option<u64>,
        to: &mut W,
        watch: &mut Watch<'_>,
    ) -> Result<Transfer, Error> {
        self.set_form(how).await?;
        watch(Progress::Begins { at, total: size });
        let command = Command::Retr(path.clone());
        let expected = size.map(|size| size.saturating_sub(at));
        let order = Order { command: &command, offset: at, restart: Restart::Rest, expected, how };
        self.receive(&order, to, watch).await
    }

    /// Chooses who opens the data connections from now on.
    pub fn set_way(&mut self, way: Way) {
        self.data.set_way(way);
    }

    /// Who opens the data connections.
    pub fn way(&self) -> Way {
        self.data.way
    }

    /// The control connection.
    pub fn control(&self) -> &Connection {
        &self.control
    }

    /// Sets TYPE, unless it is in force already, for a stream of a file.
    pub(crate) async fn set_type(&mut self, kind: Type) -> Result<(), Error> {
        self.set_form(Representation { kind, ..Representation::default() }).await
    }

    /// Sets STRU and MODE for a stream of a file, whatever the TYPE is.
    pub(crate) async fn set_stream(&mut self) -> Result<(), Error> {
        let Representation { structure, mode, .. } = Representation::default();
        self.ensure(&Command::Stru(structure)).await?;
        self.ensure(&Command::Mode(mode)).await
    }

    /// Sets TYPE, STRU and MODE, as far as they are not in force already.
    pub(crate) async fn set_form(&mut self, how: Representation) -> Result<(), Error> {
        self.ensure(&Command::Type(how.kind)).await?;
        self.ensure(&Command::Stru(how.structure)).await?;
        self.ensure(&Command::Mode(how.mode)).await
    }

    /// Has the server be the TLS client of data connections, or the server again, unless it is that already (SSCN).
    pub(crate) async fn be_tls_client(&mut self, as_client: bool) -> Result<(), Error> {
        self.ensure(&Command::Sscn(Some(as_client))).await
    }

    /// Takes back a restart whose transfer never came: some servers keep it for the next one.
    pub(crate) async fn forget_restart(&mut self) -> Result<(), Error> {
        let command = from_the_beginning();
        if self.control.in_force().has(&command) {
            return Ok(());
        }
        let reply = self.control.command(&command).await?;
        match reply.code.class() {
            Class::Intermediate => Ok(()),
            _ => Err(self.refused()),
        }
    }

    /// Sends a command, unless it is in force already.
    async fn ensure(&mut self, command: &Command) -> Result<(), Error> {
        if !self.control.in_force().has(command) {
            self.completed(command).await?;
        }
        Ok(())
    }

    /// Who is logged in.
    pub(crate) fn who(&self) -> &Text {
        &self.user
    }

    pub(crate) async fn completed(&mut self, command: &Command) -> Result<Reply, Error> {
        let reply = self.quote(command).await?;
        match reply.code.class() {
            Class::Completion => Ok(reply),
            _ => Err(self.refused()),
        }
    }

    pub(crate) fn refused(&self) -> Error {
        Error::Refused { last: self.control.last_boxed() }
    }

    fn quoted(&self, reply: &Reply) -> Result<Text, Error> {
        let malformed = || Error::Malformed { wanted: "a path", last: self.control.last_boxed() };
        parse_quoted(reply.text()).map(Text::from).ok_or_else(malformed)
    }
}
