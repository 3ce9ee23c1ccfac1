//! `cargo xtask session`: writes `docs/session.md`, its Japanese sister and their pictures from the captures in
//! `docs/sessions`, which `docs/sessions/record` makes.
//!
//! What each session shows is in `session/table.rs`; the rows, the lines about them and the verdicts are the ladder's own.
//! With `--check` nothing is written, and a page or picture that is not what would be written is an error.

mod table;

use crate::Ending;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use table::{HEADS, LESSONS, Lesson};
use wharf_ladder::capture::Capture;
use wharf_ladder::render::{Sheet, svg};
use wharf_ladder::scene::scenes;
use wharf_ladder::sessions::Sessions;
use wharf_ladder::{Lang, Options, Scene, text};

const FOLDER: &str = "docs/sessions";

/// Runs the chore.
pub(crate) fn run(arguments: &[String]) -> Ending {
    let check = match arguments {
        [] => false,
        [word] if word == "--check" => true,
        _ => return Err("takes --check or nothing".into()),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?;
    for (path, text) in files(root)? {
        if !check {
            fs::write(root.join(&path), text)?;
        } else if fs::read_to_string(root.join(&path)).ok().as_deref() != Some(&text) {
            let path = path.display();
            return Err(format!("{path} is not up to date; run `cargo xtask session`").into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every file that is made, with its text.
fn files(root: &Path) -> Result<Vec<(PathBuf, String)>, Box<dyn Error>> {
    let drawn: Vec<(&Lesson, Scene)> = LESSONS
        .iter()
        .map(|lesson| Ok((lesson, scene(root, lesson)?)))
        .collect::<Result<_, Box<dyn Error>>>()?;
    let mut files = Vec::new();
    for (lang, ending) in [(Lang::En, ""), (Lang::Ja, ".ja")] {
        let mut page = head(lang);
        for (lesson, scene) in &drawn {
            if lesson.picture {
                let sheet = Sheet { scene, lang, packets: false, no_times: false, origin: None };
                let path = Path::new(FOLDER).join(format!("{}{ending}.svg", lesson.name));
                files.push((path, svg::render(&sheet)));
            }
            section(&mut page, lesson, scene, lang)?;
        }
        files.push((PathBuf::from(format!("docs/session{ending}.md")), page));
    }
    Ok(files)
}

/// What a capture holds: one session, or those of one transfer between servers.
fn scene(root: &Path, lesson: &Lesson) -> Result<Scene, Box<dyn Error>> {
    let path = root.join(FOLDER).join(format!("{}.cap", lesson.name));
    let file = fs::File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut capture = Capture::open(file)?;
    let keys = root.join(FOLDER).join(format!("{}.keys", lesson.name));
    if let Ok(log) = fs::read(keys) {
        log.split_inclusive(|byte| *byte == b'\n').for_each(|line| {
            capture.keys().learn(line);
        });
    }
    let mut sessions = Sessions::default().with_keys(capture.keys().clone());
    capture.each_segment(|segment| sessions.push(segment))?;
    let mut groups = sessions.finish();
    let group = groups.pop().filter(|_| groups.is_empty());
    let mut scenes = scenes(&group.ok_or("a capture of one session is wanted")?);
    scenes.pop().ok_or_else(|| "nothing is in the capture".into())
}

fn head(lang: Lang) -> String {
    lang.of(HEADS[0], HEADS[1]).to_owned()
}

fn section(
    page: &mut String,
    lesson: &Lesson,
    scene: &Scene,
    lang: Lang,
) -> Result<(), std::fmt::Error> {
    let options = Options { packets: lesson.packets, lang, no_times: true, ..Options::default() };
    let ladder = text::scene(scene, &options);
    let verdicts = text::verdicts(&scene.findings, &options);
    writeln!(
        page,
        "\n## {}\n\n{}\n",
        lang.of(lesson.title[0], lesson.title[1]),
        lang.of(lesson.words[0], lesson.words[1])
    )?;
    if lesson.picture {
        let ending = lang.of("", ".ja");
        let title = lang.of(lesson.title[0], lesson.title[1]);
        writeln!(page, "![{title}](sessions/{}{ending}.svg)\n", lesson.name)?;
    }
    let notes = text::lesson_notes(scene, &options);
    writeln!(page, "```text\n{}\n{verdicts}```\n", ladder.trim_end())?;
    let label = lang.of("each step", "各行の意味");
    writeln!(page, "<details><summary>{label}</summary>\n\n```text\n{notes}```\n\n</details>")
}
