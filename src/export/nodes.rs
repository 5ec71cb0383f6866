//! Nodes of networks whose table of nodes is missing.

use super::Network;

/// The sentence for networks whose isolated voxels are not known.
pub(super) fn without_isolated(network: &Network) -> Option<String> {
    let note = "the results have no nodes.csv, so skeletons of one voxel are left out";
    network.nodes.is_none().then(|| note.to_owned())
}
