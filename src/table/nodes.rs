//! The nodes of a network: skeleton voxels at which branches end, and those without neighbours.

use std::io::{self, Write};
use std::sync::Arc;

use crate::error::Result;
use crate::kernel::measure::radii::{OfRadii, Radius};
use crate::kernel::network::adjacency::for_each_link;
use crate::kernel::network::forest::DisjointSets;
use crate::space::Voxel;
use crate::table::Table;
use crate::table::arrays::ColumnArrays;
use crate::table::csv::write_rows;
use crate::table::node_columns::{self, NodeRow};
use crate::table::row::Frame;
use crate::table::skeleton_labels::SkeletonLabels;
use crate::threads::in_turn;

/// The nodes of a network, in raster order: the voxels whose degree is not 2, and the first voxel of each isolated cycle.
///
/// The degree of a node is the number of branches that end there, a loop counted twice. Neighbouring nodes of degree 3
/// and more form one junction, whereas skan counts each of their voxels.
#[derive(Clone, Debug)]
pub struct Nodes {
    nodes: Vec<Node>,
    junctions: u32,
    labels: Option<Arc<SkeletonLabels>>,
}

/// A node, without coordinates in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node {
    voxel: Voxel,
    /// Infinite if it is not known.
    radius: Radius,
    /// Rank among all skeleton voxels.
    pub(super) rank: u64,
    pub(super) skeleton: u32,
    pub(super) degree: u32,
    /// The junction of the node; [`NO_JUNCTION`] for other nodes.
    pub(super) junction: u32,
}

const NO_JUNCTION: u32 = u32::MAX;
/// What is not found to be a node.
const NO_NODE: u32 = u32::MAX - 1;

/// Minimum degree of the voxels of junctions.
const JUNCTION: u32 = 3;

impl Nodes {
    /// The nodes of a table's branches and isolated voxels, computed on `threads` threads. Takes time linear in the
    /// number of branches and their voxels, and 40 bytes for each node.
    ///
    /// # Errors
    /// Of kind `Internal` if a thread has stopped.
    pub fn new<M: OfRadii>(table: &Table<'_, M>, threads: usize) -> Result<Nodes> {
        let unknown = Radius::new(f64::INFINITY, false);
        // Skeletons may begin at voxels that are not nodes.
        let none = |(&rank, &skeleton): (&u64, &u32)| Node {
            voxel: Voxel::FIRST,
            radius: unknown,
            rank,
            skeleton,
            degree: 0,
            junction: NO_NODE,
        };
        let mut nodes: Vec<Node> = table.ranks.iter().zip(&table.skeleton).map(none).collect();
        let mut found = |number: u32, voxel: Voxel, radius: Option<Radius>, ends: u32| {
            let node = &mut nodes[number as usize];
            (node.voxel, node.radius, node.junction) = (voxel, radius.unwrap_or(unknown), NO_JUNCTION);
            node.degree += ends;
        };
        let bundles = table.bundles();
        let find = |ends: &mut Vec<(u32, Voxel, Option<Radius>)>, bundle: usize| {
            ends.clear();
            for (branch, numbers) in bundles[bundle].iter().flat_map(|part| part.branches()) {
                let radii = branch.measured().radii().ends();
                for (side, voxel) in [branch.start(), branch.end()].into_iter().enumerate() {
                    ends.push((numbers[side], voxel, radii.map(|radii| radii[side])));
                }
            }
        };
        in_turn(bundles.len(), threads, Vec::new, find, |ends| {
            ends.iter().for_each(|&(number, voxel, radius)| found(number, voxel, radius, 1));
            Ok(())
        })?;
        for (isolated, &number) in table.isolated.iter().zip(&table.isolated_numbers) {
            found(number, isolated.voxel, isolated.measured.radii().ends().map(|[radius, _]| radius), 0);
        }
        nodes.retain(|node| node.junction != NO_NODE);
        let mut nodes = Nodes { nodes, junctions: 0, labels: table.labels.clone() };
        nodes.join_junctions();
        Ok(nodes)
    }

    /// Numbers the junctions.
    fn join_junctions(&mut self) {
        // Nodes are in raster order, like their ranks.
        let mut junctions: Vec<&mut Node> = self.nodes.iter_mut().filter(|node| node.degree >= JUNCTION).collect();
        let voxels: Vec<Voxel> = junctions.iter().map(|node| node.voxel).collect();
        let mut sets = DisjointSets::new(voxels.len());
        for_each_link(&voxels, |a, b, _| {
            // Objects with labels may touch.
            if junctions[a].skeleton == junctions[b].skeleton {
                sets.unite(a as u32, b as u32);
            }
        });
        for place in 0..junctions.len() {
            let least = sets.find(place as u32);
            junctions[place].junction = if least as usize == place {
                self.junctions += 1;
                self.junctions - 1
            } else {
                junctions[least as usize].junction
            };
        }
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Number of junctions, neighbouring voxels counted as one.
    pub fn junctions(&self) -> u64 {
        u64::from(self.junctions)
    }

    /// Writes the table of nodes, on `threads` threads.
    ///
    /// # Errors
    /// If writing fails.
    pub fn write_csv(&self, frame: &Frame, threads: usize, out: impl Write + Send) -> io::Result<()> {
        let columns = node_columns::columns(self.labels.is_some());
        write_rows(self.len(), |place| self.row(&self.nodes[place], frame), &columns, frame, threads, out)
    }

    /// The table of nodes as arrays, with the columns of `nodes.csv`, made on `threads` threads.
    pub fn arrays(&self, frame: &Frame, threads: usize) -> ColumnArrays {
        let columns = node_columns::columns(self.labels.is_some());
        ColumnArrays::of_table(self.len(), |place| self.row(&self.nodes[place], frame), &columns, frame, threads)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// The rows, with coordinates in a frame.
    pub fn rows(&self, frame: Frame) -> impl ExactSizeIterator<Item = NodeRow> + '_ {
        self.nodes.iter().map(move |node| self.row(node, &frame))
    }

    fn row(&self, node: &Node, frame: &Frame) -> NodeRow {
        let image_coord = frame.place(node.voxel);
        NodeRow {
            node_id: node.rank,
            skeleton_id: u64::from(node.skeleton),
            junction_id: (node.junction != NO_JUNCTION).then_some(u64::from(node.junction)),
            degree: node.degree,
            image_coord,
            coord: frame.coord(image_coord),
            radius: node.radius.finite(),
            touches_border: node.radius.touches_border(),
            label: self.labels.as_ref().map(|labels| labels.of(node.rank)),
        }
    }
}
