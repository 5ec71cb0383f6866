//! TIFF images of other programs, whole and damaged.

mod forms;
mod pictures;

use std::path::Path;

use super::TiffSource;
use crate::chunk::Dtype;
use crate::error::Kind;
use crate::space::{Region, Spacing};
use crate::store::fixtures::{SHAPE, assert_holds, copy, expected, fixture};
use crate::store::{OpenOptions, Source};

fn open(name: &str) -> TiffSource {
    TiffSource::open(fixture(name), &OpenOptions::default()).unwrap()
}

#[test]
fn pages_of_every_kind_hold_what_was_written() {
    let cases = [
        ("imagej.tif", Dtype::U16),
        ("image.ome.tif", Dtype::F32),
        ("big_endian.tif", Dtype::I16),
        ("bigtiff.tif", Dtype::F64),
        ("strips_lzw.tif", Dtype::U16),
        ("bits_packbits.tif", Dtype::Bool),
    ];
    for (name, dtype) in cases {
        assert_holds(&open(name), &expected(SHAPE, dtype, 0));
    }
    assert_holds(&open("tiled_deflate.tif"), &expected([2, 40, 50], Dtype::U32, 0));
    let image = open("dpi.tif");
    assert_eq!(image.description().dimensions, 2);
    assert_holds(&image, &expected([1, 12, 14], Dtype::U8, 0));
}

#[test]
fn a_small_cache_changes_no_value() {
    for (name, shape, dtype) in [("strips_lzw.tif", SHAPE, Dtype::U16), ("tiled_deflate.tif", [2, 40, 50], Dtype::U32)]
    {
        let options = OpenOptions { cache: Some(1), ..OpenOptions::default() };
        assert_holds(&TiffSource::open(fixture(name), &options).unwrap(), &expected(shape, dtype, 0));
    }
}

#[test]
fn spacing_comes_from_imagej_and_ome_and_not_from_dots_per_inch() {
    let calibrated = (Spacing([2.0, 0.5, 0.25]), Some("micrometer"));
    for name in ["imagej.tif", "image.ome.tif"] {
        let source = open(name);
        assert_eq!((source.description().spacing, source.description().unit.as_deref()), calibrated, "{name}");
    }
    let plain = open("dpi.tif");
    assert_eq!((plain.description().spacing, &plain.description().unit), (Spacing::default(), &None));
    let options = OpenOptions { spacing: Some(vec![1.0, 2.0, 3.0]), ..OpenOptions::default() };
    let given = TiffSource::open(fixture("imagej.tif"), &options).unwrap();
    assert_eq!(
        (given.description().spacing, &given.description().unit),
        (Spacing([1.0, 2.0, 3.0]), &Some("micrometer".to_owned()))
    );
}

#[test]
fn the_channel_of_a_hyperstack_is_picked() {
    let error = TiffSource::open(fixture("imagej_hyperstack.tif"), &OpenOptions::default()).unwrap_err();
    assert!(error.to_string().ends_with("holds several images; pick one with --channel 0 to 2"), "{error}");
    for channel in 0..3 {
        let options = OpenOptions { channel: Some(channel), ..OpenOptions::default() };
        let source = TiffSource::open(fixture("imagej_hyperstack.tif"), &options).unwrap();
        assert_eq!(source.description().shape, [2, 12, 14]);
        for z in 0..2 {
            let page = source.read(&Region::new([z, 0, 0], [z + 1, 12, 14])).unwrap().unwrap();
            let image = i32::try_from(z).unwrap() * 3 + i32::try_from(channel).unwrap();
            assert_eq!(page.voxels, expected([1, 12, 14], Dtype::U16, image));
        }
    }
}

#[test]
fn a_stack_behind_one_page_is_read_as_imagej_writes_it_above_4_gib() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy("imagej.tif", folder.path());
    // tifffile puts the pages one behind the other; without the link to the second directory only ImageJ's text
    // announces them.
    let mut bytes = std::fs::read(&path).unwrap();
    let directory = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let entries = usize::from(u16::from_le_bytes(bytes[directory..directory + 2].try_into().unwrap()));
    bytes[directory + 2 + 12 * entries..][..4].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    assert_holds(&TiffSource::open(&path, &OpenOptions::default()).unwrap(), &expected(SHAPE, Dtype::U16, 0));
    std::fs::write(&path, &bytes[..368 + 4 * 336 + 100]).unwrap();
    let error = TiffSource::open(&path, &OpenOptions::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
}

#[test]
fn slices_are_planes_in_the_order_of_their_numbers() {
    let source = TiffSource::open_slices(fixture("slices"), &OpenOptions::default()).unwrap();
    assert_eq!(source.description().dimensions, 3);
    assert_holds(&source, &expected([11, 6, 7], Dtype::U8, 0));
}

#[test]
fn slices_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let slices = copy("slices", folder.path());
    let refused = |from: &str, to: &str| {
        std::fs::copy(fixture(from), slices.join(to)).unwrap();
        let error = TiffSource::open_slices(&slices, &OpenOptions::default()).unwrap_err();
        std::fs::remove_file(slices.join(to)).unwrap();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().starts_with(&slices.join(to).display().to_string()), "{error}");
        error.to_string()
    };
    let text = refused("dpi.tif", "slice_11.tif");
    assert!(text.contains("has 14 x 12 pixels of uint8, but slice_0.tif has 7 x 6 pixels of uint8"), "{text}");
    assert!(refused("bigtiff.tif", "slice_12.tiff").contains("has 5 pages"));
    assert!(refused("slices/notes.txt", "slice_13.tif").contains("is no TIFF file"));
    std::fs::write(slices.join(".hidden.tif"), "left alone").unwrap();
    assert!(TiffSource::open_slices(&slices, &OpenOptions::default()).is_ok());
    let empty = tempfile::tempdir().unwrap();
    let error = TiffSource::open_slices(empty.path(), &OpenOptions::default()).unwrap_err();
    assert!(error.to_string().contains("holds no TIFF slices"), "{error}");
}

fn read_all(path: &Path) -> crate::error::Result<()> {
    let source = TiffSource::open(path, &OpenOptions::default())?;
    source.read(&Region::of_shape(source.description().shape)).map(|_| ())
}

#[test]
fn files_cut_off_anywhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in
        ["imagej.tif", "big_endian.tif", "bigtiff.tif", "strips_lzw.tif", "tiled_deflate.tif", "bits_packbits.tif"]
    {
        let path = copy(name, folder.path());
        let bytes = std::fs::read(&path).unwrap();
        let lengths = [0, 3, 7, 20, bytes.len() / 3, bytes.len() / 2, bytes.len() * 9 / 10];
        for length in lengths {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let Err(error) = read_all(&path) else { panic!("{name} of {length} bytes was read") };
            assert_eq!(error.kind(), Kind::Data, "{length} bytes: {error}");
            assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
        }
    }
}

#[test]
fn flipped_bytes_give_values_or_an_error_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["strips_lzw.tif", "tiled_deflate.tif", "bits_packbits.tif", "image.ome.tif"] {
        let path = copy(name, folder.path());
        let bytes = std::fs::read(&path).unwrap();
        let mut refused = 0;
        for at in (0..bytes.len()).step_by(5) {
            let mut damaged = bytes.clone();
            damaged[at] ^= [0x01, 0x80, 0xff][at / 5 % 3];
            std::fs::write(&path, damaged).unwrap();
            refused += usize::from(read_all(&path).is_err());
        }
        assert!(refused > 5, "{refused} damaged copies of {name} were noticed");
    }
}

#[test]
fn colour_is_refused() {
    // A directory of one page of 2 x 1 pixels with three samples each.
    let entries: [(u16, u16, u32, u32); 9] = [
        (256, 3, 1, 2),
        (257, 3, 1, 1),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 8),
        (277, 3, 1, 3),
        (278, 3, 1, 1),
        (279, 4, 1, 6),
    ];
    let mut bytes = b"II*\0\x0e\0\0\0rgbrgb\x09\0".to_vec();
    for (tag, kind, count, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("colour.tif");
    std::fs::write(&path, &bytes).unwrap();
    let error = read_all(&path).unwrap_err();
    assert!(error.to_string().contains("has 3 samples a pixel"), "{error}");
    // The same page, its samples apart from one: read as grey of 24-bit integers.
    let at = bytes.len() - 4 - 3 * 12 + 8;
    bytes[at] = 1;
    bytes[14 + 2 + 2 * 12 + 8] = 24;
    std::fs::write(&path, &bytes).unwrap();
    let error = read_all(&path).unwrap_err();
    assert!(error.to_string().contains("values of type uint24 are not supported"), "{error}");
}

#[test]
fn a_description_at_the_end_of_a_file_that_is_cut_off_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy("image.ome.tif", folder.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let directory = number(&bytes, 4);
    let entries = usize::from(u16::from_le_bytes(bytes[directory..directory + 2].try_into().unwrap()));
    let entry =
        (0..entries).map(|i| directory + 2 + 12 * i).find(|&at| bytes[at..at + 2] == 270u16.to_le_bytes()).unwrap();
    let (length, from) = (number(&bytes, entry + 4), number(&bytes, entry + 8));
    let end = u32::try_from(bytes.len()).unwrap();
    bytes.extend_from_within(from..from + length);
    bytes[entry + 8..entry + 12].copy_from_slice(&end.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    assert!(read_all(&path).is_ok());
    for lost in [1, length / 2, length] {
        std::fs::write(&path, &bytes[..bytes.len() - lost]).unwrap();
        let error = read_all(&path).unwrap_err();
        assert_eq!(error.kind(), Kind::Data, "{lost} bytes less: {error}");
    }
}
