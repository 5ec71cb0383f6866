//! A custom channel and two custom columns: the steepness of the image along its branches.
//!
//! The channel is the magnitude of the image's gradient at skeleton voxels. Its mean and its maximum along a branch are
//! columns of the table and of the statistics, are the same for every chunk shape, and are updated when chunks are
//! recorded again.
//!
//!     cargo run --release --example own_columns

use std::collections::BTreeMap;

use anabranch::chunk::{Dtype, Voxels};
use anabranch::error::Result;
use anabranch::grid::{ChunkId, Grid};
use anabranch::kernel::mask::{binarise::Binarise, threshold::Threshold};
use anabranch::kernel::measure::numbers::{Extremes, InOrder, Numbers};
use anabranch::kernel::measure::{channel::MeasuredBy, pixel_values::PixelValues};
use anabranch::kernel::network::{branch_list::BranchList, isolated::Isolated, voxel_list::VoxelList};
use anabranch::kernel::{phantom::PhantomTree, thin::method::Method};
use anabranch::operators::thin::{ThinChunks, ThinningCounts, ThinningPlan};
use anabranch::operators::{binarise::BinariseChunks, branches::ExtractBranches, measure::MeasureChunks};
use anabranch::operators::{failure::Failure, overlap::Padded, shared::Shared};
use anabranch::session::{HostedBuilder, HostedSession};
use anabranch::space::{Region, Spacing, Voxel};
use anabranch::table::columns::{Unit, Value};
use anabranch::table::row::{Frame, Measures};
use anabranch::table::statistics::{Snapshot, Statistics};
use anabranch::table::{Table, branch_columns::Columns, csv::write_table, ranks::Ranks};
use ndarray::Array3;

const SHAPE: [usize; 3] = [40, 48, 56];
const FRAME: Frame = Frame { dimensions: 3, spacing: Spacing([2.0, 0.5, 0.5]), origin: [0; 3] };

/// The channels at a skeleton voxel: the image's value, and the gradient, of which paths keep mean and extremes.
type Known = (PixelValues, Numbers<(InOrder, Extremes)>);
type Measured = MeasuredBy<Known>;

/// A result of the dataflow.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Branches(Shared<BranchList<Measured>>),
    Isolated(Shared<Vec<Isolated<Measured>>>),
    Skeleton(ChunkId, VoxelList),
}

fn columns() -> Columns<Measured> {
    Columns::<Measured>::skan()
        .with_described("mean_gradient", Unit::Image, "mean slope", Value::Number(|row| row.measured.1.0.mean()))
        .with_described("max_gradient", Unit::Image, "largest slope", Value::Number(|row| row.measured.1.1.largest()))
}

/// The channel: value and gradient at the skeleton voxels of a chunk.
fn known(voxels: &[Voxel], chunk: &Padded) -> Known {
    let Some(Voxels::U8(values)) = &chunk.voxels else { unreachable!("skeleton lies where there are values") };
    let [from, to] = [chunk.region.min, chunk.region.max];
    let at = |p: [i64; 3]| f64::from(values[std::array::from_fn(|a| (p[a] - from[a]) as usize)]);
    let gradient = |p: [i64; 3]| {
        let along = |a: usize| {
            let (mut before, mut after) = (p, p);
            // One-sided at the bounds of the image.
            (before[a], after[a]) = ((p[a] - 1).max(from[a]), (p[a] + 1).min(to[a] - 1));
            (at(after) - at(before)) / ((after[a] - before[a]) as f64 * FRAME.spacing.0[a])
        };
        (0..3).map(|a| along(a).powi(2)).sum::<f64>().sqrt()
    };
    let places = || voxels.iter().map(|voxel| voxel.position());
    (PixelValues::Integers(places().map(|p| at(p) as i64).collect()), places().map(gradient).collect())
}

/// A maintained analysis, in chunks of a shape.
struct Analysis {
    session: HostedSession<Found>,
    found: BTreeMap<Found, isize>,
    statistics: Statistics<Measured>,
}

impl Analysis {
    fn start(chunk: [usize; 3]) -> Result<Self> {
        let grid = Grid::new(Region::of_shape(SHAPE), chunk);
        let builder = HostedBuilder::new(grid, Dtype::U8).depth([1; 3]).workers(2);
        let session = builder.start(move |chunks, _| {
            let (bounds, threshold) = (grid.bounds(), Threshold::Above(100.0));
            let kernel = Binarise { gaussian: None, threshold, bounds, dtype: Dtype::U8, fill: 0.0, keep: 0 };
            let masks = chunks.clone().binarise(kernel, |_| {}).masks;
            let plan = ThinningPlan { grid, method: Method::Lee, keep: true };
            let thinned = masks.thin(plan, |_: &ThinningCounts| {}, Failure::default());
            let skeletons = thinned.measure(chunks, known);
            let graph = skeletons.clone().extract_branches(grid, FRAME.spacing);
            let voxels = skeletons.map(|(id, skeleton)| Found::Skeleton(id, skeleton.voxels.clone()));
            let branches = graph.parts.map(|(_, list)| Found::Branches(list));
            let isolated = graph.isolated.map(|(_, voxels)| Found::Isolated(voxels));
            voxels.concatenate([branches, isolated])
        })?;
        Ok(Analysis { session, found: BTreeMap::new(), statistics: Statistics::new(&columns()) })
    }

    /// Changes the image from `before` to `now`: sends the chunks that differ, and updates the results.
    fn show(&mut self, before: Option<&Array3<u8>>, now: &Array3<u8>) -> Result<()> {
        for id in self.session.grid().chunks() {
            let part = |image: &Array3<u8>| Voxels::U8(image.clone()).part(&self.session.grid().region(id));
            match before.map(part) {
                None => self.session.insert(id, part(now))?,
                Some(then) if then != part(now) => self.session.replace(id, part(now))?,
                Some(_) => {}
            }
        }
        for (found, diff) in self.session.advance()? {
            if let Found::Branches(list) = &found {
                list.iter().for_each(|branch| self.statistics.change(&Measures::new(&branch, &FRAME), diff as i64));
            }
            *self.found.entry(found).or_default() += diff;
        }
        self.found.retain(|_, count| *count != 0);
        Ok(())
    }

    /// The table as text, and its statistics.
    fn results(&mut self) -> Result<(String, Snapshot)> {
        let (mut lists, mut isolated, mut skeletons) = (Vec::new(), Vec::new(), Vec::new());
        for found in self.found.keys() {
            match found {
                Found::Branches(list) => lists.push(&**list),
                Found::Isolated(voxels) => isolated.extend_from_slice(voxels),
                Found::Skeleton(id, voxels) => skeletons.push((*id, voxels)),
            }
        }
        let ranks = Ranks::new(skeletons, &self.session.grid());
        let table = Table::new(lists, &isolated, &ranks, 1)?.with_columns(columns());
        let mut csv = Vec::new();
        write_table(&table, &FRAME, 1, &mut csv).expect("a vector takes all that is written");
        Ok((String::from_utf8_lossy(&csv).into_owned(), self.statistics.snapshot()))
    }
}

fn main() -> Result<()> {
    let mask = PhantomTree::new(&SHAPE, 3, None, None)?.mask(&Region::of_shape(SHAPE));
    let bright = |(z, y, x): (usize, usize, usize)| (7 * z + 5 * y + 3 * x) as u8 % 90;
    let image = Array3::from_shape_fn(SHAPE, |at| mask[at] * 120 + bright(at));
    let mut retaken = image.clone();
    retaken.slice_mut(ndarray::s![10..20, 12..30, 20..35]).fill(0);

    let mut edited = Analysis::start([16, 16, 16])?;
    for (before, now) in [(None, &image), (Some(&image), &retaken)] {
        edited.show(before, now)?;
        let (table, statistics) = edited.results()?;
        let mut scratch = Analysis::start([40, 13, 30])?;
        scratch.show(None, now)?;
        assert!(scratch.results()? == (table.clone(), statistics.clone()), "chunks and the past make no difference");
        println!("{table}{:#?}", statistics.column("max_gradient"));
    }
    Ok(())
}
