//! The rows of the table of objects, and its columns, which have the names of scikit-image's `regionprops_table`.

use crate::kernel::objects::measures::ObjectSums;
use crate::kernel::objects::values::ValueSums;
use crate::space::{Position, Region};
use crate::table::columns::{Column, Unit, Value};
use crate::table::principal::eigenvalues;
use crate::table::row::Frame;

/// A row of the table of objects: a connected component of the foreground, or a label of a segmentation. Lengths are in the unit of the spacing.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ObjectRow {
    /// Rank of the object by its first voxel, from 1; the label, where objects are labels.
    pub label: i128,
    /// Its volume; in 2-D, its area.
    pub area: f64,
    /// How many voxels it has.
    pub num_pixels: u64,
    /// Its first voxel along each axis, and what comes after the last, in voxels from the frame's origin.
    pub bbox: [Position; 2],
    /// The centre of its voxels.
    pub centroid: [f64; 3],
    /// The centre of its voxels weighted by the image's values, unless these add up to nothing.
    pub centroid_weighted: Option<[f64; 3]>,
    /// Diameter of the ball, in 2-D the circle, that has its volume.
    pub equivalent_diameter_area: f64,
    /// Its share of the box that holds it.
    pub extent: f64,
    /// Components and cavities less loops of its own voxels, connected at corners whatever connects objects.
    pub euler_number: i64,
    /// Mean of the image's values.
    pub intensity_mean: Option<f64>,
    /// The least of the image's values.
    pub intensity_min: Option<f64>,
    /// The largest of the image's values.
    pub intensity_max: Option<f64>,
    /// Population standard deviation of the image's values.
    pub intensity_std: Option<f64>,
    /// The eigenvalues of the inertia tensor, the largest first; in 2-D there are the last two.
    pub inertia_tensor_eigvals: [f64; 3],
    /// The longest axis of the ellipsoid that has the same moments.
    pub axis_major_length: f64,
    /// The shortest axis of that ellipsoid.
    pub axis_minor_length: f64,
    /// Whether it touches the bounds of the image, along an axis of more than one voxel.
    pub touches_border: bool,
    /// How many skeletons have their first voxel in it, if that is known.
    pub skeletons: Option<u64>,
}

impl ObjectRow {
    /// The row of an object of an image with these bounds; of its skeletons nothing is known.
    pub fn new(label: i128, object: &ObjectSums, frame: &Frame, bounds: &Region) -> Self {
        let ObjectSums { shape, values } = object;
        let (spacing, dimensions, bbox) = (frame.spacing, frame.dimensions, shape.bbox());
        let area = shape.voxels as f64 * frame.voxel_volume();
        let in_frame = |centre: [f64; 3]| -> [f64; 3] {
            std::array::from_fn(|axis| centre[axis] - frame.origin[axis] as f64 * spacing.0[axis])
        };
        let intensity = |of: fn(&ValueSums) -> f64| values.as_ref().map(of);
        let inertia = inertia(shape.covariance(&spacing), dimensions);
        let [major, minor] = axes(inertia, dimensions);
        ObjectRow {
            label,
            area,
            num_pixels: shape.voxels,
            bbox: [bbox.min, bbox.max].map(|corner| std::array::from_fn(|axis| corner[axis] - frame.origin[axis])),
            centroid: in_frame(shape.centroid(&spacing)),
            centroid_weighted: values.as_ref().and_then(|values| values.centroid(&spacing)).map(in_frame),
            equivalent_diameter_area: match dimensions {
                2 => (4.0 * area / std::f64::consts::PI).sqrt(),
                _ => (6.0 * area / std::f64::consts::PI).cbrt(),
            },
            extent: shape.voxels as f64 / bbox.volume() as f64,
            euler_number: shape.euler,
            intensity_mean: intensity(|values| values.mean()),
            intensity_min: intensity(|values| values.least()),
            intensity_max: intensity(|values| values.largest()),
            intensity_std: intensity(|values| values.stdev()),
            inertia_tensor_eigvals: inertia,
            axis_major_length: major,
            axis_minor_length: minor,
            touches_border: shape.touches_border(bounds),
            skeletons: None,
        }
    }
}

/// The eigenvalues of the inertia tensor, the largest first, from the central moments of second order (zz, zy, zx, yy, yx,
/// xx). In 2-D the first is 0, and no eigenvalue.
fn inertia(moments: [f64; 6], dimensions: usize) -> [f64; 3] {
    let [zz, zy, zx, yy, yx, xx] = moments;
    let found = match dimensions {
        // Of moments of a plane: along one axis the inertia is the moment along the other.
        2 => eigenvalues([[0.0; 3], [0.0, xx, -yx], [0.0, -yx, yy]]),
        _ => eigenvalues([[yy + xx, -zy, -zx], [-zy, zz + xx, -yx], [-zx, -yx, zz + yy]]),
    };
    let mut found = found.map(|value| value.max(0.0));
    found.sort_by(|a, b| b.total_cmp(a));
    if dimensions == 2 { [0.0, found[0], found[1]] } else { found }
}

/// The longest and the shortest axis of the ellipsoid, in 2-D the ellipse, with these eigenvalues.
fn axes([a, b, c]: [f64; 3], dimensions: usize) -> [f64; 2] {
    let axis = |square: f64| (10.0 * square).max(0.0).sqrt();
    match dimensions {
        2 => [4.0 * b.sqrt(), 4.0 * c.sqrt()],
        _ => [axis(a + b - c), axis(b + c - a)],
    }
}

/// The columns of the table of objects, in order; `skeletons` is among them if it is known. Where objects are labels, `label`
/// is no rank: it is compared like other columns.
pub fn columns(skeletons: bool, labels: bool) -> Vec<Column<ObjectRow>> {
    let number = |name, unit, meaning, of: fn(&ObjectRow) -> f64| Column::new(name, unit, meaning, Value::Number(of));
    let optional =
        |name, meaning, of: fn(&ObjectRow) -> Option<f64>| Column::new(name, Unit::Image, meaning, Value::Optional(of));
    let mut columns: Vec<Column<ObjectRow>> = vec![
        Column {
            is_rank: !labels,
            ..Column::rank(
                "label",
                "the object, numbered by its first voxel in raster order, from 1; with `--labels`, the value of the segmentation",
                match labels {
                    true => Value::Label(|row| row.label),
                    false => Value::Whole(|row| row.label as i64),
                },
            )
        },
        number("area", Unit::Volume, "its volume; in 2-D, its area", |row| row.area),
        Column::new("num_pixels", Unit::Voxels, "its voxels", Value::Whole(|row| row.num_pixels as i64)),
        Column::new(
            "bbox",
            Unit::Voxels,
            "the box that holds it: the least coordinate along each axis, then the largest plus one",
            Value::Box(|row: &ObjectRow| row.bbox),
        )
        .dashed(),
        Column::new("centroid", Unit::Length, "the centre of its voxels", Value::Point(|row: &ObjectRow| row.centroid))
            .dashed(),
        Column::new(
            "centroid_weighted",
            Unit::Length,
            "their centre, weighted by the image's values; nothing where those add up to 0",
            Value::OptionalPoint(|row: &ObjectRow| row.centroid_weighted),
        )
        .dashed(),
        number(
            "equivalent_diameter_area",
            Unit::Length,
            "diameter of the ball, in 2-D the circle, of its volume",
            |row| row.equivalent_diameter_area,
        ),
        number("extent", Unit::None, "its share of the voxels of the box that holds it", |row| row.extent),
        Column::new(
            "euler_number",
            Unit::None,
            "its components and cavities less its loops (in 2-D, its components less its holes), of its own voxels connected at \
             corners, whatever `--connectivity` says",
            Value::Whole(|row| row.euler_number),
        ),
        optional("intensity_mean", "mean of the image's values in it", |row| row.intensity_mean),
        optional("intensity_min", "the least of them", |row| row.intensity_min),
        optional("intensity_max", "the largest of them", |row| row.intensity_max),
        optional("intensity_std", "their population standard deviation", |row| row.intensity_std),
        Column::new(
            "inertia_tensor_eigvals",
            Unit::Area,
            "the eigenvalues of its inertia tensor, the largest first",
            Value::Point(|row: &ObjectRow| row.inertia_tensor_eigvals),
        )
        .dashed(),
        number(
            "axis_major_length",
            Unit::Length,
            "the longest axis of the ellipsoid with the same second moments",
            |row| row.axis_major_length,
        ),
        number("axis_minor_length", Unit::Length, "the shortest axis of that ellipsoid", |row| row.axis_minor_length),
        Column::new(
            "touches_border",
            Unit::None,
            "whether it touches the bounds of the image, or of `--region`; axes of one voxel do not count",
            Value::Flag(|row| row.touches_border),
        ),
    ];
    if skeletons {
        columns.push(Column::new(
            "skeletons",
            Unit::None,
            "skeletons whose first voxel lies in it: 0 where thinning left nothing of it",
            Value::Optional(|row: &ObjectRow| row.skeletons.map(|count| count as f64)),
        ));
    }
    columns
}
