//! Options whose value is one of a few names.

use anabranch::export::Format;
use anabranch::kernel::image::coarsen::Downsample;
use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// What the colours of branches stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BranchColour {
    /// What a branch joins: junctions, tips
    Kind,
    /// The mean radius of a branch
    Radius,
}

/// The files of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PictureFormat {
    /// overview.png
    Png,
    /// overview.svg, with lines and text that can be edited, beside overview.png
    Svg,
}

/// How masks are thinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodName {
    /// Lee, Kashyap and Chu 1994, as scikit-image runs it: 3-D and 2-D
    Lee,
    /// Zhang and Suen 1984, as scikit-image runs it: 2-D
    Zhang,
    /// Keeps every object, loop and cavity: 3-D and 2-D
    Homotopic,
}

/// Which columns the branch table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColumnSet {
    /// skan's, then radii, volume and more
    All,
    /// skan's only, and no other table but that of --objects: faster
    Skan,
}

/// Takes the names of formats of exports.
pub(crate) fn export_format() -> impl TypedValueParser<Value = Format> {
    let names = Format::ALL.iter().map(|format| PossibleValue::new(format.name()).help(format.meaning()));
    PossibleValuesParser::new(names).try_map(|name| Format::of(&name).ok_or("is no format of exports"))
}

/// How coarser resolutions of an image are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DownsampleName {
    /// The mean: for intensities
    Mean,
    /// The largest value: for masks and skeletons
    Max,
    /// The most frequent value, of several the largest: for labels
    Mode,
}

impl From<DownsampleName> for Downsample {
    fn from(name: DownsampleName) -> Downsample {
        match name {
            DownsampleName::Mean => Downsample::Mean,
            DownsampleName::Max => Downsample::Max,
            DownsampleName::Mode => Downsample::Mode,
        }
    }
}

/// How many neighbours a voxel of an object has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Neighbours {
    /// At faces: 6, and 4 in 2-D
    #[value(name = "6")]
    Faces,
    /// At faces and edges: 18, and 8 in 2-D.
    #[value(name = "18")]
    Edges,
    /// At faces, edges and corners: 26, and 8 in 2-D.
    #[default]
    #[value(name = "26")]
    Corners,
}

/// The order in which a stage visits tiles.
#[cfg(feature = "mosaic")]
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum StageOrder {
    /// Row by row, each in the same direction
    Row,
    /// Column by column, each in the same direction
    Column,
    /// Row by row, every second one backwards
    SnakeRow,
    /// Column by column, every second one backwards
    SnakeColumn,
}

/// The corner in which a scan begins.
#[cfg(feature = "mosaic")]
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Corner {
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
}

impl From<BranchColour> for anabranch::overview::BranchColour {
    fn from(colour: BranchColour) -> Self {
        match colour {
            BranchColour::Kind => Self::Kind,
            BranchColour::Radius => Self::Radius,
        }
    }
}

impl From<ColumnSet> for anabranch::parameters::ColumnSet {
    fn from(columns: ColumnSet) -> Self {
        match columns {
            ColumnSet::All => Self::All,
            ColumnSet::Skan => Self::Skan,
        }
    }
}

impl From<Neighbours> for anabranch::kernel::objects::connectivity::Connectivity {
    fn from(neighbours: Neighbours) -> Self {
        match neighbours {
            Neighbours::Faces => Self::Faces,
            Neighbours::Edges => Self::Edges,
            Neighbours::Corners => Self::Corners,
        }
    }
}

impl From<MethodName> for anabranch::kernel::thin::method::Method {
    fn from(method: MethodName) -> Self {
        match method {
            MethodName::Lee => Self::Lee,
            MethodName::Zhang => Self::Zhang,
            MethodName::Homotopic => Self::Homotopic,
        }
    }
}
