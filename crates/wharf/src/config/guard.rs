//! `[guard]`: how guessing passwords is slowed down and ended, and whom that does not concern.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;
use wharf_server::{Guarding, Trusted};

use super::file::{Count, Network, Seconds};
use super::set;

/// The table. What it does not say is as the server has it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Guard {
    enabled: Option<bool>,
    trusted: Option<Vec<Network>>,
    free_refusals: Option<u32>,
    longest_delay_seconds: Option<u32>,
    ban_after: Option<Count>,
    ban_seconds: Option<Seconds>,
    half_life_seconds: Option<Seconds>,
}

impl Guard {
    /// Who is trusted, if it is said.
    pub(super) fn trusted(&self) -> Option<Trusted> {
        let networks = self.trusted.as_ref()?;
        Some(Trusted::new(networks.iter().map(|network| network.0).collect()))
    }

    /// The rules, if there are to be any.
    pub(super) fn rules(&self) -> Option<Guarding> {
        if self.enabled == Some(false) {
            return None;
        }
        let mut rules = Guarding::default();
        set(&mut rules.free_refusals, self.free_refusals);
        let longest = self.longest_delay_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        set(&mut rules.longest_delay, longest);
        set(&mut rules.ban_after, self.ban_after.map(NonZeroU32::from));
        set(&mut rules.ban_time, self.ban_seconds.map(Duration::from));
        set(&mut rules.half_life, self.half_life_seconds.map(Duration::from));
        Some(rules)
    }
}
