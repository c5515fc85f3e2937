//! How a consumer finds and keeps its positions: `OffsetFetcher` and `OffsetsForLeaderEpochClient`.
//!
//! Two questions to the leader: where a log starts or ends, for a partition without a usable position
//! (C-41), and where the epoch of the last record ends, for a position that was read from another
//! leader or in another epoch (KIP-320).

use super::consumer::{Asked, ConsumerNode};
use super::subscription::{FetchState, Position, Validated};
use crate::config::OffsetReset;
use crate::engine::Effects;
use crate::error_code::ErrorCode;
use crate::event::ClientEvent;
use crate::id::{NodeId, TopicPartition};
use crate::protocol::{
    ListOffsetsAnswer, ListOffsetsPartition, ListOffsetsRequest, OffsetForLeaderEpochAnswer,
    OffsetForLeaderEpochPartition, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetSpec,
};
use crate::time::Instant;
use std::collections::BTreeMap;

impl ConsumerNode {
    /// Asks the leaders where partitions without a position start (C-41).
    pub(super) fn reset_positions(&mut self, now: Instant, fx: &mut Effects) {
        let waiting = self.subscription.iter().filter(|a| a.state == FetchState::AwaitReset);
        let due: Vec<TopicPartition> =
            waiting.filter(|a| a.ask_not_before <= now).map(|a| a.tp).collect();
        let spec = match self.config.auto_offset_reset {
            OffsetReset::Earliest => OffsetSpec::Earliest,
            OffsetReset::Latest => OffsetSpec::Latest,
            OffsetReset::None => {
                // Nothing committed and nothing to fall back on (NoOffsetForPartitionException).
                if let Some(tp) = due.first().filter(|_| self.has_started(now)) {
                    self.fail(*tp, ErrorCode::OffsetOutOfRange, fx);
                }
                return;
            }
        };
        let mut requests: BTreeMap<NodeId, Vec<ListOffsetsPartition>> = BTreeMap::new();
        for tp in due {
            let known = self.metadata.leadership(tp);
            let Some((leader, epoch)) = known.and_then(|known| Some((known.leader?, known.epoch)))
            else {
                self.metadata.request_update();
                continue;
            };
            if self.network.ready(now, leader, fx) {
                let current_leader_epoch = Some(epoch);
                let question = ListOffsetsPartition { tp, current_leader_epoch, spec };
                requests.entry(leader).or_default().push(question);
                self.subscription.hold(tp, now + self.config.request_timeout);
            }
        }
        for (node, partitions) in requests {
            let asked = Asked::ListOffsets(partitions.iter().map(|question| question.tp).collect());
            let request = ListOffsetsRequest { replica: None, partitions };
            self.network.send(now, node, request, asked, fx);
        }
    }

    /// Asks the leaders whether their logs hold everything up to the positions read from others.
    pub(super) fn validate_positions(&mut self, now: Instant, fx: &mut Effects) {
        if !self.has_started(now) {
            return;
        }
        let waiting = self.subscription.iter().filter(|a| a.state == FetchState::AwaitValidation);
        let due: Vec<(TopicPartition, Position)> = waiting
            .filter(|a| a.ask_not_before <= now)
            .map(|a| (a.tp, a.position.expect("it is being validated")))
            .collect();
        let mut requests: BTreeMap<NodeId, Vec<(TopicPartition, Position)>> = BTreeMap::new();
        for (tp, position) in due {
            let (leader, _) = position.source().expect("it has a leader to be compared with");
            if self.network.ready(now, leader, fx) {
                requests.entry(leader).or_default().push((tp, position));
                self.subscription.hold(tp, now + self.config.request_timeout);
            }
        }
        for (node, asked) in requests {
            let question = |(tp, position): &(TopicPartition, Position)| {
                let (_, current_leader_epoch) = position.source().expect("looked at above");
                let leader_epoch = position.epoch.expect("only then it is validated");
                OffsetForLeaderEpochPartition { tp: *tp, current_leader_epoch, leader_epoch }
            };
            let partitions = asked.iter().map(question).collect();
            let request = OffsetForLeaderEpochRequest { partitions };
            self.network.send(now, node, request, Asked::OffsetForLeaderEpoch(asked), fx);
        }
    }

    /// The leaders said where the epochs end; every error is asked again.
    pub(super) fn on_epoch_ends(
        &mut self,
        now: Instant,
        asked: &[(TopicPartition, Position)],
        response: &OffsetForLeaderEpochResponse,
        fx: &mut Effects,
    ) {
        assert!(asked.len() == response.partitions.len(), "one answer per question");
        for ((tp, position), answer) in asked.iter().zip(&response.partitions) {
            assert!(*tp == answer.tp, "answers come in the order of the questions");
            if answer.error == ErrorCode::None {
                self.on_epoch_end(*position, answer, fx);
            } else {
                self.ask_later(now, std::iter::once(*tp));
                self.metadata.request_update();
            }
        }
    }

    /// With a reset policy, whichever, the position moves to where the log differs, and is looked for
    /// anew only if the leader cannot tell; without, `poll` throws (LogTruncationException).
    fn on_epoch_end(
        &mut self,
        asked: Position,
        answer: &OffsetForLeaderEpochAnswer,
        fx: &mut Effects,
    ) {
        let tp = answer.tp;
        let Validated::Truncated(end) = self.subscription.validate(tp, asked, answer.end) else {
            return;
        };
        let (position, diverges_at) = (asked.offset, end.map(|(_, offset)| offset));
        fx.note(ClientEvent::TruncationDetected { tp, position, diverges_at });
        match end {
            _ if self.config.auto_offset_reset == OffsetReset::None => {
                self.truncated.get_or_insert(tp);
            }
            None => self.subscription.await_reset(tp),
            Some((epoch, to)) => {
                self.subscription.move_back(tp, epoch, to);
                fx.note(ClientEvent::PositionReset { tp, to, from: Some(position) });
            }
        }
    }

    /// What was asked about these partitions failed: it is asked again after a pause.
    pub(super) fn ask_later(&mut self, now: Instant, about: impl Iterator<Item = TopicPartition>) {
        for tp in about {
            self.subscription.hold(tp, now + self.config.retry_backoff);
        }
    }

    /// Where a partition starts, or why that cannot be said yet (C-44): every error is asked again.
    pub(super) fn on_offset(&mut self, now: Instant, answer: &ListOffsetsAnswer, fx: &mut Effects) {
        if answer.error == ErrorCode::None {
            let from = self.position(answer.tp);
            let leader = self.metadata.leadership(answer.tp);
            if self.subscription.reset(answer.tp, answer.offset, leader) {
                fx.note(ClientEvent::PositionReset { tp: answer.tp, to: answer.offset, from });
            }
        } else {
            self.ask_later(now, std::iter::once(answer.tp));
            self.metadata.request_update();
        }
    }
}
