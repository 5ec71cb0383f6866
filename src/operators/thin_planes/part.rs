//! What a worker does of a thinning by planes, and what workers tell each other of it.

use serde::{Deserialize, Serialize};

use crate::operators::thin::WatchThinning;

/// What a worker tells another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Letter<C> {
    pub(super) to: usize,
    /// Number of the time that it is about.
    pub(super) time: u64,
    /// `None` if the sender gives up, since an error was reported.
    pub(super) content: Option<C>,
}

/// Where letters about a time go out.
pub(super) struct Post<S> {
    pub(super) time: u64,
    pub(super) send: S,
}

impl<S> Post<S> {
    pub(super) fn send<C>(&mut self, to: usize, content: C)
    where
        S: FnMut(Letter<C>),
    {
        (self.send)(Letter { to, time: self.time, content: Some(content) });
    }
}

/// One worker's part in what is done at a time.
pub(super) trait Part {
    /// What comes in at the time.
    type Record: Clone + 'static;
    /// What workers tell each other of it.
    type Content: timely::ExchangeData;
    /// What comes of it.
    type Result: Clone + 'static;

    /// Takes in a record.
    fn take(&mut self, record: Self::Record, post: &mut Post<impl FnMut(Letter<Self::Content>)>);

    /// There are no more records; may be said again.
    fn end(&mut self, post: &mut Post<impl FnMut(Letter<Self::Content>)>);

    /// Takes in what another worker, or this one, has told.
    fn open(&mut self, content: Self::Content, post: &mut Post<impl FnMut(Letter<Self::Content>)>);

    /// Does some work. Returns whether there is more that waits for nobody.
    fn work(&mut self, post: &mut Post<impl FnMut(Letter<Self::Content>)>, watch: &mut impl WatchThinning) -> bool;

    /// The results, when all is done and nobody needs this worker any more; it is ready for the next time then.
    fn results(&mut self) -> Option<Vec<Self::Result>>;
}
