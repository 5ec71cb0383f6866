//! Joined sums of arbitrarily cut paths compared with those of whole paths.

use proptest::prelude::*;

use super::channel::{Channel, Measured, MeasuredBy, PathSum};
use super::numbers::{Extremes, InOrder, Numbers};
use super::pixel_values::PixelValues;
use super::radii::{Radii, Radius};
use crate::kernel::network::step::{Lengths, Step};
use crate::space::{Spacing, Voxel};

type Sum = <All as Channel>::Sum;
type All = ((PixelValues, PixelValues), (Numbers<(InOrder, Extremes)>, Radii));

/// All channels over these values; `constant` selects the form of the integers.
fn channel(values: &[i32], constant: bool) -> All {
    let whole = match constant {
        true => PixelValues::Constant(values[0].into()),
        false => PixelValues::Integers(values.iter().map(|&value| value.into()).collect()),
    };
    let third = |&value: &i32| f64::from(value) / 3.0;
    let floats = PixelValues::Floats(values.iter().map(|value| third(value).to_bits()).collect());
    let radii = values.iter().map(|&value| Radius::new(f64::from(value.unsigned_abs() + 1).sqrt(), value % 5 == 0));
    ((whole, floats), (values.iter().map(third).collect(), radii.collect()))
}

/// Voxels in raster order; a path may visit them in any order.
fn voxels(count: usize) -> Vec<Voxel> {
    (0..count as i64).map(|x| Voxel::new([0, 0, x])).collect()
}

/// The joined sum of the parts of a path between cuts, each walked in one of the two directions.
fn joined(channel: &All, path: &[u32], cuts: &[usize], reversed: &[bool]) -> Sum {
    let voxels = voxels(path.len());
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % path.len()).filter(|&cut| cut > 0).collect();
    ends.push(path.len());
    ends.sort_unstable();
    ends.dedup();
    let mut from = 0;
    let mut whole: Option<Sum> = None;
    for (place, end) in ends.into_iter().enumerate() {
        let (mut part, reversed) = (path[from..end].to_vec(), reversed[place % reversed.len()]);
        if reversed {
            part.reverse();
        }
        let mut sum = channel.along(&part, &voxels);
        match &mut whole {
            Some(whole) => whole.join(&sum, reversed),
            None => {
                if reversed {
                    sum.reverse();
                }
                whole = Some(sum);
            }
        }
        from = end;
    }
    whole.expect("a path has a voxel")
}

fn steps(count: usize) -> Vec<Step> {
    vec![Step::new(14); count]
}

/// Values, and an order of their indices.
fn paths() -> impl Strategy<Value = (Vec<i32>, Vec<u32>)> {
    prop::collection::vec(-1000..1000i32, 1..30).prop_flat_map(|values| {
        let places: Vec<u32> = (0..values.len() as u32).collect();
        (Just(values), Just(places).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn sums_do_not_depend_on_where_a_path_is_cut(
        (values, path) in paths(),
        constant in any::<bool>(),
        cuts in prop::collection::vec(0usize..30, 0..8),
        reversed in prop::collection::vec(any::<bool>(), 1..9),
    ) {
        let channel = channel(&values, constant);
        let whole = channel.along(&path, &voxels(path.len()));
        prop_assert_eq!(&joined(&channel, &path, &cuts, &reversed), &whole);
        let back: Vec<u32> = path.iter().rev().copied().collect();
        let mut turned = whole.clone();
        turned.reverse();
        prop_assert_eq!(turned, channel.along(&back, &voxels(path.len())));
    }

    #[test]
    fn a_closed_sum_is_that_of_the_cycle_from_its_first_voxel(
        (values, path) in paths(),
        constant in any::<bool>(),
        cuts in prop::collection::vec(0usize..30, 0..8),
        reversed in prop::collection::vec(any::<bool>(), 1..9),
    ) {
        let channel = channel(&values, constant);
        let lengths = Lengths::new(Spacing::default());
        let mut sum = joined(&channel, &path, &cuts, &reversed);
        let place = path.iter().position(|&place| place == 0).expect("the first voxel is on the path");
        sum.close(place);
        let mut cycle = path.clone();
        cycle.rotate_left(place);
        cycle.push(0);
        let expected = channel.along(&cycle, &voxels(path.len()));
        let steps = steps(path.len());
        prop_assert_eq!(sum.measured(&steps, &lengths), expected.measured(&steps, &lengths));
    }

    #[test]
    fn measures_are_read_as_they_were_written((values, path) in paths(), constant in any::<bool>(), cut in 0usize..80) {
        let channel = channel(&values, constant);
        let sum = channel.along(&path, &voxels(path.len()));
        let measured = sum.measured(&steps(path.len() - 1), &Lengths::new(Spacing::default()));
        let (mut bytes, mut at) = (vec![7; 3], 3);
        let (common, steps) = (measured.common(), path.len() - 1);
        measured.write(&common, steps, &mut bytes);
        prop_assert_eq!(Measured::read(&common, steps, &bytes, &mut at), Some(measured));
        prop_assert_eq!(at, bytes.len());
        let torn = &bytes[..3 + cut % (bytes.len() - 3)];
        prop_assert_eq!(MeasuredBy::<All>::read(&common, steps, torn, &mut 3), None);
    }
}
