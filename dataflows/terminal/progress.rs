//! Progress while a run is under way.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anabranch::progress::{Counters, ProgressState, Stage};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::pace::{Pace, spoken};
use super::{grouped, log};

/// How often a bar is drawn; how often a line is written if there is no terminal: less often after a while.
const BAR_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(5);
const LATER_EVERY: Duration = Duration::from_secs(30);
const AT_FIRST: Duration = Duration::from_secs(60);

/// Shows the progress of a run on standard error until it is dropped: a line that changes on a terminal, a line every few
/// seconds elsewhere, nothing when quiet.
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
            let mut display = Display::new(std::io::stderr().is_terminal() && !log::is_json());
            let (mut pace, since) = (Pace::new(), Instant::now());
            while stopped.recv_timeout(display.every(since.elapsed())) == Err(RecvTimeoutError::Timeout) {
                let now = state.snapshot();
                display.update(&now, pace.left(&now), since.elapsed());
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
    Lines { last: String },
}

impl Display {
    fn new(changes: bool) -> Display {
        if !changes {
            return Display::Lines { last: String::new() };
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{elapsed:>4} [{bar:30}] {msg}").unwrap_or_else(|_| {
            // The template is a constant; the plain style is as good.
            ProgressStyle::default_bar()
        });
        bar.set_style(style.progress_chars("=> "));
        Display::Bar(bar)
    }

    fn every(&self, elapsed: Duration) -> Duration {
        match self {
            Display::Bar(_) => BAR_EVERY,
            Display::Lines { .. } if elapsed < AT_FIRST => LINE_EVERY,
            Display::Lines { .. } => LATER_EVERY,
        }
    }

    fn update(&mut self, now: &Counters, left: Option<Duration>, elapsed: Duration) {
        let text = describe(now, left);
        match self {
            Display::Bar(bar) => {
                bar.set_length(now.total.max(1));
                bar.set_position(now.done.min(now.total));
                bar.set_message(text);
                bar.tick();
            }
            Display::Lines { last } => {
                if text != *last {
                    write(&text, now, left, elapsed);
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

/// Writes a line of progress, or a JSON object.
fn write(text: &str, now: &Counters, left: Option<Duration>, elapsed: Duration) {
    if !log::is_json() {
        return log::write_line(&format!("{:>4} s  {text}", elapsed.as_secs()));
    }
    let fields = [
        ("phase", Value::from(now.stage.name())),
        ("done", Value::from(now.done)),
        ("total", Value::from((now.total > 0).then_some(now.total))),
        ("rounds", Value::from(now.rounds)),
        ("voxels_deleted", Value::from(now.deletions)),
        ("seconds", Value::from(elapsed.as_secs_f64())),
        ("seconds_left_of_phase", Value::from(left.map(|left| left.as_secs()))),
    ];
    log::write_json("info", "progress", text, fields);
}

/// The stage, with its chunks, its rounds and the time that is left, as far as they are known.
fn describe(now: &Counters, left: Option<Duration>) -> String {
    let mut text = String::from(now.stage.name());
    if now.total > 0 {
        let _ = write!(text, ", {} of {} chunks", grouped(now.done), grouped(now.total));
    }
    if now.stage == Stage::Thinning && now.rounds > 0 {
        let _ = write!(text, ", {} rounds", now.rounds);
        if now.deletions > 0 {
            let _ = write!(text, ", {} voxels deleted", grouped(now.deletions));
        }
    }
    if let Some(left) = left {
        let _ = write!(text, ", about {} of {} left", spoken(left), now.stage.name());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_line_names_stage_chunks_rounds_and_the_time_left() {
        let now =
            Counters { stage: Stage::Thinning, done: 3, total: 512, rounds: 40, deletions: 1_234_567, foreground: 0 };
        assert_eq!(describe(&now, None), "thinning, 3 of 512 chunks, 40 rounds, 1,234,567 voxels deleted");
        let reading = Counters { stage: Stage::Reading, total: 1024, ..now };
        let left = Some(Duration::from_secs(42));
        assert_eq!(describe(&reading, left), "reading, 3 of 1,024 chunks, about 45 s of reading left");
        assert_eq!(describe(&Counters { total: 0, stage: Stage::Opening, ..now }, None), "opening");
    }

    #[test]
    fn a_display_ends_when_it_is_dropped() {
        let state = Arc::new(ProgressState::new());
        drop(Progress::show(&state, false));
        assert_eq!(Arc::strong_count(&state), 1);
    }
}
