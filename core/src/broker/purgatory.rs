//! Requests that wait: `DelayedFetch`, `DelayedProduce`, `DelayedOperationPurgatory`
//! (rules ).
//!
//! Parked requests are found by the partitions they watch. What completes them is decided here;
//! reading and answering is the broker's.

use crate::config::{Acks, Variations};
use crate::engine::ReplyTo;
use crate::epoch::Offset;
use crate::error_code::ErrorCode;
use crate::id::{ConnId, TopicPartition};
use crate::protocol::{FetchAnswer, FetchRequest, ProduceAnswer};
use crate::record::BatchBody;
use crate::replica::Partition;
use crate::time::{Duration, Instant};
use std::sync::Arc;

/// A fetch that waits for data.
#[derive(Clone, Debug)]
pub(super) struct ParkedFetch {
    /// Who waits.
    pub(super) to: ReplyTo,
    /// What for.
    pub(super) request: FetchRequest,
    /// Until when.
    pub(super) deadline: Instant,
}

/// An acks=all produce that waits for its followers.
#[derive(Clone, Debug)]
pub(super) struct ParkedProduce {
    /// Who waits.
    pub(super) to: ReplyTo,
    /// One entry per partition of the request, in its order.
    pub(super) entries: Vec<ParkedEntry>,
    /// Until when.
    pub(super) deadline: Instant,
}

/// One partition of a parked produce.
#[derive(Clone, Debug)]
pub(super) struct ParkedEntry {
    /// The answer, final once `awaits` is `None`.
    pub(super) answer: ProduceAnswer,
    /// The offset the high watermark must reach.
    pub(super) awaits: Option<Offset>,
    /// The batch, for the note.
    pub(super) body: Arc<BatchBody>,
    /// Whom success waits for.
    pub(super) acks: Acks,
}

/// All parked requests, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Purgatory {
    fetches: Vec<ParkedFetch>,
    produces: Vec<ParkedProduce>,
}

impl Purgatory {
    /// Parks a fetch.
    pub(super) fn park_fetch(&mut self, fetch: ParkedFetch) {
        self.fetches.push(fetch);
    }

    /// Parks a produce.
    pub(super) fn park_produce(&mut self, produce: ParkedProduce) {
        assert!(produce.entries.iter().any(|e| e.awaits.is_some()), "it waits for something");
        self.produces.push(produce);
    }

    /// Whether anyone watches `tp`.
    pub(super) fn is_watched(&self, tp: TopicPartition) -> bool {
        self.fetches.iter().any(|f| f.request.partitions.iter().any(|p| p.tp == tp))
            || self.produces.iter().any(|p| p.entries.iter().any(|e| e.answer.tp == tp))
    }

    /// Takes out the first fetch for which `is_done` holds.
    pub(super) fn take_fetch(
        &mut self,
        is_done: impl Fn(&ParkedFetch) -> bool,
    ) -> Option<ParkedFetch> {
        let done = self.fetches.iter().position(is_done)?;
        Some(self.fetches.remove(done))
    }

    /// Lets `settle` finish entries and takes out the first produce that waits for nothing more.
    pub(super) fn take_produce(
        &mut self,
        mut settle: impl FnMut(&mut ParkedEntry),
    ) -> Option<ParkedProduce> {
        let done = self.produces.iter_mut().position(|produce| {
            produce.entries.iter_mut().filter(|e| e.awaits.is_some()).for_each(&mut settle);
            produce.entries.iter().all(|e| e.awaits.is_none())
        })?;
        Some(self.produces.remove(done))
    }

    /// Takes out the first fetch whose time is over.
    pub(super) fn expire_fetch(&mut self, now: Instant) -> Option<ParkedFetch> {
        self.take_fetch(|fetch| fetch.deadline <= now)
    }

    /// Takes out the first produce whose time is over; what was not settled has timed out, and
    /// stays in the log.
    pub(super) fn expire_produce(&mut self, now: Instant) -> Option<ParkedProduce> {
        let due = self.produces.iter().position(|produce| produce.deadline <= now)?;
        let mut produce = self.produces.remove(due);
        for entry in produce.entries.iter_mut().filter(|e| e.awaits.is_some()) {
            entry.awaits = None;
            entry.answer.error = ErrorCode::RequestTimedOut;
        }
        Some(produce)
    }

    /// The client hung up: nobody waits any more.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.fetches.retain(|fetch| fetch.to.conn != conn);
        self.produces.retain(|produce| produce.to.conn != conn);
    }

    /// When the next wait is over.
    pub(super) fn next_deadline(&self) -> Instant {
        let fetches = self.fetches.iter().map(|fetch| fetch.deadline);
        let produces = self.produces.iter().map(|produce| produce.deadline);
        fetches.chain(produces).min().unwrap_or(Instant::NEVER)
    }
}

/// Whether a fetch that found these answers does not wait (`ReplicaManager.fetchMessages`).
pub(super) fn is_answered_at_once(request: &FetchRequest, answers: &[FetchAnswer]) -> bool {
    let bytes: u64 = answers.iter().map(|answer| u64::from(answer.bytes())).sum();
    request.max_wait == Duration::ZERO
        || answers.is_empty()
        || bytes >= u64::from(request.min_bytes)
        || answers.iter().any(|a| a.error != ErrorCode::None || a.diverging.is_some())
}

impl ParkedFetch {
    /// Whether it need not wait any longer. `find` looks a partition up.
    pub(super) fn is_done<'a>(
        &self,
        find: impl Fn(TopicPartition) -> Option<&'a Partition>,
        variations: &Variations,
    ) -> bool {
        let mut bytes = 0;
        for fetch in &self.request.partitions {
            let Some(partition) = find(fetch.tp) else { return true };
            if partition.check_leader_epoch(fetch.current_leader_epoch, variations).is_err() {
                return true;
            }
            // Nothing to wait for: the log was cut, or its watermark is behind what the reader saw.
            let (log, bound) = (partition.log(), partition.read_bound(self.request.reader));
            if bound < fetch.fetch_offset {
                return true;
            }
            if let Some(last) = fetch.last_fetched_epoch
                && variations.divergence_check
                && log
                    .end_offset_for(last)
                    .is_none_or(|end| end.epoch < last || end.end_offset < fetch.fetch_offset)
            {
                return true;
            }
            if fetch.fetch_offset < bound {
                let enough = self.request.min_bytes.saturating_sub(bytes);
                let there = log.file().bytes_between(fetch.fetch_offset, bound, enough);
                bytes += there.min(fetch.max_bytes);
            }
        }
        bytes >= self.request.min_bytes
    }
}
