//! What a picture shows, and how it looks.

use super::strokes::BranchColour;
use crate::kernel::image::project::Projections;
use crate::space::Spacing;

/// How a picture of results looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OverviewOptions {
    /// What colours stand for.
    pub colour: BranchColour,
    /// The longest side of a panel, in pixels; by default as many as the image has voxels there, but between 512 and
    /// 1024, and up to 1536 for images that are long and thin.
    pub size: Option<usize>,
    /// Whether to make the picture as SVG too.
    pub vector: bool,
}

/// What a picture shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) projections: &'a Projections,
    pub(crate) spacing: Spacing,
    /// The symbol of the spacing's unit.
    pub(crate) unit: Option<&'a str>,
}
