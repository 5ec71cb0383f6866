use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::*;
use crate::chunk::Voxels;
use crate::kernel::image::coarsen::coarsen;
use crate::space::Region;
use crate::store::{OpenOptions, open};

/// Of two resolutions, of 3 x 3 and 2 x 2 chunks.
const SHAPE: [usize; 3] = [5, 300, 260];

fn form() -> SkeletonForm {
    let spacing = Spacing([2.0, 0.5, 0.25]);
    let (unit, origin) = (Some("um".to_owned()), [1.0, 0.0, 8.0]);
    let (name, labels) = ("skeleton".to_owned(), json!({}));
    SkeletonForm { name, labels, shape: SHAPE, dimensions: 3, dtype: StoredType::U8, spacing, unit, origin }
}

fn voxels(seed: i64) -> Vec<Voxel> {
    let mut all = Vec::new();
    for z in 0..5 {
        for y in 0..256 {
            let line = (0..260).filter(|x| (7 * z + 5 * y + 3 * x + seed * z) % 211 == 0);
            all.extend(line.map(|x| Voxel::new([z, y, x])));
        }
    }
    all
}

/// Every file of an image, by its path in it; of chunks the values.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![folder.to_path_buf()]);
    while let Some(next) = open.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                let is_chunk = path.file_name().unwrap() != "zarr.json";
                let values = if is_chunk { zstd::decode_all(&bytes[..]).unwrap() } else { bytes };
                found.insert(path.strip_prefix(folder).unwrap().to_path_buf(), values);
            }
        }
    }
    found
}

/// The values of a box, 1 at the voxels.
fn dense(voxels: &[Voxel]) -> Voxels {
    let mut values = ndarray::Array3::zeros(SHAPE);
    voxels.iter().for_each(|voxel| values[voxel.position().map(|p| p as usize)] = 1);
    Voxels::U8(values)
}

/// The files of the image, from all values of each resolution.
fn plainly(voxels: &[Voxel]) -> BTreeMap<PathBuf, Vec<u8>> {
    let root = tempfile::tempdir().unwrap();
    let levels = Levels::new(SHAPE, 3, None).unwrap();
    let mut values = dense(voxels);
    for (level, &shape) in levels.shapes().iter().enumerate() {
        assert_eq!(values.shape(), shape);
        let array = ArrayWriter::create(root.path().join(level.to_string()), form().array(shape)).unwrap();
        for id in array.grid().chunks() {
            array.write_chunk(id, &values.part(&array.grid().region(id))).unwrap();
        }
        values = coarsen(&values, [2; 3], Downsample::Max);
    }
    fs::write(root.path().join("zarr.json"), form().metadata(&levels)).unwrap();
    files(root.path())
}

/// Writes the voxels in the order of the chunks of another grid, compares the bytes and puts them in place.
fn write(root: &Path, voxels: &[Voxel], earlier: Option<&SkeletonManifest>, threads: usize) -> WrittenSkeleton {
    let folder = OutputFolder::create(root, true).unwrap();
    let grid = Grid::new(Region::of_shape(SHAPE), [3, 50, 70]);
    let lists = grid.chunks().collect::<Vec<_>>().into_iter().rev().map(|id| grid.region(id));
    let lists = lists.flat_map(|region| voxels.iter().copied().filter(move |voxel| region.contains(voxel.position())));
    let written = write_skeleton(&folder, &form(), lists, earlier, threads).unwrap();
    assert_eq!(files(&folder.path(SKELETON)), plainly(voxels));
    let run = r#"{"program": "anabranch", "version": "1"}"#;
    folder.write("run.json", run).unwrap();
    folder.commit().unwrap();
    written
}

#[test]
fn chunks_without_change_are_taken_over_and_the_bytes_are_the_same() {
    let root = tempfile::tempdir().unwrap();
    let first = write(root.path(), &voxels(0), None, 3);
    // Of 9 and 4 chunks those in the last row hold no voxels.
    assert_eq!((first.reused, first.encoded), (0, 8));
    let again = write(root.path(), &voxels(0), Some(&first.manifest), 1);
    assert_eq!((again.reused, again.encoded), (8, 0));
    assert_eq!(again.manifest, first.manifest);
    // The first row of chunks stays, except for one voxel that is removed, and a chunk that is added; of the coarser chunks,
    // which reach over two rows, none does.
    let mut next: Vec<Voxel> = voxels(0).into_iter().filter(|voxel| voxel.position()[1] < 128).collect();
    next.remove(3);
    next.push(Voxel::new([1, 299, 259]));
    let changed = write(root.path(), &next, Some(&again.manifest), 2);
    assert_eq!((changed.reused, changed.encoded), (2, 5));
    let back = write(root.path(), &voxels(0), Some(&changed.manifest), 2);
    assert_eq!((back.reused, back.encoded), (2, 6));
}

#[test]
fn a_file_that_is_not_the_one_that_was_written_is_not_taken_over() {
    let root = tempfile::tempdir().unwrap();
    let first = write(root.path(), &voxels(0), None, 2);
    let chunk = |name: &str| root.path().join(SKELETON).join(name);
    let (mut bytes, late) = (fs::read(chunk("0/c/0/0/0")).unwrap(), SystemTime::now() + Duration::from_secs(9));
    bytes[7] ^= 1;
    fs::write(chunk("0/c/0/0/0"), &bytes).unwrap();
    fs::File::options().write(true).open(chunk("0/c/0/0/0")).unwrap().set_modified(late).unwrap();
    let changed = fs::metadata(chunk("0/c/0/0/1")).unwrap().modified().unwrap();
    fs::write(chunk("0/c/0/0/1"), [&bytes[..], b"more"].concat()).unwrap();
    fs::File::options().write(true).open(chunk("0/c/0/0/1")).unwrap().set_modified(changed).unwrap();
    fs::remove_file(chunk("0/c/0/1/0")).unwrap();
    let mended = write(root.path(), &voxels(0), Some(&first.manifest), 2);
    assert_eq!((mended.reused, mended.encoded), (5, 3));
    // A manifest of other contents, of other files, and of another encoding.
    let other = write(root.path(), &voxels(1), Some(&mended.manifest), 2);
    assert_eq!(write(root.path(), &voxels(1), Some(&mended.manifest), 2).reused, other.reused);
    let foreign = other.manifest.encoded_as("0.0.1");
    assert_eq!(write(root.path(), &voxels(1), Some(&foreign), 2).reused, 0);
}

#[test]
fn a_manifest_is_read_back_and_a_damaged_one_is_said() {
    let root = tempfile::tempdir().unwrap();
    let manifest = write(&root.path().join("out"), &voxels(0), None, 1).manifest;
    let path = root.path().join("outputs");
    assert_eq!(SkeletonManifest::load(&path).unwrap(), None);
    manifest.save(&path).unwrap();
    assert_eq!(SkeletonManifest::load(&path).unwrap(), Some(manifest));
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = SkeletonManifest::load(&path).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains("outputs: is no list of skeleton chunks"), "{error}");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
}

#[test]
fn chunks_of_any_resolution_may_be_written_one_by_one_and_are_read_back_with_their_calibration() {
    let root = tempfile::tempdir().unwrap();
    let folder = OutputFolder::create(root.path(), false).unwrap();
    let image = SkeletonImage::create(&folder, &form()).unwrap();
    let all = voxels(3);
    for (level, grid) in image.grids().enumerate() {
        for id in grid.chunks() {
            let place = |voxel| (1..=level).fold(voxel, |voxel, level| image.levels().coarser(level, voxel));
            let inside = all.iter().map(|&voxel| place(voxel));
            let inside: Vec<_> = inside.filter(|voxel| grid.region(id).contains(voxel.position())).collect();
            image.write_chunk(level, id, &inside).unwrap();
        }
    }
    let path = folder.path(SKELETON);
    assert_eq!(files(&path), plainly(&all));
    let source = open(&path, &OpenOptions::default()).unwrap();
    let (description, bounds) = (source.description(), Region::of_shape(SHAPE));
    assert_eq!((description.spacing, description.unit.as_deref()), (Spacing([2.0, 0.5, 0.25]), Some("micrometer")));
    assert_eq!((description.downsample, source.place()), (Downsample::Max, [1.0, 0.0, 8.0]));
    assert_eq!(source.read(&bounds).unwrap().unwrap().voxels, dense(&all));
}

#[test]
fn of_labels_the_largest_stays_those_beyond_half_of_all_bits_included() {
    let root = tempfile::tempdir().unwrap();
    for (dtype, labels, most) in [(StoredType::U64, [5, -1, 7], -1), (StoredType::I64, [5, -1, 7], 7)] {
        let folder = OutputFolder::create(root.path().join(dtype.name()), false).unwrap();
        let form = SkeletonForm { dtype, ..form() };
        let voxels =
            labels.into_iter().enumerate().map(|(x, label)| (Voxel::new([0, x as i64 / 2, x as i64 % 2]), label));
        write_labelled(&folder.path(SKELETON), &form, voxels, 2).unwrap();
        let bytes = fs::read(folder.path(SKELETON).join("1/c/0/0/0")).unwrap();
        let values = zstd::decode_all(&bytes[..]).unwrap();
        assert_eq!(i64::from_le_bytes(values[..8].try_into().unwrap()), most);
        assert!(values[8..].iter().all(|&byte| byte == 0));
    }
}
