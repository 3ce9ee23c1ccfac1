//! The screen without a terminal: sessions and keys go in, cells come out. What is done with a chosen row is in
//! `tests/rows.rs`.

mod rows;

use std::path::Path;
use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use wharf_ladder::capture::Capture;
use wharf_ladder::scene::scenes;
use wharf_ladder::sessions::{Session, Sessions};
use wharf_ladder::{
    Ambiguous, Channel, Ends, Keep, Lang, Options, Packet, Ports, Provenance, Row, Scene,
};
use wharf_proto::Text;
use wharf_proto::tap::Party;

use super::super::facts::Facts;
use super::app::{Action, App, Update, View};
use super::draw;
use super::entries::{Entries, Entry};

/// A screen and what is on it.
struct Desk {
    app: App,
    terminal: Terminal<TestBackend>,
}

impl Desk {
    fn of_size(width: u16, height: u16, options: Options) -> Self {
        let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        Self { app: App::new("capture.pcap".to_owned(), options), terminal }
    }

    /// With the sessions of captures, one after the other.
    fn with(names: &[&str], options: Options) -> Self {
        let mut desk = Self::of_size(100, 32, options);
        let mut no = 0;
        for name in names {
            for entry in entries(name) {
                desk.app.take(Update::Session(Box::new(numbered(&entry, no + 1))));
                no += entry.scene.map_or(1, |scene| scene.sessions.len() as u64);
            }
        }
        desk.app.take(Update::End(None, Vec::new()));
        desk.draw();
        desk
    }

    fn draw(&mut self) {
        let app = &mut self.app;
        self.terminal.draw(|frame| draw::draw(app, frame.buffer_mut())).unwrap();
    }

    /// What is on the screen, a line a line.
    fn screen(&mut self) -> Vec<String> {
        self.draw();
        // Not the backend's cells: behind a wide character those keep what a terminal covers.
        let mut buffer = Buffer::empty(self.terminal.backend().buffer().area);
        draw::draw(&mut self.app, &mut buffer);
        let width = usize::from(buffer.area.width);
        let line = |cells: &[ratatui::buffer::Cell]| {
            let text: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
            text.trim_end().to_owned()
        };
        buffer.content.chunks(width).map(line).collect()
    }

    fn press(&mut self, keys: &str) -> Action {
        let mut action = Action::None;
        for c in keys.chars() {
            let code = match c {
                '\n' => KeyCode::Enter,
                '\u{1b}' => KeyCode::Esc,
                '\u{8}' => KeyCode::Backspace,
                '←' => KeyCode::Left,
                '→' => KeyCode::Right,
                c => KeyCode::Char(c),
            };
            action = self.app.handle(KeyEvent::new(code, KeyModifiers::NONE));
            self.draw();
        }
        action
    }

    #[track_caller]
    fn shows(&mut self, wanted: &str) {
        let screen = self.screen().join("\n");
        assert!(screen.contains(wanted), "{wanted}\n{screen}");
    }

    #[track_caller]
    fn hides(&mut self, unwanted: &str) {
        let screen = self.screen().join("\n");
        assert!(!screen.contains(unwanted), "{unwanted}\n{screen}");
    }

    /// The line that is chosen.
    fn chosen(&mut self) -> String {
        let screen = self.screen();
        screen.into_iter().find(|line| line.starts_with('>')).unwrap_or_default()
    }
}

fn plain() -> Options {
    Options { lang: Lang::En, ..Options::default() }
}

fn entries(name: &str) -> Vec<Entry> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = folder.join(format!("{name}.cap"));
    let mut capture = Capture::open(std::fs::File::open(path).unwrap()).unwrap();
    let mut sessions = Sessions::default();
    capture.each_segment(|segment| sessions.push(segment)).unwrap();
    let mut out = Vec::new();
    for group in sessions.finish() {
        let all: Vec<&Session> = group.iter().collect();
        for scene in scenes(&group) {
            let facts = Facts::of(&scene, &all, Lang::En);
            let numbers = all.iter().flat_map(|session| session.statistics().lines(Lang::En));
            let numbers = numbers.collect();
            out.push(Entry { facts, scene: Some(Arc::new(scene)), numbers, is_open: false });
        }
    }
    out
}

/// The same under another number.
fn numbered(entry: &Entry, no: u64) -> Entry {
    let mut entry = entry.clone();
    entry.facts.no = no;
    entry.scene = entry.scene.map(|scene| {
        let sessions = (no..).take(scene.sessions.len()).collect();
        Arc::new(Scene { sessions, ..(*scene).clone() })
    });
    entry
}

const ACTIVE: &str = "docs/sessions/active";
const BLOCKED: &str = "docs/sessions/active-blocked";
const PASSIVE: &str = "docs/sessions/passive";
const UPLOAD: &str = "crates/ladder/tests/captures/upload-lftp";
const BULK: &str = "crates/ladder/tests/captures/bulk-cut";
const THIRD: &str = "docs/sessions/third-party";

#[test]
fn the_list_has_a_line_a_session_and_tells_what_was_found_in_the_chosen_one() {
    let mut desk = Desk::with(&[ACTIVE, BLOCKED, THIRD], plain());
    desk.shows("wharf trace: capture.pcap   3 sessions");
    desk.shows("192.0.2.10");
    desk.shows("203.0.113.5:2…00.7:21");
    assert!(desk.chosen().contains(" 1 "), "{:?}", desk.screen());
    desk.hides("active mode: the server's connection");
    desk.press("j");
    assert!(desk.chosen().ends_with("D2"));
    desk.shows("active mode: the server's connection to the client");
    desk.shows("use passive mode");
}

#[test]
fn the_list_is_sorted_by_any_column_either_way_and_stays_with_the_chosen_session() {
    let mut desk = Desk::with(&[ACTIVE, BLOCKED, PASSIVE], plain());
    desk.press("j");
    // By number, by begin, by duration: the blocked session took longest.
    desk.press("ss");
    assert_eq!(desk.app.line, 2);
    desk.press("r");
    assert_eq!(desk.app.line, 0);
    assert!(desk.chosen().ends_with("D2"));
}

#[test]
fn a_filter_leaves_only_the_sessions_that_fit_and_says_what_it_does_not_understand() {
    let mut desk = Desk::with(&[ACTIVE, BLOCKED, PASSIVE], plain());
    desk.press("/finding D*\n");
    desk.shows("1 of 3 sessions");
    desk.shows("filter: finding D*");
    desk.press("/\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}verb pasv\n");
    desk.shows("1 of 3 sessions");
    desk.press("/ and (\n");
    desk.shows("something is wanted");
    desk.press("\u{1b}");
    desk.hides("something is wanted");
}

#[test]
fn a_ladder_begins_at_what_went_wrong_and_tells_all_of_its_row() {
    let mut desk = Desk::with(&[ACTIVE, BLOCKED], plain());
    desk.press("j\n");
    let chosen = desk.chosen();
    assert!(chosen.starts_with(">!") && chosen.contains("SYN"), "{chosen}");
    desk.shows("row 20");
    desk.shows("server 203.0.113.5:20 → client 192.0.2.10:1182");
    desk.shows("data connection 1, seen, SYN");
    desk.shows("(RFC 959 3.2)");
    desk.shows("! D2");
    desk.press("q");
    desk.shows("2 sessions");
}

#[test]
fn rows_are_filtered_by_the_words_that_filter_sessions() {
    let mut desk = Desk::with(&[ACTIVE, BLOCKED], plain());
    desk.press("j\n");
    let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
    for (filter, shows, hides) in [
        ("verb port", "PORT 192", "USER"),
        ("code 2*", "220 ", "331 "),
        ("code 2* or verb user", "331 ", "425 "),
        ("finding D2", "SYN", "220 "),
        ("failed", "425 ", "220 "),
        ("not failed", "220 ", "425 "),
        ("port 20", "SYN", "220 "),
        ("host 192.0.2.0/24 and user", "USER", "PASS"),
        ("longer 1", "SYN again", "220 "),
    ] {
        desk.press("/");
        desk.app.handle(control('u'));
        desk.press(&format!("{filter}\n"));
        desk.shows(&format!("filter: {filter}"));
        let rows = desk.screen()[..12].join("\n");
        assert!(rows.contains(shows) && !rows.contains(hides), "{filter}:\n{rows}");
    }
    desk.press("/");
    desk.app.handle(control('u'));
    desk.press("verb fly\n");
    desk.shows("`fly` is no verb of FTP");
    desk.app.handle(control('u'));
    desk.press("verb stat\n");
    desk.shows("no row fits");
}

#[test]
fn on_80_columns_and_24_lines_a_finding_is_read_with_its_advice_and_nothing_of_the_help_is_cut() {
    for lang in [Lang::En, Lang::Ja] {
        let mut desk = Desk::with(&[BLOCKED, ACTIVE], Options { lang, ..plain() });
        desk.terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let advice: String = {
            let scene = desk.app.entries.line(0).unwrap().scene.clone().unwrap();
            scene.findings[0].advice(lang).split_whitespace().collect()
        };
        let told = |desk: &mut Desk| desk.screen().concat().replace(char::is_whitespace, "");
        for place in ["the list", "the ladder"] {
            assert!(told(&mut desk).contains(&advice), "{place}: {:#?}", desk.screen());
            let screen = desk.screen();
            let first = screen.iter().position(|line| line.contains("! D2")).unwrap();
            let indent = screen[first].find("! ").unwrap();
            let second = &screen[first + 1];
            assert_eq!(second.len() - second.trim_start().len(), indent + 4, "{screen:#?}");
            desk.press("\n");
        }
        desk.press("q?");
        let help = told(&mut desk);
        for line in super::words::help(lang) {
            assert!(help.contains(&line.replace(char::is_whitespace, "")), "{line}");
        }
        desk.press("q");
        let screen = desk.screen();
        let (head, keys) = (&screen[1], &screen[23]);
        assert!(!head.contains('…') && !keys.contains('…') && !keys.is_empty(), "{head}\n{keys}");
    }
}

#[test]
fn of_several_findings_of_a_session_each_is_told_first_when_asked_for() {
    let mut desk = Desk::with(&[BLOCKED], plain());
    let mut entry = entries(BLOCKED).remove(0);
    let scene = entry.scene.take().unwrap();
    let findings =
        [scene.findings.clone(), scene.findings.clone(), scene.findings.clone()].concat();
    entry.facts.findings = vec!["D2"; findings.len()];
    entry.scene = Some(Arc::new(Scene { findings, ..(*scene).clone() }));
    desk.terminal = Terminal::new(TestBackend::new(80, 16)).unwrap();
    desk.app.take(Update::Session(Box::new(numbered(&entry, 2))));
    desk.press("j");
    desk.shows("more lines: + for room, n for the next finding");
    assert_eq!(desk.app.first_finding(2), 0);
    desk.press("nn");
    assert_eq!(desk.app.first_finding(2), 2);
    desk.press("nNN");
    assert_eq!(desk.app.first_finding(2), 1);
    desk.press("k");
    assert_eq!(desk.app.first_finding(1), 0);
    desk.terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    desk.press("j++++++++");
    desk.hides("more lines: + for room");
}

#[test]
fn bare_acks_times_and_rows_that_do_not_fit_come_and_go_and_the_chosen_row_stays() {
    let mut desk = Desk::with(&[ACTIVE], plain());
    desk.press("\n");
    desk.hides(" 11 C~");
    desk.press("jjjjj");
    let before = desk.chosen();
    desk.press("p");
    desk.shows(" 11 C~");
    let row = |line: &str| line.get(2..6).unwrap_or_default().to_owned();
    assert_eq!(row(&desk.chosen()), row(&before));
    desk.press("t");
    desk.hides("d/s");
    desk.press("/\"port 192\"\n");
    desk.shows("PORT 192,0,2,10,4,158");
    desk.hides("USER");
    desk.press("G");
    desk.shows("PORT 192,0,2,10,4,159");
}

#[test]
fn two_sessions_stand_side_by_side_and_the_first_difference_is_chosen() {
    let mut desk = Desk::with(&[ACTIVE, PASSIVE], plain());
    desk.press("d");
    desk.shows("mark a session with m first");
    desk.press("mjd");
    assert!(matches!(desk.app.view, View::Diff(_)));
    assert!(desk.chosen().is_empty());
    let View::Diff(diff) = &desk.app.view else { unreachable!() };
    let pair = diff.pairs[diff.cursor];
    let label = pair.steps(&diff.left, &diff.right)[0].map(|step| step.row.label.to_string());
    assert_eq!(label.as_deref(), Some("PORT 192,0,2,10,4,158"));
    desk.shows("= ");
    desk.press("n");
    desk.shows("PASV");
}

#[test]
fn a_transfer_between_servers_has_three_lifelines_here_too() {
    let mut desk = Desk::with(&[THIRD], plain());
    desk.press("\n");
    desk.shows("passive: it listens");
    desk.shows("third party");
}

#[test]
fn it_speaks_japanese_and_wide_characters_take_two_cells() {
    let options = Options { lang: Lang::Ja, ..plain() };
    let mut desk = Desk::with(&[BLOCKED], options);
    let screen = desk.screen().join("\n");
    // A wide character has a cell behind it that is blank.
    assert!(screen.replace(' ', "").contains("セッション1件"), "{screen}");
    desk.press("\n");
    assert!(desk.screen().join("").replace(' ', "").contains("サーバー"));
    desk.press("?");
    let help = desk.screen().join("").replace(' ', "");
    assert!(help.contains("一致するものだけを表示"), "{help}");
    let widths = |desk: &mut Desk| desk.screen().iter().all(|line| line.chars().count() <= 100);
    assert!(widths(&mut desk));
}

#[test]
fn where_lines_take_two_columns_the_lifelines_stay_in_theirs() {
    let options = Options { ambiguous: Ambiguous::Two, ..plain() };
    let mut desk = Desk::with(&[ACTIVE], options);
    desk.press("\n");
    let screen = desk.screen();
    let places: Vec<Option<usize>> =
        screen[2..10].iter().map(|line| line.chars().position(|c| c == '│')).collect();
    assert!(places.iter().all(|place| *place == places[0] && place.is_some()), "{screen:?}");
}

#[test]
fn a_small_screen_and_a_large_one_are_drawn_without_harm_after_each_key() {
    let mut desk = Desk::with(&[ACTIVE, BLOCKED, THIRD], plain());
    for (width, height) in [(1, 1), (19, 5), (20, 3), (40, 8), (59, 20), (80, 24), (250, 90)] {
        desk.terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        desk.press("jj\npotnNG?qwxm→→→++j\ndd xi←←←\u{1b}d\u{1b}---q kjsr mkd nNq/x\u{1b}");
        desk.press("\u{1b}q");
        desk.app.view = View::List;
    }
}

#[test]
fn no_control_character_of_a_peer_reaches_a_cell() {
    let row = Row {
        no: 1,
        at: None,
        channel: Channel::Control,
        from: Party::Server,
        ports: Ports { client: Some(1), server: Some(21) },
        packet: Packet::Reply(220),
        verb: None,
        names: None,
        more: None,
        label: Text::from(&b"220 \x1b]0;x\x07\x9b31m\xe2\x80\xae hi"[..]),
        provenance: Provenance::Seen,
        tls: false,
        wire: None,
    };
    let ends =
        Ends { client: "10.0.0.1:1".parse().unwrap(), server: "10.0.0.2:21".parse().unwrap() };
    let scene = Scene::of(1, &[row], Some(ends), Vec::new());
    let facts = Facts::of(&scene, &[], Lang::En);
    let (scene, numbers) = (Some(Arc::new(scene)), Vec::new());
    let entry = Entry { facts, scene, numbers, is_open: true };
    let mut desk = Desk::of_size(100, 30, plain());
    desk.app.take(Update::Session(Box::new(entry)));
    for keys in ["", "\n", "qmd"] {
        desk.press(keys);
        let screen = desk.screen().join("");
        assert!(!screen.chars().any(|c| c.is_control() || c == '\u{202e}'), "{screen:?}");
    }
}

#[test]
fn what_goes_on_is_followed_and_replaced_when_it_is_over() {
    let mut desk = Desk::of_size(100, 30, plain());
    let whole = entries(PASSIVE).remove(0);
    let scene = whole.scene.clone().unwrap();
    let part = Scene { steps: scene.steps[..6].to_vec(), ..(*scene).clone() };
    let open = Entry { scene: Some(Arc::new(part)), is_open: true, ..whole.clone() };
    desk.app.take(Update::Session(Box::new(open)));
    desk.press("\nf");
    desk.hides("221 Goodbye");
    desk.app.take(Update::Session(Box::new(whole)));
    desk.shows("221 Goodbye");
    assert!(desk.chosen().contains("FIN"), "{:?}", desk.screen());
    desk.press("q");
    desk.shows("1 session, reading, following");
}

#[test]
fn keys_that_end_or_stop_the_program_say_so() {
    let mut desk = Desk::with(&[ACTIVE], plain());
    let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
    assert_eq!(desk.app.handle(control('c')), Action::Interrupt);
    assert_eq!(desk.app.handle(control('z')), Action::Suspend);
    desk.press("/verb retr");
    desk.app.handle(control('u'));
    desk.press("\n");
    desk.hides("filter: ");
    assert_eq!(desk.press("q"), Action::Quit);
}

#[test]
fn a_hundred_thousand_sessions_are_listed_and_gone_through() {
    let mut desk = Desk::of_size(120, 50, plain());
    let one = entries(ACTIVE).remove(0);
    for no in 1..=100_000 {
        desk.app.take(Update::Session(Box::new(numbered(&one, no))));
    }
    desk.draw();
    desk.shows("100000 sessions");
    desk.press("G");
    assert!(desk.chosen().contains("100000"));
    for up in 1..=100 {
        desk.press("k");
        assert!(desk.chosen().contains(&(100_000 - up).to_string()), "{:?}", desk.screen());
    }
    // The rows of the oldest went, and are asked for when somebody looks.
    assert_eq!(desk.press("g\n"), Action::Fetch(1));
    desk.app.take(Update::Again(1, one.scene.map(|scene| (scene, one.numbers))));
    desk.shows("220 Wharf FTP server ready.");
}

#[test]
fn sessions_of_two_runs_with_one_number_are_both_listed_and_one_that_is_gone_is_not() {
    let mut desk = Desk::of_size(100, 32, plain());
    let entry = entries(ACTIVE).remove(0);
    for _ in 0..2 {
        desk.app.take(Update::Session(Box::new(numbered(&entry, 1))));
    }
    desk.shows("2 sessions");
    let open = Entry { is_open: true, ..numbered(&entry, 5) };
    for _ in 0..2 {
        desk.app.take(Update::Session(Box::new(open.clone())));
        desk.shows("3 sessions");
    }
    desk.app.take(Update::Gone(vec![5]));
    desk.shows("2 sessions");
}

#[test]
fn of_too_many_sessions_the_oldest_are_forgotten_and_that_is_told() {
    let mut desk = Desk::of_size(100, 32, plain());
    desk.app.entries = Entries::at_most(16);
    let entry = entries(ACTIVE).remove(0);
    for no in 1..=20 {
        desk.app.take(Update::Session(Box::new(numbered(&entry, no))));
        desk.draw();
    }
    desk.shows("16 sessions, reading, 4 before them forgotten");
    assert!(desk.chosen().contains(" 5 "), "{:?}", desk.screen());
    desk.press("G");
    assert!(desk.chosen().contains(" 20 "), "{:?}", desk.screen());
    desk.press("\n");
    desk.shows("CWD pub");
}

#[test]
fn p_folds_the_bare_acks_that_the_command_line_asked_for() {
    let mut desk = Desk::with(&[ACTIVE], Options { packets: true, ..plain() });
    let acks =
        |desk: &mut Desk| desk.screen().iter().filter(|line| line.contains("─ ACK ─")).count();
    desk.press("\n");
    let all = acks(&mut desk);
    desk.press("p");
    let folded = acks(&mut desk);
    assert!(all > folded && folded == 1, "{all} and {folded}");
}
