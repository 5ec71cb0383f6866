//! The library's own events, for those who ask for them with `RUST_LOG`.

use std::fmt::{Debug, Write as _};

use anabranch::error::{Error, Result};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::{EnvFilter, Registry};

use super::log;

/// The variable that names the events that are wanted: `info`, or `anabranch=debug`.
const VARIABLE: &str = "RUST_LOG";

/// Shows the events that the environment asks for; none by default.
///
/// # Errors
/// `Usage` if it cannot be understood.
pub(crate) fn show_asked() -> Result<()> {
    let Some(asked) = std::env::var(VARIABLE).ok().filter(|asked| !asked.is_empty()) else { return Ok(()) };
    let filter = EnvFilter::builder().parse(&asked).map_err(|error| {
        let message = format!("{VARIABLE}={asked} cannot be understood; give one such as info or anabranch=debug");
        Error::usage(message).because(error)
    })?;
    // It is set once, at the start.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(filter).with(Shown));
    Ok(())
}

/// Writes each event as a line.
struct Shown;

impl<S: Subscriber> Layer<S> for Shown {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let (metadata, mut fields) = (event.metadata(), Fields::default());
        event.record(&mut fields);
        let level = match *metadata.level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            _ => "debug",
        };
        if log::is_json() {
            let more = [("target", Value::from(metadata.target())), ("fields", Value::from(fields.others))];
            return log::write_json(level, "library", &fields.message, more);
        }
        let mut text = format!("{} {level} {}: {}", log::time_of_day(), metadata.target(), fields.message);
        fields.others.iter().for_each(|(name, value)| {
            let _ = write!(text, " {name}={value}");
        });
        log::write_line(&anabranch::text::line(&text, usize::MAX));
    }
}

/// The values of an event.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            _ => self.set(field, Value::from(format!("{value:?}"))),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, Value::from(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, Value::from(value));
    }
}
