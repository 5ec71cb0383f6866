//! Promise: docs/formats.md says what is read, what is refused and how it is found out, as the program does it.

use std::fmt::Write as _;
use std::path::Path;

use anabranch::store::{Inspection, inspect};

use crate::kinds;

const TABLE: &str = "docs/formats.md";
/// Set to write the table instead of comparing it.
const WRITE: &str = "ANABRANCH_WRITE_FORMATS";

const HEAD: &str = "# What is read, what is refused, and how it is found out

This table is made by `tests/promises/formats_table.rs`: each row is a small file that the test writes, and what
`anabranch info` says of it. After a change, `ANABRANCH_WRITE_FORMATS=1 cargo test --test promises formats_table` writes
it anew.

Rules behind it: what a file says of its own axes, order, units, planes and channels is used or refused, never passed
over. Two statements that contradict each other are refused. A calibration that lacks an axis is said and not used. A
description that cannot be parsed is an error. What may mislead is a warning, printed before a run.
";

/// What comes of an image, as a cell of the table.
fn result(found: &Inspection, folder: &Path) -> String {
    let prefix = format!("{}/", folder.display());
    let plain = |text: &str| text.replace(&prefix, "").replace('|', "\\|").replace('\n', " ");
    if let Some(refused) = &found.refused {
        return format!("refused ({}): {}", refused.exit_code, plain(&refused.message));
    }
    let image = found.image.as_ref().expect("what is not refused is understood");
    let mut text = match &found.choice {
        Some(choice) => format!("a choice: {}", plain(choice)),
        None => plain(&image.headline()),
    };
    for warning in &image.warnings {
        let _ = write!(text, "; warning: {}", plain(warning));
    }
    text
}

#[test]
fn the_table_of_formats_is_what_the_program_does() {
    let mut text = HEAD.to_owned();
    let mut form = "";
    for kind in kinds::all() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = (kind.write)(folder.path());
        let found = inspect(&path, &kind.open_options());
        if kind.form != form {
            form = kind.form;
            let _ = write!(text, "\n## {form}\n\n| example | result | found out by |\n|---|---|---|\n");
        }
        let options = if kind.options.is_empty() { String::new() } else { format!(", `{}`", kind.options.join(" ")) };
        let _ = writeln!(text, "| {}{options} | {} | {} |", kind.example, result(&found, folder.path()), kind.found_by);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &text).expect("a writable table");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let different = committed.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(
        committed == text,
        "{TABLE} is not what the program does, first in {different:?}; {WRITE}=1 cargo test --test promises \
         formats_table writes it anew"
    );
}
