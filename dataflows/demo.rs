//! `anabranch demo`: phantom, run and summary in one go.

use std::fs;

use anabranch::error::{Error, Kind, Result};

use crate::arguments::{DemoOptions, PhantomOptions, RunOptions};
use crate::phantom::phantom;
use crate::run::run;

/// Makes a phantom, analyses it, and says where to look. Results of an earlier demo are replaced.
pub(crate) fn demo(options: &DemoOptions) -> Result<()> {
    let input = options.out.join("phantom.zarr");
    let results = options.out.join("results");
    if input.exists() {
        fs::remove_dir_all(&input)
            .map_err(|error| Error::new(Kind::Output, "cannot be replaced; give --out").at(&input).because(error))?;
    }
    phantom(&PhantomOptions {
        out: input.clone(),
        shape: options.shape.clone(),
        seed: options.seed,
        roots: None,
        radius: None,
        gray: false,
        chunk: String::from("64"),
        workers: options.workers,
        quiet: false,
    })?;
    run(&RunOptions {
        input,
        out: results.clone(),
        threshold: None,
        sigma: None,
        method: None,
        spacing: None,
        channel: None,
        time: None,
        region: None,
        chunk: None,
        workers: options.workers,
        memory: None,
        overwrite: true,
        quiet: false,
    })?;
    println!("\nLook at {0}/overview.png, {0}/branches.csv and {0}/summary.json", results.display());
    Ok(())
}
