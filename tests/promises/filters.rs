//! Promise: filters of the foreground leave what the definitions leave, whatever the chunks, workers and processes, and a
//! run says what they have changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::draw;
use crate::image::Image;
use crate::sequential::Mask;
use crate::sequential::filters::{Amount, Filters, filtered};
use crate::support::{anabranch, invariant_bytes, read_json, succeed};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What is above this is foreground, and what is above that is strong. Background has the value below.
const LOW: f64 = 7.0;
const HIGH: f64 = 25.0;
const BACKGROUND: f64 = 5.0;

/// An image of a mask, in which few voxels are strong.
fn image(mask: &Mask, dimensions: usize) -> Image {
    let value = |(index, &inside): (usize, &bool)| {
        let [z, y, x] = mask.position(index);
        match (7 * z + 13 * y + 29 * x) % 41 {
            _ if !inside => BACKGROUND,
            0 => 30.0,
            other => 8.0 + (other % 17) as f64,
        }
    };
    let values = mask.voxels.iter().enumerate().map(value).collect();
    Image { shape: mask.shape, dimensions, values, dtype: "uint8".into() }
}

/// Some filters, and whether there is a hysteresis.
#[derive(Clone, Copy, Debug)]
struct Case {
    filters: Filters,
    hysteresis: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let holes = prop::option::of(prop_oneof![Just(usize::MAX), 2..30usize]);
    let sizes = (prop::option::of(prop_oneof![1..5usize, 5..60usize]), prop::option::of(1..4usize));
    (holes, sizes, 1..4usize, any::<bool>()).prop_map(|(holes, (smaller, largest), axes, hysteresis)| Case {
        filters: Filters { holes, smaller, largest, axes },
        hysteresis,
    })
}

impl Case {
    fn options(&self) -> Vec<String> {
        let Filters { holes, smaller, largest, axes: _ } = self.filters;
        let mut options = match self.hysteresis {
            true => vec![format!("--threshold=hysteresis:{LOW},{HIGH}")],
            false => vec![format!("--threshold={LOW}")],
        };
        options.extend(holes.map(|below| match below {
            usize::MAX => "--fill-holes".to_owned(),
            below => format!("--fill-holes={below}"),
        }));
        options.extend(smaller.map(|least| format!("--remove-smaller={least}")));
        options.extend(largest.map(|count| format!("--keep-largest={count}")));
        options.extend(self.of_objects());
        options
    }

    /// Options for the table of objects.
    fn of_objects(&self) -> [String; 2] {
        ["--objects".to_owned(), format!("--connectivity={}", [6, 18, 26][self.filters.axes - 1])]
    }

    /// The image in which everything but the filtered mask is 0, and the amounts as the summary has them.
    fn expected(&self, image: &Image) -> (Image, Value) {
        let above = |bound| Mask::new(image.shape, image.values.iter().map(|&value| value > bound).collect());
        let strong = self.hysteresis.then(|| above(HIGH));
        let (left, amounts) = filtered(&above(LOW), strong.as_ref(), &self.filters, image.dimensions == 2);
        let values = image.values.iter().zip(&left.voxels).map(|(&value, &inside)| if inside { value } else { 0.0 });
        let mut summary = serde_json::Map::new();
        let mut tell = |name: &str, is_told: bool, [objects, voxels]: Amount, what: [&str; 2]| {
            if is_told {
                summary.insert(name.into(), json!({what[0]: objects, what[1]: voxels}));
            }
        };
        let removed = ["objects_removed", "voxels_removed"];
        tell("hysteresis", self.hysteresis, amounts[0], removed);
        tell("fill_holes", self.filters.holes.is_some(), amounts[1], ["holes_filled", "voxels_filled"]);
        tell("remove_smaller", self.filters.smaller.is_some(), amounts[2], removed);
        tell("keep_largest", self.filters.largest.is_some(), amounts[3], removed);
        (Image { values: values.collect(), ..image.clone() }, Value::Object(summary))
    }
}

/// Runs on an image, and returns the outputs that chunks do not change, but for the summary, and that.
fn run(input: &Path, out: &Path, options: &[String]) -> (BTreeMap<PathBuf, Vec<u8>>, Value) {
    let mut call: Vec<String> =
        ["run", text(input), "--out", text(out), "--quiet", "--overwrite"].map(Into::into).into();
    call.extend(options.iter().cloned());
    succeed(&call);
    let mut files = invariant_bytes(out);
    files.remove(Path::new("summary.json"));
    (files, read_json(out, "summary.json"))
}

/// Runs on an image, once as told and once on the image that is filtered beforehand, and compares all that is written.
fn check(image: &Image, case: &Case, ways: &[Vec<String>]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, prepared, out] = ["image.npy", "prepared.npy", "out"].map(|name| folder.path().join(name));
    image.write_npy(&input);
    let (of_filtered, amounts) = case.expected(image);
    of_filtered.write_npy(&prepared);
    let (expected, of_prepared) = run(
        &prepared,
        &folder.path().join("expected"),
        &[&["--threshold=1".to_owned()][..], &case.of_objects()].concat(),
    );
    for way in ways {
        let options = [&case.options()[..], way].concat();
        let (found, summary) = run(&input, &out, &options);
        assert!(found == expected, "{options:?}");
        let filtered = summary.get("filtered").cloned().unwrap_or(json!({}));
        assert_eq!(filtered, amounts, "{options:?}");
        assert_eq!(summary["foreground_fraction"], of_prepared["foreground_fraction"], "{options:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 40, ..ProptestConfig::with_cases(20) })]

    #[test]
    fn a_filtered_run_has_the_results_of_one_on_the_image_that_was_filtered_beforehand(
        (mask, chunks) in draw::mask(18).prop_flat_map(|mask| {
            let shape = mask.shape;
            (Just(mask), [shape; 2].map(draw::chunk_shape))
        }),
        case in cases(),
    ) {
        let dimensions = if mask.shape[0] == 1 { 2 } else { 3 };
        let ways: Vec<Vec<String>> = chunks
            .iter()
            .zip([1, 4])
            .map(|(chunk, workers)| {
                let chunk = chunk[3 - dimensions..].iter().map(usize::to_string).collect::<Vec<_>>().join(",");
                vec![format!("--chunk={chunk}"), format!("--workers={workers}")]
            })
            .collect();
        check(&image(&mask, dimensions), &case, &ways);
    }
}

/// Two shells in each other that lie over many chunks, between tubes, with a cavity of whole chunks.
fn shells() -> Mask {
    let shape = [30, 32, 34];
    let tangle = draw::tangle(shape);
    Mask::from_fn(shape, |p| {
        let depth = (0..3).map(|a| p[a].min(shape[a] as i64 - 1 - p[a])).min().expect("three axes");
        [2, 11].contains(&depth) || depth < 1 && tangle.get(p) || depth > 13
    })
}

#[test]
fn filters_do_not_depend_on_processes_and_shells_enclose_chunks_without_foreground() {
    for (holes, smaller, largest, hysteresis) in [
        (Some(usize::MAX), Some(30), None, false),
        (Some(3000), None, Some(2), false),
        (None, Some(9), Some(1), true),
        (Some(usize::MAX), None, None, true),
    ] {
        let case = Case { filters: Filters { holes, smaller, largest, axes: 3 }, hysteresis };
        let way = |options: &[&str]| options.iter().map(|&option| option.to_owned()).collect::<Vec<_>>();
        let ways =
            [way(&["--chunk=3", "--workers=2"]), way(&["--chunk=4,5,6", "--processes=3"]), way(&["--workers=1"])];
        check(&image(&shells(), 3), &case, &ways);
    }
}

#[test]
fn an_image_of_one_plane_has_holes_and_a_volume_of_one_plane_has_none() {
    let ring = Mask::from_fn([1, 20, 30], |[_, y, x]| {
        (3..17).contains(&y) && (4..25).contains(&x) && !((6..12).contains(&y) && (8..20).contains(&x))
    });
    let filters = Filters { holes: Some(usize::MAX), smaller: None, largest: None, axes: 3 };
    for dimensions in [2, 3] {
        let case = Case { filters, hysteresis: false };
        check(&image(&ring, dimensions), &case, &[vec!["--workers=2".to_owned(), "--chunk=5".to_owned()]]);
    }
}

#[test]
fn options_of_filters_without_a_meaning_are_refused_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["image.npy", "out"].map(|name| folder.path().join(name));
    image(&draw::tangle([6, 6, 6]), 3).write_npy(&input);
    for (options, part) in [
        (vec!["--remove-smaller", "0"], "above zero"),
        (vec!["--fill-holes=0"], "above zero"),
        (vec!["--keep-largest", "0"], "would remove all objects"),
        (vec!["--threshold", "hysteresis:9,3"], "lower number"),
        (vec!["--threshold", "hysteresis:9"], "hysteresis:10,25.5"),
        (vec!["--below", "hysteresis:3,9"], "use --threshold"),
        (vec!["--fill-holes", "many"], "behind INPUT"),
    ] {
        let outcome = anabranch([&["run", text(&input), "--out", text(&out)][..], &options].concat());
        assert_eq!(outcome.code, 2, "{options:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(part), "{options:?}: {}", outcome.stderr);
    }
}

#[test]
fn a_mask_from_which_everything_was_removed_is_warned_of() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["image.npy", "out"].map(|name| folder.path().join(name));
    image(&draw::tangle([16, 16, 16]), 3).write_npy(&input);
    let call = ["run", text(&input), "--out", text(&out), "--threshold=7", "--remove-smaller=100000"];
    let outcome = anabranch(call);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("filters have removed all objects"), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("removed as too small"), "{}", outcome.stdout);
    assert_eq!(read_json(&out, "summary.json")["branches"], 0);
}
