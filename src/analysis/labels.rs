//! The analysis of a segmentation: a skeleton for each label, by means of classes of labels that do not touch (see
//! [`crate::kernel::labels`]).
//!
//! One pass over the image finds its labels, which of them touch, and which chunks have which. Then each class is a mask,
//! and is analysed like one, in the same workers, one after the other.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use timely::worker::Worker;

use crate::chunk::Voxels;
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::labels::colours::Colours;
use crate::kernel::labels::runs::LabelRuns;
use crate::kernel::labels::touching::Census;
use crate::kernel::measure::Known;
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::measure::radii::{Radii, Radius};
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::network::voxel_list::VoxelList;
use crate::operators::failure::Failure;
use crate::operators::overlap::Padded;
use crate::operators::read::Selection;
use crate::operators::window::Window;
use crate::progress::ProgressState;
use crate::space::Voxel;
use crate::store::labels::{ClassView, LabelImage};
use crate::store::{Inside, StoredType, inside};
use crate::table::changes::RowChanges;
use crate::table::row::Measures;
use crate::table::statistics::{Snapshot, Statistics};
use crate::threads::each;

use super::Analysis;
use super::label_chunks::count_labels;
use super::label_objects::LabelSums;
use super::report::{LabelsFound, Report};

/// Bytes in which a process holds the labels of chunks as runs. What does not fit is read again for each class.
pub(super) const HELD: usize = 256 << 20;

/// Windows for dataflows that follow each other, the same for all workers of a process.
#[derive(Clone)]
pub(super) struct Windows {
    size: usize,
    made: Arc<Mutex<Vec<Window>>>,
}

impl Windows {
    /// Windows that hold this many chunks each.
    pub(super) fn new(size: usize) -> Self {
        Windows { size, made: Arc::default() }
    }

    /// The window of a dataflow, by its number.
    fn of(&self, number: usize) -> Window {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        while made.len() <= number {
            made.push(Window::new(self.size));
        }
        made[number].clone()
    }
}

/// What the first pass finds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Surveyed {
    census: Census,
    /// The values in each chunk.
    chunks: Vec<(ChunkId, Vec<i64>)>,
}

/// The findings of all classes, one after the other, on one worker.
pub(super) fn analyse_classes(
    worker: &mut Worker,
    analysis: &Analysis,
    image: &Arc<LabelImage>,
    windows: &Windows,
    failure: &Failure,
    state: &Arc<ProgressState>,
    mut analyse: impl FnMut(&mut Worker, &Analysis, Window) -> Result<Report>,
) -> Result<Report> {
    let asked = &analysis.settled.asked;
    let sums = Rc::new(RefCell::new(asked.objects.then(LabelSums::default)));
    let Surveyed { census, chunks } = survey(worker, analysis, image, &sums, windows.of(0), failure, state)?;
    let objects = sums.take().map(|sums| sums.gather(worker));
    let touching = &census.touching;
    let labels = chunks.iter().flat_map(|(_, values)| values.iter().copied()).filter(|&label| label != 0);
    let colours = Arc::new(Colours::new(labels, touching));
    let mut chunks_of: Vec<BTreeSet<ChunkId>> = vec![BTreeSet::new(); colours.count() as usize];
    for (chunk, values) in &chunks {
        for colour in values.iter().filter_map(|&label| colours.of(label)) {
            chunks_of[colour as usize].insert(*chunk);
        }
    }
    drop(chunks);
    let mut report = Report::default();
    // Without labels there is one class, in which nothing is.
    chunks_of.resize(chunks_of.len().max(1), BTreeSet::new());
    for (class, chunks) in (0..).zip(chunks_of) {
        let of_class = analysis.of_class(image, &colours, class, chunks);
        report.merge(analyse(worker, &of_class, windows.of(class as usize + 1))?);
    }
    report.segmentation = Some(LabelsFound { voxels: census.voxels, objects, classes: u64::from(colours.count()) });
    Ok(report)
}

/// Looks at all labels once; every worker gets what all have found. Adds the parts of labels in the chunks of this worker to
/// `sums`, if they are wanted.
fn survey(
    worker: &mut Worker,
    analysis: &Analysis,
    image: &Arc<LabelImage>,
    sums: &Rc<RefCell<Option<LabelSums>>>,
    window: Window,
    failure: &Failure,
    state: &Arc<ProgressState>,
) -> Result<Surveyed> {
    let (image, source, sums) = (Arc::clone(image), Arc::clone(&analysis.source), Rc::clone(sums));
    let found = count_labels(worker, analysis, window, failure, state, move |found: &mut Surveyed, padded, voxels| {
        let runs = LabelRuns::new(voxels, &padded.region, padded.own);
        found.take(voxels, padded, &runs, &inside(&*source, &padded.own)?);
        image.hold(runs);
        sums.borrow_mut().as_mut().map_or(Ok(()), |sums| sums.add(voxels, padded, &*source))
    })?;
    let mut total = Surveyed::default();
    for part in found {
        total.census.merge(&part.census);
        total.chunks.extend(part.chunks);
    }
    Ok(total)
}

impl Surveyed {
    /// Adds a chunk.
    fn take(&mut self, voxels: &Voxels, padded: &Padded, runs: &LabelRuns, inside: &Inside) {
        self.census.touching.add(voxels);
        self.chunks.push((padded.chunk, runs.counts().map(|(label, _)| label).collect()));
        let mut count = |label: i64, voxels: u64| {
            if label != 0 && voxels > 0 {
                *self.census.voxels.entry(label).or_default() += voxels;
            }
        };
        match inside {
            Inside::Nothing => {}
            Inside::Mask(mask) => {
                let positions = mask.own_voxels().into_iter().map(Voxel::position);
                runs.at(positions).into_iter().for_each(|label| count(label, 1));
            }
            _ => runs.counts().for_each(|(label, voxels)| count(label, voxels)),
        }
    }
}

impl Analysis {
    /// The analysis of one class of labels, which lies in some chunks.
    fn of_class(
        &self,
        image: &Arc<LabelImage>,
        colours: &Arc<Colours>,
        class: u32,
        chunks: BTreeSet<ChunkId>,
    ) -> Analysis {
        let mut of_class = self.clone();
        of_class.source = Arc::new(ClassView::new(image, colours, class));
        of_class.allotted.stored = Selection::Some(Arc::new(chunks));
        of_class.allotted.keep = 0;
        // Their objects are labels.
        of_class.settled.asked.objects = false;
        of_class
    }

    /// A label as a number, from its bits.
    pub(super) fn label(&self, bits: i64) -> i128 {
        label_of(self.settled.form.stored, bits)
    }

    /// The skeletons of chunks from those of all classes, with the labels as their values. Reads chunks again that are not
    /// held.
    pub(super) fn labelled(
        &self,
        image: &LabelImage,
        skeletons: Vec<(ChunkId, Arc<Skeleton<Known>>)>,
    ) -> Result<Vec<(ChunkId, Arc<Skeleton<Known>>)>> {
        let mut chunks: BTreeMap<ChunkId, Vec<Arc<Skeleton<Known>>>> = BTreeMap::new();
        for (id, skeleton) in skeletons {
            chunks.entry(id).or_default().push(skeleton);
        }
        let chunks: Vec<_> = chunks.into_iter().collect();
        let joined = |_, (id, parts): &(ChunkId, Vec<Arc<Skeleton<Known>>>)| {
            let mut voxels: Vec<(Voxel, Option<Radius>)> = Vec::new();
            for part in parts {
                let radii = &part.values.1;
                voxels.extend(part.voxels.iter().enumerate().map(|(place, voxel)| (voxel, radii.at(place))));
            }
            // Sorted runs, which a stable sort merges.
            voxels.sort();
            let labels = image.at(&self.grid.region(*id), voxels.iter().map(|(voxel, _)| voxel.position()));
            let labels = PixelValues::Integers(labels.map_err(|error| error.in_chunk(*id))?);
            let radii: Option<Vec<Radius>> = voxels.iter().map(|(_, radius)| *radius).collect();
            let values = Arc::new((labels, radii.map_or(Radii::Unknown, |radii| Radii::Known(radii.into()))));
            let voxels: Vec<Voxel> = voxels.into_iter().map(|(voxel, _)| voxel).collect();
            Ok((*id, Arc::new(Skeleton { voxels: VoxelList::from(voxels), values })))
        };
        each(&chunks, self.allotted.workers, joined)
    }

    /// The statistics of all branches of a report.
    pub(super) fn statistics_of(&self, report: &Report) -> Snapshot {
        let (columns, frame) = (self.network_plan().columns, self.frame());
        let (mut rows, mut statistics) = (RowChanges::new(&columns), Statistics::new(&columns));
        for branch in report.branches.iter().flat_map(|list| list.iter()) {
            rows.change(&Measures::new(&branch, &frame), 1);
        }
        statistics.apply(&rows.add_up());
        statistics.snapshot()
    }
}

/// A label as a number, from the bits that stand for it.
pub(super) fn label_of(stored: StoredType, bits: i64) -> i128 {
    if stored == StoredType::U64 { i128::from(bits as u64) } else { i128::from(bits) }
}
