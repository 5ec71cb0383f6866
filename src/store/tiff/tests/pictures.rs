//! Slices that are PNG, BMP or JPEG files.

use std::path::Path;

use image::{ExtendedColorType, ImageFormat};
use ndarray::Array3;

use super::super::TiffSource;
use crate::chunk::Voxels;
use crate::error::Kind;
use crate::space::Region;
use crate::store::{OpenOptions, Source};

fn save(path: &Path, bytes: &[u8], colour: ExtendedColorType, format: ImageFormat) {
    image::save_buffer_with_format(path, bytes, 4, 3, colour, format).unwrap();
}

fn read(folder: &Path) -> Voxels {
    let source = TiffSource::open_slices(folder, &OpenOptions::default()).unwrap();
    source.read(&Region::of_shape(source.description().shape)).unwrap().unwrap().voxels
}

#[test]
fn png_slices_are_planes_whose_marks_follow_their_files() {
    let folder = tempfile::tempdir().unwrap();
    for z in 0..3u16 {
        let bytes: Vec<u8> = (0..12).flat_map(|i| (1000 * z + i).to_ne_bytes()).collect();
        save(&folder.path().join(format!("s{z}.png")), &bytes, ExtendedColorType::L16, ImageFormat::Png);
    }
    let wanted = Array3::from_shape_fn((3, 3, 4), |(z, y, x)| u16::try_from(1000 * z + 4 * y + x).unwrap());
    assert_eq!(read(folder.path()), Voxels::U16(wanted));
    let source = TiffSource::open_slices(folder.path(), &OpenOptions::default()).unwrap();
    assert_eq!(
        (source.details().codec, source.details().format),
        ("PNG".to_owned(), "folder of PNG slices".to_owned())
    );
    let region = Region::new([1, 0, 0], [2, 3, 4]);
    let before = source.mark(&region).unwrap();
    std::fs::write(folder.path().join("s1.png"), "another").unwrap();
    assert_ne!(source.mark(&region).unwrap(), before);
    let error = TiffSource::open_slices(folder.path(), &OpenOptions::default()).unwrap_err();
    assert!(error.to_string().contains("s1.png: is damaged, or no PNG file"), "{error}");
}

#[test]
fn grey_is_read_from_bmp_and_jpeg_and_colours_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..12).map(|i| 20 * i).collect();
    let grey = folder.path().join("s1.bmp");
    save(&grey, &bytes, ExtendedColorType::L8, ImageFormat::Bmp);
    assert_eq!(read(folder.path()), Voxels::U8(Array3::from_shape_vec((1, 3, 4), bytes.clone()).unwrap()));
    let options = OpenOptions::default();
    let open = |path: &Path| crate::store::open(path, &options);
    assert_eq!(open(&grey).unwrap().description().dimensions, 2);
    let jpeg = folder.path().join("a.jpg");
    save(&jpeg, &[90; 12], ExtendedColorType::L8, ImageFormat::Jpeg);
    assert!(open(&jpeg).unwrap().warnings()[0].contains("JPEG does not keep values"));
    for (name, format) in [("c.png", ImageFormat::Png), ("c.bmp", ImageFormat::Bmp), ("c.jpg", ImageFormat::Jpeg)] {
        let path = folder.path().join(name);
        save(&path, &[7; 36], ExtendedColorType::Rgb8, format);
        let error = open(&path).err().unwrap();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains("colour"), "{error}");
        // Files that are cut off anywhere are refused.
        let bytes = std::fs::read(if format == ImageFormat::Png { &path } else { &grey }).unwrap();
        for length in [3, 20, 30, 53, bytes.len() / 2] {
            std::fs::write(&path, &bytes[..length.min(bytes.len() - 1)]).unwrap();
            let whole = open(&path).and_then(|source| source.read(&Region::of_shape(source.description().shape)));
            assert!(whole.is_err(), "{name} of {length} bytes");
        }
    }
}

#[test]
fn a_grey_value_that_is_transparent_is_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let narrow: Vec<u8> = (0..12).map(|i| 20 * i).collect();
    let wide: Vec<u8> = (0..12u16).flat_map(|i| (5000 * i).to_ne_bytes()).collect();
    for (name, bytes, colour) in [("8.png", &narrow, ExtendedColorType::L8), ("16.png", &wide, ExtendedColorType::L16)]
    {
        let path = folder.path().join(name);
        save(&path, bytes, colour, ImageFormat::Png);
        let plain = crate::store::open(&path, &OpenOptions::default()).unwrap();
        let plain = plain.read(&Region::of_shape(plain.description().shape)).unwrap().unwrap().voxels;
        // The chunk behind the header: its length, its name, the value 40, and its checksum.
        let transparent = [&[0, 0, 0, 2], &b"tRNS"[..], &[0, 0x28], &0x4326_65c2_u32.to_be_bytes()].concat();
        let mut file = std::fs::read(&path).unwrap();
        file.splice(33..33, transparent);
        std::fs::write(&path, file).unwrap();
        let source = crate::store::open(&path, &OpenOptions::default()).unwrap();
        assert_eq!(
            source.read(&Region::of_shape(source.description().shape)).unwrap().unwrap().voxels,
            plain,
            "{name}"
        );
    }
}

#[test]
fn forms_are_not_mixed_and_links_to_nothing_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a1.png", "a2.png", "a1.bmp", "a2.bmp"] {
        let format = if name.ends_with("png") { ImageFormat::Png } else { ImageFormat::Bmp };
        save(&folder.path().join(name), &[1; 12], ExtendedColorType::L8, format);
    }
    let refused = || TiffSource::open_slices(folder.path(), &OpenOptions::default()).unwrap_err();
    assert!(refused().to_string().contains("holds PNG and BMP files"), "{}", refused());
    std::fs::remove_file(folder.path().join("a1.bmp")).unwrap();
    assert_eq!(read(folder.path()).shape(), [2, 3, 4]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path().join("none.png"), folder.path().join("a3.png")).unwrap();
        assert_eq!(refused().kind(), Kind::Missing);
        assert!(refused().to_string().contains("a3.png: is a link"), "{}", refused());
    }
}

#[test]
fn compressed_bmp_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bmp");
    save(&path, &[7; 12], ExtendedColorType::L8, ImageFormat::Bmp);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[30] = 1;
    std::fs::write(&path, bytes).unwrap();
    let error = crate::store::open(&path, &crate::store::OpenOptions::default()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("compressed BMP"), "{error}");
}
