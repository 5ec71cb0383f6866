//! Promise: Lee's thinning splits no component, and those that survive keep their Euler number. The homotopic method keeps
//! all components.

use proptest::prelude::*;

use crate::draw;
use crate::image::Image;
use crate::sequential::topology::{components, euler_number};
use crate::sequential::{Mask, Method};
use crate::support::{read_skeleton, succeed};

/// How a skeleton by a method breaks the promise, if it does.
fn fault(mask: &Mask, skeleton: &Mask, method: Method) -> Option<String> {
    if skeleton.voxels.iter().zip(&mask.voxels).any(|(&s, &m)| s && !m) {
        return Some("the skeleton leaves the mask".into());
    }
    components(mask).iter().find_map(|component| {
        let rest = Mask::from_fn(mask.shape, |p| component.get(p) && skeleton.get(p));
        let parts = components(&rest).len();
        if parts > 1 {
            return Some(format!("a component of {} voxels falls into {parts}", component.count()));
        }
        if parts == 0 && method == Method::Homotopic {
            return Some(format!("a component of {} voxels is lost", component.count()));
        }
        let (before, after) = (euler_number(component), euler_number(&rest));
        (parts == 1 && before != after).then(|| format!("an Euler number of {before} becomes {after}"))
    })
}

fn methods() -> impl Strategy<Value = Method> {
    prop_oneof![Just(Method::Lee), Just(Method::Homotopic)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_reference_splits_no_component_and_survivors_keep_their_euler_number(mask in draw::mask(9), method in methods()) {
        prop_assert_eq!(fault(&mask, &method.thin(&mask), method), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn a_run_splits_no_component_and_survivors_keep_their_euler_number(
        (mask, chunk) in draw::mask(12).prop_flat_map(|mask| { let shape = mask.shape; (Just(mask), draw::chunk_shape(shape)) }),
        method in methods(),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (input, out) = (folder.path().join("mask.npy"), folder.path().join("out"));
        Image::of_mask(&mask).write_npy(&input);
        let chunk = chunk.map(|n| n.to_string()).join(",");
        let [input, out_name] = [&input, &out].map(|path| path.to_str().expect("UTF-8"));
        succeed(&["run", input, "--out", out_name, "--method", method.name(), "--chunk", &chunk, "--quiet"]);
        prop_assert_eq!(fault(&mask, &read_skeleton(&out).1, method), None);
    }
}

#[test]
fn euler_numbers_are_those_of_known_bodies() {
    let block = |p: [i64; 3]| p.iter().all(|n| (1..4).contains(n));
    let solid = Mask::from_fn([5, 5, 5], block);
    let hollow = Mask::from_fn([5, 5, 5], |p| block(p) && p != [2; 3]);
    let ring = Mask::from_fn([5, 5, 5], |p| block(p) && (p[1], p[2]) != (2, 2));
    assert_eq!([solid, hollow, ring].map(|mask| euler_number(&mask)), [1, 2, 0]);
}
