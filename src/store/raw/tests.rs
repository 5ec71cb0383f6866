#[cfg(feature = "medical")]
use std::sync::Arc;

use ndarray::{ArrayD, Dimension, IxDyn};
use proptest::prelude::*;

use super::bytes::FileBytes;
#[cfg(feature = "medical")]
use super::bytes::Joined;
use super::*;
use crate::error::Kind;
use crate::space::Spacing;

/// The value of a voxel, different from those around it.
fn value(place: &[usize]) -> i16 {
    place.iter().fold(7i16, |n, &i| n.wrapping_mul(31).wrapping_add(i as i16 * 5 + 1))
}

/// An array with other bytes around it, in a file.
fn stored(lengths: &[usize], fortran: bool, endian: Endian, offset: usize) -> (ArrayD<i16>, tempfile::NamedTempFile) {
    let array = ArrayD::from_shape_fn(IxDyn(lengths), |place| value(place.slice()));
    let view = if fortran { array.t() } else { array.view() };
    let mut bytes = vec![0xee; offset];
    bytes.extend(view.iter().flat_map(|v| if endian == Endian::Big { v.to_be_bytes() } else { v.to_le_bytes() }));
    bytes.extend(b"more");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    (array, file)
}

fn layout(file: &Path, lengths: &[usize], fortran: bool, endian: Endian, offset: usize) -> RawLayout {
    let (opened, length) = crate::store::file::open(file).unwrap();
    RawLayout {
        files: vec![file.to_owned()],
        bytes: Some(Stored::Plain(Box::new(FileBytes::new(opened, file)), length)),
        offset: offset as u64,
        lengths: lengths.iter().map(|&n| n as u64).collect(),
        fortran,
        ..RawLayout::new(StoredType::I16, endian)
    }
}

#[cfg(feature = "medical")]
fn zipped(file: &Path) -> crate::store::inflate::Packed {
    let bytes = std::fs::read(file).unwrap();
    let crc = crc32fast::hash(&bytes);
    let bytes = miniz_oxide::deflate::compress_to_vec(&bytes, 1);
    std::fs::write(file, &bytes).unwrap();
    let opened = Arc::new(std::fs::File::open(file).unwrap());
    let wrap = crate::store::inflate::Wrap::Bare { crc };
    crate::store::inflate::Packed { file: opened, start: 0, end: bytes.len() as u64, wrap }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_region_of_an_array_of_any_order_holds_its_own_values(
        lengths in prop::collection::vec(1usize..9, 2..=5),
        shuffle in any::<[u8; 5]>(), fortran in any::<bool>(), big in any::<bool>(), packed in any::<bool>(),
        offset in 0usize..40, long in any::<bool>(), ends in any::<[prop::sample::Index; 8]>(),
    ) {
        let mut lengths = lengths;
        if long {
            let longest = lengths.len() - 1;
            lengths[longest] *= 500;
        }
        let endian = if big { Endian::Big } else { Endian::Little };
        let (array, file) = stored(&lengths, fortran, endian, offset);
        // Names in any order, including y and x.
        let mut names = ['y', 'x', 'z', 'c', 't'][..lengths.len()].to_vec();
        let keys = shuffle;
        names.sort_by_key(|name| keys[(*name as usize) % 5]);
        let pick = |name, end: &prop::sample::Index| {
            names.iter().position(|&n| n == name).map(|axis| end.index(lengths[axis]))
        };
        let (channel, time) = (pick('c', &ends[6]), pick('t', &ends[7]));
        let options = OpenOptions { channel, time, axes: Some(names.clone()), ..OpenOptions::default() };
        let layout = layout(file.path(), &lengths, fortran, endian, offset);
        #[cfg(feature = "medical")]
        let layout = match packed {
            true => RawLayout { bytes: Some(Stored::Packed(zipped(file.path()))), ..layout },
            false => layout,
        };
        let _ = packed;
        let source = RawSource::new(file.path(), layout, &options).unwrap();
        let shape = source.description().shape;
        let mut region = Region::of_shape(shape);
        for a in 0..3 {
            let (i, j) = (ends[a].index(shape[a]), ends[3 + a].index(shape[a]));
            (region.min[a], region.max[a]) = (i.min(j) as i64, i.max(j) as i64 + 1);
        }
        let read = source.read(&region).unwrap().unwrap().voxels;
        let expected = Array3::from_shape_fn(region.shape(), |(z, y, x)| {
            let own = [z, y, x];
            let place: Vec<usize> = names.iter().map(|name| match name {
                'c' => channel.unwrap(),
                't' => time.unwrap(),
                name => {
                    let axis = ['z', 'y', 'x'].iter().position(|n| n == name).unwrap();
                    // If an axis of planes has length one among four or more axes, the image is 2-D.
                    own[axis] + region.min[axis] as usize
                }
            }).collect();
            array[IxDyn(&place)]
        });
        prop_assert_eq!(read, Voxels::I16(expected));
    }
}

#[test]
fn values_are_scaled_after_they_have_been_read() {
    let (array, file) = stored(&[2, 3, 4], true, Endian::Big, 5);
    let layout = RawLayout { scale: Some([0.1, -3.0]), ..layout(file.path(), &[2, 3, 4], true, Endian::Big, 5) };
    let source = RawSource::new(file.path(), layout, &OpenOptions::default()).unwrap();
    assert_eq!((source.description().dtype, source.description().stored), (Dtype::F64, StoredType::I16));
    let read = source.read(&Region::of_shape([2, 3, 4])).unwrap().unwrap().voxels;
    let expected = array.mapv(|v| f64::from(v) * 0.1 - 3.0).into_dimensionality().unwrap();
    assert_eq!(read, Voxels::F64(expected));
}

#[cfg(feature = "medical")]
#[test]
fn files_one_behind_the_other_are_one_array() {
    let folder = tempfile::tempdir().unwrap();
    let array = Array3::from_shape_fn((4, 3, 5), |(z, y, x)| value(&[z, y, x]));
    let files: Vec<PathBuf> = (0..4).map(|z| folder.path().join(format!("{z}.raw"))).collect();
    for (file, plane) in files.iter().zip(array.outer_iter()) {
        let bytes: Vec<u8> = b"head".iter().copied().chain(plane.iter().flat_map(|v| v.to_le_bytes())).collect();
        std::fs::write(file, bytes).unwrap();
    }
    let joined = Joined::new(files.clone(), 4, 30);
    let layout = RawLayout {
        files: files.clone(),
        bytes: Some(Stored::Plain(Box::new(joined), 120)),
        lengths: vec![4, 3, 5],
        ..RawLayout::new(StoredType::I16, Endian::Little)
    };
    let source = RawSource::new(folder.path(), layout, &OpenOptions::default()).unwrap();
    for region in [Region::of_shape([4, 3, 5]), Region::new([1, 1, 1], [3, 3, 4]), Region::new([3, 0, 0], [4, 3, 5])] {
        let whole = Voxels::I16(array.clone());
        assert_eq!(source.read(&region).unwrap().unwrap().voxels, whole.part(&region));
    }
    let before = source.mark(&Region::of_shape([1; 3])).unwrap();
    std::fs::write(&files[2], "other").unwrap();
    assert_ne!(source.mark(&Region::of_shape([1; 3])).unwrap(), before);
    let error = source.read(&Region::of_shape([4, 3, 5])).unwrap_err();
    assert!(error.to_string().contains("2.raw: ends too early"), "{error}");
}

#[test]
fn sizes_follow_the_axes_that_they_are_of() {
    let (_, file) = stored(&[2, 3, 4], false, Endian::Little, 0);
    let sized = || {
        let sizes = [(2.0, "um"), (500.0, "nm"), (0.25, "um")].map(|(size, unit)| (Some(size), Some(unit.to_owned())));
        let names = Some(vec!['z', 'y', 'x']);
        let layout = layout(file.path(), &[2, 3, 4], false, Endian::Little, 0);
        RawLayout { sizes: sizes.to_vec(), sizes_from: "the header", names, ..layout }
    };
    let source = RawSource::new(file.path(), sized(), &OpenOptions::default()).unwrap();
    assert_eq!(source.description().spacing, Spacing([2.0, 0.5, 0.25]));
    assert_eq!(source.details().spacing_from, "the header");
    let turned = OpenOptions { axes: Some(vec!['x', 'z', 'y']), ..OpenOptions::default() };
    let source = RawSource::new(file.path(), sized(), &turned).unwrap();
    assert_eq!((source.description().shape, source.description().spacing), ([3, 4, 2], Spacing([0.5, 0.25, 2.0])));
    let flat = OpenOptions { axes: Some(vec!['c', 'y', 'x']), channel: Some(1), ..OpenOptions::default() };
    let source = RawSource::new(file.path(), sized(), &flat).unwrap();
    assert_eq!((source.description().dimensions, source.details().channels), (2, Some(2)));
    let none = OpenOptions { channel: Some(1), ..OpenOptions::default() };
    assert_eq!(RawSource::new(file.path(), sized(), &none).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn bytes_behind_the_values_are_said() {
    let (_, file) = stored(&[3, 4, 5], false, Endian::NATIVE, 0);
    let source =
        RawSource::new(file.path(), layout(file.path(), &[3, 4, 5], false, Endian::NATIVE, 0), &OpenOptions::default());
    let warnings = source.unwrap().warnings();
    let name = file.path().display().to_string();
    assert!(warnings[0].starts_with(&format!("{name}: has 4 bytes more than the values of shape")), "{warnings:?}");
    let exact = layout(file.path(), &[62], false, Endian::NATIVE, 0);
    let exact = RawLayout { lengths: vec![2, 31], ..exact };
    assert!(RawSource::new(file.path(), exact, &OpenOptions::default()).unwrap().warnings().is_empty());
}
