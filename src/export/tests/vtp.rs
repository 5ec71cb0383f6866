//! VTK's polygonal data.

use super::{network, written};
use crate::export::{Format, Network};
use crate::table::read::TableText;

/// A file: its XML, and the bytes appended to it.
struct File {
    xml: String,
    appended: Vec<u8>,
    notes: Vec<String>,
}

impl File {
    fn of(network: &Network) -> File {
        let (mut files, notes) = written(Format::Vtp, network);
        let bytes = files.remove(0);
        let mark = b"<AppendedData encoding=\"raw\">\n_";
        let start = bytes.windows(mark.len()).position(|window| window == mark).unwrap() + mark.len();
        let xml = String::from_utf8(bytes[..start].to_vec()).unwrap();
        let appended = bytes[start..].strip_suffix(b"\n</AppendedData>\n</VTKFile>\n").unwrap().to_vec();
        File { xml, appended, notes }
    }

    /// The bytes of an array, its type, and where it is described in the XML.
    fn bytes(&self, name: &str) -> (&[u8], &str, usize) {
        let element = format!("Name=\"{name}\"");
        let at = self.xml.find(&element).unwrap_or_else(|| panic!("{name} is missing"));
        let line = self.xml[..at].rfind('<').unwrap();
        let line = self.xml[line..].lines().next().unwrap();
        let attribute = |name: &str| line.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap();
        let offset: usize = attribute("offset").parse().unwrap();
        let size = u64::from_le_bytes(self.appended[offset..offset + 8].try_into().unwrap()) as usize;
        (&self.appended[offset + 8..][..size], attribute("type"), at)
    }

    /// The numbers of an array, and the part of the piece that it is in.
    fn array(&self, name: &str) -> (&str, Vec<f64>) {
        let (bytes, kind, at) = self.bytes(name);
        let numbers = match kind {
            "Float64" => bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
            "Int64" => bytes.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect(),
            "Int32" => bytes.chunks_exact(4).map(|b| f64::from(i32::from_le_bytes(b.try_into().unwrap()))).collect(),
            "UInt32" => bytes.chunks_exact(4).map(|b| f64::from(u32::from_le_bytes(b.try_into().unwrap()))).collect(),
            "UInt8" => bytes.iter().map(|b| f64::from(*b)).collect(),
            other => panic!("{other} is not written"),
        };
        let parts = ["PointData", "CellData", "Points", "Lines"];
        let begin = |part: &&&str| self.xml[..at].rfind(&format!("<{part}>"));
        (parts.iter().max_by_key(begin).unwrap(), numbers)
    }
}

#[test]
fn lines_follow_the_branches_over_points_that_they_share() {
    let network = network();
    let file = File::of(&network);
    let (points, positions) = file.array("Points");
    let (lines, ends) = file.array("offsets");
    let (_, connectivity) = file.array("connectivity");
    let (point_data, nodes) = file.array("node_id");
    assert_eq!((points, lines, point_data), ("Points", "Lines", "PointData"));
    assert_eq!(nodes.len(), network.voxels.len() - 1, "each voxel once, but for the isolated one");
    assert!(file.xml.contains(&format!("NumberOfPoints=\"{}\" NumberOfVerts=\"0\" NumberOfLines=\"6\"", nodes.len())));
    let mut first = 0;
    for (branch, path) in network.paths.iter().enumerate() {
        let line = &connectivity[first..ends[branch] as usize];
        let of: Vec<u32> = line.iter().map(|&point| nodes[point as usize] as u32).collect();
        assert_eq!(of, path);
        first = ends[branch] as usize;
    }
    for (point, &node) in nodes.iter().enumerate() {
        let [z, y, x] = network.position(node as u32);
        assert_eq!(positions[3 * point..][..3], [x, y, z]);
    }
    assert!(
        file.notes.len() == 1 && file.notes[0].starts_with("1 skeleton of one voxel is no line"),
        "{:?}",
        file.notes
    );
}

#[test]
fn labels_and_regions_have_all_their_digits() {
    let mut network = network();
    let rows: String = (0..network.paths.len())
        .map(|row| format!("{},{}\n", u64::MAX - row as u64, 720_575_940_623_374_511 - 2 * row as i64))
        .collect();
    network.branches = TableText::read(format!("label,region\n{rows}").as_bytes()).unwrap();
    let file = File::of(&network);
    for (name, expected) in [("label", "UInt64"), ("region", "Int64")] {
        let (bytes, kind, _) = file.bytes(name);
        assert_eq!(kind, expected);
        let labels: Vec<i128> = bytes
            .chunks_exact(8)
            .map(|bytes| bytes.try_into().unwrap())
            .map(
                |bytes| {
                    if name == "label" { u64::from_le_bytes(bytes).into() } else { i64::from_le_bytes(bytes).into() }
                },
            )
            .collect();
        assert_eq!(Some(&labels[..]), network.branches.labels_of(name));
    }
}

#[test]
fn points_have_radii_and_lines_the_columns_of_the_table() {
    let mut network = network();
    network.values = Some(vec![7.0; network.voxels.len()]);
    let file = File::of(&network);
    let ((_, radii), (_, nodes)) = (file.array("radius"), file.array("node_id"));
    assert!(radii.iter().zip(&nodes).all(|(radius, node)| *radius == network.radius(*node as u32)));
    assert!(file.array("pixel_value").1.iter().all(|value| *value == 7.0));
    for (name, values) in network.branches.names.iter().zip(&network.branches.values) {
        let (part, told) = file.array(name);
        assert_eq!(part, "CellData");
        let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
        assert!(told.len() == values.len() && told.iter().zip(values).all(same), "{name}");
    }
    network.radii = None;
    assert!(!File::of(&network).xml.contains("Name=\"radius\""));
}
