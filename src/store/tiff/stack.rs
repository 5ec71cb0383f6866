//! What a description says of a file's pages as the planes of a stack.

use crate::store::units::Calibration;

/// Axes of planes with their lengths, slowest first: `('c', 2), ('z', 12)`.
pub(crate) type PlaneAxes = Vec<(char, u64)>;

/// What a file says of itself, beside its values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FileDescription {
    /// The form, as people call it: `ImageJ`, `OME-TIFF`.
    pub(crate) form: &'static str,
    pub(crate) calibration: Calibration,
    /// How the pages are planes; `None` if nothing is said.
    pub(crate) stack: Option<Stack>,
    pub(crate) channel_names: Vec<String>,
    /// How many images the metadata name.
    pub(crate) series: Option<u64>,
    /// What users should know, each in a sentence without a full stop.
    pub(crate) warnings: Vec<String>,
}

/// How pages are planes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stack {
    pub(crate) axes: PlaneAxes,
    /// Where the planes are; empty where the pages are in the order of the axes.
    pub(crate) runs: Vec<Run>,
    /// The size of a plane along (y, x), where it is said.
    pub(crate) size: Option<[u64; 2]>,
    /// Whether the writer puts planes behind a lone page, without a directory of their own.
    pub(crate) behind: bool,
    /// What of the file says it: `ImageJ's text`.
    pub(crate) from: &'static str,
}

/// Planes that follow each other in the order of the axes, and pages that do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// The file that the pages are in; `None` for the file with the description.
    pub(crate) file: Option<String>,
    pub(crate) page: u64,
    /// The number of the first plane.
    pub(crate) plane: u64,
    /// How many pages; `None` for all from the first on.
    pub(crate) count: Option<u64>,
}

impl Stack {
    /// Pages in the order of some axes, the slowest first.
    pub(crate) fn of(axes: &[(char, u64)], from: &'static str) -> Self {
        Stack { axes: axes.to_vec(), from, ..Stack::default() }
    }

    /// The length along an axis; 1 where it is not named.
    pub(crate) fn length(&self, axis: char) -> u64 {
        self.axes.iter().find(|(name, _)| *name == axis).map_or(1, |(_, length)| *length)
    }

    /// Number of planes in all; `None` if it is beyond counting.
    pub(crate) fn count(&self) -> Option<u64> {
        self.axes.iter().try_fold(1u64, |count, (_, length)| count.checked_mul(*length))
    }

    /// The lengths in words: `2 channels of 12 planes`.
    pub(crate) fn in_words(&self) -> String {
        let word = |axis: char, one: &str, many: &str| {
            let n = self.length(axis);
            format!("{n} {}", if n == 1 { one } else { many })
        };
        let mut words = vec![word('z', "plane", "planes")];
        for (axis, one, many) in [('c', "channel", "channels"), ('t', "time point", "time points")] {
            if self.length(axis) != 1 {
                words.insert(0, word(axis, one, many));
            }
        }
        words.join(" x ")
    }
}
