//! The skeletons of a network: its connected components, isolated voxels included.

use std::io::{self, Write};
use std::sync::Arc;

use crate::error::Result;
use crate::kernel::measure::radii::OfRadii;
use crate::kernel::network::branch::Branch;
use crate::space::{Position, Voxel};
use crate::table::Table;
use crate::table::arrays::ColumnArrays;
use crate::table::csv::write_rows;
use crate::table::longest_path::{LongestPaths, longest_paths};
use crate::table::nodes::Nodes;
use crate::table::row::Frame;
use crate::table::skeleton_columns::{self, SkeletonRow};
use crate::table::skeleton_labels::SkeletonLabels;
use crate::threads::in_turn;

/// The skeletons of a network, in the order of their first voxels.
#[derive(Clone, Debug)]
pub struct Skeletons {
    found: Vec<Found>,
    /// The longest paths, if they were requested.
    longest_paths: Option<LongestPaths>,
    labels: Option<Arc<SkeletonLabels>>,
}

/// The measures of a skeleton so far.
#[derive(Clone, Debug)]
struct Found {
    first: Voxel,
    /// The rank of one of its voxels.
    rank: u64,
    /// Corners of its bounding box, both inclusive.
    corners: [Voxel; 2],
    voxels: u64,
    branches: u32,
    nodes: u32,
    tips: u32,
    junctions: u32,
    touches_border: bool,
    length: f64,
    /// Sum of mean radii times lengths; for an isolated voxel, its radius. Infinite if the mask has no background.
    radii: f64,
    volume: f64,
}

/// The contribution of a branch to its skeleton.
struct Part {
    skeleton: u32,
    first: Voxel,
    /// The rank of an end.
    rank: u64,
    corners: [Voxel; 2],
    /// Number of voxels that are not ends.
    inner: u64,
    length: f64,
    radius: f64,
    volume: f64,
    touches_border: bool,
}

impl Part {
    fn new<M: OfRadii>(branch: &Branch<M>, skeleton: u32, rank: u64) -> Self {
        let (mut first, mut corners) = (branch.start(), [branch.start().position(); 2]);
        for voxel in branch.voxels() {
            first = first.min(voxel);
            widen(&mut corners, voxel.position());
        }
        let radii = branch.measured().radii();
        Part {
            skeleton,
            first,
            rank,
            corners: corners.map(Voxel::new),
            inner: branch.steps().len() as u64 - 1,
            length: branch.length(),
            radius: radii.mean().unwrap_or(f64::INFINITY),
            volume: radii.volume().unwrap_or(f64::INFINITY),
            touches_border: radii.touches_border(),
        }
    }
}

fn widen(corners: &mut [Position; 2], to: Position) {
    for axis in 0..3 {
        corners[0][axis] = corners[0][axis].min(to[axis]);
        corners[1][axis] = corners[1][axis].max(to[axis]);
    }
}

impl Skeletons {
    /// The skeletons of a table with its nodes, computed on `threads` threads, and the longest shortest path of each if
    /// `longest_path`. Sums are in the order of the table, so that they depend on the table alone.
    ///
    /// Takes time linear in the number of branches and their voxels, and 96 bytes for each skeleton. Longest paths of
    /// trees take no more; those of skeletons with loops, of at most 5,000 nodes, need a search from many of the nodes.
    ///
    /// # Errors
    /// Of kind `Internal` if a thread has stopped.
    pub fn new<M: OfRadii>(
        table: &Table<'_, M>,
        nodes: &Nodes,
        longest_path: bool,
        threads: usize,
    ) -> Result<Skeletons> {
        let mut all: Vec<Option<Found>> = vec![None; table.skeletons() as usize];
        let make = |parts: &mut Vec<Part>, block: usize| {
            *parts = table.in_block(block, |branch, [number, _]| {
                Part::new(&branch, table.skeleton_of(number), table.rank_of(number))
            });
        };
        in_turn(table.blocks(), threads, Vec::new, make, |parts| {
            for part in parts.drain(..) {
                all[part.skeleton as usize].get_or_insert_with(|| Found::at(part.first, part.rank)).take_in(&part);
            }
            Ok(())
        })?;
        for (isolated, &number) in table.isolated.iter().zip(&table.isolated_numbers) {
            let mut found = Found::at(isolated.voxel, table.rank_of(number));
            if let Some([radius, _]) = isolated.measured.radii().ends() {
                (found.radii, found.touches_border) = (radius.get(), radius.touches_border());
            }
            found.volume = if found.radii.is_finite() { 0.0 } else { f64::INFINITY };
            all[table.skeleton_of(number) as usize] = Some(found);
        }
        let mut found: Vec<Found> = all.into_iter().flatten().collect();
        let mut junctions = 0;
        for node in nodes.iter() {
            let of = &mut found[node.skeleton as usize];
            of.nodes += 1;
            of.voxels += 1;
            of.tips += u32::from(node.degree == 1);
            // Junction numbers are in the order of the first nodes.
            if node.junction == junctions {
                junctions += 1;
                of.junctions += 1;
            }
        }
        let longest_paths = longest_path.then(|| longest_paths(table, threads)).transpose()?;
        Ok(Skeletons { found, longest_paths, labels: table.labels.clone() })
    }

    /// Number of skeletons.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there are no skeletons.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Number of skeletons whose longest path was requested but not computed, since they have loops and too many nodes.
    pub fn unknown_longest_paths(&self) -> u64 {
        self.longest_paths.as_ref().map_or(0, |paths| paths.unknown)
    }

    /// The rows, with coordinates in a frame.
    pub fn rows(&self, frame: Frame) -> impl ExactSizeIterator<Item = SkeletonRow> + '_ {
        (0..self.found.len()).map(move |place| self.row(place, &frame))
    }

    /// Writes the table of skeletons, on `threads` threads.
    ///
    /// # Errors
    /// If writing fails.
    pub fn write_csv(&self, frame: &Frame, threads: usize, out: impl Write + Send) -> io::Result<()> {
        let columns = skeleton_columns::columns(self.longest_paths.is_some(), self.labels.is_some());
        write_rows(self.found.len(), |place| self.row(place, frame), &columns, frame, threads, out)
    }

    /// The table of skeletons as arrays, with the columns of `skeletons.csv`, made on `threads` threads.
    pub fn arrays(&self, frame: &Frame, threads: usize) -> ColumnArrays {
        let columns = skeleton_columns::columns(self.longest_paths.is_some(), self.labels.is_some());
        ColumnArrays::of_table(self.len(), |place| self.row(place, frame), &columns, frame, threads)
    }

    fn row(&self, place: usize, frame: &Frame) -> SkeletonRow {
        let found = &self.found[place];
        let [min, max] = found.corners.map(|corner| frame.place(corner));
        let mean = if found.branches == 0 { found.radii } else { found.radii / found.length };
        SkeletonRow {
            skeleton_id: place as u64,
            first_voxel: frame.place(found.first),
            voxels: found.voxels,
            branches: u64::from(found.branches),
            tips: u64::from(found.tips),
            junctions: u64::from(found.junctions),
            loops: u64::from(found.branches + 1 - found.nodes),
            total_length: found.length,
            mean_radius: Some(mean).filter(|mean| mean.is_finite()),
            volume: Some(found.volume).filter(|volume| volume.is_finite()),
            bbox_min: min,
            bbox_max: max.map(|last| last + 1),
            longest_path: self.longest_paths.as_ref().and_then(|paths| paths.lengths[place]),
            touches_border: found.touches_border,
            label: self.labels.as_ref().map(|labels| labels.of(found.rank)),
        }
    }
}

impl Found {
    /// The measures of a skeleton that contains a voxel, before any contribution.
    fn at(voxel: Voxel, rank: u64) -> Self {
        Found {
            first: voxel,
            rank,
            corners: [voxel; 2],
            voxels: 0,
            branches: 0,
            nodes: 0,
            tips: 0,
            junctions: 0,
            touches_border: false,
            length: 0.0,
            radii: 0.0,
            volume: 0.0,
        }
    }

    fn take_in(&mut self, part: &Part) {
        let mut corners = self.corners.map(Voxel::position);
        part.corners.iter().for_each(|corner| widen(&mut corners, corner.position()));
        self.corners = corners.map(Voxel::new);
        self.first = self.first.min(part.first);
        self.voxels += part.inner;
        self.branches += 1;
        self.touches_border |= part.touches_border;
        self.length += part.length;
        self.radii += part.radius * part.length;
        self.volume += part.volume;
    }
}
