//! Sums over the objects of a chunk, with the image's values.

use std::sync::Arc;

use super::find::ObjectPlan;
use crate::chunk::{Value, Voxels};
use crate::error::{Error, Result};
use crate::grid::ChunkId;
use crate::kernel::labels::parts::LabelPart;
use crate::kernel::mask::Mask;
use crate::kernel::mask::binarise::Foreground;
use crate::kernel::objects::local::Local;
use crate::kernel::objects::measures::ObjectSums;
use crate::kernel::objects::runs::Run;
use crate::kernel::objects::sums::Sums;
use crate::kernel::objects::tally::Tally;
use crate::kernel::objects::values::{Scratch, ValueSums};
use crate::operators::sample::{stored_values, too_large};
use crate::space::{Position, Region};
use crate::store::Source;
use crate::with_voxels;

/// The objects of a chunk with their shapes and values, which are read again if they vary and are not held. `own` is the part
/// of the chunk's box that lies in the image.
///
/// # Errors
/// If values cannot be read; `Data` if one is too large to compute with.
pub fn measured(
    plan: &ObjectPlan,
    chunk: ChunkId,
    mask: &Mask,
    own: &Region,
    foreground: &Foreground,
    source: Option<&Arc<dyn Source>>,
) -> Result<Local<ObjectSums>> {
    let read;
    let values = match foreground {
        Foreground::Constant(value) => RunValues::Constant(*value),
        Foreground::Kept(kept) => RunValues::Held(kept.values(), Box::new(|first| kept.place(first))),
        Foreground::Varying => {
            let missing = || Error::internal("values of the foreground vary and are neither held nor stored");
            read = stored_values(source.ok_or_else(missing)?, own)?;
            RunValues::of_box(&read, own)
        }
    };
    let (mut scratch, mut failed) = (Scratch::default(), None);
    let local = plan.local(chunk, mask, |run| {
        let values = values.sums(std::slice::from_ref(run), &mut scratch).map(Some).unwrap_or_else(|error| {
            failed.get_or_insert(error);
            None
        });
        ObjectSums { shape: Tally::of(run), values }
    });
    failed.map_or(Ok(local), Err)
}

/// The parts of labels in a box with their shapes, and with the values that another image has there, if there is one.
///
/// # Errors
/// If values cannot be read; `Data` if one is too large to compute with.
pub fn measured_labels(
    parts: Vec<LabelPart>,
    own: &Region,
    intensity: Option<&Arc<dyn Source>>,
) -> Result<Vec<(i64, ObjectSums)>> {
    let read = intensity.filter(|_| !parts.is_empty()).map(|source| stored_values(source, own)).transpose()?;
    let values = read.as_ref().map(|read| RunValues::of_box(read, own));
    let mut scratch = Scratch::default();
    let sums = |part: LabelPart| {
        let values = values.as_ref().map(|values| values.sums(&part.runs, &mut scratch)).transpose()?;
        Ok((part.label, ObjectSums { shape: part.tally(), values }))
    };
    parts.into_iter().map(sums).collect()
}

/// The values of runs of voxels.
enum RunValues<'a> {
    Constant(i64),
    /// An array, and the place in it of the first voxel of a run; the others follow along its last axis.
    Held(&'a Voxels, Box<dyn Fn(Position) -> [usize; 3] + 'a>),
}

impl<'a> RunValues<'a> {
    /// The values of a box.
    fn of_box(values: &'a Voxels, own: &'a Region) -> Self {
        RunValues::Held(values, Box::new(|first| std::array::from_fn(|axis| (first[axis] - own.min[axis]) as usize)))
    }

    /// The sums over runs, at least one.
    fn sums(&self, runs: &[Run], scratch: &mut Scratch) -> Result<ValueSums> {
        let (values, place) = match self {
            RunValues::Constant(value) => {
                let repeated = |run: &Run| std::iter::repeat_n(*value, run.voxels() as usize);
                return Ok(match i32::try_from(*value) {
                    Ok(_) => of_whole(runs.iter().map(|run| (*run, repeated(run)))),
                    Err(_) => {
                        let numbers = runs.iter().map(|run| (*run, repeated(run).map(|value| value as f64)));
                        ValueSums::of_numbers(numbers, scratch)
                    }
                });
            }
            RunValues::Held(values, place) => (values, place),
        };
        with_voxels!(values, array => {
            let rows = runs.iter().map(|run| {
                let [z, y, first] = place(run.first().position());
                (*run, (first..first + run.voxels() as usize).map(move |x| array[[z, y, x]]))
            });
            of_rows(rows, scratch)
        })
    }
}

/// The sums over runs of whole numbers of up to 32 bits.
fn of_whole<V: Iterator<Item = i64>>(runs: impl Iterator<Item = (Run, V)>) -> ValueSums {
    let merged = runs.map(|(run, values)| ValueSums::of_whole(&run, values)).reduce(|mut sums, more| {
        sums.merge(&more);
        sums
    });
    merged.expect("at least one run")
}

fn of_rows<V: Value, R: Iterator<Item = V> + Clone>(
    rows: impl Iterator<Item = (Run, R)> + Clone,
    scratch: &mut Scratch,
) -> Result<ValueSums> {
    if V::DTYPE.is_integer() && V::DTYPE.size() <= 4 {
        return Ok(of_whole(rows.map(|(run, row)| (run, row.map(Value::to_i64)))));
    }
    let numbers = rows.map(|(run, row)| (run, row.map(Value::to_f64)));
    for (run, row) in numbers.clone() {
        if let Some((x, _)) = (run.x[0]..).zip(row).find(|&(_, value)| too_large(value)) {
            return Err(Error::data(format!(
                "the value at (z, y, x) = ({}, {}, {x}), which is foreground, is too large to compute with; give numbers up to \
                 1e140",
                run.z, run.y
            )));
        }
    }
    Ok(ValueSums::of_numbers(numbers, scratch))
}
