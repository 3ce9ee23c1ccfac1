//! What was seen of the demo's session: every packet where we may capture, else what the server told.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wharf_ladder::live::{Live, Recording};
use wharf_ladder::scene::{Part, join};
use wharf_ladder::{Alignment, Ladder, Options, Packets, Scene, text};
use wharf_proto::tap::Event;

use super::house::House;
use crate::args::DemoArgs;
use crate::terminal;

/// How long to wait for the last packets of a session that is over.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longer than a kernel puts off a bare ACK: so the last one has its own row, and not a place in the FIN.
const DELAYED_ACK: Duration = Duration::from_millis(250);

/// The record of the sessions with `N` servers. They are captured together: one clock says what came first.
pub(super) struct Record<const N: usize> {
    events: [Arc<Mutex<Vec<Event>>>; N],
    packets: Option<Recording>,
}

impl<const N: usize> Record<N> {
    /// Begins to record, before the first packet is sent. Who may not capture records the servers' taps.
    pub(super) fn begin(houses: [&House; N], no_capture: bool) -> Self {
        let sessions = || houses.map(|house| Packets::of_server(house.address)).into();
        let capture = || Live::open()?.record(sessions());
        let packets = if no_capture { None } else { capture().ok() };
        Self { events: houses.map(|house| Arc::clone(&house.events)), packets }
    }

    /// Whether packets are captured.
    pub(super) fn captures(&self) -> bool {
        self.packets.is_some()
    }

    /// Waits until the sessions have nothing more to say, before their connections are closed.
    pub(super) async fn until_quiet(&self) {
        if self.captures() {
            tokio::time::sleep(DELAYED_ACK).await;
        }
    }
}

impl Record<1> {
    /// Draws the ladder of the session, which is over.
    pub(super) fn draw(self, arguments: &DemoArgs) -> anyhow::Result<String> {
        let captured = finish(self.packets)?;
        let [events] = &self.events;
        Ok(draw(captured.first(), events, arguments))
    }
}

impl Record<2> {
    /// Draws the two sessions of a transfer between servers: as one picture of three lifelines where their packets were
    /// captured, else one after the other, since each server has a clock of its own.
    pub(super) fn draw_joined(self, arguments: &DemoArgs) -> anyhow::Result<String> {
        let lang = arguments.lang();
        let captured = finish(self.packets)?;
        let parts: Vec<Part<'_>> =
            captured.iter().zip(1..).filter_map(|(packets, no)| part(no, packets)).collect();
        if let Some(scene) = join(&parts) {
            let options = options(arguments);
            let lesson = lesson(&scene, &options, arguments);
            return Ok(text::scene(&scene, &options) + &lesson);
        }
        let titles = [
            lang.of("The server that sends:", "送る側のサーバー："),
            lang.of("The server that receives:", "受け取る側のサーバー："),
        ];
        let drawn = titles.iter().zip(&self.events).enumerate();
        Ok(drawn.fold(String::new(), |out, (at, (title, events))| {
            out + &format!("{title}\n{}\n", draw(captured.get(at), events, arguments))
        }))
    }
}

/// The whole sessions as packets, where all of them were captured.
fn finish(recording: Option<Recording>) -> anyhow::Result<Vec<Packets>> {
    let Some(recording) = recording else { return Ok(Vec::new()) };
    let sessions = recording.finish(PATIENCE)?;
    let is_whole = sessions.iter().all(|packets| packets.missing() == 0);
    Ok(if is_whole { sessions } else { Vec::new() })
}

fn draw(captured: Option<&Packets>, events: &Mutex<Vec<Event>>, arguments: &DemoArgs) -> String {
    let options = options(arguments);
    if let Some(packets) = captured {
        let summary = packets.summary().line(options.lang, true);
        let verdict = verdict(&packets.align(), arguments);
        let scene = Scene::of(1, &packets.numbered(), packets.ends(), Vec::new());
        let lesson = lesson(&scene, &options, arguments);
        return format!("{}{summary}\n{verdict}{lesson}", text::scene(&scene, &options));
    }
    let events = events.lock().unwrap_or_else(PoisonError::into_inner);
    let ladder = Ladder::from_events(events.iter());
    let summary = ladder.summary().line(options.lang, true);
    let verdict = verdict(&ladder.align(), arguments);
    let scene = Scene::of(1, &ladder.numbered(), ladder.ends(), Vec::new());
    let lesson = lesson(&scene, &options, arguments);
    format!("{}{summary}\n{verdict}{lesson}", text::scene(&scene, &options))
}

fn part(no: u64, packets: &Packets) -> Option<Part<'_>> {
    let (rows, conns) = (packets.rows(), packets.conns());
    Some(Part { no, rows, ends: packets.ends()?, conns, findings: Vec::new() })
}

/// The session row by row, where that is wanted.
fn lesson(scene: &Scene, options: &Options, arguments: &DemoArgs) -> String {
    if arguments.explain { format!("\n{}", text::lesson(scene, options)) } else { String::new() }
}

/// Whether this is the reference session; only where it was meant to be.
fn verdict(alignment: &Alignment, arguments: &DemoArgs) -> String {
    if arguments.passive || arguments.third_party {
        return String::new();
    }
    let lang = arguments.lang();
    match alignment {
        Alignment::Same { .. } => lang
            .of(
                "These are the 49 rows of the reference session, in its order.\n",
                "基準セッションの 49 行と、順序も含めて一致する。\n",
            )
            .to_owned(),
        Alignment::Differs(divergence) => {
            let text = lang.of("This is not the reference session:", "基準セッションと異なる：");
            format!("{text} {}\n", divergence.words(lang))
        }
    }
}

fn options(arguments: &DemoArgs) -> Options {
    let plain = Options::default();
    Options {
        width: terminal::output_columns().unwrap_or(plain.width),
        packets: true,
        notes: arguments.notes,
        lang: arguments.lang(),
        ascii: arguments.ascii,
        colour: terminal::output_has_colour(),
        ..plain
    }
}
