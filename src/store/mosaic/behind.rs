//! The state of what is behind an image, to notice when it changes.

use crate::error::Result;
use crate::space::Region;
use crate::store::marker::{FileMark, Marker};
use crate::store::{Marked, Source};

/// What is behind an image at a moment.
#[derive(Debug)]
pub(super) enum Behind {
    File(FileMark),
    Several(Marked),
    /// It cannot tell.
    Unknown,
}

impl Behind {
    /// What is behind all of a source now.
    pub(super) fn of_source(source: &dyn Source) -> Result<Behind> {
        let whole = Region::of_shape(source.description().shape);
        let marked = source.marks(&[whole])?.into_iter().flatten().next();
        Ok(marked.map_or(Behind::Unknown, Behind::Several))
    }

    /// Takes it into a mark. Whether that can be.
    pub(super) fn note(&self, marker: &mut Marker) -> bool {
        match self {
            Behind::File(file) => marker.add(file),
            Behind::Several(marked) => marker.add_marked(marked),
            Behind::Unknown => return false,
        }
        true
    }
}
