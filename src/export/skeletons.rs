//! The branches of each skeleton, for formats that hold skeletons one by one.

use std::ops::Range;

use super::Network;
use crate::error::{Error, Result};

/// The skeletons of a network, in the order of their ids.
pub(super) struct Skeletons<'n> {
    network: &'n Network,
    /// Branches, those of one skeleton together, in the order of the table's rows.
    branches: Vec<u32>,
    /// The `skeleton_id` of each skeleton, where its branches are, and its voxel if it is only one.
    parts: Vec<(u32, Range<usize>, Option<u32>)>,
}

/// A skeleton: branches, or an isolated voxel.
#[derive(Clone, Copy)]
pub(super) struct Skeleton<'n> {
    /// Its `skeleton_id`.
    pub(super) id: u32,
    /// Its branches, as rows of the table, in order; none if it is one voxel.
    pub(super) branches: &'n [u32],
    /// Its voxel if it is only one.
    pub(super) isolated: Option<u32>,
    network: &'n Network,
}

impl<'n> Skeletons<'n> {
    /// The skeletons of a network; isolated voxels where there is a table of nodes, which alone has them.
    ///
    /// # Errors
    /// `Data` if a table has no such ids, or ids of voxels that are not there.
    pub(super) fn of(network: &'n Network) -> Result<Self> {
        let unlike =
            || Error::data("the tables have no skeleton_id and node_id of their voxels; run the analysis again");
        let rank = |value: f64| {
            let fits = value.fract() == 0.0 && (0.0..f64::from(u32::MAX)).contains(&value);
            if fits { Ok(value as u32) } else { Err(unlike()) }
        };
        let ids = network.branches.column("skeleton_id").ok_or_else(unlike)?;
        let ids = ids.iter().map(|&id| rank(id)).collect::<Result<Vec<u32>>>()?;
        let last = u32::try_from(ids.len())
            .map_err(|_| Error::usage("there are more branches than this format's 4294967295"))?;
        let mut branches: Vec<u32> = (0..last).collect();
        // A stable sort: branches of one skeleton stay in the order of their rows.
        branches.sort_by_key(|&branch| ids[branch as usize]);
        let mut parts = Vec::new();
        let mut first = 0;
        for same in branches.chunk_by(|&a, &b| ids[a as usize] == ids[b as usize]) {
            parts.push((ids[same[0] as usize], first..first + same.len(), None));
            first += same.len();
        }
        if let Some(nodes) = &network.nodes {
            let column = |name: &str| nodes.column(name).ok_or_else(unlike);
            let (voxels, of, degrees) = (column("node_id")?, column("skeleton_id")?, column("degree")?);
            for ((&voxel, &id), _) in voxels.iter().zip(of).zip(degrees).filter(|(_, degree)| **degree == 0.0) {
                let voxel = rank(voxel)?;
                if voxel as usize >= network.voxels.len() {
                    return Err(unlike());
                }
                parts.push((rank(id)?, 0..0, Some(voxel)));
            }
        }
        parts.sort_by_key(|(id, ..)| *id);
        Ok(Skeletons { network, branches, parts })
    }

    /// Number of skeletons.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// The skeletons, in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = Skeleton<'_>> {
        self.parts.iter().map(|(id, places, isolated)| Skeleton {
            id: *id,
            branches: &self.branches[places.clone()],
            isolated: *isolated,
            network: self.network,
        })
    }
}

impl<'n> Skeleton<'n> {
    /// The voxels of each branch, in order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &'n [u32]> {
        let network = self.network;
        self.branches.iter().map(move |&branch| network.paths.of(branch as usize))
    }

    /// Its voxels on branches, or its only one, each once, in raster order.
    pub(super) fn voxels(&self) -> Vec<u32> {
        let mut voxels: Vec<u32> = self.paths().flatten().copied().chain(self.isolated).collect();
        voxels.sort_unstable();
        voxels.dedup();
        voxels
    }
}

/// The place of a voxel among those of its skeleton.
pub(super) fn place(voxels: &[u32], voxel: u32) -> usize {
    voxels.partition_point(|&other| other < voxel)
}
