//! The labels of a segmentation as objects: sums over the voxels of each, whether they are connected or not.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use timely::dataflow::operators::{Exchange, Inspect, Probe, ToStream};
use timely::worker::Worker;

use super::Analysis;
use super::label_chunks::count_labels;
use crate::chunk::Voxels;
use crate::error::Result;
use crate::kernel::labels::parts::parts;
use crate::kernel::objects::measures::ObjectSums;
use crate::kernel::objects::sums::Sums;
use crate::operators::failure::Failure;
use crate::operators::objects::measure::measured_labels;
use crate::operators::overlap::Padded;
use crate::operators::window::Window;
use crate::progress::ProgressState;
use crate::store::{Inside, Source, inside};

/// Labels whose sums travel to the first worker together.
const TOGETHER: usize = 1 << 10;

/// The sums over the voxels of each label, by the label's bits. Holds some hundred bytes for each label.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct LabelSums(BTreeMap<i64, ObjectSums>);

impl LabelSums {
    /// Adds the parts of labels in a chunk, with the values of the image of intensities, if there is one. What lies outside of
    /// the region of interest does not count, if there is one.
    ///
    /// # Errors
    /// If another image than that of the labels cannot be read; `Data` if a value is too large to compute with.
    pub(super) fn add(&mut self, voxels: &Voxels, padded: &Padded, source: &dyn Source) -> Result<()> {
        let confined = inside(source, &padded.region)?;
        if matches!(confined, Inside::Nothing) {
            return Ok(());
        }
        let parts = parts(voxels, &padded.region, &padded.own, confined.mask());
        self.merge(measured_labels(parts, &padded.own, source.intensity().as_ref())?);
        Ok(())
    }

    fn merge(&mut self, others: impl IntoIterator<Item = (i64, ObjectSums)>) {
        for (label, sums) in others {
            match self.0.get_mut(&label) {
                Some(known) => known.merge(&sums),
                None => drop(self.0.insert(label, sums)),
            }
        }
    }

    /// The sums of all workers at the first one; nothing at the others.
    pub(super) fn gather(self, worker: &mut Worker) -> LabelSums {
        let total: Rc<RefCell<LabelSums>> = Rc::default();
        let gathered = Rc::clone(&total);
        let mut sums = self.0.into_iter();
        let batches = std::iter::from_fn(move || {
            Some(sums.by_ref().take(TOGETHER).collect::<Vec<_>>()).filter(|batch| !batch.is_empty())
        });
        let probe = worker.dataflow::<u64, _, _>(|scope| {
            batches
                .to_stream(scope)
                .container::<Vec<_>>()
                .exchange(|_| 0)
                .inspect(move |batch| gathered.borrow_mut().merge(batch.iter().cloned()))
                .probe()
                .0
        });
        worker.step_or_park_while(None, || !probe.done());
        total.take()
    }
}

impl Analysis {
    /// The sums over each label as a number, in order.
    pub(super) fn numbered(&self, sums: LabelSums) -> BTreeMap<i128, ObjectSums> {
        sums.0.into_iter().map(|(bits, sums)| (self.label(bits), sums)).collect()
    }
}

/// The sums over each label of an image, at the first worker, without anything else.
pub(super) fn measure_labels(
    worker: &mut Worker,
    analysis: &Analysis,
    window: Window,
    failure: &Failure,
    state: &Arc<ProgressState>,
) -> Result<LabelSums> {
    let source = Arc::clone(&analysis.source);
    let sums: Rc<RefCell<LabelSums>> = Rc::default();
    let adding = Rc::clone(&sums);
    count_labels(worker, analysis, window, failure, state, move |(): &mut (), padded, voxels| {
        adding.borrow_mut().add(voxels, padded, &*source)
    })?;
    Ok(sums.take().gather(worker))
}
