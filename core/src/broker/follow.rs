//! What a broker does with its fetchers' answers and with its in-sync replicas:
//! `AbstractFetcherThread.processFetchRequest`, `ReplicaManager.maybeShrinkIsr` (rules,
//!

use super::fetcher::{Asked, FetchState, Fetched, Fetcher};
use super::work::Lane;
use super::{AnswerId, Broker, FetchedData, Work};
use crate::engine::Effects;
use crate::epoch::{LeaderEpoch, Offset};
use crate::error_code::ErrorCode;
use crate::id::{NodeId, TopicPartition};
use crate::protocol::{
    AlterPartitionAnswer, AlterPartitionItem, FetchAnswer, FetchResponse, ListOffsetsResponse,
    OffsetSpec, ReplicaReader,
};
use crate::replica::{AlterOutcome, Partition, truncation_point};
use crate::time::{Duration, Instant};

impl Broker {
    // ---- fetchers ------------------------------------------------------------------------------

    /// Copies `tp` from `leader` from now on. A log without epochs starts at its high watermark.
    pub(super) fn start_fetching(
        &mut self,
        now: Instant,
        tp: TopicPartition,
        leader: NodeId,
        leader_epoch: LeaderEpoch,
        fx: &mut Effects,
    ) {
        let partition = self.replicas.get_mut(tp).expect("a followed partition is hosted");
        if partition.log().epochs().latest().is_none() {
            let high_watermark = partition.log().high_watermark();
            partition.truncate(high_watermark, fx);
        }
        let fetched = fetch_position(partition, leader_epoch);
        if !self.fetchers.iter().any(|fetcher| fetcher.leader() == leader) {
            let timeout = self.replicas.config().replica_socket_timeout;
            let channel = self.channel(leader, "fetcher", timeout);
            let place = self.fetchers.partition_point(|fetcher| fetcher.leader() < leader);
            self.fetchers.insert(place, Fetcher::new(channel));
        }
        let fetcher = self.fetchers.iter_mut().find(|fetcher| fetcher.leader() == leader);
        fetcher.expect("just made").add(fetched);
        self.fetch_on(now, leader, fx);
    }

    /// No fetcher copies `tp` any longer.
    pub(super) fn stop_fetching(&mut self, tp: TopicPartition) {
        for fetcher in &mut self.fetchers {
            fetcher.remove(tp);
        }
    }

    /// Fetchers with nothing left to copy hang up.
    pub(super) fn retire_fetchers(&mut self, now: Instant, fx: &mut Effects) {
        for fetcher in self.fetchers.iter_mut().filter(|f| f.partitions().is_empty()) {
            fetcher.channel().close(now, fx);
        }
        self.fetchers.retain(|fetcher| !fetcher.partitions().is_empty());
    }

    /// Lets the fetcher for `leader` send what it can.
    pub(super) fn fetch_on(&mut self, now: Instant, leader: NodeId, fx: &mut Effects) {
        let Some(epoch) = self.broker_epoch() else { return };
        let reader = ReplicaReader { broker: self.me, epoch };
        let config = self.replicas.config();
        if let Some(fetcher) = self.fetchers.iter_mut().find(|f| f.leader() == leader) {
            fetcher.go_on(now, reader, config, &mut self.ids, fx);
        }
    }

    /// A leader answered a fetch: apply it, and fetch on.
    pub(super) fn on_fetched(
        &mut self,
        now: Instant,
        (conn, correlation): AnswerId,
        response: FetchResponse,
        fx: &mut Effects,
    ) {
        let Some(place) = self.fetchers.iter().position(|fetcher| fetcher.owns(conn)) else {
            return;
        };
        let fetcher = &mut self.fetchers[place];
        let leader = fetcher.leader();
        let Some(Asked::Fetch(asked)) = fetcher.channel().on_response(conn, correlation) else {
            return;
        };
        assert_eq!(asked.len(), response.partitions.len(), "one answer per partition asked for");
        let data = FetchedData { asked, response };
        let delay = fx.disk_delay();
        let has_data = data.response.partitions.iter().any(|answer| answer.bytes() > 0);
        if delay == Duration::ZERO || !has_data {
            return self.apply_fetched_data(now, leader, data, fx);
        }
        fetcher.wait_for_disk(now + delay);
        let work = Work::ApplyFetched(leader, data);
        self.work.push_at(now, Lane::Fetcher(leader), now + delay, fx.input(), work);
    }

    /// Takes in what `leader` sent, and fetches on.
    pub(super) fn apply_fetched_data(
        &mut self,
        now: Instant,
        leader: NodeId,
        FetchedData { asked, response }: FetchedData,
        fx: &mut Effects,
    ) {
        let Some(place) = self.fetchers.iter().position(|f| f.leader() == leader) else { return };
        for ((tp, offset, leader_epoch), answer) in asked.into_iter().zip(response.partitions) {
            assert_eq!(tp, answer.tp, "answers come in the order of the request");
            let current = self.fetchers[place].get_mut(tp);
            // An answer to a former epoch or position says nothing about this one.
            let is_current = current.is_some_and(|fetched| {
                fetched.state == FetchState::Fetching
                    && fetched.offset == offset
                    && fetched.leader_epoch == leader_epoch
            });
            if is_current {
                self.apply_fetched(now, place, leader_epoch, answer, fx);
            }
        }
        self.fetch_on(now, leader, fx);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other errors pass with time (R-35)")]
    fn apply_fetched(
        &mut self,
        now: Instant,
        place: usize,
        leader_epoch: LeaderEpoch,
        answer: FetchAnswer,
        fx: &mut Effects,
    ) {
        let tp = answer.tp;
        let backoff = self.replicas.config().replica_fetch_backoff;
        let variations = self.replicas.variations().clone();
        let partition = self.replicas.get_mut(tp).expect("a fetched partition is hosted");
        let state = match answer.error {
            ErrorCode::None => match answer.diverging {
                Some(diverging) => {
                    let to = truncation_point(partition.log(), diverging);
                    partition.truncate(to, fx);
                    FetchState::Fetching
                }
                None => {
                    let watermark = answer.high_watermark;
                    let batches = answer.batches;
                    partition.append_as_follower(batches, watermark, leader_epoch, &variations, fx);
                    FetchState::Fetching
                }
            },
            ErrorCode::OffsetOutOfRange => FetchState::OutOfRange(OffsetSpec::Latest),
            ErrorCode::FencedLeaderEpoch | ErrorCode::KafkaStorageError => FetchState::Failed,
            _ => FetchState::Delayed(now + backoff),
        };
        let position = fetch_position(partition, leader_epoch);
        let fetched = self.fetchers[place].get_mut(tp).expect("checked by the caller");
        *fetched = Fetched { state, ..position };
    }

    /// A leader said where its log ends or starts, because this one's is out of range.
    pub(super) fn on_offsets(
        &mut self,
        now: Instant,
        (conn, correlation): AnswerId,
        response: &ListOffsetsResponse,
        fx: &mut Effects,
    ) {
        let Some(place) = self.fetchers.iter().position(|fetcher| fetcher.owns(conn)) else {
            return;
        };
        let asked = self.fetchers[place].channel().on_response(conn, correlation);
        let Some(Asked::Offsets(tp, spec, epoch)) = asked else { return };
        let backoff = self.replicas.config().replica_fetch_backoff;
        let answer = response.partitions.first().expect("one question, one answer");
        let leader = self.fetchers[place].leader();
        let is_current = self.fetchers[place].get_mut(tp).is_some_and(|fetched| {
            fetched.leader_epoch == epoch && fetched.state == FetchState::OutOfRange(spec)
        });
        if is_current {
            let partition = self.replicas.get_mut(tp).expect("a fetched partition is hosted");
            let (state, cut) = if answer.error == ErrorCode::None {
                after_out_of_range(spec, answer.offset, partition.log().end())
            } else {
                (FetchState::Delayed(now + backoff), None)
            };
            if let Some(to) = cut {
                partition.truncate(to, fx);
            }
            let position = fetch_position(partition, epoch);
            let fetched = self.fetchers[place].get_mut(tp).expect("just seen");
            *fetched = Fetched { state, ..position };
        }
        self.fetch_on(now, leader, fx);
    }

    // ---- in-sync replicas ----------------------------------------------------------------------

    /// Looks for followers that lag, in every partition this broker leads.
    pub(super) fn propose_shrinks(&mut self, now: Instant, fx: &mut Effects) {
        let led: Vec<_> =
            self.replicas.iter().filter(|p| p.leadership().is_some()).map(Partition::tp).collect();
        for tp in led {
            let (partition, view) = self.replicas.get_with_view(tp, now);
            let item = partition.and_then(|partition| partition.propose_shrink(view, fx));
            if let Some(item) = item {
                self.submit(now, item, fx);
            }
        }
    }

    /// Hands a proposal on. If an older one of the same partition is still on its way, this one is
    /// not attempted and the leader stays with its last committed set.
    pub(super) fn submit(&mut self, now: Instant, item: AlterPartitionItem, fx: &mut Effects) {
        let tp = item.tp;
        if !self.alter.submit(now, item, &mut self.ids, fx) {
            self.replicas.get_mut(tp).expect("it proposed").withdraw_proposal();
        }
    }

    /// The controller decided on proposals.
    pub(super) fn on_alter_answers(
        &mut self,
        now: Instant,
        decided: Vec<(AlterPartitionItem, AlterPartitionAnswer)>,
        fx: &mut Effects,
    ) {
        for (sent, answer) in decided {
            let tp = sent.tp;
            let (partition, view) = self.replicas.get_with_view(tp, now);
            let Some(partition) = partition else { continue };
            match partition.on_alter_answer(&sent, &answer, view, fx) {
                AlterOutcome::Settled => {}
                AlterOutcome::WatermarkMoved => self.complete_later(now, tp, fx),
                AlterOutcome::SendAgain => self.submit(now, sent, fx),
            }
        }
    }
}

/// How a follower goes on that was out of range of its leader, now that it knows where that one's log
/// ends or starts; and to where it cuts its own, which ends at `end` (`fetchOffsetAndTruncate`).
fn after_out_of_range(
    spec: OffsetSpec,
    leader: Offset,
    end: Offset,
) -> (FetchState, Option<Offset>) {
    match spec {
        OffsetSpec::Latest if leader < end => (FetchState::Fetching, Some(leader)),
        // It has grown since.
        OffsetSpec::Latest => (FetchState::OutOfRange(OffsetSpec::Earliest), None),
        // It reaches from its start to this log's end or further: go on from here at once. (A log that
        // starts beyond needs retention or DeleteRecords, which come later.)
        OffsetSpec::Earliest => (FetchState::Fetching, None),
    }
}

/// Where a follower of `leader_epoch` goes on: at its log end.
fn fetch_position(partition: &Partition, leader_epoch: LeaderEpoch) -> Fetched {
    let (log, state) = (partition.log(), FetchState::Fetching);
    let offset: Offset = log.end();
    let last_epoch = log.epochs().latest();
    Fetched { tp: partition.tp(), leader_epoch, offset, last_epoch, state }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_range_of_a_shorter_log_cuts_and_of_a_longer_one_goes_on_at_once() {
        let (shorter, end, longer) = (Offset(4), Offset(7), Offset(9));
        let cut = after_out_of_range(OffsetSpec::Latest, shorter, end);
        assert_eq!(cut, (FetchState::Fetching, Some(shorter)));
        for leader in [end, longer] {
            let ask = after_out_of_range(OffsetSpec::Latest, leader, end);
            assert_eq!(ask, (FetchState::OutOfRange(OffsetSpec::Earliest), None));
        }
        let go_on = after_out_of_range(OffsetSpec::Earliest, Offset::ZERO, end);
        assert_eq!(go_on, (FetchState::Fetching, None), "without a rest");
    }
}
