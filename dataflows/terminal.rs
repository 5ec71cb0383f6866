//! What a user sees: what was understood, progress while a run is under way, its summary, where the results are, and
//! warnings. As text for people, or as JSON objects ([`log`]).

pub(crate) mod epoch;
pub(crate) mod events;
pub(crate) mod log;
pub(crate) mod pace;
mod progress;
pub(crate) mod summary;

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use anabranch::error::{Error, Kind, Result};
use anabranch::text::{line, masked_words, sentence};
use serde_json::Value;

pub(crate) use self::progress::Progress;

/// The first failure of a write to standard output.
static UNWRITTEN: OnceLock<Error> = OnceLock::new();

/// Prints the error that ends the program.
pub(crate) fn print_error(error: &Error) {
    let text = sentence(&error.to_string());
    if log::is_json() {
        return log::write_json("error", "error", &text, [("exit_code", Value::from(error.kind().exit_code()))]);
    }
    log::write_line(&format!("anabranch: {text}"));
}

/// Prints a warning to standard error, in one line.
pub(crate) fn print_warning(warning: &str) {
    let warning = sentence(warning);
    if log::is_json() {
        return log::write_json("warning", "warning", &warning, []);
    }
    log::write_line(&format!("warning: {warning}"));
}

/// Prints a note to standard error, unless quiet: why something takes long.
pub(crate) fn print_note(note: &str, quiet: bool) {
    if !quiet {
        print_warning(note);
    }
}

/// Prints lines of text about what the program does to standard output, unless quiet. As JSON each is an object.
pub(crate) fn print(text: &str, quiet: bool) {
    print_event("message", text, quiet, []);
}

/// The same about an event, with fields for its JSON.
pub(crate) fn print_event(
    event: &str,
    text: &str,
    quiet: bool,
    fields: impl IntoIterator<Item = (&'static str, Value)>,
) {
    if quiet {
        return;
    }
    if log::is_json() {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        return log::write_json("info", event, &lines.join("; "), fields);
    }
    print_data(text);
}

/// Prints what was asked for to standard output: a table, or JSON.
pub(crate) fn print_data(text: &str) {
    let lines = text.split('\n').map(|text| line(&masked_words(text), usize::MAX));
    print_bytes(lines.collect::<Vec<_>>().join("\n").as_bytes());
}

/// Prints bytes to standard output as they are. [`all_printed`] returns the first failure, in the end.
pub(crate) fn print_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout();
    if let Err(error) = of_printing(out.write_all(bytes).and_then(|()| out.flush())) {
        // The first one tells why.
        let _ = UNWRITTEN.set(error);
    }
}

/// What a write to standard output has come to. Its reader may have gone, as in a pipe to head: that is no failure.
///
/// # Errors
/// `Io` if it has failed.
pub(crate) fn of_printing(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let message =
                "cannot be written, and what was printed is not complete; free some space, or send it elsewhere";
            Err(Error::new(Kind::Io, message).at("standard output").because(error))
        }
        _ => Ok(()),
    }
}

/// Tells whether everything so far could be printed to standard output.
///
/// # Errors
/// `Io` with the first failure.
pub(crate) fn all_printed() -> Result<()> {
    UNWRITTEN.get().map_or(Ok(()), |error| Err(error.clone()))
}

/// Prints where the results are, and what to do next.
pub(crate) fn print_results(before: &str, folder: &Path, quiet: bool) {
    let place = folder.display().to_string();
    let text = format!("{before}Results are in {place}; to look at them: anabranch report {}\n", shell_word(&place));
    print_event("results", &text, quiet, [("results", Value::from(place))]);
}

/// A path as a shell takes it for one word.
fn shell_word(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=~".contains(c);
    if !path.is_empty() && !path.starts_with(['-', '~']) && path.chars().all(is_plain) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}

/// A time in seconds, to the tenth, or to the hundredth if it is less than one.
pub(crate) fn in_seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 0.995 { format!("{seconds:.2} s") } else { format!("{seconds:.1} s") }
}

/// A whole number with commas between thousands.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        let words = ["out", "a/b.1", "my results", "it's", "-o", ""].map(shell_word);
        assert_eq!(words, ["out", "a/b.1", "'my results'", "'it'\\''s'", "'-o'", "''"]);
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure_and_a_full_disk_is_one() {
        assert!(of_printing(Err(ErrorKind::BrokenPipe.into())).is_ok() && of_printing(Ok(())).is_ok());
        let error = of_printing(Err(ErrorKind::StorageFull.into())).unwrap_err();
        assert_eq!(error.kind(), Kind::Io);
        assert!(error.to_string().starts_with("standard output: cannot be written"), "{error}");
    }

    #[test]
    fn a_short_time_is_more_than_nothing() {
        let times = [40, 990, 996, 61_240].map(|milliseconds| in_seconds(Duration::from_millis(milliseconds)));
        assert_eq!(times, ["0.04 s", "0.99 s", "1.0 s", "61.2 s"]);
    }
}
