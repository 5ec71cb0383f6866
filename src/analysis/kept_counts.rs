//! The numbers of voxels of an atlas's regions, kept from epoch to epoch: the atlas of an image that is followed rarely changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;
use crate::space::Region;
use crate::store::{Mark, Marked, Source};

/// What numbers of voxels depend on: the bounds, and the marks of the atlas and of the mask.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CountedWithin {
    bounds: Region,
    marks: Vec<Mark>,
}

/// The numbers of voxels of labels, as they were counted last, with what they were counted in.
type Counted = (CountedWithin, BTreeMap<i128, u64>);

/// The last numbers of voxels.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptCounts(Arc<Mutex<Option<Counted>>>);

impl CountedWithin {
    /// What depends on the files of some sources, as numbers of voxels on those of an atlas and perhaps a mask; `None` if that
    /// cannot be told without reading them, or by marks that are not to be trusted.
    pub(super) fn of(
        sources: &[Option<&Arc<dyn Source>>],
        bounds: Region,
        trusts: impl Fn(&Marked) -> bool,
    ) -> Result<Option<CountedWithin>> {
        let mut marks = Vec::new();
        for source in sources.iter().flatten() {
            match source.marks(&[bounds])?.pop().flatten().filter(&trusts) {
                Some(marked) => marks.push(marked.mark),
                None => return Ok(None),
            }
        }
        Ok(Some(CountedWithin { bounds, marks }))
    }
}

impl KeptCounts {
    /// The numbers of voxels within something: those that are known, or what `count` returns.
    pub(super) fn known_or(
        &self,
        within: Option<CountedWithin>,
        count: impl FnOnce() -> Result<BTreeMap<i128, u64>>,
    ) -> Result<BTreeMap<i128, u64>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(within), Some((known, counts))) = (&within, &*kept)
            && within == known
        {
            return Ok(counts.clone());
        }
        let counts = count()?;
        *kept = within.map(|within| (within, counts.clone()));
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voxels_are_counted_again_once_something_has_changed() {
        let within = |length| CountedWithin { bounds: Region::of_shape([1, 1, length]), marks: Vec::new() };
        let (kept, mut counted) = (KeptCounts::default(), 0);
        for (within, expected) in [
            (None, 1),
            (Some(within(5)), 2),
            (Some(within(5)), 2),
            (Some(within(6)), 3),
            (None, 4),
            (Some(within(6)), 5),
        ] {
            let count = || {
                counted += 1;
                Ok(BTreeMap::from([(0, counted)]))
            };
            assert_eq!(kept.known_or(within, count).unwrap(), BTreeMap::from([(0, expected)]));
        }
    }
}
