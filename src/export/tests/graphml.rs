//! GraphML.

use std::collections::BTreeMap;

use super::{network, text};
use crate::export::Format;
use crate::table::read::TableText;

/// The value of an attribute of an element that begins a text.
fn attribute<'t>(text: &'t str, name: &str) -> &'t str {
    let start = text.find(&format!("{name}=\"")).expect(name) + name.len() + 2;
    text[start..].split('"').next().unwrap()
}

/// The data of each element of a kind by the names of their keys, and its own text.
fn elements<'t>(text: &'t str, kind: &str) -> Vec<(&'t str, BTreeMap<&'t str, &'t str>)> {
    let keys: BTreeMap<&str, &str> = text
        .lines()
        .filter(|line| line.starts_with("<key"))
        .map(|key| (attribute(key, "id"), attribute(key, "attr.name")))
        .collect();
    let lines = text.lines().filter(|line| line.starts_with(&format!("<{kind} ")));
    let data = |line: &'t str| {
        let parts = line.split("<data ").skip(1);
        let value = |part: &'t str| (keys[attribute(part, "key")], part.split(['>', '<']).nth(1).unwrap());
        (line, parts.map(value).collect())
    };
    lines.map(data).collect()
}

#[test]
fn nodes_and_edges_have_the_columns_of_the_tables() {
    let network = network();
    let (text, notes) = text(Format::Graphml, &network);
    assert!(notes.is_empty());
    let (nodes, edges) = (elements(&text, "node"), elements(&text, "edge"));
    let table = network.nodes.as_ref().unwrap();
    assert_eq!((nodes.len(), edges.len()), (table.len(), network.branches.len()));
    for (table, elements) in [(table, &nodes), (&network.branches, &edges)] {
        for (row, (_, data)) in elements.iter().enumerate() {
            for (name, values) in table.names.iter().zip(&table.values) {
                let told = data.get(name.as_str()).map(|text| match *text {
                    "true" => 1.0,
                    "false" => 0.0,
                    number => number.parse().unwrap(),
                });
                assert_eq!(told, Some(values[row]).filter(|value| !value.is_nan()), "{name} of {row}");
            }
        }
    }
    assert!(edges.iter().any(|(_, data)| !data.contains_key("tortuosity")), "nothing is left out");
    let ends: Vec<_> = edges.iter().map(|(edge, _)| (attribute(edge, "source"), attribute(edge, "target"))).collect();
    assert!((0..ends.len()).any(|edge| ends[..edge].contains(&ends[edge])), "two arcs have the same ends");
}

#[test]
fn the_names_of_vesselvio_are_there_and_no_type_is_long() {
    let (text, _) = text(Format::Graphml, &network());
    let (nodes, edges) = (elements(&text, "node"), elements(&text, "edge"));
    for (ours, name) in [("mean_radius", "radius_avg"), ("branch_distance", "length")] {
        assert!(edges.iter().all(|(_, data)| data[ours] == data[name]));
    }
    for (ours, name) in [("image_coord_2", "X"), ("image_coord_1", "Y"), ("image_coord_0", "Z")] {
        assert!(nodes.iter().all(|(_, data)| data[ours] == data[name]));
    }
    assert!(!text.contains("\"long\"") && text.contains("attr.name=\"node_id\" attr.type=\"int\""));
}

#[test]
fn nodes_of_an_image_in_the_plane_have_a_z_of_0() {
    let mut network = network();
    network.dimensions = 2;
    let (text, _) = text(Format::Graphml, &network);
    let nodes = elements(&text, "node");
    assert!(!nodes.is_empty() && nodes.iter().all(|(_, data)| data["Z"] == "0"));
    assert!(nodes.iter().all(|(_, data)| data["X"] == data["image_coord_1"] && data["Y"] == data["image_coord_0"]));
    assert_eq!(text.matches("attr.name=\"Z\" attr.type=\"double\"").count(), 1);
}

#[test]
fn labels_have_all_their_digits() {
    let mut network = network();
    let mut told = |labels: [&str; 2]| {
        let rows: String = (0..network.paths.len()).map(|row| format!("{row},{}\n", labels[row % 2])).collect();
        network.branches = TableText::read(format!("branch_id,label\n{rows}").as_bytes()).unwrap();
        let (text, _) = text(Format::Graphml, &network);
        for (row, (_, data)) in elements(&text, "edge").iter().enumerate() {
            assert_eq!(data["label"], labels[row % 2]);
        }
        let key = text.lines().find(|line| line.starts_with("<key") && line.contains("\"label\"")).unwrap();
        attribute(key, "attr.type").to_owned()
    };
    assert_eq!(told(["7", "-8"]), "int");
    assert_eq!(told(["720575940623374511", "720575940623374513"]), "long");
    assert_eq!(told(["-9223372036854775808", "9223372036854775807"]), "long");
    assert_eq!(told(["18446744073709551615", "18446744073709551614"]), "string");
}

#[test]
fn without_a_table_of_nodes_the_ends_of_branches_are_the_nodes() {
    let mut network = network();
    let table = network.nodes.take().unwrap();
    let (text, notes) = text(Format::Graphml, &network);
    let nodes = elements(&text, "node");
    assert_eq!(nodes.len() + 1, table.len(), "all but the isolated voxel");
    for (_, data) in &nodes {
        let id: f64 = data["node_id"].parse().unwrap();
        let row = table.column("node_id").unwrap().iter().position(|other| *other == id).unwrap();
        for name in ["skeleton_id", "degree", "image_coord_1", "coord_2", "radius"] {
            assert_eq!(data[name].parse(), Ok(table.column(name).unwrap()[row]), "{name} of {id}");
        }
    }
    assert!(notes[0].contains("nodes.csv"), "{notes:?}");
}

#[test]
fn names_of_regions_are_text() {
    let mut network = network();
    let rows = network.branches.len();
    network.branches = TableText {
        names: vec!["skeleton_id".to_owned(), "region_name".to_owned()],
        values: vec![vec![0.0; rows], vec![f64::NAN; rows]],
        texts: vec!["CA1 <left>".to_owned(); rows],
        ..TableText::default()
    };
    let (text, _) = text(Format::Graphml, &network);
    assert!(text.contains("attr.name=\"region_name\" attr.type=\"string\""));
    assert!(elements(&text, "edge").iter().all(|(_, data)| data["region_name"] == "CA1 &lt;left&gt;"));
}
