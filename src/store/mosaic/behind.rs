//! The state of the files behind an image, to notice changes.

use crate::error::Result;
use crate::space::Region;
use crate::store::marker::{FileMark, Marker};
use crate::store::{Marked, Source};

/// The state of the files behind an image at a moment.
#[derive(Debug)]
pub(super) enum Behind {
    File(FileMark),
    Several(Marked),
    /// The source has no marks.
    Unknown,
}

impl Behind {
    /// The present state of all files of a source.
    pub(super) fn of_source(source: &dyn Source) -> Result<Behind> {
        let whole = Region::of_shape(source.description().shape);
        let marked = source.marks(&[whole])?.into_iter().flatten().next();
        Ok(marked.map_or(Behind::Unknown, Behind::Several))
    }

    /// Adds the state to a mark. Returns whether that is possible.
    pub(super) fn note(&self, marker: &mut Marker) -> bool {
        match self {
            Behind::File(file) => marker.add(file),
            Behind::Several(marked) => marker.add_marked(marked),
            Behind::Unknown => return false,
        }
        true
    }
}
