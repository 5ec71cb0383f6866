//! Messages to the person or the program that started this one: text for people, or JSON objects, one a line.

use std::io::Write;
use std::sync::OnceLock;

use anabranch::text::{line, masked_words};
use chrono::{Local, SecondsFormat};
use serde_json::{Map, Value};

use crate::arguments::LogFormat;

static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Sets the format of all messages from now on. The first call counts.
pub(crate) fn set_format(format: LogFormat) {
    let _ = FORMAT.set(format);
}

/// Whether messages are JSON.
pub(crate) fn is_json() -> bool {
    FORMAT.get() == Some(&LogFormat::Json)
}

/// Writes a line to standard error, if it is open: in one piece, so that those of several threads do not mix.
pub(crate) fn write_line(text: &str) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Writes one JSON object: the time, how grave it is (`error`, `warning`, `info`, `debug`), what it is about, a sentence, and
/// what belongs to that kind of event.
pub(crate) fn write_json(
    level: &str,
    event: &str,
    message: &str,
    fields: impl IntoIterator<Item = (&'static str, Value)>,
) {
    let mut object = Map::new();
    let message = line(&masked_words(message), usize::MAX);
    let first = [("time", now()), ("level", level.to_owned()), ("event", event.to_owned()), ("message", message)];
    object.extend(first.map(|(name, text)| (name.to_owned(), Value::from(text))));
    object.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
    write_line(&Value::from(object).to_string());
}

/// The time, with the distance from UTC: `2026-11-27T13:37:00.123+01:00`.
pub(crate) fn now() -> String {
    Local::now().to_rfc3339_opts(SecondsFormat::Millis, false)
}

/// The time of day where the program runs: `13:37:00`.
pub(crate) fn time_of_day() -> String {
    Local::now().format("%H:%M:%S").to_string()
}
