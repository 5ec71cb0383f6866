//! Voreen's tables.

use std::collections::BTreeMap;

use super::{network, written};
use crate::export::{Format, Network};

/// Rows of fields by the names of their columns.
type Rows = Vec<BTreeMap<String, f64>>;

fn rows(bytes: &[u8]) -> Rows {
    let text = std::str::from_utf8(bytes).unwrap();
    let mut lines = text.lines().map(|line| line.split(';'));
    let names: Vec<String> = lines.next().unwrap().map(str::to_owned).collect();
    let row = |fields: std::str::Split<'_, char>| {
        let fields: Vec<f64> = fields.map(|field| field.parse().unwrap()).collect();
        assert_eq!(fields.len(), names.len());
        names.iter().cloned().zip(fields).collect()
    };
    lines.map(row).collect()
}

fn tables(network: &Network) -> (Rows, Rows, Vec<String>) {
    let (files, notes) = written(Format::Voreen, network);
    (rows(&files[0]), rows(&files[1]), notes)
}

#[test]
fn both_tables_hold_the_numbers_of_ours() {
    let network = network();
    let (nodes, edges, notes) = tables(&network);
    let table = network.nodes.as_ref().unwrap();
    assert_eq!((nodes.len(), edges.len()), (table.len(), network.branches.len()));
    let pairs =
        [("id", "node_id"), ("pos_x", "coord_2"), ("pos_y", "coord_1"), ("pos_z", "coord_0"), ("degree", "degree")];
    for (name, ours) in pairs {
        let ours = table.column(ours).unwrap();
        assert!(nodes.iter().zip(ours).all(|(node, value)| node[name] == *value), "{name}");
    }
    let pairs = [("length", "branch_distance"), ("distance", "euclidean_distance"), ("curveness", "tortuosity")];
    for (name, ours) in pairs.into_iter().chain([("volume", "volume"), ("minRadiusAvg", "mean_radius")]) {
        let ours = network.branches.column(ours).unwrap();
        let same =
            |(edge, value): (&BTreeMap<String, f64>, &f64)| edge[name] == if value.is_nan() { -1.0 } else { *value };
        assert!(edges.iter().zip(ours).all(same), "{name}");
    }
    let degree = |id: f64| nodes.iter().find(|node| node["id"] == id).unwrap()["degree"];
    for edge in &edges {
        assert_eq!((edge["node1_degree"], edge["node2_degree"]), (degree(edge["node1id"]), degree(edge["node2id"])));
        assert_eq!((edge["avgCrossSection"], edge["maxRadiusAvg"]), (2.0, -1.0));
    }
    let line = edges.iter().find(|edge| edge["length"] == 14.0).unwrap();
    assert_eq!(line["num_voxels"], 6.0, "without the two nodes");
    assert!(notes[0].contains("micrometer") && notes.len() == 2, "{notes:?}");
}

#[test]
fn what_is_not_known_is_minus_one() {
    let mut network = network();
    network.nodes = None;
    let skan = ["skeleton_id", "node_id_src", "node_id_dst", "branch_distance", "euclidean_distance"];
    network.branches.names.truncate(skan.len());
    network.branches.values.truncate(skan.len());
    assert_eq!(network.branches.names, skan);
    let (nodes, edges, _) = tables(&network);
    assert!(nodes.iter().all(|node| node["isAtSampleBorder"] == -1.0));
    for edge in edges {
        assert_eq!([edge["volume"], edge["avgCrossSection"], edge["minRadiusAvg"]], [-1.0; 3]);
        let curveness = if edge["distance"] > 0.0 { edge["length"] / edge["distance"] } else { -1.0 };
        assert_eq!(edge["curveness"], curveness);
    }
}
