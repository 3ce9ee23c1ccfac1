//! What a line of a list says of a session, and what filters ask about: enough to go without its rows.

use std::net::IpAddr;
use std::time::Duration;

use wharf_ladder::findings::Severity;
use wharf_ladder::scene::Lifeline;
use wharf_ladder::sessions::Session;
use wharf_ladder::{Lang, Packet, Scene};
use wharf_proto::{Moment, Verb};

/// Bytes of what was said that a filter can find, at most.
const MAX_WORDS: usize = 2048;

/// The facts of a session, or of those of one transfer between servers.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// The number of the first session.
    pub(super) no: u64,
    /// Who takes part, the client first.
    pub(super) client: String,
    pub(super) server: String,
    pub(super) began: Moment,
    pub(super) duration: Duration,
    pub(super) transfers: u32,
    pub(super) failed: u32,
    pub(super) bytes: u64,
    /// How it ended, in words.
    pub(super) ending: &'static str,
    pub(super) findings: Vec<&'static str>,
    pub(super) worst: Option<Severity>,
    pub(super) hosts: Vec<IpAddr>,
    pub(super) ports: Vec<u16>,
    pub(super) verbs: Vec<Verb>,
    pub(super) codes: Vec<u16>,
    /// What was said, in small letters.
    pub(super) words: String,
}

impl Facts {
    /// The facts of a scene, which these sessions are in.
    pub(super) fn of(scene: &Scene, group: &[&Session], lang: Lang) -> Self {
        let its = || group.iter().filter(|session| scene.sessions.contains(&session.no));
        let summaries = || its().map(|session| session.packets.summary());
        let title = |at: usize| {
            let address = scene.lifelines.get(at).and_then(Lifeline::address);
            address.unwrap_or_else(|| "?".to_owned())
        };
        let (client, server) = match scene.is_joined() {
            true => (title(1), format!("{} + {}", title(0), title(2))),
            false => (title(0), title(1)),
        };
        let mut facts = Self {
            no: scene.sessions.first().copied().unwrap_or_default(),
            client,
            server,
            began: scene.steps.iter().find_map(|step| step.row.at).unwrap_or_default(),
            duration: summaries().map(|summary| summary.duration()).max().unwrap_or_default(),
            transfers: summaries().map(|summary| summary.transfers).sum(),
            failed: summaries().map(|summary| summary.failed).sum(),
            bytes: summaries()
                .map(|sum| sum.to_client.saturating_add(sum.to_server))
                .max()
                .unwrap_or(0),
            ending: summaries().next().map_or("", |summary| summary.ending.words(lang)),
            findings: scene.findings.iter().map(|finding| finding.rule.id).collect(),
            worst: scene.findings.iter().map(|finding| finding.severity).max(),
            hosts: scene.lifelines.iter().filter_map(|of| of.ip).collect(),
            ports: scene.lifelines.iter().filter_map(|of| of.port).collect(),
            verbs: Vec::new(),
            codes: Vec::new(),
            words: String::new(),
        };
        facts.hear(scene);
        facts.words.shrink_to_fit();
        facts
    }

    /// Takes in what was said.
    fn hear(&mut self, scene: &Scene) {
        for step in &scene.steps {
            let row = &step.row;
            for end in step.ends.into_iter().flatten() {
                if !end.ip().is_unspecified() {
                    note(&mut self.hosts, end.ip());
                }
                if end.port() > 0 {
                    note(&mut self.ports, end.port());
                }
            }
            match row.packet {
                Packet::Command => {
                    row.verb.into_iter().for_each(|verb| note(&mut self.verbs, verb));
                }
                Packet::Reply(code) => note(&mut self.codes, code),
                _ => continue,
            }
            if self.words.len() < MAX_WORDS {
                self.words += &row.label.to_string().to_lowercase();
                self.words.push('\n');
            }
        }
    }
}

/// Keeps each thing once, and not too many.
fn note<T: PartialEq>(known: &mut Vec<T>, one: T) {
    if known.len() < 64 && !known.contains(&one) {
        known.push(one);
    }
}
