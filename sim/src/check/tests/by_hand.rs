//! Each invariant seen to fail: replicas made by hand, put into a state that no broker reaches.

use crate::check::cluster::{Case, Cluster, Moment};
use crate::check::{Checks, Class, Violation};
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::{Acks, BrokerConfig, TopicConfig, Variations};
use kafkalab_core::engine::{Effect, Effects};
use kafkalab_core::epoch::{BrokerEpoch, LeaderEpoch, Offset, PartitionEpoch, ProducerEpoch};
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::{ClientEvent, ControllerEvent, Event, ReplicaEvent};
use kafkalab_core::id::{Incarnation, NodeId, ProducerId, RecordId, TopicId, TopicPartition};
use kafkalab_core::log::{LogFile, PartitionLog};
use kafkalab_core::metadata::{
    BrokerRegistration, MetadataImage, PartitionRegistration, TopicImage,
};
use kafkalab_core::record::{Batch, BatchBody, BatchKind, ProducerStamp, Record};
use kafkalab_core::replica::{Partition, Role, View};
use kafkalab_core::time::{Instant, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

const TP: TopicPartition = TopicPartition { topic: TopicId(0), partition: 0 };

/// Brokers with one replica each, which copy and propose as their replicas say unless told otherwise.
#[derive(Default)]
struct Machines {
    replicas: BTreeMap<NodeId, Partition>,
    lives: BTreeMap<NodeId, Incarnation>,
    published: BTreeMap<NodeId, MetadataImage>,
    copies_from: BTreeMap<NodeId, BrokerSet>,
    has_lost_its_proposal: bool,
}

impl<'a> Cluster<'a> for &'a Machines {
    fn replica(self, _: TopicPartition, node: NodeId) -> Option<&'a Partition> {
        self.replicas.get(&node)
    }

    fn log(self, _: TopicPartition, node: NodeId) -> Option<&'a LogFile> {
        self.replicas.get(&node).map(|replica| replica.log().file())
    }

    fn broker_epoch(self, _: NodeId) -> Option<BrokerEpoch> {
        Some(BrokerEpoch(1))
    }

    fn incarnation(self, node: NodeId) -> Incarnation {
        self.lives.get(&node).copied().unwrap_or(Incarnation(0))
    }

    fn published(self, node: NodeId) -> Option<&'a MetadataImage> {
        self.published.get(&node)
    }

    fn fetches_from(self, tp: TopicPartition, node: NodeId) -> BrokerSet {
        let followed = match self.replica(tp, node).map(Partition::role) {
            Some(Role::Follower(Some(leader))) => BrokerSet::of(*leader),
            Some(Role::Follower(None) | Role::Leader(_) | Role::Idle) | None => BrokerSet::EMPTY,
        };
        self.copies_from.get(&node).copied().unwrap_or(followed)
    }

    fn proposal(self, tp: TopicPartition, node: NodeId) -> Option<BrokerSet> {
        let pending = self.replica(tp, node)?.leadership()?.pending?;
        (!self.has_lost_its_proposal).then_some(pending.proposed)
    }

    fn is_stopping(self, _: NodeId) -> bool {
        false
    }
}

struct Bench {
    machines: Machines,
    record: PartitionRegistration,
    /// Whom the controller has registered.
    brokers: BTreeMap<NodeId, BrokerRegistration>,
    checks: Checks,
}

fn b(number: u16) -> NodeId {
    NodeId::broker(number)
}

fn body(n: u32) -> Arc<BatchBody> {
    let id = Some(RecordId { producer: NodeId::client(1), n });
    let record = Record { id, offset_delta: 0, timestamp_delta: 0, key: None, value: None };
    Arc::new(BatchBody::new(BatchKind::Data, Timestamp(0), None, vec![record]))
}

impl Bench {
    /// b1 leads b2 and b3 in epoch 0; all are in sync, min.insync.replicas is 2.
    fn new() -> Self {
        let record = PartitionRegistration {
            replicas: [b(1), b(2), b(3)].into(),
            isr: [b(1), b(2), b(3)].into_iter().collect(),
            leader: Some(b(1)),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            is_recovering: false,
        };
        let registration = BrokerRegistration {
            incarnation: Incarnation(0),
            epoch: BrokerEpoch(1),
            registered_at: Offset(1),
            is_fenced: false,
            in_controlled_shutdown: false,
        };
        let brokers = (1..=3).map(|number| (b(number), registration)).collect();
        let checks = Checks::new(&Variations::default());
        let mut bench = Self { machines: Machines::default(), record, brokers, checks };
        for number in 1..=3 {
            let replica = Partition::new(TP, b(number), PartitionLog::default());
            bench.machines.replicas.insert(b(number), replica);
        }
        bench.recorded(false);
        for number in 1..=3 {
            bench.apply_record(number);
        }
        bench
    }

    fn image(&self) -> MetadataImage {
        let config = TopicConfig { min_insync_replicas: 2, ..TopicConfig::default() };
        let topic = TopicImage { config, partitions: vec![self.record.clone()] };
        MetadataImage {
            brokers: self.brokers.clone(),
            topics: [(TP.topic, Arc::new(topic))].into(),
            ..MetadataImage::default()
        }
    }

    fn note(&mut self, node: NodeId, note: impl Into<Event>) {
        self.notes(node, &[note.into()]);
    }

    /// One input noted all this, and the state stands as it is now.
    fn notes(&mut self, node: NodeId, notes: &[Event]) {
        let image = self.image();
        let case = Case { view: &self.machines, image: &image, moment: Moment::default() };
        self.checks.judge(&case, node, notes);
    }

    /// The controller has committed the record as it stands.
    fn recorded(&mut self, is_unclean: bool) {
        let note = self.record_note(is_unclean);
        self.note(NodeId::controller(1), note);
    }

    fn record_note(&self, is_unclean: bool) -> ControllerEvent {
        let PartitionRegistration { leader, leader_epoch, isr, partition_epoch, .. } = self.record;
        let tp = TP;
        ControllerEvent::PartitionChanged {
            tp,
            leader,
            leader_epoch,
            isr,
            partition_epoch,
            is_unclean,
        }
    }

    /// The committed ISR is this now.
    fn set_isr(&mut self, isr: &[u16]) {
        self.record.isr = isr.iter().map(|number| b(*number)).collect();
        self.record.partition_epoch = self.record.partition_epoch.next();
    }

    /// A new life of `number` is registered, fenced, with this epoch; the note of it.
    fn register(&mut self, number: u16, life: u32, epoch: u64) -> ControllerEvent {
        let (incarnation, epoch) = (Incarnation(life), BrokerEpoch(epoch));
        let known = self.brokers.get_mut(&b(number)).expect("there");
        (known.incarnation, known.epoch, known.is_fenced) = (incarnation, epoch, true);
        ControllerEvent::BrokerRegistered { broker: b(number), epoch }
    }

    fn audit(&mut self) {
        let image = self.image();
        let case = Case { view: &self.machines, image: &image, moment: Moment::default() };
        self.checks.audit_all(&case);
    }

    /// The controller elects `number`.
    fn elect(&mut self, number: u16, isr: &[u16], is_unclean: bool) {
        self.record.leader = Some(b(number));
        self.record.isr = isr.iter().map(|number| b(*number)).collect();
        self.record.leader_epoch = self.record.leader_epoch.next();
        self.record.partition_epoch = self.record.partition_epoch.next();
        self.recorded(is_unclean);
        self.apply_record(number);
    }

    /// Lets the replica take a real step, and the checks see what it notes.
    fn step(&mut self, number: u16, step: impl FnOnce(&mut Partition, View<'_>, &mut Effects)) {
        let (image, mut fx) = (self.image(), Effects::default());
        let (config, variations) = (BrokerConfig::default(), Variations::default());
        let now = Instant::ZERO;
        let view = View { now, config: &config, variations: &variations, image: &image };
        step(self.machines.replicas.get_mut(&b(number)).expect("there"), view, &mut fx);
        for effect in fx.drain() {
            if let Effect::Note(note) = effect {
                self.note(b(number), note);
            }
        }
    }

    fn apply_record(&mut self, number: u16) {
        let record = self.record.clone();
        self.step(number, |replica, view, fx| {
            if record.leader == Some(b(number)) {
                replica.make_leader(&record, view, fx);
            } else {
                replica.make_follower(&record, fx);
            }
        });
    }

    fn lead(&mut self, number: u16, n: u32) {
        self.step(number, |replica, view, fx| {
            replica.append_as_leader(&body(n), Acks::Leader, view, fx).expect("it leads");
        });
    }

    fn copy(&mut self, number: u16, offset: u64, epoch: u32, n: u32) {
        let (base_offset, leader_epoch) = (Offset(offset), LeaderEpoch(epoch));
        let batch = Batch { base_offset, leader_epoch, body: body(n) };
        self.step(number, |replica, view, fx| {
            let watermark = replica.log().high_watermark();
            let epoch = leader_epoch;
            replica.append_as_follower(vec![batch], watermark, epoch, view.variations, fx);
        });
    }

    /// The watermark is moved by hand, whatever the protocol says.
    fn force_watermark(&mut self, number: u16, to: u64, as_leader: bool) {
        let replica = self.machines.replicas.get_mut(&b(number)).expect("there");
        let (from, to) = (replica.log().high_watermark(), Offset(to));
        replica.log_mut().set_high_watermark(to);
        self.note(b(number), ReplicaEvent::HighWatermark { tp: TP, from, to, as_leader });
    }

    /// Record #0 is everywhere, committed and acknowledged.
    fn with_one_committed() -> Self {
        let mut bench = Self::new();
        bench.lead(1, 0);
        bench.copy(2, 0, 0, 0);
        bench.copy(3, 0, 0, 0);
        bench.force_watermark(1, 1, true);
        bench.answer(0, 0);
        bench.expect(&[]);
        bench
    }

    fn answer(&mut self, offset: u64, n: u32) {
        self.answer_with(ErrorCode::None, offset, n);
    }

    fn answer_with(&mut self, error: ErrorCode, offset: u64, n: u32) {
        let (acks, base_offset) = (Acks::All, Some(Offset(offset)));
        let body = body(n);
        let note = ReplicaEvent::ProduceAnswered { tp: TP, error, acks, body, base_offset };
        self.note(b(1), note);
    }

    fn deliver(&mut self, offset: u64, n: u32) {
        let id = Some(RecordId { producer: NodeId::client(1), n });
        let note = ClientEvent::Delivered { tp: TP, offset: Offset(offset), id };
        self.note(NodeId::client(2), note);
    }

    #[track_caller]
    fn expect(&self, properties: &[&str]) {
        let found = self.checks.violations();
        let names: Vec<_> = found.iter().map(|violation| violation.property).collect();
        assert_eq!(names, properties, "{found:#?}");
    }

    /// The world did something to disks.
    fn disks_changed(&mut self) {
        let image = self.image();
        let case = Case { view: &self.machines, image: &image, moment: Moment::default() };
        self.checks.compare_disks(&case);
    }

    #[track_caller]
    fn expect_named(&self, losses: &[(&str, u64, u64)]) {
        let named = self.checks.named_losses();
        let named: Vec<_> = named.map(|one| (one.property, one.from.0, one.to.0)).collect();
        assert_eq!(named, losses);
    }

    #[track_caller]
    fn expect_class(&self, class: Class) {
        let found = self.checks.violations();
        assert!(!found.is_empty() && found.iter().all(|v| v.class == class), "{found:#?}");
    }
}

#[test]
fn inv_1_an_append_below_the_end() {
    let mut bench = Bench::with_one_committed();
    let (base_offset, leader_epoch, as_leader) = (Offset(0), LeaderEpoch(0), false);
    let body = body(0);
    let note = ReplicaEvent::Appended { tp: TP, base_offset, leader_epoch, as_leader, body };
    bench.note(b(2), note);
    bench.expect(&["INV-1"]);
}

/// A follower that compares nothing may copy an older epoch after a newer one. Nothing falls over.
#[test]
fn inv_1_an_older_epoch_after_a_newer_one() {
    let mut bench = Bench::new();
    bench.elect(1, &[1, 2, 3], false);
    bench.apply_record(2);
    bench.copy(2, 0, 1, 0);
    assert!(!bench.checks.is_violated("INV-1"));
    bench.copy(2, 1, 0, 1);
    assert!(bench.checks.is_violated("INV-1"));
}

#[test]
fn inv_2_a_watermark_beyond_the_end() {
    let mut bench = Bench::with_one_committed();
    bench.force_watermark(2, 7, false);
    bench.expect(&["INV-2"]);
}

#[test]
fn inv_3_an_epoch_ahead_of_the_replica() {
    let mut bench = Bench::new();
    bench.copy(2, 0, 5, 0);
    bench.expect(&["INV-3"]);
}

#[test]
fn inv_4_metadata_and_records_that_go_back() {
    let mut bench = Bench::new();
    bench.note(b(1), ReplicaEvent::MetadataPublished { end_offset: Offset(9) });
    bench.note(b(1), ReplicaEvent::MetadataPublished { end_offset: Offset(8) });
    bench.recorded(false);
    bench.expect(&["INV-4", "INV-4"]);
}

#[test]
fn inv_5_two_leaders_of_one_epoch() {
    let mut bench = Bench::new();
    bench.record.leader = Some(b(2));
    bench.apply_record(2);
    bench.machines.replicas.insert(b(2), Partition::new(TP, b(2), PartitionLog::default()));
    bench.apply_record(2);
    assert!(bench.checks.is_violated("INV-5"));
}

#[test]
fn inv_6_another_record_at_the_same_epoch_and_offset() {
    let mut bench = Bench::new();
    bench.lead(1, 0);
    bench.copy(2, 0, 0, 9);
    bench.expect(&["INV-6"]);
}

#[test]
fn inv_7_a_difference_below_the_watermark() {
    let mut bench = Bench::with_one_committed();
    bench.machines.replicas.insert(b(2), Partition::new(TP, b(2), PartitionLog::default()));
    bench.apply_record(2);
    bench.copy(2, 0, 0, 9);
    bench.force_watermark(2, 1, false);
    assert!(bench.checks.is_violated("INV-7"));
}

#[test]
fn inv_8_9_11_14_a_watermark_that_waited_for_nobody() {
    let mut bench = Bench::new();
    bench.lead(1, 0);
    bench.copy(2, 0, 0, 0);
    bench.force_watermark(1, 1, true);
    bench.expect(&["INV-8", "INV-9", "INV-11", "INV-14"]);
    bench.expect_class(Class::Violation);
}

#[test]
fn inv_10_a_leader_outside_the_isr() {
    let mut bench = Bench::new();
    bench.record.isr = BrokerSet::of(b(2));
    bench.record.partition_epoch = PartitionEpoch(1);
    bench.recorded(false);
    bench.expect(&["INV-10"]);
}

#[test]
fn inv_12_a_cut_of_what_is_committed() {
    let mut bench = Bench::with_one_committed();
    bench.step(2, |replica, _, fx| replica.truncate(Offset(0), fx));
    assert_eq!(bench.checks.violations()[0].property, "INV-12");
    bench.expect_class(Class::Violation);
}

#[test]
fn inv_12_a_cut_of_what_never_was_committed() {
    let mut bench = Bench::with_one_committed();
    bench.lead(1, 1);
    bench.copy(2, 1, 0, 1);
    bench.step(2, |replica, _, fx| replica.truncate(Offset(1), fx));
    bench.expect(&[]);
}

#[test]
fn inv_13_a_committed_member_that_the_leader_does_not_count() {
    let mut bench = Bench::new();
    let all = bench.record.isr;
    bench.record.isr = all.without(b(3));
    bench.record.partition_epoch = PartitionEpoch(1);
    bench.recorded(false);
    bench.apply_record(1);
    bench.record.isr = all;
    bench.record.partition_epoch = PartitionEpoch(2);
    bench.expect(&[]);
    bench.recorded(false);
    bench.expect(&["INV-13"]);
}

#[test]
fn inv_15_a_clean_leader_without_a_committed_record() {
    let mut bench = Bench::with_one_committed();
    bench.deliver(0, 0);
    bench.machines.replicas.insert(b(3), Partition::new(TP, b(3), PartitionLog::default()));
    bench.elect(3, &[3], false);
    assert!(bench.checks.is_violated("INV-15") && bench.checks.is_violated("INV-17"));
    bench.expect_class(Class::Violation);
}

#[test]
fn inv_15_an_unclean_election_excuses() {
    let mut bench = Bench::new();
    bench.record.isr = bench.record.isr.without(b(3));
    bench.record.partition_epoch = PartitionEpoch(1);
    bench.recorded(false);
    bench.apply_record(1);
    bench.lead(1, 0);
    bench.copy(2, 0, 0, 0);
    bench.force_watermark(1, 1, true);
    bench.answer(0, 0);
    bench.elect(3, &[3], true);
    bench.expect(&["INV-15"]);
    bench.expect_class(Class::Expected);
}

#[test]
fn inv_16_what_every_disk_lost() {
    let mut bench = Bench::with_one_committed();
    bench.machines.replicas.clear();
    bench.disks_changed();
    bench.expect(&["INV-16"]);
    bench.expect_class(Class::Expected);
}

/// What INV-16 said is gone is what the next leader lacks: the same records, acknowledged as before.
#[test]
fn inv_15_and_inv_16_name_the_same_acknowledged_records() {
    let mut bench = Bench::with_one_committed();
    bench.machines.replicas.clear();
    bench.disks_changed();
    bench.disks_changed();
    for number in 1..=3 {
        let replica = Partition::new(TP, b(number), PartitionLog::default());
        bench.machines.replicas.insert(b(number), replica);
    }
    bench.elect(2, &[2], false);
    bench.expect(&["INV-16", "INV-15"]);
    assert!(bench.checks.violations().iter().all(|found| found.repeats == 0));
    assert!(bench.checks.violations()[1].text.contains("1 of them acknowledged"));
    bench.expect_named(&[("INV-16", 0, 1), ("INV-15", 0, 1)]);
}

/// Each loss is named, also where the verdicts fold it into an earlier one of its kind.
#[test]
fn every_loss_is_named() {
    let mut bench = Bench::with_one_committed();
    for offset in [1, 2, 4] {
        bench.lead(1, offset);
        bench.answer(u64::from(offset), offset);
    }
    assert_eq!(bench.checks.violations().iter().filter(|v| v.property == "INV-18").count(), 1);
    bench.expect_named(&[("INV-18", 1, 3), ("INV-18", 4, 5)]);
}

#[test]
fn inv_17_a_read_of_what_is_not_there() {
    let mut bench = Bench::with_one_committed();
    bench.deliver(0, 0);
    bench.expect(&[]);
    bench.deliver(0, 9);
    bench.expect(&["INV-17"]);
}

#[test]
fn inv_18_success_for_what_is_not_committed() {
    let mut bench = Bench::with_one_committed();
    bench.lead(1, 1);
    bench.answer(1, 1);
    assert!(bench.checks.is_violated("INV-18"));
    bench.expect_class(Class::Violation);
}

#[test]
fn inv_19_a_refusal_of_what_was_written() {
    let mut bench = Bench::new();
    bench.lead(1, 0);
    bench.answer_with(ErrorCode::NotEnoughReplicasAfterAppend, 0, 0);
    bench.expect(&[]);
    bench.answer_with(ErrorCode::NotEnoughReplicas, 0, 0);
    bench.expect(&["INV-19"]);
}

#[test]
fn inv_20_an_isr_of_nobody() {
    let mut bench = Bench::new();
    bench.record.leader = None;
    bench.record.leader_epoch = LeaderEpoch(1);
    bench.set_isr(&[]);
    bench.recorded(false);
    bench.expect(&["INV-20"]);
}

#[test]
fn inv_20_a_stranger_in_the_isr() {
    let mut bench = Bench::new();
    bench.brokers.insert(b(4), bench.brokers[&b(1)]);
    bench.set_isr(&[1, 2, 3, 4]);
    bench.recorded(false);
    assert!(bench.checks.is_violated("INV-20"));
}

#[test]
fn inv_21_a_fenced_broker_in_the_isr() {
    let mut bench = Bench::new();
    bench.brokers.get_mut(&b(2)).expect("there").is_fenced = true;
    bench.note(NodeId::controller(1), ControllerEvent::BrokerFenced { broker: b(2) });
    bench.expect(&["INV-21"]);
}

#[test]
fn inv_21_a_stopping_broker_joins_the_isr() {
    let mut bench = Bench::new();
    bench.set_isr(&[1, 2]);
    bench.recorded(false);
    bench.brokers.get_mut(&b(3)).expect("there").in_controlled_shutdown = true;
    bench.note(NodeId::controller(1), ControllerEvent::BrokerShuttingDown { broker: b(3) });
    bench.expect(&[]);
    bench.set_isr(&[1, 2, 3]);
    bench.recorded(false);
    assert!(bench.checks.is_violated("INV-21"));
}

#[test]
fn inv_21_the_last_member_stays_without_leading() {
    let mut bench = Bench::new();
    bench.set_isr(&[1]);
    bench.recorded(false);
    (bench.record.leader, bench.record.leader_epoch) = (None, LeaderEpoch(1));
    bench.set_isr(&[1]);
    bench.brokers.get_mut(&b(1)).expect("there").is_fenced = true;
    bench.recorded(false);
    bench.expect(&[]);
}

#[test]
fn inv_22_one_epoch_for_two_lives() {
    let mut bench = Bench::new();
    bench.set_isr(&[1, 2]);
    bench.recorded(false);
    for life in [1, 2] {
        let note = bench.register(3, life, 7);
        bench.note(NodeId::controller(1), note);
    }
    bench.expect(&["INV-22"]);
    bench.expect_class(Class::Violation);
}

/// Kafka's own hole: the request of a dead life comes late.
#[test]
fn inv_22_a_dead_life_displaces_the_living_one() {
    let mut bench = Bench::new();
    bench.set_isr(&[1, 2]);
    bench.recorded(false);
    bench.machines.lives.insert(b(3), Incarnation(2));
    let (living, dead) = (bench.register(3, 2, 39), bench.register(3, 1, 41));
    bench.notes(NodeId::controller(1), &[living.into(), dead.into()]);
    bench.note(b(3), ReplicaEvent::Registered { epoch: BrokerEpoch(39) });
    bench.expect(&["INV-22"]);
    bench.expect_class(Class::DesignLimit);
}

#[test]
fn inv_23_two_histories_of_the_metadata() {
    let mut bench = Bench::new();
    for number in [1, 2] {
        let image = bench.image();
        bench.machines.published.insert(b(number), image);
        bench.note(b(number), ReplicaEvent::MetadataPublished { end_offset: Offset(0) });
        bench.expect(&[]);
    }
    bench.record.partition_epoch = PartitionEpoch(9);
    let image = bench.image();
    bench.machines.published.insert(b(3), image);
    bench.note(b(3), ReplicaEvent::MetadataPublished { end_offset: Offset(0) });
    bench.expect(&["INV-23"]);
}

#[test]
fn inv_24_a_proposal_that_nobody_sends() {
    let mut bench = Bench::new();
    bench.lead(1, 0);
    bench.step(1, |replica, view, fx| {
        let late = View { now: view.now + view.config.replica_lag_time_max * 2, ..view };
        replica.propose_shrink(late, fx).expect("nobody has fetched for long");
    });
    bench.expect(&[]);
    bench.machines.has_lost_its_proposal = true;
    let error = ErrorCode::InvalidUpdateVersion;
    bench.note(b(1), ReplicaEvent::IsrRefused { tp: TP, error });
    bench.expect(&[]);
    bench.note(b(1), ReplicaEvent::IsrRefused { tp: TP, error: ErrorCode::IneligibleReplica });
    bench.expect(&["INV-24"]);
}

#[test]
fn inv_25_a_follower_that_copies_from_nobody_or_two() {
    for from in [vec![], vec![b(1), b(3)]] {
        let mut bench = Bench::new();
        bench.machines.copies_from.insert(b(2), from.into_iter().collect());
        bench.audit();
        bench.expect(&["INV-25"]);
    }
}

#[test]
fn inv_25_a_leader_that_copies() {
    let mut bench = Bench::new();
    bench.machines.copies_from.insert(b(1), BrokerSet::of(b(2)));
    bench.audit();
    bench.expect(&["INV-25"]);
}

#[test]
fn inv_26_a_watermark_that_goes_back() {
    let mut bench = Bench::with_one_committed();
    bench.force_watermark(1, 0, true);
    bench.expect(&["INV-26"]);
}

#[test]
fn inv_27_a_batch_that_is_there_twice() {
    let mut bench = Bench::new();
    for offset in 0..2 {
        let stamp = ProducerStamp { id: ProducerId(7), epoch: ProducerEpoch(0), base_sequence: 0 };
        let records = body(0).records.clone();
        let body = BatchBody::new(BatchKind::Data, Timestamp(0), Some(stamp), records);
        let batch = Batch {
            base_offset: Offset(offset),
            leader_epoch: LeaderEpoch(0),
            body: Arc::new(body),
        };
        let leader = bench.machines.replicas.get_mut(&b(1)).expect("there");
        leader.log_mut().append_as_follower(batch);
        bench.audit();
    }
    assert!(bench.checks.is_violated("INV-27"));
}

/// After a cut the same sequences may come again.
#[test]
fn inv_27_a_batch_that_was_cut_and_copied_again() {
    let mut bench = Bench::new();
    let stamp = ProducerStamp { id: ProducerId(7), epoch: ProducerEpoch(0), base_sequence: 0 };
    let records = body(0).records.clone();
    let body = BatchBody::new(BatchKind::Data, Timestamp(0), Some(stamp), records);
    let (base_offset, leader_epoch) = (Offset(0), LeaderEpoch(0));
    let batch = Batch { base_offset, leader_epoch, body: Arc::new(body) };
    for _ in 0..2 {
        let again = batch.clone();
        bench.step(2, |replica, view, fx| {
            replica.append_as_follower(vec![again], Offset(0), leader_epoch, view.variations, fx);
        });
        bench.audit();
        bench.step(2, |replica, _, fx| replica.truncate(Offset(0), fx));
    }
    assert!(!bench.checks.is_violated("INV-27"));
}

/// b3 is outside the ISR and follows in an older epoch: what it cuts was committed without it.
#[test]
fn inv_12_a_cut_by_a_stranger_of_an_older_epoch() {
    for (isr, found) in [([1, 2].as_slice(), [].as_slice()), (&[1, 2, 3], &["INV-12"])] {
        let mut bench = Bench::new();
        bench.lead(1, 0);
        bench.copy(2, 0, 0, 0);
        bench.copy(3, 0, 0, 0);
        bench.elect(1, isr, false);
        bench.force_watermark(1, 1, true);
        bench.step(3, |replica, _, fx| replica.truncate(Offset(0), fx));
        let broken = bench.checks.violations().iter().map(|v| v.property);
        assert_eq!(broken.filter(|name| *name == "INV-12").collect::<Vec<_>>(), found);
    }
}

/// b1 leads on, unheard by the controller, after b2 was elected from outside the ISR.
#[test]
fn inv_7_a_zombie_moves_its_own_watermark() {
    let mut bench = Bench::new();
    bench.set_isr(&[1]);
    bench.recorded(false);
    bench.apply_record(1);
    bench.elect(2, &[2], true);
    bench.lead(1, 0);
    bench.force_watermark(1, 1, true);
    bench.lead(2, 5);
    bench.force_watermark(2, 1, true);
    bench.audit();
    bench.expect(&["INV-7"]);
    bench.expect_class(Class::Expected);
    // It hears of it, and has not cut its log yet.
    bench.apply_record(1);
    bench.audit();
    bench.expect(&["INV-7"]);
    bench.step(1, |replica, _, fx| replica.truncate(Offset(0), fx));
    bench.copy(1, 0, 1, 5);
    bench.audit();
    bench.expect(&["INV-7"]);
    // From here on it must agree like everybody else.
    bench.machines.replicas.insert(b(1), Partition::new(TP, b(1), PartitionLog::default()));
    bench.apply_record(1);
    bench.copy(1, 0, 1, 9);
    bench.force_watermark(1, 1, false);
    let found = bench.checks.violations().iter();
    assert!(found.filter(|v| v.class == Class::Violation).any(|v| v.property == "INV-7"));
}

/// Nobody saw a replica level that was elected from outside the ISR: what it lost, it has still lost.
#[test]
fn inv_16_an_unclean_election_gives_nothing_back() {
    let mut bench = Bench::with_one_committed();
    for number in [1, 3] {
        bench.machines.replicas.remove(&b(number));
    }
    bench.disks_changed();
    (bench.record.leader, bench.record.isr) = (Some(b(1)), BrokerSet::of(b(1)));
    bench.record.leader_epoch = LeaderEpoch(1);
    bench.record.partition_epoch = PartitionEpoch(1);
    bench.recorded(true);
    bench.machines.replicas.clear();
    bench.disks_changed();
    bench.expect(&["INV-16"]);
    bench.expect_class(Class::Expected);
}

/// b3 joined the ISR in its former life and was registered anew, both in one write: its join says
/// nothing of what it has lost since it was proposed.
#[test]
fn records_of_one_write_are_entered_one_by_one() {
    let mut bench = Bench::with_one_committed();
    bench.set_isr(&[1, 2]);
    bench.recorded(false);
    let life = bench.register(3, 0, 5);
    bench.note(NodeId::controller(1), life);
    bench.machines.replicas.insert(b(3), Partition::new(TP, b(3), PartitionLog::default()));
    bench.machines.lives.insert(b(3), Incarnation(1));
    bench.disks_changed();
    bench.set_isr(&[1, 2, 3]);
    let joined = bench.record_note(false);
    let registered = bench.register(3, 1, 9);
    bench.notes(NodeId::controller(1), &[joined.into(), registered.into()]);
    let lacks = |v: &&Violation| ["INV-8", "INV-9", "INV-11", "INV-14"].contains(&v.property);
    assert_eq!(bench.checks.violations().iter().find(lacks), None);
    // A join in the life that lost it speaks of now, and is believed.
    bench.set_isr(&[1, 2]);
    bench.recorded(false);
    bench.set_isr(&[1, 2, 3]);
    bench.recorded(false);
    assert!(bench.checks.violations().iter().any(|v| lacks(&v)));
}

/// A request about two partitions is answered when the slower one is done; by then the zombie that
/// wrote both may have heard that it was replaced, and follow.
#[test]
fn inv_18_a_zombie_acknowledges_after_it_has_begun_to_follow() {
    let mut bench = Bench::new();
    bench.set_isr(&[1]);
    bench.recorded(false);
    bench.apply_record(1);
    bench.elect(2, &[2], true);
    bench.lead(1, 0);
    bench.force_watermark(1, 1, true);
    bench.apply_record(1);
    bench.answer(0, 0);
    bench.expect(&["INV-18"]);
    bench.expect_class(Class::Expected);
}
