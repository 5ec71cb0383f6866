//! Pages in every format that directories can describe, written here directly.

use std::path::PathBuf;

use ndarray::Array3;
use proptest::prelude::*;
use tempfile::TempDir;

use super::super::TiffSource;
use crate::chunk::{Dtype, Voxels};
use crate::error::{Error, Result};
use crate::space::Region;
use crate::store::fixtures::expected;
use crate::store::values::to_bytes;
use crate::store::{OpenOptions, Source, StoredType};

/// A page: tags with their values, apart from those of offsets, and the bytes of strips or tiles.
#[derive(Clone, Debug, Default)]
struct Directory {
    tags: Vec<(u16, Vec<u64>)>,
    texts: Vec<(u16, Vec<u8>)>,
    /// The tag of the offsets, and the blocks; one without bytes is not stored.
    blocks: (u16, Vec<Vec<u8>>),
    /// Offset of the next directory, if it is not behind this one.
    next: Option<u64>,
}

/// A file of pages in either byte order, as classic TIFF or BigTIFF.
fn file(pages: &[Directory], little: bool, big: bool) -> Vec<u8> {
    let number = |value: u64, size: usize| -> Vec<u8> {
        if little { value.to_le_bytes()[..size].to_vec() } else { value.to_be_bytes()[8 - size..].to_vec() }
    };
    let field = if big { 8 } else { 4 };
    let mut out = if little { b"II".to_vec() } else { b"MM".to_vec() };
    out.extend(number(if big { 43 } else { 42 }, 2));
    if big {
        out.extend([number(8, 2), number(0, 2)].concat());
    }
    let mut link = out.len();
    out.extend(number(0, field));
    for page in pages {
        let mut offsets = Vec::new();
        for block in &page.blocks.1 {
            offsets.push(if block.is_empty() { 0 } else { out.len() as u64 });
            out.extend(block);
        }
        let mut rows: Vec<(u16, u16, u64, Vec<u8>)> = Vec::new();
        let listed = (page.blocks.0, offsets);
        for (tag, values) in page.tags.iter().chain([&listed]).filter(|(_, values)| !values.is_empty()) {
            let (kind, size) = if big { (16, 8) } else { (4, 4) };
            rows.push((*tag, kind, values.len() as u64, values.iter().flat_map(|&v| number(v, size)).collect()));
        }
        rows.extend(page.texts.iter().map(|(tag, text)| (*tag, 2, text.len() as u64, text.clone())));
        let mut entries = Vec::new();
        for (tag, kind, count, bytes) in rows {
            entries.extend([number(tag.into(), 2), number(kind.into(), 2), number(count, field)].concat());
            if bytes.len() <= field {
                entries.extend(bytes.iter().copied().chain(std::iter::repeat(0)).take(field));
            } else {
                entries.extend(number(out.len() as u64, field));
                out.extend(bytes);
            }
        }
        let at = number(out.len() as u64, field);
        out[link..link + field].copy_from_slice(&at);
        let entry = if big { 20 } else { 12 };
        out.extend(number((entries.len() / entry) as u64, if big { 8 } else { 2 }));
        out.extend(entries);
        link = out.len();
        out.extend(number(page.next.unwrap_or(0), field));
    }
    out
}

fn write(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tif");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn opened(pages: &[Directory]) -> Result<TiffSource> {
    let (_folder, path) = write(&file(pages, true, false));
    TiffSource::open(path, &OpenOptions::default())
}

fn values(pages: &[Directory]) -> Result<Voxels> {
    let (_folder, path) = write(&file(pages, true, false));
    let source = TiffSource::open(path, &OpenOptions::default())?;
    let whole = source.read(&Region::of_shape(source.description().shape))?;
    whole.map(|chunk| chunk.voxels).ok_or_else(|| Error::internal("not stored"))
}

/// A page of 4 rows of 6 bytes in strips of two rows.
fn bytes_page() -> (Directory, Vec<u8>) {
    let plain: Vec<u8> = (1..=24).collect();
    let tags =
        vec![(256, vec![6]), (257, vec![4]), (258, vec![8]), (262, vec![1]), (278, vec![2]), (279, vec![12, 12])];
    let blocks = (273, plain.chunks(12).map(<[u8]>::to_vec).collect());
    (Directory { tags, blocks, ..Directory::default() }, plain)
}

fn with(page: &Directory, tag: u16, values: &[u64]) -> Directory {
    let mut page = page.clone();
    page.tags.retain(|(other, _)| *other != tag);
    page.tags.push((tag, values.to_vec()));
    page
}

#[test]
fn what_old_and_odd_writers_leave_out_follows_from_the_rest() {
    let (page, plain) = bytes_page();
    let fits = |page: Directory| assert_eq!(to_bytes(&values(&[page]).unwrap()), plain);
    fits(page.clone());
    for (tag, given) in [
        (279, vec![]),
        (279, vec![0, 0]),
        (279, vec![12, 5000]),
        (262, vec![]),
        (278, vec![]),
        (278, vec![0]),
        (254, vec![2]),
        (255, vec![1]),
        (274, vec![4]),
        (262, vec![3]),
        (262, vec![0]),
    ] {
        fits(with(&page, tag, &given));
    }
    let mut more = page.clone();
    more.blocks.1.push(vec![9]);
    fits(more);
    let mut turned = with(&page, 266, &[2]);
    turned.blocks.1.iter_mut().flatten().for_each(|byte| *byte = byte.reverse_bits());
    fits(turned);
}

#[test]
fn pages_that_contradict_themselves_are_refused() {
    let (page, _) = bytes_page();
    for (tag, given, said) in [
        (256, vec![], "tag 256"),
        (257, vec![0], "tag 257"),
        (279, vec![12], "names 1 of its 2"),
        (279, vec![12, 11], "too short for its size"),
        (277, vec![3], "3 samples a pixel"),
        (258, vec![24], "uint24"),
        (259, vec![7], "JPEG"),
        (259, vec![8], "is damaged"),
        (262, vec![2], "colour image"),
        (317, vec![2], "names a predictor"),
        (317, vec![9], "predictor 9"),
        (266, vec![7], "bits are in an order"),
        (273, vec![8, 1 << 30], "is cut off"),
        (254, vec![1], "reduced images and masks only"),
        (278, vec![1], "names 2 of its 4"),
    ] {
        let mut page = with(&page, tag, &given);
        if tag == 273 {
            page.blocks = (40_000, Vec::new());
        }
        let error = values(&[page]).unwrap_err().to_string();
        assert!(error.contains(said), "{tag} {given:?}: {error}");
    }
    let mut round = page.clone();
    round.next = Some(u64::from(u32::from_le_bytes(file(&[page], true, false)[4..8].try_into().unwrap())));
    assert!(values(&[round]).unwrap_err().to_string().contains("circle"));
    let huge = Directory {
        tags: vec![(256, vec![u32::MAX.into()]), (257, vec![u32::MAX.into()]), (258, vec![8]), (279, vec![0])],
        blocks: (273, vec![Vec::new()]),
        ..Directory::default()
    };
    assert!(values(&[huge]).unwrap_err().to_string().contains("too short for its size"));
}

#[test]
fn reduced_images_and_masks_are_left_out_and_counted() {
    let (page, plain) = bytes_page();
    let pages = [page.clone(), with(&page, 254, &[1]), page.clone(), with(&page, 254, &[4]), with(&page, 255, &[2])];
    let source = opened(&pages).unwrap();
    assert_eq!(source.description().shape, [2, 4, 6]);
    assert_eq!(source.details().notes, ["3 of 5 pages are reduced images or masks and are left out"]);
    assert_eq!(to_bytes(&values(&pages).unwrap()), [plain.clone(), plain].concat());
    let white = opened(&[with(&page, 262, &[0])]).unwrap();
    assert!(white.warnings()[0].contains("white is stored as zero"), "{:?}", white.warnings());
}

#[test]
fn tiles_that_are_not_stored_hold_zero_or_what_the_file_calls_no_data() {
    let tile = |value: u8| vec![value; 256];
    let mut page = Directory {
        tags: vec![
            (256, vec![20]),
            (257, vec![3]),
            (258, vec![8]),
            (322, vec![16]),
            (323, vec![16]),
            (325, vec![256, 0]),
        ],
        blocks: (324, vec![tile(7), Vec::new()]),
        ..Directory::default()
    };
    let row = |absent: u8| [[7; 16].to_vec(), [absent; 4].to_vec()].concat();
    assert_eq!(to_bytes(&values(&[page.clone()]).unwrap()), row(0).repeat(3));
    page.texts = vec![(42113, b"5\0".to_vec())];
    assert_eq!(to_bytes(&values(&[page.clone()]).unwrap()), row(5).repeat(3));
    // Offsets of tiles may be in the tags of strips.
    page.blocks.0 = 273;
    assert_eq!(to_bytes(&values(&[page]).unwrap()), row(5).repeat(3));
}

#[test]
fn a_page_may_be_deep() {
    let volume = expected([5, 20, 17], Dtype::U16, 0);
    let Voxels::U16(array) = &volume else { unreachable!("of this type") };
    // Strips of each plane, and tiles that reach over two planes.
    let strips: Vec<Vec<u8>> =
        (0..5).map(|z| to_bytes(&volume.part(&Region::new([z, 0, 0], [z + 1, 20, 17])))).collect();
    let mut tiles = Vec::new();
    for (z, y, x) in [0, 2, 4].into_iter().flat_map(|z| [(z, 0, 0), (z, 0, 16), (z, 16, 0), (z, 16, 16)]) {
        let tile = Array3::from_shape_fn((2, 16, 16), |p| array.get((z + p.0, y + p.1, x + p.2)).copied().unwrap_or(9));
        tiles.push(to_bytes(&Voxels::U16(tile)));
    }
    let tags = vec![(256, vec![17]), (257, vec![20]), (258, vec![16]), (32997, vec![5])];
    let deep = Directory { tags, blocks: (273, strips), ..Directory::default() };
    assert_eq!(values(&[with(&deep, 279, &[680; 5])]).unwrap(), volume);
    let mut tiled = with(&with(&with(&deep, 322, &[16]), 323, &[16]), 32998, &[2]);
    tiled.tags.push((325, vec![1024; 12]));
    tiled.blocks = (324, tiles);
    assert_eq!(opened(&[tiled.clone()]).unwrap().details().chunk, [2, 16, 16]);
    let (_folder, path) = write(&file(&[tiled], true, false));
    let source = TiffSource::open(path, &OpenOptions::default()).unwrap();
    crate::store::fixtures::assert_holds(&source, &volume);
}

/// Bytes in an encoding.
fn encoded(bytes: &[u8], codec: u64) -> Vec<u8> {
    match codec {
        8 | 32946 => {
            let mut deflate = libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
            let mut out = vec![0; deflate.zlib_compress_bound(bytes.len())];
            let count = deflate.zlib_compress(bytes, &mut out).unwrap();
            out.truncate(count);
            out
        }
        50000 => zstd::bulk::compress(bytes, 1).unwrap(),
        // Uncompressed, in parts of 128 bytes.
        32773 => bytes.chunks(128).flat_map(|part| [&[u8::try_from(part.len() - 1).unwrap()], part].concat()).collect(),
        _ => bytes.to_vec(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn every_encoding_gives_back_the_values(
        (width, height) in (1usize..40, 1usize..40),
        (tiled, across, rows) in (any::<bool>(), 1usize..3, 1usize..20),
        (codec, predicted) in (prop::sample::select(vec![1u64, 8, 32946, 32773, 50000]), any::<bool>()),
        stored in prop::sample::select(vec![
            StoredType::I8, StoredType::U8, StoredType::I16, StoredType::U16, StoredType::I32, StoredType::U32,
            StoredType::I64, StoredType::U64, StoredType::F32, StoredType::F64,
        ]),
        (little, big, turned, backwards) in (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        let size = stored.size();
        let float = matches!(stored, StoredType::F32 | StoredType::F64);
        let signed = matches!(stored, StoredType::I8 | StoredType::I16 | StoredType::I32 | StoredType::I64);
        let value = |y: usize, x: usize| i64::try_from((y * 31 + x * 7) % 100).unwrap() - if signed || float { 50 } else { 0 };
        let bits = |y: usize, x: usize| -> u64 {
            match stored {
                StoredType::F32 => u64::from((value(y, x) as f32 / 4.0).to_bits()),
                StoredType::F64 => (value(y, x) as f64 / 4.0).to_bits(),
                _ => value(y, x) as u64,
            }
        };
        let predictor = match (predicted && matches!(codec, 8 | 32946 | 50000), float) {
            (false, _) => 1,
            (true, false) => 2,
            (true, true) => 3,
        };
        let block = if tiled { [16, 16 * across] } else { [rows.min(height), width] };
        let ordered = |bits: u64| -> Vec<u8> {
            if little { bits.to_le_bytes()[..size].to_vec() } else { bits.to_be_bytes()[8 - size..].to_vec() }
        };
        let mask = u64::MAX >> (64 - 8 * size);
        let mut blocks = Vec::new();
        for (by, bx) in (0..height.div_ceil(block[0])).flat_map(|y| (0..width.div_ceil(block[1])).map(move |x| (y, x))) {
            let tall = if tiled { block[0] } else { block[0].min(height - by * block[0]) };
            let mut bytes = Vec::new();
            for y in by * block[0]..by * block[0] + tall {
                let row: Vec<u64> = (bx * block[1]..(bx + 1) * block[1]).map(|x| bits(y, x) & mask).collect();
                match predictor {
                    2 => {
                        let before = std::iter::once(0).chain(row.iter().copied());
                        bytes.extend(row.iter().zip(before).flat_map(|(v, b)| ordered(v.wrapping_sub(b) & mask)));
                    }
                    3 => {
                        let planes: Vec<u8> = (0..size)
                            .flat_map(|place| row.iter().map(move |v| v.to_be_bytes()[8 - size + place]))
                            .collect();
                        let before = std::iter::once(0).chain(planes.iter().copied());
                        bytes.extend(planes.iter().zip(before).map(|(v, b)| v.wrapping_sub(b)));
                    }
                    _ => bytes.extend(row.into_iter().flat_map(ordered)),
                }
            }
            let mut packed = encoded(&bytes, codec);
            if turned {
                packed.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
            }
            blocks.push(packed);
        }
        let counts: Vec<u64> = blocks.iter().map(|block| block.len() as u64).collect();
        let format = if float { 3 } else if signed { 2 } else { 1 };
        let mut tags = vec![
            (256, vec![width as u64]), (257, vec![height as u64]), (258, vec![8 * size as u64]), (259, vec![codec]),
            (262, vec![1]), (266, vec![if turned { 2 } else { 1 }]), (317, vec![predictor]), (339, vec![format]),
        ];
        if tiled {
            tags.extend([(322, vec![block[1] as u64]), (323, vec![block[0] as u64]), (325, counts)]);
        } else {
            tags.extend([(278, vec![block[0] as u64]), (279, counts)]);
        }
        let page = Directory { tags, blocks: (if tiled { 324 } else { 273 }, blocks), ..Directory::default() };
        let mut bytes = file(&[page], little, big);
        if backwards {
            // Bytes behind the file's end have no effect.
            bytes.extend([0xff; 9]);
        }
        let (_folder, path) = write(&bytes);
        let source = TiffSource::open(&path, &OpenOptions::default()).unwrap();
        let numbers = Array3::from_shape_fn((1, height, width), |(_, y, x)| value(y, x));
        let wanted = match stored.dtype() {
            Dtype::U8 => Voxels::U8(numbers.mapv(|v| v as u8)),
            Dtype::I16 => Voxels::I16(numbers.mapv(|v| v as i16)),
            Dtype::U16 => Voxels::U16(numbers.mapv(|v| v as u16)),
            Dtype::I32 => Voxels::I32(numbers.mapv(|v| v as i32)),
            Dtype::U32 => Voxels::U32(numbers.mapv(|v| v as u32)),
            Dtype::I64 => Voxels::I64(numbers),
            Dtype::F32 => Voxels::F32(numbers.mapv(|v| v as f32 / 4.0)),
            _ => Voxels::F64(numbers.mapv(|v| v as f64 / 4.0)),
        };
        let whole = source.read(&Region::of_shape(source.description().shape)).unwrap().unwrap().voxels;
        prop_assert_eq!(whole, wanted);
    }
}
