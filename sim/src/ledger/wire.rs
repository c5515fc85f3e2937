//! Which records still have an attempt on its way.
//!
//! With acks=0 the client is told success before the append, and with any acks an older attempt may
//! still lie in front of a cut. A record without a copy is therefore not lost while a produce
//! request with it travels, is held up, lies in the socket of a paused broker, or waits in a
//! broker's connection behind a request that is being served.

use crate::look::Look;
use crate::world::Letter;
use kafkalab_core::event::{Event, ReplicaEvent};
use kafkalab_core::id::RecordId;
use kafkalab_core::protocol::{Body, ProduceRequest, Request};
use std::collections::BTreeSet;

/// Those of `records` that have an attempt on its way.
pub(super) fn on_their_way(look: Look<'_>, records: &BTreeSet<RecordId>) -> BTreeSet<RecordId> {
    let travelling = look.world().undelivered().filter_map(|frame| match &frame.body {
        Body::Request(Request::Produce(request)) => Some(request),
        Body::Request(_) | Body::Response(_) => None,
    });
    let waiting = look.brokers().filter_map(|node| look.broker(node)).flat_map(|broker| {
        broker.waiting_requests().filter_map(|request| match request {
            Request::Produce(request) => Some(request),
            _ => None,
        })
    });
    let ids = |request: &'_ ProduceRequest| {
        let batches = request.partitions.iter();
        let all = batches.flat_map(|batch| batch.body.records.iter().filter_map(|r| r.id));
        all.filter(|id| records.contains(id)).collect::<Vec<_>>()
    };
    travelling.chain(waiting).flat_map(ids).collect()
}

/// Whether a produce request that was just delivered is accounted for: what it brought is in the
/// notes of that input, or it waits and is still on its way. Otherwise the broker hung up on it.
pub(super) fn is_accounted_for(look: Look<'_>, letter: &Letter, notes: &[Event]) -> bool {
    let is_told = |note: &Event| match note {
        Event::Replica(ReplicaEvent::Appended { as_leader, .. }) => *as_leader,
        Event::Replica(
            ReplicaEvent::DuplicateRecognised { .. } | ReplicaEvent::ProduceAnswered { .. },
        ) => true,
        Event::Replica(_) | Event::Client(_) | Event::Controller(_) => false,
    };
    let keeps =
        look.broker(letter.to).is_some_and(|b| b.keeps_waiting(letter.conn, letter.correlation));
    notes.iter().any(is_told) || keeps
}
