//! A file a data connection: what every server can do.
//!
//! EPSV and the command go out in one write where the server was seen to take that, so a file costs three round trips:
//! one to the port, one to the connection, one to the bytes.

use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use wharf_proto::Command;

use super::super::desk::{Parcel, give_up_or_go_on};
use super::super::work::{Folder, Found, Item, LIGHT, Next, Work, local_path};
use super::{Crew, Habits, Post};
use crate::files::{Help, local};
use crate::spool::{LIMIT, Spool};
use crate::{Amount, BYTES, Error, Get, Proof, Session, Verdict, Watch, quiet};

/// Works as long as there is something to do; `heavy_alone`: as long as there is heavy work. Tells whether nothing at
/// all is left. Who is there as an extra ends as well when there are too many.
pub(super) async fn run(
    crew: &Crew,
    session: &mut Session,
    heavy_alone: bool,
    post: Post,
) -> Result<bool, Error> {
    let is_needless = || post == Post::Extra && crew.pace.is_crowded();
    let mut changes = crew.board.changes();
    // What was asked for while the file before it was under way.
    let mut asked: Option<Work> = None;
    loop {
        changes.borrow_and_update();
        if asked.is_none() && is_needless() {
            return Ok(true);
        }
        let work = match asked.take().map_or_else(|| crew.board.next(true), Next::Work) {
            Next::Work(work) if heavy_alone && !work.is_heavy() => {
                crew.board.return_unbegun(work);
                return Ok(false);
            }
            Next::Work(work) => work,
            Next::Wait | Next::Heavy if heavy_alone => return Ok(false),
            Next::Wait | Next::Heavy => {
                // It never closes while the board is there.
                let _ = changes.changed().await;
                continue;
            }
            Next::Over => return Ok(true),
        };
        let follower = if is_needless() { None } else { follower(crew, session, &work) };
        let done = one(crew, session, work).await;
        session.ahead = None;
        crew.pool.learn_from(session);
        match (done, follower) {
            (Ok(()), Some(work)) if session.asked.is_some() => asked = Some(work),
            (done, follower) => {
                follower.into_iter().for_each(|work| crew.board.return_unbegun(work));
                done?;
            }
        }
    }
}

/// The work behind this one, where it can be asked for before this one is done: both are small files, and nothing else
/// is to be said in between.
fn follower(crew: &Crew, session: &mut Session, work: &Work) -> Option<Work> {
    let is_plain =
        |work: &Work| matches!(work, Work::Fetch(item) if item.is_light() && item.tries == 0);
    if crew.verify || !session.at_once || !is_plain(work) {
        return None;
    }
    let next = match crew.board.next(true) {
        Next::Work(next) => next,
        Next::Wait | Next::Heavy | Next::Over => return None,
    };
    match &next {
        Work::Fetch(item) if is_plain(&next) => {
            session.ahead = Some(Command::Retr(item.remote.clone()));
            Some(next)
        }
        _ => {
            crew.board.return_unbegun(next);
            None
        }
    }
}

/// Does one piece of work. An error is the session's; that of the work goes to the board.
async fn one(crew: &Crew, session: &mut Session, work: Work) -> Result<(), Error> {
    let at_once = session.at_once;
    let begun = Instant::now();
    let result = match &work {
        Work::List(folder) => list(&crew.habits, session, folder, &mut crew.board.forewarned())
            .await
            .map(|spool| crew.board.found(&work, Found::Listing(spool))),
        Work::Fetch(item) if item.is_light() => fetch_light(crew, session, item).await,
        Work::Fetch(item) => fetch_heavy(crew, session, item).await,
        Work::Make(folder) => said(crew, session, &work, Command::Mkd(folder.remote.clone())).await,
        Work::Remove(folder) => {
            said(crew, session, &work, Command::Rmd(folder.remote.clone())).await
        }
        Work::Delete(item) => said(crew, session, &work, Command::Dele(item.remote.clone())).await,
        Work::Check(item) => check(crew, session, item).await,
        Work::Store(item) => super::super::store::store(crew, session, item).await,
        // They are on no agenda that has one server: see `pairs.rs`.
        Work::Look(_) | Work::Copy(_) => {
            crew.board.found(&work, Found::Nothing);
            Ok(())
        }
    };
    let Err(error) = result else {
        if matches!(&work, Work::Fetch(item) | Work::Store(item) if item.is_light()) {
            crew.pace.took(begun.elapsed());
        }
        return Ok(());
    };
    if at_once && !session.at_once {
        // It was the way of asking that was refused.
        crew.learn(|known| known.in_a_row = Some(false));
        crew.board.return_unbegun(work);
        return if session.control.awaits_replies() { Err(error) } else { Ok(()) };
    }
    let owes = session.control.awaits_replies() && session.asked.is_none();
    let ends = error.ends_the_session() || session.control.is_closed() || owes;
    let why = again_as(&error, session);
    if matches!(error, Error::NotResumed { spent: true, .. }) && crew.pool.lacks_tickets() {
        crew.board.note(
            "the server has no TLS ticket for each data connection: TLS 1.2 from here on, which needs but one",
        );
    }
    if ends && error.is_passing() {
        crew.board.broke(work, error);
    } else {
        give_up_or_go_on(&crew.board, work, error);
    }
    if ends { Err(why) } else { Ok(()) }
}

/// The same for the lane: why its session ended.
fn again_as(error: &Error, session: &Session) -> Error {
    let last = error.last().cloned().map_or_else(|| session.control.last_boxed(), Box::new);
    Error::ControlLost { last, source: None }
}

async fn said(
    crew: &Crew,
    session: &mut Session,
    work: &Work,
    command: Command,
) -> Result<(), Error> {
    session.completed(&command).await?;
    crew.board.done(work, Amount::default(), Verdict::Unproven);
    Ok(())
}

/// Finds out by digests whether a file is the same on both sides.
async fn check(crew: &Crew, session: &mut Session, item: &Item) -> Result<(), Error> {
    let path = local_path(crew.ground.root(), &item.below);
    let same = match session.agrees(&item.remote, &path).await {
        Ok(true) => Some(true),
        Ok(false) => None,
        Err(Error::Unproven { missing: Proof::Digest { .. }, .. }) => Some(false),
        Err(error) => return Err(error),
    };
    crew.board.found(&Work::Check(item.clone()), Found::Same(same));
    Ok(())
}

/// Lists a folder.
pub(super) async fn list(
    habits: &Habits,
    session: &mut Session,
    folder: &Folder,
    watch: &mut Watch<'_>,
) -> Result<Spool, Error> {
    let listed = session.list_folder(&folder.remote, &habits.dots, LIMIT, watch).await;
    let mut spool = match folder.below.is_empty() {
        true => session.with_none_above(&folder.remote, listed).await?,
        false => listed?,
    };
    if !spool.facts && !session.plain {
        spool.ahead = habits.clock.ahead(session, folder, &mut spool).await?;
    }
    Ok(spool)
}

/// Fetches a small file through memory.
async fn fetch_light(crew: &Crew, session: &mut Session, item: &Item) -> Result<(), Error> {
    let size = item.size.filter(|_| item.tries == 0);
    let size = match size {
        Some(size) => Some(size),
        // What the listing said may have been wrong.
        None => session.size(&item.remote).await?,
    };
    let mut bytes = Vec::with_capacity(usize::try_from(size.unwrap_or(0).min(LIGHT)).unwrap_or(0));
    let transfer = session.retrieve(&item.remote, BYTES, 0, size, &mut bytes, &mut quiet()).await?;
    crew.board.moved(transfer.moved);
    let digest = if crew.verify { session.digest_of(&item.remote, item.size).await? } else { None };
    let item = Item { size, ..item.clone() };
    crew.deliver(Parcel { item, bytes, digest }).await;
    Ok(())
}

/// Fetches a large file into its place; what an earlier try left is gone on with.
async fn fetch_heavy(crew: &Crew, session: &mut Session, item: &Item) -> Result<(), Error> {
    let target = crew.ground.place(&item.below)?;
    let mut watch = crew.board.watch(item);
    let request = Get { how: BYTES, resume: crew.resume, verify: crew.verify };
    let is_free = || crew.board.has_nothing_left();
    let help = Help { size: item.size, pool: &crew.pool, is_free: &is_free };
    let fetched = session.get_helped(&item.remote, &target, request, &help, &mut watch).await?;
    if let Some(mode) = item.mode.filter(|_| crew.modes) {
        let bits = std::fs::Permissions::from_mode(mode & 0o777);
        std::fs::set_permissions(&target, bits).map_err(local("set the mode of", &target))?;
    }
    crew.board.done(&Work::Fetch(item.clone()), fetched.amount(), fetched.verdict());
    Ok(())
}
