//! Sessions in the forms that other programs read, one behind the other in one file.

use std::io::Write;
use std::time::Duration;

use anyhow::bail;
use wharf_ladder::render::{Sheet, html, json, mermaid, pcapng, svg};
use wharf_ladder::{Options, text};

use super::totals::Totals;
use super::{Group, Renderer};
use crate::args::trace::Format;

/// A picture of more bytes than that no viewer opens.
const LARGEST: usize = 64 << 20;

/// A file of one form.
pub(super) struct Forms {
    form: Format,
    options: Options,
    origin: Option<Duration>,
    is_begun: bool,
    album: svg::Album,
    diagram: mermaid::Diagram,
}

impl Forms {
    pub(super) fn new(form: Format, options: Options) -> Self {
        let (album, diagram) = (svg::Album::default(), mermaid::Diagram::default());
        Self { form, options, origin: None, is_begun: false, album, diagram }
    }

    /// What stands before the first session.
    fn begin(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.is_begun, true) {
            return Ok(());
        }
        match self.form {
            Format::Html => out.write_all(html::begin(self.options.lang).as_bytes())?,
            Format::Pcapng => out.write_all(&pcapng::begin())?,
            Format::Text | Format::Svg | Format::Json | Format::Mermaid => {}
        }
        Ok(())
    }
}

impl Renderer for Forms {
    fn begins_at(&mut self, origin: Option<Duration>) {
        self.origin = origin;
    }

    fn group(&mut self, group: &Group<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
        self.begin(out)?;
        for scene in group.scenes() {
            let sheet = Sheet {
                scene,
                lang: self.options.lang,
                packets: self.options.packets,
                no_times: self.options.no_times,
                origin: self.origin,
            };
            let text = match self.form {
                // How large the one picture of them all is stands at its beginning.
                Format::Svg => {
                    self.album.add(&sheet);
                    if self.album.size() > LARGEST {
                        bail!(
                            "one picture cannot hold them all: choose some by --session or --filter"
                        );
                    }
                    continue;
                }
                Format::Html => html::session(&sheet),
                Format::Json => {
                    out.write_all(json::render(&sheet).as_bytes())?;
                    for session in group.of(scene) {
                        out.write_all(json::statistics(session, self.options.no_times).as_bytes())?;
                    }
                    continue;
                }
                // A text holds one diagram.
                Format::Mermaid => {
                    self.diagram.add(&sheet);
                    continue;
                }
                Format::Pcapng => {
                    out.write_all(&pcapng::session(&sheet))?;
                    continue;
                }
                Format::Text => text::scene(scene, &self.options),
            };
            out.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    fn end(&mut self, totals: &Totals, out: &mut dyn Write) -> anyhow::Result<()> {
        self.begin(out)?;
        match self.form {
            Format::Html => out.write_all(html::end().as_bytes())?,
            Format::Svg => out.write_all(std::mem::take(&mut self.album).finish().as_bytes())?,
            Format::Json => writeln!(out, "{}", totals.json())?,
            Format::Mermaid => {
                out.write_all(std::mem::take(&mut self.diagram).finish().as_bytes())?;
            }
            Format::Text | Format::Pcapng => {}
        }
        Ok(())
    }
}
