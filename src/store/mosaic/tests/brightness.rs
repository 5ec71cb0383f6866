//! Tiles that are corrected for their camera and matched to their neighbours.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::grid::ChunkId;
use crate::store::MissingTiles;

const TILE: [usize; 3] = [1, 40, 50];
const DARK: f64 = 90.0;
/// The true gain of each tile; their logarithms add up to about 0.
const GAINS: [f64; 6] = [1.25, 0.8, 1.1, 1.0 / 1.1, 1.4, 1.0 / 1.4];

/// Brightness of the specimen at a position on the canvas.
fn bright(y: f64, x: f64) -> f64 {
    2000.0 + 900.0 * (y / 17.0).sin() * (x / 23.0).cos()
}

/// Transmitted light at a position in a tile: less towards one of the corners.
fn light(y: usize, x: usize) -> f64 {
    1000.0 - 0.15 * (y * y) as f64 - 0.1 * (x * x) as f64
}

fn mean_light() -> f64 {
    (0..TILE[1]).flat_map(|y| (0..TILE[2]).map(move |x| light(y, x))).sum::<f64>() / (TILE[1] * TILE[2]) as f64
}

/// Position of a tile.
fn place(number: usize) -> [usize; 2] {
    [30 * (number / 3), 40 * (number % 3)]
}

/// Six tiles as the camera records them, a background and a flat field.
fn shaded() -> Scan {
    let mut scan = Scan::new("path,y,x");
    for (number, gain) in GAINS.into_iter().enumerate() {
        let [from_y, from_x] = place(number);
        let value = |y: usize, x: usize| {
            let even = bright((from_y + y) as f64, (from_x + x) as f64) / gain;
            (DARK + even * light(y, x) / mean_light()).round() as u16
        };
        scan.tile(&format!("{number}.npy"), &format!("{from_y},{from_x}"), &tile(TILE, |_, y, x| value(y, x)));
    }
    write_npy(scan.path("dark.npy"), &Voxels::filled(Dtype::U16, TILE, DARK), 2).unwrap();
    write_npy(scan.path("even.npy"), &tile(TILE, |_, y, x| (3.0 * light(y, x)) as f32), 2).unwrap();
    scan
}

fn camera(scan: &Scan) -> MosaicOptions {
    MosaicOptions {
        background: Some(scan.path("dark.npy")),
        flat_field: Some(scan.path("even.npy")),
        ..MosaicOptions::default()
    }
}

fn solve(scan: &Scan, options: &MosaicOptions, threads: usize) -> TileGains {
    let options = OpenOptions { mosaic: options.clone(), ..OpenOptions::default() };
    solve_gains(&scan.table(), &options, threads).unwrap()
}

/// Writes solved gains to a file, and returns the options with it.
fn with_gains(scan: &Scan, options: &MosaicOptions) -> MosaicOptions {
    let path = scan.path("gains.csv");
    solve(scan, options, 2).write(&path, &TileTable::read(&scan.table()).unwrap()).unwrap();
    MosaicOptions { gains: Some(path), ..options.clone() }
}

/// The largest difference between a mosaic and the specimen.
fn farthest(mosaic: &MosaicSource) -> f64 {
    let Voxels::U16(values) = whole(mosaic) else { panic!("the tiles are u16") };
    assert_eq!(values.dim(), (1, 70, 130));
    values.indexed_iter().map(|((_, y, x), &v)| (f64::from(v) - bright(y as f64, x as f64)).abs()).fold(0.0, f64::max)
}

#[test]
fn what_was_scanned_comes_out_of_shaded_tiles_of_differing_gains() {
    let scan = shaded();
    let corrected = camera(&scan);
    assert!(farthest(&scan.mosaic()) > 300.0);
    assert!(farthest(&scan.open(corrected.clone()).unwrap()) > 300.0);
    let matched = with_gains(&scan, &corrected);
    let table = TileTable::read(&scan.table()).unwrap();
    let gains = TileGains::read(&scan.path("gains.csv"), &table).unwrap();
    let middle = GAINS.iter().map(|gain| gain.ln()).sum::<f64>() / 6.0;
    for (row, planted) in table.rows.iter().zip(GAINS) {
        let found = gains.of(row, None).unwrap();
        assert!((found / planted * middle.exp() - 1.0).abs() < 1e-3, "{found} {planted}");
    }
    for blend in [Blend::Max, Blend::Mean, Blend::First, Blend::Feather] {
        for order in [Interpolation::Nearest, Interpolation::Linear, Interpolation::Cubic] {
            let mosaic = scan.open(MosaicOptions { blend, order, ..matched.clone() }).unwrap();
            assert!(farthest(&mosaic) < 2.5, "{blend:?} {order:?}: {}", farthest(&mosaic));
            assert_holds(&mosaic, &whole(&mosaic));
        }
    }
}

#[test]
fn gains_are_the_same_however_they_are_solved() {
    let mut scan = shaded();
    let options = camera(&scan);
    let gains = solve(&scan, &options, 1);
    assert_eq!(gains.len(), 6);
    let read = MosaicOptions { order: Interpolation::Cubic, blend: Blend::Mean, ..with_gains(&scan, &options) };
    for threads in [0, 3, 7] {
        assert_eq!(solve(&scan, &read, threads), gains);
    }
    // Without room for tiles they are decoded again.
    let no_room = OpenOptions { mosaic: options.clone(), cache: Some(0), ..OpenOptions::default() };
    assert_eq!(solve_gains(&scan.table(), &no_room, 2).unwrap(), gains);
    // A single tile has no neighbours to be matched with.
    scan.tile("alone.npy", "500,0", &speckled(TILE, 5));
    let more = solve(&scan, &options, 2);
    let table = TileTable::read(&scan.table()).unwrap();
    assert_eq!(table.rows.iter().map(|row| more.of(row, None).unwrap()).next_back(), Some(1.0));
    assert!(table.rows[..6].iter().all(|row| more.of(row, None) == gains.of(row, None)));
}

#[test]
fn large_overlaps_are_looked_at_in_part() {
    let mut scan = Scan::new("path,y,x");
    let shape = [1, 900, 700];
    let value = |y: usize, x: usize, gain: f64| ((3000.0 + (7 * y % 90) as f64 + (3 * x) as f64) / gain).round() as u16;
    scan.tile("a.npy", "0,0", &tile(shape, |_, y, x| value(y, x, 1.5)));
    scan.tile("b.npy", "0,0", &tile(shape, |_, y, x| value(y, x, 1.0)));
    scan.tile("c.npy", "0,0", &tile([1, 1, 700], |_, _, x| value(0, x, 0.5)));
    let gains = solve(&scan, &MosaicOptions::default(), 2);
    let table = TileTable::read(&scan.table()).unwrap();
    let gain = |row: usize| gains.of(&table.rows[row], None).unwrap();
    assert!((gain(0) / gain(1) - 1.5).abs() < 1e-3, "{gains:?}");
    assert!((gain(2) / gain(1) - 0.5).abs() < 1e-3, "{gains:?}");
}

#[test]
fn tiles_are_corrected_before_they_are_turned_and_cropped() {
    let mut scan = Scan::new("path,z,y,x");
    let shape = [3, 5, 6];
    let values = tile(shape, |z, y, x| (100 * z + 10 * y + x) as f32 + 7.0);
    scan.tile("a.npy", "0,0,0", &values);
    write_npy(scan.path("dark.npy"), &tile(shape, |z, y, x| (z + y + x) as u8), 3).unwrap();
    write_npy(scan.path("flat.npy"), &tile(shape, |z, y, x| (z * 36 + y * 6 + x + 1) as u16), 3).unwrap();
    let mean = (0..90).map(|n| f64::from(n / 30 * 36 + n / 6 % 5 * 6 + n % 6 + 1)).sum::<f64>() / 90.0;
    let mosaic = scan
        .open(MosaicOptions {
            flip: [true, false, true],
            crop: [1, 2, 0],
            background: Some(scan.path("dark.npy")),
            flat_field: Some(scan.path("flat.npy")),
            ..MosaicOptions::default()
        })
        .unwrap();
    let Voxels::F32(found) = whole(&mosaic) else { panic!("the tile is f32") };
    assert_eq!(found.dim(), (1, 1, 6));
    for x in 0..6 {
        let from = 5 - x;
        let expected = (120.0 + from as f64 + 7.0 - (3 + from) as f64) * mean / (36 + 12 + from + 1) as f64;
        assert!((f64::from(found[[0, 0, x]]) / expected - 1.0).abs() < 1e-6, "{x}");
    }
}

#[test]
fn channels_have_gains_of_their_own() {
    let mut scan = Scan::new("path,y,x,channel");
    for (channel, gain) in [(2, 4), (7, 9)] {
        for (number, factor) in [(0, 1), (1, gain)] {
            let name = format!("{channel}-{number}.npy");
            write_npy(scan.path(&name), &tile(TILE, |_, y, x| (factor * (10 + y + x)) as u16), 2).unwrap();
            scan.row(&format!("{name},0,0,{channel}"));
        }
    }
    let gains = solve(&scan, &MosaicOptions::default(), 2);
    let table = TileTable::read(&scan.table()).unwrap();
    let found: Vec<f64> = table.rows.iter().map(|row| gains.of(row, row.channel).unwrap()).collect();
    for (found, expected) in found.iter().zip([2.0, 0.5, 3.0, 1.0 / 3.0]) {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
    }
    gains.write(&scan.path("gains.csv"), &table).unwrap();
    let mosaic = MosaicOptions { gains: Some(scan.path("gains.csv")), ..MosaicOptions::default() };
    let options = OpenOptions { channel: Some(7), mosaic, ..OpenOptions::default() };
    let seven = MosaicSource::open(scan.table(), &options).unwrap();
    assert_eq!((whole(&seven), seven.without_gain()), (tile(TILE, |_, y, x| (3 * (10 + y + x)) as u16), 0));
}

#[test]
fn tiles_without_a_gain_count_as_they_are_and_are_told_of() {
    let mut scan = shaded();
    let options = with_gains(&scan, &camera(&scan));
    assert_eq!((scan.mosaic().without_gain(), scan.open(options.clone()).unwrap().warnings()), (0, Vec::new()));
    scan.tile("late.npy", "200,0", &Voxels::filled(Dtype::U16, TILE, 1000.0));
    scan.row("later.npy,300,0");
    let options = MosaicOptions { background: None, flat_field: None, missing: MissingTiles::Await, ..options };
    let mosaic = scan.open(options).unwrap();
    assert_eq!(mosaic.without_gain(), 1);
    let region = Region::new([0, 200, 0], [1, 240, 50]);
    assert_eq!(mosaic.read(&region).unwrap().unwrap().voxels, Voxels::filled(Dtype::U16, TILE, 1000.0));
    let warned = &mosaic.warnings().pop().unwrap();
    assert!(warned.contains("gains.csv: has no gain for 1 tile, which counts as 1; --refit"), "{warned}");
}

#[test]
fn tiles_that_are_not_there_or_half_written_get_no_gain() {
    let mut scan = shaded();
    let bytes = std::fs::read(scan.path("4.npy")).unwrap();
    std::fs::write(scan.path("half.npy"), &bytes[..bytes.len() / 2]).unwrap();
    scan.row("half.npy,15,20");
    scan.row("later.npy,15,40");
    let options = MosaicOptions { missing: MissingTiles::Await, ..camera(&scan) };
    let gains = solve(&scan, &options, 2);
    let table = TileTable::read(&scan.table()).unwrap();
    assert_eq!(gains.len(), 6);
    assert!(table.rows[..6].iter().all(|row| gains.of(row, None).is_some()));
}

/// The marks of the chunks of a mosaic.
fn marks(scan: &Scan, options: &MosaicOptions) -> Vec<(ChunkId, Mark)> {
    let mosaic = scan.open(options.clone()).unwrap();
    let grid = Grid::new(Region::of_shape(mosaic.description().shape), [1, 16, 16]);
    let regions: Vec<Region> = grid.chunks().map(|id| grid.region(id)).collect();
    let marks = mosaic.marks(&regions).unwrap();
    grid.chunks().zip(marks).map(|(id, marked)| (id, marked.unwrap().mark)).collect()
}

fn touch(path: &Path) {
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(7)).unwrap();
}

#[test]
fn a_gain_changes_the_chunks_of_its_tile_and_an_image_of_the_camera_all_with_tiles() {
    let mut scan = shaded();
    scan.tile("far.npy", "200,200", &speckled(TILE, 3));
    let options = with_gains(&scan, &camera(&scan));
    let before = marks(&scan, &options);
    // The file with its earlier bytes.
    touch(&scan.path("gains.csv"));
    assert_eq!(marks(&scan, &options), before);
    let text = std::fs::read_to_string(scan.path("gains.csv")).unwrap();
    let line = text.lines().find(|line| line.starts_with("0.npy")).unwrap();
    std::fs::write(scan.path("gains.csv"), text.replace(line, "0.npy,,1.75")).unwrap();
    let grid = Grid::new(Region::of_shape([1, 240, 250]), [1, 16, 16]);
    let after = marks(&scan, &options);
    for ((id, mark), (_, now)) in before.iter().zip(&after) {
        let meets = !grid.region(*id).intersection(&Region::of_shape(TILE)).is_empty();
        assert_eq!(mark != now, meets, "{id}");
    }
    touch(&scan.path("even.npy"));
    let mosaic = scan.mosaic();
    for ((id, mark), (_, now)) in after.iter().zip(&marks(&scan, &options)) {
        let meets = mosaic.read(&grid.region(*id)).unwrap().is_some();
        assert_eq!(mark != now, meets, "{id}");
    }
}

#[test]
fn images_and_gains_that_do_not_fit_are_named() {
    let scan = shaded();
    let refused = |options: MosaicOptions| {
        let error = scan.open(options).unwrap_err();
        (error.kind(), error.to_string())
    };
    let at = |name: &str| Some(scan.path(name));
    write_npy(scan.path("small.npy"), &Voxels::filled(Dtype::U16, [1, 40, 48], 1.0), 2).unwrap();
    write_npy(scan.path("zero.npy"), &Voxels::filled(Dtype::U16, TILE, 0.0), 2).unwrap();
    std::fs::write(scan.path("gains.csv"), "path,channel,gain\n0.npy,,1\n1.npy,,none\n").unwrap();
    let default = MosaicOptions::default;
    for (options, kind, name, said) in [
        (MosaicOptions { background: at("none.npy"), ..default() }, Kind::Missing, "none.npy", "is not there"),
        (MosaicOptions { flat_field: at("none.npy"), ..default() }, Kind::Missing, "none.npy", "is not there"),
        (MosaicOptions { gains: at("none.csv"), ..default() }, Kind::Missing, "none.csv", "is not there"),
        (MosaicOptions { flat_field: at("zero.npy"), ..default() }, Kind::Data, "zero.npy", "no positive value"),
        (MosaicOptions { gains: at("gains.csv"), ..default() }, Kind::Data, "gains.csv", "line 3: 1.npy: has \"none\""),
        (MosaicOptions { gains: at("tiles.csv"), ..default() }, Kind::Data, "tiles.csv", "is no file of gains"),
        (
            MosaicOptions { background: at("small.npy"), flat_field: at("even.npy"), ..default() },
            Kind::Data,
            "small.npy",
            "has [1, 40, 48] pixels along (z, y, x), but the tile ",
        ),
        (
            MosaicOptions { flat_field: at("small.npy"), crop: [0, 0, 1], ..default() },
            Kind::Data,
            "small.npy",
            "line 2",
        ),
    ] {
        let (found, text) = refused(options);
        assert_eq!(found, kind, "{text}");
        assert!(text.starts_with(&scan.path(name).display().to_string()) && text.contains(said), "{text}");
    }
}
