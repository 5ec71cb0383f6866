//! Networks for tests, and reports of them.

use serde_json::json;

use super::Report;
use crate::export::Network;
use crate::export::network::Paths;
use crate::page::escaped;
use crate::space::{Spacing, Voxel};
use crate::table::read::TableText;

/// A network of branches that run along x in zigzags, each in a plane of its own, with so many steps.
pub(super) fn zigzags(branches: usize, steps: usize) -> Network {
    let mut voxels = Vec::new();
    let mut paths = Paths::default();
    for branch in 0..branches {
        let first = voxels.len() as u32;
        let place = |step: usize| {
            let rise = step % 8;
            [branch as i64, if rise < 4 { rise } else { 8 - rise } as i64, step as i64]
        };
        voxels.extend((0..=steps).map(|step| Voxel::new(place(step))));
        paths.push(first..voxels.len() as u32);
    }
    let column = |of: &dyn Fn(usize) -> f64| (0..branches).map(of).collect::<Vec<f64>>();
    let length = steps as f64 * 2f64.sqrt();
    let columns: Vec<(&str, Vec<f64>)> = vec![
        ("skeleton_id", column(&|branch| branch as f64)),
        ("node_id_src", column(&|branch| (branch * (steps + 1)) as f64)),
        ("node_id_dst", column(&|branch| (branch * (steps + 1) + steps) as f64)),
        ("branch_distance", column(&|branch| length + branch as f64 * 1e-3)),
        ("branch_type", column(&|branch| (branch % 3) as f64)),
        ("mean_pixel_value", column(&|_| 1.0)),
        ("euclidean_distance", column(&|_| steps as f64)),
        ("mean_radius", column(&|branch| 1.0 + (branch % 17) as f64 / 3.0)),
        ("volume", column(&|branch| (branch as f64 * 0.37).fract() * 1e3)),
        ("touches_border", column(&|branch| f64::from(branch % 10 == 0))),
    ];
    let (names, values) = columns.into_iter().map(|(name, values)| (name.to_owned(), values)).unzip();
    Network {
        image: "folder/<b>.tif".to_owned(),
        dimensions: 3,
        shape: [branches.max(1), 8, steps + 1],
        spacing: Spacing([1.0; 3]),
        unit: Some("micrometer".to_owned()),
        place: [0.0; 3],
        radii: Some(voxels.iter().enumerate().map(|(place, _)| 1.0 + (place % 29) as f64 / 5.0).collect()),
        values: None,
        labels: None,
        unsigned_labels: false,
        parameters: json!({"method": "lee"}),
        voxels,
        paths,
        branches: TableText { names, values, ..TableText::default() },
        nodes: None,
        skeletons: None,
    }
}

fn report(network: Network) -> Report {
    let summary = json!({
        "version": "0.1.0", "branches": network.paths.len(), "warnings": ["<script>alert(1)</script>"],
        "branches_by_kind": {"tip_to_tip": 1}, "total_length": 12.0, "tips": 2,
    });
    Report { network, summary, run: json!({"understood": "TIFF & more"}), picture: None }
}

#[test]
fn a_report_says_what_was_analysed_and_warns_first() {
    let page = report(zigzags(3, 9)).render().unwrap();
    assert!(page.contains("<h1>&lt;b&gt;.tif</h1>") && page.contains("TIFF &amp; more"));
    let [warning, figures] = ["&lt;script&gt;alert(1)", "Key figures</h2>"].map(|text| page.find(text).unwrap());
    assert!(warning < figures && !page.contains("<script>alert"));
    assert!(page.contains(&*escaped("Lee 1994, as in scikit-image")));
}

#[test]
fn a_report_of_no_branch_is_a_page_too() {
    let page = report(zigzags(0, 1)).render().unwrap();
    assert!(page.contains("There is no branch") || page.contains("No skeleton has a branch"));
}

#[test]
fn a_report_of_half_a_million_branches_is_no_larger_than_25_mb() {
    let page = report(zigzags(500_000, 5)).render().unwrap();
    assert!(page.len() < 25_000_000, "{} bytes", page.len());
}
