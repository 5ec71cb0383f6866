//! What a user sees: progress while a run is under way, and its summary afterwards.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anabranch::memory::peak_memory;
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

/// What the summary on the terminal shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShownResults<'a> {
    /// Numbers of branches by skan's branch type.
    pub(crate) kinds: [i64; 4],
    /// Lengths of all branches, in any order.
    pub(crate) lengths: &'a [f64],
    /// Sum of the lengths.
    pub(crate) total_length: f64,
    /// The unit of lengths.
    pub(crate) unit: &'a str,
    /// Connected components of the skeleton.
    pub(crate) skeletons: u64,
    pub(crate) skeleton_voxels: u64,
    pub(crate) foreground_voxels: u64,
    pub(crate) voxels: u64,
    /// How long the run took.
    pub(crate) elapsed: Duration,
}

/// The summary as lines of text.
pub(crate) fn summary(results: &ShownResults<'_>) -> String {
    let unit = results.unit;
    let mut text = String::new();
    let branches: i64 = results.kinds.iter().sum();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<24}{value}");
    };
    line("branches", grouped(branches.unsigned_abs()));
    let names = ["tip to tip", "tip to junction", "junction to junction", "cycle"];
    for (name, count) in names.into_iter().zip(results.kinds).filter(|(_, count)| *count != 0) {
        line(&format!("  {name}"), grouped(count.unsigned_abs()));
    }
    line("total length", format!("{} {unit}", rounded(results.total_length)));
    line("skeletons", format!("{} with {} voxels", grouped(results.skeletons), grouped(results.skeleton_voxels)));
    let share = 100.0 * results.foreground_voxels as f64 / results.voxels.max(1) as f64;
    line("foreground", format!("{share:.2} % of {} voxels", grouped(results.voxels)));
    let memory =
        peak_memory().map_or_else(String::new, |bytes| format!(", peak memory {} MB", bytes.div_ceil(1 << 20)));
    line("time", format!("{:.1} s{memory}", results.elapsed.as_secs_f64()));
    if results.lengths.len() > 1 {
        let _ = writeln!(text, "\n  length of branches ({unit})");
        text.push_str(&distribution(results.lengths));
    }
    text
}

/// The distribution of lengths as bars, over classes that end at 1, 2, 5, 10 and so on; each begins beyond the end of
/// the one before.
fn distribution(lengths: &[f64]) -> String {
    const BARS: usize = 12;
    const WIDEST: usize = 40;
    let largest = lengths.iter().copied().fold(0.0, f64::max);
    let last = (-30..).find(|&step| class_end(step) >= largest).unwrap_or(0);
    let ends: Vec<f64> = (last + 1 - BARS as i32..=last).map(class_end).collect();
    let mut counts = [0usize; BARS];
    for length in lengths {
        counts[ends.iter().position(|end| length <= end).unwrap_or(BARS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let mut text = String::new();
    let first = counts.iter().position(|&count| count > 0).unwrap_or(0);
    let mut from = if first == 0 { 0.0 } else { ends[first - 1] };
    for (end, count) in ends.into_iter().zip(counts).skip(first) {
        let bar = "#".repeat((count * WIDEST).div_ceil(most));
        let range = format!("{} to {}", round_number(from), round_number(end));
        let _ = writeln!(text, "  {range:>22}  {:>9}  {bar}", grouped(count as u64));
        from = end;
    }
    text
}

/// 1, 2, 5, 10, 20, 50 and so on from step 0; 0.5, 0.2, 0.1 before it.
fn class_end(step: i32) -> f64 {
    let digit = [1.0, 2.0, 5.0][usize::try_from(step.rem_euclid(3)).unwrap_or_default()];
    // Through text, so that the number is the one that people write.
    format!("{digit}e{}", step.div_euclid(3)).parse().unwrap_or(digit)
}

/// The end of a class as it is, whole thousands with commas.
fn round_number(value: f64) -> String {
    if (1000.0..1e15).contains(&value) { grouped(value as u64) } else { format!("{value}") }
}

/// A number with about three digits; a whole number from a thousand on.
fn rounded(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        v if v >= 1000.0 => grouped(value.round() as u64),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        v if v >= 1e-3 => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    }
}

/// A whole number with commas between thousands.
fn grouped(value: u64) -> String {
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

    fn results(lengths: &[f64]) -> ShownResults<'_> {
        ShownResults {
            kinds: [0, 2, lengths.len() as i64 - 2, 0],
            lengths,
            total_length: lengths.iter().sum(),
            unit: "µm",
            skeletons: 1,
            skeleton_voxels: 1234,
            foreground_voxels: 50_000,
            voxels: 1_000_000,
            elapsed: Duration::from_millis(1540),
        }
    }

    #[test]
    fn the_summary_has_what_a_person_wants_to_read() {
        let text = summary(&results(&[0.5, 3.0, 700.0, 900.0]));
        for part in ["1,604 µm", "tip to junction       2", "1,234 voxels", "5.00 % of 1,000,000", "1.5 s"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("cycle"), "{text}");
    }

    #[test]
    fn every_length_is_in_one_bar() {
        let ends: Vec<f64> = (-3..=4).map(class_end).collect();
        assert_eq!(ends, [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0]);
        let text = distribution(&[1.0, 1.5, 2.0, 1024.0]);
        assert!(text.contains("1 to 2          2") && text.contains("1,000 to 2,000          1"), "{text}");
        for lengths in [vec![1.0, 1.5, 2.0, 1024.0], vec![0.001, 0.002], vec![0.0, 0.0], vec![5.0; 12345]] {
            let text = distribution(&lengths);
            let counts = text
                .lines()
                .map(|line| line.replace(',', ""))
                .map(|line| line.split_whitespace().nth(3).and_then(|count| count.parse::<usize>().ok()).unwrap());
            assert_eq!(counts.sum::<usize>(), lengths.len(), "{text}");
        }
    }

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
