//! The world of a run of chaos: a cluster, its time constants, a network, topics and clients.
//!
//! Time constants are drawn wide, because safety may not depend on any of them (reference M-9).

use super::dice::Dice;
use super::{Chaos, Topics};
use crate::scenario::names::{Names, Role};
use crate::scenario::plan::{
    ClientKind, ClientPlan, ClusterPlan, ConsumerPlan, Ends, Latency, NetPlan, Plan, ProducerPlan,
    Start, Tail, TopicPlan,
};
use kafkalab_core::broker::BrokerSpec;
use kafkalab_core::config::{
    Acks, BrokerConfig, ConsumerConfig, OffsetReset, ProducerConfig, TopicConfig,
};
use kafkalab_core::id::{NodeId, TopicId, TopicPartition};
use kafkalab_core::time::Duration;

/// The plan of `seed` without its faults.
pub(super) fn plan(seed: u64, shape: &Chaos) -> Plan {
    let mut dice = Dice::new(seed, "chaos: cluster", 0);
    let brokers = dice.weighed(&[(6, 1), (12, 2), (62, 3), (12, 4), (8, 5)]);
    let config = broker_config(&mut Dice::new(seed, "chaos: brokers", 0));
    let variations = shape.variations.clone();
    let profile = "4.1".to_owned();
    let metadata_apply = BrokerSpec::METADATA_APPLY;
    let cluster =
        ClusterPlan { brokers, controllers: 1, config, variations, metadata_apply, profile };
    let count = dice.weighed(&[(60, 1), (25, 2), (15, 3)]);
    let topics: Vec<TopicPlan> =
        (0..count).map(|n| topic(seed, n, brokers, shape.topics)).collect();
    let producers = dice.weighed(&[(40, 1), (40, 2), (20, 3)]);
    let consumers = dice.weighed(&[(20, 0), (50, 1), (30, 2)]);
    let mut clients = Vec::new();
    for n in 0..producers {
        let kind = ClientKind::Producer(producer(seed, n, &topics));
        clients.push((format!("p{}", n + 1), kind));
    }
    for n in 0..consumers {
        let kind = ClientKind::Consumer(consumer(seed, n, &topics));
        clients.push((format!("c{}", n + 1), kind));
    }
    let clients: Vec<ClientPlan> = clients
        .into_iter()
        .zip(1..)
        .map(|((name, kind), n)| ClientPlan {
            name,
            node: NodeId::client(n),
            start: Start::WarmUp,
            kind,
        })
        .collect();
    Plan {
        seed,
        limit: shape.limit,
        ends: Ends::Quiet,
        net: NetPlan {
            latency: latency(&mut Dice::new(seed, "chaos: network", 0)),
            ..NetPlan::default()
        },
        names: names(&cluster, &topics, &clients),
        cluster,
        topics,
        clients,
        steps: Vec::new(),
        injects: Vec::new(),
        promises: Vec::new(),
    }
}

fn names(cluster: &ClusterPlan, topics: &[TopicPlan], clients: &[ClientPlan]) -> Names {
    let mut names = Names::default();
    (names.brokers, names.controllers) = (cluster.brokers, cluster.controllers);
    names.topics = topics.iter().map(|topic| (topic.name.clone(), topic.partitions)).collect();
    let role = |client: &ClientPlan| match client.kind {
        ClientKind::Producer(_) => Role::Producer,
        ClientKind::Consumer(_) => Role::Consumer,
    };
    names.clients = clients.iter().map(|client| (client.name.clone(), role(client))).collect();
    names.replicas = topics.iter().map(|topic| topic.replicas).collect();
    let assigned = |client: &ClientPlan| match &client.kind {
        ClientKind::Producer(_) => Vec::new(),
        ClientKind::Consumer(consumer) => consumer.assign.clone(),
    };
    names.assigned = clients.iter().map(assigned).collect();
    names
}

fn broker_config(dice: &mut Dice) -> BrokerConfig {
    let session = dice.spread_millis(700, 9_000);
    BrokerConfig {
        replica_lag_time_max: dice.spread_millis(1_000, 30_000),
        replica_fetch_wait_max: dice.spread_millis(20, 500),
        replica_fetch_max_bytes: dice.pick(&[300, 2_000, 1_048_576, 1_048_576]),
        replica_fetch_backoff: dice.spread_millis(20, 1_000),
        replica_socket_timeout: dice.spread_millis(1_000, 30_000),
        high_watermark_checkpoint_interval: dice.spread_millis(100, 5_000),
        heartbeat_interval: dice.millis(100, session.as_millis() / 3),
        session_timeout: session,
        quorum_election_timeout: dice.millis(300, 1_500),
        quorum_fetch_timeout: dice.spread_millis(500, 4_000),
        quorum_append_linger: dice.millis(0, 25),
        quorum_request_timeout: dice.spread_millis(500, 4_000),
        metadata_max_idle_interval: dice.spread_millis(100, 500),
        ..BrokerConfig::default()
    }
}

fn latency(dice: &mut Dice) -> Latency {
    let form = dice.below(10);
    if form < 3 {
        return Latency::default();
    }
    let min = dice.spread_millis(100, 3_000).as_millis();
    let max = dice.between(min, min * 4);
    let (min, max) = (Duration::from_micros(min), Duration::from_micros(max));
    let permille = dice.between(1, 40) as u32;
    let at = dice.spread_millis(15, 400);
    let tail = (form >= 6).then_some(Tail { permille, at });
    Latency { min, max, tail }
}

fn topic(seed: u64, n: u32, brokers: u16, topics: Topics) -> TopicPlan {
    let mut dice = Dice::new(seed, "chaos: topic", n as usize);
    let most = brokers.min(3);
    let replicas = if dice.percent(75) { most } else { dice.between(1, u64::from(most)) as u16 };
    let drawn = (dice.between(1, u64::from(replicas.min(2))) as u16, dice.percent(12));
    let (min_insync_replicas, unclean_leader_election_enable) = match topics {
        Topics::Drawn => drawn,
        Topics::Unclean => (1, true),
    };
    TopicPlan {
        name: ["t", "u", "v"][n as usize].to_owned(),
        id: TopicId(n),
        partitions: dice.weighed(&[(60, 1), (25, 2), (15, 3)]),
        replicas,
        config: TopicConfig {
            min_insync_replicas,
            unclean_leader_election_enable,
            ..TopicConfig::default()
        },
    }
}

fn producer(seed: u64, n: usize, topics: &[TopicPlan]) -> ProducerPlan {
    let mut dice = Dice::new(seed, "chaos: producer", n);
    let every = dice.spread_millis(4, 120);
    let busy = dice.between(1_500, 8_000);
    let keys = dice.weighed(&[(40, None), (30, Some(1)), (30, Some(8))]);
    ProducerPlan {
        topic: dice.pick(topics).id,
        records: (busy / every.as_millis()).max(1) as u32,
        every,
        keys,
        value_bytes: dice.pick(&[10, 100, 100, 600]),
        config: producer_config(&mut dice),
    }
}

fn producer_config(dice: &mut Dice) -> ProducerConfig {
    let request_timeout = dice.spread_millis(300, 30_000);
    let linger = dice.pick(&[0, 0, 5, 5, 20, 60]);
    let most = dice.spread_millis(500, 60_000);
    ProducerConfig {
        acks: dice.weighed(&[(60, Acks::All), (28, Acks::Leader), (12, Acks::None)]),
        enable_idempotence: dice.percent(65),
        batch_size: dice.pick(&[1, 400, 16_384, 16_384]),
        linger: Duration::from_millis(linger),
        max_block: dice.spread_millis(500, 60_000),
        retries: dice.pick(&[0, 2, i32::MAX as u32, i32::MAX as u32, i32::MAX as u32]),
        // Kafka refuses less than the two together.
        delivery_timeout: most.max(request_timeout + Duration::from_millis(linger)),
        request_timeout,
        max_in_flight: dice.pick(&[1, 2, 5, 5]),
        retry_backoff: dice.spread_millis(10, 200),
        metadata_max_age: dice.spread_millis(1_000, 300_000),
        ..ProducerConfig::default()
    }
}

fn consumer(seed: u64, n: usize, topics: &[TopicPlan]) -> ConsumerPlan {
    let mut dice = Dice::new(seed, "chaos: consumer", n);
    let topic = dice.pick(topics);
    let partition = |partition| TopicPartition { topic: topic.id, partition };
    let mut assign: Vec<TopicPartition> = (0..topic.partitions).map(partition).collect();
    if dice.percent(30) {
        assign = vec![dice.pick(&assign)];
    }
    let reset = [(70, OffsetReset::Earliest), (30, OffsetReset::Latest)];
    let config = ConsumerConfig {
        auto_offset_reset: dice.weighed(&reset),
        max_poll_records: dice.pick(&[1, 10, 500]),
        fetch_max_wait: dice.spread_millis(20, 500),
        max_partition_fetch_bytes: dice.pick(&[500, 1_048_576]),
        request_timeout: dice.spread_millis(600, 30_000),
        retry_backoff: dice.spread_millis(10, 200),
        metadata_max_age: dice.spread_millis(1_000, 300_000),
        ..ConsumerConfig::default()
    };
    ConsumerPlan { assign, process: dice.pick(&[0, 0, 1, 4].map(Duration::from_millis)), config }
}
