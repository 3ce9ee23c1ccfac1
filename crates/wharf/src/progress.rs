//! How far a transfer is: a bar where standard error is a terminal, now and then a line where it is not.
//!
//! A [`Screen`] is shared by all that talk to people, so that no line is written through a bar. What is
//! told is the library's `Progress`; nothing is measured here but time.

use std::fmt::{Display, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressState, ProgressStyle};
use wharf_client::{Amount, Progress};
use wharf_proto::codec::Losses;

use crate::events::Course;
use crate::terminal;

/// How often a log hears of a transfer.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
const WITH_TOTAL: &str = "{wide_msg} {bytes}/{total_bytes} {bar:20} {percent}% {speed} {left}";
/// Where there is little room, so that the name is seen.
const NARROW: &str = "{wide_msg} {percent}% {speed} {left}";
/// Below so many columns there is little room.
const ROOM: usize = 75;
const WITHOUT_TOTAL: &str = "{wide_msg} {bytes} {speed} {elapsed}";

/// Where people read.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    quiet: bool,
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl Screen {
    /// A screen; `quiet` ones show nothing but what must be said.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, bar: Arc::default() }
    }

    /// Whether nothing is shown but what must be said.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether there is a bar now.
    pub(crate) fn has_bar(&self) -> bool {
        self.place().is_some()
    }

    /// Says something unless quiet is wanted.
    pub(crate) fn note(&self, line: impl Display) {
        if !self.quiet {
            self.say(line);
        }
    }

    /// Says something that must be said.
    pub(crate) fn say(&self, line: impl Display) {
        self.aside(|| terminal::say(line));
    }

    /// Gives out a line of data, on standard output.
    pub(crate) fn data(&self, line: impl Display) {
        self.aside(|| terminal::give_out(line));
    }

    /// Writes something with the bar out of the way.
    pub(crate) fn aside(&self, write: impl FnOnce()) {
        match &*self.place() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// A meter for a transfer of this name.
    pub(crate) fn meter(&self, name: impl Display) -> Meter {
        let now = Instant::now();
        let (screen, name) = (self.clone(), name.to_string());
        let (total, course, from, at, earlier) = (None, None, 0, 0, 0);
        Meter { screen, name, begun: now, told: now, total, from, at, earlier, course }
    }

    /// A line that tells how something is that takes time.
    pub(crate) fn status(&self) -> Status {
        Status { screen: self.clone(), told: Instant::now() }
    }

    /// Whether there may be a bar.
    fn draws(&self) -> bool {
        !self.quiet && terminal::draws()
    }

    fn set_bar(&self, bar: Option<ProgressBar>) {
        if let Some(old) = std::mem::replace(&mut *self.place(), bar) {
            old.finish_and_clear();
        }
    }

    /// Where the bar is, if there is one.
    fn place(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line that changes in its place, until it is dropped; where there is no terminal, now and then a new one.
#[derive(Debug)]
pub(crate) struct Status {
    screen: Screen,
    told: Instant,
}

impl Status {
    /// Shows these words, and rows below them, as far as the terminal is wide.
    pub(crate) fn show(&mut self, words: &dyn Fn() -> String, rows: &dyn Fn() -> Vec<String>) {
        if self.screen.draws() {
            if !self.screen.has_bar() {
                let style = ProgressStyle::with_template("{spinner} {msg}{prefix}");
                let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
                self.screen.set_bar(Some(ProgressBar::new_spinner().with_style(style)));
            }
            if let Some(bar) = &*self.screen.place() {
                let columns = terminal::columns().unwrap_or(80);
                let rows = rows()
                    .into_iter()
                    .map(|row| format!("\n{}", fitted(&row, columns.saturating_sub(1))));
                bar.set_prefix(rows.collect::<String>());
                bar.set_message(fitted(&words(), columns.saturating_sub(3)).to_owned());
                bar.tick();
            }
        } else if self.told.elapsed() >= BETWEEN_LINES {
            self.told = Instant::now();
            self.screen.note(words());
        }
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        self.screen.set_bar(None);
    }
}

/// Shows how far a transfer is, until it is dropped.
pub(crate) struct Meter {
    screen: Screen,
    name: String,
    begun: Instant,
    told: Instant,
    total: Option<u64>,
    /// Where the present try began, how far it is, and how many bytes those before it have moved.
    from: u64,
    at: u64,
    earlier: u64,
    /// Where programs hear the same.
    course: Option<Course>,
}

impl Meter {
    /// One of which programs hear, too.
    pub(crate) fn telling(mut self, course: Course) -> Self {
        self.course = Some(course);
        self
    }

    /// Takes in what the transfer tells.
    pub(crate) fn hear(&mut self, progress: Progress) {
        if let Some(course) = &mut self.course {
            course.hear(progress);
        }
        match progress {
            Progress::StartsOver => self.note(
                "what an earlier try left is not known to be of the same file; starting over",
            ),
            Progress::Unsplit => self.note(
                "the server does not send parts of it as they were asked for; starting over in one stream",
            ),
            Progress::Begins { at, total } => {
                if at > 0 {
                    let (name, at) = (&self.name, HumanCount(at));
                    self.screen.note(format_args!("{name}: going on after {at} bytes"));
                }
                self.begin(at, total);
            }
            Progress::At(at) => self.show(at),
            Progress::Suspect(places) => self.note(format_args!(
                "the server does not trust its own bytes, at {} places: nothing is proven by their size",
                HumanCount(places)
            )),
            Progress::OldGone => self.note(
                "an older version of it was left on the server by an upload that broke off; it is deleted",
            ),
            Progress::Lost(losses) => self.tell_losses(losses),
            _ => {}
        }
    }

    /// Something is worth knowing of this file.
    fn note(&self, words: impl Display) {
        let words = format!("{}: {words}", self.name);
        if let Some(course) = &self.course {
            course.note(&words);
        }
        self.screen.note(words);
    }

    fn tell_losses(&self, losses: Losses) {
        let Losses { substituted, assumed, split } = losses;
        let told = [
            (substituted, "characters that EBCDIC does not have went as SUB"),
            (assumed, "bytes that are not UTF-8 were taken for Latin-1"),
            (split, "line ends within records became lines of their own"),
        ];
        for (count, what) in told.into_iter().filter(|(count, _)| *count > 0) {
            self.note(format_args!("{} {what}", HumanCount(count)));
        }
    }

    /// What the last try came to, with what was moved before it.
    pub(crate) fn all_tries(&self, amount: Amount) -> Amount {
        Amount { moved: self.earlier + amount.moved, ..amount }
    }

    /// Says that it is done, how fast, and what is known of its size.
    pub(crate) fn done(self, amount: Amount, verdict: &str) {
        self.screen.set_bar(None);
        let seconds = self.begun.elapsed().as_secs_f64();
        let rate = rate(amount.moved, seconds);
        let (name, amount) = (&self.name, in_bytes(self.all_tries(amount)));
        self.screen.note(format_args!("{name}: {amount} in {seconds:.1} s{rate}; {verdict}"));
    }

    fn begin(&mut self, at: u64, total: Option<u64>) {
        self.earlier += self.at.saturating_sub(self.from);
        (self.from, self.at) = (at, at);
        self.total = total;
        self.begun = Instant::now();
        self.told = self.begun;
        if !self.screen.draws() {
            return;
        }
        let (bar, template) = match total {
            Some(total) if terminal::columns().is_some_and(|columns| columns < ROOM) => {
                (ProgressBar::new(total), NARROW)
            }
            Some(total) => (ProgressBar::new(total), WITH_TOTAL),
            None => (ProgressBar::no_length(), WITHOUT_TOTAL),
        };
        // What was there before has no part in the speed; indicatif's own estimate would take it in.
        let speed = move |state: &ProgressState| {
            a_second(state.pos().saturating_sub(at), state.elapsed().as_secs_f64().max(0.1))
        };
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("speed", move |state: &ProgressState, f: &mut dyn Write| {
                let _ = write!(f, "{}/s", HumanBytes(speed(state)));
            })
            .with_key("left", move |state: &ProgressState, f: &mut dyn Write| {
                let left = state.len().unwrap_or(0).saturating_sub(state.pos());
                let _ = f.write_str(&time_for(left, speed(state)));
            });
        let bar = bar.with_style(style).with_message(self.name.clone()).with_position(at);
        self.screen.set_bar(Some(bar));
    }

    fn show(&mut self, at: u64) {
        self.at = at;
        if let Some(bar) = &*self.screen.place() {
            return bar.set_position(at);
        }
        if self.told.elapsed() < BETWEEN_LINES {
            return;
        }
        self.told = Instant::now();
        let (name, at) = (&self.name, HumanCount(at));
        match self.total {
            Some(total) => {
                self.screen.note(format_args!("{name}: {at} of {} bytes", HumanCount(total)));
            }
            None => self.screen.note(format_args!("{name}: {at} bytes")),
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.screen.set_bar(None);
    }
}

/// `300 bytes`, or `300 bytes (200 moved)` where it is not the same.
pub(crate) fn in_bytes(Amount { bytes, moved }: Amount) -> String {
    let bytes_in_all = HumanCount(bytes);
    match moved == bytes {
        true => format!("{bytes_in_all} bytes"),
        false => format!("{bytes_in_all} bytes ({} moved)", HumanCount(moved)),
    }
}

/// The speed, once there has been time enough to measure one.
fn rate(moved: u64, seconds: f64) -> String {
    if seconds < 0.01 {
        return String::new();
    }
    format!(" ({}/s)", HumanBytes(a_second(moved, seconds)))
}

/// How many bytes a second that is.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shown with three digits"
)]
pub(crate) fn a_second(bytes: u64, seconds: f64) -> u64 {
    (bytes as f64 / seconds) as u64
}

/// How long so many bytes take at this speed: `7 s`, `3:05`, `2:00:41`.
pub(crate) fn time_for(bytes: u64, a_second: u64) -> String {
    let a_second = a_second.max(1);
    let seconds = bytes.saturating_add(a_second / 2) / a_second;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// As much of a line as goes into so many columns. What is not ASCII may be two wide.
pub(crate) fn fitted(line: &str, columns: usize) -> &str {
    let mut width = 0;
    let end = line.char_indices().find(|(_, c)| {
        width += if c.is_ascii() { 1 } else { 2 };
        width > columns
    });
    &line[..end.map_or(line.len(), |(at, _)| at)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_the_terminal_ends() {
        assert_eq!(fitted("get a: 5%", 80), "get a: 5%");
        assert_eq!(fitted("get a: 5%", 5), "get a");
        assert_eq!(fitted("日本語", 5), "日本");
        assert_eq!(fitted("日本語", 0), "");
    }

    #[test]
    fn time_is_told_in_seconds_and_from_a_minute_on_as_a_clock_does() {
        for (bytes, a_second, words) in [
            (0, 0, "0 s"),
            (10, 0, "10 s"),
            (149, 100, "1 s"),
            (5_950, 100, "1:00"),
            (18_500, 100, "3:05"),
            (7_241, 1, "2:00:41"),
            (u64::MAX, u64::MAX, "1 s"),
        ] {
            assert_eq!(time_for(bytes, a_second), words, "{bytes} at {a_second}");
        }
    }
}
