//! The life of one record: what happened to it, where its copies were, why it was lost if it was.
//!
//! A biography is drawn from a recorded run and is plain data; its sentences, in whatever language,
//! are the business of whoever shows it. It knows what an observer outside of the cluster knows, and
//! asks no process.

mod trail;

use crate::lab::Lab;
use crate::ledger::{Fate, Row};
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::Acks;
use kafkalab_core::epoch::{LeaderEpoch, Offset};
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::{NodeId, RecordId, TopicPartition};
use kafkalab_core::time::Instant;

/// One record's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Biography {
    /// Which record.
    pub id: RecordId,
    /// Its key; `None` for a null key, or if it never reached a batch.
    pub key: Option<String>,
    /// Its partition; `None` if it never got one.
    pub tp: Option<TopicPartition>,
    /// Whom its producer waits for.
    pub acks: Acks,
    /// What became of it.
    pub fate: Fate,
    /// How often consumers were handed it.
    pub delivered: u32,
    /// How often its effect was done.
    pub processed: u32,
    /// What happened, in order.
    pub moments: Vec<Moment>,
    /// Where it stands at the end: the offset in the log of the last leader. `None` if it is not there.
    pub stands_at: Option<Offset>,
    /// The brokers that have it at the end, on their disks if they are down.
    pub holders: BrokerSet,
    /// Those of them that are down.
    pub down: BrokerSet,
    /// How it was lost; `None` if it was not.
    pub loss: Option<Loss>,
}

/// Something that happened to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Instant,
    /// The number of the event, by its place in the recording.
    pub entry: usize,
    /// What.
    pub what: Scene,
    /// The brokers that have the record afterwards, on their disks if they are down.
    pub holders: BrokerSet,
    /// Those of them that are down.
    pub down: BrokerSet,
    /// The high watermark of the partition's leader at that moment, as far as anyone saw it.
    pub high_watermark: Option<Offset>,
}

/// What can happen to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scene {
    /// The application handed it to its producer, which did not send it at once.
    Called,
    /// Its batch was put on the wire.
    Sent {
        /// To whom; `None` if that cannot be told apart.
        to: Option<NodeId>,
        /// For the how many-th time, from 1.
        attempt: u32,
    },
    /// A leader appended it.
    Appended {
        /// Which broker.
        on: NodeId,
        /// Where.
        offset: Offset,
        /// In which epoch.
        epoch: LeaderEpoch,
    },
    /// A follower copied it.
    Copied {
        /// Which broker.
        on: NodeId,
        /// Where.
        offset: Offset,
    },
    /// A leader saw that it has this batch already.
    Recognised {
        /// Which broker.
        on: NodeId,
    },
    /// The leader's high watermark passed it: it is committed.
    Committed {
        /// The leader.
        on: NodeId,
        /// The high watermark after.
        high_watermark: Offset,
        /// Who was in sync.
        isr: BrokerSet,
    },
    /// A broker answered its produce request.
    Answered {
        /// Which broker.
        on: NodeId,
        /// How.
        error: ErrorCode,
    },
    /// Its producer counts it as written.
    Acked,
    /// An attempt failed, another will follow.
    Retried {
        /// Why.
        error: ErrorCode,
    },
    /// Its producer gave it up.
    Failed {
        /// Why.
        error: ErrorCode,
        /// It may have been written all the same.
        is_indefinite: bool,
    },
    /// The story did something that may matter to it.
    Told {
        /// What, by its place in the plan.
        told: crate::story::Told,
        /// Which processes died of it.
        ended: Vec<NodeId>,
    },
    /// A process that matters to it ended without the story's doing.
    Ended {
        /// Which.
        node: NodeId,
    },
    /// A process that matters to it came back.
    Returned {
        /// Which.
        node: NodeId,
    },
    /// The in-sync replicas changed while it was not committed, or the leader went.
    Isr {
        /// Before.
        from: BrokerSet,
        /// After.
        to: BrokerSet,
        /// The leader after; `None` if there is none.
        leader: Option<NodeId>,
    },
    /// A broker began to lead.
    Leads {
        /// Which.
        on: NodeId,
        /// In which epoch.
        epoch: LeaderEpoch,
        /// Where its log ends.
        log_end: Offset,
        /// Whether it has the record.
        has_it: bool,
        /// It was elected from outside of the ISR.
        is_unclean: bool,
    },
    /// Another record took its offset.
    Replaced {
        /// Which broker wrote it.
        on: NodeId,
        /// The offset.
        offset: Offset,
        /// The other record; `None` if no client of the scenario sent it.
        by: Option<RecordId>,
    },
    /// A broker cut its log, and the record with it.
    Cut {
        /// Which broker.
        on: NodeId,
        /// The log end before.
        from: Offset,
        /// The log end after.
        to: Offset,
    },
    /// A broker came back without it: its disk had not kept it.
    Forgotten {
        /// Which broker.
        on: NodeId,
    },
    /// A consumer was handed it.
    Delivered {
        /// Which.
        to: NodeId,
        /// For the how many-th time, from 1.
        nth: u32,
    },
    /// Its effect was done.
    Processed {
        /// By whom.
        by: NodeId,
        /// For the how many-th time, from 1.
        nth: u32,
    },
}

/// How an acknowledged record was lost. In order of how directly the run shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// No leader ever appended it.
    NeverAppended,
    /// A leader was elected from outside of the ISR.
    Unclean {
        /// Which.
        leader: NodeId,
    },
    /// One broker alone had it, and that one ceased to lead.
    Alone {
        /// Which.
        on: NodeId,
        /// It died first, rather than being replaced alive.
        has_died: bool,
    },
    /// A disk did not keep it, and its broker was elected.
    ForgottenByLeader {
        /// That broker.
        leader: NodeId,
    },
    /// Several had it; the leader that was elected did not.
    NotOnLeader {
        /// That leader.
        leader: NodeId,
    },
    /// Whoever had it forgot it.
    Forgotten,
}

impl Biography {
    /// The life of record `id` in a recorded run; `None` if no such record was ever sent.
    pub fn of(lab: &Lab, id: RecordId) -> Option<Self> {
        let row = lab.ledger().row(id)?;
        let entries = lab.recorder().expect("a biography needs a recorded run").entries();
        let trail = trail::Trail::follow(lab, row, entries);
        let mut life = Self {
            id,
            key: trail.key.clone(),
            tp: row.tp,
            acks: row.acks,
            fate: row.fate(),
            delivered: row.delivered,
            processed: row.processed,
            stands_at: trail.stands_at(lab, row),
            holders: trail.holders(),
            down: trail.down(),
            moments: trail.moments,
            loss: None,
        };
        if row.is_acked() && row.lost.is_some() {
            life.loss = Some(life.how_lost(row));
        }
        Some(life)
    }

    fn how_lost(&self, row: &Row) -> Loss {
        if row.places().is_empty() {
            return Loss::NeverAppended;
        }
        let (mut died, mut forgot) = (BrokerSet::EMPTY, BrokerSet::EMPTY);
        let mut before = BrokerSet::EMPTY;
        for moment in &self.moments {
            match &moment.what {
                Scene::Leads { on, is_unclean: true, has_it: false, .. } => {
                    return Loss::Unclean { leader: *on };
                }
                Scene::Leads { on, has_it: false, .. } if forgot.contains(*on) => {
                    return Loss::ForgottenByLeader { leader: *on };
                }
                Scene::Leads { on, has_it: false, .. } if before.len() > 1 => {
                    return Loss::NotOnLeader { leader: *on };
                }
                Scene::Leads { has_it: false, .. } if !before.is_empty() => {
                    let on = before.iter().next().expect("not empty");
                    return Loss::Alone { on, has_died: died.contains(on) };
                }
                Scene::Forgotten { on } => forgot = forgot.with(*on),
                Scene::Told { ended, .. } => {
                    let brokers = ended.iter().copied();
                    died = brokers.filter(|node| is_broker(*node)).fold(died, BrokerSet::with);
                }
                Scene::Ended { node } if is_broker(*node) => died = died.with(*node),
                _ => {}
            }
            before = moment.holders;
        }
        Loss::Forgotten
    }
}

fn is_broker(node: NodeId) -> bool {
    node.kind() == kafkalab_core::id::NodeKind::Broker
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::default_host;
    use crate::run::{How, run};
    use crate::scenario::{LoadOptions, builtin, load};
    use std::sync::Arc;

    /// Lesson 02 in one variant, and the life of its record `#n`.
    fn life(variant: &str, n: u32) -> Biography {
        let lesson = builtin::find("02").expect("embedded");
        let options = LoadOptions { variant: Some(variant.to_owned()), ..LoadOptions::default() };
        let loaded = load("02", lesson.text.as_bytes(), &options).expect("a good lesson");
        let plan = Arc::new(loaded.scenario.variants[0].plan.clone());
        let how = How { host: default_host(), is_recorded: true };
        let lab = run(&plan, how, &Arc::default()).expect("no crash");
        Biography::of(&lab, RecordId { producer: plan.clients[0].node, n }).expect("it was sent")
    }

    #[test]
    fn a_record_that_only_the_dead_leader_had_is_lost() {
        let life = life("acks-1", 3);
        assert_eq!(life.fate, Fate::Lost);
        let b1 = NodeId::broker(1);
        assert_eq!(life.loss, Some(Loss::Alone { on: b1, has_died: true }));
        assert_eq!((life.stands_at, life.holders), (None, BrokerSet::EMPTY));
        let killed = life.moments.iter().find_map(|moment| match &moment.what {
            Scene::Told { ended, .. } if !ended.is_empty() => Some((ended.clone(), moment.holders)),
            _ => None,
        });
        assert_eq!(killed, Some((vec![b1], BrokerSet::of(b1))));
    }

    #[test]
    fn a_record_that_everybody_has_is_safe_and_its_copies_are_counted() {
        let life = life("acks-all", 0);
        assert_eq!((life.fate, life.loss), (Fate::Ok, None));
        assert_eq!((life.stands_at, life.holders.len()), (Some(Offset::ZERO), 3));
        assert!(life.moments.is_sorted_by_key(|moment| (moment.at, moment.entry)));
    }
}
