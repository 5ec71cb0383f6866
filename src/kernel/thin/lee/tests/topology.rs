//! Promise: the homotopic method keeps every object, and neither loses nor makes loops and cavities, for every division
//! into chunks.
//!
//! Every 26-connected component of a mask holds exactly one component of the skeleton; the number of 6-connected
//! components of the background (cavities and the outside) stays the same; and so does the Euler number, and with it
//! the number of loops.

use super::*;

/// Numbers of components, from 1, of the voxels that are `wanted`: 26-connected for foreground, 6-connected for
/// background. All other voxels have 0.
fn components(volume: &Volume, wanted: bool) -> (Vec<usize>, usize) {
    let steps: Vec<Position> = positions(&Region::new([-1; 3], [2; 3]))
        .filter(|d| d != &[0; 3] && (wanted || d.iter().map(|c| c.abs()).sum::<i64>() == 1))
        .collect();
    let (mut numbers, mut count) = (vec![0; volume.voxels.len()], 0);
    for seed in positions(&Region::of_shape(volume.shape)) {
        let index = volume.index(seed).unwrap();
        if volume.voxels[index] != wanted || numbers[index] != 0 {
            continue;
        }
        count += 1;
        numbers[index] = count;
        let mut open = vec![seed];
        while let Some(p) = open.pop() {
            for q in steps.iter().map(|d| std::array::from_fn(|a| p[a] + d[a])) {
                let Some(index) = volume.index(q) else { continue };
                if volume.voxels[index] == wanted && numbers[index] == 0 {
                    numbers[index] = count;
                    open.push(q);
                }
            }
        }
    }
    (numbers, count)
}

/// The Euler characteristic of the union of closed cubes.
fn euler_number(volume: &Volume) -> i64 {
    // On the grid of half voxels every odd coordinate of a cell is one of its dimensions.
    let [depth, height, width] = volume.shape.map(|n| 2 * n + 1);
    let mut union = vec![false; depth * height * width];
    for p in positions(&Region::of_shape(volume.shape)).filter(|&p| volume.get(p)) {
        for [z, y, x] in positions(&Region::new(p.map(|c| 2 * c), p.map(|c| 2 * c + 3))) {
            union[(z as usize * height + y as usize) * width + x as usize] = true;
        }
    }
    let sign =
        |n: usize| if (n / (height * width) + n / width % height + n % width).is_multiple_of(2) { 1 } else { -1 };
    (0..union.len()).filter(|&n| union[n]).map(sign).sum()
}

/// A volume with a border of background.
fn bordered(volume: &Volume) -> Volume {
    let shape = volume.shape.map(|n| n + 2);
    let inside = |p: Position| volume.get(p.map(|c| c - 1));
    Volume { shape, voxels: positions(&Region::of_shape(shape)).map(inside).collect() }
}

/// The violation of the promise by a skeleton, if any.
fn fault(volume: &Volume, skeleton: &Volume) -> Option<String> {
    let (objects, count) = components(volume, true);
    let (parts, parts_count) = components(skeleton, true);
    let mut part_of = vec![0; count + 1];
    for (index, &part) in parts.iter().enumerate().filter(|(_, part)| **part != 0) {
        let object = objects[index];
        if object == 0 {
            return Some("the skeleton leaves the mask".into());
        }
        if part_of[object] != 0 && part_of[object] != part {
            return Some("an object falls apart".into());
        }
        part_of[object] = part;
    }
    if count != parts_count {
        return Some(format!("{count} objects become {parts_count}"));
    }
    let [before, after] =
        [volume, skeleton].map(|volume| (components(&bordered(volume), false).1, euler_number(volume)));
    (before != after).then(|| format!("parts of the background and Euler number {before:?} become {after:?}"))
}

/// Solids made of boxes: a block, a cross, a shell, and a column that is four voxels wide.
#[derive(Clone, Copy, Debug)]
enum Solid {
    Block,
    Cross,
    Shell,
    Column,
}

/// A solid with these half widths, along an axis.
fn solid(kind: Solid, half: [usize; 3], long: usize, axis: usize) -> Volume {
    let mut shape = half.map(|n| 2 * n + 2);
    if matches!(kind, Solid::Cross | Solid::Column) {
        shape[axis] += 2 * long;
    }
    if matches!(kind, Solid::Cross) {
        shape[(axis + 1) % 3] += 2 * long;
    }
    if matches!(kind, Solid::Column) {
        (shape[(axis + 1) % 3], shape[(axis + 2) % 3]) = (6, 6);
    }
    // Twice the distance from the middle, which is an odd number in a solid of even width.
    let from_middle = |p: Position| [0, 1, 2].map(|a| (2 * p[a] + 1 - shape[a] as i64).unsigned_abs() as usize);
    let inside = |p: Position| {
        let away = from_middle(p);
        let reach = shape.map(|n| n - 2);
        let in_box = |reach: [usize; 3]| (0..3).all(|a| away[a] < reach[a]);
        match kind {
            Solid::Block | Solid::Column => in_box(reach),
            // The two bars of the cross are as thin as the block.
            Solid::Cross => [axis, (axis + 1) % 3].into_iter().any(|along| {
                let bar = |a: usize| if a == along { reach[a] } else { 2 * half[a] };
                in_box([0, 1, 2].map(bar))
            }),
            Solid::Shell => in_box(reach) && !in_box(reach.map(|n| n.saturating_sub(4))),
        }
    };
    Volume { shape, voxels: positions(&Region::of_shape(shape)).map(inside).collect() }
}

fn solids() -> impl Strategy<Value = Volume> {
    let kinds = prop::sample::select(vec![Solid::Block, Solid::Cross, Solid::Shell, Solid::Column]);
    (kinds, prop::array::uniform3(1usize..5), 1usize..6, 0usize..3)
        .prop_map(|(kind, half, long, axis)| solid(kind, half, long, axis))
}

/// Noise of various densities, also in lumps of 2 x 2 x 2 voxels.
fn masks_of_noise(planar: bool) -> impl Strategy<Value = Volume> {
    let longest = if planar { 40 } else { 13 };
    let shape = (1usize..10, 1usize..longest, 1usize..longest);
    (shape, 0i64..3, 0.2..0.8, any::<u64>(), any::<bool>()).prop_map(move |((z, y, x), reach, share, seed, lumps)| {
        let shape = [if planar { 1 } else { z }, y, x];
        if !lumps {
            return Volume::drawn(shape, reach, share, seed);
        }
        let coarse = Volume::drawn(shape.map(|n| n.div_ceil(2)), reach.min(1), share, seed);
        let inside = |p: Position| coarse.get(p.map(|c| c / 2));
        Volume { shape, voxels: positions(&Region::of_shape(shape)).map(inside).collect() }
    })
}

fn chunks() -> impl Strategy<Value = [usize; 3]> {
    prop_oneof![prop::array::uniform3(1usize..9), Just([100; 3])]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn objects_loops_and_cavities_of_any_mask_stay_for_any_chunks(
        mask in masks_of_noise(false), chunk in chunks(), keep: bool,
    ) {
        prop_assert_eq!(fault(&mask, &thin_in_chunks(&mask, chunk, Method::Homotopic, keep)), None);
    }

    #[test]
    fn objects_and_loops_of_any_image_stay_for_any_chunks(mask in masks_of_noise(true), chunk in chunks()) {
        prop_assert_eq!(fault(&mask, &thin_in_chunks(&mask, chunk, Method::HomotopicPlanar, false)), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn objects_loops_and_cavities_of_solids_stay_for_any_chunks(mask in solids(), chunk in chunks()) {
        let skeleton = thin_in_chunks(&mask, chunk, Method::Homotopic, false);
        prop_assert_eq!(fault(&mask, &skeleton), None);
        prop_assert_eq!(&thin_in_chunks(&skeleton, chunk, Method::Homotopic, false), &skeleton);
    }

    #[test]
    fn objects_loops_and_cavities_stay_where_planes_are_handed_on(
        mask in prop_oneof![masks_of_noise(false), solids()],
        chunk in prop::array::uniform3(1usize..13),
        steps in prop::collection::vec(1usize..6, 1..4),
    ) {
        prop_assert_eq!(fault(&mask, &thin_in_planes(&mask, chunk, &steps, Method::Homotopic)), None);
    }
}

/// Number of voxels in the skeleton of a solid.
fn left(mask: &Volume, method: Method) -> usize {
    thin_in_chunks(mask, [7; 3], method, false).voxels.iter().filter(|voxel| **voxel).count()
}

#[test]
fn a_column_of_even_width_leaves_nothing_by_lees_method_and_a_line_by_the_homotopic_one() {
    for axis in 0..3 {
        let column = solid(Solid::Column, [2; 3], 140, axis);
        assert_eq!(left(&column, Method::Lee), 0);
        assert!((270..=284).contains(&left(&column, Method::Homotopic)), "{}", left(&column, Method::Homotopic));
    }
}

#[test]
fn a_cross_of_even_width_loses_arms_by_lees_method_and_none_by_the_homotopic_one() {
    for axis in 0..3 {
        let cross = solid(Solid::Cross, [2; 3], 30, axis);
        let by = |method| left(&cross, method);
        assert!(by(Method::Lee) < 90 && by(Method::Homotopic) > 110, "{} {}", by(Method::Lee), by(Method::Homotopic));
    }
}

#[test]
fn faults_of_skeletons_are_found() {
    let shell = solid(Solid::Shell, [3; 3], 0, 0);
    assert_eq!(fault(&shell, &shell), None);
    let changed = |change: &dyn Fn(&mut Volume)| {
        let mut changed = shell.clone();
        change(&mut changed);
        fault(&shell, &changed).unwrap_or_default()
    };
    let all = |value: bool| changed(&|volume| volume.voxels.fill(value));
    assert_eq!([all(false), all(true)], ["1 objects become 0", "the skeleton leaves the mask"]);
    let set = |p: Position, value: bool| {
        changed(&|volume| {
            let index = volume.index(p).unwrap();
            volume.voxels[index] = value;
        })
    };
    assert_eq!(set([3, 3, 3], true), "the skeleton leaves the mask");
    // A hole in both walls of the shell opens it, and its Euler number falls.
    let opened = changed(&|volume| {
        for z in [1, 2] {
            let index = volume.index([z, 4, 4]).unwrap();
            volume.voxels[index] = false;
        }
    });
    assert_eq!(opened, "parts of the background and Euler number (2, 2) become (1, 1)");
    let halves = changed(&|volume| {
        for p in positions(&Region::of_shape(volume.shape)).filter(|p| p[0] == 4 || p[0] == 3) {
            let index = volume.index(p).unwrap();
            volume.voxels[index] = false;
        }
    });
    assert_eq!(halves, "an object falls apart");
}
