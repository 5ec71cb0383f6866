//! SWC.

use super::{network, text};
use crate::export::{Format, Network};

/// A sample: type, position, radius and parent.
struct Sample {
    kind: u32,
    position: [f64; 3],
    radius: f64,
    parent: Option<usize>,
}

/// Samples in their order, whose numbers must be 1, 2, ….
fn samples(text: &str) -> Vec<Sample> {
    let rows = text.lines().filter(|line| !line.starts_with('#')).enumerate();
    rows.map(|(row, line)| {
        let fields: Vec<f64> = line.split(' ').map(|field| field.parse().unwrap()).collect();
        assert_eq!((fields.len(), fields[0]), (7, (row + 1) as f64));
        let parent = (fields[6] > 0.0).then(|| fields[6] as usize - 1);
        assert!(fields[6] == -1.0 || parent.unwrap() < row, "parents come before their children");
        Sample { kind: fields[1] as u32, position: [fields[2], fields[3], fields[4]], radius: fields[5], parent }
    })
    .collect()
}

/// Sum of the distances between samples and their parents.
fn length(samples: &[Sample]) -> f64 {
    let of = |sample: &Sample| {
        let parent = samples[sample.parent?].position;
        let squares = (0..3).map(|a| (sample.position[a] - parent[a]).powi(2));
        Some(squares.sum::<f64>().sqrt())
    };
    samples.iter().filter_map(of).sum()
}

fn total(network: &Network) -> f64 {
    network.branches.column("branch_distance").unwrap().iter().sum()
}

#[test]
fn each_skeleton_is_a_tree_of_all_its_voxels_and_lacks_one_step_a_loop() {
    let network = network();
    let (text, notes) = text(Format::Swc, &network);
    let samples = samples(&text);
    assert_eq!(samples.len(), network.voxels.len());
    assert_eq!(samples.iter().filter(|sample| sample.parent.is_none()).count(), 4);
    // Each ring lacks one diagonal step.
    let step = 0.5f64.hypot(0.25);
    assert!((total(&network) - 2.0 * step - length(&samples)).abs() < 1e-12);
    let cuts: Vec<&str> = text.lines().filter(|line| line.starts_with("# a loop")).collect();
    assert_eq!(cuts.len(), 2);
    for cut in cuts {
        let ends =
            cut.split(' ').filter_map(|word| word.parse().ok()).map(|sample: usize| samples[sample - 1].position);
        let ends: Vec<[f64; 3]> = ends.collect();
        let squares = (0..3).map(|a| (ends[0][a] - ends[1][a]).powi(2));
        assert!((squares.sum::<f64>().sqrt() - step).abs() < 1e-12, "{cut} parts neighbours");
    }
    assert!(notes.len() == 1 && notes[0].contains("cut, 2 in all"), "{notes:?}");
}

#[test]
fn types_are_those_of_the_skeleton_before_loops_were_cut() {
    let (text, _) = text(Format::Swc, &network());
    let count = |kind| samples(&text).iter().filter(|sample| sample.kind == kind).count();
    assert_eq!([count(6), count(5)], [4, 2], "four tips and two junctions");
}

#[test]
fn positions_and_radii_are_micrometers_in_the_order_x_y_z() {
    let mut network = network();
    network.unit = Some("nanometer".to_owned());
    let (text, _) = text(Format::Swc, &network);
    let samples = samples(&text);
    // The skeleton with the first voxel is the line along z, and the root the tip with the larger radius.
    let first = &samples[0];
    assert_eq!(first.position.map(|length| (length * 1e6).round() / 1e3), [0.75, 9.0, 14.0]);
    let end = network.voxels.iter().position(|voxel| voxel.position() == [7, 18, 3]).unwrap();
    assert_eq!(first.radius, network.radii.unwrap()[end] * 1e-3);
}

#[test]
fn what_is_not_known_is_said() {
    let mut network = network();
    (network.radii, network.unit, network.nodes) = (None, None, None);
    let (text, notes) = text(Format::Swc, &network);
    let samples = samples(&text);
    assert!(samples.iter().all(|sample| sample.radius == 0.125), "half the smallest size of a voxel");
    assert!(text.lines().any(|line| line.starts_with("# Radii that are not known")));
    assert_eq!(samples.len(), network.voxels.len() - 1, "isolated voxels are in the table of nodes alone");
    assert!(notes[1].contains("unit") && notes[2].contains("nodes.csv"), "{notes:?}");
}
