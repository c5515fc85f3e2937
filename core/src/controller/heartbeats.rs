//! Who was heard of when, and what a heartbeat makes of its broker: `BrokerHeartbeatManager` and
//! `BrokerHeartbeatTracker`.
//!
//! ```text
//!            caught up, does not want to be fenced
//!   Fenced ─────────────────────────────────────▶ Unfenced ──── wants to stop, leads ──┐
//!     │ ▲ │                                         │    │                             ▼
//!     │ │ └ session expired (a contact renews it)   │    │ wants to stop,     ControlledShutdown
//!     │ └──────────── wants to be fenced, or silent ┘    │ leads nothing               │ leads nothing,
//!     │ wants to stop                                    ▼                             │ all others know
//!     └─────────────────────────────────────────▶ ShutdownNow ◀────────────────────────┘
//! ```
//! This is soft state: it is not in the metadata log and a new active controller starts without it,
//! which gives every broker that is not fenced a fresh session. A fenced one may register at once.
//!
//! ## Simplified
//! Of several expired sessions the oldest goes first (Kafka before 4.0; since then the order of a hash
//! map). A fenced broker's expired session is forgotten without writing that it is fenced once more.

use crate::epoch::{BrokerEpoch, Offset};
use crate::id::NodeId;
use crate::metadata::MetadataImage;
use crate::protocol::BrokerHeartbeatRequest;
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;

/// How the controller sees a broker that heartbeats (`BrokerControlState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerControlState {
    /// Registered, not serving.
    Fenced,
    /// Serving.
    Unfenced,
    /// Being relieved of its leaderships.
    ControlledShutdown,
    /// Told to stop.
    ShutdownNow,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct BrokerHeartbeatState {
    /// The end of the metadata it last said it had published.
    metadata_offset: Offset,
    /// The end of the records that relieved it; `None` unless it is in controlled shutdown.
    controlled_shutdown_end: Option<Offset>,
}

/// The soft state of the active controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeats {
    session_timeout: Duration,
    contacts: BTreeMap<(NodeId, BrokerEpoch), Instant>,
    brokers: BTreeMap<NodeId, BrokerHeartbeatState>,
}

impl Heartbeats {
    /// Nobody was heard of yet.
    pub const fn new(session_timeout: Duration) -> Self {
        Self { session_timeout, contacts: BTreeMap::new(), brokers: BTreeMap::new() }
    }

    /// How often sessions are looked at: eight times in their length (C-34).
    pub const fn sampling_interval(&self) -> Duration {
        self.session_timeout.div(8)
    }

    /// The controller has become active: every broker that is not fenced gets a fresh session
    /// (KAFKA-19130).
    pub fn activate(&mut self, image: &MetadataImage, now: Instant) {
        *self = Self::new(self.session_timeout);
        for (broker, registration) in image.brokers.iter().filter(|(_, r)| !r.is_fenced) {
            self.contact(*broker, registration.epoch, now);
        }
    }

    /// A heartbeat has arrived, whatever becomes of it (C-32).
    pub fn contact(&mut self, broker: NodeId, epoch: BrokerEpoch, now: Instant) {
        let before = self.contacts.insert((broker, epoch), now);
        assert!(before.is_none_or(|before| before <= now), "time goes forward");
    }

    /// When an incarnation was last heard of, within its session.
    pub fn last_contact(&self, broker: NodeId, epoch: BrokerEpoch) -> Option<Instant> {
        self.contacts.get(&(broker, epoch)).copied()
    }

    /// Whether this incarnation was heard of within its session.
    pub fn has_valid_session(&self, broker: NodeId, epoch: BrokerEpoch, now: Instant) -> bool {
        self.last_contact(broker, epoch).is_some_and(|at| !self.is_expired(at, now))
    }

    /// Kafka compares nanoseconds, and its check runs a little later than it was meant to: a check at
    /// the very end of a session finds it expired.
    fn is_expired(&self, contact: Instant, now: Instant) -> bool {
        contact + self.session_timeout <= now
    }

    /// The longest silent of the incarnations whose session has expired.
    pub fn oldest_expired(&self, now: Instant) -> Option<(NodeId, BrokerEpoch)> {
        let (who, at) = self.contacts.iter().min_by_key(|(who, at)| (**at, **who))?;
        self.is_expired(*at, now).then_some(*who)
    }

    /// Forgets a session.
    pub fn remove_session(&mut self, broker: NodeId, epoch: BrokerEpoch) {
        self.contacts.remove(&(broker, epoch));
    }

    /// A new incarnation was registered: nothing of the old one counts.
    pub fn register(&mut self, broker: NodeId) {
        self.brokers.insert(broker, BrokerHeartbeatState::default());
    }

    /// A heartbeat was decided: what the broker reported, and what it is from now on.
    pub fn touch(&mut self, broker: NodeId, metadata_offset: Offset, is_fenced: bool) {
        let state = self.brokers.entry(broker).or_default();
        state.metadata_offset = metadata_offset;
        if is_fenced {
            // A fenced broker leaves controlled shutdown: its next heartbeat lets it stop at once.
            state.controlled_shutdown_end = None;
        }
    }

    /// A broker is being relieved by records that end at `end`. Only the first time counts.
    pub fn begin_controlled_shutdown(&mut self, broker: NodeId, end: Offset) {
        let state = self.brokers.entry(broker).or_default();
        state.controlled_shutdown_end.get_or_insert(end);
    }

    /// A broker was fenced because it was silent.
    pub fn fence(&mut self, broker: NodeId) {
        self.brokers.entry(broker).or_default().controlled_shutdown_end = None;
    }

    /// The least that any active broker has published; `None` if there is no active broker.
    fn lowest_active_offset(&self, image: &MetadataImage) -> Option<Offset> {
        let reported =
            |broker| self.brokers.get(broker).map_or(Offset::ZERO, |s| s.metadata_offset);
        let active = image.brokers.iter().filter(|(_, registration)| registration.is_active());
        active.map(|(broker, _)| reported(broker)).min()
    }

    /// What `request` makes of its (registered) broker: the state before and after (C-33).
    pub fn next_state(
        &self,
        image: &MetadataImage,
        request: &BrokerHeartbeatRequest,
        leads_a_partition: impl FnOnce() -> bool,
    ) -> (BrokerControlState, BrokerControlState) {
        use BrokerControlState::{ControlledShutdown, Fenced, ShutdownNow, Unfenced};
        let registration = &image.brokers[&request.broker];
        assert_eq!(registration.epoch, request.broker_epoch, "checked before");
        let soft = self.brokers.get(&request.broker).copied().unwrap_or_default();
        if let Some(end) = soft.controlled_shutdown_end {
            let all_know = self.lowest_active_offset(image).is_none_or(|lowest| end <= lowest);
            let is_done = all_know && !leads_a_partition();
            return (ControlledShutdown, if is_done { ShutdownNow } else { ControlledShutdown });
        }
        if registration.is_fenced {
            let is_caught_up = request.metadata_offset > registration.registered_at;
            let next = match (request.wants_shutdown, request.wants_fence) {
                (true, _) => ShutdownNow,
                (false, false) if is_caught_up => Unfenced,
                (false, _) => Fenced,
            };
            return (Fenced, next);
        }
        let next = match (request.wants_shutdown, request.wants_fence) {
            (true, false) if leads_a_partition() => ControlledShutdown,
            (true, _) => ShutdownNow,
            (false, true) => Fenced,
            (false, false) => Unfenced,
        };
        (Unfenced, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Incarnation;
    use crate::metadata::MetadataRecord;
    use BrokerControlState::{ControlledShutdown, Fenced, ShutdownNow, Unfenced};

    const fn b(n: u16) -> NodeId {
        NodeId::broker(n)
    }

    /// b1 and b2, registered at offsets 0 and 1; b2 unfenced, and b1 too if asked.
    fn image(unfenced: bool) -> MetadataImage {
        let mut image = MetadataImage::default();
        for n in [1, 2] {
            let (incarnation, epoch) = (Incarnation(0), BrokerEpoch(u64::from(n) - 1));
            image.replay(&MetadataRecord::RegisterBroker { broker: b(n), incarnation, epoch });
        }
        for n in if unfenced { vec![1, 2] } else { vec![2] } {
            image.replay(&MetadataRecord::BrokerRegistrationChange {
                broker: b(n),
                epoch: BrokerEpoch(u64::from(n) - 1),
                fenced: Some(false),
                in_controlled_shutdown: false,
            });
        }
        image
    }

    /// What a heartbeat of b1 with (metadata offset, wants fence, wants shutdown) makes of it.
    fn next(
        heartbeats: &Heartbeats,
        image: &MetadataImage,
        (offset, wants_fence, wants_shutdown): (u64, bool, bool),
        leads: bool,
    ) -> BrokerControlState {
        let request = BrokerHeartbeatRequest {
            broker: b(1),
            broker_epoch: BrokerEpoch(0),
            metadata_offset: Offset(offset),
            wants_fence,
            wants_shutdown,
        };
        heartbeats.next_state(image, &request, || leads).1
    }

    #[test]
    fn the_table_of_states() {
        let heartbeats = Heartbeats::new(Duration::from_secs(9));
        let fenced = |request| next(&heartbeats, &image(false), request, false);
        assert_eq!(fenced((0, false, false)), Fenced, "not caught up with its registration");
        assert_eq!(fenced((1, false, false)), Unfenced);
        assert_eq!(fenced((1, true, false)), Fenced);
        assert_eq!(fenced((0, true, true)), ShutdownNow);
        let unfenced = |request, leads| next(&heartbeats, &image(true), request, leads);
        assert_eq!(unfenced((1, false, false), true), Unfenced);
        assert_eq!(unfenced((1, true, false), true), Fenced);
        assert_eq!(unfenced((1, true, true), true), ShutdownNow);
        assert_eq!(unfenced((1, false, true), true), ControlledShutdown);
        assert_eq!(unfenced((1, false, true), false), ShutdownNow);
    }

    #[test]
    fn a_stopping_broker_is_let_go_when_it_leads_nothing_and_all_active_ones_know() {
        let mut heartbeats = Heartbeats::new(Duration::from_secs(9));
        let mut image = image(true);
        let epoch = BrokerEpoch(0);
        image.replay(&MetadataRecord::BrokerRegistrationChange {
            broker: b(1),
            epoch,
            fenced: None,
            in_controlled_shutdown: true,
        });
        heartbeats.begin_controlled_shutdown(b(1), Offset(9));
        heartbeats.begin_controlled_shutdown(b(1), Offset(12));
        let stopping = (9, false, true);
        assert_eq!(next(&heartbeats, &image, stopping, false), ControlledShutdown);
        heartbeats.touch(b(2), Offset(8), false);
        assert_eq!(next(&heartbeats, &image, stopping, false), ControlledShutdown);
        heartbeats.touch(b(2), Offset(9), false);
        assert_eq!(next(&heartbeats, &image, stopping, true), ControlledShutdown);
        assert_eq!(next(&heartbeats, &image, stopping, false), ShutdownNow);
    }
}
