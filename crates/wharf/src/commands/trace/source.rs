//! Where `wharf trace` has its sessions from: a capture, a tap or a log, as a file, out of a pipe or while it grows; a folder of
//! taps; or an interface.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use wharf_ladder::capture::{Capture, Error, unpacked};
use wharf_ladder::live::Interface;
use wharf_ladder::logs::Form;
use wharf_ladder::render::pcapng;
use wharf_ladder::sessions::{Session, Sessions};
use wharf_ladder::tls::Keys;
use wharf_ladder::{Keep, Segment, tap};
use wharf_proto::Moment;

use super::folder::Folder;
use super::gathering::{Gathering, Heard};
use super::logged::{LogFile, recognised};
use super::told::{HEAD, TapFile};
use super::totals::Losses;
use crate::args::trace::TraceArgs;
use crate::confine::confine_capture;
use crate::exit::Usage;
use crate::interrupt::Told;
use crate::tap::begin_private;
use crate::terminal;

/// How often it is looked whether there is more.
const LOOK: Duration = Duration::from_millis(100);
/// What comes in so many pieces before it is looked whether sessions are over.
const MANY: u64 = 512;

/// What pcapng begins with, and how far such a file is looked through for secrets before it is read.
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const AHEAD: u64 = 256 << 20;

/// The longest line of a key log that is read as one.
const KEY_LINE: u64 = 4096;

/// A source of sessions.
pub(super) struct Source {
    name: String,
    /// The file or folder, where it is one.
    path: Option<PathBuf>,
    kind: Kind,
    keys: Keys,
    stop: Option<Told>,
    /// Pieces that have come: frames of a capture, lines of a tap.
    pieces: u64,
    /// The moment of what came last, and when it came.
    last: (Moment, Instant),
}

enum Kind {
    File(Capture<'static>),
    Live(Box<Live>),
    Tap(Box<TapFile>),
    Taps(Box<Folder>),
    Log(Box<LogFile>),
}

/// An interface, and the file that its frames are kept in.
struct Live {
    interface: Interface,
    file: Option<File>,
    /// Frames of a kind that is not read.
    unread: u64,
    /// Frames that the kernel has dropped, for whoever watches.
    dropped: Arc<AtomicU64>,
    asked: Instant,
}

/// What came of asking for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Something.
    More,
    /// Something, and what comes next may be a while: it is time to look which sessions are over.
    Lull,
    /// It is time to look which sessions are over; where a moment is given, nothing more has come up to it.
    Look(Option<Moment>),
    /// There is no more.
    End,
}

impl Source {
    /// Opens what the command line names.
    pub(super) fn open(arguments: &TraceArgs) -> anyhow::Result<Self> {
        match &arguments.live {
            Some(interface) => Self::of_interface(interface, arguments),
            None => Self::of_file(arguments),
        }
    }

    /// An interface. What opening it took is given up at once.
    fn of_interface(name: &str, arguments: &TraceArgs) -> anyhow::Result<Self> {
        let interface = Interface::open(name).map_err(|error| refused(name, error))?;
        let keys = Keys::default();
        learn(&keys, &arguments.keys)?;
        let file = arguments.write.as_deref().map(|path| {
            let cannot = || format!("cannot write {}", path.display());
            let mut file = begin_private(path).with_context(cannot)?;
            file.write_all(&pcapng::begin_capture()).with_context(cannot)?;
            anyhow::Ok(file)
        });
        let file = file.transpose()?;
        confine_capture().context("cannot give up what only opening the capture needed")?;
        let stop = Some(crate::interrupt::told_to_end()?);
        if !arguments.is_on_screen() {
            terminal::say(format_args!("wharf: capturing on {name}; Ctrl-C ends"));
        }
        let live = Box::new(Live {
            interface,
            file,
            unread: 0,
            dropped: Arc::default(),
            asked: Instant::now(),
        });
        Ok(Self::of(name.to_owned(), Kind::Live(live), keys, stop))
    }

    fn of(name: String, kind: Kind, keys: Keys, stop: Option<Told>) -> Self {
        let last = (Moment::START, Instant::now());
        Self { name, path: None, kind, keys, stop, pieces: 0, last }
    }

    fn of_file(arguments: &TraceArgs) -> anyhow::Result<Self> {
        let path = arguments.file.as_deref().unwrap_or_else(|| Path::new("-"));
        let is_pipe = path == Path::new("-");
        let name = if is_pipe { "standard input".into() } else { path.to_string_lossy() };
        let name = name.into_owned();
        let cannot = || format!("cannot read {name}");
        let follows = arguments.follow && !is_pipe;
        let stop = follows.then(crate::interrupt::told_to_end).transpose()?;
        if path.is_dir() {
            let folder = Folder::open(path, follows)?;
            no_use_of_keys(arguments, &name);
            let folder = Self::of(name, Kind::Taps(Box::new(folder)), Keys::default(), stop);
            return Ok(Self { path: Some(path.to_owned()), ..folder });
        }
        let waits = Arc::new(AtomicBool::new(true));
        let source: Box<dyn Read + Send> = match &stop {
            _ if is_pipe => Box::new(io::stdin()),
            None => Box::new(File::open(path).with_context(cannot)?),
            Some(stops) => {
                let file = File::open(path).with_context(cannot)?;
                Box::new(Growing { file, stops: stops.clone(), waits: Arc::clone(&waits) })
            }
        };
        let source = unpacked(source).with_context(cannot)?;
        let (what, source) = What::of(source, arguments.log, &name)?;
        if !matches!(what, What::Capture) {
            no_use_of_keys(arguments, &name);
        }
        let (kind, keys) = if let What::Log(form) = what {
            (Kind::Log(Box::new(LogFile::new(source, form))), Keys::default())
        } else if let What::Tap = what {
            (Kind::Tap(Box::new(TapFile::new(source))), Keys::default())
        } else {
            let known = if is_pipe || follows { Keys::default() } else { keys_ahead(path) };
            let capture = capture(source, &name)?.with_keys(known);
            learn(capture.keys(), &arguments.keys)?;
            let keys = capture.keys().clone();
            (Kind::File(capture), keys)
        };
        waits.store(false, Ordering::Relaxed);
        let path = (!is_pipe).then(|| path.to_owned());
        Ok(Self { path, ..Self::of(name, kind, keys, stop) })
    }

    /// What finds its sessions, knowing its keys.
    pub(super) fn gathering(&self, arguments: &TraceArgs) -> Gathering {
        match &self.kind {
            Kind::File(_) | Kind::Live(_) => {
                let sessions = Sessions::new(&arguments.ports).keeping(keep(arguments));
                Gathering::captured(sessions.with_keys(self.keys.clone()))
            }
            Kind::Tap(_) | Kind::Taps(_) => Gathering::told(),
            Kind::Log(log) => Gathering::logged(log.form),
        }
    }

    /// Reads on until it is time to look which sessions are over, and gives those; nothing at the end.
    ///
    /// # Errors
    /// Where it breaks off. What came before that is in the gathering.
    pub(super) fn read(
        &mut self,
        gathering: &Gathering,
    ) -> anyhow::Result<Option<Vec<Vec<Session>>>> {
        loop {
            let next = self.next(|heard| gathering.take(heard))?;
            if let Kind::Log(log) = &mut self.kind {
                log.heed(next, gathering);
            }
            match next {
                Next::More | Next::Lull => {
                    self.pieces += 1;
                    if next == Next::Lull || self.pieces.is_multiple_of(MANY) {
                        return Ok(Some(gathering.over(None)));
                    }
                }
                Next::Look(now) => return Ok(Some(gathering.over(now))),
                Next::End => return Ok(None),
            }
        }
    }

    /// Whether all of it is there to be read, so that nobody ever waits for more.
    pub(super) fn is_at_hand(&self) -> bool {
        self.stop.is_none() && self.is_file()
    }

    /// The keys of a capture, where that is a file that can be read again.
    pub(super) fn keys_of_capture(&self) -> Option<&Keys> {
        (matches!(self.kind, Kind::File(_)) && self.is_file()).then_some(&self.keys)
    }

    fn is_file(&self) -> bool {
        self.path.as_deref().is_some_and(Path::is_file)
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// When it begins, since 1970, as far as that has been read.
    pub(super) fn origin(&self) -> Option<Duration> {
        match &self.kind {
            Kind::File(capture) => capture.origin(),
            Kind::Live(live) => Some(live.interface.origin()),
            Kind::Tap(tap) => tap.began(),
            Kind::Taps(folder) => folder.began(),
            Kind::Log(log) => log.began,
        }
    }

    /// What there is to say where no session was in it.
    pub(super) fn nothing(&self) -> String {
        let name = &self.name;
        match &self.kind {
            Kind::File(capture) => self.no_session(capture.cut()),
            Kind::Live(_) => self.no_session(None),
            Kind::Tap(_) | Kind::Taps(_) => format!("{name} tells of no session"),
            Kind::Log(log) => format!("{name} tells of no session, as a log of {}", log.form.of),
        }
    }

    /// The same of frames, of which so many were cut at so many bytes.
    fn no_session(&self, cut: Option<(u64, usize)>) -> String {
        let none = format!("no FTP session among the {} frames of {}", self.pieces, self.name);
        match cut {
            Some((frames, at)) => format!(
                "{none}; {frames} of them are cut at {at} bytes, so that what was said may be missing: capture whole \
                 frames (tcpdump -s 0)"
            ),
            None => none,
        }
    }

    /// What there is to say of what is missing in it.
    pub(super) fn remarks(&self) -> Vec<String> {
        let full = |name: &str| format!("{name} was full; what came then is not in it");
        let torn = |name: &str, lines: u64| {
            let lines = if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") };
            format!("{lines} of {name} broke off, and what they told of is missing")
        };
        match &self.kind {
            Kind::File(capture) => {
                let told =
                    |(link, frames)| format!("{frames} frames of link type {link} were not read");
                capture.unread().map(told).into_iter().collect()
            }
            Kind::Live(live) => live.remarks(),
            Kind::Tap(tap) => {
                let torn = (tap.torn > 0).then(|| torn(&self.name, tap.torn));
                torn.into_iter().chain(tap.is_full.then(|| full(&self.name))).collect()
            }
            Kind::Taps(folder) => {
                let broke = folder.torn.iter().map(|(name, lines)| torn(name, *lines));
                broke.chain(folder.full.iter().map(|name| full(name))).collect()
            }
            Kind::Log(log) => log.remarks.clone(),
        }
    }

    /// What it held, and what of it is not in the sessions.
    pub(super) fn losses(&self) -> Losses {
        let (unread, dropped) = match &self.kind {
            Kind::File(capture) => (capture.unread().map_or(0, |(_, frames)| frames), 0),
            Kind::Live(live) => (live.unread, live.dropped.load(Ordering::Relaxed)),
            Kind::Tap(_) | Kind::Taps(_) | Kind::Log(_) => (0, 0),
        };
        let is_full = match &self.kind {
            Kind::Tap(tap) => tap.is_full,
            Kind::Taps(folder) => !folder.full.is_empty(),
            Kind::File(_) | Kind::Live(_) | Kind::Log(_) => false,
        };
        Losses { pieces: self.pieces, unread, dropped, is_full, broken: None }
    }

    /// How many frames the kernel has dropped, as that goes on.
    pub(super) fn dropped(&self) -> Arc<AtomicU64> {
        match &self.kind {
            Kind::Live(live) => Arc::clone(&live.dropped),
            Kind::File(_) | Kind::Tap(_) | Kind::Taps(_) | Kind::Log(_) => Arc::default(),
        }
    }

    /// The next piece.
    fn next(&mut self, take: impl FnOnce(&Heard<'_>)) -> anyhow::Result<Next> {
        let is_told = || self.stop.as_ref().is_some_and(Told::is_told);
        let next = match &mut self.kind {
            Kind::Taps(_) if is_told() => Ok(Some(Next::End)),
            Kind::Live(live) if is_told() => {
                live.count_dropped();
                Ok(Some(Next::End))
            }
            Kind::File(capture) => match capture.next_frame() {
                Ok(None) => Ok(Some(Next::End)),
                Ok(Some(frame)) => {
                    self.last.0 = frame.at;
                    if let Some(segment) = Segment::of_frame(&frame) {
                        take(&Heard::Segment(&segment));
                    }
                    Ok(Some(Next::More))
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(error) => Err(error.into()),
            },
            Kind::Live(live) => live.next(take).map(Some).map_err(Into::into),
            Kind::Tap(tap) => {
                let next = tap.next(take);
                self.last.0 = tap.last;
                next.map_err(Into::into)
            }
            Kind::Log(log) => log.next(take).map_err(Into::into),
            Kind::Taps(folder) => {
                let next = folder.next(take);
                self.last.0 = folder.last;
                if matches!(next, Ok(None)) {
                    std::thread::sleep(LOOK);
                }
                next
            }
        };
        match next {
            // Who follows a file and stops does so in the midst of it.
            Err(_) if is_told() => Ok(Next::End),
            Err(error) => Err(error),
            // By the clock of who has written it, as far as that is known.
            Ok(None) => {
                let (last, since) = self.last;
                let now = last.since(Moment::START).saturating_add(since.elapsed());
                Ok(Next::Look(Some(Moment::after(now))))
            }
            Ok(Some(next)) => {
                if self.stop.is_some() {
                    self.last.1 = Instant::now();
                }
                Ok(next)
            }
        }
    }
}

impl Live {
    fn next(&mut self, take: impl FnOnce(&Heard<'_>)) -> io::Result<Next> {
        let origin = self.interface.origin();
        let now = Moment::after(self.interface.elapsed());
        if self.asked.elapsed() >= LOOK {
            self.count_dropped();
        }
        let Some(frame) = self.interface.next_frame(LOOK)? else {
            return Ok(Next::Look(Some(now)));
        };
        self.unread += u64::from(frame.link.is_none());
        if let Some(file) = &mut self.file {
            file.write_all(&pcapng::frame(&frame, origin))?;
        }
        if let Some(segment) = Segment::of_frame(&frame) {
            take(&Heard::Segment(&segment));
        }
        Ok(Next::More)
    }

    fn count_dropped(&mut self) {
        self.asked = Instant::now();
        self.dropped.store(self.interface.dropped(), Ordering::Relaxed);
    }

    fn remarks(&self) -> Vec<String> {
        let (unread, dropped) = (self.unread, self.dropped.load(Ordering::Relaxed));
        let unread = (unread > 0)
            .then(|| format!("{unread} frames of other kinds of interfaces were not read"));
        let dropped = (dropped > 0).then(|| {
            format!(
                "{dropped} frames came faster than they could be read, and the kernel dropped them: what is drawn has gaps"
            )
        });
        unread.into_iter().chain(dropped).collect()
    }
}

/// Which rows of a session are kept.
fn keep(arguments: &TraceArgs) -> Keep {
    let usual = if arguments.drawing.packets { Keep::PACKETS } else { Keep::default() };
    Keep { rows: arguments.rows.unwrap_or(usual.rows), ..usual }
}

/// What a file is, by its beginning or because it was said.
enum What {
    Capture,
    Tap,
    Log(&'static Form),
}

impl What {
    /// Finds that out, and gives the whole source back.
    fn of(
        mut source: Box<dyn Read + Send>,
        form: Option<&'static Form>,
        name: &str,
    ) -> anyhow::Result<(Self, Box<dyn Read + Send>)> {
        if let Some(form) = form {
            return Ok((Self::Log(form), source));
        }
        let mut head = Vec::new();
        let read = source.by_ref().take(HEAD).read_to_end(&mut head);
        read.with_context(|| format!("cannot read {name}"))?;
        let what = match &head {
            head if tap::begins(head) => Self::Tap,
            head if Capture::begins(head) => Self::Capture,
            _ => Self::Log(recognised(&mut *source, &mut head, name)?),
        };
        Ok((what, Box::new(io::Cursor::new(head).chain(source))))
    }
}

/// Says that keys open nothing here.
fn no_use_of_keys(arguments: &TraceArgs, name: &str) {
    if !arguments.keys.is_empty() {
        terminal::say(format_args!(
            "wharf: --keys is of no use for {name}, which is no capture: what went under TLS is told in it as it was said"
        ));
    }
}

/// The beginning of a capture.
fn capture(source: Box<dyn Read + Send>, name: &str) -> anyhow::Result<Capture<'static>> {
    match Capture::of(source) {
        Ok(capture) => Ok(capture),
        Err(Error::Io(error)) => Err(error).with_context(|| format!("cannot read {name}")),
        Err(error) => Err(Usage(format!("{name}: {error}")).into()),
    }
}

/// Why an interface could not be opened, and what to do.
fn refused(name: &str, error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied => anyhow::Error::new(error).context(format!(
            "may not capture on {name}: run it as root (it does not stay root), or give the right to the program once with \
             `sudo setcap cap_net_raw+ep \"$(command -v wharf)\"`"
        )),
        io::ErrorKind::NotFound | io::ErrorKind::Unsupported => {
            Usage(format!("{name}: {error}")).into()
        }
        _ => anyhow::Error::new(error).context(format!("cannot capture on {name}")),
    }
}

/// A file that grows, until somebody says that it is enough.
struct Growing {
    file: File,
    stops: Told,
    /// More is waited for; else it is said that there is none just now.
    waits: Arc<AtomicBool>,
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.file.read(buffer)?;
            if count > 0 || buffer.is_empty() || self.stops.is_told() {
                return Ok(count);
            }
            std::thread::sleep(LOOK);
            if !self.waits.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
    }
}

/// The secrets that a pcapng file brings, wherever they stand: some programs write them behind the handshakes that they
/// are of. What is wrong with the file is told when it is read for good.
fn keys_ahead(path: &Path) -> Keys {
    let mut head = [0; 4];
    let is_it = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    let file = is_it.ok().filter(|()| head == PCAPNG).and_then(|()| File::open(path).ok());
    let Some(mut capture) = file.and_then(|file| Capture::open(file.take(AHEAD)).ok()) else {
        return Keys::default();
    };
    while let Ok(Some(_)) = capture.next_frame() {}
    capture.keys().clone()
}

/// Learns the secrets of these key logs.
fn learn(keys: &Keys, files: &[PathBuf]) -> anyhow::Result<()> {
    for path in files {
        let name = path.display();
        let cannot = || format!("cannot read {name}");
        let mut lines = BufReader::new(File::open(path).with_context(cannot)?);
        let (mut line, mut learnt) = (Vec::new(), 0);
        while lines.by_ref().take(KEY_LINE).read_until(b'\n', &mut line).with_context(cannot)? > 0 {
            learnt += keys.learn(&line);
            line.clear();
        }
        if learnt == 0 {
            let why = format!("{name} holds no keys of TLS sessions as SSLKEYLOGFILE writes them");
            return Err(Usage(why).into());
        }
    }
    Ok(())
}
