//! A session behind asynchronous code: one task inserts chunks, another awaits epochs, and queries are answered at
//! once.
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
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

const SHAPE: [usize; 3] = [256; 3];
const CHUNK: [usize; 3] = [64; 3];

/// Closes an epoch whenever chunks have arrived, until the channel is closed.
async fn keep_up(session: Arc<Session>, mut chunks: mpsc::Receiver<ChunkId>) -> Result<()> {
    let mut batch = Vec::new();
    while chunks.recv_many(&mut batch, 64).await > 0 {
        let epoch = session.begin().await?;
        println!("{} chunks have come, {} rows have changed", batch.len(), epoch.changes.len());
        batch.clear();
    }
    Ok(())
}

/// Inserts all chunks of an image, and sends their identifiers.
async fn scan(session: Arc<Session>, chunks: mpsc::Sender<ChunkId>) -> Result<()> {
    let tree = Arc::new(PhantomTree::new(&SHAPE, 7, None, None)?);
    let grid = Grid::new(Region::of_shape(SHAPE), CHUNK);
    for id in grid.chunks() {
        let (session, tree) = (Arc::clone(&session), Arc::clone(&tree));
        // An insertion may wait for memory, and must not block the threads of the runtime.
        blocking(move || session.insert(id, Voxels::U8(tree.mask(&grid.region(id))))).await?;
        if chunks.send(id).await.is_err() {
            break; // keep_up has stopped, and returns the reason itself.
        }
    }
    Ok(())
}

async fn blocking<R: Send + 'static>(work: impl FnOnce() -> Result<R> + Send + 'static) -> Result<R> {
    spawn_blocking(work).await.map_err(ended_early)?
}

fn ended_early(end: tokio::task::JoinError) -> Error {
    Error::internal("a task of the example ended early").because(end)
}

fn report(when: &str, session: &Session) {
    // Never waits: these are the results of the last epoch that has ended.
    let summary = session.summary(());
    println!("{when}: {:>5} branches of {:>8.1} voxels in all", summary.branches, summary.total_length);
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let session = Arc::new(SessionBuilder::new(SHAPE, CHUNK, Dtype::U8).workers(2).build()?);
    let (sender, chunks) = mpsc::channel(64);
    let keeping_up = tokio::spawn(keep_up(Arc::clone(&session), chunks));
    let scanned = tokio::spawn(scan(Arc::clone(&session), sender));
    while !keeping_up.is_finished() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        report("while it is scanned", &session);
    }
    scanned.await.map_err(ended_early)??;
    keeping_up.await.map_err(ended_early)??;
    report("when all is there", &session);
    match Arc::into_inner(session) {
        Some(session) => blocking(|| session.close()).await,
        None => Ok(()),
    }
}
