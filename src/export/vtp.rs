//! VTK's polygonal data: `network.vtp`, for ParaView, PyVista and 3D Slicer.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::Network;
use super::attributes::{Attribute, Kind, attributes};
use super::files::write_file;
use super::xml::escaped;
use crate::error::Result;

/// Writes a line for each branch, over points that branches share where they meet. Points have their `node_id`, and `radius`
/// and `pixel_value` as far as they are known; lines have all columns of the branch table that are not text. Positions are
/// those of the tables, as x, y, z. Labels that 32 bits do not hold have 64. Numbers that are missing are NaN. Isolated voxels
/// are no lines, and left out.
///
/// Arrays are appended to the XML as raw bytes, one after the other as their numbers come.
pub(super) fn write(network: &Network, folder: &Path, _: usize) -> Result<Vec<String>> {
    let points = Points::of(network);
    let columns = attributes(&network.branches);
    let columns: Vec<_> = columns.into_iter().filter(|column| column.kind != Kind::Text).collect();
    let arrays = arrays(network, &points, &columns);
    write_file(folder, "network.vtp", |file| {
        let (points, lines) = (points.voxels.len(), network.paths.len());
        writeln!(file, "<?xml version=\"1.0\"?>")?;
        write!(
            file,
            "<VTKFile type=\"PolyData\" version=\"1.0\" byte_order=\"LittleEndian\" header_type=\"UInt64\">\n<PolyData>\n"
        )?;
        writeln!(
            file,
            "<Piece NumberOfPoints=\"{points}\" NumberOfVerts=\"0\" NumberOfLines=\"{lines}\" NumberOfStrips=\"0\" NumberOfPolys=\"0\">"
        )?;
        let mut offset = 0;
        for part in [Part::PointData, Part::CellData, Part::Points, Part::Lines] {
            writeln!(file, "<{}>", part.name())?;
            for array in arrays.iter().filter(|array| array.part == part) {
                array.describe(file, offset)?;
                offset += 8 + array.bytes();
            }
            writeln!(file, "</{}>", part.name())?;
        }
        write!(file, "</Piece>\n</PolyData>\n<AppendedData encoding=\"raw\">\n_")?;
        for part in [Part::PointData, Part::CellData, Part::Points, Part::Lines] {
            for array in arrays.iter().filter(|array| array.part == part) {
                file.write_all(&array.bytes().to_le_bytes())?;
                (array.write)(file)?;
            }
        }
        writeln!(file, "\n</AppendedData>\n</VTKFile>")
    })?;
    let isolated = network.nodes.as_ref().and_then(|nodes| nodes.column("degree"));
    let isolated = isolated.unwrap_or_default().iter().filter(|degree| **degree == 0.0).count();
    let told = match isolated {
        0 => None,
        1 => Some("1 skeleton of one voxel is no line and left out".to_owned()),
        isolated => Some(format!("{isolated} skeletons of one voxel are no lines and left out")),
    };
    Ok(told.into_iter().collect())
}

/// The voxels on branches, which are the points.
struct Points {
    /// In raster order.
    voxels: Vec<u32>,
    /// The number of each voxel's point.
    of: Vec<u32>,
}

impl Points {
    fn of(network: &Network) -> Points {
        let mut of = vec![u32::MAX; network.voxels.len()];
        network.paths.iter().flatten().for_each(|&voxel| of[voxel as usize] = 0);
        let voxels: Vec<u32> = (0..).zip(&of).filter(|(_, point)| **point == 0).map(|(voxel, _)| voxel).collect();
        (0..).zip(&voxels).for_each(|(point, &voxel)| of[voxel as usize] = point);
        Points { voxels, of }
    }
}

/// The part of a piece that an array belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    PointData,
    CellData,
    Points,
    Lines,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::PointData => "PointData",
            Part::CellData => "CellData",
            Part::Points => "Points",
            Part::Lines => "Lines",
        }
    }
}

/// Writes the numbers of an array, one after the other.
type Numbers<'n> = Box<dyn Fn(&mut BufWriter<File>) -> io::Result<()> + 'n>;

/// An array of the file.
struct Array<'n> {
    part: Part,
    name: &'n str,
    /// VTK's name of its type, and the bytes of a number.
    kind: (&'static str, u64),
    /// Numbers for each point or line.
    components: u64,
    /// Points, lines or numbers.
    len: u64,
    write: Numbers<'n>,
}

impl Array<'_> {
    fn bytes(&self) -> u64 {
        self.kind.1 * self.components * self.len
    }

    fn describe(&self, file: &mut BufWriter<File>, offset: u64) -> io::Result<()> {
        let (name, kind, components) = (escaped(self.name), self.kind.0, self.components);
        write!(file, "<DataArray type=\"{kind}\" Name=\"{name}\" NumberOfComponents=\"{components}\"")?;
        writeln!(file, " format=\"appended\" offset=\"{offset}\"/>")
    }
}

const FLOAT64: (&str, u64) = ("Float64", 8);
const INT64: (&str, u64) = ("Int64", 8);
const UINT64: (&str, u64) = ("UInt64", 8);
const INT32: (&str, u64) = ("Int32", 4);
const UINT32: (&str, u64) = ("UInt32", 4);
const UINT8: (&str, u64) = ("UInt8", 1);

/// All arrays, in the order of the file within their part.
fn arrays<'n>(network: &'n Network, points: &'n Points, columns: &'n [Attribute<'n>]) -> Vec<Array<'n>> {
    let of_points = |part, name, kind, components, write| Array {
        part,
        name,
        kind,
        components,
        len: points.voxels.len() as u64,
        write,
    };
    let numbers = |of: fn(&Network, u32) -> f64| {
        numbers(move || points.voxels.iter().map(move |&voxel| of(network, voxel).to_le_bytes()))
    };
    let mut arrays = Vec::new();
    if network.radii.is_some() {
        arrays.push(of_points(Part::PointData, "radius", FLOAT64, 1, numbers(Network::radius)));
    }
    if network.values.is_some() {
        arrays.push(of_points(Part::PointData, "pixel_value", FLOAT64, 1, numbers(Network::value)));
    }
    let ids = self::numbers(move || points.voxels.iter().map(|voxel| voxel.to_le_bytes()));
    arrays.push(of_points(Part::PointData, "node_id", UINT32, 1, ids));
    let positions = move || {
        let position = move |&voxel: &u32| {
            let [z, y, x] = network.position(voxel);
            [x, y, z]
        };
        points.voxels.iter().flat_map(position).map(f64::to_le_bytes)
    };
    arrays.push(of_points(Part::Points, "Points", FLOAT64, 3, self::numbers(positions)));
    arrays.extend(columns.iter().map(of_lines));
    let ends: Vec<usize> = (0..network.paths.len()).map(|branch| network.paths.places(branch).end).collect();
    let length = ends.last().map_or(0, |end| *end as u64);
    let connectivity =
        move || network.paths.iter().flatten().map(|&voxel| i64::from(points.of[voxel as usize]).to_le_bytes());
    let line = |name, len, write| Array { part: Part::Lines, name, kind: INT64, components: 1, len, write };
    arrays.push(line("connectivity", length, self::numbers(connectivity)));
    let count = ends.len() as u64;
    arrays.push(line(
        "offsets",
        count,
        Box::new(move |file| ends.iter().try_for_each(|&end| file.write_all(&(end as i64).to_le_bytes()))),
    ));
    arrays
}

/// A column of the branch table.
fn of_lines<'n>(column: &'n Attribute<'n>) -> Array<'n> {
    let values = column.values;
    let (kind, write): (_, Numbers<'n>) = match column.kind {
        Kind::Flag => (UINT8, numbers(|| values.iter().map(|value| [u8::from(*value == 1.0)]))),
        Kind::Whole if !column.has_gaps() => {
            (INT32, numbers(|| values.iter().map(|value| (*value as i32).to_le_bytes())))
        }
        Kind::Label => labels(column),
        _ => (FLOAT64, numbers(|| values.iter().map(|value| value.to_le_bytes()))),
    };
    Array { part: Part::CellData, name: column.name, kind, components: 1, len: values.len() as u64, write }
}

/// A column of labels, as the type that holds all of them.
fn labels<'n>(column: &'n Attribute<'n>) -> ((&'static str, u64), Numbers<'n>) {
    if let Some(labels) = column.labels_as::<i64>() {
        (INT64, Box::new(move |file| labels.iter().try_for_each(|label| file.write_all(&label.to_le_bytes()))))
    } else if let Some(labels) = column.labels_as::<u64>() {
        (UINT64, Box::new(move |file| labels.iter().try_for_each(|label| file.write_all(&label.to_le_bytes()))))
    } else {
        // No image has both negative labels and ones beyond 2^63.
        (FLOAT64, numbers(|| column.values.iter().map(|value| value.to_le_bytes())))
    }
}

/// What writes numbers one after the other.
fn numbers<'n, const N: usize, I: Iterator<Item = [u8; N]>>(bytes: impl Fn() -> I + 'n) -> Numbers<'n> {
    Box::new(move |file| bytes().try_for_each(|number| file.write_all(&number)))
}
