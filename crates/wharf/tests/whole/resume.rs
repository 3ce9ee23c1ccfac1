//! Uploads that were broken off, gone on with against `wharf serve`.

use std::fs;
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::serving::{Serving, run, wharf};

/// How many bytes an unfinished upload has.
fn unfinished(serving: &Serving) -> u64 {
    let entries = fs::read_dir(serving.tree.path()).unwrap().map(Result::unwrap);
    let hidden = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".wharf-"));
    hidden.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

#[test]
fn a_broken_upload_is_gone_on_with_by_its_digest_and_begun_anew_where_its_bytes_are_others() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("f");
    for changed in [false, true] {
        let serving = Serving::new(&["--writable"]);
        let mut bytes: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        fs::write(&file, &bytes).unwrap();
        let url = serving.url("x");
        let mut killed = wharf()
            .args(["put", "-q", "--limit-rate", "2M", "f", &url])
            .current_dir(here.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        // More than the end of it, which alone might be looked at.
        while unfinished(&serving) < 200_000 {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        if changed {
            bytes[0] = 0xFF;
            fs::File::options().write(true).open(&file).unwrap().write_at(&[0xFF], 0).unwrap();
        }
        let put = run(here.path(), &["put", "--resume", "--trace=ladder", "f", &url]);
        let said = String::from_utf8(put.stderr).unwrap();
        assert_eq!(put.status.code(), Some(0), "{said}");
        assert_eq!(said.contains("starting over"), changed, "{said}");
        assert_eq!(said.contains("going on after"), !changed, "{said}");
        let ladder = fs::read_to_string(here.path().join("ladder")).unwrap();
        assert!(ladder.contains("HASH x") && !ladder.contains("RETR x"), "{ladder}");
        assert!(fs::read(serving.path("x")).unwrap() == bytes);
    }
}
