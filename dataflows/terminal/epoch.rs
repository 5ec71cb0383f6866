//! The line about an epoch, for those who watch.

use std::path::Path;
use std::time::Duration;

use anabranch::session::Epoch;
use anabranch::table::summary::Summary;
use serde_json::Value;

use super::summary::rounded;
use super::{grouped, in_seconds, log, print_event};

/// Prints what came with an epoch and what changed, in one line.
pub(crate) fn print_epoch<P>(
    epoch: &Epoch,
    summary: &Summary<P>,
    (unit, folder): (&str, &Path),
    elapsed: Duration,
    quiet: bool,
) {
    let changes = Changes::of(epoch);
    let missing = summary.awaited.as_ref().map(|awaited| awaited.missing);
    let text = format!(
        "epoch {}, {}: {}; {}; {}, {} {unit} in all ({})\n",
        epoch.number,
        log::time_of_day(),
        came(epoch.read, epoch.changed, missing),
        changes.told(),
        branches(summary.branches),
        rounded(summary.total_length),
        in_seconds(elapsed)
    );
    let fields = [
        ("epoch", Value::from(epoch.number)),
        ("chunks_read", Value::from(epoch.read)),
        ("chunks_changed", Value::from(epoch.changed)),
        ("chunks_missing", Value::from(missing)),
        ("branches_added", Value::from(changes.added)),
        ("branches_removed", Value::from(changes.removed)),
        ("branches", Value::from(summary.branches)),
        ("total_length", Value::from(summary.total_length)),
        ("unit", Value::from(unit)),
        ("seconds", Value::from(elapsed.as_secs_f64())),
        ("results", Value::from(folder.display().to_string())),
    ];
    print_event("epoch", &text, quiet, fields);
}

/// How many rows of the branch table came and went.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Changes {
    added: u64,
    removed: u64,
}

impl Changes {
    fn of(epoch: &Epoch) -> Changes {
        let [added, removed] = [epoch.changes.come(), epoch.changes.gone()].map(|count| count as u64);
        Changes { added, removed }
    }

    fn told(self) -> String {
        match (self.added, self.removed) {
            (0, 0) => "no branch changed".to_owned(),
            (added, 0) => format!("{} added", branches(added)),
            (0, removed) => format!("{} removed", branches(removed)),
            (added, removed) => format!("{} added, {} removed", branches(added), grouped(removed)),
        }
    }
}

fn branches(count: u64) -> String {
    if count == 1 { "1 branch".to_owned() } else { format!("{} branches", grouped(count)) }
}

fn came(read: usize, changed: usize, missing: Option<u64>) -> String {
    let chunks = if read == 1 { "chunk" } else { "chunks" };
    let missing = missing.filter(|&missing| missing > 0);
    let missing = missing.map_or_else(String::new, |missing| format!(", {} missing", grouped(missing)));
    format!("{} {chunks} read, {} changed{missing}", grouped(read as u64), grouped(changed as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_came_and_what_changed() {
        assert_eq!(came(1, 1, Some(0)), "1 chunk read, 1 changed");
        assert_eq!(came(1200, 3, Some(7)), "1,200 chunks read, 3 changed, 7 missing");
        let told = |added, removed| Changes { added, removed }.told();
        assert_eq!([told(0, 0), told(5, 0)], ["no branch changed", "5 branches added"]);
        assert_eq!([told(0, 2), told(1, 2)], ["2 branches removed", "1 branch added, 2 removed"]);
    }
}
