//! A worker's part in a thinning by planes, and the letters between workers.

use serde::{Deserialize, Serialize};

use crate::operators::thin::WatchThinning;

/// A message of a worker to another one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Letter<C> {
    pub(super) to: usize,
    /// The number of its time.
    pub(super) time: u64,
    /// `None` if the sender gives up because an error was reported.
    pub(super) content: Option<C>,
}

/// Sends letters about a time.
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

/// One worker's part in the work of a time.
pub(super) trait Part {
    /// The records that come in.
    type Record: Clone + 'static;
    /// The content of letters between workers.
    type Content: timely::ExchangeData;
    /// The results.
    type Result: Clone + 'static;

    /// Takes in a record.
    fn take(&mut self, record: Self::Record, post: &mut Post<impl FnMut(Letter<Self::Content>)>);

    /// Called when there are no more records; may be called again.
    fn end(&mut self, post: &mut Post<impl FnMut(Letter<Self::Content>)>);

    /// Takes in a letter of another worker, or of this one.
    fn open(&mut self, content: Self::Content, post: &mut Post<impl FnMut(Letter<Self::Content>)>);

    /// Does some work. Returns whether there is more to do without further letters.
    fn work(&mut self, post: &mut Post<impl FnMut(Letter<Self::Content>)>, watch: &mut impl WatchThinning) -> bool;

    /// Some of the results that there are.
    fn results(&mut self) -> Vec<Self::Result>;

    /// Whether all results have come out, and no other worker needs this one; it is then ready for the next time.
    fn is_over(&mut self) -> bool;
}
