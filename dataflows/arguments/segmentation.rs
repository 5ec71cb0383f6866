//! The options of images that are segmentations.

use std::path::PathBuf;

use clap::Args;

use super::headings::INPUT;

/// What the values of an image are, and where to measure others.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SegmentationOptions {
    /// The image is a segmentation: give each label its own skeleton
    ///
    /// Labels are the values other than 0; they may touch. The tables get a column `label`.
    #[arg(long, help_heading = INPUT)]
    pub(crate) labels: bool,
    /// Measure values along branches in this image of the same shape
    ///
    /// For a mask or labels, give the image that they were made from.
    #[arg(long, value_name = "IMAGE", help_heading = INPUT)]
    pub(crate) intensity: Option<PathBuf>,
}
