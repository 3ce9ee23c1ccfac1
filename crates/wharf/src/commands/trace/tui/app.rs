//! What is on the screen, and what each key does to it. It knows no terminal: keys come in here, and `draw.rs` makes a
//! buffer of what is.

use std::sync::Arc;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use wharf_ladder::{Lang, Options};

use super::diff::Diff;
use super::entries::{Entries, Entry, Rows};
use super::ladder::{Ladder, Outcome};
use super::words;

/// Lines that a page key goes, where the screen has not been drawn yet.
const PAGE: usize = 10;

/// Something has come from the source.
pub(in super::super) enum Update {
    /// A session: over, or as far as it has come.
    Session(Box<Entry>),
    /// Sessions that go on no longer and are not wanted as they have become.
    Gone(Vec<u64>),
    /// The rows of a session, read again.
    Again(u64, Option<Rows>),
    /// The rows of a session, a row for each packet.
    Unfolded(u64, Option<Rows>),
    /// The source has ended; what it broke off with, and what there is to say of what is missing in it.
    End(Option<String>, Vec<String>),
}

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing.
    None,
    /// End.
    Quit,
    /// End as Ctrl-C does.
    Interrupt,
    /// Stop until the shell goes on with us.
    Suspend,
    /// Read the rows of this session again.
    Fetch(u64),
    /// The same, with a row for each packet.
    Unfold(u64),
}

/// What is looked at.
pub(super) enum View {
    List,
    Ladder(Box<Ladder>),
    Diff(Box<Diff>),
}

/// A line that is being typed.
pub(super) struct Prompt {
    pub(super) text: String,
    /// What was wrong with it.
    pub(super) trouble: Option<String>,
}

/// The whole screen.
pub(super) struct App {
    pub(super) name: String,
    pub(super) options: Options,
    pub(super) entries: Entries,
    pub(super) view: View,
    /// The line of the list that is chosen, and the one at the top of the screen.
    pub(super) line: usize,
    pub(super) top: usize,
    /// The lines that the list had when it was drawn.
    pub(super) page: usize,
    /// What the list is filtered by.
    pub(super) filter: String,
    pub(super) prompt: Option<Prompt>,
    /// The session that others are compared with.
    pub(super) marked: Option<u64>,
    /// The session whose rows are wanted, and those that it is to be compared with.
    pub(super) awaited: Option<u64>,
    pub(super) helps: bool,
    /// Stays with what comes last.
    pub(super) follows: bool,
    pub(super) is_reading: bool,
    /// Frames that the kernel has dropped.
    pub(super) dropped: u64,
    /// How many lines more than usual are told of the chosen session.
    pub(super) taller: i16,
    /// Which of the findings of a session is told of first.
    first: (u64, usize),
    /// What there is to say at the bottom.
    pub(super) message: Option<String>,
}

impl App {
    pub(super) fn new(name: String, options: Options) -> Self {
        Self {
            name,
            options,
            entries: Entries::default(),
            view: View::List,
            line: 0,
            top: 0,
            page: PAGE,
            filter: String::new(),
            prompt: None,
            marked: None,
            awaited: None,
            helps: false,
            follows: false,
            is_reading: true,
            dropped: 0,
            taller: 0,
            first: (0, 0),
            message: None,
        }
    }

    pub(super) fn lang(&self) -> Lang {
        self.options.lang()
    }

    /// Something has come.
    pub(super) fn take(&mut self, update: Update) {
        match update {
            Update::Session(entry) => {
                let no = entry.facts.no;
                if let (View::Ladder(ladder), Some(scene)) = (&mut self.view, &entry.scene)
                    && ladder.no == no
                {
                    ladder.replace(Arc::clone(scene), entry.numbers.clone(), self.follows);
                }
                self.entries.take(*entry);
            }
            Update::Gone(sessions) => self.entries.leave(&sessions),
            Update::Again(no, Some((scene, numbers))) => {
                self.entries.give_back(no, (Arc::clone(&scene), numbers.clone()));
                if self.awaited.take_if(|awaited| *awaited == no).is_some() {
                    self.message = None;
                    self.view =
                        View::Ladder(Box::new(Ladder::new(no, scene, numbers, &self.options)));
                }
            }
            Update::Again(no, None) => {
                self.awaited = self.awaited.filter(|awaited| *awaited != no);
                let words = self.lang().of(
                    "its rows are no longer kept, and its source cannot be read again",
                    "行は保持しておらず、読み直すこともできない",
                );
                self.message = Some(words.to_owned());
            }
            Update::Unfolded(no, scene) => {
                self.message = None;
                match (&mut self.view, scene) {
                    (View::Ladder(ladder), Some((scene, _))) if ladder.no == no => {
                        ladder.unfold(scene);
                    }
                    (View::Ladder(ladder), None) if ladder.no == no => {
                        let words = self.options.lang().of(
                            "long runs stay counted into one row: the source cannot be read again",
                            "長い連続は 1 行にまとめたまま。読み直すことはできない",
                        );
                        self.message = Some(words.to_owned());
                    }
                    _ => {}
                }
            }
            Update::End(trouble, remarks) => {
                self.is_reading = false;
                let words: Vec<String> = trouble.into_iter().chain(remarks).collect();
                self.message = (!words.is_empty()).then(|| words.join("; "));
            }
        }
    }

    /// Puts in order what has come, before it is drawn.
    pub(super) fn settle(&mut self) {
        let chosen = self.chosen();
        self.entries.settle();
        let last = self.entries.shown().saturating_sub(1);
        let stays = chosen.and_then(|no| {
            let is_there = self.entries.line(self.line).is_some_and(|entry| entry.facts.no == no);
            if is_there { Some(self.line) } else { self.entries.line_of(no) }
        });
        self.line = if self.follows { last } else { stays.unwrap_or(self.line).min(last) };
    }

    /// The session in the chosen line.
    pub(super) fn chosen(&self) -> Option<u64> {
        self.entries.line(self.line).map(|entry| entry.facts.no)
    }

    /// A key was pressed.
    pub(super) fn handle(&mut self, key: KeyEvent) -> Action {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            match key.code {
                KeyCode::Char('c') => return Action::Interrupt,
                KeyCode::Char('z') => return Action::Suspend,
                KeyCode::Char('u') => {
                    self.prompt.iter_mut().for_each(|prompt| prompt.text.clear());
                    return Action::None;
                }
                _ => return Action::None,
            }
        }
        if std::mem::take(&mut self.helps) {
            return Action::None;
        }
        if self.prompt.is_some() {
            self.typed(key.code);
            return Action::None;
        }
        self.message = None;
        match key.code {
            KeyCode::Char('?') | KeyCode::F(1) => self.helps = true,
            KeyCode::Char('/') => {
                let text = match &self.view {
                    View::List => self.filter.clone(),
                    View::Ladder(ladder) => ladder.find.clone(),
                    View::Diff(_) => return Action::None,
                };
                self.prompt = Some(Prompt { text, trouble: None });
            }
            KeyCode::Char('f') => self.follows = !self.follows,
            code => return self.in_view(code),
        }
        Action::None
    }

    fn in_view(&mut self, code: KeyCode) -> Action {
        match (&mut self.view, code) {
            (View::List, KeyCode::Char('q') | KeyCode::Esc) => return Action::Quit,
            (View::List, code) => return self.in_list(code),
            (View::Ladder(ladder), code) => {
                let (no, outcome) = (ladder.no, ladder.handle(code));
                return self.came_to(no, outcome);
            }
            (_, KeyCode::Char('q') | KeyCode::Esc | KeyCode::Left | KeyCode::Backspace) => {
                self.view = View::List;
            }
            (View::Diff(diff), code) => diff.handle(code),
        }
        Action::None
    }

    /// What a key in the ladder of a session came to.
    fn came_to(&mut self, no: u64, outcome: Outcome) -> Action {
        let lang = self.lang();
        match outcome {
            Outcome::Went => self.follows = false,
            Outcome::Stayed => {}
            Outcome::Back => self.view = View::List,
            Outcome::Unfold => {
                self.message = Some(words::reading_again(lang).to_owned());
                return Action::Unfold(no);
            }
            Outcome::Unmarked => {
                let words = lang.of(
                    "mark a row with m first, then choose the one to compare it with",
                    "まず m で行に印を付け、次に比べる行を選びます",
                );
                self.message = Some(words.to_owned());
            }
        }
        Action::None
    }

    fn in_list(&mut self, code: KeyCode) -> Action {
        let last = self.entries.shown().saturating_sub(1);
        if let Some(line) = moved(code, self.line, last, self.page) {
            self.line = line;
            self.follows = false;
            return Action::None;
        }
        match code {
            KeyCode::Enter | KeyCode::Right => return self.open(),
            KeyCode::Char('s') => self.entries.sort_next(),
            KeyCode::Char('r') => self.entries.reverse(),
            KeyCode::Char('m') => {
                let chosen = self.chosen();
                self.marked = if self.marked == chosen { None } else { chosen };
            }
            KeyCode::Char('d') => self.compare(),
            KeyCode::Char('+') => self.taller = self.taller.saturating_add(1),
            KeyCode::Char('-') => self.taller = self.taller.saturating_sub(1),
            KeyCode::Char('n') => self.next_finding(|at, count| (at + 1) % count),
            KeyCode::Char('N') => self.next_finding(|at, count| (at + count - 1) % count),
            _ => {}
        }
        Action::None
    }

    /// Tells of another finding of the chosen session first.
    fn next_finding(&mut self, to: impl Fn(usize, usize) -> usize) {
        let Some(entry) = self.entries.line(self.line) else { return };
        let count = entry.facts.findings.len();
        if count > 0 {
            self.first = (entry.facts.no, to(self.first_finding(entry.facts.no), count));
        }
    }

    /// Which finding of a session is told of first.
    pub(super) fn first_finding(&self, no: u64) -> usize {
        if self.first.0 == no { self.first.1 } else { 0 }
    }

    /// Looks at the rows of the chosen session.
    fn open(&mut self) -> Action {
        let Some(entry) = self.entries.line(self.line) else { return Action::None };
        let no = entry.facts.no;
        match &entry.scene {
            Some(scene) => {
                let (scene, numbers) = (Arc::clone(scene), entry.numbers.clone());
                self.view = View::Ladder(Box::new(Ladder::new(no, scene, numbers, &self.options)));
                Action::None
            }
            None => {
                self.awaited = Some(no);
                self.message = Some(words::reading_again(self.lang()).to_owned());
                Action::Fetch(no)
            }
        }
    }

    /// Compares the chosen session with the marked one.
    fn compare(&mut self) {
        let lang = self.lang();
        let (Some(marked), Some(chosen)) = (self.marked, self.chosen()) else {
            let words = lang.of(
                "mark a session with m first, then choose the one to compare it with",
                "まず m で比べるセッションに印を付け、次に相手を選ぶ",
            );
            self.message = Some(words.to_owned());
            return;
        };
        let scene = |no| self.entries.of(no).and_then(|entry| entry.scene.clone());
        match (scene(marked), scene(chosen)) {
            (Some(left), Some(right)) => self.view = View::Diff(Box::new(Diff::new(left, right))),
            _ => {
                let words = lang.of(
                    "its rows are no longer kept: open it once, then compare",
                    "行を保持していない。一度開いてから比べる",
                );
                self.message = Some(words.to_owned());
            }
        }
    }

    /// A key while a line is being typed.
    fn typed(&mut self, code: KeyCode) {
        let Some(prompt) = &mut self.prompt else { return };
        prompt.trouble = None;
        match code {
            KeyCode::Esc => self.prompt = None,
            KeyCode::Backspace => {
                prompt.text.pop();
            }
            KeyCode::Char(c) if !c.is_control() => prompt.text.push(c),
            KeyCode::Enter => {
                let text = prompt.text.trim().to_owned();
                match &mut self.view {
                    View::Ladder(ladder) => match ladder.search(&text) {
                        Ok(is_any) => {
                            self.prompt = None;
                            let none = words::no_row_fits(self.options.lang());
                            self.message = (!is_any).then(|| none.to_owned());
                        }
                        Err(trouble) => prompt.trouble = Some(trouble),
                    },
                    View::List | View::Diff(_) => self.narrow(text),
                }
            }
            _ => {}
        }
    }

    /// Shows only the sessions that fit.
    pub(super) fn narrow(&mut self, text: String) {
        let filter = if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
        match filter {
            Ok(filter) => {
                self.entries.filter(filter);
                self.filter = text;
                self.prompt = None;
            }
            Err(trouble) => self.prompt = Some(Prompt { text, trouble: Some(trouble) }),
        }
    }
}

/// Where a key goes from a line, if it is one that goes somewhere.
pub(super) fn moved(code: KeyCode, line: usize, last: usize, page: usize) -> Option<usize> {
    Some(match code {
        KeyCode::Up | KeyCode::Char('k') => line.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => line.saturating_add(1).min(last),
        KeyCode::PageUp => line.saturating_sub(page),
        KeyCode::PageDown | KeyCode::Char(' ') => line.saturating_add(page).min(last),
        KeyCode::Home | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::Char('G') => last,
        _ => return None,
    })
}
