//! What comes over a data connection, in every representation. What must hold of them is in `wharf_testkit::claims`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| wharf_testkit::claims::inbound(data));
