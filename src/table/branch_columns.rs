//! The columns of the branch table: skan's columns in skan's order, and additional ones.

use crate::kernel::measure::BranchMeasures;
use crate::kernel::measure::channel::Measured;
use crate::kernel::measure::pixel_values::OfPixels;
use crate::kernel::measure::radii::OfRadii;
use crate::table::columns::{Column, Field, Unit, Value};
use crate::table::row::{Measures, Row};

/// The name of the column whose sum is the total length.
pub(super) const LENGTH: &str = "branch_distance";

/// The name of the column by whose classes lengths are summed up.
pub(super) const RADIUS: &str = "mean_radius";

/// Name, before `_0`, of the columns with the first voxel of a branch.
pub const START: &str = "image_coord_src";

/// The column of the row's number, and those that follow it.
pub type FromNumber<'a, M> = (Column<Row<M>>, &'a [Column<Measures<M>>]);

/// The columns of a branch table, for branches with measures `M`.
///
/// All tables begin with ranks, which depend on other branches and are ignored when rows are compared. If arrival is
/// tracked, `provisional` comes after all of them, and with an atlas the region is last. Between them are the columns that
/// depend on a branch alone: [`Columns::skan`] has skan's, [`Columns::default`] has additional ones after them, and
/// [`Columns::with`] appends more.
///
/// ```
/// use anabranch::table::branch_columns::Columns;
/// use anabranch::table::columns::{Unit, Value};
///
/// let columns: Columns = Columns::default().with_described("detour", Unit::Length, "how much longer than straight on", {
///     Value::Number(|row| row.branch_distance - row.euclidean_distance)
/// });
/// assert_eq!(columns.fields(3, false).pop().unwrap().name, "detour");
/// ```
#[derive(Clone, Debug)]
pub struct Columns<M = BranchMeasures> {
    measures: Vec<Column<Measures<M>>>,
    /// Number of these columns before the row's number; `None` for tables without the row's number.
    before_number: Option<usize>,
    /// Whether rows have the label of their object.
    labels: bool,
}

impl<M: OfPixels + OfRadii> Default for Columns<M> {
    fn default() -> Self {
        let skan = Self::skan();
        Columns { before_number: Some(skan.measures.len()), ..skan }
            .with_described(
                "tortuosity",
                Unit::None,
                "branch_distance / euclidean_distance; nothing for cycles",
                Value::Optional(Measures::tortuosity),
            )
            .with_described(
                RADIUS,
                Unit::Length,
                "mean of the radii at the branch's voxels, both ends included: of the distances between a voxel's centre and \
                 that of the nearest background voxel inside the image; nothing where the mask has no background",
                Value::Optional(|row| row.measured.radii().mean()),
            )
            .with(
                "stdev_radius",
                Unit::Length,
                "population standard deviation of the same radii",
                Value::Optional(|row| row.measured.radii().stdev()),
            )
            .with("min_radius", Unit::Length, "the least of them", Value::Optional(|row| row.measured.radii().least()))
            .with(
                "max_radius",
                Unit::Length,
                "the largest of them",
                Value::Optional(|row| row.measured.radii().largest()),
            )
            .with_described(
                "volume",
                Unit::Volume,
                "of the truncated cones between successive voxels, with their radii: sum of πh(r₁² + r₁r₂ + r₂²)/3",
                Value::Optional(|row| row.measured.radii().volume()),
            )
            .with_described(
                "surface_area",
                Unit::Area,
                "of the same cones, without their ends: sum of π(r₁ + r₂)√(h² + (r₁ - r₂)²)",
                Value::Optional(|row| row.measured.radii().surface_area()),
            )
            .with(
                "touches_border",
                Unit::None,
                "whether a voxel of the branch lies in the outermost layer of the image, or is nearer to its bounds than its \
                 radius: the branch may go on outside, and its radius is an upper bound",
                Value::Flag(|row| row.measured.radii().touches_border()),
            )
    }
}

impl<M: OfPixels> Columns<M> {
    /// Only skan's columns.
    pub fn skan() -> Self {
        Columns { measures: Vec::new(), before_number: None, labels: false }
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
    /// Appends a column.
    #[must_use]
    pub fn with(mut self, name: &'static str, unit: Unit, meaning: &'static str, value: Value<Measures<M>>) -> Self {
        self.measures.push(Column::new(name, unit, meaning, value));
        self
    }

    /// Appends a column that statistics include.
    ///
    /// # Panics
    /// If its values are not numbers.
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

    /// The first columns, which are ranks and depend on other branches.
    pub fn ranks() -> [Column<Row<M>>; 3] {
        [
            Column::rank(
                "skeleton_id",
                "connected component, numbered by its first voxel, from 0",
                Value::Whole(|row| row.skeleton_id as i64),
            ),
            Column::rank(
                "node_id_src",
                "first end, numbered among all skeleton voxels in raster order, from 0",
                Value::Whole(|row| row.node_id_src as i64),
            ),
            Column::rank("node_id_dst", "second end, likewise", Value::Whole(|row| row.node_id_dst as i64)),
        ]
    }

    /// The column of the row's number, after skan's columns.
    pub fn number() -> Column<Row<M>> {
        Column::rank(
            "branch_id",
            "the row's number, from 0, by which other outputs name the branch",
            Value::Whole(|row| row.branch_id as i64),
        )
    }

    /// The column of labels, after those that depend on a branch alone, if the image is of labels.
    pub fn label() -> Column<Row<M>> {
        Column::new(
            "label",
            Unit::None,
            "the value of the segmentation at the branch's voxels; with `--labels`",
            Value::Label(|row| row.label.unwrap_or_default()),
        )
    }

    /// The same columns, with labels.
    #[must_use]
    pub fn with_labels(self) -> Self {
        Columns { labels: true, ..self }
    }

    /// Whether there is a column of labels.
    pub fn tells_labels(&self) -> bool {
        self.labels
    }

    /// The same columns, those of the image's values empty: for images whose values mean nothing along a branch.
    #[must_use]
    pub fn without_image_values(mut self) -> Self {
        for column in self.measures.iter_mut().filter(|column| column.unit == Unit::Image) {
            column.value = Value::Optional(|_| None);
        }
        self
    }

    /// The column after all others, if arrival is tracked.
    pub fn provisional() -> Column<Row<M>> {
        Column::new(
            "provisional",
            Unit::None,
            "whether something near the branch has not arrived; with `--provisional`",
            Value::Flag(|row| row.provisional == Some(true)),
        )
    }

    /// The columns of the region, after all others, if there is an atlas; the second one if its regions have names.
    pub fn regions() -> [Column<Row<M>>; 2] {
        [
            Column::new(
                "region",
                Unit::None,
                "label of the region of the branch's middle voxel: of n voxels along it, both ends included, number (n - 1) / 2 \
                 rounded down, from 0; 0 outside of all regions; with `--atlas`",
                Value::Label(|row| row.region.unwrap_or_default()),
            ),
            // Its texts are those of the table's regions.
            Column::new(
                "region_name",
                Unit::None,
                "name of the region, if it has one; with `--atlas-names`",
                Value::Text(|_| ""),
            ),
        ]
    }

    /// The columns of text of the region, with its name if regions have names.
    pub fn region_fields(names: bool) -> impl Iterator<Item = Field> {
        // They are the same for images of 2 and 3 dimensions.
        Self::regions().into_iter().take(1 + usize::from(names)).flat_map(|column| column.fields(3))
    }

    /// The columns that depend on a branch alone.
    pub fn measures(&self) -> &[Column<Measures<M>>] {
        &self.measures
    }

    /// The columns that statistics include, in the order of a summary.
    pub(super) fn described(&self) -> Vec<Column<Measures<M>>> {
        let mut described: Vec<_> = self.measures.iter().filter(|column| column.is_described).copied().collect();
        described.sort_by_key(|column| column.unit);
        described
    }

    /// The columns of the length and of the mean radius, if the table has both.
    pub(super) fn length_and_radius(&self) -> Option<[Column<Measures<M>>; 2]> {
        let of = |name: &str| self.measures.iter().find(|column| column.name == name).copied();
        Some([of(LENGTH)?, of(RADIUS)?])
    }

    /// The columns that depend on a branch alone: those before the row's number and, if the table has it, the row's
    /// number and those after it.
    pub fn around_number(&self) -> (&[Column<Measures<M>>], Option<FromNumber<'_, M>>) {
        match self.before_number {
            None => (&self.measures, None),
            Some(place) => {
                let (before, after) = self.measures.split_at(place);
                (before, Some((Self::number(), after)))
            }
        }
    }

    /// The columns of text, for images of 2 or 3 dimensions; with `provisional` if arrival is tracked.
    pub fn fields(&self, dimensions: usize, arrival: bool) -> Vec<Field> {
        let mut fields = Vec::new();
        let (before, after) = self.around_number();
        fields.extend(Self::ranks().iter().flat_map(|column| column.fields(dimensions)));
        fields.extend(before.iter().flat_map(|column| column.fields(dimensions)));
        if let Some((number, after)) = after {
            fields.extend(number.fields(dimensions));
            fields.extend(after.iter().flat_map(|column| column.fields(dimensions)));
        }
        if self.labels {
            fields.extend(Self::label().fields(dimensions));
        }
        if arrival {
            fields.extend(Self::provisional().fields(dimensions));
        }
        fields
    }
}
