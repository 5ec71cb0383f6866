//! The network in the regions of an atlas.
//!
//! Definitions: the region of a branch is that of its middle voxel: of the n voxels along it, both ends included, number
//! (n - 1) / 2 rounded down, from 0, in its canonical direction. Its length within a region is that of the halves of its
//! steps there: a step between two voxels counts one half for the region of each. A tip is in the region of its voxel, a
//! junction in that of its first voxel. Label 0 is what lies outside of all regions.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use crate::kernel::measure::radii::OfRadii;
use crate::kernel::network::branch::Branch;
use crate::kernel::network::half_steps::{HalfSteps, by_region};
use crate::kernel::network::step::Lengths;
use crate::table::Table;
use crate::table::arrays::ColumnArrays;
use crate::table::branch_regions::BranchRegions;
use crate::table::columns::header;
use crate::table::csv::write_rows;
use crate::table::line::Line;
use crate::table::nodes::Nodes;
use crate::table::ranks::{Lookup, Ranks};
use crate::table::region_columns::{self, BranchPart, RegionRow};
use crate::table::row::Frame;
use crate::table::skeleton_labels::SkeletonLabels;
use crate::threads::in_turn;

/// The sizes and names of an atlas's regions.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AtlasFacts {
    /// Number of analysed voxels of each label: inside the mask of a region of interest, where there is one.
    pub voxels: BTreeMap<i128, u64>,
    /// Names of regions, if there are any.
    pub names: Option<Arc<BTreeMap<i128, String>>>,
}

/// The table of regions, and the region of each branch.
#[derive(Clone, Debug)]
pub struct Regions {
    rows: Vec<RegionRow>,
    branches: BranchRegions,
}

/// The measures of a region so far.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    branches: u64,
    halves: HalfSteps,
    junctions: u64,
    tips: u64,
    /// Sum of the mean radii of branches, each times its length within the region.
    radii: f64,
}

/// The part of a branch in a region.
#[derive(Clone, Copy, Debug)]
struct Part {
    region: u32,
    halves: HalfSteps,
    /// Whether the middle voxel of the branch is in the region.
    has_middle: bool,
    /// The mean radius of the branch; infinite if there is none.
    radius: f64,
}

impl Regions {
    /// The regions of a table with its nodes. Writes the length of each branch in each region to `parts`, as a CSV table
    /// with the columns of [`region_columns::branch_columns`]: by branch, then by label.
    ///
    /// Takes time linear in the number of branches and their voxels, on `threads` threads, and four bytes for each branch.
    /// Lengths are exact sums; mean radii are summed in the order of the table.
    ///
    /// # Errors
    /// If writing fails.
    ///
    /// # Panics
    /// If labels, nodes or ranks are those of another skeleton.
    pub fn measure<M: OfRadii>(
        table: &Table<'_, M>,
        nodes: &Nodes,
        (ranks, at): (&Ranks<'_>, &SkeletonLabels),
        facts: &AtlasFacts,
        frame: &Frame,
        threads: usize,
        mut parts: impl Write + Send,
    ) -> io::Result<Regions> {
        let lengths = Lengths::new(frame.spacing);
        let mut found = vec![Found::default(); at.labels().len()];
        let mut of_branch = Vec::with_capacity(table.len());
        let columns = region_columns::branch_columns();
        let fields: Vec<_> = columns.iter().flat_map(|column| column.fields(frame.dimensions)).collect();
        writeln!(parts, "{}", header(&fields))?;
        let make = |(line, made): &mut (Line, Vec<Part>), block: usize| {
            line.text.clear();
            made.clear();
            let mut lookup = ranks.lookup();
            let (before, of_block) = table.numbered_block(block, |branch, _| parts_of(&branch, &mut lookup, at));
            for (number, of_branch) in (before as u64..).zip(of_block) {
                for part in &of_branch {
                    let region = at.labels()[part.region as usize];
                    let row = BranchPart { branch_id: number, region, length: part.halves.length(&lengths) };
                    line.cells(&row, &columns, &frame.axes());
                    line.end();
                }
                made.extend(of_branch);
            }
        };
        in_turn(table.blocks(), threads, Default::default, make, |(line, made): &mut (Line, Vec<Part>)| {
            for part in made.iter() {
                let of = &mut found[part.region as usize];
                of.halves.merge(&part.halves);
                of.radii += part.radius * part.halves.length(&lengths);
                if part.has_middle {
                    of.branches += 1;
                    of_branch.push(part.region);
                }
            }
            parts.write_all(&line.text)
        })?;
        parts.flush()?;
        let mut junctions = 0;
        for node in nodes.iter() {
            let of = &mut found[at.place_of_rank(node.rank) as usize];
            of.tips += u64::from(node.degree == 1);
            // Junction numbers are in the order of the first nodes.
            if node.junction == junctions {
                junctions += 1;
                of.junctions += 1;
            }
        }
        let labels = at.labels().to_vec();
        let rows = rows(&labels, &found, facts, frame, &lengths);
        Ok(Regions { rows, branches: BranchRegions { labels, of_branch, names: facts.names.clone() } })
    }

    /// A row for each label of the analysed part of the atlas, in ascending order; 0 only where something of the network lies
    /// outside of all regions.
    pub fn rows(&self) -> &[RegionRow] {
        &self.rows
    }

    /// The region of each branch.
    pub fn branches(&self) -> &BranchRegions {
        &self.branches
    }

    /// Number of regions without a name, where regions have names.
    pub fn unnamed(&self) -> usize {
        let names = self.branches.names.as_ref();
        names.map_or(0, |names| {
            self.rows.iter().filter(|row| row.region != 0 && !names.contains_key(&row.region)).count()
        })
    }

    /// The table of regions as arrays, with the columns of `atlas.csv`.
    pub fn arrays(&self, frame: &Frame) -> ColumnArrays {
        ColumnArrays::of_rows(&self.rows, &region_columns::columns(self.branches.has_names()), frame)
    }

    /// Writes the table of regions.
    ///
    /// # Errors
    /// If writing fails.
    pub fn write_csv(&self, frame: &Frame, out: impl Write + Send) -> io::Result<()> {
        let columns = region_columns::columns(self.branches.has_names());
        write_rows(self.rows.len(), |place| self.rows[place].clone(), &columns, frame, 1, out)
    }
}

/// The parts of a branch by region, in ascending order of the labels.
fn parts_of<M: OfRadii>(branch: &Branch<M>, lookup: &mut Lookup<'_>, at: &SkeletonLabels) -> Vec<Part> {
    let regions: Vec<u32> = branch.voxels().map(|voxel| at.place_of_rank(lookup.of(voxel))).collect();
    let middle = regions[(regions.len() - 1) / 2];
    let radius = branch.measured().radii().mean().unwrap_or(f64::INFINITY);
    let part = |(region, halves)| Part { region, halves, has_middle: region == middle, radius };
    by_region(branch.steps(), &regions).into_iter().map(part).collect()
}

fn rows(labels: &[i128], found: &[Found], facts: &AtlasFacts, frame: &Frame, lengths: &Lengths) -> Vec<RegionRow> {
    let known: BTreeMap<i128, Found> = labels.iter().copied().zip(found.iter().copied()).collect();
    let mut all = facts.voxels.clone();
    for label in known.keys() {
        all.entry(*label).or_default();
    }
    let holds_something = |label: &i128| {
        let found = known.get(label).copied().unwrap_or_default();
        found.branches + found.junctions + found.tips > 0 || !found.halves.is_empty()
    };
    all.retain(|label, _| *label != 0 || holds_something(label));
    let row = |(label, voxels): (i128, u64)| {
        let Found { branches, halves, junctions, tips, radii } = known.get(&label).copied().unwrap_or_default();
        let (volume, length) = (voxels as f64 * frame.voxel_volume(), halves.length(lengths));
        let density = |amount: f64| (voxels > 0).then(|| amount / volume);
        RegionRow {
            region: label,
            name: facts.names.as_ref().and_then(|names| names.get(&label)).cloned().unwrap_or_default(),
            voxels,
            volume,
            branches,
            length,
            junctions,
            tips,
            branch_density: density(branches as f64),
            length_density: density(length),
            junction_density: density(junctions as f64),
            mean_radius: Some(radii / length).filter(|mean| mean.is_finite()),
        }
    };
    all.into_iter().map(row).collect()
}
