//! Registration, heartbeats and fencing: `ClusterControlManager` and the broker half of
//! `ReplicationControlManager` (KIP-631, KIP-841).
//!
//! ## Simplified
//! - Cluster ids, features, listeners, racks and log directories are not checked, having no part here.
//! - The epoch of the clean-shutdown marker (previousBrokerEpoch) decides only about eligible leader
//!   replicas, which are not built: every new incarnation is handled as if the old one was fenced.
//! - An incarnation that registers again (its answer was lost) has nothing to amend: no record.
//! - The clean-up of an old incarnation and its successor's registration are one atomic batch.

use super::heartbeats::BrokerControlState;
use super::partitions::leader_and_isr_updates;
use super::{Decision, View};
use crate::epoch::BrokerEpoch;
use crate::error_code::ErrorCode;
use crate::id::NodeId;
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::protocol::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest,
    BrokerRegistrationResponse, Response,
};

/// Refuses an incarnation that is not the registered one (`checkBrokerEpoch`).
pub fn check_broker_epoch(
    image: &MetadataImage,
    broker: NodeId,
    epoch: BrokerEpoch,
) -> Result<(), ErrorCode> {
    match image.brokers.get(&broker) {
        Some(registration) if registration.epoch == epoch => Ok(()),
        Some(_) | None => Err(ErrorCode::StaleBrokerEpoch),
    }
}

/// Registers an incarnation, fenced. It is refused as long as the session of the former one is valid,
/// however that one ended: also after a clean stop (KAFKA-19130 took back what KAFKA-19047 allowed).
pub fn decide_registration(
    view: View<'_>,
    request: &BrokerRegistrationRequest,
) -> Result<Decision, ErrorCode> {
    let BrokerRegistrationRequest { broker, incarnation, .. } = *request;
    let existing = view.image.brokers.get(&broker);
    if let Some(existing) = existing.filter(|existing| existing.incarnation == incarnation) {
        // The answer to its first request was lost. It has its registration.
        return Ok(Decision { records: Vec::new(), answer: registered(existing.epoch) });
    }
    if let Some(existing) = existing
        && view.heartbeats.has_valid_session(broker, existing.epoch, view.now)
    {
        return Err(ErrorCode::DuplicateBrokerRegistration);
    }
    let mut records = Vec::new();
    leader_and_isr_updates(view, Some(broker), None, &mut records);
    // The next write offset, which is that of the first record here, not of RegisterBroker (C-23).
    let epoch = BrokerEpoch(view.image.end_offset.0);
    assert!(existing.is_none_or(|e| e.epoch < epoch), "each incarnation has a higher epoch (C-24)");
    records.push(MetadataRecord::RegisterBroker { broker, incarnation, epoch });
    Ok(Decision { records, answer: registered(epoch) })
}

fn registered(broker_epoch: BrokerEpoch) -> Response {
    BrokerRegistrationResponse { error: ErrorCode::None, broker_epoch }.into()
}

/// Fences, unfences or relieves a broker, as its heartbeat and its state ask for (C-33). Says also
/// what the broker is from now on.
pub fn decide_heartbeat(
    view: View<'_>,
    request: &BrokerHeartbeatRequest,
) -> Result<(Decision, BrokerControlState), ErrorCode> {
    let BrokerHeartbeatRequest { broker, broker_epoch, metadata_offset, .. } = *request;
    check_broker_epoch(view.image, broker, broker_epoch)?;
    let leads = || view.image.partitions().any(|(_, p)| p.leader == Some(broker));
    let (current, next) = view.heartbeats.next_state(view.image, request, leads);
    let records = match next {
        _ if next == current => Vec::new(),
        BrokerControlState::Fenced | BrokerControlState::ShutdownNow => fence(view, broker),
        BrokerControlState::Unfenced => unfence(view, broker),
        BrokerControlState::ControlledShutdown => relieve(view, broker),
    };
    let registered_at = view.image.brokers[&broker].registered_at;
    let answer = BrokerHeartbeatResponse {
        error: ErrorCode::None,
        is_caught_up: metadata_offset > registered_at,
        is_fenced: matches!(next, BrokerControlState::Fenced | BrokerControlState::ShutdownNow),
        should_shut_down: next == BrokerControlState::ShutdownNow,
    };
    Ok((Decision { records, answer: answer.into() }, next))
}

/// Takes a broker out of every ISR and leadership, then fences it: in this order, so that nobody
/// ever sees a fenced leader (`handleBrokerFenced`).
pub fn fence(view: View<'_>, broker: NodeId) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    leader_and_isr_updates(view, Some(broker), None, &mut records);
    records.push(registration_change(view.image, broker, Some(true), false));
    records
}

/// Unfences a broker, then elects it where there is no leader and it is a candidate (C-35).
fn unfence(view: View<'_>, broker: NodeId) -> Vec<MetadataRecord> {
    let mut records = vec![registration_change(view.image, broker, Some(false), false)];
    leader_and_isr_updates(view, None, Some(broker), &mut records);
    records
}

/// Marks a broker as stopping, then takes it out of every ISR and leadership (C-60). From the mark
/// on it is not eligible, so that no leader adds it again meanwhile (KIP-841).
fn relieve(view: View<'_>, broker: NodeId) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    if !view.image.brokers[&broker].in_controlled_shutdown {
        records.push(registration_change(view.image, broker, None, true));
    }
    leader_and_isr_updates(view, Some(broker), None, &mut records);
    records
}

fn registration_change(
    image: &MetadataImage,
    broker: NodeId,
    fenced: Option<bool>,
    in_controlled_shutdown: bool,
) -> MetadataRecord {
    let epoch = image.brokers[&broker].epoch;
    MetadataRecord::BrokerRegistrationChange { broker, epoch, fenced, in_controlled_shutdown }
}
