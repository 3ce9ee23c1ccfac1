//! One session captured at two places, the client's end and the server's: which packets both saw, what was changed on the way,
//! what only one saw, and how far their clocks are apart.
//!
//! Packets are matched by what they are and in their order, each direction of each connection for itself, since addresses,
//! ports and numbers may all be rewritten between the two. The clocks are set by the quickest packet of either direction, as
//! NTP does (RFC 5905 section 8): both ways are taken to be equally quick.

use crate::compare::{common, what};
use crate::row::{Channel, Ends, Packet, Provenance, Row};
use crate::scene::{Scene, Step};
use crate::sessions::Session;
use std::collections::HashMap;
use std::time::Duration;
use wharf_proto::Moment;
use wharf_proto::tap::Party;

/// Lines of the control connection by which it is found out which sessions are the same.
const WORDS: usize = 64;

/// A session as one end saw it.
#[derive(Clone, Debug)]
pub struct View {
    /// Its number there.
    pub no: u64,
    /// The ends of its control connection there.
    pub ends: Option<Ends>,
    /// Its rows and what was found there.
    pub scene: Scene,
    /// The ends of its data connections there, by their numbers.
    data: HashMap<u32, Ends>,
    /// When the first moment of that place was, since 1970.
    origin: Duration,
    /// Up to when anything was seen there.
    until: Moment,
    /// The first lines on its control connection.
    words: Vec<String>,
}

/// A session at both places.
#[derive(Clone, Debug)]
pub struct Beside {
    /// At the client's end.
    pub client: View,
    /// At the server's end.
    pub server: View,
    /// How far the clocks are apart, where packets of both directions were seen at both places.
    pub clock: Option<Clock>,
    /// The packets, in the order of time.
    pub lines: Vec<Line>,
}

/// How far two clocks are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// By how many nanoseconds the server's is ahead of the client's.
    pub ahead: i128,
    /// How long the quickest packets took.
    pub one_way: Duration,
}

/// A packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its place among the steps at the client's end.
    pub client: Option<usize>,
    /// Its place among those at the server's.
    pub server: Option<usize>,
    /// What became of it.
    pub fate: Fate,
    /// How long it took, by clocks that agree.
    pub took: Option<Duration>,
}

/// What became of a packet between the two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived as it was sent.
    Arrived,
    /// It arrived with other words.
    Rewritten,
    /// It was sent and did not arrive.
    Lost,
    /// It arrived and its sender has not sent it.
    Foreign,
    /// Only one place was looking at the time, or knows of such things.
    Unseen,
}

impl View {
    /// A session out of a source that began at this time since 1970.
    #[must_use]
    pub fn of(session: &Session, origin: Option<Duration>) -> Self {
        let conns = session.packets.conns();
        let data = conns.iter().filter_map(|conn| match conn.channel {
            Channel::Data(no) => Some((no, conn.ends?)),
            Channel::Control => None,
        });
        let scene = session.scene();
        Self {
            no: session.no,
            ends: session.packets.ends(),
            words: words(&scene),
            scene,
            data: data.collect(),
            origin: origin.unwrap_or_default(),
            until: session.until.max(session.packets.last_seen()),
        }
    }

    /// How many of the first lines on the control connection another view has too, of how many.
    #[must_use]
    pub fn likeness(&self, other: &Self) -> (usize, usize) {
        let pairs = common(&self.words, &other.words);
        let both = pairs.iter().filter(|(a, b)| a.is_some() && b.is_some()).count();
        (both, self.words.len().max(other.words.len()))
    }

    /// Whether the client's port, or the control connection, is the same here and there.
    #[must_use]
    pub fn shares_ports(&self, other: &Self) -> bool {
        let port = |view: &Self| view.ends.map(|ends| ends.client.port());
        port(self).is_some() && port(self) == port(other)
    }

    /// The packets, without those that acknowledge and nothing else.
    fn packets(&self) -> impl Iterator<Item = (usize, &Step)> {
        packets(&self.scene)
    }

    fn row(&self, place: usize) -> Option<&Row> {
        self.scene.steps.get(place).map(|step| &step.row)
    }

    /// When a step was, in nanoseconds since 1970 by the clock of this place.
    fn at(&self, place: usize) -> Option<i128> {
        Some(self.nanos(self.row(place)?.at?))
    }

    fn nanos(&self, at: Moment) -> i128 {
        nanos(self.origin.saturating_add(at.since(Moment::START)))
    }

    /// Between when and when anything was seen here.
    fn span(&self) -> Option<(i128, i128)> {
        let first = self.scene.steps.iter().find_map(|step| step.row.at)?;
        Some((self.nanos(first), self.nanos(self.until)))
    }

    /// The data connections and the commands that they serve, in their order.
    fn conns(&self) -> Vec<(u32, Option<wharf_proto::Verb>)> {
        let mut out: Vec<(u32, Option<wharf_proto::Verb>)> = Vec::new();
        for (_, step) in self.packets() {
            if let Channel::Data(no) = step.row.channel
                && !out.iter().any(|(known, _)| *known == no)
            {
                out.push((no, step.row.verb));
            }
        }
        out
    }
}

impl Beside {
    /// A session as it was seen at two places. Which of them is the client's is found out from the times: what one sends cannot
    /// arrive before that.
    #[must_use]
    pub fn of(one: View, other: View) -> Self {
        let matches = matches(&one, &other);
        let (client, server, matches) = match quickest(&one, &other, &matches) {
            Some((there, back)) if there + back < 0 => {
                let turned = matches.into_iter().map(|(a, b)| (b, a)).collect();
                (other, one, turned)
            }
            _ => (one, other, matches),
        };
        let clock = quickest(&client, &server, &matches).map(|(there, back)| Clock {
            ahead: (there - back) / 2,
            one_way: duration((there + back) / 2),
        });
        let mut beside = Self { client, server, clock, lines: Vec::new() };
        beside.lines = beside.draw(matches);
        beside
    }

    /// A step at the client's end, and the same at the server's.
    #[must_use]
    pub fn steps(&self, line: &Line) -> [Option<&Step>; 2] {
        let of =
            |view: &'_ View, place: Option<usize>| place.filter(|at| *at < view.scene.steps.len());
        [
            of(&self.client, line.client).map(|at| &self.client.scene.steps[at]),
            of(&self.server, line.server).map(|at| &self.server.scene.steps[at]),
        ]
    }

    /// When a packet was seen first, since the first of all, by the client's clock.
    #[must_use]
    pub fn at(&self, line: &Line) -> Option<Duration> {
        let first = self.lines.first().and_then(|first| self.nanos(first))?;
        Some(duration(self.nanos(line)? - first))
    }

    /// The ends of the connections that have other addresses at the server's end than at the client's: none for the control
    /// connection, else the number of the data connection at the client's end.
    #[must_use]
    pub fn translated(&self) -> Vec<(Option<u32>, Ends, Ends)> {
        let control = self.client.ends.zip(self.server.ends).map(|(a, b)| (None, a, b));
        let mut data: Vec<(Option<u32>, Ends, Ends)> = Vec::new();
        for line in &self.lines {
            let [Some(one), Some(other)] = self.steps(line) else { continue };
            if let (Channel::Data(a), Channel::Data(b)) = (one.row.channel, other.row.channel)
                && !data.iter().any(|(no, ..)| *no == Some(a))
                && let Some((here, there)) = self.client.data.get(&a).zip(self.server.data.get(&b))
            {
                data.push((Some(a), *here, *there));
            }
        }
        control.into_iter().chain(data).filter(|(_, here, there)| here != there).collect()
    }

    /// When a packet was seen, in nanoseconds by the client's clock: where it was sent, if that was seen.
    fn nanos(&self, line: &Line) -> Option<i128> {
        let ahead = self.clock.map_or(0, |clock| clock.ahead);
        let here = line.client.and_then(|at| self.client.at(at));
        let there = line.server.and_then(|at| self.server.at(at)).map(|at| at - ahead);
        match (here, there) {
            (Some(here), Some(there)) => Some(here.min(there)),
            (here, there) => here.or(there),
        }
    }

    /// The lines of what was matched and what was not.
    fn draw(&self, matches: Vec<(Option<usize>, Option<usize>)>) -> Vec<Line> {
        let lines = matches.into_iter().map(|(client, server)| {
            let line = Line { client, server, fate: Fate::Unseen, took: None };
            Line { fate: self.fate(&line), took: self.took(&line), ..line }
        });
        let mut lines: Vec<(i128, Line)> =
            Vec::from_iter(lines.map(|line| (self.nanos(&line).unwrap_or(i128::MIN), line)));
        lines.sort_by_key(|(at, _)| *at);
        lines.into_iter().map(|(_, line)| line).collect()
    }

    fn took(&self, line: &Line) -> Option<Duration> {
        let (clock, here) = (self.clock?, self.client.at(line.client?)?);
        let there = self.server.at(line.server?)? - clock.ahead;
        Some(match self.client.row(line.client?)?.from {
            Party::Client => duration(there - here),
            Party::Server => duration(here - there),
        })
    }

    fn fate(&self, line: &Line) -> Fate {
        let (client, server) = (&self.client, &self.server);
        let (view, place, other) = match (line.client, line.server) {
            (Some(here), Some(there)) => {
                let words =
                    |view: &View, at| view.row(at).map(|row| (row.label.clone(), row.packet));
                let is_same = match (words(client, here), words(server, there)) {
                    (Some((one, Packet::Command | Packet::Reply(_))), Some((other, _))) => {
                        one == other
                    }
                    _ => true,
                };
                return if is_same { Fate::Arrived } else { Fate::Rewritten };
            }
            (Some(here), None) => (client, here, server),
            (None, Some(there)) => (server, there, client),
            (None, None) => return Fate::Unseen,
        };
        let Some(row) = view.row(place).filter(|row| row.provenance == Provenance::Seen) else {
            return Fate::Unseen;
        };
        // Of many segments both may have made other rows; a segment as large as both is no packet of the wire.
        let is_part = matches!(row.packet, Packet::Data { .. }) && !row.is_again();
        let ahead = self.clock.map_or(0, |clock| clock.ahead);
        let to_other = if line.client.is_some() { ahead } else { -ahead };
        let looked = view.at(place).map(|at| at + to_other).zip(other.span());
        let is_looked = looked.is_some_and(|(at, (first, last))| at >= first - SLACK && at <= last);
        let is_sender = (row.from == Party::Client) == line.client.is_some();
        let other_is_seen = other
            .packets()
            .any(|(_, step)| step.row.provenance == Provenance::Seen && step.row.wire.is_some());
        match (is_looked && other_is_seen && !is_part, is_sender) {
            (false, _) => Fate::Unseen,
            (true, true) => Fate::Lost,
            (true, false) => Fate::Foreign,
        }
    }
}

/// What may be seen before the first packet of the other place, in nanoseconds: a packet takes its time.
const SLACK: i128 = 5_000_000_000;

/// The packets of a session, without those that acknowledge and nothing else.
fn packets(scene: &Scene) -> impl Iterator<Item = (usize, &Step)> {
    scene.steps.iter().enumerate().filter(|(_, step)| {
        let row = &step.row;
        row.is_packet() && row.packet != Packet::Absent && row.packet != Packet::Ack
    })
}

/// The first lines on its control connection.
fn words(scene: &Scene) -> Vec<String> {
    let said = packets(scene).filter(|(_, step)| {
        matches!(step.row.packet, Packet::Command | Packet::Reply(_)) && !step.row.is_again()
    });
    // What names a listener may have been rewritten.
    let word = |step: &Step| match step.row.names {
        Some(_) => what(step),
        None => step.row.label.to_string(),
    };
    said.take(WORDS).map(|(_, step)| word(step)).collect()
}

/// The quickest packets there and back, in nanoseconds by two clocks.
fn quickest(
    client: &View,
    server: &View,
    matches: &[(Option<usize>, Option<usize>)],
) -> Option<(i128, i128)> {
    let mut least: [Option<i128>; 2] = [None; 2];
    for (here, there) in matches {
        let (Some(here), Some(there)) = (*here, *there) else { continue };
        let seen = |view: &View, at| {
            view.row(at).is_some_and(|row| row.provenance == Provenance::Seen && !row.is_again())
        };
        if !seen(client, here) || !seen(server, there) {
            continue;
        }
        let (Some(one), Some(other)) = (client.at(here), server.at(there)) else { continue };
        let from = client.row(here).map(|row| row.from);
        let (way, took) = match from {
            Some(Party::Client) => (0, other - one),
            Some(Party::Server) => (1, one - other),
            None => continue,
        };
        if let Some(least) = least.get_mut(way) {
            *least = Some(least.map_or(took, |least| least.min(took)));
        }
    }
    let [there, back] = least;
    there.zip(back)
}

/// Which steps are the same packet: those of each direction of each connection in their order.
fn matches(one: &View, other: &View) -> Vec<(Option<usize>, Option<usize>)> {
    let (ours, others) = (one.conns(), other.conns());
    let verbs = |conns: &[(u32, Option<wharf_proto::Verb>)]| {
        conns.iter().map(|(_, verb)| *verb).collect::<Vec<_>>()
    };
    let no = |conns: &[(u32, _)], at: Option<usize>| Some(Channel::Data(conns.get(at?)?.0));
    let mut channels = vec![(Some(Channel::Control), Some(Channel::Control))];
    let data = common(&verbs(&ours), &verbs(&others)).into_iter();
    channels.extend(data.map(|(a, b)| (no(&ours, a), no(&others, b))));
    let mut out = Vec::new();
    for (a, b) in channels {
        for from in [Party::Client, Party::Server] {
            let of = |view: &View, channel: Option<Channel>| {
                let is_its = |(_, step): &(usize, &Step)| {
                    Some(step.row.channel) == channel && step.row.from == from
                };
                let steps = view.packets().filter(is_its);
                steps.map(|(place, step)| (place, what(step))).collect::<Vec<_>>()
            };
            let (ours, others) = (of(one, a), of(other, b));
            let tokens = |side: &[(usize, String)]| {
                side.iter().map(|(_, token)| token.clone()).collect::<Vec<_>>()
            };
            let place = |side: &[(usize, String)], at: Option<usize>| Some(side.get(at?)?.0);
            for (a, b) in common(&tokens(&ours), &tokens(&others)) {
                out.push((place(&ours, a), place(&others, b)));
            }
        }
    }
    out
}

fn nanos(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap_or(i128::MAX)
}

/// As much of it as is not negative.
fn duration(nanos: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}
