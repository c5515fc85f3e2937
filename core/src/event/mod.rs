//! Every transition an observer can see.
//!
//! A process notes an event inside the function that makes the transition, once, with old and new
//! value. Nobody in core reads events: they feed conditions, the ledger, the invariants and the
//! screens. Each names the partition, record or broker it is about, so that an observer looks only
//! at what was touched.

mod client;
mod controller;
mod replica;

pub use client::ClientEvent;
pub use controller::ControllerEvent;
pub use replica::{LifecycleState, ReplicaEvent};

/// One observable transition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// On a broker.
    Replica(ReplicaEvent),
    /// On the active controller, when committed.
    Controller(ControllerEvent),
    /// On a client.
    Client(ClientEvent),
}

impl From<ReplicaEvent> for Event {
    fn from(event: ReplicaEvent) -> Self {
        Self::Replica(event)
    }
}

impl From<ControllerEvent> for Event {
    fn from(event: ControllerEvent) -> Self {
        Self::Controller(event)
    }
}

impl From<ClientEvent> for Event {
    fn from(event: ClientEvent) -> Self {
        Self::Client(event)
    }
}
