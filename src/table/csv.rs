//! The branch table as comma-separated values, in skan's columns.

use std::io::{self, Write};

use crate::table::row::{Frame, Measures, Row};

/// Names of the columns, in order, for images of 2 or 3 dimensions.
pub fn columns(dimensions: usize) -> Vec<String> {
    let mut names: Vec<String> = ["skeleton_id", "node_id_src", "node_id_dst"].map(String::from).to_vec();
    names.extend(measure_columns(dimensions));
    names
}

/// Names of the columns that do not depend on other branches: all but ranks.
pub fn measure_columns(dimensions: usize) -> Vec<String> {
    let mut names: Vec<String> =
        ["branch_distance", "branch_type", "mean_pixel_value", "stdev_pixel_value"].map(String::from).to_vec();
    for stem in ["image_coord_src", "image_coord_dst", "coord_src", "coord_dst"] {
        names.extend((0..dimensions).map(|axis| format!("{stem}_{axis}")));
    }
    names.push(String::from("euclidean_distance"));
    names
}

/// Writes a header and rows; without rows, the header alone. Numbers are written with as few digits as read back to the
/// same number.
///
/// # Errors
/// Where writing fails.
pub fn write_csv(rows: impl IntoIterator<Item = Row>, frame: &Frame, mut out: impl Write) -> io::Result<()> {
    writeln!(out, "{}", columns(frame.dimensions).join(","))?;
    for row in rows {
        write!(out, "{},{},{},", row.skeleton_id, row.node_id_src, row.node_id_dst)?;
        write_measures(&row.measures, frame, &mut out)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Writes rows that changed, each with its difference (+1 or -1) and without ranks; `header` as well, if asked for.
///
/// # Errors
/// Where writing fails.
pub fn write_changes(
    changes: impl IntoIterator<Item = (Measures, isize)>,
    frame: &Frame,
    header: bool,
    mut out: impl Write,
) -> io::Result<()> {
    if header {
        writeln!(out, "diff,{}", measure_columns(frame.dimensions).join(","))?;
    }
    for (measures, diff) in changes {
        write!(out, "{diff},")?;
        write_measures(&measures, frame, &mut out)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn write_measures(m: &Measures, frame: &Frame, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{},{},{},{}", m.branch_distance, m.branch_type as u8, m.mean_pixel_value, m.stdev_pixel_value)?;
    for place in [m.image_coord_src, m.image_coord_dst] {
        for axis in frame.axes() {
            write!(out, ",{}", place[axis])?;
        }
    }
    for place in [m.coord_src, m.coord_dst] {
        for axis in frame.axes() {
            write!(out, ",{}", place[axis])?;
        }
    }
    write!(out, ",{}", m.euclidean_distance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Spacing;

    #[test]
    fn an_empty_table_is_a_header() {
        let frame = Frame { dimensions: 2, spacing: Spacing::default(), origin: [0; 3] };
        let mut text = Vec::new();
        write_csv([], &frame, &mut text).unwrap();
        let expected = "skeleton_id,node_id_src,node_id_dst,branch_distance,branch_type,mean_pixel_value,\
                        stdev_pixel_value,image_coord_src_0,image_coord_src_1,image_coord_dst_0,image_coord_dst_1,\
                        coord_src_0,coord_src_1,coord_dst_0,coord_dst_1,euclidean_distance\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
