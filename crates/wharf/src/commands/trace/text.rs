//! Sessions as text: ladders one after the other.

use std::io::Write;
use std::net::SocketAddr;

use wharf_ladder::scene::Scene;
use wharf_ladder::sessions::Session;
use wharf_ladder::{Ends, Lang, Options, text, width};

use super::totals::Totals;
use super::{Group, Renderer};

/// Ladders, a title before each.
pub(super) struct Ladders {
    options: Options,
    stats: bool,
    is_first: bool,
}

impl Ladders {
    pub(super) fn new(options: Options, stats: bool) -> Self {
        Self { options, stats, is_first: true }
    }

    /// What a session came to, beneath its ladder.
    fn numbers(&self, session: &Session, out: &mut dyn Write) -> anyhow::Result<()> {
        if !self.stats {
            return Ok(());
        }
        let lines = session.statistics().lines(self.options.lang());
        lines.iter().try_for_each(|line| write(line, &self.options, out))
    }
}

/// A line beneath a ladder, which is no wider than that.
fn write(line: &str, options: &Options, out: &mut dyn Write) -> anyhow::Result<()> {
    for part in width::wrap(line, options.width(), options.ambiguous) {
        writeln!(out, "{part}")?;
    }
    Ok(())
}

/// The totals, where numbers are asked for.
pub(super) fn end(
    totals: &Totals,
    options: &Options,
    stats: bool,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if !stats {
        return Ok(());
    }
    totals.lines(options.lang()).iter().try_for_each(|line| write(line, options, out))
}

impl Renderer for Ladders {
    fn group(&mut self, group: &Group<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
        for scene in group.scenes() {
            if !std::mem::take(&mut self.is_first) {
                writeln!(out)?;
            }
            let drawn = text::scene(scene, &self.options);
            let lang = self.options.lang();
            match scene.is_joined() {
                true => {
                    write(&joint_title(scene, lang), &self.options, out)?;
                    write!(out, "{drawn}")?;
                    for session in group.of(scene) {
                        let no = session.no;
                        let words = lang.of("Session", "セッション");
                        let line = format!("{words} {no}: {}", ending(session, &self.options));
                        write(&line, &self.options, out)?;
                        self.numbers(session, out)?;
                    }
                }
                false => {
                    for session in group.of(scene) {
                        write(&title(session, lang), &self.options, out)?;
                        write!(out, "{drawn}")?;
                        write(&ending(session, &self.options), &self.options, out)?;
                        self.numbers(session, out)?;
                    }
                }
            }
            write!(out, "{}", text::verdicts(&scene.findings, &self.options))?;
        }
        Ok(())
    }

    fn end(&mut self, totals: &Totals, out: &mut dyn Write) -> anyhow::Result<()> {
        if self.stats && !self.is_first {
            writeln!(out)?;
        }
        end(totals, &self.options, self.stats, out)
    }
}

/// `Sessions 1 and 2: third party 192.0.2.1, data between server A 192.0.2.5:21 and server B 192.0.2.6:21`.
fn joint_title(scene: &Scene, lang: Lang) -> String {
    let numbers: Vec<String> = scene.sessions.iter().map(u64::to_string).collect();
    let numbers = numbers.join(lang.of(" and ", "・"));
    let title = |at: usize| scene.lifelines.get(at).map_or_else(String::new, |of| of.title(lang));
    let (a, third, b) = (title(0), title(1), title(2));
    match lang {
        Lang::En => format!("Sessions {numbers}: {third}, data between {a} and {b}"),
        Lang::Ja => format!("セッション {numbers}：{third}、データは{a} と{b} の間を流れる"),
    }
}

/// `Session 3, 192.0.2.10:1180 to 203.0.113.5:21`.
pub(super) fn title(session: &Session, lang: Lang) -> String {
    let ends = session.packets.ends();
    let named = |end: fn(Ends) -> SocketAddr| ends.map(end).and_then(Ends::named);
    let no = session.no;
    let mut title = match (lang, named(|ends| ends.client), named(|ends| ends.server)) {
        (Lang::En, Some(client), Some(server)) => format!("Session {no}, {client} to {server}"),
        (Lang::Ja, Some(client), Some(server)) => {
            format!("セッション {no}、{client} から {server}")
        }
        (Lang::En, Some(client), None) => format!("Session {no}, from {client}"),
        (Lang::Ja, Some(client), None) => format!("セッション {no}、{client} から"),
        (Lang::En, None, Some(server)) => format!("Session {no}, to {server}"),
        (Lang::Ja, None, Some(server)) => format!("セッション {no}、{server} へ"),
        (Lang::En, None, None) => format!("Session {no}"),
        (Lang::Ja, None, None) => format!("セッション {no}"),
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
pub(super) fn ending(session: &Session, options: &Options) -> String {
    let lang = options.lang();
    let mut line = session.packets.summary().line(lang, !options.no_times);
    let missing = session.packets.missing();
    if missing > 0 {
        line += &match lang {
            Lang::En => format!("; {missing} B not captured"),
            Lang::Ja => format!("、{missing} バイトはキャプチャーされていない"),
        };
    }
    if session.packets.summary().is_sealed {
        line += match session.packets.has_keys() {
            true => lang.of(
                "; under TLS, and none of the keys is its",
                "、TLS で保護され、その鍵が与えられていない",
            ),
            false => lang.of(
                "; under TLS, not read without its keys (--keys)",
                "、TLS で保護されている（鍵は --keys で与える）",
            ),
        };
    }
    if session.is_cut {
        line +=
            lang.of("; cut here, too many are open", "、同時に開いた数が多いため、ここで打ち切り");
    }
    line
}
