//! Sessions as text: ladders one after the other, or a line a session.

use std::io::Write;

use wharf_ladder::findings::with_ghosts;
use wharf_ladder::sessions::Session;
use wharf_ladder::{Lang, Options, text};

use super::Renderer;

/// Ladders, a title before each.
pub(super) struct Ladders {
    options: Options,
    is_first: bool,
}

impl Ladders {
    pub(super) fn new(options: Options) -> Self {
        Self { options, is_first: true }
    }
}

impl Renderer for Ladders {
    fn group(&mut self, group: &[Session], out: &mut dyn Write) -> anyhow::Result<()> {
        for session in group {
            if !std::mem::take(&mut self.is_first) {
                writeln!(out)?;
            }
            writeln!(out, "{}", title(session, self.options.lang()))?;
            let findings = session.findings();
            let packets = &session.packets;
            let drawn = match findings.is_empty() {
                true => packets.render_text(&self.options),
                false => {
                    let rows = with_ghosts(packets.rows(), &findings);
                    text::render(&rows, packets.ends(), &self.options)
                }
            };
            write!(out, "{drawn}")?;
            writeln!(out, "{}", ending(session, &self.options))?;
            write!(out, "{}", text::verdicts(&findings, &self.options))?;
        }
        Ok(())
    }
}

/// One line a session.
pub(super) struct List {
    options: Options,
}

impl List {
    pub(super) fn new(options: Options) -> Self {
        Self { options }
    }
}

impl Renderer for List {
    fn group(&mut self, group: &[Session], out: &mut dyn Write) -> anyhow::Result<()> {
        for session in group {
            let lang = self.options.lang();
            let found: Vec<&str> = session.findings().iter().map(|found| found.rule.id).collect();
            let found =
                if found.is_empty() { String::new() } else { format!(" [{}]", found.join(" ")) };
            writeln!(out, "{}: {}{found}", title(session, lang), ending(session, &self.options))?;
        }
        Ok(())
    }
}

/// `Session 3, 192.0.2.10:1180 to 203.0.113.5:21`.
fn title(session: &Session, lang: Lang) -> String {
    let ends = session.packets.ends().map(|ends| (ends.client, ends.server));
    let no = session.no;
    let mut title = match (lang, ends) {
        (Lang::En, Some((client, server))) => format!("Session {no}, {client} to {server}"),
        (Lang::Ja, Some((client, server))) => format!("セッション {no}、{client} から {server}"),
        (Lang::En, None) => format!("Session {no}"),
        (Lang::Ja, None) => format!("セッション {no}"),
    };
    if !session.partners.is_empty() {
        let partners: Vec<String> = session.partners.iter().map(u64::to_string).collect();
        let partners = partners.join(", ");
        title += &match lang {
            Lang::En => format!(", whose data goes to or from the server of session {partners}"),
            Lang::Ja => format!("、データはセッション {partners} のサーバーとの間を流れる"),
        };
    }
    title
}

/// What it came to.
fn ending(session: &Session, options: &Options) -> String {
    let lang = options.lang();
    let mut line = session.packets.summary().line(lang, !options.no_times);
    let missing = session.packets.missing();
    if missing > 0 {
        line += &match lang {
            Lang::En => format!("; {missing} B not captured"),
            Lang::Ja => format!("、{missing} バイトは捕捉されていない"),
        };
    }
    if session.is_cut {
        line +=
            lang.of("; cut here, too many are open", "、同時に開いた数が多いため、ここで打ち切り");
    }
    line
}
