//! Tiles on a canvas compared with SciPy's, on fixtures made by `scripts/make_resample_fixtures.py`.

use ndarray::Array3;
use proptest::prelude::*;

use super::*;
use crate::chunk::Value;
use crate::grid::Grid;
use crate::kernel::mosaic::affine::Affine;
use crate::space::Region;
use crate::with_voxels;

/// A tile, its map from the canvas, and its gain.
type Placed = (Voxels, Affine, f64);

/// A region of a canvas with these tiles.
fn fused(region: Region, tiles: &[(Prepared, Affine, f64)], blend: Blend, dtype: Dtype) -> Voxels {
    let mut composition = Composition::new(region, blend);
    for (tile, to_tile, gain) in tiles {
        composition.add(tile, to_tile, *gain);
    }
    composition.finish(dtype)
}

fn prepared(tiles: &[Placed], order: Interpolation) -> Vec<(Prepared, Affine, f64)> {
    tiles.iter().map(|(voxels, map, gain)| (Prepared::new(voxels.clone(), order), *map, *gain)).collect()
}

/// The formula by which the script draws values.
fn drawn(dtype: Dtype, shape: [usize; 3], seed: u64) -> Voxels {
    fn array<T: Value>(shape: [usize; 3], seed: u64, convert: impl Fn(f64) -> T) -> Voxels {
        let mut i = seed;
        T::wrap(Array3::from_shape_simple_fn(shape, || {
            i += 1;
            let v = i * 2_654_435_761 % (1 << 32);
            convert(((v ^ v >> 16) * 73_244_475 % (1 << 32)) as f64 / f64::from(2.0f32.powi(32)))
        }))
    }
    let (half, most) = (f64::from(1 << 30), f64::from(u32::MAX) + 1.0);
    match dtype {
        Dtype::Bool => array(shape, seed, |v| 2.0 * v >= 1.0),
        Dtype::U8 => array(shape, seed, |v| (256.0 * v) as u8),
        Dtype::U16 => array(shape, seed, |v| (65536.0 * v) as u16),
        Dtype::U32 => array(shape, seed, |v| (most * v) as u32),
        Dtype::I16 => array(shape, seed, |v| (-3000.0 + 6000.0 * v).floor() as i16),
        Dtype::I32 => array(shape, seed, |v| (-half + 2.0 * half * v).floor() as i32),
        Dtype::I64 => array(shape, seed, |v| (-half + 2.0 * half * v).floor() as i64),
        Dtype::F32 => array(shape, seed, |v| (-2.0 + 7.0 * v) as f32),
        Dtype::F64 => array(shape, seed, |v| -2e-3 + (5e-3 - -2e-3) * v),
    }
}

fn numbers<T: std::str::FromStr<Err: std::fmt::Debug>, const N: usize>(text: &str) -> [T; N] {
    let numbers: Vec<T> = text.split([',', ' ']).map(|n| n.parse().unwrap()).collect();
    numbers.try_into().ok().unwrap()
}

fn tile(dtype: Dtype, field: &str) -> Placed {
    let [shape, gain, map, seed] = field.split('/').collect::<Vec<_>>().try_into().unwrap();
    let map: [f64; 12] = numbers(map);
    let matrix = std::array::from_fn(|i| std::array::from_fn(|j| map[3 * i + j]));
    let to_tile = Affine { matrix, offset: [map[9], map[10], map[11]] };
    (drawn(dtype, numbers(shape), seed.parse().unwrap()), to_tile, gain.parse().unwrap())
}

/// Maximum difference by rounding: one grey level, or a fraction of the range of drawn values.
fn tolerance(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F32 => 7e-5,
        Dtype::F64 => 7e-8,
        _ => 1.0,
    }
}

/// Also runs on a file of the script, if `ANABRANCH_RESAMPLE` names one.
#[test]
fn tiles_lie_on_the_canvas_as_scipy_puts_them() {
    let committed = include_str!("../../../../tests/fixtures/voxels/resample.txt").to_string();
    let fixture = std::env::var("ANABRANCH_RESAMPLE").map_or(committed, |path| std::fs::read_to_string(path).unwrap());
    assert!(fixture.lines().count() > 30);
    for (number, line) in fixture.lines().enumerate() {
        let fields: Vec<&str> = line.split(';').collect();
        let dtypes = [Dtype::Bool, Dtype::U8, Dtype::U16, Dtype::U32, Dtype::I16, Dtype::I32, Dtype::F32, Dtype::F64];
        let dtype = dtypes.into_iter().find(|dtype| dtype.name() == fields[0]).unwrap();
        let order = match fields[1] {
            "0" => Interpolation::Nearest,
            "1" => Interpolation::Linear,
            _ => Interpolation::Cubic,
        };
        let blend = match fields[2] {
            "max" => Blend::Max,
            "mean" => Blend::Mean,
            "first" => Blend::First,
            _ => Blend::Feather,
        };
        let (min, shape): ([i64; 3], [usize; 3]) = (numbers(fields[3]), numbers(fields[4]));
        let region = Region::of_shape(shape).shifted(min);
        let tiles: Vec<Placed> = fields[6..].iter().map(|field| tile(dtype, field)).collect();
        let made = fused(region, &prepared(&tiles, order), blend, dtype);
        assert_eq!((made.dtype(), made.shape()), (dtype, shape));
        let made: Vec<f64> = with_voxels!(&made, values => values.iter().map(|v| v.to_f64()).collect());
        let expected: Vec<f64> = fields[5].split(' ').map(|v| v.parse().unwrap()).collect();
        let name = format!("case {}: {dtype:?} {order:?} {blend:?}", number + 1);
        assert_eq!(made.len(), expected.len(), "{name}");
        for (i, (made, expected)) in made.iter().zip(&expected).enumerate() {
            assert!((made - expected).abs() <= tolerance(dtype), "{name}, voxel {i}: {made}, not {expected}");
        }
    }
}

/// Tiles at random angles and places on a canvas of one plane.
fn scattered(dtype: Dtype, seeds: &[(u64, f64, [f64; 2])]) -> Vec<Placed> {
    let placed = |&(seed, angle, [y, x]): &(u64, f64, [f64; 2])| {
        let (sin, cos) = f64::sin_cos(angle);
        let matrix = [[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]];
        let to_canvas = Affine { matrix, offset: [0.0, y, x] };
        (drawn(dtype, [1, 13, 47], seed), to_canvas.inverse().unwrap(), 1.0)
    };
    seeds.iter().map(placed).collect()
}

const ORDERS: [Interpolation; 3] = [Interpolation::Nearest, Interpolation::Linear, Interpolation::Cubic];
const BLENDS: [Blend; 4] = [Blend::Max, Blend::Mean, Blend::First, Blend::Feather];

fn orders() -> impl Strategy<Value = Interpolation> {
    prop::sample::select(&ORDERS[..])
}

fn blends() -> impl Strategy<Value = Blend> {
    prop::sample::select(&BLENDS[..])
}

fn dtypes() -> impl Strategy<Value = Dtype> {
    prop::sample::select(&[Dtype::U8, Dtype::U16, Dtype::I16, Dtype::I32, Dtype::F32, Dtype::F64][..])
}

fn places() -> impl Strategy<Value = Vec<(u64, f64, [f64; 2])>> {
    // Also angles so small that places are whole numbers except for rounding.
    let angle = prop_oneof![Just(0.0), -0.05..0.05f64, -3.2..3.2f64, -1e-9..1e-9f64, -1e-15..1e-15f64];
    let whole = (-20i32..30).prop_map(f64::from);
    let nearly = (-20i32..30, -1e-14..1e-14f64).prop_map(|(whole, rest)| f64::from(whole) + rest);
    let offset = prop_oneof![whole, nearly, -20.0..30.0f64];
    prop::collection::vec((0u64..1 << 30, angle, [offset.clone(), offset]), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_same_bits_come_out_however_the_canvas_is_cut(
        dtype in dtypes(),
        order in orders(),
        blend in blends(),
        places in places(),
        chunk in (1usize..30, 1usize..70),
    ) {
        let tiles = prepared(&scattered(dtype, &places), order);
        let canvas = Region::new([0, -20, -25], [1, 40, 70]);
        let whole = fused(canvas, &tiles, blend, dtype);
        for id in Grid::new(canvas, [1, chunk.0, chunk.1]).chunks() {
            let region = Grid::new(canvas, [1, chunk.0, chunk.1]).region(id);
            let part = fused(region, &tiles, blend, dtype);
            prop_assert_eq!(part, whole.part(&region.shifted([0, 20, 25])), "{:?}", region);
        }
    }

    #[test]
    fn only_the_first_depends_on_the_order_of_tiles(
        dtype in prop::sample::select(&[Dtype::U8, Dtype::U16, Dtype::I16, Dtype::I32][..]),
        order in orders(),
        blend in prop::sample::select(&[Blend::Max, Blend::Mean, Blend::Feather][..]),
        places in places(),
    ) {
        let mut tiles = prepared(&scattered(dtype, &places), order);
        let canvas = Region::new([0, -20, -25], [1, 40, 70]);
        let there = fused(canvas, &tiles, blend, dtype);
        tiles.reverse();
        prop_assert_eq!(there, fused(canvas, &tiles, blend, dtype));
    }
}

#[test]
fn the_same_bits_come_out_however_a_volume_is_cut() {
    let turned = |seed: u64, a: f64, b: f64, offset| {
        let turn =
            [[b.cos(), 0.0, b.sin()], [a.sin() * b.sin(), a.cos(), -a.sin() * b.cos()], [-b.sin(), a.sin(), b.cos()]];
        (drawn(Dtype::U16, [9, 14, 40], seed), Affine { matrix: turn, offset }, 1.0)
    };
    let tiles = [
        turned(1, 0.0, 0.0, [0.5, 0.25, 3.0]),
        turned(2, 0.02, -0.01, [-2.0, 1.3, -6.2]),
        turned(3, 0.7, 0.4, [3.0, 2.0, 4.0]),
    ];
    let (canvas, chunks) = (Region::of_shape([10, 16, 50]), [[10, 16, 7], [3, 5, 19], [1, 16, 50]]);
    for (order, blend) in ORDERS.into_iter().flat_map(|order| BLENDS.map(|blend| (order, blend))) {
        let tiles = prepared(&tiles, order);
        let whole = fused(canvas, &tiles, blend, Dtype::U16);
        for grid in chunks.map(|chunk| Grid::new(canvas, chunk)) {
            for region in grid.chunks().map(|id| grid.region(id)) {
                assert_eq!(
                    fused(region, &tiles, blend, Dtype::U16),
                    whole.part(&region),
                    "{order:?} {blend:?} {region:?}"
                );
            }
        }
    }
}

#[test]
fn the_first_tile_hides_later_ones() {
    let ones = |v: u16| (Voxels::filled(Dtype::U16, [1, 4, 20], f64::from(v)), Affine::translation([0.0; 3]), 1.0);
    for tiles in [[ones(3), ones(9)], [ones(9), ones(3)]] {
        let made =
            fused(Region::of_shape([1, 4, 20]), &prepared(&tiles, Interpolation::Linear), Blend::First, Dtype::U16);
        assert_eq!(made, tiles[0].0);
    }
}

#[test]
fn a_tile_that_is_not_there_leaves_zero() {
    let tile = (drawn(Dtype::I16, [1, 5, 5], 1), Affine::translation([0.0, -100.0, 0.0]), 1.0);
    for blend in BLENDS {
        let made = fused(
            Region::of_shape([1, 5, 5]),
            &prepared(std::slice::from_ref(&tile), Interpolation::Linear),
            blend,
            Dtype::I16,
        );
        assert_eq!(made, Voxels::filled(Dtype::I16, [1, 5, 5], 0.0));
    }
}

#[test]
fn values_are_clipped_and_never_wrapped() {
    let tile = |gain| (Voxels::filled(Dtype::U8, [1, 3, 18], 200.0), Affine::translation([0.0; 3]), gain);
    for (gain, expected) in [(2.0, 255.0), (-1.0, 0.0), (0.5, 100.0)] {
        for (order, blend) in ORDERS.into_iter().flat_map(|order| BLENDS.map(|blend| (order, blend))) {
            let made = fused(Region::of_shape([1, 3, 18]), &prepared(&[tile(gain)], order), blend, Dtype::U8);
            assert_eq!(made, Voxels::filled(Dtype::U8, [1, 3, 18], expected), "{order:?} {blend:?} {gain}");
        }
    }
}

#[test]
fn the_largest_of_negative_values_is_negative() {
    let tile = |v| (Voxels::filled(Dtype::I16, [1, 3, 18], v), Affine::translation([0.0, 0.25, 0.0]), 1.0);
    let made = fused(
        Region::of_shape([1, 2, 18]),
        &prepared(&[tile(-7.0), tile(-5.0)], Interpolation::Linear),
        Blend::Max,
        Dtype::I16,
    );
    assert_eq!(made, Voxels::filled(Dtype::I16, [1, 2, 18], -5.0));
}

#[test]
fn a_canvas_may_have_another_type_than_its_tiles() {
    let tile = [(Voxels::filled(Dtype::F32, [1, 3, 18], 2.5), Affine::translation([0.0; 3]), 1.0)];
    let made = fused(Region::of_shape([1, 3, 18]), &prepared(&tile, Interpolation::Nearest), Blend::Max, Dtype::U8);
    assert_eq!(made, Voxels::filled(Dtype::U8, [1, 3, 18], 3.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn an_overlap_is_what_both_tiles_cover(order in orders(), places in places()) {
        // Positive everywhere, so that a zero voxel is not covered.
        let bright = |tile: Placed| match tile.0 {
            Voxels::F64(values) => (Voxels::F64(values.mapv(|v| 1.0 + v)), tile.1, tile.2),
            _ => tile,
        };
        let tiles: Vec<Placed> = scattered(Dtype::F64, &places).into_iter().map(bright).collect();
        let (first, last) = (&prepared(&tiles[..1], order), &prepared(&tiles[tiles.len() - 1..], order));
        let canvas = Region::new([0, -20, -25], [1, 40, 70]);
        let [a, b] = [first, last].map(|tile| fused(canvas, tile, Blend::First, Dtype::F64));
        let (mut voxels, mut sums) = (0, [0.0; 2]);
        with_voxels!(&a, a => with_voxels!(&b, b => {
            for (a, b) in a.iter().zip(b).filter(|(a, b)| a.to_f64() != 0.0 && b.to_f64() != 0.0) {
                voxels += 1;
                sums[0] += a.to_f64();
                sums[1] += b.to_f64();
            }
        }));
        let [one, other] = [first, last].map(|tile| super::Placed { tile: &tile[0].0, to_tile: &tile[0].1 });
        let found = overlap(&canvas, [one, other]);
        prop_assert_eq!(found.0, voxels);
        prop_assert!((0..2).all(|i| (found.1[i] - sums[i]).abs() <= 1e-9 * sums[i]), "{:?}, not {:?}", found.1, sums);
    }
}

#[test]
fn corrected_tiles_show_what_was_before_the_camera() {
    let (scene, shape) = (drawn(Dtype::U8, [1, 9, 30], 7), [1, 9, 30]);
    let shade = |x: usize| 0.5 + x as f64 / 29.0;
    let seen = Array3::from_shape_fn(shape, |p| {
        (with_voxels!(&scene, v => v[p].to_f64()) * 100.0 * shade(p.2) + 300.0) as u16
    });
    let flat = Voxels::F64(Array3::from_shape_fn(shape, |(.., x)| 40.0 * shade(x)));
    let correction = Correction::new(Some(&Voxels::filled(Dtype::U16, shape, 300.0)), Some(&flat)).unwrap();
    for order in ORDERS {
        let tile = Prepared::corrected(Voxels::U16(seen.clone()), order, &correction).unwrap();
        assert_eq!((tile.dtype(), tile.bytes()), (Dtype::U16, 4 * 9 * 30));
        let made =
            fused(Region::of_shape(shape), &[(tile, Affine::translation([0.0; 3]), 0.01)], Blend::Max, Dtype::U16);
        for (made, scene) in with_voxels!(&made, a => a.iter().map(|v| v.to_f64()).collect::<Vec<_>>())
            .into_iter()
            .zip(with_voxels!(&scene, a => a.iter().map(|v| v.to_f64()).collect::<Vec<_>>()))
        {
            assert!((made - scene).abs() <= 1.0, "{order:?}: {made}, not {scene}");
        }
    }
    let other = Prepared::corrected(Voxels::filled(Dtype::U16, [1, 9, 31], 0.0), Interpolation::Linear, &correction);
    assert!(
        other.unwrap_err().to_string().starts_with("the tile has [1, 9, 31] voxels along (z, y, x), but the image")
    );
}

#[test]
fn values_below_the_background_are_clipped_when_they_are_blended() {
    let shape = [1, 2, 20];
    let correction = Correction::new(Some(&Voxels::filled(Dtype::U8, shape, 100.0)), None).unwrap();
    let tile =
        |v| Prepared::corrected(Voxels::filled(Dtype::U8, shape, v), Interpolation::Linear, &correction).unwrap();
    let at = Affine::translation([0.0; 3]);
    let alone = fused(Region::of_shape(shape), &[(tile(60.0), at, 1.0)], Blend::Max, Dtype::U8);
    assert_eq!(alone, Voxels::filled(Dtype::U8, shape, 0.0));
    // The mean of -40 and 60 is computed before clipping.
    let mean = fused(Region::of_shape(shape), &[(tile(60.0), at, 1.0), (tile(160.0), at, 1.0)], Blend::Mean, Dtype::U8);
    assert_eq!(mean, Voxels::filled(Dtype::U8, shape, 10.0));
}
