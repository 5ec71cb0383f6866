//! What a worker's part in a sweep holds, as parts that can be written and read again one by one.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Plane, Stage, Sweep};
use crate::error::Result;
use crate::kernel::thin::seam_log::SeamLog;

/// Takes parts, in order.
pub trait SaveParts {
    /// Takes the next part.
    ///
    /// # Errors
    /// If it cannot be saved.
    fn save(&mut self, part: &impl Serialize) -> Result<()>;
}

/// Returns parts in the order in which they were saved.
pub trait LoadParts {
    /// Returns the next part.
    ///
    /// # Errors
    /// If there is none, or another one than this.
    fn load<D: DeserializeOwned>(&mut self) -> Result<D>;
}

/// A sweep but for its stages.
#[derive(Serialize, Deserialize)]
struct Head {
    over: usize,
    around: [usize; 2],
    deleted: u64,
    last: Option<usize>,
    woken: u64,
    /// Whether seam logs follow.
    has_seams: bool,
    stages: usize,
}

impl Sweep {
    /// Saves what the sweep holds, plane by plane. What it knows of planes that wait at other workers is not saved: they have
    /// to tell it again.
    ///
    /// # Errors
    /// Those of `parts`.
    pub fn save(&self, parts: &mut impl SaveParts) -> Result<()> {
        let Sweep { over, around, deleted, last, woken, .. } = *self;
        let writer = self.bench.writer.as_ref();
        let has_seams = writer.is_some();
        parts.save(&Head { over, around, deleted, last, woken, has_seams, stages: self.stages.len() })?;
        if let Some(writer) = writer {
            parts.save(&writer.logs().len())?;
            writer.logs().iter().try_for_each(|log| parts.save(log))?;
        }
        for stage in &self.stages {
            parts.save(stage)?;
            parts.save(&stage.gate.len())?;
            stage.gate.planes().try_for_each(|plane| parts.save(&*plane))?;
            let planes = stage.planes(&self.bench);
            parts.save(&planes.len())?;
            planes.into_iter().try_for_each(|plane| parts.save(&*plane))?;
        }
        Ok(())
    }

    /// Goes on with what a sweep of the same volume, method and workers has saved, in place of what this one holds.
    ///
    /// # Errors
    /// Those of `parts`.
    pub fn resume(&mut self, parts: &mut impl LoadParts) -> Result<()> {
        let Head { over, around, deleted, last, woken, has_seams, stages } = parts.load()?;
        (self.over, self.around, self.deleted, self.last, self.woken) = (over, around, deleted, last, woken);
        if has_seams {
            let logs: Vec<(usize, SeamLog)> = many(parts)?;
            if let Some(writer) = &mut self.bench.writer {
                writer.resume(logs);
            }
        }
        self.stages.clear();
        for _ in 0..stages {
            let mut stage: Stage = parts.load()?;
            stage.gate.set_shelf(self.bench.shelf.as_ref(), &self.bench.layout);
            stage.gate.extend(many::<Plane>(parts)?);
            stage.go_on_with(many(parts)?);
            self.stages.push_back(stage);
        }
        Ok(())
    }
}

/// Parts after their number.
fn many<D: DeserializeOwned>(parts: &mut impl LoadParts) -> Result<Vec<D>> {
    let count: usize = parts.load()?;
    (0..count).map(|_| parts.load()).collect()
}
