//! Where a world of ours differs from a Kafka cluster nobody has configured: said, never hidden.

/// One difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The setting, or what is concerned.
    pub what: &'static str,
    /// Kafka's default.
    pub kafka: &'static str,
    /// Ours.
    pub here: &'static str,
    /// The reason.
    pub why: &'static str,
}

/// Every difference, whether or not a scenario meets it.
pub const DIFFERENCES: [Difference; 5] = [
    Difference {
        what: "offsets.topic.replication.factor",
        kafka: "3",
        here: "3, or the number of brokers if there are fewer",
        why: "as Kafka's shipped properties do for one broker",
    },
    Difference {
        what: "placement of replicas",
        kafka: "starts at a random broker",
        here: "replica r of partition p is on broker 1 + (p + r) mod brokers",
        why: "a lesson knows its first leader",
    },
    Difference {
        what: "eligible leader replicas",
        kafka: "on for new clusters since 4.1",
        here: "off",
        why: "not built yet",
    },
    Difference {
        what: "first position of a consumer",
        kafka: "resolved when it first polls",
        here: "resolved before t = 0, unless `start` is set",
        why: "no record is missed because a consumer was slow to come up",
    },
    Difference {
        what: "latency of a link",
        kafka: "your network's",
        here: "1 ms, more or less by a fifth",
        why: "a simulated network needs a figure; `[net] latency` changes it",
    },
];
