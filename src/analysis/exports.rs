//! Exports of results: networks from folders of outputs, and their files in formats of other programs.

use std::path::Path;

use serde_json::json;

use super::Outputs;
use crate::error::{Error, Result};
use crate::export::network::Told;
use crate::export::{Format, Network};
use crate::store::disk;
use crate::store::file::write_failed;
use crate::store::output::EXPORT_RECORD;

impl Network {
    /// The network of the results in a folder. Finds the paths of branches in the skeleton again, and compares their ends
    /// with the table's; takes time in proportion to the stored skeleton.
    ///
    /// # Errors
    /// `Missing` if an output is not there; `Data` if one is damaged or the outputs are not of one run.
    pub fn open(folder: impl AsRef<Path>) -> Result<Network> {
        Network::of(Outputs::open(folder)?)
    }

    /// The network of results that have been read. The same as [`Network::open`] of their folder.
    ///
    /// # Errors
    /// As [`Network::open`].
    pub fn of(outputs: Outputs) -> Result<Network> {
        let folder = outputs.folder.clone();
        let voxels = outputs.skeleton_voxels()?;
        if u32::try_from(voxels.len()).is_err() {
            let message = format!(
                "has {} skeleton voxels, and an export fewer than 2^32; export parts, with --region",
                voxels.len()
            );
            return Err(Error::data(message).at(&folder));
        }
        let (radii, values) = outputs.voxel_values(voxels.len())?;
        let told = Told {
            image: outputs.run["input"].as_str().unwrap_or_default().to_owned(),
            parameters: outputs.parameters().clone(),
            labelled: outputs.parameters()["labels"] == true,
            radii,
            values,
            branches: outputs.table,
            nodes: outputs.nodes,
            skeletons: outputs.skeletons,
        };
        Network::new(&*outputs.skeleton, voxels, told).map_err(|error| error.at(folder))
    }

    /// Writes the network in several formats into a folder that exists and is empty, and a record of them. Returns what the
    /// formats cannot hold of it, each a sentence.
    ///
    /// # Errors
    /// As [`Format::write`].
    pub fn export(&self, formats: &[Format], folder: &Path, threads: usize) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        for format in formats {
            let of_format = format.write(self, folder, threads)?;
            notes.extend(of_format.into_iter().map(|note| format!("{}: {note}", format.name())));
        }
        let names: Vec<&str> = formats.iter().map(|format| format.name()).collect();
        let record = json!({
            "program": "anabranch",
            "version": env!("CARGO_PKG_VERSION"),
            "image": self.image,
            "unit": self.unit,
            "formats": names,
            "notes": notes,
        });
        let path = folder.join(EXPORT_RECORD);
        disk::write(&path, format!("{record:#}").as_bytes()).map_err(|error| write_failed(&error).at(&path))?;
        Ok(notes)
    }
}
