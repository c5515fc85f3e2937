//! The names a scenario gives to nodes, topics and partitions, both ways: word to id, id to word.
//!
//! Inside a plan everything is an id; a sentence, a screen and the event log say the name.

use std::fmt;

use kafkalab_core::id::{NodeId, NodeKind, TopicId, TopicPartition};

use super::diagnostic::Place;

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It sends records.
    Producer,
    /// It reads them.
    Consumer,
}

impl Role {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// Every name of one variant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// `b1` to `b<brokers>`.
    pub brokers: u16,
    /// `k1` to `k<controllers>`.
    pub controllers: u16,
    /// Name and number of partitions; the place in the list is the topic's id.
    pub topics: Vec<(String, u32)>,
    /// Replicas of each partition, by topic.
    pub replicas: Vec<u16>,
    /// Name and role; the place in the list plus one is the client's number.
    pub clients: Vec<(String, Role)>,
    /// What each client reads, in the order of `clients`; nothing for a producer.
    pub assigned: Vec<Vec<TopicPartition>>,
    /// Steps that have a name, with their places in the plan: those a sentence may speak of.
    pub steps: Vec<(String, usize)>,
    /// Where the number of brokers is written, for messages; `None` if it is not.
    pub(super) brokers_at: Option<Place>,
}

impl Names {
    /// The node called `word`.
    pub fn node(&self, word: &str) -> Option<NodeId> {
        let numbered = |letter: char, count: u16| {
            let digits = word.strip_prefix(letter)?;
            let n: u16 = digits.parse().ok().filter(|n| (1..=count).contains(n))?;
            (n.to_string() == digits).then_some(n)
        };
        if let Some(n) = numbered('b', self.brokers) {
            return Some(NodeId::broker(n));
        }
        if let Some(n) = numbered('k', self.controllers) {
            return Some(NodeId::controller(n));
        }
        let n = self.clients.iter().position(|(name, _)| name == word)?;
        Some(NodeId::client(n as u16 + 1))
    }

    /// The topic called `word`.
    pub fn topic(&self, word: &str) -> Option<TopicId> {
        self.topics.iter().position(|(name, _)| name == word).map(|n| TopicId(n as u32))
    }

    /// The partition called `word`, such as `orders-0`.
    pub fn partition(&self, word: &str) -> Option<TopicPartition> {
        let (topic, digits) = word.rsplit_once('-')?;
        let topic = self.topic(topic)?;
        let partition: u32 = digits.parse().ok().filter(|n| *n < self.partitions(topic))?;
        (partition.to_string() == digits).then_some(TopicPartition { topic, partition })
    }

    /// How many partitions a topic has; none if there is no such topic.
    pub fn partitions(&self, topic: TopicId) -> u32 {
        self.topics.get(topic.0 as usize).map_or(0, |(_, partitions)| *partitions)
    }

    /// Where the replicas of a partition stand: replica r of partition p on broker 1 + (p + r) mod n.
    pub fn replicas_of(&self, tp: TopicPartition) -> Vec<NodeId> {
        let count = u32::from(self.replicas.get(tp.topic.0 as usize).copied().unwrap_or(1));
        let brokers = u32::from(self.brokers.max(1));
        (0..count.min(brokers))
            .map(|r| NodeId::broker(((tp.partition + r) % brokers) as u16 + 1))
            .collect()
    }

    /// Every partition of a topic.
    pub fn partitions_of(&self, topic: TopicId) -> Vec<TopicPartition> {
        (0..self.partitions(topic)).map(|partition| TopicPartition { topic, partition }).collect()
    }

    /// Every partition there is.
    pub fn partitions_all(&self) -> Vec<TopicPartition> {
        (0..self.topics.len() as u32).flat_map(|n| self.partitions_of(TopicId(n))).collect()
    }

    /// What a client reads.
    pub fn assigned_to(&self, client: NodeId) -> &[TopicPartition] {
        let index = usize::from(client.number()).wrapping_sub(1);
        self.assigned.get(index).map_or(&[], Vec::as_slice)
    }

    /// The place in the plan of the step called `word`.
    pub fn step(&self, word: &str) -> Option<usize> {
        self.steps.iter().find(|(name, _)| name == word).map(|(_, place)| *place)
    }

    /// The name of the step at `place`.
    pub fn step_name(&self, place: usize) -> &str {
        let found = self.steps.iter().find(|(_, at)| *at == place);
        found.map_or("?", |(name, _)| name)
    }

    /// Partitions as a sentence names them: `orders-0`, `orders-*`, `{orders-0, orders-1}`. Sorted.
    pub fn partitions_text(&self, partitions: &[TopicPartition]) -> String {
        let mut words = Vec::new();
        for all in partitions.chunk_by(|one, next| one.topic == next.topic) {
            let topic = all[0].topic;
            if all.len() > 1 && all.len() == self.partitions(topic) as usize {
                words.push(format!("{}-*", self.topic_name(topic)));
            } else {
                words.extend(all.iter().map(|tp| self.partition_name(*tp)));
            }
        }
        set_text(words)
    }

    /// Nodes as a sentence names them: `b1`, `{b1, p1}`, `*` for every broker. Sorted.
    pub fn nodes_text(&self, nodes: &[NodeId]) -> String {
        let is_broker = |node: &NodeId| node.kind() == NodeKind::Broker;
        if nodes.len() > 1
            && nodes.len() == usize::from(self.brokers)
            && nodes.iter().all(is_broker)
        {
            return "*".to_owned();
        }
        set_text(nodes.iter().map(|node| self.node_name(*node)).collect())
    }

    /// Clients as a sentence names them: `p1`, `{p1, p2}`, `*` for all of these roles. Sorted.
    pub fn clients_text(&self, clients: &[NodeId], roles: &[Role]) -> String {
        if clients.len() > 1 && clients == self.clients_in(roles) {
            return "*".to_owned();
        }
        set_text(clients.iter().map(|node| self.node_name(*node)).collect())
    }

    /// Every client that has one of these roles, in order.
    pub fn clients_in(&self, roles: &[Role]) -> Vec<NodeId> {
        let all = self.clients.iter().zip(1..);
        all.filter(|((_, role), _)| roles.contains(role)).map(|(_, n)| NodeId::client(n)).collect()
    }

    /// What a client does; `None` for a broker or a controller.
    pub fn role(&self, node: NodeId) -> Option<Role> {
        let index = (node.kind() == NodeKind::Client).then(|| usize::from(node.number()))?;
        self.clients.get(index.checked_sub(1)?).map(|(_, role)| *role)
    }

    /// The name of a node: `b1`, `k1`, or what the scenario calls a client.
    pub fn node_name(&self, node: NodeId) -> String {
        match (node.kind(), usize::from(node.number()).checked_sub(1)) {
            (NodeKind::Client, Some(index)) => {
                self.clients.get(index).map_or_else(|| node.to_string(), |(name, _)| name.clone())
            }
            _ => node.to_string(),
        }
    }

    /// The name of a topic.
    pub fn topic_name(&self, topic: TopicId) -> &str {
        self.topics.get(topic.0 as usize).map_or("?", |(name, _)| name)
    }

    /// The name of a partition: `orders-0`.
    pub fn partition_name(&self, tp: TopicPartition) -> String {
        format!("{}-{}", self.topic_name(tp.topic), tp.partition)
    }

    /// Every node's name, in order of declaration.
    pub fn node_names(&self) -> Vec<String> {
        let brokers = (1..=self.brokers).map(|n| format!("b{n}"));
        let controllers = (1..=self.controllers).map(|n| format!("k{n}"));
        let clients = self.clients.iter().map(|(name, _)| name.clone());
        brokers.chain(controllers).chain(clients).collect()
    }

    /// Every topic's name.
    pub fn topic_names(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().map(|(name, _)| name.as_str())
    }

    /// The clients of one role.
    pub fn clients_of(&self, role: Role) -> impl Iterator<Item = &str> {
        self.clients.iter().filter(move |(_, its)| *its == role).map(|(name, _)| name.as_str())
    }
}

/// One word by itself, several in braces.
fn set_text(mut words: Vec<String>) -> String {
    if words.len() == 1 { words.remove(0) } else { format!("{{{}}}", words.join(", ")) }
}

/// Something that can only be written down together with the names of its scenario.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a, T> {
    pub(super) what: &'a T,
    pub(super) names: &'a Names,
}

/// What can be shown with names. `Display` of [`Shown`] goes through it.
pub(super) trait Show: Sized {
    fn write(&self, names: &Names, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl<T: Show> fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.write(self.names, f)
    }
}

/// Writes items with `, ` between them.
pub(super) fn comma_list<T>(
    items: &[T],
    f: &mut fmt::Formatter<'_>,
    mut one: impl FnMut(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            f.write_str(", ")?;
        }
        one(item, f)?;
    }
    Ok(())
}

/// At most a dozen names, for a message.
pub(super) fn some_of(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut text = String::new();
    let mut names = names.into_iter();
    for name in names.by_ref().take(12) {
        text.push_str(if text.is_empty() { "" } else { " " });
        text.push_str(name.as_ref());
    }
    match names.count() {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

#[cfg(test)]
pub(super) fn sample() -> Names {
    Names {
        brokers: 3,
        controllers: 1,
        topics: vec![("orders".to_owned(), 2), ("a-b.c".to_owned(), 1)],
        replicas: vec![3, 1],
        clients: vec![
            ("p1".to_owned(), Role::Producer),
            ("c1".to_owned(), Role::Consumer),
            ("p2".to_owned(), Role::Producer),
        ],
        assigned: {
            let of = |topic, partition| TopicPartition { topic: TopicId(topic), partition };
            vec![Vec::new(), vec![of(0, 0), of(0, 1)], Vec::new()]
        },
        steps: vec![("crash".to_owned(), 0), ("back".to_owned(), 2)],
        brokers_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_id() {
        let names = sample();
        for name in names.node_names() {
            let node = names.node(&name).expect("a node's own name");
            assert_eq!(names.node_name(node), name);
        }
        let tp = names.partition("a-b.c-0").expect("declared above");
        assert_eq!(names.partition_name(tp), "a-b.c-0");
    }

    #[test]
    fn a_name_has_one_spelling() {
        let names = sample();
        assert_eq!(names.node("b01"), None);
        assert_eq!(names.node("b4"), None);
        assert_eq!(names.node("b0"), None);
        assert_eq!(names.partition("orders-00"), None);
        assert_eq!(names.partition("orders-2"), None);
        assert_eq!(names.node(""), None);
    }
}
