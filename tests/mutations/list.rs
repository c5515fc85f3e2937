//! The mutations: one wrong operator or one forgotten case each, in the ledger, the checks or the
//! conditions.

/// One way to be wrong.
pub(crate) struct Mutation {
    /// What is wrong with it.
    pub(crate) what: &'static str,
    /// The file, from the root of the workspace.
    pub(crate) file: &'static str,
    /// What stands there, once.
    pub(crate) right: &'static str,
    /// What is put in its place.
    pub(crate) wrong: &'static str,
}

const fn of(
    what: &'static str,
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
) -> Mutation {
    Mutation { what, file, right, wrong }
}

const FATE: &str = "sim/src/ledger/fate.rs";
const COPIES: &str = "sim/src/ledger/copies.rs";
const BOOK: &str = "sim/src/ledger/book.rs";
const READERS: &str = "sim/src/ledger/readers.rs";
const LABEL: &str = "sim/src/ledger/label.rs";
const WATCH: &str = "sim/src/story/watch.rs";
const TOUCHED: &str = "sim/src/story/touched.rs";
const TELLER: &str = "sim/src/story/teller.rs";
const PROMISE: &str = "sim/src/story/promise.rs";
const INSYNC: &str = "sim/src/check/insync.rs";
const REGISTRY: &str = "sim/src/check/registry.rs";
const AGREEMENT: &str = "sim/src/check/agreement.rs";
const WRITES: &str = "sim/src/check/writes.rs";
const DURABILITY: &str = "sim/src/check/durability.rs";

/// All of them.
pub(crate) const MUTATIONS: &[Mutation] = &[
    // ---- the ledger ----------------------------------------------------------------------------
    of(
        "a record is lost although an attempt is on its way",
        FATE,
        "self.is_acked() && !self.has_copy() && !self.is_on_its_way",
        "self.is_acked() && !self.has_copy()",
    ),
    of(
        "a record that a leader has is not decided because a leaderless log has it too",
        FATE,
        "self.is_acked() && self.copies.leading == 0 && self.copies.leaderless > 0",
        "self.is_acked() && self.copies.leaderless > 0",
    ),
    of(
        "a record without a leader is at risk",
        FATE,
        "self.is_acked() && !self.is_lost() && committed == 0 && leaderless == 0",
        "self.is_acked() && !self.is_lost() && committed == 0",
    ),
    of(
        "a copy on the disk of a partition without a leader does not count",
        FATE,
        "self.copies.leading > 0 || self.copies.leaderless > 0",
        "self.copies.leading > 0",
    ),
    of(
        "the same record twice in a row stands against its order",
        COPIES,
        "let is_against = id.n < *last;",
        "let is_against = id.n <= *last;",
    ),
    of(
        "the record at the high watermark is committed",
        COPIES,
        "Change::Leading { is_committed: offset < watermark }",
        "Change::Leading { is_committed: offset <= watermark }",
    ),
    of(
        "a watermark that moves commits one record too few",
        COPIES,
        "record.id.filter(|_| offset >= from && offset < to)",
        "record.id.filter(|_| offset > from && offset < to)",
    ),
    of(
        "a leader leads in whatever life it runs",
        COPIES,
        "world.is_up(*node) && Some(world.incarnation(*node)) == life",
        "world.is_up(*node) && life.is_some()",
    ),
    of(
        "a failure that was told in doubt is forgotten when the next one is sure",
        BOOK,
        "row.is_in_doubt |= is_in_doubt;",
        "row.is_in_doubt = is_in_doubt;",
    ),
    of(
        "the life of a producer ends, and what it had sent is not in doubt",
        BOOK,
        "row.outcome == Outcome::Open && row.attempts > 0",
        "row.outcome == Outcome::Open && row.attempts > 1",
    ),
    of(
        "a record that was never given is unread although no log has it",
        READERS,
        "self.copies > 0 && !self.is_delivered",
        "!self.is_delivered",
    ),
    of(
        "the order in which a reader is given records is judged across partitions",
        READERS,
        "if let Some(latest) = self.latest.insert((tp, id.producer), id.n) {",
        "let tp = TopicPartition { partition: 0, ..tp };\n        \
         if let Some(latest) = self.latest.insert((tp, id.producer), id.n) {",
    ),
    of(
        "the label does not ask whether every effect was done",
        LABEL,
        "let undone = ledger.first_undone();",
        "let undone = ledger.first_undone().filter(|_| false);",
    ),
    of(
        "a label is claimed although a record is unread",
        LABEL,
        "!dead.is_empty() || ledger.totals().unread > 0",
        "!dead.is_empty()",
    ),
    // ---- conditions, promises, triggers --------------------------------------------------------
    of(
        "the negation of something undefined holds",
        WATCH,
        "Condition::Not(inner) => self.test(inner, scene, (!want, every)),",
        "Condition::Not(inner) => !self.test(inner, scene, (want, every)),",
    ),
    of(
        "an undefined answer ends a run of equal answers in a history",
        WATCH,
        "if answer == Value::Undefined || track.last == answer {\n                continue;",
        "if answer == Value::Undefined || track.last == answer {\n                \
         track.last = answer;\n                continue;",
    ),
    of(
        "the first answer is a change",
        WATCH,
        "Side::Value(Value::Int(count.saturating_sub(1) as i64))",
        "Side::Value(Value::Int(count as i64))",
    ),
    of(
        "a log's end is not looked at again when a life begins or ends",
        TOUCHED,
        "Query::Leo { .. } => Self::LOG.and(Self::METADATA).and(Self::LIFE),",
        "Query::Leo { .. } => Self::LOG.and(Self::METADATA),",
    ),
    of(
        "a watermark is not looked at again when the controller commits another leader",
        TOUCHED,
        "Query::Hw { .. } => Self::WATERMARK.and(Self::METADATA).and(Self::LIFE),",
        "Query::Hw { .. } => Self::WATERMARK,",
    ),
    of(
        "a never asks for all members of a set",
        PROMISE,
        "PromiseKind::Never => watch.holds_for_some(&promise.condition, scene),",
        "PromiseKind::Never => watch.holds(&promise.condition, scene),",
    ),
    of(
        "an action that is due is forgotten when another one makes its condition false",
        TELLER,
        "                && !state.is_due\n",
        "",
    ),
    of(
        "a condition on time is not looked at just after its moment",
        TELLER,
        "let at = at + Duration::from_micros(1);",
        "let at = at + Duration::from_micros(2);",
    ),
    // ---- the invariants ------------------------------------------------------------------------
    of(
        "INV-11 takes a member whose disk lost data for one that lies",
        INSYNC,
        "let behind = counted.minus(standing.reaching).minus(ghost.excuses.faulted());",
        "let behind = counted.minus(standing.reaching);",
    ),
    of(
        "INV-13 is asked of a leader whose watermark cannot move",
        INSYNC,
        "if leadership.isr.len() < min_isr && variations.strict_min_isr {",
        "if leadership.isr.is_empty() && variations.strict_min_isr {",
    ),
    of(
        "INV-21 excuses the last member of a partition that has a leader",
        REGISTRY,
        "let is_last = record.isr.len() == 1 && record.leader.is_none();",
        "let is_last = record.isr.len() <= 2;",
    ),
    of(
        "INV-8 and INV-9 take a member whose disk lost data for one that lies",
        AGREEMENT,
        "let exempt = standing.holders.union(faulted);",
        "let exempt = standing.holders;",
    ),
    of(
        "INV-26 compares the watermarks of two epochs",
        WRITES,
        "before.filter(|(led_in, last)| *led_in == epoch && watermark < *last)",
        "before.filter(|(led_in, last)| *led_in <= epoch && watermark < *last)",
    ),
    of(
        "INV-12 lets a replica outside the ISR cut nothing that was committed later",
        DURABILITY,
        "if is_counted { ghost.committed_end() } else { ghost.committed_until(follows_in) };",
        "if is_counted { ghost.committed_end() } else { ghost.committed_end() };",
    ),
    of(
        "INV-18 asks for a watermark beyond what is acknowledged",
        DURABILITY,
        "if watermark < end || (maximal.len() < min_isr && ghost.wide_end < end) {",
        "if watermark <= end || (maximal.len() < min_isr && ghost.wide_end < end) {",
    ),
];
