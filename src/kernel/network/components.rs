//! Connected components of a skeleton, found in parts of the volume: the skeletons.

use serde::{Deserialize, Serialize};

use crate::kernel::network::adjacency::{for_each_link, neighbours, steps};
use crate::kernel::network::forest::DisjointSets;
use crate::kernel::network::octree::Octree;
use crate::kernel::network::rise::{Risen, risen};
use crate::space::Voxel;

/// The components of a part of the volume that extend beyond it, as their voxels with neighbours outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Open {
    /// Voxels in raster order, each with the level of the smallest box that holds all of its neighbours, and the number
    /// of its component.
    pub voxels: Vec<(Voxel, u8, u32)>,
    /// The first voxel of each component, in the order of their numbers.
    pub firsts: Vec<Voxel>,
}

/// The components of a part of the volume: the first voxels of those that are complete in it, in raster order, and those
/// that extend beyond it.
pub type Counted = Risen<Vec<Voxel>, Open>;

/// Returns the first voxels of the components inside a chunk, if any, and the components that extend beyond it, if any. `sets`
/// holds the neighbours of each voxel, or enough of them to connect the same voxels. Takes time linear in the number of
/// voxels.
pub fn components(voxels: &[Voxel], sets: &[u32], octree: &Octree) -> impl Iterator<Item = Counted> + use<> {
    let mut labels = DisjointSets::new(voxels.len());
    for_each_link(voxels, |i, j, step| {
        if sets[i] & step.bit() != 0 {
            labels.unite(i as u32, j as u32);
        }
    });
    let mut exposed = Vec::new();
    if let Some(&first) = voxels.first() {
        let own = octree.grid().whole_region(octree.chunk_of(first));
        for (i, &voxel) in voxels.iter().enumerate() {
            let p = voxel.position();
            if (0..3).all(|a| own.min[a] < p[a] && p[a] + 1 < own.max[a]) {
                continue;
            }
            let until = steps(sets[i]).map(|step| octree.meeting_of(voxel, step.from(voxel))).max().unwrap_or(0);
            exposed.push((voxel, until, i as u32));
        }
    }
    settle(exposed, &mut labels, voxels, 0)
}

/// The voxels of junctions among a chunk's voxels, and the neighbours of each that may belong to the same junction.
/// Their [`components`] are the junctions: two neighbouring voxels belong to one junction even if the edge between them
/// was dropped. `linked` holds the neighbours of each voxel before edges to other chunks were dropped, `kept` the
/// remaining ones.
pub fn junction_voxels(voxels: &[Voxel], linked: &[u32], kept: &[u32]) -> (Vec<Voxel>, Vec<u32>) {
    let places: Vec<usize> = (0..voxels.len()).filter(|&place| kept[place].count_ones() >= 3).collect();
    let junctions: Vec<Voxel> = places.iter().map(|&place| voxels[place]).collect();
    let near = neighbours(&junctions);
    let sets = places.iter().zip(near).map(|(&place, near)| linked[place] | near).collect();
    (junctions, sets)
}

/// Merges the open components of the children of a box of a level, for a fold (see
/// [`rise`](crate::kernel::network::rise::rise)): the number of those that are complete in the box, and those that
/// extend beyond it, if any. Takes time O(n log n) in their voxels.
pub fn merge(children: &[&Open], level: u8) -> impl Iterator<Item = Counted> + use<> {
    let mut all: Vec<(Voxel, u8, u32, u32)> = Vec::new();
    let mut firsts: Vec<Voxel> = Vec::new();
    for (child, open) in (0..).zip(children) {
        let before = firsts.len() as u32;
        all.extend(open.voxels.iter().map(|&(voxel, until, label)| (voxel, until, before + label, child)));
        firsts.extend(&open.firsts);
    }
    all.sort();
    let mut labels = DisjointSets::new(firsts.len());
    let voxels: Vec<Voxel> = all.iter().map(|entry| entry.0).collect();
    for_each_link(&voxels, |i, j, _| {
        if all[i].3 != all[j].3 {
            labels.unite(all[i].2, all[j].2);
        }
    });
    let exposed = all.iter().map(|&(voxel, until, label, _)| (voxel, until, label)).collect();
    settle(exposed, &mut labels, &firsts, level)
}

/// Tells components without neighbours outside their box of a level from the others, which it renumbers. `firsts` holds the
/// first voxel of each label.
fn settle(
    mut exposed: Vec<(Voxel, u8, u32)>,
    labels: &mut DisjointSets,
    firsts: &[Voxel],
    level: u8,
) -> impl Iterator<Item = Counted> + use<> {
    let mut first_of = firsts.to_vec();
    for (label, &first) in (0..).zip(firsts) {
        let known = &mut first_of[labels.find(label) as usize];
        *known = first.min(*known);
    }
    exposed.retain(|&(_, until, _)| until > level);
    let mut renumbered = vec![u32::MAX; firsts.len()];
    let mut open = Open::default();
    for (.., label) in &mut exposed {
        let root = labels.find(*label) as usize;
        if renumbered[root] == u32::MAX {
            renumbered[root] = open.firsts.len() as u32;
            open.firsts.push(first_of[root]);
        }
        *label = renumbered[root];
    }
    let is_complete = |&label: &u32| labels.find(label) == label && renumbered[label as usize] == u32::MAX;
    let mut complete: Vec<Voxel> =
        (0..firsts.len() as u32).filter(is_complete).map(|label| first_of[label as usize]).collect();
    complete.sort_unstable();
    open.voxels = exposed;
    risen((!complete.is_empty()).then_some(complete), (!open.firsts.is_empty()).then_some((level + 1, open)))
}
