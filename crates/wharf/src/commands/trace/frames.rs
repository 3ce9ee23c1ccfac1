//! The frames of the sessions that are asked for, taken out of their capture as they are: with passwords, contents and the
//! keys of their TLS. What their rows are, and what was found there, stands in comments.
//!
//! The capture is read twice, as it is known at its end only what there is to say of a frame and which keys are needed.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use wharf_ladder::capture::{Capture, Error};
use wharf_ladder::render::{Sheet, pcapng};
use wharf_ladder::tls::Keys;
use wharf_ladder::{Lang, Segment};
use wharf_proto::Moment;

use super::totals::Totals;
use super::{Group, Renderer};

/// Connections and comments that are remembered at most.
const MOST: usize = 1 << 20;

/// The file of them.
pub(super) struct Frames {
    path: PathBuf,
    keys: Keys,
    lang: Lang,
    origin: Option<Duration>,
    /// Connections, and from when to when they are those of a session.
    wanted: HashMap<[SocketAddr; 2], Vec<[Moment; 2]>>,
    /// What there is to say of frames.
    comments: HashMap<u64, String>,
    /// What their TLS sessions are known by in a key log.
    randoms: Vec<[u8; 32]>,
}

impl Frames {
    /// Those of a file, with what is known of keys when it has been read.
    pub(super) fn new(path: PathBuf, keys: Keys, lang: Lang) -> Self {
        let (wanted, comments, randoms) = (HashMap::new(), HashMap::new(), Vec::new());
        Self { path, keys, lang, origin: None, wanted, comments, randoms }
    }

    fn is_wanted(&self, segment: &Segment<'_>) -> bool {
        let times = self.wanted.get(&ordered(segment.from, segment.to));
        times
            .is_some_and(|times| times.iter().any(|[from, to]| (*from..=*to).contains(&segment.at)))
    }
}

impl Renderer for Frames {
    fn begins_at(&mut self, origin: Option<Duration>) {
        self.origin = origin;
    }

    fn group(&mut self, group: &Group<'_>, _out: &mut dyn Write) -> anyhow::Result<()> {
        for session in group.sessions {
            let Some((from, to)) = session.packets.summary().span() else { continue };
            for conn in session.packets.conns() {
                if let Some(ends) = conn.ends {
                    self.wanted
                        .entry(ordered(ends.client, ends.server))
                        .or_default()
                        .push([from, to]);
                }
                let hello = conn.tls.as_ref().and_then(|tls| tls.client.as_ref());
                self.randoms.extend(hello.map(|hello| hello.random));
            }
        }
        for scene in group.scenes() {
            let (lang, origin) = (self.lang, self.origin);
            let sheet = Sheet { scene, lang, packets: true, no_times: false, origin };
            for (frame, said) in pcapng::comments(&sheet) {
                let comment = self.comments.entry(frame).or_default();
                if !comment.is_empty() {
                    comment.push('\n');
                }
                comment.push_str(&said);
            }
        }
        if self.wanted.len().max(self.comments.len()) > MOST {
            bail!("these are too many sessions for one file: choose some by --session or --filter");
        }
        Ok(())
    }

    fn end(&mut self, _totals: &Totals, out: &mut dyn Write) -> anyhow::Result<()> {
        let name = self.path.display();
        let cannot = || format!("cannot read {name}");
        out.write_all(&pcapng::begin_frames())?;
        let log = self.keys.log(&self.randoms);
        if !log.is_empty() {
            out.write_all(&pcapng::secrets(&log))?;
        }
        let file = File::open(&self.path).with_context(cannot)?;
        let mut capture = Capture::open(file).with_context(cannot)?;
        let origin = self.origin.unwrap_or_default();
        let mut links = Vec::new();
        loop {
            let frame = match capture.next_frame() {
                Ok(Some(frame)) => frame,
                // That it breaks off was told when it was read first.
                Ok(None) | Err(Error::Truncated { .. } | Error::Damaged { .. }) => return Ok(()),
                Err(error) => return Err(error).with_context(cannot),
            };
            let Some(link) = frame.link else { continue };
            if !Segment::of_frame(&frame).is_some_and(|segment| self.is_wanted(&segment)) {
                continue;
            }
            let interface = links.iter().position(|known| *known == link);
            let interface = match interface {
                Some(at) => at,
                None => {
                    out.write_all(&pcapng::interface_of(link))?;
                    links.push(link);
                    links.len() - 1
                }
            };
            let comment = self.comments.get(&frame.no).map_or("", String::as_str);
            out.write_all(&pcapng::captured(&frame, interface, origin, comment))?;
        }
    }
}

fn ordered(one: SocketAddr, other: SocketAddr) -> [SocketAddr; 2] {
    if one <= other { [one, other] } else { [other, one] }
}
