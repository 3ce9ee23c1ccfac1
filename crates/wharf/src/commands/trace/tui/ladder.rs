//! One session: its ladder, the row that is looked at, and what there is to tell of that row.

use std::sync::Arc;

use ratatui::crossterm::event::KeyCode;
use wharf_ladder::scene::Step;
use wharf_ladder::text::{self, Drawing};
use wharf_ladder::{Channel, Ends, Lang, Options, Packet, Provenance, Row, Scene, note};
use wharf_proto::Moment;

use super::app::moved;

/// A ladder that is looked at.
pub(super) struct Ladder {
    pub(super) no: u64,
    pub(super) scene: Arc<Scene>,
    /// The row that is chosen, among those shown, and the one at the top of the screen.
    pub(super) cursor: usize,
    pub(super) top: usize,
    pub(super) page: usize,
    /// Only rows in which this stands.
    pub(super) find: String,
    packets: bool,
    notes: bool,
    no_times: bool,
    drawn: Option<(Options, Drawing)>,
}

impl Ladder {
    /// A session, shown at first as these options say.
    pub(super) fn new(no: u64, scene: Arc<Scene>, options: &Options) -> Self {
        let find = String::new();
        let (cursor, top, page) = (0, 0, 1);
        let Options { packets, notes, no_times, .. } = *options;
        let mut ladder =
            Self { no, scene, cursor, top, page, find, packets, notes, no_times, drawn: None };
        // What went wrong is what one wants to see first.
        ladder.next_finding(true);
        ladder
    }

    /// The session has gone on.
    pub(super) fn replace(&mut self, scene: Arc<Scene>, follows: bool) {
        self.scene = scene;
        self.drawn = None;
        if follows {
            self.cursor = usize::MAX;
        }
    }

    /// Draws the ladder with these options, where that has not been done, and has the chosen row on a screen of so many
    /// lines.
    pub(super) fn fit(&mut self, options: &Options, lines: usize) {
        self.prepare(options);
        let head = self.drawing().map_or(0, |drawing| drawing.head.len());
        self.page = lines.saturating_sub(head).max(1);
        self.top = self.top.min(self.cursor).max(self.least_top());
    }

    fn prepare(&mut self, options: &Options) {
        // Beside the rows or not at all: below them is where the chosen row is told of.
        let notes = self.notes && options.width >= 120;
        let (packets, no_times) = (self.packets, self.no_times);
        let options = Options { packets, notes, no_times, colour: false, ..*options };
        if self.drawn.as_ref().is_none_or(|(of, _)| *of != options) {
            let mut drawing = text::draw(&self.scene, &options);
            let wanted = self.find.to_lowercase();
            drawing.rows.retain(|(place, _)| {
                let step = self.scene.steps.get(*place);
                let said = step.map(|step| step.row.label.to_string().to_lowercase());
                wanted.is_empty() || said.is_some_and(|said| said.contains(&wanted))
            });
            self.drawn = Some((options, drawing));
        }
        let rows = self.drawn.as_ref().map_or(0, |(_, drawing)| drawing.rows.len());
        self.cursor = self.cursor.min(rows.saturating_sub(1));
    }

    /// The lines of the screen, once they are prepared.
    pub(super) fn drawing(&self) -> Option<&Drawing> {
        self.drawn.as_ref().map(|(_, drawing)| drawing)
    }

    /// The first row that can stand at the top with the chosen one still on the page.
    fn least_top(&self) -> usize {
        let Some(drawing) = self.drawing() else { return 0 };
        let mut room = self.page;
        let above = drawing.rows.get(..=self.cursor).unwrap_or_default().iter().rev();
        let fit = above.take_while(|(_, lines)| {
            let is_room = lines.len() <= room;
            room = room.saturating_sub(lines.len());
            is_room
        });
        (self.cursor + 1).saturating_sub(fit.count()).min(self.cursor)
    }

    fn rows(&self) -> usize {
        match &self.drawn {
            Some((_, drawing)) => drawing.rows.len(),
            None => self.scene.steps.len(),
        }
    }

    /// A key; says whether it went somewhere.
    pub(super) fn handle(&mut self, code: KeyCode) -> bool {
        if let Some(cursor) = moved(code, self.cursor, self.rows().saturating_sub(1), self.page) {
            self.cursor = cursor;
            return true;
        }
        let chosen = self.step().map(|step| step.row.no);
        match code {
            KeyCode::Char('p') => self.packets = !self.packets,
            KeyCode::Char('o') => self.notes = !self.notes,
            KeyCode::Char('t') => self.no_times = !self.no_times,
            KeyCode::Char('n') => {
                self.next_finding(true);
                return true;
            }
            KeyCode::Char('N') => {
                self.next_finding(false);
                return true;
            }
            _ => return false,
        }
        let options = self.drawn.take().map(|(options, _)| options);
        if let (Some(no), Some(options)) = (chosen, options) {
            self.prepare(&options);
            self.go_to(no);
        }
        false
    }

    /// Shows only rows in which this stands.
    pub(super) fn search(&mut self, text: &str) {
        text.clone_into(&mut self.find);
        (self.cursor, self.top, self.drawn) = (0, 0, None);
    }

    /// Goes to the row of that number, or to the next one that is shown.
    fn go_to(&mut self, no: u32) {
        let rows = self.drawn.as_ref().map(|(_, drawing)| &drawing.rows);
        let of = |place: &usize| self.scene.steps.get(*place).map_or(0, |step| step.row.no);
        let place = match rows {
            Some(rows) => rows.iter().position(|(place, _)| of(place) >= no),
            // Nothing was drawn yet: bare ACKs will be folded.
            None => {
                let shown = self.scene.steps.iter().filter(|step| !step.row.is_bare_ack());
                shown.map(|step| step.row.no).position(|found| found >= no)
            }
        };
        self.cursor = place.unwrap_or(self.cursor);
    }

    /// Goes to the first row of the next finding, or of the one before.
    fn next_finding(&mut self, forwards: bool) {
        let mut firsts: Vec<u32> = self
            .scene
            .findings
            .iter()
            .filter_map(|finding| finding.rows.first().copied())
            .collect();
        firsts.sort_unstable();
        let is_drawn = self.drawn.is_some();
        let here = self.step().filter(|_| is_drawn).map_or(0, |step| step.row.no);
        let next = match forwards {
            true => firsts.iter().find(|row| **row > here).or_else(|| firsts.first()),
            false => firsts.iter().rev().find(|row| **row < here).or_else(|| firsts.last()),
        };
        if let Some(row) = next.copied() {
            self.go_to(row);
        }
    }

    /// The step that is chosen.
    pub(super) fn step(&self) -> Option<&Step> {
        let (_, drawing) = self.drawn.as_ref()?;
        self.scene.steps.get(drawing.rows.get(self.cursor)?.0)
    }

    /// All that is known of the chosen row, line by line, and what was found there.
    pub(super) fn detail(&self, lang: Lang) -> Vec<String> {
        let Some(step) = self.step() else { return Vec::new() };
        let mut lines = facts(&self.scene, step, lang);
        lines.extend(note::of_step(&self.scene, step, lang).map(|words| format!("    {words}")));
        for finding in &self.scene.findings {
            let is_here = finding.rows.contains(&step.row.no)
                || finding.ghost.as_ref().is_some_and(|ghost| {
                    step.row.no == 0 && step.row.label.to_string() == ghost.label
                });
            if !is_here {
                continue;
            }
            let rows: Vec<String> = finding.rows.iter().map(u32::to_string).collect();
            lines.push(format!(
                "! {}  {} ({}, {}, {}; {} {})",
                finding.rule.id,
                finding.cause(lang),
                finding.severity.words(lang),
                finding.confidence.words(lang),
                finding.rule.side.words(lang),
                lang.of("rows", "行"),
                rows.join(", "),
            ));
            lines.push(format!("  → {}", finding.advice(lang)));
        }
        lines
    }
}

/// The facts of a row.
fn facts(scene: &Scene, step: &Step, lang: Lang) -> Vec<String> {
    let row = &step.row;
    let name = |at: usize| scene.name(at, lang);
    let at = |end: usize| match step.ends {
        Some(ends) => ends.get(end).copied().and_then(Ends::named),
        None => None,
    };
    let at = |end: usize| at(end).map_or_else(String::new, |end| format!(" {end}"));
    let mut first = match row.no {
        0 => String::new(),
        no => format!("{} {no}", lang.of("row", "行")),
    };
    if let Some(moment) = row.at {
        first +=
            &format!(", {:.6} {}", moment.since(Moment::START).as_secs_f64(), lang.of("s", "秒"));
    }
    first += &format!(": {}{} → {}{}", name(step.from), at(0), name(step.to), at(1));
    let mut second = vec![connection(row, lang), provenance(row.provenance, lang).to_owned()];
    if let Some(wire) = row.wire {
        let flags = wire.flags;
        let set = [
            (flags.syn, "SYN"),
            (flags.fin, "FIN"),
            (flags.rst, "RST"),
            (flags.psh, "PSH"),
            (flags.urg, "URG"),
            (flags.ack, "ACK"),
        ];
        second.push(
            set.iter()
                .filter(|(is_set, _)| *is_set)
                .map(|(_, name)| *name)
                .collect::<Vec<_>>()
                .join(" "),
        );
        if wire.segments > 1 {
            second.push(format!("{} {}", wire.segments, lang.of("segments", "セグメント")));
        }
    }
    if let Some(names) = row.names {
        second.push(format!("{} {names}", lang.of("names", "伝える場所")));
    }
    if let Packet::Data { bytes, .. } = row.packet {
        second.push(format!("{bytes} B"));
    }
    vec![first, format!("    {}", second.join(lang.of(", ", "、"))), format!("    {}", row.label)]
}

fn connection(row: &Row, lang: Lang) -> String {
    match row.channel {
        Channel::Control => lang.of("control connection", "制御コネクション").to_owned(),
        Channel::Data(no) => format!("{} {no}", lang.of("data connection", "データコネクション")),
    }
}

fn provenance(provenance: Provenance, lang: Lang) -> &'static str {
    match provenance {
        Provenance::Seen => lang.of("seen", "実測"),
        Provenance::Inferred => lang.of("inferred", "推定"),
        Provenance::Synthesised => lang.of("drawn for completeness", "補完"),
        Provenance::Absent => lang.of("did not come", "来なかった"),
    }
}
