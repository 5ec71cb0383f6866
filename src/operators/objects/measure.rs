//! Sums over the objects of a chunk, with the image's values.

use super::find::ObjectPlan;
use crate::chunk::{Value, Voxels};
use crate::error::{Error, Result};
use crate::grid::ChunkId;
use crate::kernel::mask::Mask;
use crate::kernel::mask::binarise::Foreground;
use crate::kernel::objects::local::Local;
use crate::kernel::objects::measures::ObjectSums;
use crate::kernel::objects::runs::Run;
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
    source: Option<&dyn Source>,
) -> Result<Local<ObjectSums>> {
    let read;
    let values = match foreground {
        Foreground::Constant(value) => RunValues::Constant(*value),
        Foreground::Kept(kept) => RunValues::Held(kept.values(), Box::new(|first| kept.place(first))),
        Foreground::Varying => {
            let missing = || Error::internal("values of the foreground vary and are neither held nor stored");
            read = stored_values(source.ok_or_else(missing)?, own)?;
            RunValues::Held(&read, Box::new(|first| std::array::from_fn(|axis| (first[axis] - own.min[axis]) as usize)))
        }
    };
    let (mut scratch, mut failed) = (Scratch::default(), None);
    let local = plan.local(chunk, mask, |run| {
        let values = values.sums(run, &mut scratch).unwrap_or_else(|error| {
            failed.get_or_insert(error);
            None
        });
        ObjectSums { shape: Tally::of(run), values }
    });
    failed.map_or(Ok(local), Err)
}

/// The values of runs of foreground.
enum RunValues<'a> {
    Constant(i64),
    /// An array, and the place in it of the first voxel of a run; the others follow along its last axis.
    Held(&'a Voxels, Box<dyn Fn(Position) -> [usize; 3] + 'a>),
}

impl RunValues<'_> {
    fn sums(&self, run: &Run, scratch: &mut Scratch) -> Result<Option<ValueSums>> {
        let (values, place) = match self {
            RunValues::Constant(value) => {
                return Ok(Some(match i32::try_from(*value) {
                    Ok(_) => ValueSums::of_whole(run, (run.x[0]..run.x[1]).map(|_| *value)),
                    Err(_) => ValueSums::of_numbers(run, (run.x[0]..run.x[1]).map(|_| *value as f64), scratch),
                }));
            }
            RunValues::Held(values, place) => (values, place(run.first().position())),
        };
        let [z, y, first] = place;
        with_voxels!(values, array => {
            let row = (first..first + run.voxels() as usize).map(|x| array[[z, y, x]]);
            of_row(run, row, scratch)
        })
        .map(Some)
    }
}

fn of_row<V: Value>(run: &Run, row: impl Iterator<Item = V> + Clone, scratch: &mut Scratch) -> Result<ValueSums> {
    if V::DTYPE.is_integer() && V::DTYPE.size() <= 4 {
        return Ok(ValueSums::of_whole(run, row.map(Value::to_i64)));
    }
    let numbers = row.map(Value::to_f64);
    if let Some((x, _)) = (run.x[0]..).zip(numbers.clone()).find(|&(_, value)| too_large(value)) {
        return Err(Error::data(format!(
            "the value at (z, y, x) = ({}, {}, {x}), which is foreground, is too large to compute with; give numbers up to 1e140",
            run.z, run.y
        )));
    }
    Ok(ValueSums::of_numbers(run, numbers, scratch))
}
