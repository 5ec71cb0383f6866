//! The options of a run where none are given.

use std::path::PathBuf;

use super::{BranchColour, CONNECT_TIMEOUT, ColumnSet, ForegroundOptions, ImageOptions, PictureFormat, RunOptions};

impl RunOptions {
    /// A run on an image into a folder.
    pub(crate) fn of(image: ImageOptions, out: PathBuf) -> RunOptions {
        RunOptions {
            image,
            out,
            export: Vec::new(),
            foreground: ForegroundOptions::default(),
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
            labels: false,
            intensity: None,
            atlas: None,
            atlas_names: None,
            picture_colour: BranchColour::Kind,
            picture_size: None,
            picture_format: PictureFormat::Png,
            prune: None,
            prune_ratio: None,
            keep_border: false,
            longest_path: false,
            objects: false,
            object_labels: false,
            overwrite: false,
            strict: false,
            quiet: false,
        }
    }
}
