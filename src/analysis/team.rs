//! The processes that share an analysis, from the view of one of them.

use std::net::TcpListener;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use timely::communication::WorkerGuards;
use timely::worker::Worker;

use crate::cluster::{Cluster, Membership, Monitor, Traffic, connect};
use crate::error::{Error, Result};
use crate::operators::failure::Failure;
use crate::session::{Follows, SessionBuilder, SharedBuilder};

/// Time between two checks whether workers have ended.
const PAUSE: Duration = Duration::from_millis(20);

/// A process that is connected to the others that share an analysis. The first one writes the outputs.
#[derive(Debug)]
pub struct Team {
    process: usize,
    cluster: Option<Cluster>,
    monitor: Monitor,
    lost: Option<Receiver<Error>>,
}

impl Team {
    /// Connects this process with the others. `membership` holds the values that must not differ between them: see
    /// [`Analysis::agreed`](super::Analysis::agreed).
    ///
    /// # Errors
    /// As [`connect`].
    pub fn connect(listener: TcpListener, membership: &Membership) -> Result<Team> {
        let mut cluster = connect(listener, membership)?;
        let (sender, lost) = channel();
        let monitor = cluster.watch(move |error| {
            // It is not joined when the program ends.
            let _ = sender.send(error);
        })?;
        Ok(Team { process: membership.process, cluster: Some(cluster), monitor, lost: Some(lost) })
    }

    /// Whether this is the process that writes the outputs.
    pub fn is_first(&self) -> bool {
        self.process == 0
    }

    /// The connection to the others, to report an error or the end.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Tells the others that the folder of outputs exists, and the name of its run.
    pub(super) fn say_ready(&self, run: &str) {
        self.monitor.say_ready(run);
    }

    /// Waits until the folder of outputs exists. Returns the name of its run.
    pub(super) fn wait_until_ready(&self) -> Result<String> {
        self.monitor.wait_until_ready(0)
    }

    /// A session whose workers are those of all processes.
    ///
    /// # Errors
    /// `Internal` if they have been used already.
    pub fn share(&mut self, builder: SessionBuilder<Follows>) -> Result<SharedBuilder> {
        match (self.cluster.take(), self.lost.take()) {
            (Some(cluster), Some(lost)) => Ok(builder.among(cluster, lost)),
            _ => Err(runs_once()),
        }
    }

    /// Runs a closure on the workers of all processes. Returns its results on this process's workers, and the bytes of
    /// records that this process has sent.
    pub(super) fn execute<T: Send + 'static>(
        &mut self,
        workers: usize,
        failure: &Failure,
        logic: impl Fn(&mut Worker) -> T + Send + Sync + 'static,
    ) -> Result<(Vec<std::result::Result<T, String>>, u64)> {
        let cluster = self.cluster.take().ok_or_else(runs_once)?;
        let traffic = cluster.traffic();
        let guards = cluster.execute(workers, logic)?;
        let result = self.join(guards, traffic, failure);
        if let Err(error) = &result {
            // Reading and writing end here and then elsewhere before the folder of outputs is removed.
            failure.report(error.clone());
            self.monitor.fail(error);
        }
        result
    }

    /// Waits for the workers, for an error of theirs, or for the end of another process. Workers that wait for a
    /// process that is gone never end, and are left behind.
    fn join<T: Send + 'static>(
        &self,
        guards: WorkerGuards<T>,
        traffic: Traffic,
        failure: &Failure,
    ) -> Result<(Vec<std::result::Result<T, String>>, u64)> {
        let (done, workers) = channel();
        std::thread::spawn(move || {
            // It is not joined when the program ends.
            let _ = done.send(guards.join());
        });
        loop {
            match workers.recv_timeout(PAUSE) {
                Ok(results) => return Ok((results, traffic.sent())),
                Err(RecvTimeoutError::Disconnected) => return Err(Error::internal("the workers cannot be joined")),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(error) = failure.happened().then(|| failure.take()).flatten() {
                return Err(error);
            }
            if let Some(Ok(error)) = self.lost.as_ref().map(Receiver::try_recv) {
                return Err(error);
            }
        }
    }

    /// Waits until all others have done their part without an error. Returns the bytes of records that they have sent.
    ///
    /// # Errors
    /// The error of another process.
    pub fn wait_for_others(&self) -> Result<u64> {
        self.monitor.wait_for_peers()
    }

    /// Reports that this process's part has ended without an error, and how many bytes of records it has sent.
    pub fn say_goodbye(&self, sent: u64) {
        self.monitor.say_goodbye(sent);
    }
}

fn runs_once() -> Error {
    Error::internal("a cluster runs once")
}
