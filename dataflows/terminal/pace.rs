//! How long a stage of a run will still take, from how long its part so far has taken.

use std::time::{Duration, Instant};

use anabranch::progress::{Counters, Stage};

/// Nothing is said about the time left before a stage has run for this long, and has done this share.
const LEAST_TIME: Duration = Duration::from_secs(2);
const LEAST_SHARE: f64 = 0.02;

/// When the current stage began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    stage: Stage,
    since: Instant,
}

impl Pace {
    /// A run that has not begun.
    pub(crate) fn new() -> Pace {
        Pace { stage: Stage::Opening, since: Instant::now() }
    }

    /// The time that is left for the stage, if it can be estimated.
    pub(crate) fn left(&mut self, now: &Counters) -> Option<Duration> {
        if now.stage != self.stage {
            *self = Pace { stage: now.stage, since: Instant::now() };
        }
        left_after(self.since.elapsed(), share(now)?)
    }
}

/// The share of a stage that is done; `None` if nobody knows how much it is in all.
pub(crate) fn share(now: &Counters) -> Option<f64> {
    match now.stage {
        // Few voxels stay, and how many is not known before: those that are left count in full.
        Stage::Thinning if now.foreground > 0 => Some((now.deletions as f64 / now.foreground as f64).min(1.0)),
        _ if now.total > 0 => Some((now.done as f64 / now.total as f64).min(1.0)),
        _ => None,
    }
}

fn left_after(elapsed: Duration, share: f64) -> Option<Duration> {
    (elapsed >= LEAST_TIME && share >= LEAST_SHARE).then(|| elapsed.mul_f64((1.0 - share) / share))
}

/// A time as people say it: `40 s`, `3 min`, `1 h 20 min`.
pub(crate) fn spoken(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..=9 => format!("{} s", seconds.max(1)),
        seconds @ 10..=89 => format!("{} s", seconds.div_ceil(5) * 5),
        seconds @ 90..=5399 => format!("{} min", (seconds + 30) / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_from_the_share_that_is_done() {
        let left = |seconds, share| left_after(Duration::from_secs(seconds), share).map(|left| left.as_secs());
        assert_eq!([left(10, 0.25), left(10, 1.0), left(30, 0.5)], [Some(30), Some(0), Some(30)]);
        assert_eq!([left(1, 0.5), left(100, 0.001)], [None, None], "too early to say");
    }

    #[test]
    fn thinning_is_measured_by_what_it_has_deleted() {
        let reading = Counters { stage: Stage::Reading, done: 3, total: 4, rounds: 0, deletions: 0, foreground: 200 };
        let thinning = Counters { stage: Stage::Thinning, total: 0, deletions: 50, ..reading };
        assert_eq!([share(&reading), share(&thinning)], [Some(0.75), Some(0.25)]);
        assert_eq!(share(&Counters { foreground: 0, ..thinning }), None);
    }

    #[test]
    fn times_are_said_in_round_numbers() {
        let said = [0, 7, 41, 89, 100, 3600, 5400].map(|seconds| spoken(Duration::from_secs(seconds)));
        assert_eq!(said, ["1 s", "7 s", "45 s", "90 s", "2 min", "60 min", "1 h 30 min"]);
    }
}
