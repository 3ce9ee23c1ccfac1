//! What the words of a filter ask of one row of a ladder; of a session they ask `filter.rs`.

use std::time::Duration;

use wharf_ladder::{Packet, Scene, compare};

use super::super::filter::{Filter, fits};

/// Whether the row at this place is wanted. `longer` asks how long it was waited for.
pub(super) fn is_wanted(filter: &Filter, scene: &Scene, place: usize) -> bool {
    let Some(step) = scene.steps.get(place) else { return false };
    let row = &step.row;
    let code = if let Packet::Reply(code) = row.packet { Some(code) } else { None };
    let mut ends = step.ends.into_iter().flatten();
    match filter {
        Filter::All(parts) => parts.iter().all(|part| is_wanted(part, scene, place)),
        Filter::Any(parts) => parts.iter().any(|part| is_wanted(part, scene, place)),
        Filter::Not(part) => !is_wanted(part, scene, place),
        Filter::Host(net) => ends.any(|end| net.contains(&end.ip().to_canonical())),
        Filter::Port(port) => ends.any(|end| end.port() == *port),
        Filter::Verb(verb) => row.verb == Some(*verb),
        Filter::Code(pattern) => code.is_some_and(|code| fits(pattern, &code.to_string())),
        Filter::Finding(pattern) => {
            scene.findings.iter().any(|found| found.is_at(row) && fits(pattern, found.rule.id))
        }
        Filter::Bytes(least) => {
            matches!(row.packet, Packet::Data { bytes, .. } if bytes >= *least)
        }
        Filter::Longer(least) => compare::delta(scene, place).unwrap_or(Duration::ZERO) >= *least,
        Filter::Failed => code.is_some_and(|code| code >= 400),
        Filter::Word(word) => row.label.to_string().to_lowercase().contains(word),
    }
}
