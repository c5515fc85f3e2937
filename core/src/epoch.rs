//! Offsets and epochs, each its own type: an offset never meets an epoch in arithmetic.

use std::fmt;

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// The first one.
            pub const ZERO: Self = Self(0);

            /// The one after this.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter! {
    /// A position in a log. Ends are exclusive: the log end offset is the next one to be written.
    Offset(u64)
}
counter! {
    /// The leader epoch of a partition: how often its leader was (re)elected (KIP-101).
    LeaderEpoch(u32)
}
counter! {
    /// The partition epoch: how often the controller changed the partition's record (KIP-497).
    PartitionEpoch(u32)
}
counter! {
    /// The broker epoch: the metadata offset at which an incarnation was registered (KIP-380, KIP-841).
    BrokerEpoch(u64)
}
counter! {
    /// The epoch of the metadata quorum: Raft's term (KIP-595).
    QuorumEpoch(u32)
}
counter! {
    /// The epoch of an idempotent producer (KIP-98, KIP-360). At most 32767, as in Kafka.
    ProducerEpoch(i16)
}

impl Offset {
    /// This offset moved up by `n` records.
    #[must_use]
    pub const fn plus(self, n: u64) -> Self {
        Self(self.0 + n)
    }

    /// How many offsets lie in `start..self`; zero if `start` is beyond.
    pub const fn distance_from(self, start: Self) -> u64 {
        self.0.saturating_sub(start.0)
    }
}
