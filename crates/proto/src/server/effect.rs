//! What the server machine asks its driver to do, and what the driver says came of it.
//!
//! Both are plain data: the machine never touches a file or a socket, and a test can answer in the driver's
//! place. At most one effect is under way besides a transfer.

use crate::charset::Charset;
use crate::codec::{Coding, Marker};
use crate::command::{Algorithm, Range};
use crate::glob::Glob;
use crate::listing::{Entry, Fact, Format};
use crate::path::VirtualPath;
use crate::time::Timestamp;
use crate::verb::Right;
use crate::{Secret, Text};
use ipnet::IpNet;
use std::net::SocketAddr;

/// Ties an outcome to its effect.
pub type EffectId = u32;

/// Something to do outside the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Verify a login. Outcomes: `LoggedIn`, `AccountWanted`, `TurnedAway`, `LoginRefused`.
    Authenticate {
        /// The name given with USER.
        user: Text,
        /// The word given with PASS.
        password: Secret,
        /// The word given with ACCT.
        code: Option<Secret>,
    },
    /// Is the certificate that the client has shown enough to be this user? Outcomes: `LoggedIn`, `LoginRefused`.
    Recognise(Text),
    /// Begin TLS on the control connection. Outcome: `Secured`; where it fails, the driver closes the connection.
    Secure,
    /// End TLS on the control connection in order, and go on in clear. Outcome: `Done`.
    Clear,
    /// Listen for one data connection from the control peer, in place of any earlier listener.
    /// Outcomes: `Listening`, `NotListening`.
    Listen {
        /// Whether the reply can say only an IPv4 address (PASV).
        ipv4_only: bool,
        /// Our part in TLS on that connection; nothing where it will be in clear.
        tls: Option<TlsRole>,
    },
    /// Close the listener and the data connection that was kept: the client chose another way. No outcome.
    CloseData,
    /// Serve this host's tree from now on (RFC 7151); without a name, the first. Outcomes: `Host`, `Failed`.
    Host(Option<Text>),
    /// One action on the tree. Outcomes as each says, or `Failed`.
    Tree(TreeAction),
    /// Move the bytes of a transfer. Outcomes: `Prepared`, then `Opened` unless it was open already (where it is told
    /// all the same it changes nothing), then `Ended`; or `Ended` at any point.
    Transfer(Box<TransferPlan>),
}

/// One action on the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeAction {
    /// Is this a folder that may be entered? `Done`.
    Enter(VirtualPath),
    /// Does this exist? `Done`.
    Find(VirtualPath),
    /// Make a folder. `Done`.
    MakeFolder {
        /// Which.
        path: VirtualPath,
        /// With all its parents.
        parents: bool,
        /// The permissions it shall not have.
        umask: Option<u32>,
    },
    /// Remove a folder. `Done`.
    RemoveFolder {
        /// Which.
        path: VirtualPath,
        /// With all that is in it; otherwise only an empty one.
        all: bool,
    },
    /// Delete a file. `Done`.
    Delete(VirtualPath),
    /// Rename. `Done`.
    Rename {
        /// What.
        from: VirtualPath,
        /// To what.
        to: VirtualPath,
    },
    /// How many bytes would a transfer take? `Size`.
    Size {
        /// Of what.
        path: VirtualPath,
        /// In this coding; as they are where it is nothing.
        coded: Option<Coding>,
    },
    /// When did this change? `Modified`.
    Modified(VirtualPath),
    /// The facts of one entry. `Facts`.
    Facts(VirtualPath),
    /// A short listing for the control connection, with names in this charset. `Listed`.
    List(VirtualPath, Charset),
    /// Set when this changed. `Done`.
    SetModified(VirtualPath, Timestamp),
    /// Set the permissions of this. `Done`.
    SetMode(VirtualPath, u32),
    /// Set a label of a file; with no value, take it away. `Done`.
    SetLabel(VirtualPath, Fact, Text),
    /// How many bytes are free where this is? `Size`.
    Free(VirtualPath),
    /// How many bytes are in this folder and all below it? `Size`.
    FolderSize(VirtualPath),
    /// The hash of a part of a file. `Digest`.
    Digest(VirtualPath, Algorithm, Range),
    /// Copy a file. `Done`.
    Copy {
        /// Which.
        from: VirtualPath,
        /// To where.
        to: VirtualPath,
        /// The permissions that a new file shall not have.
        umask: Option<u32>,
    },
    /// Add these files to the end of the target, and delete them. `Done`.
    Join {
        /// The file that grows.
        target: VirtualPath,
        /// The files that are added.
        parts: Vec<VirtualPath>,
        /// The permissions that a new file shall not have.
        umask: Option<u32>,
    },
    /// Make a link. `Done`.
    Link {
        /// The link.
        link: VirtualPath,
        /// What it leads to.
        target: VirtualPath,
    },
}

impl TreeAction {
    /// Whether it may take long: it reads files or walks folders.
    pub fn is_slow(&self) -> bool {
        match self {
            Self::Digest(..)
            | Self::Copy { .. }
            | Self::Join { .. }
            | Self::FolderSize(_)
            | Self::Size { coded: Some(_), .. }
            | Self::RemoveFolder { all: true, .. } => true,
            Self::Enter(_)
            | Self::Find(_)
            | Self::MakeFolder { .. }
            | Self::RemoveFolder { all: false, .. }
            | Self::Delete(_)
            | Self::Rename { .. }
            | Self::Size { coded: None, .. }
            | Self::Modified(_)
            | Self::Facts(_)
            | Self::List(..)
            | Self::SetModified(..)
            | Self::SetMode(..)
            | Self::SetLabel(..)
            | Self::Free(_)
            | Self::Link { .. } => false,
        }
    }
}

/// A transfer, whole: what, by which way, in which representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferPlan {
    /// What is to be moved.
    pub what: Payload,
    /// How the data connection comes about.
    pub route: Route,
    /// How its bytes are represented.
    pub coding: Coding,
    /// Our part in TLS on the data connection; nothing where that is in clear.
    pub tls: Option<TlsRole>,
}

/// A part in TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsRole {
    /// The one that shows its certificate: ours, but for server-to-server transfer.
    Server,
    /// The one that begins.
    Client,
}

/// What a transfer moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A file to the client.
    Retrieve {
        /// Which.
        path: VirtualPath,
        /// Which part of it.
        part: Part,
    },
    /// A file from the client.
    Store {
        /// Which.
        path: VirtualPath,
        /// Where the first byte goes.
        at: StoreAt,
        /// The permissions that a new file shall not have.
        umask: Option<u32>,
    },
    /// A listing to the client.
    List {
        /// Of what.
        path: VirtualPath,
        /// In which form.
        format: Format,
        /// What NLST puts before each name, as it goes on the wire: the argument as the client gave it.
        prefix: Vec<u8>,
        /// The entries meant, where the argument is a pattern and nothing has it for its name.
        pattern: Option<Box<Pattern>>,
        /// How names are written.
        charset: Charset,
    },
}

/// An argument of LIST or NLST as a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The folder in which names are tried.
    pub folder: VirtualPath,
    /// What the names must look like.
    pub glob: Glob,
    /// What NLST puts before each name, as it goes on the wire.
    pub prefix: Vec<u8>,
}

/// Which part of a file is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// From this byte on, counted as transferred in stream mode (REST, RFC 3659 section 5.3).
    Behind(u64),
    /// From this place in the file on (REST in block and compressed mode, RFC 959 section 3.5).
    From(Marker),
    /// These bytes of the file (RANG).
    Range(Range),
}

/// Where the bytes of an upload go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreAt {
    /// At the start: a new content.
    Start,
    /// At this place in the file (REST, then STOR): what is before it stays.
    From(Marker),
    /// At the end (APPE).
    End,
    /// At the start of a file under a name that nothing has (STOU); the path says how it begins.
    NewName,
}

/// How the data connection comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The client connects to the listener opened before.
    Accept,
    /// The server connects to this address.
    Dial(SocketAddr),
    /// The data connection of the transfer before is still open (block and compressed mode).
    Kept,
}

/// What came of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The login is right.
    LoggedIn(Box<Account>),
    /// TLS covers the control connection.
    Secured {
        /// Whether the client has shown a certificate that we trust.
        certified: bool,
    },
    /// The password is right, and ACCT shall bring a second factor.
    AccountWanted,
    /// The login is wrong, whatever was wrong about it.
    LoginRefused,
    /// The login is right, and yet there is no session for it.
    TurnedAway(Turned),
    /// A listener is open at this address, as the client shall see it.
    Listening(SocketAddr),
    /// No listener could be opened.
    NotListening(Text),
    /// Done.
    Done,
    /// The host is known, and greets like this.
    Host(Text),
    /// So many bytes.
    Size(u64),
    /// At that time.
    Modified(Timestamp),
    /// This hash.
    Digest {
        /// In lower-case hexadecimal digits.
        hex: String,
        /// Where the part begins.
        start: u64,
        /// One behind its last byte.
        end: u64,
    },
    /// These facts.
    Facts(Box<Entry>),
    /// These lines.
    Listed {
        /// `ls -l` lines without their ends.
        lines: Vec<Text>,
        /// Whether the path is a folder.
        folder: bool,
    },
    /// Not done.
    Failed(Fault),
    /// The file or folder of the transfer is open; so is the data connection, or not yet.
    Prepared {
        /// Whether the data connection is open.
        open: bool,
        /// What the preliminary reply can tell besides.
        news: News,
    },
    /// The data connection is open, and under TLS it is the client's own.
    Opened,
    /// A restart marker of the client has come, and everything before it is stored.
    Marked {
        /// What the client wrote.
        theirs: Text,
        /// The place in our file.
        ours: Marker,
    },
    /// The transfer is over.
    Ended(Ended),
}

/// Why somebody who may log in cannot have a session now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// The account has as many sessions as it may have.
    TooManySessions,
    /// The account's tree cannot be opened.
    NoTree,
}

/// What is known of a transfer once its file is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing.
    None,
    /// The file has so many bytes.
    Size(u64),
    /// STOU has chosen this name.
    Name(VirtualPath),
}

/// How a transfer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Whole: everything was moved and the end was proven.
    Complete {
        /// Bytes on the data connection.
        bytes: u64,
        /// What the client should know of what arrived; most often nothing.
        remarks: Vec<Remark>,
    },
    /// The data connection could not be opened.
    NotOpened(Text),
    /// The data connection broke, or stood still for too long.
    Broken(Text),
    /// The tree failed, before the data connection was open or while it was.
    Failed(Fault),
}

/// What is not quite as it was, in a transfer that is whole. Each with how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Characters that the code page does not have were sent as SUB.
    Substituted(u64),
    /// Bytes that were not UTF-8 were taken for Latin-1.
    Assumed(u64),
    /// Line ends within records made two lines of one.
    Split(u64),
    /// Places that the sender marked as suspect (RFC 959 section 3.4.2).
    Suspect(u64),
    /// Entries that could not be opened are not in the archive.
    LeftOut(u64),
    /// Files in the archive that changed while they were read.
    Changed(u64),
    /// Names in the listing with a line end, which a row has no room for.
    Unnamed(u64),
}

/// Why the tree did not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no such entry.
    NotFound,
    /// There is such an entry already.
    Exists,
    /// It is not a folder.
    NotAFolder,
    /// It is a folder, or something else that has no bytes to transfer.
    NotAFile,
    /// The folder is not empty.
    NotEmpty,
    /// Nothing is in the folder but uploads that broke off, which are kept for those who began them.
    Unfinished,
    /// Permission is missing.
    Denied,
    /// The name cannot be used.
    Name,
    /// Somebody else is writing it.
    Busy,
    /// Somebody else has changed it since this began.
    Changed,
    /// No space is left.
    Full,
    /// More than this account may store.
    OverQuota,
    /// The offset lies behind the end.
    Offset,
    /// A file has become shorter while it was read.
    Shrunk {
        /// How many bytes it had.
        from: u64,
    },
    /// It cannot be done, now or here.
    Unsupported(Cannot),
    /// There is too much other long work for a turn within reason.
    Crowded,
    /// It was broken off before its end, because nobody wants it any more.
    Stopped,
    /// The system reports something else.
    System(Text),
}

/// What cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cannot {
    /// RANG in a representation in which bytes of the file are not bytes on the wire.
    RangeOfText,
    /// RANG before an upload.
    RangeOfUpload,
    /// REST before STOR, of a text in a stream.
    RestartOfText,
    /// REST before RETR, of a text in MODE Z.
    RestartDeflated,
    /// REST in pages.
    RestartOfPages,
    /// REST or RANG of an archive that is made while it is sent.
    PartOfArchive,
    /// SIZE of an archive that is made while it is sent.
    SizeOfArchive,
    /// There is no time of this.
    TimeUnknown,
    /// A folder with more in it than is walked through.
    TooMuch,
    /// What leads from one tree into another: renaming, and links.
    BetweenTrees,
    /// This storage has no such thing.
    Storage,
}

/// Who is logged in, as far as the machine must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name.
    pub name: Text,
    /// Whether it is anonymous access.
    pub anonymous: bool,
    /// What it may do.
    pub rights: Rights,
    /// The charset of names for it, where that is another than the policy's.
    pub charset: Option<Charset>,
    /// Whether its data connections must be under TLS, whatever the policy says.
    pub demands_tls: bool,
    /// The networks, besides the client's own address, to which its data connections may go: server-to-server
    /// transfer.
    pub foreign: Vec<IpNet>,
}

impl Account {
    /// An account with these rights, and nothing out of the ordinary.
    pub fn new(name: Text, rights: Rights) -> Self {
        let foreign = Vec::new();
        Self { name, anonymous: false, rights, charset: None, demands_tls: false, foreign }
    }
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(u8);

impl Rights {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// To see and to read.
    pub const READER: Self = Self::of(Right::List).with(Right::Read);
    /// Everything.
    pub const WRITER: Self = Self::READER
        .with(Right::Write)
        .with(Right::Delete)
        .with(Right::Rename)
        .with(Right::Folders);

    /// Just this right.
    pub const fn of(right: Right) -> Self {
        Self(1 << right as u8)
    }

    /// This right as well.
    #[must_use]
    pub const fn with(self, right: Right) -> Self {
        Self(self.0 | (1 << right as u8))
    }

    /// Those of them that are among `others` too.
    #[must_use]
    pub const fn within(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Whether this right is among them.
    pub const fn has(self, right: Right) -> bool {
        self.0 & (1 << right as u8) != 0
    }

    /// Whether all of those are among them.
    pub const fn covers(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}
