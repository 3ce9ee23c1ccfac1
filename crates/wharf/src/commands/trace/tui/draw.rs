//! The screen as a buffer of cells: the list, a ladder, a comparison, and help.
//!
//! ```text
//! wharf trace: capture.pcap   12 of 345 sessions                 filter: finding D*
//!      no client                server               done     bytes findings
//! >     3 192.0.2.10:1180       203.0.113.5:21          2       578
//!       4 192.0.2.10:1184       203.0.113.5:21        0 1         0 D2
//! ---------------------------------------------------------------------------------
//! D2  active mode: the server's connection to the client gets no answer ...
//! Enter open  / filter  s sort  r reverse  m mark  d compare  f follow  ? help  q end
//! ```
//!
//! Every text is spelt out on its way into a cell, so no control character of a peer reaches the terminal, and measured as
//! the terminal measures it.

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use unicode_segmentation::UnicodeSegmentation as _;
use wharf_ladder::compare;
use wharf_ladder::findings::Severity;
use wharf_ladder::width::{Ambiguous, columns, ellipsize, pad, spell_out, wrap};
use wharf_ladder::{Channel, Options, Packet, Provenance, Row};

use super::app::{App, View};
use super::diff::Diff;
use super::entries::{Column, Entry};
use super::ladder::{Ladder, Panel};
use super::{pane, words};

/// Draws all of it.
pub(super) fn draw(app: &mut App, buffer: &mut Buffer) {
    let area = buffer.area;
    let options = Options { width: usize::from(area.width), ..app.options };
    let mut canvas = Canvas { buffer, area, options };
    if area.height < 3 || area.width < 20 {
        return;
    }
    app.settle();
    canvas.title(app);
    let body = Rect { y: area.y + 1, height: area.height - 2, ..area };
    match &mut app.view {
        View::List => canvas.list(app, body),
        View::Ladder(ladder) => canvas.ladder(ladder, body),
        View::Diff(diff) => canvas.diff(diff, body),
    }
    canvas.bottom(app);
    if app.helps {
        canvas.help();
    }
}

struct Canvas<'b> {
    buffer: &'b mut Buffer,
    area: Rect,
    options: Options,
}

const PLAIN: Style = Style::new();
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);

impl Canvas<'_> {
    /// Writes a text, as far as there is room, and returns the column behind it.
    fn put(&mut self, x: u16, y: u16, text: &str, style: Style) -> u16 {
        let mut at = x;
        let style = if self.options.colour { style } else { Style { fg: None, ..style } };
        for cluster in spell_out(text, self.options.ascii).graphemes(true) {
            let width = columns(cluster, self.options.ambiguous);
            let Ok(wide) = u16::try_from(width) else { break };
            if wide == 0 {
                continue;
            }
            if at.saturating_add(wide) > self.area.right() {
                break;
            }
            if let Some(cell) = self.buffer.cell_mut(Position::new(at, y)) {
                cell.set_symbol(cluster).set_style(style);
            }
            for behind in at + 1..at + wide {
                let Some(cell) = self.buffer.cell_mut(Position::new(behind, y)) else { continue };
                cell.set_symbol(" ").set_style(style);
                // What this terminal draws over two cells is one cell to those who count by Unicode alone.
                if columns(cluster, Ambiguous::One) < width {
                    cell.set_diff_option(CellDiffOption::Skip);
                }
            }
            at += wide;
        }
        at
    }

    /// Writes a whole line, blank to the right edge.
    fn line(&mut self, y: u16, text: &str, style: Style) {
        let room = usize::from(self.area.width);
        let spelt = spell_out(text, self.options.ascii);
        let cut = ellipsize(&spelt, room, self.ellipsis(), self.options.ambiguous);
        self.put(self.area.x, y, &pad(&cut, room, self.options.ambiguous), style);
    }

    fn ellipsis(&self) -> &'static str {
        if self.options.ascii { "..." } else { "…" }
    }

    fn rule(&mut self, y: u16) {
        let glyph = if self.options.ascii { "-" } else { "╌" };
        self.line(y, &glyph.repeat(usize::from(self.area.width)), DIM);
    }

    fn title(&mut self, app: &App) {
        let lang = app.lang();
        let (shown, all) = (app.entries.shown(), app.entries.len());
        let mut text = format!("wharf trace: {}   {}", app.name, words::count(shown, all, lang));
        if app.is_reading {
            text += lang.of(", reading", "、読み込み中");
        }
        if app.follows {
            text += lang.of(", following", "、追跡中");
        }
        text += &words::dropped(app.dropped, lang);
        text += &words::forgotten(app.entries.forgotten, lang);
        let filter = match &app.view {
            View::List => &app.filter,
            View::Ladder(ladder) => &ladder.find,
            View::Diff(_) => "",
        };
        if !filter.is_empty() {
            text += &format!("   {}: {filter}", lang.of("filter", "絞り込み"));
        }
        self.line(self.area.y, &text, BOLD);
    }

    /// The bottom line: what is being typed, what there is to say, or the keys.
    fn bottom(&mut self, app: &App) {
        let lang = app.lang();
        let y = self.area.bottom() - 1;
        if let Some(prompt) = &app.prompt {
            let cursor = if self.options.ascii { "_" } else { "▏" };
            let trouble =
                prompt.trouble.as_ref().map(|told| format!("   ({told})")).unwrap_or_default();
            self.line(y, &format!("/{}{cursor}{trouble}", prompt.text), PLAIN);
            return;
        }
        match &app.message {
            Some(message) => self.line(y, message, BOLD),
            None => self.line(y, words::keys(&app.view, lang), DIM),
        }
    }

    fn list(&mut self, app: &mut App, body: Rect) {
        let lang = app.lang();
        let told = app.entries.line(app.line).map(|entry| {
            self.wrapped(&words::verdict(entry, app.first_finding(entry.facts.no), lang))
        });
        let told = told.unwrap_or_default();
        let least = (body.height / 4).clamp(3, 8);
        let (below, _) = rooms(body, least, told.len(), app.taller);
        let rows = body.height - 1 - below;
        app.page = usize::from(rows).max(1);
        app.top = app.top.min(app.line).max((app.line + 1).saturating_sub(app.page));
        let head = words::columns(lang);
        let mark = |column: Column| match (app.entries.column == column, app.entries.is_reversed) {
            (true, false) => "^",
            (true, true) => "v",
            (false, _) => "",
        };
        let marked: Vec<String> = Column::ALL
            .iter()
            .zip(head)
            .map(|(column, name)| format!("{name}{}", mark(*column)))
            .collect();
        let cells: [&str; 8] = std::array::from_fn(|at| marked[at].as_str());
        let text = format!("   {}", self.cells(cells));
        self.line(body.y, &text, BOLD);
        for (place, y) in (body.y + 1..body.y + 1 + rows).enumerate() {
            let line = app.top + place;
            let Some(entry) = app.entries.line(line) else { break };
            let chosen = line == app.line;
            let cursor = if chosen { '>' } else { ' ' };
            let sign = if app.marked == Some(entry.facts.no) { '*' } else { ' ' };
            let open = if entry.is_open { '~' } else { ' ' };
            let text = format!("{cursor}{sign}{open}{}", self.entry(entry));
            let hue = hue_of(entry.facts.worst);
            self.line(y, &text, if chosen { CHOSEN.patch(hue) } else { hue });
        }
        if below == 0 {
            return;
        }
        let y = body.bottom() - below;
        self.rule(y);
        self.below(&told, y + 1, body.bottom(), |more| words::more_findings(more, lang));
    }

    /// Lines as far as there is room, and how many more there are.
    fn below(&mut self, lines: &[String], from: u16, to: u16, more: impl Fn(usize) -> String) {
        let room = usize::from(to.saturating_sub(from));
        for (line, y) in lines.iter().zip(from..to) {
            self.line(y, line, PLAIN);
        }
        let left = lines.len().saturating_sub(room);
        if left > 0 && room > 1 {
            self.line(to - 1, &more(left + 1), DIM);
        }
    }

    /// Lines that are broken where there is no room.
    fn paragraphs(&mut self, lines: &[String], from: u16, to: u16) {
        for (line, y) in self.wrapped(lines).iter().zip(from..to) {
            self.line(y, line, PLAIN);
        }
    }

    /// The same as they stand on the screen.
    fn wrapped(&self, lines: &[String]) -> Vec<String> {
        let room = usize::from(self.area.width);
        lines.iter().flat_map(|line| self.broken(line, room)).collect()
    }

    /// A line in so many columns, each part of it moved in as far as the first.
    fn broken(&self, line: &str, room: usize) -> Vec<String> {
        let said = line.trim_start_matches(' ');
        let indent = line.len() - said.len();
        // Behind the sign of a finding, or of its advice.
        let hang = match said {
            said if said.starts_with("! ") => 4,
            said if said.starts_with("→ ") => 2,
            _ => 0,
        };
        let text = spell_out(said, self.options.ascii);
        let broken = wrap(&text, room.saturating_sub(indent + hang), self.options.ambiguous);
        let parts = broken.into_iter().enumerate();
        parts
            .map(|(at, part)| " ".repeat(if at == 0 { indent } else { indent + hang }) + &part)
            .collect()
    }

    /// A line of the list, as far as there are columns for it.
    fn entry(&self, entry: &Entry) -> String {
        let facts = &entry.facts;
        let done = match facts.failed {
            0 => facts.transfers.to_string(),
            failed => format!("{} !{failed}", facts.transfers),
        };
        let began = facts.began.since(wharf_proto::Moment::START).as_secs_f64();
        self.cells([
            &facts.no.to_string(),
            &format!("{began:.3}"),
            &format!("{:.3}", facts.duration.as_secs_f64()),
            &facts.client,
            &facts.server,
            &done,
            &facts.bytes.to_string(),
            &facts.findings.join(" "),
        ])
    }

    /// The cells of a line, in the order of [`Column::ALL`].
    fn cells(&self, cells: [&str; 8]) -> String {
        let [no, began, duration, client, server, done, bytes, found] = cells;
        let ambiguous = self.options.ambiguous;
        let fit = |text: &str, width: usize| {
            pad(&ellipsize(text, width, self.ellipsis(), ambiguous), width, ambiguous)
        };
        let right = |text: &str, width: usize| {
            let text = ellipsize(text, width, self.ellipsis(), ambiguous);
            " ".repeat(width.saturating_sub(columns(&text, ambiguous))) + &text
        };
        let width = usize::from(self.area.width);
        let no = right(no, 6);
        if width < 80 {
            return format!("{no} {} {} {found}", fit(server, 22), right(done, 6));
        }
        let ends = match width {
            130.. => 28,
            100.. => 21,
            _ => 18,
        };
        let times = match width >= 108 {
            true => format!("{} {} ", right(began, 10), right(duration, 9)),
            false => String::new(),
        };
        let (client, server) = (fit(client, ends), fit(server, ends));
        format!("{no} {times}{client} {server} {} {} {found}", right(done, 6), right(bytes, 11))
    }

    fn ladder(&mut self, ladder: &mut Ladder, body: Rect) {
        let lang = self.options.lang();
        let options = Options { width: self.options.width.saturating_sub(2), ..self.options };
        // Which row is chosen is known when they are drawn.
        ladder.fit(&options, usize::from(body.height));
        let told = match ladder.panel {
            Panel::Rows => self.wrapped(&ladder.detail(self.options.width, lang)),
            Panel::Detail | Panel::Compared | Panel::Numbers => Vec::new(),
        };
        let (below, end) = match ladder.panel {
            Panel::Rows => {
                let wanted = if ladder.is_found() { told.len() } else { 0 };
                rooms(body, (body.height / 3).min(12), wanted, ladder.taller)
            }
            Panel::Detail | Panel::Compared | Panel::Numbers => (0, body.bottom()),
        };
        ladder.fit(&options, usize::from(end.saturating_sub(body.y)));
        match ladder.panel {
            Panel::Rows => self.rows(ladder, body, end),
            Panel::Detail => {
                let lines = self.wrapped(&ladder.detail(self.options.width, lang));
                self.scrolled(ladder, &lines, body);
            }
            Panel::Numbers => {
                let lines = self.wrapped(&ladder.numbers);
                self.scrolled(ladder, &lines, body);
            }
            Panel::Compared => self.two(ladder, body),
        }
        if below > 0 {
            self.rule(end);
            self.below(&told, end + 1, body.bottom(), |more| words::more(more, lang));
        }
    }

    /// Lines on the whole screen, as far as they have been scrolled.
    fn scrolled(&mut self, ladder: &mut Ladder, lines: &[String], body: Rect) {
        let room = usize::from(body.height);
        ladder.scroll = ladder.scroll.min(lines.len().saturating_sub(room));
        ladder.page = room;
        for (line, y) in lines.iter().skip(ladder.scroll).zip(body.y..body.bottom()) {
            self.line(y, line, PLAIN);
        }
    }

    /// Two rows beside each other.
    fn two(&mut self, ladder: &mut Ladder, body: Rect) {
        let (head, pairs) = ladder.compared(self.options.lang());
        self.line(body.y, &head, BOLD);
        let half = usize::from(self.area.width.saturating_sub(3)) / 2;
        let lines = pairs.iter().flat_map(|pair| {
            let sign = pane::sign(pair);
            let hue = if sign == "=" { PLAIN } else { Style::new().fg(Color::Red) };
            let broken = |side: &Option<String>| {
                side.as_ref().map(|line| self.broken(line, half)).unwrap_or_default()
            };
            let (left, right) = (broken(&pair.0), broken(&pair.1));
            let of = |side: &[String], at: usize| side.get(at).cloned().unwrap_or_default();
            let line = |at| {
                let sign = if at == 0 { sign } else { " " };
                (of(&left, at), sign, of(&right, at), hue)
            };
            (0..left.len().max(right.len())).map(line).collect::<Vec<_>>()
        });
        let lines: Vec<(String, &str, String, Style)> = lines.collect();
        let room = usize::from(body.height.saturating_sub(1));
        ladder.scroll = ladder.scroll.min(lines.len().saturating_sub(room));
        ladder.page = room.max(1);
        let lines = lines.iter().skip(ladder.scroll);
        for ((left, sign, right, hue), y) in lines.zip(body.y + 1..body.bottom()) {
            self.halves(y, left, sign, right, half, *hue);
        }
    }

    /// The rows, down to a line of the screen.
    fn rows(&mut self, ladder: &mut Ladder, body: Rect, end: u16) {
        let shift = ladder.shifted(self.options.width.saturating_sub(2));
        let marked = ladder.marked_step().map(|step| step.row.no);
        let Some(drawing) = ladder.drawing() else { return };
        let mut y = body.y;
        for line in &drawing.head {
            let line = self.window(line, shift);
            self.put(self.area.x + 2, y, &line, BOLD);
            y += 1;
        }
        for (at, (place, lines)) in drawing.rows.iter().enumerate().skip(ladder.top) {
            if y >= end {
                break;
            }
            let Some(step) = ladder.scene.steps.get(*place) else { continue };
            let is_proof =
                ladder.scene.findings.iter().any(|found| found.rows.contains(&step.row.no));
            for line in lines {
                if y >= end {
                    break;
                }
                let chosen = at == ladder.cursor;
                let second = match (marked == Some(step.row.no), is_proof) {
                    (true, _) => "*",
                    (false, true) => "!",
                    (false, false) => " ",
                };
                let marks = [if chosen { ">" } else { " " }, second].concat();
                let style = if chosen { CHOSEN.patch(hue(&step.row)) } else { hue(&step.row) };
                self.line(y, &(marks + &self.window(line, shift)), style);
                y += 1;
            }
        }
    }

    /// What of a line is to be seen beside the marks, when so many of its columns have gone out at the left.
    fn window(&self, line: &str, shift: usize) -> String {
        let room = usize::from(self.area.width).saturating_sub(2);
        let (mut at, mut out) = (0, String::new());
        for cluster in line.graphemes(true) {
            let wide = columns(cluster, self.options.ambiguous);
            if at + wide > shift + room {
                break;
            }
            // Of a wide character that stands across the edge there is a blank.
            match (at >= shift, at + wide > shift) {
                (true, _) => out.push_str(cluster),
                (false, true) => out.push_str(&" ".repeat(at + wide - shift)),
                (false, false) => {}
            }
            at += wide;
        }
        out
    }

    fn diff(&mut self, view: &mut Diff, body: Rect) {
        let lang = self.options.lang();
        let below = if body.height >= 12 { 5 } else { 0 };
        let half = usize::from(self.area.width.saturating_sub(3)) / 2;
        let title = |scene: &wharf_ladder::Scene| {
            let numbers: Vec<String> = scene.sessions.iter().map(|no| format!("#{no}")).collect();
            let names: Vec<String> = scene.lifelines.iter().map(|of| of.title(lang)).collect();
            format!("{} {}", numbers.join(" "), names.join(" – "))
        };
        let (left, right) = (title(&view.left), title(&view.right));
        self.halves(body.y, &left, " ", &right, half, BOLD);
        let rows = body.height - 1 - below;
        view.page = usize::from(rows).max(1);
        view.top = view.top.min(view.cursor).max((view.cursor + 1).saturating_sub(view.page));
        for (pair, (at, y)) in
            view.pairs.iter().skip(view.top).zip((view.top..).zip(body.y + 1..body.y + 1 + rows))
        {
            let [one, other] = pair.steps(&view.left, &view.right);
            let cell =
                |scene, place: Option<usize>, step: Option<&wharf_ladder::scene::Step>| match (
                    place, step,
                ) {
                    (Some(place), Some(step)) => {
                        let delta = compare::delta(scene, place)
                            .map(|delta| format!("+{:.3}", delta.as_secs_f64()))
                            .unwrap_or_default();
                        let way = if step.is_rightwards() { '>' } else { '<' };
                        let words = step.row.words(lang);
                        format!("{:>4} {delta:>8} {way} {words}", step.row.no)
                    }
                    _ => String::new(),
                };
            let (left, right) =
                (cell(&view.left, pair.left, one), cell(&view.right, pair.right, other));
            let sign = pair.likeness(&view.left, &view.right).sign();
            let hue = if !pair.is_apart() { PLAIN } else { Style::new().fg(Color::Red) };
            let style = if at == view.cursor { CHOSEN.patch(hue) } else { hue };
            self.halves(y, &left, sign, &right, half, style);
        }
        if below == 0 {
            return;
        }
        let y = body.bottom() - below;
        self.rule(y);
        let Some(pair) = view.pairs.get(view.cursor) else { return };
        let said: Vec<String> = pair
            .steps(&view.left, &view.right)
            .iter()
            .map(|step| step.map_or_else(|| "-".to_owned(), |step| step.row.words(lang)))
            .collect();
        self.paragraphs(&said, y + 1, body.bottom());
    }

    fn halves(&mut self, y: u16, left: &str, sign: &str, right: &str, half: usize, style: Style) {
        let ambiguous = self.options.ambiguous;
        let fit = |text: &str| {
            let text = spell_out(text, self.options.ascii);
            pad(&ellipsize(&text, half, self.ellipsis(), ambiguous), half, ambiguous)
        };
        let line = format!("{} {sign} {}", fit(left), fit(right));
        self.line(y, &line, style);
    }

    fn help(&mut self) {
        let lines = words::help(self.options.lang());
        for y in self.area.y + 1..self.area.bottom() - 1 {
            self.line(y, "", PLAIN);
        }
        for (line, y) in lines.iter().zip(self.area.y + 2..self.area.bottom() - 1) {
            self.line(y, &format!("  {line}"), PLAIN);
        }
    }
}

/// How high the detail below the rows is, and where the rows end: of so many lines usually, and of half of the screen at most
/// where so many are wanted.
fn rooms(body: Rect, usual: u16, wanted: usize, taller: i16) -> (u16, u16) {
    let wanted = u16::try_from(wanted.saturating_add(1)).unwrap_or(u16::MAX);
    let usual = match body.height {
        14.. => usual.max(wanted.min(body.height / 2)),
        _ => 0,
    };
    let below = match usual.saturating_add_signed(taller) {
        // A rule alone tells nothing.
        0 | 1 => 0,
        below => below.min(body.height.saturating_sub(4)),
    };
    (below, body.bottom() - below)
}

/// The colour of what was found; it is never the only sign.
fn hue_of(worst: Option<Severity>) -> Style {
    match worst {
        Some(Severity::Failure) => Style::new().fg(Color::Red),
        Some(Severity::Warning) => Style::new().fg(Color::Yellow),
        Some(Severity::Info) | None => PLAIN,
    }
}

/// The colour of a row, as in the ladder that is printed.
fn hue(row: &Row) -> Style {
    let hue = match row.packet {
        Packet::Command => Style::new().fg(Color::Cyan),
        Packet::Reply(code) if code < 400 => Style::new().fg(Color::Green),
        Packet::Reply(_) | Packet::Rst | Packet::Absent => Style::new().fg(Color::Red),
        // Under TLS nobody knows what a segment of the control connection says.
        Packet::Data { .. } if row.channel == Channel::Control => PLAIN,
        Packet::Data { .. } => Style::new().fg(Color::Magenta),
        Packet::Note(_) => Style::new().fg(Color::Yellow),
        Packet::Syn
        | Packet::SynAck
        | Packet::Established
        | Packet::Ack
        | Packet::Fin
        | Packet::Omitted(_) => PLAIN,
    };
    if row.provenance == Provenance::Seen { hue } else { hue.patch(DIM) }
}
