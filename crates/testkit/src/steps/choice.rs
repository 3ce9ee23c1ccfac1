//! A number to a line, a duration, or an outcome: what a random walk chooses from.

use std::time::Duration;

use wharf_proto::listing::{Entry, Kind};
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{
    Account, Cannot, Effect, Ended, Fault, News, Outcome, Remark, Rights, TreeAction,
};
use wharf_proto::time::Timestamp;
use wharf_proto::verb::VERBS;

/// The number that stands for a login with all rights, and for success otherwise.
pub(super) const WRITER: u8 = 1;

/// What may stand behind a verb. New ones go to the end: the corpus of the fuzz targets names them by number.
const ARGUMENTS: [&[u8]; 36] = [
    b"",
    b" ",
    b" x",
    b" docs/notes.txt",
    b" ../../..//a/.",
    b" -la docs",
    b" a\0b",
    b" \xff\xff\xfe",
    b" I",
    b" A N",
    b" L 8",
    b" E",
    b" F",
    b" S",
    b" 4096",
    b" 9223372036854775808",
    b" 192,0,2,7,4,158",
    b" 192,0,2,99,4,158",
    b" |1|192.0.2.7|1182|",
    b" |2|::1|1182|",
    b" ALL",
    b" UTF8 ON",
    b" MLST type;size;",
    b" anonymous",
    b" x y z",
    b" 0 95",
    b" 1 0",
    b" 512 R 80",
    b" HASH MD5",
    b" ja",
    b" \"a b\" 0 10",
    b" 20260102030405 x",
    b" modify=20260102030405; x",
    b" CHMOD 640 x",
    b" RMDIR -r x",
    b" IDLE 60",
];

/// How a line may end, or not end at all.
const ENDS: [&[u8]; 8] = [
    b"\r\n",
    b"\r\n",
    b"\r\n",
    b"\n",
    b"\r\0\r\n",
    b"\xff\xf4\xff\xf2\r\n",
    b"\xff\xfd\x18\n",
    b"",
];

/// The verbs whose order matters most; they are chosen as often as all others together.
const TELLING: [&str; 16] = [
    "ABOR", "ABOR", "NOOP", "STAT", "QUIT", "RETR", "STOR", "LIST", "REST", "RNFR", "RNTO", "PASV",
    "PORT", "USER", "PASS", "CWD",
];

const DURATIONS: [Duration; 8] = [
    Duration::from_millis(1),
    Duration::from_millis(249),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(299),
    Duration::from_secs(600),
];

fn pick<T>(choices: &[T], number: u8) -> &T {
    &choices[usize::from(number) % choices.len()]
}

pub(super) fn line(verb: u8, argument: u8, end: u8) -> Vec<u8> {
    let verb = match verb {
        128.. => *pick(&TELLING, verb),
        _ => pick(&VERBS, verb).name,
    };
    [verb.as_bytes(), *pick(&ARGUMENTS, argument), *pick(&ENDS, end)].concat()
}

pub(super) fn duration(number: u8) -> Duration {
    *pick(&DURATIONS, number)
}

fn fault(number: u8) -> Fault {
    let faults = [
        Fault::NotFound,
        Fault::Exists,
        Fault::NotAFolder,
        Fault::NotAFile,
        Fault::NotEmpty,
        Fault::Unfinished,
        Fault::Denied,
        Fault::Name,
        Fault::Busy,
        Fault::Changed,
        Fault::Full,
        Fault::OverQuota,
        Fault::Offset,
        Fault::Crowded,
        Fault::Stopped,
        Fault::Shrunk { from: 96 },
        Fault::Unsupported(Cannot::Storage),
        Fault::System("a line\r\n226 and another".into()),
    ];
    pick(&faults, number / 8).clone()
}

/// One of the outcomes that an effect may come to.
pub(super) fn outcome(effect: &Effect, number: u8) -> Outcome {
    match effect {
        Effect::Authenticate { .. } if number.is_multiple_of(4) => Outcome::LoginRefused,
        Effect::Authenticate { .. } if number % 8 == 5 => Outcome::AccountWanted,
        Effect::Authenticate { user, .. } => {
            let anonymous = number % 4 == 3;
            let rights = if anonymous { Rights::READER } else { Rights::WRITER };
            Outcome::LoggedIn(Box::new(Account { anonymous, ..Account::new(user.clone(), rights) }))
        }
        Effect::Host(Some(_)) if number.is_multiple_of(2) => Outcome::Failed(Fault::NotFound),
        Effect::Host(_) => Outcome::Host("Welcome.".into()),
        Effect::Listen { .. } if number.is_multiple_of(4) => {
            Outcome::NotListening("no port".into())
        }
        Effect::Listen { .. } => Outcome::Listening(([192, 0, 2, 1], 50000).into()),
        Effect::Tree(_) if number.is_multiple_of(2) => Outcome::Failed(fault(number)),
        Effect::Tree(action) => success(action),
        Effect::Recognise(_) if number.is_multiple_of(2) => Outcome::LoginRefused,
        Effect::Recognise(user) => {
            Outcome::LoggedIn(Box::new(Account::new(user.clone(), Rights::READER)))
        }
        Effect::Secure => Outcome::Secured { certified: number.is_multiple_of(2) },
        Effect::CloseData | Effect::Clear | Effect::Transfer(_) => Outcome::Done,
    }
}

fn success(action: &TreeAction) -> Outcome {
    match action {
        TreeAction::Enter(_)
        | TreeAction::Find(_)
        | TreeAction::MakeFolder { .. }
        | TreeAction::RemoveFolder { .. }
        | TreeAction::Delete(_)
        | TreeAction::Rename { .. }
        | TreeAction::Copy { .. }
        | TreeAction::Join { .. }
        | TreeAction::Link { .. }
        | TreeAction::SetModified(..)
        | TreeAction::SetMode(..)
        | TreeAction::SetLabel(..) => Outcome::Done,
        TreeAction::Size { .. } | TreeAction::Free(_) | TreeAction::FolderSize(_) => {
            Outcome::Size(96)
        }
        TreeAction::Digest(..) => Outcome::Digest { hex: "00ff".to_owned(), start: 0, end: 96 },
        TreeAction::Modified(_) => Outcome::Modified(Timestamp::new(1_795_352_700, 0)),
        TreeAction::Facts(_) => Outcome::Facts(Box::new(Entry::new(b"x".to_vec(), Kind::File))),
        TreeAction::List(..) => {
            let lines = ["212 a\r\n230 b", "", "c\u{ff}"].map(Into::into).to_vec();
            Outcome::Listed { lines, folder: true }
        }
    }
}

pub(super) fn of_preparing(number: u8) -> Outcome {
    match number % 6 {
        0 => Outcome::Ended(Ended::Failed(fault(number))),
        1 => Outcome::Ended(Ended::NotOpened("refused".into())),
        2 => Outcome::Prepared { open: true, news: News::Size(96) },
        3 => Outcome::Prepared { open: true, news: News::Name(VirtualPath::root()) },
        _ => Outcome::Prepared { open: false, news: News::None },
    }
}

pub(super) fn of_opening(number: u8) -> Outcome {
    match number % 6 {
        0 => Outcome::Ended(Ended::Failed(fault(number))),
        1 => Outcome::Ended(Ended::NotOpened("refused".into())),
        _ => Outcome::Opened,
    }
}

pub(super) fn of_running(number: u8) -> Outcome {
    Outcome::Ended(match number % 3 {
        0 => Ended::Complete { bytes: 96, remarks: vec![Remark::Suspect(2)] },
        1 => Ended::Broken("connection reset".into()),
        _ => Ended::Failed(fault(number)),
    })
}
