//! What a user sees: what was understood, progress while a run is under way, its summary, where the results are, and
//! warnings. As text for people, or as JSON objects ([`log`]).

pub(crate) mod epoch;
pub(crate) mod events;
pub(crate) mod log;
pub(crate) mod pace;
mod progress;
pub(crate) mod summary;

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anabranch::error::Error;
use anabranch::text::{line, masked_words, sentence};
use serde_json::Value;

pub(crate) use self::progress::Progress;

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
    let text = lines.collect::<Vec<_>>().join("\n");
    // The reader may have gone, as in a pipe to head.
    let _ = std::io::stdout().write_all(text.as_bytes());
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
    fn a_short_time_is_more_than_nothing() {
        let times = [40, 990, 996, 61_240].map(|milliseconds| in_seconds(Duration::from_millis(milliseconds)));
        assert_eq!(times, ["0.04 s", "0.99 s", "1.0 s", "61.2 s"]);
    }
}
