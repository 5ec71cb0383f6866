//! Parameters in the form that the processes of a run compare.

use std::path::PathBuf;

use super::described::hash;
use super::{Parameters, Settled, given};
use crate::space::Spacing;
use crate::store::{MosaicOptions, OpenOptions};

impl Settled {
    /// The names and values that must not differ between the processes of a run, besides the image. The spacing and
    /// unit are those that were found, since one process may be given what another one reads.
    pub fn agreed(&self, spacing: Spacing, unit: Option<&str>) -> Vec<(String, String)> {
        let Parameters {
            image,
            sigma: _,
            threshold,
            filters,
            method: _,
            provisional,
            columns,
            prune,
            longest_path,
            objects,
            object_labels,
            connectivity,
        } = &self.asked;
        let OpenOptions {
            channel,
            time,
            region: _,
            axes,
            mask,
            atlas,
            atlas_names,
            labels,
            intensity,
            mosaic,
            spacing: _,
            unit: _,
            cache: _,
            patience: _,
        } = image;
        let is_given = |path: &Option<PathBuf>| if path.is_some() { "given" } else { "not given" }.to_owned();
        let mut agreed = agreed_of_tiles(mosaic);
        agreed.extend([
            ("--channel", given(*channel)),
            ("--time", given(*time)),
            ("--region", given(image.region_text())),
            ("--axes", given(axes.as_ref().map(|names| names.iter().collect::<String>()))),
            // They may lie elsewhere for each process.
            ("--mask", is_given(mask)),
            ("--atlas", is_given(atlas)),
            ("--atlas-names", is_given(atlas_names)),
            ("--intensity", is_given(intensity)),
            ("--labels", labels.to_string()),
            ("the fill value of the input", format!("{:?}", self.form.fill)),
            ("--method", self.method.name().to_owned()),
            ("--sigma", given(self.sigma_text())),
            ("--threshold", format!("{:?}", threshold.as_option(false))),
            ("--below", format!("{:?}", threshold.as_option(true))),
            ("--fill-holes", given(filters.fill_holes)),
            ("--remove-smaller", given(filters.remove_smaller)),
            ("--keep-largest", given(filters.keep_largest)),
            ("--provisional", provisional.to_string()),
            ("--columns", columns.name().to_owned()),
            ("--prune", given(self.pruning.length)),
            ("--prune-ratio", given(prune.ratio)),
            ("--keep-border", prune.keep_border.to_string()),
            ("--longest-path", longest_path.to_string()),
            ("--objects", objects.to_string()),
            ("--object-labels", object_labels.to_string()),
            ("--connectivity", connectivity.neighbours().to_string()),
            ("the spacing of voxels", format!("{:?}", spacing.0)),
            ("the unit of the spacing", given(unit)),
        ]);
        agreed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// How tiles are put together, for processes to compare. Files may lie elsewhere for each of them.
fn agreed_of_tiles(options: &MosaicOptions) -> Vec<(&'static str, String)> {
    let MosaicOptions { order, blend, flip, crop, canvas, background, flat_field, gains, missing: _ } = options;
    let given = |given: bool| if given { "given" } else { "not given" }.to_owned();
    vec![
        ("--order", format!("{order:?}")),
        ("--blend", format!("{blend:?}")),
        ("--flip", format!("{flip:?}")),
        ("--crop", format!("{crop:?}")),
        ("--canvas", format!("{canvas:?}")),
        ("--background", given(background.is_some())),
        ("--flat-field", given(flat_field.is_some())),
        ("the file of --gains", gains.as_deref().map_or_else(|| given(false), |path| format!("{:x?}", hash(path)))),
    ]
}
