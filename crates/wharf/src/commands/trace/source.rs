//! Where `wharf trace` has its packets from: a capture file, a pipe, a file that still grows, or an interface.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use wharf_ladder::Segment;
use wharf_ladder::capture::{Capture, Error};
use wharf_ladder::live::Interface;
use wharf_ladder::render::pcapng;
use wharf_ladder::sessions::Sessions;
use wharf_ladder::tls::Keys;
use wharf_proto::Moment;

use crate::args::trace::TraceArgs;
use crate::confine::confine_capture;
use crate::exit::Usage;
use crate::terminal;

/// How often it is looked whether a file has grown.
const LOOK: Duration = Duration::from_millis(100);

/// The longest line of a key log that is read as one.
const KEY_LINE: u64 = 4096;

/// A source of packets.
pub(super) struct Source {
    name: String,
    kind: Kind,
    keys: Keys,
    stop: Option<Arc<AtomicBool>>,
}

enum Kind {
    File(Capture<'static>),
    Live(Box<Live>),
}

/// An interface, and the file that its frames are kept in.
struct Live {
    interface: Interface,
    file: Option<File>,
    frames: u64,
    /// Frames of a kind that is not read.
    unread: u64,
}

/// What came of asking for the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A frame, whether it held a segment or not.
    Frame,
    /// Nothing, up to this moment.
    Idle(Moment),
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
            let mut file = File::create(path).with_context(cannot)?;
            file.write_all(&pcapng::begin_capture()).with_context(cannot)?;
            anyhow::Ok(file)
        });
        let file = file.transpose()?;
        confine_capture().context("cannot give up what only opening the capture needed")?;
        let stop = Some(crate::interrupt::told_to_end()?);
        if !arguments.is_on_screen() {
            terminal::say(format_args!("wharf: capturing on {name}; Ctrl-C ends"));
        }
        let live = Box::new(Live { interface, file, frames: 0, unread: 0 });
        Ok(Self { name: name.to_owned(), kind: Kind::Live(live), keys, stop })
    }

    fn of_file(arguments: &TraceArgs) -> anyhow::Result<Self> {
        let path = arguments.file.as_deref().unwrap_or_else(|| Path::new("-"));
        let is_pipe = path == Path::new("-");
        let name = if is_pipe { "standard input".into() } else { path.to_string_lossy() };
        let mut stop = None;
        let source: Box<dyn Read + Send> = if is_pipe {
            Box::new(io::stdin())
        } else {
            let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
            match arguments.follow {
                false => Box::new(file),
                true => {
                    let stops = Arc::clone(stop.insert(crate::interrupt::told_to_end()?));
                    Box::new(Growing { file, stops })
                }
            }
        };
        let capture = match Capture::open(source) {
            Err(Error::NotACapture(_)) => {
                return Err(Usage(format!("{name} is neither pcap nor pcapng, nor a tap")).into());
            }
            Err(Error::Io(error)) => {
                return Err(error).with_context(|| format!("cannot read {name}"));
            }
            Err(error) => return Err(Usage(format!("{name}: {error}")).into()),
            Ok(capture) => capture,
        };
        learn(capture.keys(), &arguments.keys)?;
        let keys = capture.keys().clone();
        Ok(Self { name: name.into_owned(), kind: Kind::File(capture), keys, stop })
    }

    /// What finds its sessions, knowing its keys.
    pub(super) fn sessions(&self, arguments: &TraceArgs) -> Sessions {
        Sessions::new(&arguments.ports).with_keys(self.keys.clone())
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// When its first frame was captured.
    pub(super) fn origin(&self) -> Option<Duration> {
        match &self.kind {
            Kind::File(capture) => capture.origin(),
            Kind::Live(live) => Some(live.interface.origin()),
        }
    }

    /// How many frames have come.
    pub(super) fn frames(&self) -> u64 {
        match &self.kind {
            Kind::File(capture) => capture.frames(),
            Kind::Live(live) => live.frames,
        }
    }

    /// What there is to say of frames that were not read.
    pub(super) fn unread(&self) -> Option<String> {
        match &self.kind {
            Kind::File(capture) => {
                let (link, frames) = capture.unread()?;
                Some(format!("{frames} frames of link type {link} were not read"))
            }
            Kind::Live(live) => (live.unread > 0).then(|| {
                format!("{} frames of other kinds of interfaces were not read", live.unread)
            }),
        }
    }

    /// The next frame: its segment, if it holds one, is taken.
    pub(super) fn next(&mut self, take: impl FnOnce(&Segment<'_>)) -> Result<Next, Error> {
        let is_told = || self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed));
        match &mut self.kind {
            Kind::File(capture) => match capture.next_frame() {
                Ok(Some(frame)) => {
                    if let Some(segment) = Segment::of_frame(&frame) {
                        take(&segment);
                    }
                    Ok(Next::Frame)
                }
                Ok(None) => Ok(Next::End),
                // Who follows a file and stops does so in the midst of it.
                Err(_) if is_told() => Ok(Next::End),
                Err(error) => Err(error),
            },
            Kind::Live(_) if is_told() => Ok(Next::End),
            Kind::Live(live) => live.next(take).map_err(Error::Io),
        }
    }
}

impl Live {
    fn next(&mut self, take: impl FnOnce(&Segment<'_>)) -> io::Result<Next> {
        let origin = self.interface.origin();
        let now = Moment::after(self.interface.elapsed());
        let Some(frame) = self.interface.next_frame(LOOK)? else { return Ok(Next::Idle(now)) };
        self.frames += 1;
        self.unread += u64::from(frame.link.is_none());
        if let Some(file) = &mut self.file {
            file.write_all(&pcapng::frame(&frame, origin))?;
        }
        if let Some(segment) = Segment::of_frame(&frame) {
            take(&segment);
        }
        Ok(Next::Frame)
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

/// A file that is waited for at its end, until somebody says that it is enough.
pub(super) struct Growing {
    file: File,
    stops: Arc<AtomicBool>,
}

impl Growing {
    /// Waits for more of this file until Ctrl-C.
    pub(super) fn new(file: File) -> anyhow::Result<Self> {
        Ok(Self { file, stops: crate::interrupt::told_to_end()? })
    }
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.file.read(buffer)?;
            if count > 0 || buffer.is_empty() || self.stops.load(Ordering::Relaxed) {
                return Ok(count);
            }
            std::thread::sleep(LOOK);
        }
    }
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
