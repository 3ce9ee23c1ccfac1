//! Manual pages and completions, which come from the definition of the options.

use std::fs;
use std::process::Command;

use crate::story::wharf;

#[test]
fn there_is_a_manual_page_for_each_command_with_its_options_and_the_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    wharf(&["man", "pages"]).within(folder.path()).ends_with(0).printing("");
    let page = |name: &str| fs::read_to_string(folder.path().join("pages").join(name)).unwrap();
    assert!(page("wharf.1").contains("Exit codes: 0 done"), "{}", page("wharf.1"));
    for (name, option) in
        [("wharf-get.1", "restart"), ("wharf-ls.1", "json"), ("wharf-serve.1", "listen")]
    {
        let text = page(name);
        assert!(text.starts_with(".ie") && text.contains(".TH") && text.contains(option), "{text}");
    }
}

#[test]
fn every_shell_gets_a_script_and_bash_reads_its_own() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = wharf(&["completions", shell]).ends_with(0).out;
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains("wharf") && script.contains("exit-on-error"), "{shell}");
        if shell == "bash" {
            let checked = Command::new("bash").args(["-n", "-c", &script]).status();
            assert!(checked.is_err() || checked.unwrap().success());
        }
    }
    wharf(&["completions", "csh"]).ends_with(2);
}
