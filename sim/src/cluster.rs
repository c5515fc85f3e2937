//! From a plan to a world: which processes there are, what is installed on them, when they start.
//!
//! t = 0 of a scenario is [`WARM_UP`] after the internal start: until then the quorum forms, brokers
//! register, topics are created, producers get their ids and consumers resolve their positions
//! (semantics 1.2). Replica r of partition p of a topic stands on broker 1 + (p + r) mod n, so that a
//! lesson knows its leader.

use crate::scenario::plan::{
    ClientKind, ClientPlan, ConsumerPlan, Plan, ProducerPlan, Start, TopicPlan,
};
use crate::world::{DiskConfig, Latency, NetConfig, NodeSetup, World};
use kafkalab_core::broker::BrokerSpec;
use kafkalab_core::chance::{Chance, Roster};
use kafkalab_core::client::{AdminSpec, ConsumerSpec, ProducerSpec, Resume, Workload};
use kafkalab_core::controller::ControllerSpec;
use kafkalab_core::id::{NodeId, TopicPartition};
use kafkalab_core::node::{Node, NodeSpec};
use kafkalab_core::protocol::CreateTopicsRequest;
use kafkalab_core::raft::VoterSet;
use kafkalab_core::time::{Duration, Instant};
use std::sync::Arc;

/// Internal time before t = 0.
pub const WARM_UP: Duration = Duration::from_secs(10);

/// The topics are created from here on: every broker serves by then, so that each partition begins
/// with its first replica as its leader and with all of them in sync.
const ADMIN_BOOT: Duration = Duration::from_secs(2);

/// Clients take part in the warm-up from here on: the topics exist by then.
const CLIENTS_BOOT: Duration = Duration::from_secs(5);

/// The internal moment of `after` t = 0.
pub fn internal(after: Duration) -> Instant {
    Instant::ZERO + WARM_UP + after
}

/// Microseconds after t = 0 as shown to people; negative during the warm-up.
pub fn shown(at: Instant) -> i64 {
    at.as_micros() as i64 - WARM_UP.as_micros() as i64
}

/// The admin client: one node more than the scenario declares, behind all others.
pub fn admin(plan: &Plan) -> NodeId {
    NodeId::client(plan.clients.len() as u16 + 1)
}

/// The world of `plan` at internal time 0, with every start entered.
pub fn build(plan: &Plan) -> World<Node> {
    let brokers: Vec<NodeId> = (1..=plan.cluster.brokers).map(NodeId::broker).collect();
    let voters: Arc<[NodeId]> =
        (1..=plan.cluster.controllers).map(NodeId::controller).collect::<Vec<_>>().into();
    let config = Arc::new(plan.cluster.config.clone());
    let variations = Arc::new(plan.cluster.variations.clone());
    let roster = Arc::new(roster(plan));
    let chance = |node| Chance::new(plan.seed, roster.node(node), Arc::clone(&roster));
    let setup = |id, spec| NodeSetup { id, name: roster.node(id), spec };
    let mut nodes = Vec::new();
    for me in &brokers {
        let (voters, config) = (Arc::clone(&voters), Arc::clone(&config));
        let variations = Arc::clone(&variations);
        let chance = chance(*me);
        let metadata_apply = plan.cluster.metadata_apply;
        let spec = BrokerSpec { me: *me, voters, config, variations, metadata_apply, chance };
        nodes.push(setup(*me, NodeSpec::Broker(spec)));
    }
    for me in voters.iter() {
        let spec = ControllerSpec {
            me: *me,
            voters: VoterSet::new(voters.iter().copied()),
            config: (*config).clone(),
            variations: (*variations).clone(),
            chance: chance(*me),
        };
        nodes.push(setup(*me, NodeSpec::Controller(spec)));
    }
    for client in &plan.clients {
        let spec = client_spec(client, &brokers, chance(client.node));
        nodes.push(setup(client.node, spec));
    }
    let spec = AdminSpec {
        me: admin(plan),
        controller: voters[0],
        topics: plan.topics.iter().map(|topic| create(topic, &brokers)).collect(),
        chance: chance(admin(plan)),
    };
    nodes.push(setup(spec.me, NodeSpec::Admin(spec)));
    let latency = plan.net.latency;
    let tail = latency.tail.map(|tail| (tail.permille as u16, tail.at));
    let latency = Latency { min: latency.min, max: latency.max, tail };
    let net = NetConfig { latency, retransmission: plan.net.retransmission };
    let mut world = World::new(plan.seed, nodes, net, DiskConfig::default());
    start_all(plan, &mut world);
    world
}

/// What everybody is called. A client of the scenario cannot have the admin client's name.
fn roster(plan: &Plan) -> Roster {
    let clients = plan.clients.iter().map(|client| client.name.as_str());
    let topics = plan.topics.iter().map(|topic| topic.name.as_str());
    let (brokers, controllers) = (plan.cluster.brokers, plan.cluster.controllers);
    Roster::new(brokers, controllers, clients.chain(["the admin client"]), topics)
}

fn start_all(plan: &Plan, world: &mut World<Node>) {
    let starts: Vec<(NodeId, Instant)> = plan
        .nodes()
        .map(|node| (node, Instant::ZERO))
        .chain([(admin(plan), Instant::ZERO + ADMIN_BOOT)])
        .collect();
    for (node, at) in starts {
        let client = plan.clients.iter().find(|client| client.node == node);
        let at = client.map_or(at, |client| match client.start {
            Start::At(after) => internal(after),
            Start::WarmUp => Instant::ZERO + CLIENTS_BOOT,
            Start::Story => Instant::NEVER,
        });
        if at != Instant::NEVER {
            world.start(node, at);
        }
    }
}

fn client_spec(client: &ClientPlan, brokers: &[NodeId], chance: Chance) -> NodeSpec {
    let (me, bootstrap) = (client.node, brokers.to_vec());
    let start = internal(match client.start {
        Start::At(after) => after,
        Start::WarmUp | Start::Story => Duration::ZERO,
    });
    match &client.kind {
        ClientKind::Producer(ProducerPlan { topic, records, every, keys, value_bytes, config }) => {
            let workload = Workload {
                records: *records,
                every: *every,
                keys: keys.unwrap_or(0),
                value_bytes: *value_bytes,
                resume: Resume::FirstUnresolved,
            };
            let (topic, config) = (*topic, config.clone());
            NodeSpec::Producer(ProducerSpec {
                me,
                bootstrap,
                topic,
                workload,
                config,
                start,
                chance,
            })
        }
        ClientKind::Consumer(ConsumerPlan { assign, process, config }) => {
            let (assign, process, config) = (assign.clone(), *process, config.clone());
            NodeSpec::Consumer(ConsumerSpec {
                me,
                bootstrap,
                assign,
                process,
                config,
                start,
                chance,
            })
        }
    }
}

fn create(topic: &TopicPlan, brokers: &[NodeId]) -> CreateTopicsRequest {
    let replicas = |partition: u32| {
        (0..u32::from(topic.replicas))
            .map(|r| brokers[(partition + r) as usize % brokers.len()])
            .collect()
    };
    CreateTopicsRequest {
        topic: topic.id,
        assignment: (0..topic.partitions).map(replicas).collect(),
        config: topic.config.clone(),
    }
}

/// Every partition of the plan, in order.
pub fn partitions(plan: &Plan) -> impl Iterator<Item = TopicPartition> {
    plan.topics.iter().flat_map(|topic| {
        (0..topic.partitions).map(|partition| TopicPartition { topic: topic.id, partition })
    })
}
