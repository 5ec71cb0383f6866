//! A network as exports take it: tables by columns, and branches as lists of voxels.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::measure::moments::Moments;
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::network::graph::Graph;
use crate::kernel::network::merged::Merged;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::network::step::Lengths;
use crate::space::{Region, Spacing, Voxel};
use crate::store::output::SkeletonForm;
use crate::store::{Source, StoredType};
use crate::table::read::TableText;

/// Edge of the chunks in which branches are found again.
const EDGE: usize = 128;

/// A network with everything that results tell of it. Held in memory: some 40 bytes for each skeleton voxel, and the tables.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Network {
    /// The name of the image that it was found in.
    pub image: String,
    /// Number of the image's own axes: 2 or 3.
    pub dimensions: usize,
    /// Shape of the image along (z, y, x), in voxels.
    pub shape: [usize; 3],
    /// Size of a voxel.
    pub spacing: Spacing,
    /// Unit of the spacing, if it is known.
    pub unit: Option<String>,
    /// Position of the first voxel in the coordinates of the image's metadata, in voxels along (z, y, x).
    pub place: [f64; 3],
    /// The skeleton's voxels in raster order: the one at index n has the `node_id` n.
    pub voxels: Vec<Voxel>,
    /// The label of each voxel, if the image is of labels.
    pub labels: Option<Vec<i64>>,
    /// Whether labels are of unsigned 64 bits: those beyond 2^63 have the bits of negative numbers.
    pub unsigned_labels: bool,
    /// The parameters that the results depend on, as the summary has them.
    pub parameters: serde_json::Value,
    /// The radius at each voxel, in the unit; NaN where the mask has no background. `None` if radii were not measured.
    pub radii: Option<Vec<f64>>,
    /// The image's value at each voxel; `None` if it is not known.
    pub values: Option<Vec<f64>>,
    /// The paths of branches, in the order of the table's rows.
    pub paths: Paths,
    /// `branches.csv`.
    pub branches: TableText,
    /// `nodes.csv`; `None` where only skan's columns were asked for.
    pub nodes: Option<TableText>,
    /// `skeletons.csv`, likewise.
    pub skeletons: Option<TableText>,
}

/// The form of an image of the network's voxels.
impl Network {
    pub(super) fn form(&self, name: &str, labels: serde_json::Value) -> SkeletonForm {
        SkeletonForm {
            name: name.to_owned(),
            shape: self.shape,
            dimensions: self.dimensions,
            dtype: StoredType::U32,
            spacing: self.spacing,
            unit: self.unit.clone(),
            origin: self.place,
            labels,
        }
    }
}

/// What results tell besides the skeleton.
#[derive(Debug)]
pub(crate) struct Told {
    /// The name of the image.
    pub(crate) image: String,
    /// The parameters, as the summary has them.
    pub(crate) parameters: serde_json::Value,
    /// Whether the skeleton's values are labels.
    pub(crate) labelled: bool,
    pub(crate) radii: Option<Vec<f64>>,
    pub(crate) values: Option<Vec<f64>>,
    pub(crate) branches: TableText,
    pub(crate) nodes: Option<TableText>,
    pub(crate) skeletons: Option<TableText>,
}

/// The voxels of branches, each from its start to its end, both included; a cycle ends with the voxel it begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// Where each branch begins among the voxels; at last, where the last one ends.
    ends: Vec<usize>,
    voxels: Vec<u32>,
}

impl Paths {
    /// Number of branches.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The voxels of a branch, as indices into [`Network::voxels`].
    ///
    /// # Panics
    /// If there is no such branch.
    pub fn of(&self, branch: usize) -> &[u32] {
        &self.voxels[self.places(branch)]
    }

    /// Where the voxels of a branch are among those of all branches, one branch after the other.
    ///
    /// # Panics
    /// If there is no such branch.
    pub fn places(&self, branch: usize) -> Range<usize> {
        let first = branch.checked_sub(1).map_or(0, |before| self.ends[before]);
        first..self.ends[branch]
    }

    /// All paths, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.len()).map(|branch| self.of(branch))
    }

    /// Appends a branch.
    pub fn push(&mut self, voxels: impl IntoIterator<Item = u32>) {
        self.voxels.extend(voxels);
        self.ends.push(self.voxels.len());
    }
}

impl Network {
    /// The network of a skeleton whose voxels are in raster order with their labels, or ones. Finds the paths of branches, and
    /// compares their ends with the table's.
    ///
    /// # Errors
    /// `Data` if the tables are not those of the skeleton.
    pub(crate) fn new(skeleton: &dyn Source, voxels: Vec<(Voxel, i64)>, told: Told) -> Result<Network> {
        let Told { image, parameters, labelled, radii, values, branches, nodes, skeletons } = told;
        let description = skeleton.description();
        let paths = paths(&voxels, labelled, Region::of_shape(description.shape), description.spacing);
        let network = Network {
            image,
            parameters,
            unsigned_labels: labelled && description.stored == StoredType::U64,
            dimensions: description.dimensions,
            shape: description.shape,
            spacing: description.spacing,
            unit: description.unit.clone(),
            place: skeleton.place(),
            labels: labelled.then(|| voxels.iter().map(|(_, label)| *label).collect()),
            voxels: voxels.into_iter().map(|(voxel, _)| voxel).collect(),
            radii,
            values,
            paths,
            branches,
            nodes,
            skeletons,
        };
        network.check()?;
        Ok(network)
    }

    /// Whether the paths are those of the table's rows.
    fn check(&self) -> Result<()> {
        let unlike = || Error::data("holds outputs that are not of one run; run the analysis again");
        let column = |name: &str| self.branches.column(name).ok_or_else(unlike);
        let (from, to) = (column("node_id_src")?, column("node_id_dst")?);
        let fits = |(branch, path): (usize, &[u32])| {
            let ends = path.first().zip(path.last());
            ends.is_some_and(|(&first, &last)| f64::from(first) == from[branch] && f64::from(last) == to[branch])
        };
        let fit = self.paths.len() == from.len() && self.paths.iter().enumerate().all(fits);
        if fit { Ok(()) } else { Err(unlike()) }
    }

    /// The position of a voxel's centre along (z, y, x), in the unit and the coordinates of the tables.
    ///
    /// # Panics
    /// If there is no such voxel.
    pub fn position(&self, voxel: u32) -> [f64; 3] {
        let place = self.voxels[voxel as usize].position();
        std::array::from_fn(|a| place[a] as f64 * self.spacing.0[a])
    }

    /// The radius at a voxel, in the unit; NaN if it is not known.
    ///
    /// # Panics
    /// If there is no such voxel.
    pub fn radius(&self, voxel: u32) -> f64 {
        self.radii.as_ref().map_or(f64::NAN, |radii| radii[voxel as usize])
    }

    /// The image's value at a voxel; NaN if it is not known.
    ///
    /// # Panics
    /// If there is no such voxel.
    pub fn value(&self, voxel: u32) -> f64 {
        self.values.as_ref().map_or(f64::NAN, |values| values[voxel as usize])
    }

    /// The branch of each voxel, plus one: of a voxel where several meet, the last in the table, as in skan's
    /// `path_label_image`; 0 for isolated voxels.
    pub fn branches_of_voxels(&self) -> Vec<u32> {
        let mut of = vec![0; self.voxels.len()];
        for (branch, path) in self.paths.iter().enumerate() {
            for &voxel in path {
                of[voxel as usize] = branch as u32 + 1;
            }
        }
        of
    }

    /// The `skeleton_id` of each voxel that lies on a branch or is a node of the table of nodes; `None` of others, which lie in
    /// clusters of junctions off all paths, or are isolated where there is no such table.
    pub fn skeletons_of_voxels(&self) -> Vec<Option<u32>> {
        let mut of = vec![None; self.voxels.len()];
        let ids = self.branches.column("skeleton_id").unwrap_or_default();
        for (path, &id) in self.paths.iter().zip(ids) {
            path.iter().for_each(|&voxel| of[voxel as usize] = Some(id as u32));
        }
        if let Some(nodes) = &self.nodes {
            let (nodes, ids) = (nodes.column("node_id"), nodes.column("skeleton_id"));
            for (&node, &id) in nodes.unwrap_or_default().iter().zip(ids.unwrap_or_default()) {
                if let Some(of) = of.get_mut(node as usize) {
                    *of = Some(id as u32);
                }
            }
        }
        of
    }
}

/// The paths of the branches of a skeleton, whose voxels are in raster order. Branches of labels join voxels of one label.
pub(super) fn paths(voxels: &[(Voxel, i64)], labelled: bool, bounds: Region, spacing: Spacing) -> Paths {
    let grid = Grid::new(bounds, bounds.shape().map(|n| n.clamp(1, EDGE)));
    let mut classes: BTreeMap<i64, BTreeMap<ChunkId, Vec<Voxel>>> = BTreeMap::new();
    for &(voxel, label) in voxels {
        let chunks = classes.entry(if labelled { label } else { 1 }).or_default();
        chunks.entry(grid.chunk_at(voxel.position())).or_default().push(voxel);
    }
    let lengths = Lengths::new(spacing);
    let list = |chunks: BTreeMap<ChunkId, Vec<Voxel>>| {
        let skeleton = |voxels: Vec<Voxel>| Skeleton { voxels: voxels.into(), values: PixelValues::Constant(1).into() };
        let chunks: BTreeMap<_, _> = chunks.into_iter().map(|(id, voxels)| (id, skeleton(voxels))).collect();
        let graph: Graph<Moments> = Graph::new(&chunks, grid, spacing);
        BranchList::new(&graph.branches, &lengths)
    };
    let lists: Vec<BranchList> = classes.into_values().map(list).collect();
    let mut paths = Paths::default();
    let rank = |voxel: Voxel| {
        let place = voxels.partition_point(|(other, _)| *other < voxel);
        u32::try_from(place).unwrap_or(u32::MAX)
    };
    Merged::new(&lists).for_each(|branch| paths.push(branch.into_voxels().map(rank)));
    paths
}
