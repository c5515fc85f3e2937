//! What each consumer was given and did, and what it should have been given and was not.

use super::counts::Totals;
use super::rows::Chunked;
use crate::look::Look;
use kafkalab_core::epoch::Offset;
use kafkalab_core::id::{NodeId, RecordId, TopicPartition};
use std::collections::BTreeMap;

/// What one reader made of one record.
#[derive(Clone, Copy, Debug, Default)]
struct Given {
    is_delivered: bool,
    effects: u16,
    /// Copies in logs that lead, in partitions that the reader covers.
    copies: u16,
}

impl Given {
    const fn is_unread(self) -> bool {
        self.copies > 0 && !self.is_delivered
    }
}

/// Why a reader was never given a record that its subscription covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnreadCause {
    /// It never ran.
    NeverStarted,
    /// It died, or its application ended, before it got so far.
    Died,
    /// It began to read behind the record.
    StartedAfter,
    /// Its position moved past the record.
    Skipped,
    /// It had not got so far when the run ended.
    Behind,
}

/// Records that one reader was not given, for one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The reader.
    pub reader: NodeId,
    /// Why.
    pub cause: UnreadCause,
    /// How many records.
    pub records: u64,
    /// The first of them, by producer and ordinal.
    pub first: RecordId,
}

/// One consumer.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) node: NodeId,
    pub(super) totals: Totals,
    /// The record its application has in hand.
    pub(super) in_hand: Option<RecordId>,
    given: BTreeMap<NodeId, Chunked<Given>>,
    /// The latest record of each producer that it was given from each partition.
    latest: BTreeMap<(TopicPartition, NodeId), u32>,
    /// Where it began to read each partition.
    began: BTreeMap<TopicPartition, Offset>,
}

/// What a change at a reader means for the record's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing.
    None,
    /// The record is unread by this reader now.
    Unread,
    /// It is no longer.
    Read,
}

impl Reader {
    pub(super) fn new(node: NodeId) -> Self {
        Self {
            node,
            totals: Totals::default(),
            in_hand: None,
            given: BTreeMap::new(),
            latest: BTreeMap::new(),
            began: BTreeMap::new(),
        }
    }

    fn given_mut(&mut self, id: RecordId) -> &mut Given {
        self.given.entry(id.producer).or_default().entry(id.n as usize)
    }

    /// Changes what is known of `id` and keeps the count of unread records.
    fn change(&mut self, id: RecordId, change: impl FnOnce(&mut Given)) -> News {
        let given = self.given_mut(id);
        let before = given.is_unread();
        change(given);
        match (before, given.is_unread()) {
            (false, true) => {
                self.totals.unread += 1;
                News::Unread
            }
            (true, false) => {
                self.totals.unread -= 1;
                News::Read
            }
            (true, true) | (false, false) => News::None,
        }
    }

    /// A copy of `id` is in a log that leads and that this reader covers, or no longer.
    pub(super) fn copy(&mut self, id: RecordId, is_more: bool) -> News {
        self.change(id, |given| {
            given.copies = if is_more { given.copies + 1 } else { given.copies - 1 };
        })
    }

    /// The reader was given `id`.
    pub(super) fn deliver(&mut self, tp: TopicPartition, id: RecordId) -> News {
        if let Some(latest) = self.latest.insert((tp, id.producer), id.n) {
            self.totals.reordered += u64::from(id.n < latest);
        }
        let mut is_first = false;
        let news = self.change(id, |given| {
            is_first = !given.is_delivered;
            given.is_delivered = true;
        });
        self.totals.delivered += u64::from(is_first);
        news
    }

    /// The effect of `id` is done. Says whether for the first time.
    pub(super) fn process(&mut self, id: RecordId) -> bool {
        let given = self.given_mut(id);
        given.effects = given.effects.saturating_add(1);
        let is_first = given.effects == 1;
        *(if is_first { &mut self.totals.processed } else { &mut self.totals.duplicates }) += 1;
        is_first
    }

    /// Its position in `tp` was set for the first time in a life.
    pub(super) fn begin(&mut self, tp: TopicPartition, at: Offset) {
        self.began.entry(tp).or_insert(at);
    }

    /// The records in logs that lead, in order, which it covers and did not do the effect of.
    pub(super) fn undone(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.of(|given| given.copies > 0 && given.effects == 0)
    }

    /// The records in logs that lead which it covers and was never given.
    pub(super) fn unread_records(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.of(Given::is_unread)
    }

    fn of(&self, wanted: fn(Given) -> bool) -> impl Iterator<Item = RecordId> + '_ {
        self.given.iter().flat_map(move |(producer, given)| {
            let numbered = (0_u32..).zip(given.iter());
            let some = numbered.filter(move |(_, given)| wanted(**given));
            some.map(|(n, _)| RecordId { producer: *producer, n })
        })
    }

    /// What it was not given, with the causes; `place` says where a record stands.
    pub(super) fn unread(
        &self,
        look: Look<'_>,
        place: impl Fn(RecordId) -> Option<(TopicPartition, Offset)>,
    ) -> Vec<Unread> {
        let mut found: BTreeMap<UnreadCause, Unread> = BTreeMap::new();
        for id in self.unread_records() {
            let cause = self.why_unread(look, place(id));
            let new = Unread { reader: self.node, cause, records: 0, first: id };
            found.entry(cause).or_insert(new).records += 1;
        }
        found.into_values().collect()
    }

    fn why_unread(&self, look: Look<'_>, place: Option<(TopicPartition, Offset)>) -> UnreadCause {
        if !look.has_lived(self.node) {
            return UnreadCause::NeverStarted;
        }
        let Some((tp, offset)) = place else { return UnreadCause::Behind };
        if self.began.get(&tp).is_some_and(|began| offset < *began) {
            return UnreadCause::StartedAfter;
        }
        let position = look.consumer(self.node).and_then(|consumer| consumer.position(tp));
        match position {
            Some(position) if offset < position => UnreadCause::Skipped,
            _ if look.is_dead(self.node) => UnreadCause::Died,
            _ => UnreadCause::Behind,
        }
    }
}
