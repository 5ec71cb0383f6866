//! Parts of the canvas that change when tiles come, go and change.

use std::fs::{File, remove_file};
use std::time::{Duration, SystemTime};

use super::*;
use crate::grid::ChunkId;
use crate::store::MissingTiles;
use crate::store::fixtures::copy;

const CHUNK: [usize; 3] = [1, 16, 16];

/// Nine tiles that overlap, the last one rotated.
fn scan() -> Scan {
    let mut scan = Scan::new("path,m00,m01,m02,m10,m11,m12");
    for number in 0..8usize {
        let place = format!("1,0,{},0,1,{}", 36 * (number / 3), 36 * (number % 3));
        scan.tile(&format!("{number}.npy"), &place, &speckled([1, 40, 40], number));
    }
    scan.tile("8.npy", "0.7,0.7,74,-0.7,0.7,100.5", &speckled([1, 40, 40], 8));
    scan
}

fn waiting(scan: &Scan) -> MosaicSource {
    // The same canvas for any set of existing tiles.
    let canvas = Some(vec![0..160, 0..160]);
    scan.open(MosaicOptions { missing: MissingTiles::Await, canvas, ..MosaicOptions::default() }).unwrap()
}

/// The marks and the values of all chunks of a mosaic.
fn look(mosaic: &MosaicSource) -> Vec<(ChunkId, Mark, Option<Voxels>)> {
    let grid = Grid::new(Region::of_shape(mosaic.description().shape), CHUNK);
    let regions: Vec<Region> = grid.chunks().map(|id| grid.region(id)).collect();
    let marks = mosaic.marks(&regions).unwrap();
    let one = |((id, region), marked): ((ChunkId, &Region), Option<Marked>)| {
        let mark = marked.unwrap().mark;
        assert_eq!(mosaic.mark(region).unwrap(), Some(mark));
        (id, mark, mosaic.read(region).unwrap().map(|chunk| chunk.voxels))
    };
    grid.chunks().zip(&regions).zip(marks).map(one).collect()
}

/// The chunks with pixels that a tile of a scan covers.
fn covered(scan: &Scan, name: &str) -> Vec<ChunkId> {
    let mosaic = waiting(scan);
    let tile = mosaic.tiles.iter().find(|tile| tile.row.path.ends_with(name)).unwrap();
    let grid = Grid::new(Region::of_shape(mosaic.description().shape), CHUNK);
    let inside = |y: i64, x: i64| {
        let place = tile.to_tile.apply([0.0, y as f64, x as f64]);
        (1..3).all(|a| place[a] >= 0.0 && place[a] <= (tile.shape[a] - 1) as f64)
    };
    let covers = |id: &ChunkId| {
        let Region { min, max } = grid.region(*id);
        (min[1]..max[1]).any(|y| (min[2]..max[2]).any(|x| inside(y, x)))
    };
    grid.chunks().filter(covers).collect()
}

/// Asserts that two looks differ in the marks of these chunks, and in values nowhere else.
fn assert_changed(before: &MosaicSource, after: &MosaicSource, chunks: &[ChunkId], what: &str) {
    let (before, after) = (look(before), look(after));
    let mut changed = Vec::new();
    for ((id, mark, values), (_, new_mark, new_values)) in before.into_iter().zip(after) {
        if mark == new_mark {
            assert_eq!(values, new_values, "{what}: {id} has changed, and its mark has not");
        } else {
            changed.push(id);
        }
    }
    assert_eq!(changed, chunks, "{what}");
    assert!(!changed.is_empty(), "{what}");
}

#[test]
fn a_tile_that_comes_or_goes_changes_the_chunks_that_it_covers() {
    let scan = scan();
    for name in ["4.npy", "8.npy"] {
        let (here, covered) = (waiting(&scan), covered(&scan, name));
        std::fs::rename(scan.path(name), scan.path("away")).unwrap();
        // The tile and its values are gone by now, although it existed when the table was opened.
        let region = Region::of_shape(here.description().shape);
        assert_eq!(whole(&here), whole(&waiting(&scan)));
        assert!(here.absent().unwrap().unwrap().missing.is_empty() && here.read(&region).unwrap().is_some());
        let gone = waiting(&scan);
        std::fs::rename(scan.path("away"), scan.path(name)).unwrap();
        let back = waiting(&scan);
        assert_changed(&gone, &back, &covered, name);
        // As it was before.
        assert_changed_nowhere(&waiting(&scan), &back);
    }
}

fn assert_changed_nowhere(before: &MosaicSource, after: &MosaicSource) {
    assert_eq!(look(before), look(after));
}

#[test]
fn a_tile_that_is_replaced_changes_the_chunks_that_it_covers() {
    let scan = scan();
    for name in ["0.npy", "8.npy"] {
        let (before, covered) = (waiting(&scan), covered(&scan, name));
        let marks = look(&before);
        write_npy(scan.path(name), &speckled([1, 40, 40], 77), 2).unwrap();
        let file = File::options().append(true).open(scan.path(name)).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(7)).unwrap();
        let after = look(&waiting(&scan));
        let changed: Vec<ChunkId> = marks.iter().zip(&after).filter(|(a, b)| a.1 != b.1).map(|(a, _)| a.0).collect();
        assert_eq!(changed, covered, "{name}");
        let differ: Vec<ChunkId> = marks.iter().zip(&after).filter(|(a, b)| a.2 != b.2).map(|(a, _)| a.0).collect();
        assert!(!differ.is_empty() && differ.iter().all(|id| covered.contains(id)), "{name}");
    }
}

#[test]
fn a_row_that_comes_goes_or_moves_changes_the_chunks_that_it_covers() {
    let mut scan = scan();
    let covered = covered(&scan, "8.npy");
    let (all, table) = (waiting(&scan), scan.table.clone());
    let last = table.lines().last().unwrap();
    scan.table = table.replace(&format!("{last}\n"), "");
    let fewer = waiting(&scan);
    assert_changed(&fewer, &all, &covered, "a row that comes");
    assert_changed(&all, &fewer, &covered, "a row that goes");
    // By less than makes a difference to an outline.
    scan.table = table.replace("100.5", "100.25");
    assert_changed(&all, &waiting(&scan), &covered, "a row that moves");
}

#[test]
fn all_chunks_change_with_how_tiles_are_put_together_and_with_the_corner_of_the_canvas() {
    let mut scan = scan();
    let before = look(&scan.mosaic());
    let everywhere = |after: &MosaicSource, what: &str| {
        assert!(before.iter().zip(&look(after)).all(|(a, b)| a.1 != b.1), "{what}");
    };
    for options in [
        MosaicOptions { order: Interpolation::Nearest, ..MosaicOptions::default() },
        MosaicOptions { blend: Blend::Mean, ..MosaicOptions::default() },
        MosaicOptions { flip: [false, true, false], ..MosaicOptions::default() },
        MosaicOptions { crop: [0, 0, 1], ..MosaicOptions::default() },
    ] {
        everywhere(&scan.open(options.clone()).unwrap(), &format!("{options:?}"));
    }
    scan.tile("9.npy", "1,0,-10,0,1,0", &speckled([1, 5, 5], 9));
    everywhere(&scan.mosaic(), "a tile above all others");
}

#[test]
fn a_folder_of_files_is_marked_by_all_of_them() {
    let mut scan = Scan::new("path,z,y,x");
    copy("v2_blosc.zarr", scan.folder.path());
    scan.row("v2_blosc.zarr,0,0,0");
    let region = Region::of_shape([1, 1, 1]);
    let mark = |scan: &Scan| scan.mosaic().marks(&[region]).unwrap()[0].unwrap();
    let before = mark(&scan);
    assert!(before.youngest.is_some());
    assert_eq!(mark(&scan).mark, before.mark);
    let files = std::fs::read_dir(scan.path("v2_blosc.zarr")).unwrap().map(|entry| entry.unwrap().path());
    let chunks = files.filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
    remove_file(chunks.max().unwrap()).unwrap();
    assert_ne!(mark(&scan).mark, before.mark);
}

#[test]
fn a_mark_is_as_young_as_the_youngest_tile_and_the_table() {
    let scan = scan();
    let table = scan.table();
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let set = |path: &std::path::Path, seconds| {
        File::options().append(true).open(path).unwrap().set_modified(at(seconds)).unwrap();
    };
    for number in 0..9u64 {
        set(&scan.path(&format!("{number}.npy")), 1000 + number);
    }
    let youngest = |min: [i64; 3]| {
        let mosaic = MosaicSource::open(&table, &OpenOptions::default()).unwrap();
        let region = Region::new(min, [1, min[1] + 2, min[2] + 2]);
        mosaic.marks(&[region]).unwrap()[0].unwrap().youngest
    };
    set(&table, 5);
    assert_eq!(youngest([0, 0, 0]), Some(at(1000)));
    assert_eq!(youngest([0, 38, 38]), Some(at(1004)));
    set(&table, 1001);
    assert_eq!(youngest([0, 0, 0]), Some(at(1001)));
    // No tile exists, so no file can be young.
    assert_eq!(youngest([0, 120, 0]), None);
}

#[test]
fn what_is_waited_for_is_told_by_parts_of_a_tile() {
    let mut scan = scan();
    scan.row("late.npy,1,0,112,0,1,0");
    let mosaic = waiting(&scan);
    let Absent { grid, origin, missing } = mosaic.absent().unwrap().unwrap();
    let covered = Region::new([0, 112, 0], [1, 152, 40]);
    assert_eq!((grid.bounds(), grid.chunk_shape(), origin), (Region::of_shape([1, 160, 160]), [1, 16, 16], [0; 3]));
    let expected: Vec<ChunkId> = grid.chunks_in(&covered).collect();
    assert_eq!(missing.into_iter().collect::<Vec<_>>(), expected);
    assert!(mosaic.read(&covered).unwrap().is_none());
    assert!(scan.open(MosaicOptions::default()).is_err());
    write_npy(scan.path("late.npy"), &speckled([1, 40, 40], 5), 2).unwrap();
    assert!(waiting(&scan).absent().unwrap().unwrap().missing.is_empty());
}

#[test]
fn a_tile_that_is_being_written_is_an_error_where_it_lies_alone() {
    let scan = scan();
    let bytes = std::fs::read(scan.path("4.npy")).unwrap();
    std::fs::write(scan.path("4.npy"), &bytes[..bytes.len() / 2]).unwrap();
    let (half, covered) = (waiting(&scan), covered(&scan, "4.npy"));
    let grid = Grid::new(Region::of_shape(half.description().shape), CHUNK);
    for chunk in grid.chunks() {
        match half.read(&grid.region(chunk)) {
            Ok(_) => assert!(!covered.contains(&chunk)),
            Err(error) => {
                assert!(covered.contains(&chunk) && error.kind() == Kind::Data, "{error}");
                assert!(error.to_string().contains("tiles.csv: line 6: ") && error.to_string().contains("4.npy"));
            }
        }
    }
    assert!(!half.absent().unwrap().unwrap().missing.is_empty());
    let marks: Vec<Mark> = look_at_marks(&half);
    std::fs::write(scan.path("4.npy"), &bytes).unwrap();
    // The mosaic that was opened earlier has other marks than one that is opened now, since it may read other values.
    assert_ne!(look_at_marks(&half), look_at_marks(&waiting(&scan)));
    assert_ne!(look_at_marks(&waiting(&scan)), marks);
}

fn look_at_marks(mosaic: &MosaicSource) -> Vec<Mark> {
    let grid = Grid::new(Region::of_shape(mosaic.description().shape), CHUNK);
    let regions: Vec<Region> = grid.chunks().map(|id| grid.region(id)).collect();
    mosaic.marks(&regions).unwrap().into_iter().map(|marked| marked.unwrap().mark).collect()
}
