//! The options of a run where none are given.

use std::path::PathBuf;

use super::{BranchColour, CONNECT_TIMEOUT, ColumnSet, FilterOptions, ImageOptions, Neighbours, RunOptions};

impl RunOptions {
    /// A run on an image into a folder.
    pub(crate) fn of(image: ImageOptions, out: PathBuf) -> RunOptions {
        RunOptions {
            image,
            out,
            threshold: None,
            filters: FilterOptions::default(),
            below: None,
            sigma: None,
            method: None,
            chunk: None,
            workers: None,
            processes: None,
            hosts: None,
            process: None,
            secret: None,
            connect_timeout: CONNECT_TIMEOUT,
            member: None,
            memory: None,
            changes: None,
            state: None,
            verify: false,
            provisional: false,
            columns: ColumnSet::All,
            mask: None,
            labels: false,
            intensity: None,
            atlas: None,
            atlas_names: None,
            picture_colour: BranchColour::Kind,
            picture_size: None,
            prune: None,
            prune_ratio: None,
            keep_border: false,
            longest_path: false,
            objects: false,
            object_labels: false,
            connectivity: Neighbours::Corners,
            overwrite: false,
            strict: false,
            quiet: false,
        }
    }
}
