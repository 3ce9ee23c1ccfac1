//! The rows of the verb table. The order is that of the [`Verb`] enum; a test holds the two together.

use super::Verb::*;
use super::{Argument, Gate, Opens, Right, Row, Status, Theme, Verb};
use Argument::{Code, Listing, Nothing, Number, OptionalPath, OptionalText, Path, Secret, Text};
use Theme::{Access, Extended, Files, Info, Parameters, Security, Transfer};

const LOGIN: Gate = Gate::Login;
const OPEN: Gate = Gate::Open;
const LISTS: Gate = Gate::Right(Right::List);
const READS: Gate = Gate::Right(Right::Read);
const WRITES: Gate = Gate::Right(Right::Write);

const SEND: &[u16] = &[125, 150, 110, 226, 250, 425, 426, 451, 450, 521, 550, 504, 554];
const LIST: &[u16] = &[125, 150, 226, 250, 425, 426, 451, 450, 521, 550, 504];
const STORE: &[u16] =
    &[125, 150, 110, 226, 250, 425, 426, 451, 521, 551, 552, 532, 450, 452, 553, 504, 554];

#[expect(clippy::too_many_arguments, reason = "one argument a column, read as a table")]
const fn row(
    verb: Verb,
    name: &'static str,
    argument: Argument,
    gate: Gate,
    replies: &'static [u16],
    theme: Theme,
    rfc: &'static str,
    help: &'static str,
) -> Row {
    Row {
        verb,
        name,
        aliases: &[],
        argument,
        gate,
        urgent: false,
        keeps_restart: false,
        opens: Opens::Nothing,
        replies,
        status: Status::Done,
        theme,
        rfc,
        help,
    }
}

impl Row {
    const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn urgent(mut self) -> Self {
        self.urgent = true;
        self
    }

    const fn keeps(mut self) -> Self {
        self.keeps_restart = true;
        self
    }

    const fn to_client(mut self) -> Self {
        self.opens = Opens::ToClient;
        self
    }

    const fn to_server(mut self) -> Self {
        self.opens = Opens::ToServer;
        self
    }

    const fn refused(mut self) -> Self {
        self.status = Status::Refused;
        self
    }
}

/// The table: a row a verb.
#[rustfmt::skip]
pub static VERBS: [Row; 71] = [
    row(User, "USER", Text, OPEN, &[230, 232, 331, 332, 530], Access, "959 4.1.1", "say who you are"),
    row(Pass, "PASS", Secret, OPEN, &[230, 202, 332, 503, 530], Access, "959 4.1.1", "prove it with a password"),
    row(Acct, "ACCT", Secret, OPEN, &[230, 202, 503, 530], Access, "959 4.1.1", "give the code of a second factor, where 332 asks for it"),
    row(Cwd, "CWD", Path, LOGIN, &[250, 502, 550], Access, "959 4.1.1", "change the folder").alias(&["XCWD"]),
    row(Cdup, "CDUP", Nothing, LOGIN, &[200, 250, 502, 550], Access, "959 4.1.1", "change to the parent folder").alias(&["XCUP"]),
    row(Smnt, "SMNT", Path, LOGIN, &[202, 250, 502, 550], Access, "959 4.1.1", "mount another tree"),
    row(Rein, "REIN", Nothing, OPEN, &[120, 220, 502], Access, "959 4.1.1", "log out, keep the connection"),
    row(Quit, "QUIT", Nothing, OPEN, &[221], Access, "959 4.1.1", "end the session").urgent(),
    row(Port, "PORT", Code(" h1,h2,h3,h4,p1,p2"), LOGIN, &[200, 503, 522], Parameters, "959 4.1.2", "the server shall connect to this address").keeps(),
    row(Pasv, "PASV", Nothing, LOGIN, &[227, 425, 502, 503, 522], Parameters, "959 4.1.2", "the server shall listen, IPv4").keeps(),
    row(Type, "TYPE", Code(" A [N|T|C] | E [N|T|C] | I | L size"), LOGIN, &[200, 504], Parameters, "959 4.1.2", "choose how bytes are represented"),
    row(Stru, "STRU", Code(" F|R|P"), LOGIN, &[200, 504], Parameters, "959 4.1.2", "choose the file structure"),
    row(Mode, "MODE", Code(" S|B|C|Z"), LOGIN, &[200, 504], Parameters, "959 4.1.2", "choose the transfer mode"),
    row(Retr, "RETR", Path, READS, SEND, Transfer, "959 4.1.3", "fetch a file").to_client(),
    row(Stor, "STOR", Path, WRITES, STORE, Transfer, "959 4.1.3", "store a file").to_server(),
    row(Stou, "STOU", OptionalPath, WRITES, STORE, Transfer, "959 4.1.3", "store a file under a new name").to_server(),
    row(Appe, "APPE", Path, WRITES, &[125, 150, 110, 226, 250, 425, 426, 451, 521, 551, 552, 532, 450, 550, 452, 553, 504, 554], Transfer, "959 4.1.3", "store at the end of a file").to_server(),
    row(Allo, "ALLO", Code(" size [R size]"), LOGIN, &[200, 202, 450, 452, 504, 550], Transfer, "959 4.1.3", "ask whether there is space").keeps(),
    row(Rest, "REST", Code(" offset | marker"), LOGIN, &[350, 502, 504], Transfer, "959 4.1.3, 3659 5", "start the next transfer here"),
    row(Rnfr, "RNFR", Path, Gate::Right(Right::Rename), &[350, 450, 550, 502], Files, "959 4.1.3", "rename this"),
    row(Rnto, "RNTO", Path, Gate::Right(Right::Rename), &[250, 502, 503, 532, 553], Files, "959 4.1.3", "to this"),
    row(Abor, "ABOR", Nothing, OPEN, &[225, 226, 502], Transfer, "959 4.1.3", "break off the transfer").urgent(),
    row(Dele, "DELE", Path, Gate::Right(Right::Delete), &[250, 450, 502, 550], Files, "959 4.1.3", "delete a file"),
    row(Rmd, "RMD", Path, Gate::Right(Right::Delete), &[250, 502, 550], Files, "959 4.1.3", "remove an empty folder").alias(&["XRMD"]),
    row(Mkd, "MKD", Path, Gate::Right(Right::Folders), &[257, 502, 550], Files, "959 4.1.3", "make a folder").alias(&["XMKD"]),
    row(Pwd, "PWD", Nothing, LOGIN, &[257, 502, 550], Files, "959 4.1.3", "name the current folder").alias(&["XPWD"]),
    row(List, "LIST", Listing, LISTS, LIST, Transfer, "959 4.1.3", "list a folder for people").to_client(),
    row(Nlst, "NLST", Listing, LISTS, LIST, Transfer, "959 4.1.3", "list names").to_client(),
    row(Site, "SITE", Code(" word [arguments]"), LOGIN, &[200, 202, 214, 450, 451, 504, 550], Extended, "959 4.1.3", "what only this server does"),
    row(Syst, "SYST", Nothing, OPEN, &[215, 502], Info, "959 4.1.3", "name the operating system"),
    row(Stat, "STAT", OptionalPath, LOGIN, &[211, 212, 213, 450, 502, 550], Info, "959 4.1.3", "tell the state, or list on the control connection").urgent(),
    row(Help, "HELP", OptionalText, OPEN, &[211, 214, 502, 504], Info, "959 4.1.3", "list the commands, or explain one"),
    row(Noop, "NOOP", Nothing, OPEN, &[200], Info, "959 4.1.3", "do nothing").urgent(),
    row(Auth, "AUTH", Code(" TLS"), OPEN, &[234, 334, 431, 502, 503, 504, 534], Security, "2228 3, 4217 4", "secure the control connection"),
    row(Adat, "ADAT", Text, OPEN, &[235, 335, 502, 503, 535], Security, "2228 3", "send security data").refused(),
    row(Pbsz, "PBSZ", Number, OPEN, &[200, 502, 503], Security, "2228 3, 4217 9", "name the protection buffer size"),
    row(Prot, "PROT", Code(" C|P"), OPEN, &[200, 431, 502, 503, 504, 534, 536], Security, "2228 3", "protect data connections"),
    row(Ccc, "CCC", Nothing, OPEN, &[200, 502, 503, 533, 534], Security, "2228 3", "clear the control connection"),
    row(Mic, "MIC", Text, OPEN, &[502, 503, 533, 535], Security, "2228 3", "a command with integrity").refused(),
    row(Conf, "CONF", Text, OPEN, &[502, 503, 533, 535], Security, "2228 3", "a command with confidentiality").refused(),
    row(Enc, "ENC", Text, OPEN, &[502, 503, 533, 535], Security, "2228 3", "a command with both").refused(),
    row(Feat, "FEAT", Nothing, OPEN, &[211, 502], Info, "2389 3", "list the extensions"),
    row(Opts, "OPTS", Text, OPEN, &[200, 501, 502], Info, "2389 4", "set an option of a verb"),
    row(Eprt, "EPRT", Code(" |family|address|port|"), LOGIN, &[200, 503, 522], Parameters, "2428 2", "the server shall connect to this address").keeps(),
    row(Epsv, "EPSV", Code(" [1|2|ALL]"), LOGIN, &[200, 229, 425, 502, 522], Parameters, "2428 3", "the server shall listen").keeps(),
    row(Lang, "LANG", OptionalText, OPEN, &[200, 504], Info, "2640 4", "choose the language of replies"),
    row(Mdtm, "MDTM", Path, LISTS, &[213, 450, 550, 502], Files, "3659 3", "tell when a file changed"),
    row(Size, "SIZE", Path, LISTS, &[213, 450, 451, 550, 502, 504], Files, "3659 4", "tell how many bytes a transfer would take"),
    row(Mlst, "MLST", OptionalPath, LISTS, &[250, 450, 502, 550], Files, "3659 7", "tell the facts of one entry"),
    row(Mlsd, "MLSD", OptionalPath, LISTS, LIST, Transfer, "3659 7", "list a folder for machines").to_client(),
    row(Host, "HOST", Text, OPEN, &[220, 503, 504], Access, "7151 3", "choose a virtual host"),
    row(Lprt, "LPRT", Text, LOGIN, &[200, 502, 521], Parameters, "1639 2", "PORT for long addresses, obsolete").refused(),
    row(Lpsv, "LPSV", Nothing, LOGIN, &[228, 502, 521], Parameters, "1639 3", "PASV for long addresses, obsolete").refused(),
    row(Mfmt, "MFMT", Code(" time path"), WRITES, &[213, 550], Extended, "draft somers", "set when a file changed"),
    row(Mfct, "MFCT", Code(" time path"), WRITES, &[213, 502, 550], Extended, "draft somers", "set when a file was made").refused(),
    row(Mff, "MFF", Code(" facts path"), WRITES, &[213, 504, 550], Extended, "draft somers", "set facts of a file"),
    row(Hash, "HASH", Path, READS, &[213, 450, 451, 502, 504, 550, 553, 556], Extended, "draft bryan", "hash a file"),
    row(Rang, "RANG", Code(" start end"), LOGIN, &[350], Transfer, "draft bryan", "limit the next transfer to a range"),
    row(Xcrc, "XCRC", Code(" path, or \"path\" start end"), READS, &[250, 450, 451, 550], Extended, "usage", "CRC-32 of a file"),
    row(Xmd5, "XMD5", Code(" path, or \"path\" start end"), READS, &[250, 450, 451, 550], Extended, "usage", "MD5 of a file"),
    row(Xsha1, "XSHA1", Code(" path, or \"path\" start end"), READS, &[250, 450, 451, 550], Extended, "usage", "SHA-1 of a file"),
    row(Xsha256, "XSHA256", Code(" path, or \"path\" start end"), READS, &[250, 450, 451, 550], Extended, "usage", "SHA-256 of a file"),
    row(Xsha512, "XSHA512", Code(" path, or \"path\" start end"), READS, &[250, 450, 451, 550], Extended, "usage", "SHA-512 of a file"),
    row(Comb, "COMB", Code(" target part ..."), WRITES, &[250, 450, 451, 502, 550], Extended, "usage", "join parts into one file"),
    row(Avbl, "AVBL", OptionalPath, LISTS, &[213, 502, 550], Extended, "draft peterson", "tell the free space"),
    row(Dsiz, "DSIZ", OptionalPath, LISTS, &[213, 450, 451, 502, 550], Extended, "draft peterson", "tell the size of a folder"),
    row(Csid, "CSID", Text, OPEN, &[200, 502], Extended, "draft peterson", "name the client and the server"),
    row(Clnt, "CLNT", Text, OPEN, &[200, 502], Extended, "usage", "name the client"),
    row(Pret, "PRET", Text, LOGIN, &[200, 502], Parameters, "usage", "announce the next transfer before PASV").refused(),
    row(Cpsv, "CPSV", Nothing, LOGIN, &[227, 425, 502, 503, 522, 534], Security, "usage", "PASV with the TLS client role").keeps(),
    row(Sscn, "SSCN", Code(" [ON|OFF]"), LOGIN, &[200, 502, 503, 534], Security, "usage", "choose the TLS role on data connections").keeps(),
];
