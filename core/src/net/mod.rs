//! The asking side of the network: one connection to one peer, its retries and its time-outs.

mod backoff;
mod channel;

pub use backoff::Backoff;
pub use channel::{Channel, ChannelConfig, ConnIds};
