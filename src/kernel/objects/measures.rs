//! What the table of objects knows of an object: its shape, and the image's values in it.

use serde::{Deserialize, Serialize};

use crate::kernel::objects::sums::Sums;
use crate::kernel::objects::tally::Tally;
use crate::kernel::objects::values::ValueSums;

/// The shape of an object, and the image's values in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectSums {
    /// Its shape.
    pub shape: Tally,
    /// The image's values, where there are any.
    pub values: Option<ValueSums>,
}

impl Sums for ObjectSums {
    const EULER: bool = true;

    fn merge(&mut self, other: &Self) {
        self.shape.merge(&other.shape);
        match (&mut self.values, &other.values) {
            (Some(mine), Some(theirs)) => mine.merge(theirs),
            (mine, _) => *mine = None,
        }
    }

    fn add_euler(&mut self, share: i64) {
        self.shape.add_euler(share);
    }
}
