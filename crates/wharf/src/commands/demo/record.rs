//! What was seen of the demo's session: every packet where we may capture, else what the server told.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wharf_ladder::live::{Live, Recording};
use wharf_ladder::{Alignment, Ladder, Options, Packets, Row, text};
use wharf_proto::tap::Event;

use super::house::House;
use crate::args::DemoArgs;
use crate::terminal;

/// How long to wait for the last packets of a session that is over.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longer than a kernel puts off a bare ACK: so the last one has its own row, and not a place in the FIN.
const DELAYED_ACK: Duration = Duration::from_millis(250);

/// The record of one session.
pub(super) struct Record {
    events: Arc<Mutex<Vec<Event>>>,
    packets: Option<Recording>,
}

impl Record {
    /// Begins to record, before the first packet is sent. Who may not capture records the server's tap.
    pub(super) fn begin(house: &House, no_capture: bool) -> Self {
        let capture = || Live::open()?.record(vec![Packets::of_server(house.address)]);
        let packets = if no_capture { None } else { capture().ok() };
        Self { events: Arc::clone(&house.events), packets }
    }

    /// Whether packets are captured.
    pub(super) fn captures(&self) -> bool {
        self.packets.is_some()
    }

    /// Waits until the session has nothing more to say, before its connection is closed.
    pub(super) async fn until_quiet(&self) {
        if self.captures() {
            tokio::time::sleep(DELAYED_ACK).await;
        }
    }

    /// Draws the ladder of the session, which is over.
    pub(super) fn draw(self, arguments: &DemoArgs) -> anyhow::Result<String> {
        let options = options(arguments);
        if let Some(recording) = self.packets {
            let packets = recording.finish(PATIENCE)?;
            if let Some(packets) = packets.first().filter(|packets| packets.missing() == 0) {
                let summary = packets.summary().line(options.lang, true);
                let verdict = verdict(&packets.align(), arguments);
                let lesson = lesson(&packets.numbered(), &options, arguments);
                let drawn = packets.render_text(&options);
                return Ok(format!("{drawn}{summary}\n{verdict}{lesson}"));
            }
        }
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let ladder = Ladder::from_events(events.iter());
        let summary = ladder.summary().line(options.lang, true);
        let verdict = verdict(&ladder.align(), arguments);
        let lesson = lesson(&ladder.numbered(), &options, arguments);
        Ok(format!("{}{summary}\n{verdict}{lesson}", ladder.render_text(&options)))
    }
}

/// The session row by row, where that is wanted.
fn lesson(rows: &[Row], options: &Options, arguments: &DemoArgs) -> String {
    if arguments.explain { format!("\n{}", text::lesson(rows, options)) } else { String::new() }
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
                "基準セッションの 49 行が、その順序のとおりです。\n",
            )
            .to_owned(),
        Alignment::Differs(divergence) => {
            let text =
                lang.of("This is not the reference session:", "基準セッションと異なります：");
            format!("{text} {divergence}\n")
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
