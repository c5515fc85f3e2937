//! Each invariant seen to fail: replicas made by hand, put into a state that no broker reaches.

use crate::check::cluster::{Case, Cluster, Moment};
use crate::check::{Checks, Class};
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::{Acks, BrokerConfig, TopicConfig, Variations};
use kafkalab_core::engine::{Effect, Effects};
use kafkalab_core::epoch::{BrokerEpoch, LeaderEpoch, Offset, PartitionEpoch};
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::event::{ClientEvent, ControllerEvent, Event, ReplicaEvent};
use kafkalab_core::id::{Incarnation, NodeId, RecordId, TopicId, TopicPartition};
use kafkalab_core::log::{LogFile, PartitionLog};
use kafkalab_core::metadata::{
    BrokerRegistration, MetadataImage, PartitionRegistration, TopicImage,
};
use kafkalab_core::record::{Batch, BatchBody, BatchKind, Record};
use kafkalab_core::replica::{Partition, View};
use kafkalab_core::time::{Instant, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

const TP: TopicPartition = TopicPartition { topic: TopicId(0), partition: 0 };

/// Brokers with one replica each.
#[derive(Default)]
struct Machines(BTreeMap<NodeId, Partition>);

impl<'a> Cluster<'a> for &'a Machines {
    fn replica(self, _: TopicPartition, node: NodeId) -> Option<&'a Partition> {
        self.0.get(&node)
    }

    fn log(self, _: TopicPartition, node: NodeId) -> Option<&'a LogFile> {
        self.0.get(&node).map(|replica| replica.log().file())
    }

    fn broker_epoch(self, _: NodeId) -> Option<BrokerEpoch> {
        Some(BrokerEpoch(1))
    }

    fn incarnation(self, _: NodeId) -> Incarnation {
        Incarnation(0)
    }
}

struct Bench {
    machines: Machines,
    record: PartitionRegistration,
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
        let checks = Checks::new(&Variations::default());
        let mut bench = Self { machines: Machines::default(), record, checks };
        for number in 1..=3 {
            let replica = Partition::new(TP, b(number), PartitionLog::default());
            bench.machines.0.insert(b(number), replica);
        }
        bench.recorded(false);
        for number in 1..=3 {
            bench.apply_record(number);
        }
        bench
    }

    fn image(&self) -> MetadataImage {
        let registration = BrokerRegistration {
            incarnation: Incarnation(0),
            epoch: BrokerEpoch(1),
            registered_at: Offset(1),
            is_fenced: false,
            in_controlled_shutdown: false,
        };
        let config = TopicConfig { min_insync_replicas: 2, ..TopicConfig::default() };
        let topic = TopicImage { config, partitions: vec![self.record.clone()] };
        MetadataImage {
            brokers: (1..=3).map(|number| (b(number), registration)).collect(),
            topics: [(TP.topic, Arc::new(topic))].into(),
            ..MetadataImage::default()
        }
    }

    fn note(&mut self, node: NodeId, note: impl Into<Event>) {
        let image = self.image();
        let case = Case { view: &self.machines, image: &image, moment: Moment::default() };
        self.checks.judge(&case, node, &[note.into()]);
    }

    /// The controller has committed the record as it stands.
    fn recorded(&mut self, is_unclean: bool) {
        let PartitionRegistration { leader, leader_epoch, isr, partition_epoch, .. } = self.record;
        let (tp, node) = (TP, NodeId::controller(1));
        let note = ControllerEvent::PartitionChanged {
            tp,
            leader,
            leader_epoch,
            isr,
            partition_epoch,
            is_unclean,
        };
        self.note(node, note);
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
        step(self.machines.0.get_mut(&b(number)).expect("there"), view, &mut fx);
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
        let replica = self.machines.0.get_mut(&b(number)).expect("there");
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
        let (error, acks, base_offset) = (ErrorCode::None, Acks::All, Some(Offset(offset)));
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
    bench.machines.0.insert(b(2), Partition::new(TP, b(2), PartitionLog::default()));
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
    bench.machines.0.insert(b(2), Partition::new(TP, b(2), PartitionLog::default()));
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
    bench.machines.0.insert(b(3), Partition::new(TP, b(3), PartitionLog::default()));
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
    bench.machines.0.clear();
    bench.disks_changed();
    bench.expect(&["INV-16"]);
    bench.expect_class(Class::Expected);
}

/// What INV-16 said is gone is what the next leader lacks: the same records, acknowledged as before.
#[test]
fn inv_15_and_inv_16_name_the_same_acknowledged_records() {
    let mut bench = Bench::with_one_committed();
    bench.machines.0.clear();
    bench.disks_changed();
    bench.disks_changed();
    for number in 1..=3 {
        let replica = Partition::new(TP, b(number), PartitionLog::default());
        bench.machines.0.insert(b(number), replica);
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
