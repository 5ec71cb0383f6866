//! The columns of `skeletons.csv` as properties of segments, by which Neuroglancer sorts and filters.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::segment;
use crate::error::Result;
use crate::export::Network;
use crate::export::attributes::{Attribute, Kind, attributes};
use crate::export::files::write_file;
use crate::export::skeletons::Skeletons;
use crate::table::columns::{Column, Unit};
use crate::table::read::TableText;
use crate::table::skeleton_columns::{SkeletonRow, columns};

/// Stands for a value that is missing: JSON has no NaN, and all of these columns are positive.
const MISSING: f64 = -1.0;

/// Writes the properties of each skeleton: a label, numbers, and flags as tags. Positions are left out.
pub(super) fn write(network: &Network, skeletons: &Skeletons<'_>, folder: &Path) -> Result<()> {
    let from_branches;
    let table = match &network.skeletons {
        Some(table) => table,
        None => {
            from_branches = sums(network, skeletons);
            &from_branches
        }
    };
    let ids = table.column("skeleton_id").unwrap_or_default();
    let (labels, exact) = (table.column("label"), table.labels_of("label"));
    let attributes = attributes(table);
    write_file(folder, "info", |file| {
        write!(file, "{{\"@type\":\"neuroglancer_segment_properties\",\"inline\":{{\"ids\":[")?;
        list(file, ids, |file, id| write!(file, "\"{}\"", id + 1.0))?;
        write!(file, "],\"properties\":[{{\"id\":\"label\",\"type\":\"label\",\"values\":[")?;
        list(file, ids.iter().enumerate(), |file, (row, id)| match (exact, labels) {
            (Some(labels), _) => write!(file, "\"skeleton {id}, label {}\"", labels[row]),
            (None, Some(labels)) => write!(file, "\"skeleton {id}, label {}\"", labels[row]),
            (None, None) => write!(file, "\"skeleton {id}\""),
        })?;
        write!(file, "]}}")?;
        for attribute in attributes.iter().filter(|attribute| is_number(attribute)) {
            number(file, attribute, network.unit.as_deref())?;
        }
        tags(file, &attributes, ids.len())?;
        writeln!(file, "]}}}}")
    })
}

/// Numbers of branches and sums of lengths, where only skan's columns were asked for.
fn sums(network: &Network, skeletons: &Skeletons<'_>) -> TableText {
    let lengths = network.branches.column("branch_distance").unwrap_or_default();
    let mut values = vec![Vec::new(); 3];
    for skeleton in skeletons.iter() {
        let length: f64 = skeleton.branches.iter().filter_map(|&branch| lengths.get(branch as usize)).sum();
        let row = [(segment(&skeleton) - 1) as f64, skeleton.branches.len() as f64, length];
        values.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
    }
    TableText {
        names: ["skeleton_id", "branches", "total_length"].map(str::to_owned).to_vec(),
        values,
        ..TableText::default()
    }
}

/// Whether a column is written as numbers: not ids and labels, which name the segment, nor positions.
fn is_number(attribute: &Attribute<'_>) -> bool {
    let names = ["skeleton_id", "label", "first_voxel_", "bbox_"];
    let is_other = names.iter().any(|name| attribute.name.starts_with(name));
    matches!(attribute.kind, Kind::Whole | Kind::Number) && !is_other && !attribute.is_empty()
}

fn number(file: &mut BufWriter<File>, attribute: &Attribute<'_>, unit: Option<&str>) -> io::Result<()> {
    let (whole, gaps) = (attribute.kind == Kind::Whole, attribute.has_gaps());
    let data_type = if whole { "int32" } else { "float32" };
    let column = columns(true, true).into_iter().find(|column| column.name == attribute.name);
    let meaning = column.map_or_else(String::new, |column| meaning(&column, unit, gaps));
    let (id, meaning) = (quoted(attribute.name), quoted(&meaning));
    write!(file, ",{{\"id\":{id},\"type\":\"number\",\"data_type\":\"{data_type}\"")?;
    write!(file, ",\"description\":{meaning},\"values\":[")?;
    list(file, attribute.values, |file, &value| match (value.is_nan(), whole) {
        (true, _) => write!(file, "{MISSING}"),
        (false, true) => write!(file, "{value}"),
        (false, false) => write!(file, "{}", value as f32),
    })?;
    write!(file, "]}}")
}

/// What a column is, its unit, and what stands for missing values.
fn meaning(column: &Column<SkeletonRow>, unit: Option<&str>, gaps: bool) -> String {
    let power = match column.unit {
        Unit::Length => "",
        Unit::Area => "²",
        Unit::Volume => "³",
        Unit::Image | Unit::Voxels | Unit::None => return column.meaning.to_owned(),
    };
    let unit = unit.map_or_else(String::new, |unit| format!(" ({unit}{power})"));
    let gaps = if gaps { "; -1 for nothing" } else { "" };
    format!("{}{unit}{gaps}", column.meaning)
}

/// Flags: one property of tags.
fn tags(file: &mut BufWriter<File>, attributes: &[Attribute<'_>], rows: usize) -> io::Result<()> {
    let flags: Vec<_> = attributes.iter().filter(|attribute| attribute.kind == Kind::Flag).collect();
    if flags.is_empty() {
        return Ok(());
    }
    write!(file, ",{{\"id\":\"tags\",\"type\":\"tags\",\"tags\":[")?;
    list(file, &flags, |file, flag| write!(file, "{}", quoted(flag.name)))?;
    write!(file, "],\"values\":[")?;
    list(file, 0..rows, |file, row| {
        let set = flags.iter().enumerate().filter(|(_, flag)| flag.values[row] == 1.0);
        write!(file, "[")?;
        list(file, set, |file, (number, _)| write!(file, "{number}"))?;
        write!(file, "]")
    })?;
    write!(file, "]}}")
}

/// Items with commas between them.
fn list<T>(
    file: &mut BufWriter<File>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut BufWriter<File>, T) -> io::Result<()>,
) -> io::Result<()> {
    for (number, item) in items.into_iter().enumerate() {
        if number > 0 {
            file.write_all(b",")?;
        }
        write(file, item)?;
    }
    Ok(())
}

/// A text of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
