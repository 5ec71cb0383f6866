//! What a user sees: progress while a run is under way, its summary afterwards, and warnings.

pub(crate) mod summary;

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anabranch::progress::{Counters, ProgressState, Stage};
use anabranch::text::{line, masked_words, sentence};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar is drawn; how often a line is written if there is no terminal.
const BAR_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows the progress of a run on standard error until it is dropped: a bar on a terminal, a line every few seconds
/// elsewhere, nothing when quiet.
#[derive(Debug)]
pub(crate) struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    /// Shows a run's counters from now on.
    pub(crate) fn show(state: &Arc<ProgressState>, quiet: bool) -> Progress {
        if quiet {
            return Progress(None);
        }
        let state = Arc::clone(state);
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut display = Display::new(std::io::stderr().is_terminal());
            let every = display.every();
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                display.update(&state.snapshot());
            }
            display.clear();
        });
        Progress(Some((stop, thread)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            drop(stop);
            // A display that has panicked is no reason for a run to fail.
            let _ = thread.join();
        }
    }
}

enum Display {
    Bar(ProgressBar),
    Lines { since: Instant, last: String },
}

impl Display {
    fn new(terminal: bool) -> Display {
        if !terminal {
            return Display::Lines { since: Instant::now(), last: String::new() };
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{elapsed:>4} [{bar:30}] {msg}").unwrap_or_else(|_| {
            // The template is a constant; the plain style is as good.
            ProgressStyle::default_bar()
        });
        bar.set_style(style.progress_chars("=> "));
        Display::Bar(bar)
    }

    fn every(&self) -> Duration {
        match self {
            Display::Bar(_) => BAR_EVERY,
            Display::Lines { .. } => LINE_EVERY,
        }
    }

    fn update(&mut self, now: &Counters) {
        let text = describe(now);
        match self {
            Display::Bar(bar) => {
                bar.set_length(now.total.max(1));
                bar.set_position(now.done.min(now.total));
                bar.set_message(text);
                bar.tick();
            }
            Display::Lines { since, last } => {
                if text != *last {
                    // Nobody may be listening any more.
                    let _ = writeln!(std::io::stderr(), "{:>4} s  {text}", since.elapsed().as_secs());
                    *last = text;
                }
            }
        }
    }

    fn clear(&self) {
        if let Display::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// The stage, with its chunks and rounds as far as there are any.
fn describe(now: &Counters) -> String {
    let mut text = String::from(now.stage.name());
    if now.total > 0 {
        let _ = write!(text, ", {} of {} chunks", now.done, now.total);
    }
    if now.stage >= Stage::Thinning && now.rounds > 0 {
        let _ = write!(text, ", {} rounds", now.rounds);
    }
    if now.stage == Stage::Thinning && now.deletions > 0 {
        let _ = write!(text, ", {} voxels deleted", grouped(now.deletions));
    }
    text
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

/// Prints a warning to standard error, in one line.
pub(crate) fn print_warning(warning: &str) {
    let warning = sentence(warning);
    let _ = writeln!(std::io::stderr(), "warning: {warning}");
}

/// Prints a note to standard error, unless quiet: why something takes long.
pub(crate) fn print_note(note: &str, quiet: bool) {
    if !quiet {
        print_warning(note);
    }
}

/// Prints lines of text to standard output, unless quiet.
pub(crate) fn print(text: &str, quiet: bool) {
    if !quiet {
        let lines = text.split('\n').map(|text| line(&masked_words(text), usize::MAX));
        let text = lines.collect::<Vec<_>>().join("\n");
        // The reader may have gone, as in a pipe to head.
        let _ = std::io::stdout().write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_line_names_stage_chunks_and_rounds() {
        let now = Counters { stage: Stage::Thinning, done: 3, total: 512, rounds: 40, deletions: 1_234_567 };
        assert_eq!(describe(&now), "thinning, 3 of 512 chunks, 40 rounds, 1,234,567 voxels deleted");
        assert_eq!(describe(&Counters { total: 0, stage: Stage::Opening, ..now }), "opening");
    }

    #[test]
    fn a_display_ends_when_it_is_dropped() {
        let state = Arc::new(ProgressState::new());
        drop(Progress::show(&state, false));
        assert_eq!(Arc::strong_count(&state), 1);
    }
}
