//! A cluster small enough for a unit test: processes on one clock, links of one millisecond.
//!
//! This is not the simulator: nothing is drawn, lost or slow here. It exists so that core can test
//! its processes against each other without importing the crate that runs worlds.

mod bench;
mod fake_broker;
pub(crate) mod vectors;

pub(crate) use bench::{Bench, CONTROLLER};
pub(crate) use fake_broker::FakeBroker;

use crate::epoch::BrokerEpoch;
use crate::id::{Incarnation, NodeId};
use crate::metadata::{MetadataImage, MetadataRecord};

/// Registers the first life of `broker` with `epoch`, and unfences it.
pub(crate) fn register_unfenced(image: &mut MetadataImage, broker: NodeId, epoch: BrokerEpoch) {
    let incarnation = Incarnation(0);
    image.replay(&MetadataRecord::RegisterBroker { broker, incarnation, epoch });
    let (fenced, in_controlled_shutdown) = (Some(false), false);
    image.replay(&MetadataRecord::BrokerRegistrationChange {
        broker,
        epoch,
        fenced,
        in_controlled_shutdown,
    });
}
