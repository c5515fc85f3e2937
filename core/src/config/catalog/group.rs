//! What a group can be given (`GroupConfig`).

super::keys! { GROUP
    ("consumer.heartbeat.interval.ms", Int, Number(5_000), AtLeast(1), Medium, NotYet(Groups)),
    ("consumer.session.timeout.ms", Int, Number(45_000), AtLeast(1), Medium, NotYet(Groups)),
    ("share.auto.offset.reset", Text, Word("latest"),
        OneOfOrDuration(&["latest", "earliest"]), Medium, NotYet(ShareGroups)),
    ("share.heartbeat.interval.ms", Int, Number(5_000), AtLeast(1), Medium, NotYet(ShareGroups)),
    ("share.isolation.level", Text, Word("read_uncommitted"),
        OneOf(&["read_committed", "read_uncommitted"]), Medium, NotYet(ShareGroups)),
    ("share.record.lock.duration.ms", Int, Number(30_000),
        AtLeast(1_000), Medium, NotYet(ShareGroups)),
    ("share.session.timeout.ms", Int, Number(45_000), AtLeast(1), Medium, NotYet(ShareGroups)),
    ("streams.heartbeat.interval.ms", Int, Number(5_000),
        AtLeast(1), Medium, NotYet(StreamsGroups)),
    ("streams.num.standby.replicas", Int, Number(0), AtLeast(0), Medium, NotYet(StreamsGroups)),
    ("streams.session.timeout.ms", Int, Number(45_000), AtLeast(1), Medium, NotYet(StreamsGroups)),
}
