//! `anabranch demo`: phantom, run and summary in one go.

use anabranch::error::Result;

use crate::apart;
use crate::arguments::{
    BranchColour, DEMO_SHAPE, DemoOptions, ImageOptions, OutputOptions, PhantomOptions, ResourceOptions, RunOptions,
};
use crate::phantom;
use crate::run::run;
use crate::terminal::print;

/// Radius of the thickest tube of the demo's own shape.
const RADIUS: f64 = 11.0;

/// Makes a phantom, analyses it, and names the results. Replaces the results of an earlier demo.
pub(crate) fn demo(options: &DemoOptions) -> Result<()> {
    let input = options.out.join("phantom.zarr");
    let results = options.out.join("results");
    apart::of_two((&input, "the phantom"), (&results, "the folder of the outputs", "--out"))?;
    let made = PhantomOptions {
        out: input.clone(),
        shape: Some(options.shape.clone()),
        seed: options.seed,
        // One tree that a user can follow by eye.
        roots: Some(1),
        radius: (options.shape == DEMO_SHAPE).then_some(RADIUS),
        gray: false,
        chunk: None,
        tiles: None,
        tile_shape: None,
        overlap: None,
        jitter: None,
        rotation: None,
        workers: options.workers,
        quiet: false,
    };
    phantom::make(&made, true)?;
    run(&RunOptions {
        picture_colour: BranchColour::Radius,
        output: OutputOptions { overwrite: true, ..OutputOptions::default() },
        resources: ResourceOptions { workers: options.workers, ..ResourceOptions::default() },
        ..RunOptions::of(ImageOptions::of(input), results.clone())
    })?;
    print(&format!("The picture is {}\n", results.join("overview.png").display()), false);
    Ok(())
}
