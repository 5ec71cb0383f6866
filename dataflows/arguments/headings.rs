//! The groups of options in the help, in the order in which they are shown.

pub(super) const INPUT: &str = "Input";
pub(super) const TILES: &str = "Tables of tiles";
pub(super) const FOREGROUND: &str = "Foreground";
pub(super) const ANALYSIS: &str = "Analysis";
pub(super) const OUTPUT: &str = "Output";
pub(super) const RESOURCES: &str = "Resources";
pub(super) const INCREMENTAL: &str = "Incremental";
pub(super) const PROCESSES: &str = "Processes";
