//! Neuroglancer's precomputed skeletons: `precomputed/`.
//!
//! Neuroglancer opens `precomputed/skeletons`; cloud-volume opens `precomputed`, a volume without voxels, and takes its
//! skeletons. The skeleton with the `skeleton_id` n is the segment n + 1, since 0 is background. Positions are nanometers in
//! the coordinates of OME-Zarr, where a position is that of a voxel's centre: they lie on the image as Neuroglancer draws
//! OME-Zarr. Images of other formats it draws from the first voxel's corner, half a voxel away.
//!
//! Vertices are numbers of 32 bits, which do not tell voxels apart that are far from the origin: there they are counted from the
//! first voxel, and the transform moves them to where it is.

mod properties;
mod shards;

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::Network;
use super::files::write_file;
use super::lengths::in_unit;
use super::nodes::without_isolated;
use super::skeletons::{Skeleton, Skeletons, place};
use crate::error::{Error, Result};
use crate::store::file::write_failed;
use shards::{Sharding, write_shards};

/// Number of skeletons up to which each is a file of its own. File systems and servers have a hard time with more.
const MOST_FILES: usize = 4096;

/// Voxels between the origin and the first voxel up to which vertices are counted from the origin: numbers of 32 bits are then
/// exact to a hundredth of a voxel.
const FAR: f64 = 65_536.0;

/// Writes the skeletons with the radius and the image's value at each vertex, as far as they are known, and the columns of
/// `skeletons.csv` as properties of segments: a file a skeleton, or shards where there are more than [`MOST_FILES`].
/// Besides the network, memory holds the largest skeleton.
pub(super) fn write(network: &Network, folder: &Path, _: usize) -> Result<Vec<String>> {
    write_in(network, folder, MOST_FILES)
}

/// The same, with another number of skeletons up to which each is a file of its own.
pub(super) fn write_in(network: &Network, folder: &Path, most_files: usize) -> Result<Vec<String>> {
    let skeletons = Skeletons::of(network)?;
    let (nanometers, unit) = in_unit(network, "nanometer");
    let scale = network.spacing.0.map(|size| size * nanometers);
    let is_far = network.place.iter().any(|place| place.abs() > FAR);
    let place = if is_far { [0.0; 3] } else { network.place };
    let encoder = Encoder { network, place, scale, nanometers };

    let root = folder.join("precomputed");
    let of_skeletons = root.join("skeletons");
    let of_properties = of_skeletons.join("segment_properties");
    fs::create_dir_all(&of_properties).map_err(|error| write_failed(&error).at(&of_properties))?;
    write_json(&root, &volume(network, scale))?;
    properties::write(network, &skeletons, &of_properties)?;
    let last = skeletons.iter().map(|skeleton| segment(&skeleton)).max().unwrap_or(0);
    let sharding = (skeletons.len() > most_files).then(|| Sharding::for_ids_to(last));
    let mut info = json!({
        "@type": "neuroglancer_skeletons",
        "transform": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
        "vertex_attributes": encoder.attributes(),
        "segment_properties": "segment_properties",
    });
    if is_far {
        let [z, y, x] = std::array::from_fn(|axis| network.place[axis] * scale[axis]);
        info["transform"] = json!([1.0, 0.0, 0.0, x, 0.0, 1.0, 0.0, y, 0.0, 0.0, 1.0, z]);
    }
    match &sharding {
        Some(sharding) => {
            info["sharding"] = sharding.description();
            write_shards(*sharding, &of_skeletons, &skeletons, |skeleton, bytes| encoder.encode(skeleton, bytes))?;
        }
        None => {
            let mut bytes = Vec::new();
            for skeleton in skeletons.iter() {
                encoder.encode(&skeleton, &mut bytes)?;
                write_file(&of_skeletons, &segment(&skeleton).to_string(), |file| file.write_all(&bytes))?;
            }
        }
    }
    write_json(&of_skeletons, &info)?;
    let of_place = "the image lies far from the origin: vertices are counted from its first voxel, and `transform` moves them there";
    let of_place = is_far.then(|| of_place.to_owned());
    Ok(unit.into_iter().chain(of_place).chain(without_isolated(network)).collect())
}

/// The id of a skeleton among segments.
fn segment(skeleton: &Skeleton<'_>) -> u64 {
    u64::from(skeleton.id) + 1
}

fn write_json(folder: &Path, value: &Value) -> Result<()> {
    write_file(folder, "info", |file| write!(file, "{value:#}"))
}

/// The description of a volume without voxels, in which cloud-volume finds the skeletons.
fn volume(network: &Network, scale: [f64; 3]) -> Value {
    let xyz = |values: [f64; 3]| [values[2], values[1], values[0]];
    let whole = |values: [f64; 3]| xyz(values).map(|value| value.round() as i64);
    json!({
        "@type": "neuroglancer_multiscale_volume",
        "type": "segmentation",
        "data_type": "uint64",
        "num_channels": 1,
        "scales": [{
            "key": "no_voxels",
            "size": whole(network.shape.map(|n| n as f64)),
            "voxel_offset": whole(network.place),
            "resolution": xyz(scale),
            "chunk_sizes": [[64, 64, 64]],
            "encoding": "raw",
        }],
        "skeletons": "skeletons",
        "segment_properties": "skeletons/segment_properties",
    })
}

/// Turns skeletons into bytes.
struct Encoder<'n> {
    network: &'n Network,
    /// Where the first voxel is, in voxels.
    place: [f64; 3],
    /// Size of a voxel, in nanometers.
    scale: [f64; 3],
    /// Nanometers of the network's unit.
    nanometers: f64,
}

impl Encoder<'_> {
    /// What is known at vertices: names and types. Neuroglancer takes no other type.
    fn attributes(&self) -> Value {
        let attribute = |id: &str| json!({"id": id, "data_type": "float32", "num_components": 1});
        let known = [("radius", self.network.radii.is_some()), ("pixel_value", self.network.values.is_some())];
        known.into_iter().filter(|(_, known)| *known).map(|(id, _)| attribute(id)).collect()
    }

    /// Numbers of vertices and edges, the vertices' positions, the edges along the branches, and what is known at vertices.
    fn encode(&self, skeleton: &Skeleton<'_>, bytes: &mut Vec<u8>) -> Result<()> {
        let voxels = skeleton.voxels();
        let edges: usize = skeleton.paths().map(|path| path.len().saturating_sub(1)).sum();
        bytes.clear();
        for count in [voxels.len(), edges] {
            let count = u32::try_from(count).map_err(|_| {
                let message =
                    format!("skeleton {} has more vertices or edges than this format's 4294967295", skeleton.id);
                Error::usage(message)
            })?;
            bytes.extend(count.to_le_bytes());
        }
        for &voxel in &voxels {
            let position = self.network.voxels[voxel as usize].position();
            for a in [2, 1, 0] {
                let nanometers = (self.place[a] + position[a] as f64) * self.scale[a];
                bytes.extend((nanometers as f32).to_le_bytes());
            }
        }
        for pair in skeleton.paths().flat_map(|path| path.windows(2)) {
            // Their number fits, as has been found above.
            pair.iter().for_each(|&end| bytes.extend((place(&voxels, end) as u32).to_le_bytes()));
        }
        if self.network.radii.is_some() {
            let radius = |voxel: u32| (self.network.radius(voxel) * self.nanometers) as f32;
            voxels.iter().for_each(|&voxel| bytes.extend(radius(voxel).to_le_bytes()));
        }
        if self.network.values.is_some() {
            voxels.iter().for_each(|&voxel| bytes.extend((self.network.value(voxel) as f32).to_le_bytes()));
        }
        Ok(())
    }
}
