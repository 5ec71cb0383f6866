//! Promise: what makes a voxel foreground is what people set, however they say it.

use crate::draw::tangle;
use crate::image::Image;
use crate::support::{invariant_bytes, succeed};

#[test]
fn a_sigma_that_is_a_length_is_the_voxels_that_it_comes_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    Image::woven(&tangle([14, 15, 16]), "uint16").write_npy(&folder.path().join("image.npy"));
    let outputs = |out: &str, sigma: &str| {
        let call = ["run", &at("image.npy"), "--out", &at(out), "--quiet", "--threshold", "60"];
        succeed(&[&call[..], &["--spacing", "2,0.5,0.25um", "--sigma", sigma]].concat());
        invariant_bytes(&folder.path().join(out))
    };
    let expected = outputs("voxels", "0.3,1.2,2.4");
    assert!(outputs("length", "600nm") == expected);
    assert!(outputs("lengths", "0.0006mm,600nm,0.6um") == expected);
    assert!(outputs("axis", "0,600,0nm") == outputs("voxel", "0,1.2,0"));
    assert!(outputs("other", "0.3") != expected);
}
