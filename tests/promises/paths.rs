//! Promise: each branch of results has the path that its row is about, for every chunking and number of workers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anabranch::analysis::{Analysis, Resources, Results, Running};
use anabranch::chunk::{Dtype, Voxels};
use anabranch::grid::ChunkId;
use anabranch::kernel::measure::BranchMeasures;
use anabranch::kernel::network::branch::Branch;
use anabranch::kernel::network::step::{Lengths, Step};
use anabranch::kernel::thin::method::Method;
use anabranch::parameters::Parameters;
use anabranch::session::SessionBuilder;
use anabranch::space::{Spacing, Voxel};
use anabranch::store::Description;
use anabranch::store::memory::MemorySource;
use proptest::prelude::*;

use crate::draw;
use crate::fixtures;
use crate::image::Image;
use crate::sequential::{self, Mask};

/// The results of an image of 8 bits in chunks of a shape.
fn analyse(
    image: &Image,
    (spacing, method): (Spacing, Option<Method>),
    chunk: &[usize],
    workers: usize,
) -> (Analysis, Results) {
    let values = image.values.iter().map(|&value| value as u8).collect();
    let array = ndarray::Array3::from_shape_vec(image.shape, values).expect("a value for each voxel");
    let mut description = Description::new("image", image.shape, image.dimensions, Dtype::U8);
    description.spacing = spacing;
    let source = Arc::new(MemorySource::new(Voxels::U8(array), description).expect("a source"));
    let (mut parameters, mut resources) = (Parameters::default(), Resources::default());
    (parameters.method, resources.chunk, resources.workers) = (method, Some(chunk.to_vec()), Some(workers));
    let analysis = Analysis::of(source, &parameters, &resources).expect("an analysis");
    let results = analysis.run(Running::default()).expect("results");
    (analysis, results)
}

/// A mask as an image of 8 bits.
fn image_of(mask: &Mask, dimensions: usize) -> Image {
    let values = mask.voxels.iter().map(|&inside| f64::from(u8::from(inside))).collect();
    Image { shape: mask.shape, dimensions, values, dtype: "uint8".into() }
}

/// The voxels of each branch.
fn paths(branches: impl Iterator<Item = Branch<BranchMeasures>>) -> Vec<Vec<Voxel>> {
    branches.map(|branch| branch.voxels().collect()).collect()
}

/// How the paths of results are not those of the rows of the table.
fn fault(analysis: &Analysis, results: &Results, image: &Image) -> Option<String> {
    let rows = results.rows(analysis).expect("rows");
    let paths = paths(results.paths());
    if rows.len() != paths.len() || results.paths().len() != rows.len() {
        return Some(format!("{} paths of {} rows", paths.len(), rows.len()));
    }
    let lengths = Lengths::new(Spacing::default());
    let index = |voxel: &Voxel| {
        let [z, y, x] = voxel.position().map(|at| usize::try_from(at).expect("a voxel of the image"));
        (z * image.shape[1] + y) * image.shape[2] + x
    };
    let mut left: BTreeSet<Voxel> = results.skeletons.iter().flat_map(|(_, skeleton)| &skeleton.voxels).collect();
    for one in &results.isolated {
        left.remove(&one.voxel);
    }
    for (place, (row, path)) in rows.iter().zip(&paths).enumerate() {
        let steps: Option<Vec<Step>> = path.windows(2).map(|pair| Step::between(pair[0], pair[1])).collect();
        let Some(steps) = steps else { return Some(format!("{path:?} leaps")) };
        let values: Vec<f64> = path.iter().map(|voxel| image.values[index(voxel)]).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let ends = [path[0], path[path.len() - 1]].map(Voxel::position);
        let same = row.branch_id == place as u64
            && row.measures.branch_distance == lengths.along(&steps)
            && (row.measures.mean_pixel_value() - mean).abs() < 1e-9
            && ends == [row.measures.image_coord_src, row.measures.image_coord_dst];
        if !same {
            return Some(format!("{path:?} of {row:?}"));
        }
        for voxel in path {
            left.remove(voxel);
        }
    }
    (!left.is_empty()).then(|| format!("on no path: {left:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 100, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn a_path_has_the_length_the_ends_and_the_values_of_its_row_in_any_chunks(
        (mask, chunk) in draw::mask(12).prop_flat_map(|mask| { let shape = mask.shape; (Just(mask), draw::chunk_shape(shape)) }),
        workers in 1usize..4,
    ) {
        let image = Image::woven(&mask, "uint8");
        let (analysis, results) = analyse(&image, (Spacing::default(), None), &chunk, workers);
        prop_assert_eq!(fault(&analysis, &results, &image), None);
        let (_, whole) = analyse(&image, (Spacing::default(), None), &mask.shape, 1);
        prop_assert_eq!(paths(results.paths()), paths(whole.paths()));
    }
}

#[test]
fn a_session_has_the_paths_of_a_run_after_its_edits() {
    let mask = draw::tangle([20, 22, 24]);
    let values =
        |mask: &Mask| Voxels::Bool(ndarray::Array3::from_shape_vec(mask.shape, mask.voxels.clone()).expect("a mask"));
    let session = SessionBuilder::new(mask.shape, [10, 11, 12], Dtype::Bool).workers(2).build().expect("a session");
    let part = |place: [i64; 3]| {
        Mask::from_fn([10, 11, 12], |[z, y, x]| mask.get([z + 10 * place[0], y + 11 * place[1], x + 12 * place[2]]))
    };
    let places = (0..8).map(|n| [n / 4, n / 2 % 2, n % 2]);
    let chunk = |place| ChunkId::new(place).expect("a place near zero");
    for place in places.clone() {
        let other = Mask::from_fn([10, 11, 12], |[z, y, x]| part(place).get([9 - z, y, x]));
        session.insert(chunk(place), values(&other)).expect("a chunk");
    }
    session.advance().expect("an epoch");
    for place in places {
        session.replace(chunk(place), values(&part(place))).expect("a chunk");
    }
    session.advance().expect("an epoch");
    let results = session.results();
    let rows = results.rows().expect("rows");
    let found = paths(results.branches().into_iter());
    assert_eq!(rows.len(), found.len());
    let (_, whole) = analyse(&image_of(&mask, 3), (Spacing::default(), None), &[7], 1);
    assert!(found.len() > 10 && found == paths(whole.paths()));
    session.close().expect("an end");
}

/// The paths that `scripts/make_path_fixtures.py` has written, by the names of the volumes.
fn paths_of_skan() -> BTreeMap<String, Vec<Vec<usize>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/paths.txt");
    let text = std::fs::read_to_string(path).expect("fixtures");
    let volume = |line| {
        let volume: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let name = volume["fixture"].as_str().expect("a name").to_owned();
        (name, serde_json::from_value(volume["paths"].clone()).expect("paths"))
    };
    text.lines().map(volume).collect()
}

#[test]
fn paths_of_the_fixtures_are_those_of_skan_in_either_direction() {
    let (expected, mut faults, mut compared) = (paths_of_skan(), Vec::new(), 0);
    for fixture in fixtures::all() {
        let image = image_of(&fixture.mask, fixture.image.dimensions);
        let method = match fixture.method {
            sequential::Method::Zhang => Method::Zhang,
            sequential::Method::Lee => Method::Lee,
            sequential::Method::Homotopic => Method::Homotopic,
        };
        let (_, results) = analyse(&image, (Spacing(fixture.spacing), Some(method)), &[6], 2);
        let index = |voxel: &Voxel| fixture.mask.index(voxel.position()).expect("a voxel of the image");
        let found: Vec<Vec<usize>> =
            paths(results.paths()).iter().map(|path| path.iter().map(index).collect()).collect();
        let expected = expected.get(&fixture.name).cloned().unwrap_or_default();
        compared += expected.len();
        let same = |(found, path): (&Vec<usize>, &Vec<usize>)| found == path || found.iter().rev().eq(path);
        if found.len() != expected.len() || !found.iter().zip(&expected).all(same) {
            faults.push(fixture.name);
        }
    }
    assert!(faults.is_empty() && compared > 1000, "{faults:?} of {compared} paths");
}
