//! The table of objects.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::kernel::objects::measures::ObjectSums;
use crate::kernel::objects::sums::{Object, Remains};
use crate::space::Region;
use crate::table::arrays::ColumnArrays;
use crate::table::csv::write_rows;
use crate::table::object_columns::{ObjectRow, columns};
use crate::table::row::Frame;

/// The objects of an image: connected components in the order of their first voxels, or labels of a segmentation in their own
/// order.
#[derive(Clone, Debug)]
pub struct Objects {
    objects: Vec<ObjectSums>,
    /// The label of each, in a segmentation; ranks otherwise.
    labels: Option<Vec<i128>>,
    /// How many skeletons each has, if there was thinning.
    skeletons: Option<Vec<u64>>,
    bounds: Region,
}

impl Objects {
    /// The table of objects, which come in any order; `bounds` are those of the image. Takes time O(n log n).
    pub fn new(objects: impl IntoIterator<Item = Object<(ObjectSums, Remains)>>, bounds: Region) -> Self {
        let mut objects: Vec<_> = objects.into_iter().collect();
        objects.sort_unstable_by_key(|object| object.first);
        let with_skeletons = objects.into_iter().map(|object| (object.sums.0, object.sums.1.skeletons));
        let (objects, skeletons) = with_skeletons.unzip();
        Objects { objects, labels: None, skeletons: Some(skeletons), bounds }
    }

    /// The same without thinning: it is not known how many skeletons an object has.
    pub fn alone(mut objects: Vec<Object<ObjectSums>>, bounds: Region) -> Self {
        objects.sort_unstable_by_key(|object| object.first);
        let objects = objects.into_iter().map(|object| object.sums).collect();
        Objects { objects, labels: None, skeletons: None, bounds }
    }

    /// The table of labels, each with the sums over all of its voxels, connected or not. If there was thinning, `skeletons` has
    /// how many skeletons labels have; those that it has not have none.
    pub fn of_labels(
        labels: BTreeMap<i128, ObjectSums>,
        skeletons: Option<&BTreeMap<i128, u64>>,
        bounds: Region,
    ) -> Self {
        let count = |of: &BTreeMap<i128, u64>| {
            labels.keys().map(|label| of.get(label).copied().unwrap_or_default()).collect::<Vec<_>>()
        };
        let skeletons = skeletons.map(count);
        let (labels, objects) = labels.into_iter().unzip();
        Objects { objects, labels: Some(labels), skeletons, bounds }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Number of voxels of all objects.
    pub fn voxels(&self) -> u64 {
        self.objects.iter().map(|sums| sums.shape.voxels).sum()
    }

    /// Whether objects are the labels of a segmentation.
    pub fn are_labels(&self) -> bool {
        self.labels.is_some()
    }

    /// Whether the image has more than one value in its objects.
    pub fn has_several_values(&self) -> bool {
        let mut values = self.objects.iter().filter_map(|sums| sums.values.as_ref());
        let Some(first) = values.next().map(|values| values.least()) else { return false };
        self.objects
            .iter()
            .filter_map(|sums| sums.values.as_ref())
            .any(|values| [values.least(), values.largest()] != [first; 2])
    }

    /// The rows, in order.
    pub fn rows(&self, frame: &Frame) -> impl ExactSizeIterator<Item = ObjectRow> + use<'_> {
        let frame = *frame;
        (0..self.objects.len()).map(move |place| self.row(place, &frame))
    }

    fn row(&self, place: usize, frame: &Frame) -> ObjectRow {
        let skeletons = self.skeletons.as_ref().map(|skeletons| skeletons[place]);
        let label = self.labels.as_ref().map_or(place as i128 + 1, |labels| labels[place]);
        ObjectRow { skeletons, ..ObjectRow::new(label, &self.objects[place], frame, &self.bounds) }
    }

    /// The table as arrays, with the columns of `objects.csv`, made on some threads.
    pub fn arrays(&self, frame: &Frame, threads: usize) -> ColumnArrays {
        let columns = columns(self.skeletons.is_some(), self.are_labels());
        ColumnArrays::of_table(self.len(), |place| self.row(place, frame), &columns, frame, threads)
    }

    /// Writes the table, on some threads.
    ///
    /// # Errors
    /// If writing fails.
    pub fn write_csv(&self, frame: &Frame, threads: usize, out: impl Write + Send) -> io::Result<()> {
        let columns = columns(self.skeletons.is_some(), self.are_labels());
        write_rows(self.len(), |place| self.row(place, frame), &columns, frame, threads, out)
    }
}
