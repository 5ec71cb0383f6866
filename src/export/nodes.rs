//! The table of nodes, also where results have none.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Network;
use crate::table::read::TableText;

/// The table of nodes. Where there is none, because only skan's columns were asked for, one of the ends of branches with
/// `node_id`, `skeleton_id`, `degree`, positions and, if it is known, `radius`: isolated voxels are missing then.
pub(super) fn nodes(network: &Network) -> Cow<'_, TableText> {
    match &network.nodes {
        Some(nodes) => Cow::Borrowed(nodes),
        None => Cow::Owned(ends(network)),
    }
}

/// The sentence for networks whose isolated voxels are not known.
pub(super) fn without_isolated(network: &Network) -> Option<String> {
    let note = "the results have no nodes.csv, so skeletons of one voxel are left out";
    network.nodes.is_none().then(|| note.to_owned())
}

fn ends(network: &Network) -> TableText {
    let skeletons = network.branches.column("skeleton_id").unwrap_or_default();
    let mut nodes: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for (path, &skeleton) in network.paths.iter().zip(skeletons) {
        for &end in path.first().into_iter().chain(path.last()) {
            nodes.entry(end).or_insert((skeleton, 0.0)).1 += 1.0;
        }
    }
    let axes = 3 - network.dimensions..3;
    let numbered = |name: &'static str| axes.clone().enumerate().map(move |(number, _)| format!("{name}_{number}"));
    let mut names: Vec<String> = ["node_id", "skeleton_id", "degree"].map(str::to_owned).to_vec();
    names.extend(numbered("image_coord"));
    names.extend(numbered("coord"));
    names.extend(network.radii.is_some().then(|| "radius".to_owned()));
    let mut values = vec![Vec::with_capacity(nodes.len()); names.len()];
    for (&voxel, &(skeleton, degree)) in &nodes {
        let (place, position) = (network.voxels[voxel as usize].position(), network.position(voxel));
        let row = [f64::from(voxel), skeleton, degree].into_iter();
        let row = row.chain(axes.clone().map(|a| place[a] as f64)).chain(axes.clone().map(|a| position[a]));
        let row = row.chain(network.radii.is_some().then(|| network.radius(voxel)));
        values.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
    }
    TableText { names, values, ..TableText::default() }
}
