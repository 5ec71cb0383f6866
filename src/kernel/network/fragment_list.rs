//! Fragments of branches in little memory: a fragment takes some four bytes, one for each step, and the sum of its channels.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::kernel::measure::channel::PathSum;
use crate::kernel::network::step::{Step, end};
use crate::kernel::network::stitch::{Beyond, End, Fragment};
use crate::kernel::network::voxel_list::{push_step, read_step};
use crate::kernel::varint;
use crate::space::Voxel;

/// Fragments, in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct FragmentList<S> {
    count: usize,
    /// The fragments one after the other. Each is the step to its first end from that of the fragment before; what continues
    /// beyond its ends; the number of its steps, and they; and its sum.
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    sum: PhantomData<fn() -> S>,
}

/// Codes of what continues beyond an end, after those of steps.
const TIP: u8 = Step::COUNT as u8;
const JUNCTION: u8 = TIP + 1;

impl<S: PathSum> FragmentList<S> {
    /// The list of some fragments. It takes the least memory if they are in order.
    ///
    /// # Panics
    /// If the steps of one do not lead from its first end to its second.
    pub fn new<'f>(fragments: impl IntoIterator<Item = &'f Fragment<S>>) -> Self {
        let (mut count, mut bytes, mut before) = (0, Vec::new(), Voxel::FIRST);
        for Fragment { ends, steps, sum } in fragments {
            let steps = steps.as_slice();
            let [first, last] = ends;
            assert_eq!(last.voxel, end(first.voxel, steps), "a fragment ends where its steps lead");
            push_step(&mut bytes, before.step_to(first.voxel));
            before = first.voxel;
            bytes.extend(ends.map(|end| code(end.beyond)));
            varint::push(&mut bytes, steps.len() as u64);
            bytes.extend_from_slice(bytemuck::cast_slice(steps));
            sum.write(steps.len() + 1, &mut bytes);
            count += 1;
        }
        bytes.shrink_to_fit();
        FragmentList { count, bytes, sum: PhantomData }
    }

    /// Number of fragments.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The fragments, in order.
    pub fn iter(&self) -> impl Iterator<Item = Fragment<S>> + '_ {
        let (mut at, mut before) = (0, Voxel::FIRST);
        (0..self.count).map_while(move |_| {
            let fragment = self.read(&mut at, before)?;
            before = fragment.ends[0].voxel;
            Some(fragment)
        })
    }

    /// The fragment at `at`, after one that begins at a voxel.
    fn read(&self, at: &mut usize, before: Voxel) -> Option<Fragment<S>> {
        let start = before.moved(read_step(&self.bytes, at)?);
        let &[from, to] = self.bytes.get(*at..)?.first_chunk()?;
        *at += 2;
        let count = usize::try_from(varint::read(&self.bytes, at)?).ok()?;
        let steps: &[Step] = bytemuck::cast_slice(self.bytes.get(*at..at.checked_add(count)?)?);
        *at += count;
        let sum = S::read(count + 1, &self.bytes, at)?;
        let ends = [(start, from), (end(start, steps), to)];
        Some(Fragment { ends: ends.map(|(voxel, code)| End { voxel, beyond: beyond(code) }), steps: steps.into(), sum })
    }
}

fn code(beyond: Beyond) -> u8 {
    match beyond {
        Beyond::Open(step) => step.code(),
        Beyond::Tip => TIP,
        Beyond::Junction => JUNCTION,
    }
}

fn beyond(code: u8) -> Beyond {
    match code {
        TIP => Beyond::Tip,
        JUNCTION => Beyond::Junction,
        step => Beyond::Open(Step::new(step)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::measure::channel::Channel;
    use crate::kernel::measure::numbers::InOrder;
    use crate::kernel::measure::pixel_values::PixelSum;
    use crate::kernel::measure::radii::{Radii, RadiiAlong, Radius};

    type Sum = (PixelSum, RadiiAlong);

    /// A fragment's start, its steps, what continues at its ends, the kind of its values, and whether radii are known.
    type Drawn = ([i64; 3], Vec<u8>, [u8; 2], Option<(i64, u64)>, bool);

    fn fragment((at, steps, beyond_ends, whole, has_radii): Drawn) -> Fragment<Sum> {
        let step = |code: u8| Step::new(if code == 13 { 14 } else { code });
        let steps: Vec<Step> = steps.into_iter().map(step).collect();
        let (start, count) = (Voxel::new(at), steps.len() as u32 + 1);
        let number = |place: u32| 0.1 + f64::from(place);
        let values = match whole {
            None => PixelSum::Floats((0..count).map(number).collect::<InOrder>()),
            Some((sum, high)) => PixelSum::Integers {
                sum,
                squares: u128::from(high) << 40 | u128::from(count),
                least: start,
                at_least: sum / 2,
            },
        };
        let radius = |place: u32| match place % 3 {
            0 => Radius::new(f64::from(place + 2).sqrt(), place.is_multiple_of(2)),
            1 => Radius::new(number(place), false),
            _ => Radius::new(f64::INFINITY, true),
        };
        let radii = if has_radii { (0..count).map(radius).collect() } else { Radii::Unknown };
        let path: Vec<u32> = (0..count).collect();
        let along = radii.along(&path, &[]);
        let ends = [(start, beyond_ends[0]), (end(start, &steps), beyond_ends[1])];
        let open = |code: u8| if code == 13 { Beyond::Tip } else { beyond(code) };
        Fragment {
            ends: ends.map(|(voxel, code)| End { voxel, beyond: open(code) }),
            steps: steps[..].into(),
            sum: (values, along),
        }
    }

    proptest! {
        #[test]
        fn a_list_has_the_fragments_that_it_was_made_of(drawn in prop::collection::vec((
            prop::array::uniform3(-2000i64..2000),
            prop::collection::vec(0u8..27, 0..40),
            prop::array::uniform2(0u8..29),
            prop::option::of((any::<i64>(), any::<u64>())),
            any::<bool>(),
        ), 0..60)) {
            let fragments: Vec<Fragment<Sum>> = drawn.into_iter().map(fragment).collect();
            let list = FragmentList::new(&fragments);
            prop_assert_eq!((list.len(), list.is_empty()), (fragments.len(), fragments.is_empty()));
            prop_assert_eq!(list.iter().collect::<Vec<_>>(), fragments);
        }
    }

    #[test]
    fn a_fragment_of_a_mask_takes_less_than_four_bytes_a_voxel() {
        let drawn = |i: i64| ([0, i / 80, i % 80 * 12], vec![14; 12], [14, 28], Some((13, 0)), false);
        let list = FragmentList::new(&(0..6400).map(|i| fragment(drawn(i))).collect::<Vec<_>>());
        assert!(list.bytes.len() < 6400 * 4 * 13, "{} bytes", list.bytes.len());
    }
}
