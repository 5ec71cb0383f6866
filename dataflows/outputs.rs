//! What a run writes.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use anabranch::error::{Error, Kind, Result};
use anabranch::grid::Grid;
use anabranch::space::Region;
use anabranch::table::Table;
use anabranch::table::csv::write_csv;
use anabranch::table::ranks::Ranks;
use anabranch::table::row::{Frame, Measures};
use anabranch::table::statistics::Statistics;
use anabranch::table::summary::{Summary, Totals};

use crate::analysis::{Report, Store};
use crate::plan::Plan;

pub fn skeleton_array(plan: &Plan, out: &Path) -> Result<(Grid, Store)> {
    let shape = plan.source.description().shape;
    let d = plan.dimensions();
    let chunk: [usize; 3] = std::array::from_fn(|a| shape[a].min(if d == 2 { 1024 } else { 128 }));
    let grid = Grid::new(Region::of_shape(shape), chunk);
    let failed = |e: String| Error::new(Kind::Io, "could not be written").at(out).because(e);
    fs::create_dir_all(out).map_err(|e| failed(e.to_string()))?;
    let store = Arc::new(
        zarrs::filesystem::FilesystemStore::new(out.join("skeleton.zarr")).map_err(|e| failed(e.to_string()))?,
    );
    let array = zarrs::array::ArrayBuilder::new(
        shape[3 - d..].iter().map(|&n| n as u64).collect::<Vec<_>>(),
        chunk[3 - d..].iter().map(|&n| n as u64).collect::<Vec<_>>(),
        zarrs::array::data_type::uint8(),
        0u8,
    )
    .bytes_to_bytes_codecs(vec![Arc::new(zarrs::array::codec::ZstdCodec::new(1, false))])
    .build(store, "/")
    .map_err(|e| failed(e.to_string()))?;
    array.store_metadata().map_err(|e| failed(e.to_string()))?;
    let out = out.to_path_buf();
    Ok((
        grid,
        Arc::new(move |id, voxels| {
            let region = grid.region(id);
            let mut values = vec![0u8; chunk.iter().product()];
            for voxel in voxels {
                let p = voxel.position();
                let at: [usize; 3] = std::array::from_fn(|a| (p[a] - region.min[a]) as usize);
                values[(at[0] * chunk[1] + at[1]) * chunk[2] + at[2]] = 1;
            }
            let place = id.place();
            let index: Vec<u64> = place[3 - d..].iter().map(|&p| p as u64).collect();
            array
                .store_chunk(&index, &values)
                .map_err(|e| Error::new(Kind::Io, "could not be written").at(&out).because(e))
        }),
    ))
}

pub fn write(plan: &Plan, out: &Path, reports: &[Report]) -> Result<()> {
    let t = std::time::Instant::now();
    let failed = |e: std::io::Error| Error::new(Kind::Io, "could not be written").at(out).because(e);
    let report = &reports[0];
    let ranks = Ranks::new(report.skeletons.iter().map(|(id, skeleton)| (*id, &skeleton.voxels[..])), &plan.grid);
    let isolated: Vec<_> = report.isolated.iter().flat_map(|voxels| voxels.iter().copied()).collect();
    let mut table = Table::new(report.branches.iter().flat_map(|list| list.iter()), &isolated, &ranks);
    let frame = Frame { dimensions: plan.dimensions(), spacing: plan.spacing, origin: [0; 3] };
    let file = BufWriter::new(File::create(out.join("branches.csv")).map_err(failed)?);
    eprintln!("table {:?}", t.elapsed());
    write_csv(table.rows(frame), &frame, file).map_err(failed)?;
    eprintln!("csv {:?}", t.elapsed());
    let mut statistics = Statistics::default();
    for list in &report.branches {
        for branch in list.iter() {
            statistics.add(&Measures::new(branch, &frame));
        }
    }
    let totals = Totals {
        skeletons: table.skeletons(),
        skeleton_voxels: table.voxels(),
        foreground_voxels: reports.iter().map(|r| r.foreground).sum(),
        voxels: plan.grid.bounds().volume() as u64,
    };
    let summary = Summary::new((), &totals, &mut statistics).to_json()?;
    fs::write(out.join("summary.json"), summary).map_err(failed)?;
    eprintln!("summary {:?}", t.elapsed());
    Ok(())
}
