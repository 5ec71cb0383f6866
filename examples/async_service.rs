//! A session behind asynchronous code: tasks send chunks and ask questions, and nobody blocks the runtime.
//!
//!     cargo run --release --example async_service

use std::sync::Arc;
use std::time::Duration;

use anabranch::chunk::{Dtype, Voxels};
use anabranch::error::{Error, Result};
use anabranch::grid::{ChunkId, Grid};
use anabranch::kernel::phantom::PhantomTree;
use anabranch::session::{Session, SessionBuilder};
use anabranch::space::Region;
use anabranch::table::summary::Summary;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

const SHAPE: [usize; 3] = [256; 3];
const CHUNK: [usize; 3] = [64; 3];

/// What the service is sent.
enum Request {
    Chunk(ChunkId, Voxels),
    /// What there is by now.
    Question(oneshot::Sender<Summary<()>>),
}

/// Serves until all senders are gone: takes what has come together as one epoch, and answers after it.
async fn serve(session: Session, mut requests: mpsc::Receiver<Request>) -> Result<()> {
    let session = Arc::new(session);
    let mut batch = Vec::new();
    while requests.recv_many(&mut batch, 16).await > 0 {
        let (session, batch) = (Arc::clone(&session), std::mem::take(&mut batch));
        // Inserting may wait for memory, and an epoch for its results: neither is for the runtime's own threads.
        blocking(move || work_off(&session, batch)).await?;
    }
    match Arc::into_inner(session) {
        Some(session) => blocking(|| session.close()).await,
        None => Ok(()),
    }
}

fn work_off(session: &Session, batch: Vec<Request>) -> Result<()> {
    let mut questions = Vec::new();
    for request in batch {
        match request {
            Request::Chunk(id, voxels) => session.insert(id, voxels)?,
            Request::Question(answer) => questions.push(answer),
        }
    }
    session.advance()?;
    for question in questions {
        // Who asked may have stopped waiting.
        let _ = question.send(session.summary(())?);
    }
    Ok(())
}

async fn blocking<R: Send + 'static>(work: impl FnOnce() -> Result<R> + Send + 'static) -> Result<R> {
    spawn_blocking(work).await.map_err(|end| Error::internal("the session's task ended early").because(end))?
}

/// Sends all chunks of an image, as fast as the service takes them.
async fn scan(service: mpsc::Sender<Request>) -> Result<()> {
    let tree = Arc::new(PhantomTree::new(&SHAPE, 7, None, None)?);
    let grid = Grid::new(Region::of_shape(SHAPE), CHUNK);
    for id in grid.chunks() {
        let tree = Arc::clone(&tree);
        let voxels = blocking(move || Ok(Voxels::U8(tree.mask(&grid.region(id))))).await?;
        if service.send(Request::Chunk(id, voxels)).await.is_err() {
            break; // The service has stopped, and says why itself.
        }
    }
    Ok(())
}

async fn ask(service: &mpsc::Sender<Request>) -> Option<Summary<()>> {
    let (answer, summary) = oneshot::channel();
    service.send(Request::Question(answer)).await.ok()?;
    summary.await.ok()
}

fn report(when: &str, summary: &Summary<()>) {
    println!("{when}: {:>5} branches of {:>8.1} voxels in all", summary.branches, summary.total_length);
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let session = SessionBuilder::new(SHAPE, CHUNK, Dtype::U8).workers(2).build()?;
    let (service, requests) = mpsc::channel(16);
    let served = tokio::spawn(serve(session, requests));
    let scanned = tokio::spawn(scan(service.clone()));
    while !scanned.is_finished() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let Some(summary) = ask(&service).await else { break };
        report("while it is scanned", &summary);
    }
    if let Some(summary) = ask(&service).await {
        report("when all is there", &summary);
    }
    drop(service);
    let ended = |end| Error::internal("a task of the example ended early").because(end);
    scanned.await.map_err(ended)??;
    served.await.map_err(ended)?
}
