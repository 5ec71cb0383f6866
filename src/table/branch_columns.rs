//! The columns of the branch table: skan's, in skan's order, and those that are added to them.

use crate::kernel::measure::BranchMeasures;
use crate::kernel::measure::channel::Measured;
use crate::kernel::measure::pixel_values::OfPixels;
use crate::table::columns::{Column, Field, Unit, Value};
use crate::table::row::{Measures, Row};

/// The name of the column whose sum is the total length.
pub(super) const LENGTH: &str = "branch_distance";

/// The columns of branches that say in which voxel each begins: the name before `_0`.
pub const START: &str = "image_coord_src";

/// The columns of a branch table, for branches with measures `M`.
///
/// All tables begin with ranks, which depend on other branches and are left out where rows are compared, and end, where
/// arrival is tracked, with `provisional`. Between them are the columns that follow from a branch alone: [`Columns::default`]
/// has skan's, and [`Columns::with`] appends others.
///
/// ```
/// use anabranch::table::branch_columns::Columns;
/// use anabranch::table::columns::{Unit, Value};
///
/// let columns: Columns = Columns::default().with_described("detour", Unit::Length, "how much longer than straight on", {
///     Value::Number(|row| row.branch_distance - row.euclidean_distance)
/// });
/// assert_eq!(columns.fields(3, false).last().unwrap().name, "detour");
/// ```
#[derive(Clone, Debug)]
pub struct Columns<M = BranchMeasures> {
    measures: Vec<Column<Measures<M>>>,
}

impl<M: OfPixels> Default for Columns<M> {
    fn default() -> Self {
        Columns { measures: Vec::new() }
            .with_described(LENGTH, Unit::Length, "length along the branch", Value::Number(|row| row.branch_distance))
            .with(
                "branch_type",
                Unit::None,
                "0 tip to tip, 1 tip to junction, 2 junction to junction, 3 cycle",
                Value::Whole(|row| row.branch_type as i64),
            )
            .with_described(
                "mean_pixel_value",
                Unit::Image,
                "mean of the input's own values (not smoothed) at the branch's voxels, both ends included",
                Value::Number(Measures::mean_pixel_value),
            )
            .with(
                "stdev_pixel_value",
                Unit::Image,
                "population standard deviation of the same values",
                Value::Number(Measures::stdev_pixel_value),
            )
            .with(START, Unit::Voxels, "first end, along the array's axes", Value::Voxel(|row| row.image_coord_src))
            .with("image_coord_dst", Unit::Voxels, "second end", Value::Voxel(|row| row.image_coord_dst))
            .with("coord_src", Unit::Length, "first end, times the spacing", Value::Point(|row| row.coord_src))
            .with("coord_dst", Unit::Length, "second end, times the spacing", Value::Point(|row| row.coord_dst))
            .with_described(
                "euclidean_distance",
                Unit::Length,
                "straight distance between the ends",
                Value::Number(|row| row.euclidean_distance),
            )
    }
}

impl<M: Measured> Columns<M> {
    /// The same columns and one more, after them.
    #[must_use]
    pub fn with(mut self, name: &'static str, unit: Unit, meaning: &'static str, value: Value<Measures<M>>) -> Self {
        self.measures.push(Column::new(name, unit, meaning, value));
        self
    }

    /// The same columns and one more, after them, which statistics describe.
    ///
    /// # Panics
    /// Where its values are no numbers.
    #[must_use]
    pub fn with_described(
        mut self,
        name: &'static str,
        unit: Unit,
        meaning: &'static str,
        value: Value<Measures<M>>,
    ) -> Self {
        self.measures.push(Column::new(name, unit, meaning, value).described());
        self
    }

    /// The columns that are ranks: the first ones. They depend on other branches.
    pub fn ranks() -> [Column<Row<M>>; 3] {
        let rank = |name, meaning, value: Value<Row<M>>| Column::new(name, Unit::None, meaning, value);
        [
            rank(
                "skeleton_id",
                "connected component, numbered by its first voxel, from 0",
                Value::Whole(|row| row.skeleton_id as i64),
            ),
            rank(
                "node_id_src",
                "first end, numbered among all skeleton voxels in raster order, from 0",
                Value::Whole(|row| row.node_id_src as i64),
            ),
            rank("node_id_dst", "second end, likewise", Value::Whole(|row| row.node_id_dst as i64)),
        ]
    }

    /// The column after all others, where arrival is tracked.
    pub fn provisional() -> Column<Row<M>> {
        Column::new(
            "provisional",
            Unit::None,
            "whether something near the branch has not arrived; with `--provisional`",
            Value::Flag(|row| row.provisional == Some(true)),
        )
    }

    /// The columns that follow from a branch alone.
    pub fn measures(&self) -> &[Column<Measures<M>>] {
        &self.measures
    }

    /// The columns that statistics describe, in the order of a summary.
    pub(super) fn described(&self) -> Vec<Column<Measures<M>>> {
        let mut described: Vec<_> = self.measures.iter().filter(|column| column.is_described).copied().collect();
        described.sort_by_key(|column| column.unit);
        described
    }

    /// The columns of text after the ranks, for images of 2 or 3 dimensions; with `provisional`, where arrival is tracked.
    pub fn fields(&self, dimensions: usize, arrival: bool) -> impl Iterator<Item = Field> {
        let measures = self.measures.iter().flat_map(move |column| column.fields(dimensions));
        measures.chain(arrival.then(Self::provisional).into_iter().flat_map(move |column| column.fields(dimensions)))
    }

    /// The first line of a table, without its end.
    pub(super) fn header(&self, dimensions: usize, arrival: bool) -> String {
        let ranks = Self::ranks().into_iter().flat_map(|column| column.fields(dimensions));
        let names: Vec<String> = ranks.chain(self.fields(dimensions, arrival)).map(|field| field.name).collect();
        names.join(",")
    }
}
