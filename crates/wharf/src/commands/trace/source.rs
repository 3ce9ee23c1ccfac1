//! Where `wharf trace` has its packets from: a capture file, a pipe, or a file that still grows.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use wharf_ladder::Segment;
use wharf_ladder::capture::{Capture, Error};
use wharf_ladder::sessions::Sessions;
use wharf_ladder::tls::Keys;

use crate::args::trace::TraceArgs;
use crate::exit::Usage;

/// How often it is looked whether a file has grown.
const LOOK: Duration = Duration::from_millis(100);

/// The longest line of a key log that is read as one.
const KEY_LINE: u64 = 4096;

/// A source of packets.
pub(super) struct Source {
    name: String,
    capture: Capture<'static>,
    stop: Option<Arc<AtomicBool>>,
}

/// What came of asking for the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A frame, whether it held a segment or not.
    Frame,
    /// There is no more.
    End,
}

impl Source {
    /// Opens what the command line names.
    pub(super) fn open(arguments: &TraceArgs) -> anyhow::Result<Self> {
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
                return Err(Usage(format!("{name} is neither pcap nor pcapng")).into());
            }
            Err(Error::Io(error)) => {
                return Err(error).with_context(|| format!("cannot read {name}"));
            }
            Err(error) => return Err(Usage(format!("{name}: {error}")).into()),
            Ok(capture) => capture,
        };
        learn(capture.keys(), &arguments.keys)?;
        Ok(Self { name: name.into_owned(), capture, stop })
    }

    /// What finds its sessions, knowing its keys.
    pub(super) fn sessions(&self, arguments: &TraceArgs) -> Sessions {
        Sessions::new(&arguments.ports).with_keys(self.capture.keys().clone())
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// When its first frame was captured.
    pub(super) fn origin(&self) -> Option<Duration> {
        self.capture.origin()
    }

    /// The capture itself.
    pub(super) fn capture(&self) -> &Capture<'static> {
        &self.capture
    }

    /// The next frame: its segment, if it holds one, is taken.
    pub(super) fn next(&mut self, take: impl FnOnce(&Segment<'_>)) -> Result<Next, Error> {
        match self.capture.next_frame() {
            Ok(Some(frame)) => {
                if let Some(segment) = Segment::of_frame(&frame) {
                    take(&segment);
                }
                Ok(Next::Frame)
            }
            Ok(None) => Ok(Next::End),
            // Who follows a file and stops does so in the midst of it.
            Err(_) if self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed)) => {
                Ok(Next::End)
            }
            Err(error) => Err(error),
        }
    }
}

/// A file that is waited for at its end, until somebody says that it is enough.
struct Growing {
    file: File,
    stops: Arc<AtomicBool>,
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
