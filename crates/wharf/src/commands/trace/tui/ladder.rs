//! One session: its ladder, the row that is looked at, and what else is shown of it.

use std::sync::Arc;

use ratatui::crossterm::event::KeyCode;
use wharf_ladder::scene::Step;
use wharf_ladder::text::{self, Drawing};
use wharf_ladder::width::{Ambiguous, columns};
use wharf_ladder::{Lang, Options, Row, Scene};
use wharf_proto::Moment;

use super::super::filter::Filter;
use super::app::moved;
use super::fit;
use super::pane::{self, Shape};

/// Columns that a key scrolls sideways.
const SIDEWAYS: usize = 16;
/// Columns of a ladder beside the words on its arrows.
const BESIDE: usize = 48;
/// The widest ladder that is drawn to be scrolled.
const WIDEST: usize = 200;
/// From these widths on there is room for 16 and for 8 bytes a line.
const SIXTEEN: usize = 80;
const EIGHT: usize = 48;

/// What fills the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Panel {
    /// The rows, and below them what is known of the chosen one.
    Rows,
    /// That alone.
    Detail,
    /// The chosen row beside the marked one.
    Compared,
    /// The numbers of the session.
    Numbers,
}

/// What a key came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Another row is chosen.
    Went,
    /// What is chosen stays.
    Stayed,
    /// The list is wanted again.
    Back,
    /// Every packet is wanted, and those of long runs were counted into one row.
    Unfold,
    /// There is no marked row to compare with.
    Unmarked,
}

/// A ladder that is looked at.
pub(super) struct Ladder {
    pub(super) no: u64,
    pub(super) scene: Arc<Scene>,
    /// What its transfers came to in numbers.
    pub(super) numbers: Vec<String>,
    /// The row that is chosen, among those shown, and the one at the top of the screen.
    pub(super) cursor: usize,
    pub(super) top: usize,
    pub(super) page: usize,
    /// Only rows that fit this, and what that means.
    pub(super) find: String,
    filter: Option<Filter>,
    packets: bool,
    notes: bool,
    no_times: bool,
    /// All lines of replies stand beneath their rows.
    whole: bool,
    pub(super) panel: Panel,
    /// Lines of the panel that have gone out at the top of the screen.
    pub(super) scroll: usize,
    /// The detail is headers and bytes.
    is_raw: bool,
    /// The row from which times count, and that others are compared with.
    marked: Option<u32>,
    /// How many lines more the detail has than usual.
    pub(super) taller: i16,
    /// Columns that have gone out at the left, where it is drawn wider than the screen.
    shift: Option<usize>,
    drawn: Option<(Options, Drawing)>,
}

impl Ladder {
    /// A session, shown at first as these options say.
    pub(super) fn new(no: u64, scene: Arc<Scene>, numbers: Vec<String>, options: &Options) -> Self {
        let find = String::new();
        let (cursor, top, page) = (0, 0, 1);
        let Options { packets, notes, no_times, whole, .. } = *options;
        let mut ladder = Self {
            no,
            scene,
            numbers,
            cursor,
            top,
            page,
            find,
            filter: None,
            packets,
            notes,
            no_times,
            whole,
            panel: Panel::Rows,
            scroll: 0,
            is_raw: false,
            marked: None,
            taller: 0,
            shift: None,
            drawn: None,
        };
        // What went wrong is what one wants to see first.
        ladder.next_finding(true);
        ladder
    }

    /// The same rows with those of each packet among them.
    pub(super) fn unfold(&mut self, scene: Arc<Scene>) {
        let chosen = self.step().and_then(|step| step.row.at);
        let marked = self.marked_step().and_then(|step| step.row.at);
        let number = |at: Moment| {
            let mut rows = scene.steps.iter().map(|step| &step.row);
            rows.find(|row| row.at >= Some(at)).map(|row| row.no)
        };
        self.marked = marked.and_then(number);
        let chosen = chosen.and_then(number);
        self.scene = scene;
        self.redraw(chosen);
    }

    /// The session has gone on.
    pub(super) fn replace(&mut self, scene: Arc<Scene>, numbers: Vec<String>, follows: bool) {
        (self.scene, self.numbers) = (scene, numbers);
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
        let (packets, no_times, whole) = (self.packets, self.no_times, self.whole);
        let since = self.marked_step().and_then(|step| step.row.at);
        let width = if self.shift.is_some() { self.wanted(options) } else { options.width };
        let options =
            Options { width, packets, notes, no_times, whole, since, colour: false, ..*options };
        if self.drawn.as_ref().is_none_or(|(of, _)| *of != options) {
            let mut drawing = text::draw(&self.scene, &options);
            if let Some(filter) = &self.filter {
                drawing.rows.retain(|(place, _)| fit::is_wanted(filter, &self.scene, *place));
            }
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

    /// A key.
    pub(super) fn handle(&mut self, code: KeyCode) -> Outcome {
        if self.panel != Panel::Rows {
            return self.in_panel(code);
        }
        if let Some(cursor) = moved(code, self.cursor, self.rows().saturating_sub(1), self.page) {
            self.cursor = cursor;
            return Outcome::Went;
        }
        match code {
            KeyCode::Char('q') | KeyCode::Esc | KeyCode::Backspace => return Outcome::Back,
            KeyCode::Left if self.shift.is_none() => return Outcome::Back,
            KeyCode::Left => self.sideways(|shift| shift.checked_sub(SIDEWAYS)),
            KeyCode::Right => self.sideways(|shift| Some(shift + SIDEWAYS)),
            KeyCode::Enter => self.show(Panel::Detail),
            KeyCode::Char('+') => self.taller = self.taller.saturating_add(1),
            KeyCode::Char('-') => self.taller = self.taller.saturating_sub(1),
            code => return self.anywhere(code),
        }
        Outcome::Stayed
    }

    /// A key while something else fills the screen.
    fn in_panel(&mut self, code: KeyCode) -> Outcome {
        if let Some(scroll) = moved(code, self.scroll, usize::MAX, self.page) {
            self.scroll = scroll;
            return Outcome::Stayed;
        }
        let last = self.rows().saturating_sub(1);
        match code {
            KeyCode::Char('q') | KeyCode::Esc | KeyCode::Backspace | KeyCode::Enter => {
                self.show(Panel::Rows);
                return Outcome::Stayed;
            }
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(last),
            code => return self.anywhere(code),
        }
        self.scroll = 0;
        Outcome::Went
    }

    /// A key that means the same whatever fills the screen.
    fn anywhere(&mut self, code: KeyCode) -> Outcome {
        let chosen = self.step().map(|step| step.row.no);
        match code {
            KeyCode::Char('n' | 'N') => {
                self.next_finding(code == KeyCode::Char('n'));
                return Outcome::Went;
            }
            KeyCode::Char('x') => {
                (self.is_raw, self.scroll) = (!self.is_raw, 0);
                return Outcome::Stayed;
            }
            KeyCode::Char('i') => self.show(Panel::Numbers),
            KeyCode::Char('d') if self.marked_step().is_none() => return Outcome::Unmarked,
            KeyCode::Char('d') => self.show(Panel::Compared),
            KeyCode::Char('m') => {
                let chosen = chosen.filter(|no| *no > 0);
                self.marked = if self.marked == chosen { None } else { chosen };
            }
            KeyCode::Char('w') => self.whole = !self.whole,
            KeyCode::Char('o') => self.notes = !self.notes,
            KeyCode::Char('t') => self.no_times = !self.no_times,
            KeyCode::Char('p') => {
                self.packets = !self.packets;
                self.redraw(chosen);
                let folded = |row: &Row| row.wire.is_some_and(|wire| wire.segments > 1);
                let is_folded = self.scene.steps.iter().any(|step| folded(&step.row));
                return if self.packets && is_folded { Outcome::Unfold } else { Outcome::Stayed };
            }
            _ => return Outcome::Stayed,
        }
        self.redraw(chosen);
        Outcome::Stayed
    }

    /// Fills the screen with something.
    fn show(&mut self, panel: Panel) {
        (self.panel, self.scroll) = (panel, 0);
    }

    /// Scrolls sideways, where there is anything beyond the edge of the screen.
    fn sideways(&mut self, to: impl Fn(usize) -> Option<usize>) {
        let Some((options, _)) = &self.drawn else { return };
        self.shift = match self.shift {
            None => (self.wanted(options) > options.width).then_some(SIDEWAYS),
            Some(shift) => to(shift),
        };
    }

    /// The columns that have gone out at the left, on a screen of so many.
    pub(super) fn shifted(&mut self, room: usize) -> usize {
        let drawn = self.drawn.as_ref().map_or(0, |(options, _)| options.width);
        self.shift = self.shift.map(|shift| shift.min(drawn.saturating_sub(room)));
        self.shift.unwrap_or(0)
    }

    /// The width at which nothing of the longest row is cut, as far as it is drawn at all.
    fn wanted(&self, options: &Options) -> usize {
        let of = |step: &Step| columns(&step.row.words(options.lang()), options.ambiguous);
        let longest = self.scene.steps.iter().map(of).max().unwrap_or(0);
        let joined = if self.scene.is_joined() { 2 } else { 1 };
        let wanted =
            longest * joined + BESIDE * (1 + usize::from(options.ambiguous == Ambiguous::Two));
        wanted.min(WIDEST).max(options.width)
    }

    /// Draws it again, with the same row chosen.
    fn redraw(&mut self, chosen: Option<u32>) {
        let options = self.drawn.take().map(|(options, _)| options);
        if let (Some(no), Some(options)) = (chosen, options) {
            self.prepare(&options);
            self.go_to(no);
        }
    }

    /// Shows only the rows that fit; whether there are any.
    ///
    /// # Errors
    /// What is not understood.
    pub(super) fn search(&mut self, text: &str) -> Result<bool, String> {
        self.filter = if text.is_empty() { None } else { Some(text.parse()?) };
        text.clone_into(&mut self.find);
        (self.cursor, self.top, self.drawn) = (0, 0, None);
        let is_shown = |step: &Step| self.packets || !step.row.is_bare_ack();
        let fits = |place| {
            self.filter.as_ref().is_none_or(|filter| fit::is_wanted(filter, &self.scene, place))
        };
        let mut steps = self.scene.steps.iter().enumerate();
        Ok(steps.any(|(place, step)| is_shown(step) && fits(place)))
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

    /// Whether the chosen row proves a finding.
    pub(super) fn is_found(&self) -> bool {
        let step = self.step();
        step.is_some_and(|step| self.scene.findings.iter().any(|found| found.is_at(&step.row)))
    }

    /// The step that is marked.
    pub(super) fn marked_step(&self) -> Option<&Step> {
        let no = self.marked?;
        self.scene.steps.iter().find(|step| step.row.no == no)
    }

    /// All that is known of the chosen row, on a screen of so many columns.
    pub(super) fn detail(&self, width: usize, lang: Lang) -> Vec<String> {
        let Some(step) = self.step() else { return Vec::new() };
        let shape = match width {
            _ if !self.is_raw => Shape::Words,
            SIXTEEN.. => Shape::Bytes(16),
            EIGHT.. => Shape::Bytes(8),
            _ => Shape::Bytes(4),
        };
        pane::detail(&self.scene, step, shape, lang)
    }

    /// The chosen row beside the marked one: a head, and line by line.
    pub(super) fn compared(&self, lang: Lang) -> (String, Vec<pane::Pair>) {
        let (Some(left), Some(right)) = (self.marked_step(), self.step()) else {
            return (String::new(), Vec::new());
        };
        let row = lang.of("row", "行");
        let unit = lang.of("s", "秒");
        let later = pane::between(left, right).map(|time| format!("   {time} {unit}"));
        let head =
            format!("{row} {} – {row} {}{}", left.row.no, right.row.no, later.unwrap_or_default());
        (head, pane::compared(&self.scene, left, right, lang))
    }
}
