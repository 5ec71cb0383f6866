//! The table of objects.

use std::io::{self, Write};

use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::objects::measures::ObjectSums;
use crate::kernel::objects::sums::{Object, Remains};
use crate::space::Region;
use crate::table::arrays::ColumnArrays;
use crate::table::csv::write_rows;
use crate::table::object_columns::{ObjectRow, columns};
use crate::table::row::Frame;

/// The objects of an image, in the order of their first voxels.
#[derive(Clone, Debug)]
pub struct Objects {
    objects: Vec<Object<ObjectSums>>,
    /// What thinning left of each, if there was thinning.
    remains: Option<Vec<Remains>>,
    connectivity: Connectivity,
    bounds: Region,
}

impl Objects {
    /// The table of objects, which come in any order; `bounds` are those of the image. Takes time O(n log n).
    pub fn new(
        objects: impl IntoIterator<Item = Object<(ObjectSums, Remains)>>,
        connectivity: Connectivity,
        bounds: Region,
    ) -> Self {
        let mut objects: Vec<_> = objects.into_iter().collect();
        objects.sort_unstable_by_key(|object| object.first);
        let (objects, remains) = objects
            .into_iter()
            .map(|Object { first, sums: (sums, remains) }| (Object { first, sums }, remains))
            .unzip();
        Objects { objects, remains: Some(remains), connectivity, bounds }
    }

    /// The same without thinning: it is not known how many skeletons an object has.
    pub fn alone(mut objects: Vec<Object<ObjectSums>>, connectivity: Connectivity, bounds: Region) -> Self {
        objects.sort_unstable_by_key(|object| object.first);
        Objects { objects, remains: None, connectivity, bounds }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Whether the image has more than one value in its objects.
    pub fn has_several_values(&self) -> bool {
        let mut values = self.objects.iter().filter_map(|object| object.sums.values.as_ref());
        let Some(first) = values.next().map(|values| values.least()) else { return false };
        self.objects
            .iter()
            .filter_map(|object| object.sums.values.as_ref())
            .any(|values| [values.least(), values.largest()] != [first; 2])
    }

    /// The rows, in order.
    pub fn rows(&self, frame: &Frame) -> impl ExactSizeIterator<Item = ObjectRow> + use<'_> {
        let frame = *frame;
        (0..self.objects.len()).map(move |place| self.row(place, &frame))
    }

    fn row(&self, place: usize, frame: &Frame) -> ObjectRow {
        let skeletons = self.remains.as_ref().map(|remains| remains[place].skeletons);
        let sums = &self.objects[place].sums;
        ObjectRow { skeletons, ..ObjectRow::new(place as u64 + 1, sums, self.connectivity, frame, &self.bounds) }
    }

    /// The table as arrays, with the columns of `objects.csv`, made on some threads.
    pub fn arrays(&self, frame: &Frame, threads: usize) -> ColumnArrays {
        let columns = columns(self.remains.is_some());
        ColumnArrays::of_table(self.len(), |place| self.row(place, frame), &columns, frame, threads)
    }

    /// Writes the table, on some threads.
    ///
    /// # Errors
    /// If writing fails.
    pub fn write_csv(&self, frame: &Frame, threads: usize, out: impl Write + Send) -> io::Result<()> {
        write_rows(self.len(), |place| self.row(place, frame), &columns(self.remains.is_some()), frame, threads, out)
    }
}
