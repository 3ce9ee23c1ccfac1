//! Text logs. What must hold of them is in `crates/ladder/tests/ladder/claims.rs`.

#![no_main]

#[path = "../../crates/ladder/tests/ladder/claims.rs"]
mod claims;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| claims::log(data));
