//! What helps where something went wrong, as who typed the command can do it.

use wharf_client::Error;

use crate::standard::Behind;

const EACH_BYTE_ONCE: &str =
    "what has gone through standard input or output is not taken back: running again begins anew";

/// What helps, where anything is known to.
pub(crate) fn of(error: &anyhow::Error) -> Option<&'static str> {
    let cause = error.chain().find_map(|cause| cause.downcast_ref::<Error>())?;
    match error.is::<Behind>() && cause.is_passing() {
        true => Some(EACH_BYTE_ONCE),
        false => cause.advice(),
    }
}
