//! The claims of `claims.rs`, on the corpus of the fuzz targets, on captures that were changed, and on random bytes.
//!
//! What a fuzzer once found stays found: a file in `fuzz/corpus` is run here with every `cargo test`.

use crate::claims;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use wharf_ladder::logs::FORMS;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(folder).expect("the folder is there");
    files.map(|file| std::fs::read(file.expect("a file").path()).expect("a file")).collect()
}

#[test]
fn every_claim_has_a_corpus_and_holds_on_it() {
    for (name, claim) in claims::ALL {
        let corpus = files(&root().join("fuzz/corpus").join(name));
        assert!(!corpus.is_empty(), "no corpus for {name}");
        corpus.iter().for_each(|bytes| claim(bytes));
    }
}

#[test]
fn the_claims_hold_on_the_captures_of_real_sessions() {
    let captures = files(&root().join("crates/ladder/tests/captures"));
    captures.iter().for_each(|bytes| claims::capture(bytes));
}

#[test]
fn the_claims_hold_on_logs_in_which_lines_and_bytes_were_mixed() {
    for (name, log) in crate::logs::logs() {
        claims::log(&log);
        // Every form reads every log, and lines that were torn.
        let head = log.get(..2000).unwrap_or(&log);
        for length in 0..FORMS.len() {
            claims::log(&head[..head.len() - length.min(head.len())]);
        }
        let torn: Vec<u8> = head
            .iter()
            .enumerate()
            .filter(|(n, _)| n % 97 != name.len())
            .map(|(_, b)| *b)
            .collect();
        claims::log(&torn);
    }
}

/// Small captures, in clear and under TLS with their keys in them.
static WHOLE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let captures = root().join("crates/ladder/tests/captures");
    let read = |name: &str| std::fs::read(captures.join(name)).expect("the capture is there");
    ["default-port.cap", "third-party.cap", "ccc-curl.pcapng"].map(read).to_vec()
});

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn the_claims_hold_on_any_bytes(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        for (_, claim) in claims::ALL {
            claim(&data);
        }
    }

    #[test]
    fn a_capture_in_which_bytes_were_changed_is_read_as_far_as_it_goes(
        noise in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..40),
        cut in any::<proptest::sample::Index>(),
    ) {
        for whole in WHOLE.iter() {
            let mut bytes = whole.clone();
            for (at, byte) in &noise {
                *at.get_mut(&mut bytes) = *byte;
            }
            claims::capture(&bytes);
            claims::capture(&bytes[..cut.index(bytes.len())]);
        }
    }
}
