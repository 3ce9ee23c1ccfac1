//! `--compare` and `--beside`: two sessions set against each other, and one that was captured at both ends.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use wharf_ladder::beside::{Beside, View};
use wharf_ladder::render::json;
use wharf_ladder::sessions::Session;
use wharf_ladder::{Scene, text};

use super::source::Source;
use super::{is_wanted, options, read};
use crate::args::trace::{Format, TraceArgs};
use crate::exit::{Exit, Usage};
use crate::terminal;

/// Sessions of a source that are kept at most, to find out which are the same.
const MAX_VIEWS: usize = 2000;

/// Draws what is asked for in place of ladders.
pub(super) fn run(
    source: Source,
    arguments: &TraceArgs,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    match (&arguments.beside, arguments.compare) {
        (Some(other), _) => both_ends(source, other, arguments, out),
        (None, Some(pair)) => compare(source, pair, arguments, out),
        (None, None) => Ok(Exit::Done),
    }
}

/// The sessions of this file that the other file has too, each as both ends saw it.
fn both_ends(
    source: Source,
    other: &Path,
    arguments: &TraceArgs,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let form = arguments.form();
    let mine = views(source, arguments, |session| is_wanted(arguments, session))?;
    let there = elsewhere(other, arguments);
    let others = views(Source::open(&there)?, &there, |_| true)?;
    let mut taken = HashSet::new();
    let (mut found, mut alone) = (0u32, Vec::new());
    for view in mine {
        let Some(at) = twin(&view, &others, &taken) else {
            alone.push(view.no.to_string());
            continue;
        };
        taken.insert(at);
        let Some(twin) = others.get(at) else { continue };
        let mut beside = Beside::of(view, twin.clone());
        for scene in [&mut beside.client.scene, &mut beside.server.scene] {
            scene.hide(arguments.hide());
        }
        if found > 0 && form == Format::Text {
            writeln!(out)?;
        }
        found += 1;
        match form {
            Format::Json => write!(out, "{}", json::beside(&beside, arguments.drawing.no_times))?,
            _ => write!(out, "{}", text::beside(&beside, &options(&arguments.drawing)))?,
        }
    }
    out.flush()?;
    if !alone.is_empty() {
        let (name, alone) = (other.display(), alone.join(", "));
        terminal::say(format_args!("wharf: {name} has nothing of session {alone}"));
    }
    Ok(if found == 0 { Exit::NotFound } else { Exit::Done })
}

/// Which of these is the same session as this one: the one that says most of the same, at least half.
fn twin(view: &View, others: &[View], taken: &HashSet<usize>) -> Option<usize> {
    let free = others.iter().enumerate().filter(|(at, _)| !taken.contains(at));
    let rated = free.map(|(at, other)| {
        let (same, of) = view.likeness(other);
        ((same, view.shares_ports(other), std::cmp::Reverse(at)), of, at)
    });
    let ((same, is_same_port, _), of, at) = rated.max_by_key(|(rate, ..)| *rate)?;
    let is_silent = of == 0 && is_same_port;
    (is_silent || (same > 0 && same * 2 >= of)).then_some(at)
}

/// Two sessions, of this source or one of each.
fn compare(
    source: Source,
    (left, right): (u64, u64),
    arguments: &TraceArgs,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let name = source.name().to_owned();
    let there = arguments.against.as_deref();
    let wanted = if there.is_none() { vec![left, right] } else { vec![left] };
    let mut mine = scenes_of(source, arguments, &wanted)?;
    let (other, its) = match there {
        None => (name.clone(), mine.pop().flatten()),
        Some(path) => {
            let there = elsewhere(path, arguments);
            let scenes = scenes_of(Source::open(&there)?, &there, &[right])?.pop();
            (path.display().to_string(), scenes.flatten())
        }
    };
    let missing = |name: &str, no: u64| Usage(format!("{name} has no session {no}"));
    let Some(mut one) = mine.drain(..).next().flatten() else {
        return Err(missing(&name, left).into());
    };
    let Some(mut two) = its else { return Err(missing(&other, right).into()) };
    one.hide(arguments.hide());
    two.hide(arguments.hide());
    match arguments.form() {
        Format::Json => write!(out, "{}", json::compared(&one, &two, arguments.drawing.no_times))?,
        _ => write!(out, "{}", text::compared(&one, &two, &options(&arguments.drawing)))?,
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// What is asked for of another file.
fn elsewhere(path: &Path, arguments: &TraceArgs) -> TraceArgs {
    TraceArgs { file: Some(path.to_owned()), live: None, ..arguments.clone() }
}

/// The sessions of a source, as they were seen there.
fn views(
    mut source: Source,
    arguments: &TraceArgs,
    is_wanted: impl Fn(&Session) -> bool,
) -> anyhow::Result<Vec<View>> {
    let mut views = Vec::new();
    each(&mut source, arguments, |session, origin| {
        if is_wanted(session) {
            if views.len() >= MAX_VIEWS {
                bail!("more than {MAX_VIEWS} sessions: choose some by --session");
            }
            views.push(View::of(session, origin));
        }
        Ok(())
    })?;
    Ok(views)
}

/// The pictures of the sessions of these numbers, in that order.
fn scenes_of(
    mut source: Source,
    arguments: &TraceArgs,
    numbers: &[u64],
) -> anyhow::Result<Vec<Option<Scene>>> {
    let mut scenes = vec![None; numbers.len()];
    each(&mut source, arguments, |session, _| {
        for (scene, _) in scenes.iter_mut().zip(numbers).filter(|(_, no)| **no == session.no) {
            *scene = Some(session.scene());
        }
        Ok(())
    })?;
    Ok(scenes)
}

/// Reads a source to its end; what it breaks off with is told.
fn each(
    source: &mut Source,
    arguments: &TraceArgs,
    mut give: impl FnMut(&Session, Option<Duration>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let broken = read(source, arguments, |group, origin| {
        group.iter().try_for_each(|session| give(session, origin))
    })?;
    let name = source.name();
    if let Some(error) = broken {
        terminal::say(format_args!("wharf: {name}: {error:#}"));
    }
    for remark in source.remarks() {
        terminal::say(format_args!("wharf: {name}: {remark}"));
    }
    Ok(())
}
