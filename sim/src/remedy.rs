//! What would have prevented a trouble: found by trying, never by assertion.
//!
//! The same plan, the same seed and the same faults are run again with one setting changed, then with
//! two, from the mildest change on; the first that reaches the goal is the answer. Draws are keyed, so
//! nothing else changes before the settings make a difference (semantics 2). What Kafka would refuse
//! as a configuration is not tried, nor what changes nothing in this plan.

use crate::host::Host;
use crate::lab::Lab;
use crate::ledger::{Outcome, Row};
use crate::run::{How, run};
use crate::scenario::plan::{ClientKind, Plan, ProducerPlan};
use crate::trouble::Trouble;
use kafkalab_core::config::{Acks, OffsetReset};
use kafkalab_core::id::RecordId;
use kafkalab_core::time::Duration;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// One setting, changed on every topic, producer or consumer that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `acks=all`.
    AcksAll,
    /// `enable.idempotence=true`.
    Idempotence,
    /// `max.in.flight.requests.per.connection=1`.
    OneInFlight,
    /// `retries` at Kafka's default, which is without limit.
    Retries,
    /// `delivery.timeout.ms`, longer than it was.
    DeliveryTimeout(Duration),
    /// `unclean.leader.election.enable=false`.
    NoUnclean,
    /// `min.insync.replicas`, higher, of every topic with so many replicas.
    MinInsyncReplicas(u16),
    /// `min.insync.replicas`, lower.
    LowerMinInsyncReplicas(u16),
    /// More replicas of every topic.
    Replicas(u16),
    /// `auto.offset.reset=earliest`.
    ResetEarliest,
}

impl fmt::Display for Setting {
    /// As it stands in a scenario: `acks=all`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AcksAll => f.write_str("acks=all"),
            Self::Idempotence => f.write_str("enable.idempotence=true"),
            Self::OneInFlight => f.write_str("max.in.flight.requests.per.connection=1"),
            Self::Retries => write!(f, "retries={RETRIES}"),
            Self::DeliveryTimeout(time) => write!(f, "delivery.timeout.ms={}", time.as_millis()),
            Self::NoUnclean => f.write_str("unclean.leader.election.enable=false"),
            Self::MinInsyncReplicas(n) | Self::LowerMinInsyncReplicas(n) => {
                write!(f, "min.insync.replicas={n}")
            }
            Self::Replicas(n) => write!(f, "replicas={n}"),
            Self::ResetEarliest => f.write_str("auto.offset.reset=earliest"),
        }
    }
}

/// Kafka's default.
const RETRIES: u32 = i32::MAX as u32;
/// Kafka's default, and a time that outlasts most faults.
const DELIVERY_TIMEOUTS: [Duration; 2] = [Duration::from_secs(120), Duration::from_secs(600)];

/// What changed settings do for the records in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The goal is reached: the records are kept, stand once, stand in order, are acked or are read.
    Reached,
    /// Records that were lost, at risk or not decided are none of it any more, but the producer is
    /// told that some of them failed.
    Told,
}

/// Settings that would have helped.
#[derive(Clone, Debug, PartialEq)]
pub struct Remedy {
    /// The settings, few as they can be.
    pub settings: Vec<Setting>,
    /// What they do.
    pub effect: Effect,
    /// The plan with them.
    pub plan: Arc<Plan>,
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The first settings that help; `None` if none of those tried does.
    pub remedy: Option<Remedy>,
    /// How many were tried.
    pub tried: u32,
    /// The effort ran out before everything was tried.
    pub was_capped: bool,
}

/// How much may be spent on a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Runs.
    pub tries: u32,
    /// Inputs of all runs together.
    pub inputs: u64,
}

impl Effort {
    /// For somebody who asked for an explanation: every candidate of a run of ordinary length.
    pub const FULL: Self = Self { tries: 64, inputs: 12_000_000 };
    /// For a line under a table.
    pub const BRIEF: Self = Self { tries: 24, inputs: 2_000_000 };
}

/// Looks for settings with which `records` are not in `trouble`.
pub fn find(
    plan: &Arc<Plan>,
    trouble: Trouble,
    records: &[RecordId],
    effort: Effort,
    host: Host,
    stop: &Arc<AtomicBool>,
) -> Search {
    let mut search = Search { remedy: None, tried: 0, was_capped: false };
    let mut inputs = 0;
    for settings in candidates(trouble, plan) {
        let Some(changed) = with(plan, &settings) else { continue };
        if search.tried >= effort.tries || inputs >= effort.inputs {
            search.was_capped = true;
            break;
        }
        let plan = Arc::new(changed);
        let Ok(lab) = run(&plan, How { host, is_recorded: false }, stop) else { break };
        search.tried += 1;
        inputs += lab.world().counters().inputs;
        let Some(effect) = effect(&lab, trouble, records) else { continue };
        let remedy = Remedy { settings, effect, plan };
        match effect {
            Effect::Reached => {
                search.remedy = Some(remedy);
                break;
            }
            Effect::Told => {
                search.remedy.get_or_insert(remedy);
            }
        }
    }
    search
}

/// What a run with other settings means for `records`; `None` if their trouble remains, or if it is
/// exchanged for another.
fn effect(lab: &Lab, trouble: Trouble, records: &[RecordId]) -> Option<Effect> {
    if !lab.has_come_to_its_end() {
        return None;
    }
    let in_any = |troubles: &[Trouble]| {
        troubles.iter().any(|trouble| {
            let ids = trouble.records(lab);
            records.iter().any(|id| ids.contains(id))
        })
    };
    let are_acked = records.iter().all(|id| lab.ledger().row(*id).is_some_and(Row::is_acked));
    let unsafe_ones = [Trouble::Lost, Trouble::NotDecided, Trouble::AtRisk];
    if in_any(&unsafe_ones) {
        return None;
    }
    let reached = |is_reached: bool| is_reached.then_some(Effect::Reached);
    match trouble {
        Trouble::Lost | Trouble::NotDecided | Trouble::AtRisk => {
            // Nothing is better that only puts the answer off.
            let is_resolved = |id: &RecordId| {
                let row = lab.ledger().row(*id);
                row.is_some_and(|row| row.outcome != Outcome::Open)
            };
            let effect = if are_acked { Effect::Reached } else { Effect::Told };
            records.iter().all(is_resolved).then_some(effect)
        }
        // Another timing would only exchange the records: nobody may be in it.
        Trouble::Duplicate => reached(are_acked && Trouble::Duplicate.records(lab).is_empty()),
        Trouble::Reordered => reached(are_acked && Trouble::Reordered.records(lab).is_empty()),
        Trouble::Failed | Trouble::Unknown => reached(are_acked),
        Trouble::Unread(_) => reached(!in_any(&[trouble])),
        Trouble::DeadReader(reader) => {
            reached(!trouble.is_in(lab) && !in_any(&[Trouble::Unread(reader)]))
        }
    }
}

/// What is tried, mildest first: each setting that matters, then each two of them.
fn candidates(trouble: Trouble, plan: &Plan) -> Vec<Vec<Setting>> {
    let singles = singles(trouble, plan);
    let mut pairs = Vec::new();
    for (n, one) in singles.iter().enumerate() {
        let others = singles.iter().enumerate().skip(n + 1);
        let others = others.filter(|(_, other)| !is_same_key(*one, **other));
        pairs.extend(others.map(|(m, other)| (n + m, vec![*one, *other])));
    }
    // The mildest two first: those whose places in the list add up to least.
    pairs.sort_by_key(|(weight, _)| *weight);
    let pairs = pairs.into_iter().map(|(_, pair)| pair);
    singles.iter().map(|one| vec![*one]).chain(pairs).collect()
}

/// The settings that can matter to a trouble, mildest first.
fn singles(trouble: Trouble, plan: &Plan) -> Vec<Setting> {
    use Setting::{
        AcksAll, DeliveryTimeout, Idempotence, LowerMinInsyncReplicas, MinInsyncReplicas,
        NoUnclean, OneInFlight, Replicas, ResetEarliest, Retries,
    };
    let [usual, long] = DELIVERY_TIMEOUTS.map(DeliveryTimeout);
    match trouble {
        Trouble::Lost | Trouble::NotDecided | Trouble::AtRisk => {
            let most = plan.cluster.brokers.min(3);
            let more = (2..=most).map(Replicas);
            let rest = [Retries, usual, Idempotence];
            let first = [AcksAll, NoUnclean, MinInsyncReplicas(2)];
            first.into_iter().chain(more).chain(rest).collect()
        }
        Trouble::Duplicate => vec![Idempotence, AcksAll, ResetEarliest, OneInFlight, usual, long],
        Trouble::Reordered => vec![Idempotence, AcksAll, OneInFlight, usual, long],
        Trouble::Failed | Trouble::Unknown => {
            let most = plan.cluster.brokers.min(3);
            let first = [Retries, usual, Idempotence, AcksAll];
            let more = (2..=most).map(Replicas);
            let last = [long, LowerMinInsyncReplicas(1)];
            first.into_iter().chain(more).chain(last).collect()
        }
        Trouble::Unread(_) | Trouble::DeadReader(_) => {
            let most = plan.cluster.brokers.min(3);
            std::iter::once(ResetEarliest).chain((2..=most).map(Replicas)).collect()
        }
    }
}

fn is_same_key(one: Setting, other: Setting) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}

/// The plan with `settings`; `None` if one of them changes nothing there, or if Kafka would refuse
/// the whole.
fn with(plan: &Plan, settings: &[Setting]) -> Option<Plan> {
    let mut changed = plan.clone();
    for setting in settings {
        let before = changed.clone();
        apply(*setting, &mut changed);
        if changed == before {
            return None;
        }
    }
    let asks_for_idempotence = settings.contains(&Setting::Idempotence);
    is_accepted(&changed, asks_for_idempotence).then_some(changed)
}

fn apply(setting: Setting, plan: &mut Plan) {
    for topic in &mut plan.topics {
        match setting {
            Setting::NoUnclean => topic.config.unclean_leader_election_enable = false,
            Setting::MinInsyncReplicas(n) if topic.replicas >= n => {
                let min = &mut topic.config.min_insync_replicas;
                *min = (*min).max(n);
            }
            Setting::LowerMinInsyncReplicas(n) => {
                let min = &mut topic.config.min_insync_replicas;
                *min = (*min).min(n);
            }
            Setting::Replicas(n) => topic.replicas = topic.replicas.max(n),
            Setting::AcksAll
            | Setting::Idempotence
            | Setting::OneInFlight
            | Setting::Retries
            | Setting::DeliveryTimeout(_)
            | Setting::MinInsyncReplicas(_)
            | Setting::ResetEarliest => {}
        }
    }
    for client in &mut plan.clients {
        match &mut client.kind {
            ClientKind::Producer(producer) => apply_to_producer(setting, producer),
            ClientKind::Consumer(consumer) => {
                if setting == Setting::ResetEarliest {
                    consumer.config.auto_offset_reset = OffsetReset::Earliest;
                }
            }
        }
    }
}

fn apply_to_producer(setting: Setting, producer: &mut ProducerPlan) {
    let config = &mut producer.config;
    match setting {
        Setting::AcksAll => config.acks = Acks::All,
        Setting::Idempotence => config.enable_idempotence = true,
        Setting::OneInFlight => config.max_in_flight = 1,
        Setting::Retries => config.retries = RETRIES,
        Setting::DeliveryTimeout(time) => {
            config.delivery_timeout = config.delivery_timeout.max(time);
        }
        Setting::NoUnclean
        | Setting::MinInsyncReplicas(_)
        | Setting::LowerMinInsyncReplicas(_)
        | Setting::Replicas(_)
        | Setting::ResetEarliest => {}
    }
}

/// Whether Kafka takes these settings (`ProducerConfig.postProcessAndValidateIdempotenceConfigs`,
/// `KafkaProducer.configureDeliveryTimeout`), and whether they mean anything: there are brokers for
/// the replicas, and replicas for the minimum.
fn is_accepted(plan: &Plan, asks_for_idempotence: bool) -> bool {
    let topics = plan.topics.iter().all(|topic| {
        topic.replicas <= plan.cluster.brokers && topic.config.min_insync_replicas <= topic.replicas
    });
    let producers = plan.clients.iter().all(|client| match &client.kind {
        ClientKind::Producer(producer) => {
            let config = &producer.config;
            let (linger, request) = (config.linger.as_micros(), config.request_timeout.as_micros());
            let shortest = linger.saturating_add(request);
            config.delivery_timeout.as_micros() >= shortest
                && (!asks_for_idempotence || config.is_idempotent())
        }
        ClientKind::Consumer(_) => true,
    });
    topics && producers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::default_host;
    use crate::scenario::{LoadOptions, builtin, load};

    fn plans() -> Vec<Plan> {
        let lesson = builtin::find("02").expect("embedded");
        let loaded = load("02", lesson.text.as_bytes(), &LoadOptions::default());
        let variants = loaded.expect("a good lesson").scenario.variants;
        variants.into_iter().map(|variant| variant.plan).collect()
    }

    #[test]
    fn acks_all_would_have_kept_what_one_broker_had_alone() {
        let plans = plans();
        let plan = Arc::new(plans[1].clone());
        let producer = plan.clients[0].node;
        let lost = [3, 4].map(|n| RecordId { producer, n });
        let (host, stop) = (default_host(), Arc::default());
        let search = find(&plan, Trouble::Lost, &lost, Effort::FULL, host, &stop);
        let remedy = search.remedy.expect("there is one");
        assert_eq!((remedy.settings, remedy.effect), (vec![Setting::AcksAll], Effect::Reached));
        assert_eq!((search.tried, search.was_capped), (1, false));
        assert_eq!(remedy.plan.clients, plans[2].clients);
        let nothing = Effort { tries: 0, inputs: 0 };
        let search = find(&plan, Trouble::Lost, &lost, nothing, default_host(), &stop);
        assert_eq!(search, Search { remedy: None, tried: 0, was_capped: true });
    }

    #[test]
    fn what_kafka_refuses_is_not_tried() {
        let mut plan = plans()[1].clone();
        for client in &mut plan.clients {
            if let ClientKind::Producer(producer) = &mut client.kind {
                producer.config.enable_idempotence = false;
            }
        }
        let all = candidates(Trouble::Duplicate, &plan);
        let tried: Vec<_> = all.iter().filter(|settings| with(&plan, settings).is_some()).collect();
        // Idempotence asks for acks=all, which this variant has not got.
        assert!(!tried.contains(&&vec![Setting::Idempotence]));
        assert!(tried.contains(&&vec![Setting::Idempotence, Setting::AcksAll]));
    }

    #[test]
    fn one_setting_comes_before_two_and_none_is_named_twice() {
        let plan = &plans()[0];
        for trouble in [Trouble::Lost, Trouble::Duplicate, Trouble::Failed] {
            let all = candidates(trouble, plan);
            assert!(all.is_sorted_by_key(Vec::len), "{all:?}");
            let is_clean = |settings: &Vec<Setting>| match settings.as_slice() {
                [_] => true,
                [one, other] => !is_same_key(*one, *other),
                _ => false,
            };
            assert!(all.iter().all(is_clean), "{all:?}");
        }
    }
}
