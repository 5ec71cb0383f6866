//! Promise: chunk shape and number of workers change no byte, and the answer is the sequential one.

use std::path::Path;

use proptest::prelude::*;

use crate::draw;
use crate::image::Image;
use crate::sequential::{Mask, Method, radii, table};
use crate::support::{invariant_bytes, read_skeleton, read_table, succeed};

/// Chunk shapes for three runs, which have 1, 2 and 4 workers.
type Chunks = [[usize; 3]; 3];

const WORKERS: [usize; 3] = [1, 2, 4];

fn mask_and_chunks(longest: usize) -> impl Strategy<Value = (Mask, Chunks)> {
    draw::mask(longest).prop_flat_map(|mask| {
        let chunks = [mask.shape; 3].map(draw::chunk_shape);
        (Just(mask), chunks)
    })
}

fn list(numbers: impl IntoIterator<Item = impl ToString>) -> String {
    numbers.into_iter().map(|n| n.to_string()).collect::<Vec<_>>().join(",")
}

/// Runs the program on an image for every chunk shape, and says how the outputs differ among each other. The outputs
/// are left in `out-0`, `out-1`, …
fn differences(image: &Image, options: &[&str], chunks: &Chunks, folder: &Path) -> Option<String> {
    let input = folder.join("image.npy");
    image.write_npy(&input);
    let mut first = None;
    for (run, (chunk, workers)) in chunks.iter().zip(WORKERS).enumerate() {
        let out = folder.join(format!("out-{run}"));
        let chunk = list(&chunk[3 - image.dimensions..]);
        let workers = workers.to_string();
        let [input, out_name] = [&input, &out].map(|path| path.to_str().expect("UTF-8"));
        let mut call = vec!["run", input, "--out", out_name, "--quiet", "--chunk", &chunk, "--workers", &workers];
        call.extend(options);
        succeed(&call);
        let bytes = invariant_bytes(&out);
        let expected = first.get_or_insert_with(|| bytes.clone());
        if bytes != *expected {
            let names = expected.keys().chain(bytes.keys());
            let name = names.into_iter().find(|&name| bytes.get(name) != expected.get(name)).expect("a difference");
            return Some(format!("{} differs for chunk {chunk}, {workers} workers", name.display()));
        }
    }
    None
}

/// How the outputs in `out` differ from the sequential reference's.
fn fault(mask: &Mask, image: &Image, method: Method, spacing: [f64; 3], out: &Path) -> Option<String> {
    let expected = method.thin(mask);
    let (axes, skeleton) = read_skeleton(out);
    if axes != image.axes() {
        return Some(format!("a skeleton of shape {axes:?}"));
    }
    if skeleton != expected {
        let wrong = skeleton.voxels.iter().zip(&expected.voxels).filter(|(have, want)| have != want).count();
        return Some(format!("{wrong} skeleton voxels differ from the sequential reference's"));
    }
    let columns: Vec<String> =
        table::columns(image.dimensions).into_iter().chain(radii::COLUMNS.map(String::from)).collect();
    let rows: Vec<_> = table::rows(&expected, &image.values, spacing)
        .iter()
        .zip(radii::rows(mask, &expected, spacing))
        .map(|(row, radii)| [table::numbers(row, image.dimensions, spacing), radii].concat())
        .collect();
    let found = read_table(out);
    if found.columns != columns {
        return Some(format!("columns {:?}", found.columns));
    }
    table::difference(&columns, &rows, &found.rows)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 100, ..ProptestConfig::with_cases(90) })]

    #[test]
    fn chunk_shape_and_workers_change_nothing_and_the_answer_is_the_sequential_one(
        (mask, chunks) in mask_and_chunks(13),
        spacing in prop_oneof![Just([1.0; 3]), Just([2.5, 0.7, 0.31])],
        method in prop_oneof![Just(Method::Lee), Just(Method::Homotopic)],
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let image = Image::woven(&mask, "uint16");
        let option = list(spacing);
        // Lee's is the default.
        let options = ["--spacing", &option, "--method", method.name()];
        let options = if method == Method::Lee { &options[..2] } else { &options[..] };
        prop_assert_eq!(differences(&image, options, &chunks, folder.path()), None);
        prop_assert_eq!(fault(&mask, &image, method, spacing, &folder.path().join("out-0")), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 100, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn chunk_shape_and_workers_change_nothing_of_an_image_by_any_method(
        (mask, chunks) in mask_and_chunks(28),
        method in proptest::sample::select(&Method::ALL[..]),
    ) {
        let [_, height, width] = mask.shape;
        let mask = Mask::from_fn([1, height, width], |p| mask.get(p));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let image = Image { dimensions: 2, ..Image::woven(&mask, "uint8") };
        let options = ["--method", method.name(), "--spacing", "0.5,2"];
        prop_assert_eq!(differences(&image, &options, &chunks, folder.path()), None);
        prop_assert_eq!(fault(&mask, &image, method, [1.0, 0.5, 2.0], &folder.path().join("out-0")), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 100, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn chunk_shape_and_workers_change_nothing_of_a_smoothed_image(
        (mask, chunks) in mask_and_chunks(14),
        sigma in prop_oneof![Just("0.6"), Just("1.3"), Just("0.5,1.2,0"), Just("0,0,2")],
        threshold in prop_oneof![Just(["--threshold", "otsu"]), Just(["--threshold", "61.5"]), Just(["--below", "otsu"]), Just(["--below", "33"]), Just(["--threshold", "triangle"]), Just(["--below", "triangle"]), Just(["--threshold", "li"]), Just(["--below", "li"])],
        dtype in prop_oneof![Just("uint16"), Just("float32")],
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let image = Image::woven(&mask, dtype);
        let options = ["--sigma", sigma, threshold[0], threshold[1]];
        prop_assert_eq!(differences(&image, &options, &chunks, folder.path()), None);
    }
}
