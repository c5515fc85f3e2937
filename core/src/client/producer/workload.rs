//! The application of a producer: what it sends, when, and what it knows of the outcome.
//!
//! One thread that calls `send` on a schedule, as a load generator does: it never waits for an
//! answer, but `send` itself may block it (P-12, P-43), and then the records that fell due meanwhile
//! follow at once. It remembers the outcome of nothing but what is unresolved.

use super::batch::NewRecord;
use crate::id::{NodeId, RecordId};
use crate::time::{Duration, Instant};
use bytes::Bytes;
use std::collections::BTreeSet;

/// Where a restarted producer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// At its first record whose outcome it was not told.
    FirstUnresolved,
    /// At record 0: everything is sent again.
    Start,
}

/// What an application sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// How many records, beside those a story asks for.
    pub records: u32,
    /// The time from one to the next.
    pub every: Duration,
    /// How many different keys, `k0`, `k1`, … in turn; 0 means null keys.
    pub keys: u32,
    /// The length of each value.
    pub value_bytes: u32,
    /// Where a restart begins.
    pub resume: Resume,
}

/// What an application wrote down: it survives any death, as a database row would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProducerDisk {
    /// The first record whose outcome the application was not told.
    pub first_unresolved: u32,
    /// How many records a story asked for on top of the workload.
    pub extra: u32,
}

/// The application while it runs.
///
/// * Every record below `next` is in `unresolved` or its outcome is known.
#[derive(Clone, Debug)]
pub(super) struct Application {
    me: NodeId,
    workload: Workload,
    value: Bytes,
    next: u32,
    extra: u32,
    /// Records to be sent at once, ahead of the schedule.
    owed: u32,
    /// When the next scheduled record is due.
    due: Instant,
    unresolved: BTreeSet<u32>,
    /// The send call that has not returned: its record, and when it gives up.
    blocked: Option<(NewRecord, Instant)>,
}

impl Application {
    /// Starts at `start`, or now if that has passed.
    pub(super) fn new(
        me: NodeId,
        workload: &Workload,
        disk: ProducerDisk,
        start: Instant,
        now: Instant,
    ) -> Self {
        let next = match workload.resume {
            Resume::FirstUnresolved => disk.first_unresolved,
            Resume::Start => 0,
        };
        assert!(next <= workload.records.saturating_add(disk.extra), "it cannot know of more");
        Self {
            me,
            workload: workload.clone(),
            value: Bytes::from(vec![0; workload.value_bytes as usize]),
            next,
            extra: disk.extra,
            owed: 0,
            due: start.max(now),
            unresolved: BTreeSet::new(),
            blocked: None,
        }
    }

    /// What it leaves behind.
    pub(super) fn into_disk(self) -> ProducerDisk {
        let first_unresolved = self.unresolved.first().copied().unwrap_or(self.next);
        ProducerDisk { first_unresolved, extra: self.extra }
    }

    /// The number of its next record.
    pub(super) const fn next(&self) -> u32 {
        self.next
    }

    /// How many records it called `send` for without having been told the outcome.
    pub(super) fn unresolved(&self) -> usize {
        self.unresolved.len()
    }

    /// How many records it has still to send.
    pub(super) const fn left(&self) -> u32 {
        self.workload.records.saturating_add(self.extra) - self.next
    }

    /// A story asks for `n` records now.
    pub(super) const fn ask(&mut self, n: u32) {
        self.extra = self.extra.saturating_add(n);
        self.owed = self.owed.saturating_add(n);
    }

    /// When it next calls `send`; `NEVER` while it is blocked or done.
    pub(super) const fn next_send(&self) -> Instant {
        if self.blocked.is_some() || self.left() == 0 {
            Instant::NEVER
        } else if self.owed > 0 {
            Instant::ZERO
        } else {
            self.due
        }
    }

    /// Whether it calls `send` for a record that a story asked for, ahead of its schedule.
    pub(super) const fn owes(&self) -> bool {
        self.owed > 0 && self.blocked.is_none()
    }

    /// Makes its next record, whose outcome is unresolved from now on.
    pub(super) fn make(&mut self) -> NewRecord {
        assert!(self.left() > 0, "it has something to send");
        assert!(self.blocked.is_none(), "one thread makes one call at a time");
        let n = self.next;
        self.next += 1;
        if self.owed > 0 {
            self.owed -= 1;
        } else {
            self.due += self.workload.every;
        }
        self.unresolved.insert(n);
        let keys = self.workload.keys;
        let key = (keys > 0).then(|| Bytes::from(format!("k{}", n % keys)));
        NewRecord { id: RecordId { producer: self.me, n }, key, value: self.value.clone() }
    }

    /// The call for `record` blocks, until `until` at most.
    pub(super) fn block(&mut self, record: NewRecord, until: Instant) {
        assert!(self.blocked.is_none(), "one thread makes one call at a time");
        self.blocked = Some((record, until));
    }

    /// Takes up the call that blocks.
    pub(super) const fn unblock(&mut self) -> Option<(NewRecord, Instant)> {
        self.blocked.take()
    }

    /// When the call that blocks gives up; `NEVER` if none does.
    pub(super) fn gives_up_at(&self) -> Instant {
        self.blocked.as_ref().map_or(Instant::NEVER, |(_, until)| *until)
    }

    /// It is told the outcome of record `n`.
    pub(super) fn resolve(&mut self, n: u32) {
        let was_unresolved = self.unresolved.remove(&n);
        assert!(was_unresolved, "each record is resolved once");
    }
}
