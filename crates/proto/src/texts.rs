//! Every sentence the server says, with its code.
//!
//! The machine decides what to say; this file alone knows how it is worded, in English and in Japanese. A
//! sentence tells the reader what to do where something was refused. What a program reads (227, 229, the
//! quoted path of 257, the numbers of 213, `FILE:` of STOU) is the same in every language.

use crate::Lang;
use crate::charset::Charset;
use crate::codec::Marker;
use crate::command::Range;
use crate::foreign::Foreign;
use crate::params::{Mode, Structure, Type};
use crate::path::VirtualPath;
use crate::reply::{Code, Reply};
use crate::server::{Cannot, Fault, Remark, TlsRole, Turned, Unwelcome};
use crate::tap::Timer;
use crate::time::Timestamp;
use crate::{Text, Verb, address};
use std::net::{SocketAddr, SocketAddrV4};

/// Something the server says. Multi-line replies (FEAT, HELP, STAT, MLST) are put together by their
/// handlers from [`code`] and lines.
#[derive(Clone, Debug)]
pub(crate) enum Say<'a> {
    Ready(&'a str),
    Hosted(&'a Text),
    HostFirst,
    NoSuchHost,
    PasswordWanted { anonymous: bool },
    LoggedIn { name: &'a Text, anonymous: bool },
    AccountWanted,
    LoginRefused,
    TurnedAway(Turned),
    LoginFirst,
    UserFirst,
    TooManyWrongPasswords,
    TooManyBeforeLogin,
    NotAllowed(Verb),
    Goodbye,
    TimedOut(Timer),
    ShuttingDown,
    NotFtp(Foreign),
    Unwelcome(Unwelcome),

    UnknownVerb,
    LineTooLong,
    BadArgument(Verb),
    NotDone(Verb),
    Superfluous(Verb),
    NoHelp,
    TypeNotDone(Type),
    BadName(Verb),

    TypeIs(Type),
    StructureIs(Structure),
    ModeIs(Mode),
    WillDial(SocketAddr),
    ForeignAddress,
    WrongFamily { ours_is_ipv6: bool },
    PassiveNeedsIpv4,
    OnlyEpsv(Verb),
    EpsvAllNoted,
    Listening(SocketAddrV4),
    ListeningExtended(u16),
    NotListening(&'a Text),

    Entered(&'a VirtualPath),
    FolderIs(&'a VirtualPath),
    Made(&'a VirtualPath),
    Removed,
    Deleted,
    RenameTo,
    Renamed,
    RenameFirst,
    RestartAt(Marker),
    Marked(&'a Text, Marker),
    Size(u64),
    Modified(Timestamp),
    Fault(&'a Fault, Verb),

    Starting { code: u16, kind: Type, size: Option<u64> },
    StoringAs(u16, &'a VirtualPath),
    Complete { bytes: u64, remarks: &'a [Remark], code: u16 },
    NotOpened(&'a Text),
    OpenTimedOut,
    Broken(&'a Text),
    Aborted,
    AbortDone,
    NothingToAbort,

    System,
    NoopDone,
    Utf8Always,
    Utf8Off,
    CharsetIs(&'static str),
    NoSuchOption,
    LanguageIs,
    NoSuchLanguage,
    Noted,
    ServerId,
    NoSuchMount,
    Securing,
    SecuredAlready,
    NoSuchMechanism,
    SomethingBehind,
    SecureFirst(Verb),
    TlsFirst,
    LoggedInByCertificate(&'a Text),
    BufferSize,
    PbszFirst,
    ProtectionIs(bool),
    HalfProtection,
    NoSuchProtection,
    ClearDataDenied,
    PrivateDataOnly,
    PrivateFirst(Verb),
    NotCovered,
    CccDenied,
    CccInLogin,
    Clearing,
    RoleIs(TlsRole),
    RoleDenied,
    OneFact,
    FactSet(&'a VirtualPath),
    Joined,
    SpaceFor(u64),
    RangeIs(Range),
    SiteDone,
    NoSuchSite,
    UmaskIs(Option<u32>),
    IdleIs(u64),
    IdleBounds(u64),
    InternalFault,
}

/// In which language the server speaks, and in which charset.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Voice {
    pub(crate) lang: Lang,
    pub(crate) charset: Charset,
}

impl Voice {
    /// Words that name nothing.
    fn words(self, words: &[u8]) -> Text {
        Text::from(self.charset.words_to_wire(words).into_owned())
    }

    /// A name between words.
    fn naming(self, en: (&str, &str), ja: (&str, &str), name: &[u8]) -> Text {
        let (before, behind) = self.lang.of(en, ja);
        let (before, behind) = (self.words(before.as_bytes()), self.words(behind.as_bytes()));
        let name = self.charset.to_wire(name);
        Text::from([before.as_bytes(), &name, behind.as_bytes()].concat())
    }
}

/// The text in the language of the voice `$voice`; only that one is put together.
macro_rules! tr {
    ($voice:expr, $en:literal, $ja:literal) => {
        match $voice.lang {
            Lang::En => $voice.words(format!($en).as_bytes()),
            Lang::Ja => $voice.words(format!($ja).as_bytes()),
        }
    };
}

/// The code of this value, for the handlers that put several lines together. Values outside 100..=699
/// become 500.
pub(crate) fn code(value: u16) -> Code {
    const SYNTAX: Code = match Code::new(500) {
        Some(code) => code,
        None => unreachable!(),
    };
    Code::new(value).unwrap_or(SYNTAX)
}

impl Say<'_> {
    /// The reply, in this voice.
    pub(crate) fn reply(&self, voice: Voice) -> Reply {
        let (value, text) = self.worded(voice);
        match self {
            // The operator's words, who may have several lines of them.
            Self::Ready(_) | Self::Hosted(_) => {
                let lines = text.as_bytes().trim_ascii_end().split(|byte| *byte == b'\n');
                let lines = lines.map(|line| Text::from(line.strip_suffix(b"\r").unwrap_or(line)));
                Reply { code: code(value), lines: lines.collect() }
            }
            _ => Reply::line(code(value), text),
        }
    }

    fn worded(&self, l: Voice) -> (u16, Text) {
        let worded = self.access(l).or_else(|| self.command(l)).or_else(|| self.parameters(l));
        let worded = worded
            .or_else(|| self.security(l))
            .or_else(|| self.files(l))
            .or_else(|| self.transfer(l));
        worded.or_else(|| self.info(l)).unwrap_or_else(|| {
            (
                451,
                tr!(
                    l,
                    "The server made a mistake; the command was not carried out.",
                    "サーバー内部の誤りにより、コマンドを実行できませんでした。"
                ),
            )
        })
    }

    /// Who the user is, and the session as such.
    #[rustfmt::skip]
    fn access(&self, l: Voice) -> Option<(u16, Text)> {
        Some(match self {
            Self::Ready(greeting) => (220, l.words(greeting.as_bytes())),
            Self::Hosted(greeting) => (220, l.words(greeting.as_bytes())),
            Self::HostFirst => (503, tr!(l, "HOST comes before USER.", "HOST は USER の前に送ってください。")),
            Self::NoSuchHost => (504, tr!(l, "There is no such host here.", "そのホストはここにはありません。")),
            Self::PasswordWanted { anonymous: true } => (331, tr!(l, "Anonymous access: any password will do; your e-mail address is customary.", "匿名アクセスです。パスワードは何でも構いません（慣例ではメールアドレス）。")),
            Self::PasswordWanted { anonymous: false } => (331, tr!(l, "Password, please.", "パスワードを入力してください。")),
            Self::LoggedIn { anonymous: true, .. } => (230, tr!(l, "Logged in anonymously.", "匿名でログインしました。")),
            Self::LoggedIn { name, .. } => (230, l.naming(("Logged in as ", "."), ("", " としてログインしました。"), name.as_bytes())),
            Self::AccountWanted => (332, tr!(l, "One thing more: ACCT with the code of your second factor.", "続いて、二要素認証のコードを ACCT で送ってください。")),
            Self::LoginRefused => (530, tr!(l, "Login refused: check the name and the password.", "ログインできません。名前とパスワードを確かめてください。")),
            Self::TurnedAway(Turned::TooManySessions) => (530, tr!(l, "You have as many sessions as you may have; end one of them first.", "同時に使えるセッションの数に達しています。先にどれかを終えてください。")),
            Self::TurnedAway(Turned::NoTree) => (530, tr!(l, "Your folder cannot be opened; please tell the operator.", "お使いのディレクトリを開けません。管理者に知らせてください。")),
            Self::LoginFirst => (530, tr!(l, "Please log in first, with USER and PASS.", "先に USER と PASS でログインしてください。")),
            Self::UserFirst => (503, tr!(l, "USER comes before PASS.", "PASS の前に USER が必要です。")),
            Self::TooManyWrongPasswords => (421, tr!(l, "Too many wrong passwords; closing.", "パスワードの誤りが多すぎるため、切断します。")),
            Self::TooManyBeforeLogin => (421, tr!(l, "Too many commands before a login; closing.", "ログイン前のコマンドが多すぎるため、切断します。")),
            Self::Goodbye => (221, tr!(l, "Goodbye.", "さようなら。")),
            Self::TimedOut(Timer::Login) => (421, tr!(l, "Closing: no login in time.", "時間内にログインがなかったため、切断します。")),
            Self::TimedOut(_) => (421, tr!(l, "Closing: no command in time.", "時間内にコマンドがなかったため、切断します。")),
            Self::ShuttingDown => (421, tr!(l, "The server is shutting down; please come back later.", "サーバーを停止します。後でもう一度接続してください。")),
            Self::Unwelcome(Unwelcome::ServerFull) => (421, tr!(l, "Too many sessions; please come back later.", "セッションが多すぎます。後でもう一度接続してください。")),
            Self::Unwelcome(Unwelcome::AddressFull) => (421, tr!(l, "Too many sessions from your address; please end one of them first.", "お使いのアドレスからのセッションが多すぎます。先にどれかを終えてください。")),
            Self::Unwelcome(Unwelcome::Banned) => (421, tr!(l, "Too many wrong passwords from your address; please come back later.", "お使いのアドレスからのパスワードの誤りが多すぎます。後でもう一度接続してください。")),
            Self::NotFtp(Foreign::Tls) => (421, tr!(l, "This port speaks FTP in clear at first: ask for TLS with AUTH TLS, or use the port for implicit TLS; closing.", "このポートの FTP は平文で始まります。AUTH TLS を使うか、暗黙的 TLS のポートに接続してください。切断します。")),
            Self::NotFtp(other) => (421, tr!(l, "This is an FTP server, and that was {other}; closing.", "ここは FTP サーバーですが、{other} が届いたため、切断します。")),
            Self::NoSuchMount => (550, tr!(l, "There is one tree here, and it is mounted at \"/\".", "ここにあるツリーは一つだけで、\"/\" にあります。")),
            _ => return None,
        })
    }

    /// The command line as such.
    #[rustfmt::skip]
    fn command(&self, l: Voice) -> Option<(u16, Text)> {
        Some(match self {
            Self::NotAllowed(verb) => (refusal(*verb), tr!(l, "{verb} is not allowed to this account.", "このアカウントに {verb} は許されていません。")),
            Self::UnknownVerb => (500, tr!(l, "No such command; HELP lists those that there are.", "そのコマンドはありません。HELP で一覧を表示します。")),
            Self::LineTooLong => (500, tr!(l, "The line is too long; it was not carried out.", "行が長すぎるため、実行しませんでした。")),
            Self::BadArgument(verb) => {
                let usage = verb.row().usage();
                (501, tr!(l, "Syntax: {verb}{usage}", "書式：{verb}{usage}"))
            }
            Self::NotDone(verb) => (502, tr!(l, "{verb} is not done here.", "{verb} はここでは行いません。")),
            Self::Superfluous(verb) => (202, tr!(l, "{verb} is not needed here.", "{verb} はここでは不要です。")),
            Self::NoHelp => (504, tr!(l, "No such command; HELP alone lists those that there are.", "そのコマンドはありません。HELP だけで一覧を表示します。")),
            Self::BadName(verb) => (refusal(*verb), bad_name(l)),
            Self::Noted => (200, tr!(l, "Noted.", "承りました。")),
            Self::ServerId => (200, "Name=Wharf; Version=1;".into()),
            Self::SiteDone => (200, tr!(l, "Done.", "実行しました。")),
            Self::NoSuchSite => (504, tr!(l, "No such word; SITE HELP lists those that there are.", "その語はありません。SITE HELP で一覧を表示します。")),
            Self::UmaskIs(Some(mask)) => (200, tr!(l, "UMASK is {mask:03o}.", "UMASK は {mask:03o} です。")),
            Self::UmaskIs(None) => (200, tr!(l, "UMASK is the server's own.", "UMASK はサーバーの既定値です。")),
            Self::IdleIs(seconds) => (200, tr!(l, "An idle session is closed after {seconds} s.", "無通信のセッションは {seconds} 秒で切断します。")),
            Self::IdleBounds(most) => (501, tr!(l, "Between 1 and {most} seconds, please.", "1 から {most} 秒の間で指定してください。")),
            _ => return None,
        })
    }

    /// How data will be transferred.
    #[rustfmt::skip]
    fn parameters(&self, l: Voice) -> Option<(u16, Text)> {
        Some(match self {
            Self::TypeNotDone(kind) => (504, tr!(l, "TYPE {kind} is not done here; A, E, I and L 8 are.", "TYPE {kind} は行いません。A、E、I、L 8 を行います。")),
            Self::TypeIs(kind) => (200, tr!(l, "TYPE is {kind}.", "TYPE は {kind} です。")),
            Self::StructureIs(value) => (200, tr!(l, "STRU is {value}.", "STRU は {value} です。")),
            Self::ModeIs(value) => (200, tr!(l, "MODE is {value}.", "MODE は {value} です。")),
            Self::WillDial(at) => {
                let port = at.port();
                (200, tr!(l, "Data connections will go to port {port}.", "データコネクションはポート {port} へ張ります。"))
            }
            Self::ForeignAddress => (501, tr!(l, "Data connections go only to your own address, to port 1024 or above.", "データコネクションは、お使いのアドレスの 1024 番以上のポートにだけ張ります。")),
            Self::WrongFamily { ours_is_ipv6: false } => (522, tr!(l, "This connection speaks IPv4; use family (1).", "この接続は IPv4 です。種別 1 を使ってください。")),
            Self::WrongFamily { ours_is_ipv6: true } => (522, tr!(l, "This connection speaks IPv6; use family (2).", "この接続は IPv6 です。種別 2 を使ってください。")),
            Self::PassiveNeedsIpv4 => (522, tr!(l, "PASV can name only an IPv4 address; use EPSV.", "PASV は IPv4 のアドレスしか示せません。EPSV を使ってください。")),
            Self::OnlyEpsv(verb) => (503, tr!(l, "{verb} is closed: you have sent EPSV ALL.", "EPSV ALL の後なので、{verb} は使えません。")),
            Self::EpsvAllNoted => (200, tr!(l, "From now on only EPSV sets up data connections.", "今後、データコネクションは EPSV だけで準備します。")),
            Self::Listening(at) => (227, format!("Entering Passive Mode {}.", address::print_227(*at)).into()),
            Self::ListeningExtended(port) => (229, format!("Entering Extended Passive Mode {}", address::print_229(*port)).into()),
            Self::NotListening(why) => (425, sentence(l, ("No port for a data connection", "データコネクション用のポートを用意できません"), why)),
            Self::Utf8Always => (200, tr!(l, "Names are UTF-8.", "ファイル名は UTF-8 です。")),
            Self::CharsetIs(name) => (200, tr!(l, "Names are in {name}.", "ファイル名の文字コードは {name} です。")),
            Self::Utf8Off => (501, tr!(l, "Names are always UTF-8 here.", "ここでは、ファイル名は常に UTF-8 です。")),
            Self::NoSuchOption => (501, tr!(l, "No such option; OPTS UTF8 ON, OPTS MLST facts, OPTS HASH name and OPTS MODE Z LEVEL n are.", "そのオプションはありません。OPTS UTF8 ON、OPTS MLST facts、OPTS HASH name、OPTS MODE Z LEVEL n があります。")),
            Self::LanguageIs => (200, tr!(l, "Replies are in English.", "応答は日本語です。")),
            Self::NoSuchLanguage => (504, tr!(l, "Replies can be in English (EN) or Japanese (JA).", "応答の言語は EN（英語）か JA（日本語）です。")),
            _ => return None,
        })
    }

    /// TLS.
    #[rustfmt::skip]
    fn security(&self, l: Voice) -> Option<(u16, Text)> {
        Some(match self {
            Self::Securing => (234, tr!(l, "Ready for TLS.", "TLS を始めてください。")),
            Self::SecuredAlready => (503, tr!(l, "TLS has begun already.", "TLS は既に始まっています。")),
            Self::NoSuchMechanism => (504, tr!(l, "AUTH TLS is what there is.", "AUTH TLS だけがあります。")),
            Self::SomethingBehind => (421, tr!(l, "Nothing may be sent behind that command before its reply; closing.", "そのコマンドの応答より先に続きを送ることはできません。切断します。")),
            Self::SecureFirst(verb) => (503, tr!(l, "{verb} has its place under TLS; AUTH TLS comes first.", "{verb} は TLS の下で使います。先に AUTH TLS を送ってください。")),
            Self::TlsFirst => (530, tr!(l, "Passwords do not go in clear here; AUTH TLS comes first.", "ここでは、パスワードを平文で送れません。先に AUTH TLS を送ってください。")),
            Self::LoggedInByCertificate(name) => (232, l.naming(("Logged in by certificate as ", "."), ("", " として証明書でログインしました。"), name.as_bytes())),
            Self::BufferSize => (200, "PBSZ=0".into()),
            Self::PbszFirst => (503, tr!(l, "PBSZ 0 comes before PROT.", "PROT の前に PBSZ 0 が必要です。")),
            Self::ProtectionIs(true) => (200, tr!(l, "Data connections are private.", "データコネクションを TLS で保護します。")),
            Self::ProtectionIs(false) => (200, tr!(l, "Data connections are in clear.", "データコネクションは平文です。")),
            Self::HalfProtection => (536, tr!(l, "TLS protects whole, or not at all: P or C.", "TLS の保護は P か C だけです。")),
            Self::NoSuchProtection => (504, tr!(l, "There is no such protection; P and C are.", "その保護はありません。P と C があります。")),
            Self::ClearDataDenied => (534, tr!(l, "Data in clear is not allowed here.", "ここでは、データを平文で送れません。")),
            Self::PrivateDataOnly => (521, tr!(l, "Data in clear is not allowed here; send PBSZ 0 and PROT P first.", "ここでは、データを平文で送れません。先に PBSZ 0 と PROT P を送ってください。")),
            Self::PrivateFirst(verb) => (503, tr!(l, "{verb} needs PROT P.", "{verb} には PROT P が必要です。")),
            Self::NotCovered => (533, tr!(l, "The control connection is in clear already.", "コントロールコネクションは既に平文です。")),
            Self::CccDenied => (534, tr!(l, "The control connection stays under TLS here.", "ここでは、コントロールコネクションの TLS をやめられません。")),
            Self::CccInLogin => (503, tr!(l, "The login comes first: what is missing of it would go in clear.", "先にログインを終えてください。このままでは残りが平文で送られます。")),
            Self::Clearing => (200, tr!(l, "TLS ends on the control connection.", "コントロールコネクションの TLS を終わります。")),
            Self::RoleIs(TlsRole::Client) => (200, tr!(l, "SSCN is ON: this end is the TLS client on data connections.", "SSCN は ON です。データコネクションではこちらが TLS クライアントになります。")),
            Self::RoleIs(TlsRole::Server) => (200, tr!(l, "SSCN is OFF: this end is the TLS server on data connections.", "SSCN は OFF です。データコネクションではこちらが TLS サーバーになります。")),
            Self::RoleDenied => (534, tr!(l, "That is for accounts that may transfer between servers.", "サーバー間転送を許されたアカウントだけが使えます。")),
            _ => return None,
        })
    }

    /// Files and folders.
    #[rustfmt::skip]
    fn files(&self, l: Voice) -> Option<(u16, Text)> {
        Some(match self {
            Self::Entered(path) => (250, quoting(l, ("Now in ", "."), ("現在のディレクトリは ", " です。"), path)),
            Self::FolderIs(path) => (257, quoting(l, ("", " is the current folder."), ("", " が現在のディレクトリです。"), path)),
            Self::Made(path) => (257, quoting(l, ("", " made."), ("", " を作りました。"), path)),
            Self::Removed => (250, tr!(l, "Folder removed.", "ディレクトリを削除しました。")),
            Self::Deleted => (250, tr!(l, "File deleted.", "ファイルを削除しました。")),
            Self::RenameTo => (350, tr!(l, "Found; RNTO with the new name comes next.", "見つかりました。次に RNTO で新しい名前を送ってください。")),
            Self::Renamed => (250, tr!(l, "Renamed.", "名前を変えました。")),
            Self::RenameFirst => (503, tr!(l, "RNFR comes right before RNTO.", "RNTO の直前に RNFR が必要です。")),
            Self::Size(bytes) => (213, bytes.to_string().into()),
            Self::Modified(time) => (213, time.whole_seconds().print_mdtm().into()),
            Self::OneFact => (504, tr!(l, "One of the facts modify, UNIX.mode, media-type, charset and lang can be set at a time.", "一度に設定できる属性は、modify、UNIX.mode、media-type、charset、lang のうち一つです。")),
            Self::FactSet(path) => (213, quoting(l, ("Set: ", ""), ("設定しました：", ""), path)),
            Self::Joined => (250, tr!(l, "Joined.", "つなぎました。")),
            Self::SpaceFor(bytes) => (200, tr!(l, "There is space for {bytes} bytes.", "{bytes} バイトの空きがあります。")),
            Self::Fault(fault, verb) => worded_fault(l, fault, *verb),
            _ => return None,
        })
    }

    /// Transfers.
    #[rustfmt::skip]
    fn transfer(&self, l: Voice) -> Option<(u16, Text)> {
        Some(match self {
            Self::RestartAt(marker) => (350, tr!(l, "The next transfer starts at byte {marker}.", "次の転送は {marker} バイト目から始めます。")),
            // The form is that of RFC 959 section 4.2: the client's marker, and ours.
            Self::Marked(theirs, ours) => (110, Text::from([b"MARK ", theirs.as_bytes(), format!(" = {ours}").as_bytes()].concat())),
            Self::RangeIs(Range { end: None, .. }) => (350, tr!(l, "The whole file.", "ファイル全体です。")),
            Self::RangeIs(Range { start, end: Some(end) }) => {
                let last = end.saturating_sub(1);
                (350, tr!(l, "Bytes {start} to {last}.", "{start} から {last} バイト目までです。"))
            }
            Self::Starting { code, kind, size } => (*code, starting(l, *code, *kind, *size)),
            // The form is that of RFC 1123 section 4.1.2.9.
            Self::StoringAs(code, path) => (*code, l.naming(("FILE: ", ""), ("FILE: ", ""), path.as_bytes())),
            Self::Complete { bytes, remarks, code } => (*code, complete(l, *bytes, remarks, *code)),
            Self::NotOpened(why) => (425, sentence(l, ("The data connection could not be opened", "データコネクションを開けませんでした"), why)),
            Self::OpenTimedOut => (425, tr!(l, "The data connection did not open in time; a firewall may be in the way, try the other of active and passive mode.", "時間内にデータコネクションが開きませんでした。ファイアウォールが原因かもしれません。アクティブとパッシブを切り替えてみてください。")),
            Self::Broken(why) => (426, sentence(l, ("The transfer broke off", "転送が途中で切れました"), why)),
            Self::Aborted => (426, tr!(l, "Transfer broken off at your request; data connection closed.", "要求により転送を中止し、データコネクションを閉じました。")),
            Self::AbortDone => (226, tr!(l, "ABOR done.", "ABOR を実行しました。")),
            Self::NothingToAbort => (226, tr!(l, "No transfer was running.", "転送は行われていませんでした。")),
            _ => return None,
        })
    }

    /// Information.
    fn info(&self, l: Voice) -> Option<(u16, Text)> {
        Some(match self {
            Self::System => (215, "UNIX Type: L8".into()),
            Self::NoopDone => (200, tr!(l, "Still here.", "動いています。")),
            _ => return None,
        })
    }
}

fn complete(l: Voice, bytes: u64, remarks: &[Remark], code: u16) -> Text {
    let done = match code {
        226 => tr!(
            l,
            "Done, {bytes} bytes; data connection closed.",
            "{bytes} バイトを転送し、データコネクションを閉じました。"
        ),
        _ => tr!(l, "Done, {bytes} bytes.", "{bytes} バイトを転送しました。"),
    };
    let space: &[u8] = l.lang.of(b" ", b"");
    remarks.iter().fold(done, |said, remark| {
        Text::from([said.as_bytes(), space, remarked(l, *remark).as_bytes()].concat())
    })
}

#[rustfmt::skip]
fn remarked(l: Voice, remark: Remark) -> Text {
    match remark {
        Remark::Substituted(n) => tr!(l, "Not in the code page, sent as SUB: {n} characters.", "コードページにない {n} 文字を SUB で送りました。"),
        Remark::Assumed(n) => tr!(l, "Not UTF-8, taken for Latin-1: {n} bytes.", "UTF-8 でない {n} バイトを Latin-1 とみなしました。"),
        Remark::Split(n) => tr!(l, "Line ends within records, now lines of their own: {n}.", "レコード内の改行 {n} 個で行が分かれました。"),
        Remark::Suspect(n) => tr!(l, "Marked as suspect by the sender: {n} places.", "送り手が誤りの疑いありとした箇所が {n} あります。"),
        Remark::LeftOut(n) => tr!(l, "Left out, because they could not be read: {n} entries.", "読めないため {n} 件を除きました。"),
        Remark::Unnamed(n) => tr!(l, "With a line end in the name, shown as ?: {n} entries.", "名前に改行があり ? と示したものが {n} 件あります。"),
        Remark::Changed(n) => tr!(l, "Changed while they were read: {n} files.", "読み出し中に {n} ファイルが変わりました。"),
    }
}

#[rustfmt::skip]
fn unsupported(l: Voice, what: Cannot) -> Text {
    match what {
        Cannot::RangeOfText => tr!(l, "RANG needs TYPE I, STRU F and MODE S.", "RANG には TYPE I、STRU F、MODE S が必要です。"),
        Cannot::RangeOfUpload => tr!(l, "RANG limits what is fetched, not what is stored.", "RANG は取得の範囲を決めるもので、格納には使えません。"),
        Cannot::RestartOfText => tr!(l, "REST before STOR needs TYPE I and STRU F, or a marker.", "STOR の前の REST には、TYPE I と STRU F か、マーカーが必要です。"),
        Cannot::RestartDeflated => tr!(l, "REST in MODE Z needs TYPE I and STRU F.", "MODE Z の REST には TYPE I と STRU F が必要です。"),
        Cannot::RestartOfPages => tr!(l, "Pages cannot be restarted.", "ページ構造の転送は途中から再開できません。"),
        Cannot::SizeOfArchive => tr!(l, "An archive made on the way has no size before it has been sent.", "送りながら作るアーカイブのサイズは、送り終わるまで分かりません。"),
        Cannot::PartOfArchive => tr!(l, "An archive made on the way cannot be cut.", "送りながら作るアーカイブの一部だけは送れません。"),
        Cannot::TimeUnknown => tr!(l, "No time is known of that.", "その時刻は分かりません。"),
        Cannot::TooMuch => tr!(l, "That folder holds too much.", "そのディレクトリの中身が多すぎます。"),
        Cannot::BetweenTrees => tr!(l, "That leads into another tree: copy it there, then delete it here.", "別のツリーへは移せません。コピーしてから削除してください。"),
        Cannot::Storage => tr!(l, "That is not done here.", "ここでは行えません。"),
    }
}

fn starting(l: Voice, code: u16, kind: Type, size: Option<u64>) -> Text {
    let (en, ja) = if code == 125 {
        ("Data connection open; starting", "データコネクションは開いています。開始します")
    } else {
        ("Opening the data connection", "データコネクションを開きます")
    };
    let size = size.map_or_else(String::new, |bytes| format!(" ({bytes} bytes)"));
    tr!(l, "{en}, TYPE {kind}{size}.", "{ja}、TYPE {kind}{size}。")
}

fn not_a_folder(l: Voice) -> Text {
    tr!(l, "That is not a folder.", "それはディレクトリではありません。")
}

fn bad_name(l: Voice) -> Text {
    tr!(l, "That name cannot be used here.", "その名前は、ここでは使えません。")
}

/// A beginning, and what somebody else has worded.
fn sentence(l: Voice, (en, ja): (&str, &str), rest: &Text) -> Text {
    let (start, end) = l.lang.of((en, "."), (ja, "。"));
    let (start, end) = (l.words(start.as_bytes()), l.words(end.as_bytes()));
    Text::from([start.as_bytes(), b": ", rest.as_bytes(), end.as_bytes()].concat())
}

/// A path in quotes between words.
fn quoting(l: Voice, en: (&str, &str), ja: (&str, &str), path: &VirtualPath) -> Text {
    l.naming(en, ja, &path.quoted())
}

/// The code with which a verb refuses for good: 550, or 553 where RFC 959 knows only that.
fn refusal(verb: Verb) -> u16 {
    if verb.row().allows(550) { 550 } else { 553 }
}

/// A fault of the tree: with the code that fits it best, where the verb's row has that code.
#[rustfmt::skip]
fn worded_fault(l: Voice, fault: &Fault, verb: Verb) -> (u16, Text) {
    let never = refusal(verb);
    let (best, text) = match fault {
        Fault::NotFound => (never, tr!(l, "There is no such file or folder.", "そのファイルまたはディレクトリはありません。")),
        Fault::Exists => (never, tr!(l, "There is something of that name already.", "同じ名前のものが既にあります。")),
        // RFC 3659 section 7.
        Fault::NotAFolder if verb == Verb::Mlsd => (501, not_a_folder(l)),
        Fault::NotAFolder => (never, not_a_folder(l)),
        Fault::NotAFile => (never, tr!(l, "That is not a plain file.", "それは通常のファイルではありません。")),
        Fault::NotEmpty => (never, tr!(l, "The folder is not empty.", "ディレクトリが空ではありません。")),
        Fault::Unfinished => (never, tr!(l, "Nothing is in the folder but an upload that broke off; it is kept for a day, for its user to go on with.", "ディレクトリには途中で切れたアップロードだけがあります。再開できるように一日残します。")),
        Fault::Denied => (never, tr!(l, "Permission denied.", "許可がありません。")),
        Fault::Name => (never, bad_name(l)),
        Fault::Busy => (450, tr!(l, "Somebody is writing that file; try again later.", "そのファイルは書き込み中です。後でもう一度お試しください。")),
        Fault::Changed => (450, tr!(l, "Somebody has changed that file meanwhile, so nothing was added to it; ask for its SIZE and send what it lacks.", "そのファイルは送信中に変更されたため、何も追加していません。SIZE で確かめてから、足りない分をお送りください。")),
        Fault::Full => (452, tr!(l, "No space is left on the server.", "サーバーに空きがありません。")),
        Fault::OverQuota => (552, tr!(l, "That is more than you may store; delete something first.", "保存できる量を超えます。先に何かを削除してください。")),
        Fault::Offset => (554, tr!(l, "That position lies behind the end of the file.", "その位置はファイルの終わりを越えています。")),
        Fault::Shrunk { from } => (451, tr!(l, "The file had {from} bytes when this began, and has become shorter; fetch it again.", "始めたとき {from} バイトあったファイルが、途中で短くなりました。もう一度取得してください。")),
        Fault::Unsupported(what) => (504, unsupported(l, *what)),
        Fault::Crowded => (450, tr!(l, "The server has too much other long work; try again later.", "サーバーはほかの時間のかかる処理で混み合っています。後でもう一度お試しください。")),
        Fault::Stopped => (451, tr!(l, "Broken off before its end.", "完了する前に中止しました。")),
        Fault::System(why) => (451, sentence(l, ("The server's file system failed", "サーバーのファイルシステムに障害があります"), why)),
    };
    (if verb.row().allows(best) { best } else { never }, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(lang: Lang) -> Voice {
        Voice { lang, charset: Charset::default() }
    }

    #[test]
    fn what_a_program_reads_is_the_same_in_both_languages() {
        let at = SocketAddrV4::new([192, 0, 2, 1].into(), 50_000);
        for say in [Say::Listening(at), Say::ListeningExtended(50_000), Say::Size(5), Say::System] {
            assert_eq!(say.reply(voice(Lang::En)), say.reply(voice(Lang::Ja)), "{say:?}");
        }
        let folder = VirtualPath::root();
        for lang in [Lang::En, Lang::Ja] {
            assert!(Say::FolderIs(&folder).reply(voice(lang)).text().starts_with(b"\"/\" "));
        }
    }

    #[test]
    fn a_greeting_of_several_lines_is_a_reply_of_as_many_and_no_other_text_is() {
        let greeting = |text: &str| Say::Ready(text).reply(voice(Lang::En)).encode();
        assert_eq!(
            greeting("Hello.\r\n221 is no end\nOurs.\n"),
            b"220-Hello.\r\n 221 is no end\r\n220 Ours.\r\n"
        );
        assert_eq!(greeting("Hello."), b"220 Hello.\r\n");
        assert_eq!(greeting(""), b"220 \r\n");
        let name = Text::from("a\n226 b");
        let login = Say::LoggedIn { name: &name, anonymous: false }.reply(voice(Lang::En));
        assert_eq!(login.lines.len(), 1);
    }

    #[test]
    fn a_refusal_has_the_code_that_the_row_of_the_verb_knows() {
        let code = |verb| Say::Fault(&Fault::Denied, verb).reply(voice(Lang::En)).code.value();
        assert_eq!((code(Verb::Dele), code(Verb::Stor), code(Verb::Rnto)), (550, 553, 553));
        let full = |verb| Say::Fault(&Fault::Full, verb).reply(voice(Lang::En)).code.value();
        assert_eq!((full(Verb::Stor), full(Verb::Mkd)), (452, 550));
    }

    #[test]
    fn names_in_an_old_charset_lead_back_whatever_words_stand_around_them() {
        let charset = Charset::named("shift_jis").unwrap();
        let voice = Voice { lang: Lang::Ja, charset };
        for name in ["表", "=raw=x", "\u{1f600}", "表/\u{1f600}"] {
            let path = VirtualPath::root().join(name.as_bytes()).unwrap();
            let reply = Say::Made(&path).reply(voice);
            let shown = crate::path::parse_quoted(reply.text()).unwrap();
            assert_eq!(*charset.from_wire(&shown), *path.as_bytes(), "{name}");
            let said = "を作りました。".as_bytes();
            assert!(reply.text().ends_with(&charset.words_to_wire(said)), "{name}");
        }
    }
}
