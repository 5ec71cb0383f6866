//! The pages of a file as the planes of a stack, according to its description.

use crate::store::units::Calibration;

/// Axes of planes with their lengths, slowest first: `('c', 2), ('z', 12)`.
pub(crate) type PlaneAxes = Vec<(char, u64)>;

/// The description of a file, apart from its values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FileDescription {
    /// The format, for display: `ImageJ`, `OME-TIFF`.
    pub(crate) form: &'static str,
    pub(crate) calibration: Calibration,
    /// The planes of the pages; `None` if the description does not contain them.
    pub(crate) stack: Option<Stack>,
    pub(crate) channel_names: Vec<String>,
    /// Number of images in the metadata.
    pub(crate) series: Option<u64>,
    /// Warnings, each a sentence without a full stop.
    pub(crate) warnings: Vec<String>,
}

/// The planes of pages.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stack {
    pub(crate) axes: PlaneAxes,
    /// Runs of pages with their planes; empty if the pages are in the order of the axes.
    pub(crate) runs: Vec<Run>,
    /// Shape of a plane along (y, x), if the description has it.
    pub(crate) size: Option<[u64; 2]>,
    /// Whether the writer puts planes behind a single page, without directories.
    pub(crate) behind: bool,
    /// The source of the description: `ImageJ's text`.
    pub(crate) from: &'static str,
}

/// Consecutive planes in the order of the axes, and consecutive pages with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// The file of the pages; `None` for the file with the description.
    pub(crate) file: Option<String>,
    pub(crate) page: u64,
    /// The number of the first plane.
    pub(crate) plane: u64,
    /// Number of pages; `None` for all from the first one on.
    pub(crate) count: Option<u64>,
}

impl Stack {
    /// Pages in the order of some axes, the slowest first.
    pub(crate) fn of(axes: &[(char, u64)], from: &'static str) -> Self {
        Stack { axes: axes.to_vec(), from, ..Stack::default() }
    }

    /// The length along an axis; 1 if it is not among the axes.
    pub(crate) fn length(&self, axis: char) -> u64 {
        self.axes.iter().find(|(name, _)| *name == axis).map_or(1, |(_, length)| *length)
    }

    /// Number of planes in all; `None` if it overflows.
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
