//! GraphML: `network.graphml`, the graph of nodes and branches.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::Network;
use super::attributes::{Attribute, Kind, attributes};
use super::files::write_file;
use super::nodes::{nodes, without_isolated};
use super::xml::escaped;
use crate::error::Result;
use crate::table::read::TableText;

/// Columns that VesselVio knows by other names.
const OF_VESSELVIO: [(&str, &str); 2] = [("mean_radius", "radius_avg"), ("branch_distance", "length")];

/// Writes a node for each row of `nodes.csv` with all of its columns, and an edge for each branch with all columns of the
/// branch table. What is missing is left out. The node with the `node_id` n is `n` and n, the branch with the `branch_id` b is
/// `b` and b; two nodes may have several edges between them.
///
/// VesselVio's names are there too: `X`, `Y`, `Z` of nodes in voxels, since it asks for the size of a voxel, and
/// `radius_avg` and `length` of edges. It reads `Z` of images in the plane too, which is 0 there.
pub(super) fn write(network: &Network, folder: &Path, _: usize) -> Result<Vec<String>> {
    let table = nodes(network);
    let flat = vec![0.0; if network.dimensions == 2 { table.len() } else { 0 }];
    let node_columns = node_columns(&table, network.dimensions, &flat);
    let edge_columns = edge_columns(&network.branches);
    let ids = table.column("node_id").unwrap_or_default();
    write_file(folder, "network.graphml", |file| {
        writeln!(file, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(file, "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">")?;
        if network.unit.is_some() {
            writeln!(file, "<key id=\"unit\" for=\"graph\" attr.name=\"unit\" attr.type=\"string\"/>")?;
        }
        keys(file, "node", &node_columns)?;
        keys(file, "edge", &edge_columns)?;
        writeln!(file, "<graph id=\"network\" edgedefault=\"undirected\">")?;
        if let Some(unit) = &network.unit {
            writeln!(file, "<data key=\"unit\">{}</data>", escaped(unit))?;
        }
        for (row, id) in ids.iter().enumerate() {
            write!(file, "<node id=\"n{id}\">")?;
            data(file, "node", &node_columns, row)?;
            writeln!(file, "</node>")?;
        }
        for (branch, path) in network.paths.iter().enumerate() {
            if let (Some(from), Some(to)) = (path.first(), path.last()) {
                write!(file, "<edge id=\"b{branch}\" source=\"n{from}\" target=\"n{to}\">")?;
                data(file, "edge", &edge_columns, branch)?;
                writeln!(file, "</edge>")?;
            }
        }
        writeln!(file, "</graph>\n</graphml>")
    })?;
    Ok(without_isolated(network).into_iter().collect())
}

/// The columns of nodes, and their positions in voxels; `flat` are those along z where an image lies in the plane.
fn node_columns<'t>(table: &'t TableText, dimensions: usize, flat: &'t [f64]) -> Vec<Attribute<'t>> {
    let mut columns = attributes(table);
    for (name, axis) in ["X", "Y", "Z"].into_iter().zip((0..dimensions).rev()) {
        if let Some(values) = table.column(&format!("image_coord_{axis}")) {
            columns.push(Attribute { name, kind: Kind::Number, values, texts: &[], labels: &[] });
        }
    }
    if dimensions == 2 {
        columns.push(Attribute { name: "Z", kind: Kind::Number, values: flat, texts: &[], labels: &[] });
    }
    columns
}

/// The columns of branches, and those that have another name besides.
fn edge_columns(table: &TableText) -> Vec<Attribute<'_>> {
    let mut columns = attributes(table);
    for (ours, name) in OF_VESSELVIO {
        let of = columns.iter().find(|column| column.name == ours).copied();
        columns.extend(of.map(|column| Attribute { name, ..column }));
    }
    columns
}

/// The declarations of columns, in which `long` stands for labels alone that 32 bits do not hold: yEd fails on it. Labels that
/// it does not hold either are texts.
fn keys(file: &mut BufWriter<File>, of: &str, columns: &[Attribute<'_>]) -> io::Result<()> {
    for (number, column) in columns.iter().enumerate() {
        let kind = match column.kind {
            Kind::Whole => "int",
            Kind::Number => "double",
            Kind::Flag => "boolean",
            Kind::Label if column.labels_as::<i64>().is_some() => "long",
            Kind::Label | Kind::Text => "string",
        };
        let name = escaped(column.name);
        writeln!(file, "<key id=\"{of}{number}\" for=\"{of}\" attr.name=\"{name}\" attr.type=\"{kind}\"/>")?;
    }
    Ok(())
}

/// The values of a row.
fn data(file: &mut BufWriter<File>, of: &str, columns: &[Attribute<'_>], row: usize) -> io::Result<()> {
    for (number, column) in columns.iter().enumerate() {
        let value = column.values.get(row).copied().filter(|value| value.is_finite());
        let text = match (column.kind, value) {
            (Kind::Label, _) => column.labels.get(row).map(i128::to_string),
            (Kind::Text, _) => column.texts.get(row).filter(|text| !text.is_empty()).map(|text| escaped(text)),
            (Kind::Flag, Some(value)) => Some((value == 1.0).to_string()),
            (_, Some(value)) => Some(value.to_string()),
            (_, None) => None,
        };
        if let Some(text) = text {
            write!(file, "<data key=\"{of}{number}\">{text}</data>")?;
        }
    }
    Ok(())
}
