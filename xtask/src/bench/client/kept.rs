//! The figures of each row, kept beside the build, so that the table can be made in pieces.
//!
//! A file a row: the server's version in the first line, then a line a setting, in the order of the row. Figures that are
//! older than the program are those of another one, and do not count.

use super::rows::{ROWS, Row};
use super::{Figure, Result};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Keeps what a row has shown.
pub(super) fn keep(wharf: &Path, result: &Result) -> io::Result<()> {
    let file = place(wharf, result.row);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, print(result))
}

/// All rows of which there are figures of this program.
pub(super) fn all(wharf: &Path) -> io::Result<Vec<Result>> {
    let built = fs::metadata(wharf)?.modified()?;
    let read = |row: &'static Row| {
        let file = place(wharf, row);
        let is_ours = fs::metadata(&file).and_then(|kept| kept.modified()).ok()? >= built;
        let text = fs::read_to_string(file).ok().filter(|_| is_ours)?;
        parse(row, &text)
    };
    Ok(ROWS.iter().filter_map(read).collect())
}

fn place(wharf: &Path, row: &Row) -> PathBuf {
    wharf.with_file_name("bench-client").join(row.name)
}

fn print(result: &Result) -> String {
    let mut text = format!("{}\n", result.version);
    for (setting, figure) in &result.settings {
        // Writing into a string cannot fail.
        let _ = match figure {
            Some(Figure { wall, cpu, memory }) => {
                writeln!(text, "{wall:.6}\t{cpu:.6}\t{memory:.3}\t{setting}")
            }
            None => writeln!(text, "-\t-\t-\t{setting}"),
        };
    }
    text
}

/// Nothing where a line is none, as after a change of the row.
fn parse(row: &'static Row, text: &str) -> Option<Result> {
    let (version, lines) = text.split_once('\n')?;
    let settings = lines.lines().map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [wall, cpu, memory, name] = cells[..] else { return None };
        let setting = row.settings.iter().find(|setting| setting.to_string() == name)?;
        let figure = match wall {
            "-" => None,
            _ => Some(Figure {
                wall: wall.parse().ok()?,
                cpu: cpu.parse().ok()?,
                memory: memory.parse().ok()?,
            }),
        };
        Some((*setting, figure))
    });
    Some(Result { row, version: version.to_owned(), settings: settings.collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::super::rows::named;
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_of_a_row_that_has_changed_nothing_is() {
        let row = named("ls").unwrap();
        let figure = |wall| Some(Figure { wall, cpu: 0.5, memory: 3.0 });
        let figures = [figure(1.5), None, figure(2.25)];
        let settings = row.settings.iter().copied().zip(figures).collect();
        let text = print(&Result { row, version: "server 1.0".to_owned(), settings });
        let read = parse(row, &text).unwrap();
        assert_eq!((read.version.as_str(), read.settings.len()), ("server 1.0", 3));
        assert_eq!(print(&read), text);
        assert!(parse(row, &text.replace("lftp", "nobody")).is_none());
        assert!(parse(row, "").is_none());
    }
}
