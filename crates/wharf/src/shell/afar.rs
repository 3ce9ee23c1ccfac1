//! What takes sessions of its own while the shell waits: `copy` to and from other servers, `check`.

use super::{Call, Flow, Outcome, Shell, connect};
use crate::args::check::CheckArgs;
use crate::args::copy::CopyArgs;
use crate::args::shell::{CheckWords, CopyWords, Place, read};
use crate::args::{ConnectionArgs, Url};
use crate::commands::{check, copy};
use crate::events::{Events, Stream};
use crate::exit::{Exit, Told};

/// `copy SRC DST`: between this server and another, or within this one.
pub(super) fn copy(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let CopyWords { source, target, how } = read(call.words)?;
    let url = |place| match place {
        Place::This(name) => connect::address(shell, &name).map(Url),
        Place::Other(url) => Ok(*url),
    };
    let (source, target) = (url(source)?, url(target)?);
    let arguments = CopyArgs { source, target, how, connection: apart(&shell.arguments) };
    shell.link.forget_names();
    let events = Events::to(Stream::Out, arguments.how.moving.json);
    let copied = shell.link.runtime.block_on(copy::run(&arguments, &events));
    ended(&events, copied)
}

/// `check`: which ways of talking to this server work.
pub(super) fn check(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let CheckWords { how } = read(call.words)?;
    let url = Url(connect::address(shell, &"".into())?);
    let arguments = CheckArgs { url, how, connection: apart(&shell.connection) };
    let events = Events::to(Stream::Out, arguments.how.json);
    let checked = shell.link.runtime.block_on(check::run(&arguments, &events));
    ended(&events, checked)
}

/// What goes for sessions that are not drawn with those of the shell.
fn apart(connection: &ConnectionArgs) -> ConnectionArgs {
    ConnectionArgs { trace: None, ..connection.clone() }
}

fn ended(events: &Events, result: anyhow::Result<Exit>) -> Outcome {
    let exit = result.as_ref().map_or_else(Exit::of, |exit| *exit);
    events.end(exit, result.as_ref().err());
    match result? {
        Exit::Done => Ok(Flow::On),
        exit => Err(Told(exit).into()),
    }
}
