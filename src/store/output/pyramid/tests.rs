use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use super::*;
use crate::chunk::Dtype;
use crate::error::Kind;
use crate::grid::Grid;
use crate::store::fixtures::{assert_holds, expected};
use crate::store::memory::MemorySource;
use crate::store::open;

fn form(shape: [usize; 3], dtype: Dtype, chunk: [usize; 3]) -> PyramidForm {
    PyramidForm {
        labels: None,
        downsample: Downsample::Mean,
        of_fuse: true,
        name: "image".to_owned(),
        shape,
        dimensions: if shape[0] == 1 { 2 } else { 3 },
        channels: None,
        dtype: dtype.into(),
        chunk,
        levels: NonZeroUsize::new(3),
        spacing: Spacing::default(),
        unit: None,
        origin: [0.0; 3],
    }
}

fn source(values: &Voxels) -> Box<dyn Source> {
    let dimensions = if values.shape()[0] == 1 { 2 } else { 3 };
    Box::new(MemorySource::of(values.clone(), dimensions))
}

fn write(folder: &Path, form: &PyramidForm, channels: &[Voxels], workers: usize) {
    let writer = PyramidWriter::create(folder, form.clone()).unwrap();
    let chunks = AtomicU64::new(0);
    let observe = || {
        chunks.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    writer.write(|channel| Ok(source(&channels[channel])), workers, observe).unwrap();
    assert_eq!(chunks.into_inner(), writer.chunks());
}

/// Every file under a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let nested = entries.flat_map(|path| match path.is_dir() {
        true => files(&path),
        false => BTreeMap::from([(path.clone(), std::fs::read(&path).unwrap())]),
    });
    nested.collect()
}

fn below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files(folder).into_iter().map(|(path, bytes)| (path.strip_prefix(folder).unwrap().to_owned(), bytes)).collect()
}

#[test]
fn each_resolution_holds_the_means_of_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ([1, 37, 50], [1, 8, 8]),
        ([1, 37, 50], [1, 5, 9]),
        ([1, 9, 3], [1, 64, 64]),
        ([9, 14, 21], [4; 3]),
        ([6, 14, 21], [1, 8, 3]),
        ([5, 3, 2], [64; 3]),
    ];
    for (i, (shape, chunk)) in cases.into_iter().enumerate() {
        for (dtype, workers) in [(Dtype::U16, 1), (Dtype::F32, 3), (Dtype::Bool, 2)] {
            let path = folder.path().join(format!("{i}{}.zarr", dtype.name()));
            let mut values = expected(shape, dtype, 0);
            write(&path, &form(shape, dtype, chunk), std::slice::from_ref(&values), workers);
            assert_holds(&*open(&path, &OpenOptions::default()).unwrap(), &values);
            for level in ["0", "1", "2"] {
                assert_holds(&*open(&path.join(level), &OpenOptions::default()).unwrap(), &values);
                values = coarsen(&values, factors(values.shape()), Downsample::Mean);
            }
        }
    }
}

#[test]
fn any_number_of_threads_writes_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let values = expected([1, 200, 150], Dtype::U16, 0);
    let form = PyramidForm { levels: None, ..form([1, 200, 150], Dtype::U16, [1, 4, 4]) };
    for workers in [1, 2, 7] {
        write(&folder.path().join(workers.to_string()), &form, std::slice::from_ref(&values), workers);
    }
    let one = below(&folder.path().join("1"));
    assert!(one.len() > 1900 && one == below(&folder.path().join("2")) && one == below(&folder.path().join("7")));
}

#[test]
fn channels_lie_along_an_axis_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    for (name, shape) in [("plane", [1, 12, 17]), ("volume", [4, 12, 17])] {
        let path = folder.path().join(name);
        let mut channels = [0, 1, 2].map(|image| expected(shape, Dtype::I16, image));
        write(&path, &PyramidForm { channels: Some(3), ..form(shape, Dtype::I16, [2, 5, 5]) }, &channels, 2);
        for level in ["0", "1", "2"] {
            for (channel, values) in channels.iter().enumerate() {
                let options = OpenOptions { channel: Some(channel), ..OpenOptions::default() };
                assert_holds(&*open(&path.join(level), &options).unwrap(), values);
            }
            channels = channels.map(|values| coarsen(&values, factors(values.shape()), Downsample::Mean));
        }
    }
}

#[test]
fn what_is_not_there_is_not_stored_and_what_it_is_filled_with_is() {
    struct Sparse(crate::store::Description);
    impl Source for Sparse {
        fn description(&self) -> &crate::store::Description {
            &self.0
        }
        fn read(&self, region: &Region) -> Result<Option<crate::chunk::Chunk>> {
            let value = |place: Position| if place[1] < 8 && place[2] < 8 { 9.0 } else { self.0.fill };
            let voxels = Voxels::filled(Dtype::U8, region.shape(), value(region.min));
            Ok((value(region.min) != self.0.fill).then_some(crate::chunk::Chunk { region: *region, voxels }))
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let form = form([1, 32, 32], Dtype::U8, [1, 8, 8]);
    for (fill, stored) in [(0.0, vec![1, 1, 1]), (3.0, vec![16, 4, 1])] {
        let path = folder.path().join(fill.to_string());
        let mut description = source(&Voxels::filled(Dtype::U8, form.shape, 0.0)).description().clone();
        description.fill = fill;
        let sparse = |_| -> Result<Box<dyn Source>> { Ok(Box::new(Sparse(description.clone()))) };
        PyramidWriter::create(&path, form.clone()).unwrap().write(sparse, 2, || Ok(())).unwrap();
        let chunks = |level: usize| files(&path.join(level.to_string())).len() - 1;
        assert_eq!([0, 1, 2].map(chunks).to_vec(), stored);
        let last = open(&path.join("2"), &OpenOptions::default()).unwrap();
        let corner = last.read(&Region::new([0, 1, 1], [1, 3, 3])).unwrap().unwrap().voxels;
        let [near, far] = [9, fill as u8];
        assert_eq!(corner, Voxels::U8(ndarray::array![[[near, far], [far, far]]]));
    }
}

#[test]
fn the_metadata_say_where_each_resolution_lies() {
    let form = PyramidForm {
        spacing: Spacing([2.0, 0.5, 0.25]),
        unit: Some("µm".to_owned()),
        origin: [0.0, -20.0, 8.0],
        channels: Some(2),
        ..form([3, 64, 64], Dtype::U8, [1, 8, 8])
    };
    let all = metadata(&form, &Levels::new(form.shape, 3, form.levels).unwrap());
    let multiscale = &all["attributes"]["ome"]["multiscales"][0];
    let micrometer = |name: &str| json!({"name": name, "type": "space", "unit": "micrometer"});
    let channel = json!({"name": "c", "type": "channel"});
    assert_eq!(multiscale["axes"], json!([channel, micrometer("z"), micrometer("y"), micrometer("x")]));
    let steps = |level: usize| multiscale["datasets"][level]["coordinateTransformations"].clone();
    let transformations = |scale: [f64; 4], translation: [f64; 4]| json!([{"type": "scale", "scale": scale}, {"type": "translation", "translation": translation}]);
    assert_eq!(steps(0), transformations([1.0, 2.0, 0.5, 0.25], [0.0, 0.0, -10.0, 2.0]));
    // Three planes are halved twice, like four.
    assert_eq!(steps(2), transformations([1.0, 8.0, 2.0, 1.0], [0.0, 3.0, -9.25, 2.375]));
    let one = Levels::new(form.shape, 3, NonZeroUsize::new(1)).unwrap();
    let plain = metadata(&PyramidForm { origin: [0.0; 3], channels: None, ..form }, &one);
    let dataset = &plain["attributes"]["ome"]["multiscales"][0]["datasets"][0];
    assert_eq!(dataset["coordinateTransformations"], json!([{"type": "scale", "scale": [2.0, 0.5, 0.25]}]));
}

#[test]
fn an_error_ends_the_work_and_names_the_chunk() {
    let folder = tempfile::tempdir().unwrap();
    let form = form([1, 64, 64], Dtype::U8, [1, 8, 8]);
    let writer = PyramidWriter::create(folder.path().join("a"), form.clone()).unwrap();
    let open = |_| Ok(source(&Voxels::filled(Dtype::U8, form.shape, 1.0)));
    let calls = AtomicU64::new(0);
    let observe = || match calls.fetch_add(1, Ordering::Relaxed) {
        0..10 => Ok(()),
        _ => Err(Error::usage("enough")),
    };
    assert_eq!(writer.write(open, 2, observe).unwrap_err().to_string(), "enough");
    assert!(calls.into_inner() <= 12);
    // A file in place of a chunk's folder.
    let grid = Grid::new(Region::of_shape(form.shape), form.chunk);
    assert_eq!(grid.chunks().count(), 64);
    let writer = PyramidWriter::create(folder.path().join("b"), form.clone()).unwrap();
    std::fs::create_dir(folder.path().join("b/0/c")).unwrap();
    std::fs::write(folder.path().join("b/0/c/3"), "").unwrap();
    let error = writer.write(open, 2, || Ok(())).unwrap_err();
    assert!(error.chunk().is_some_and(|chunk| chunk.place()[1] == 3), "{error}");
    let other = |_| Ok(source(&Voxels::filled(Dtype::U16, form.shape, 1.0)));
    assert_eq!(writer.write(other, 2, || Ok(())).unwrap_err().kind(), Kind::Data);
}
