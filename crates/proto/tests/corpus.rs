//! The claims of `wharf_testkit::claims`, on the corpus of the fuzz targets and on random bytes.
//!
//! What a fuzzer once found stays found: a file in `fuzz/corpus` is run here with every `cargo test`.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use wharf_testkit::claims;

#[test]
fn every_claim_has_a_corpus_and_holds_on_it() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for claim in claims::ALL {
        assert!(claims::run_on_corpus(claim, &corpus).unwrap() > 0, "no corpus for {}", claim.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_claim_holds_on_random_bytes(data in vec(any::<u8>(), 0..200)) {
        for (_, claim) in claims::ALL {
            claim(&data);
        }
    }
}
