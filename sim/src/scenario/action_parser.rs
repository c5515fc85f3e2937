//! Reads an [`Action`] from a sentence: a verb, then what the verb needs.

use kafkalab_core::id::{NodeId, NodeKind, TopicPartition};
use kafkalab_core::time::Duration;

use super::action::{Action, Flow, Half, Link, Nodes};
use super::diagnostic::{Outcome, Place};
use super::mistake;
use super::names::{Names, Role};
use super::sentence::{Cursor, Sentence, Token};
use super::units;
use kafkalab_core::protocol::ApiKey;

/// Every verb, with the form of its sentence.
const VERBS: [(&str, &str); 18] = [
    ("kill", "kill b1"),
    ("power", "power b1"),
    ("stop", "stop b1"),
    ("start", "start b1"),
    ("restart", "restart b1"),
    ("roll", "roll * every 5s"),
    ("pause", "pause b1 for 3s"),
    ("resume", "resume b1"),
    ("wipe", "wipe b1"),
    ("cut", "cut b1 -> b2"),
    ("slow", "slow b1 -> b2 300ms"),
    ("drop", "drop 20% b1 <-> b2"),
    ("hold", "hold Fetch response b1 -> b2"),
    ("release", "release"),
    ("heal", "heal b1 <-> b2"),
    ("skew", "skew b1 +2s"),
    ("slow-disk", "slow-disk b1 50ms"),
    ("send", "send p1 5"),
];

/// Verbs of the language that are understood and cannot be carried out yet.
const LATER: [&str; 7] = ["elect", "set", "corrupt", "fail", "reassign", "partitions", "leave"];

/// Reads one action.
pub(super) fn action(sentence: &Sentence, names: &Names) -> Outcome<Action> {
    sentence.outcome(read(sentence, names))
}

fn read(sentence: &Sentence, names: &Names) -> Outcome<Action> {
    let mut parser = Parser { cursor: Cursor::new(sentence)?, names };
    let action = parser.action()?;
    parser.cursor.end()?;
    Ok(action)
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    names: &'a Names,
}

impl Parser<'_> {
    fn action(&mut self) -> Outcome<Action> {
        let (verb, place) = self.cursor.word("an action such as `kill b1`")?;
        Ok(match verb {
            "kill" => Action::Kill(self.nodes()?),
            "power" => Action::Power(self.nodes()?),
            "stop" => Action::Stop(self.nodes()?),
            "start" => Action::Start(self.nodes()?),
            "restart" => Action::Restart(self.nodes()?),
            "roll" => Action::Roll { nodes: self.rolled()?, every: self.roll_pace()? },
            "resume" => Action::Resume(self.nodes()?),
            "pause" => Action::Pause { nodes: self.nodes()?, length: self.pause_length()? },
            "wipe" => Action::Wipe(self.machines("wipe")?),
            "skew" => Action::Skew { nodes: self.nodes()?, micros: self.signed()? },
            "slow-disk" => {
                Action::SlowDisk { nodes: self.machines("slow-disk")?, by: self.duration()? }
            }
            "cut" => Action::Cut(self.link()?),
            "slow" => Action::Slow { link: self.link()?, by: self.duration()? },
            "drop" => Action::Drop { permille: self.permille()?, link: self.link()? },
            "hold" => Action::Hold(self.flow()?),
            "release" => Action::Release(self.unless_at_end(Self::flow)?),
            "heal" => Action::Heal(self.unless_at_end(Self::link)?),
            "send" => Action::Send { producer: self.producer()?, records: self.records()? },
            later if LATER.contains(&later) => {
                return Err(mistake::verb_comes_later(&place, later));
            }
            unknown => return Err(mistake::unknown_verb(&place, unknown, &VERBS)),
        })
    }

    /// What `read` reads, or nothing at the end of the sentence.
    fn unless_at_end<T>(&mut self, read: fn(&mut Self) -> Outcome<T>) -> Outcome<Option<T>> {
        if self.cursor.peek().is_none() { Ok(None) } else { read(self).map(Some) }
    }

    fn nodes(&mut self) -> Outcome<Nodes> {
        if self.cursor.take_sign("*") {
            return Ok(Nodes::AllBrokers);
        }
        if self.cursor.take_sign("{") {
            return Ok(Nodes::List(self.listed_nodes()?));
        }
        let (word, place) = self.cursor.word("a node such as `b1`, a set `{b1, b2}` or `*`")?;
        match word {
            "controller" => Ok(Nodes::Controller),
            "leader" => Ok(Nodes::Leader(self.partition_in_parentheses()?)),
            "coordinator" => Err(mistake::groups_come_later(&place, "coordinator(..)")),
            name => Ok(Nodes::List(vec![node(self.names, name, &place)?])),
        }
    }

    /// The rest of `{b1, b2}`.
    fn listed_nodes(&mut self) -> Outcome<Vec<NodeId>> {
        let mut nodes = Vec::new();
        loop {
            let (word, place) = self.cursor.word("a node such as `b1`")?;
            let node = node(self.names, word, &place)?;
            if !nodes.contains(&node) {
                nodes.push(node);
            }
            if self.cursor.take_sign("}") {
                return Ok(nodes);
            }
            if !self.cursor.take_sign(",") {
                return Err(self.cursor.expected("`,` or `}`"));
            }
        }
    }

    /// Nodes with a disk that Kafka writes: no clients.
    fn machines(&mut self, verb: &str) -> Outcome<Nodes> {
        let mark = self.cursor.mark();
        let nodes = self.nodes()?;
        match &nodes {
            Nodes::List(list) if list.iter().any(|node| node.kind() == NodeKind::Client) => {
                Err(mistake::clients_have_no_disk(&self.cursor.since(mark), verb))
            }
            _ => Ok(nodes),
        }
    }

    /// Brokers, and nothing else.
    fn rolled(&mut self) -> Outcome<Nodes> {
        let mark = self.cursor.mark();
        let nodes = self.nodes()?;
        let is_rolled = match &nodes {
            Nodes::List(list) => list.iter().all(|node| node.kind() == NodeKind::Broker),
            Nodes::AllBrokers | Nodes::Leader(_) => true,
            Nodes::Controller => false,
        };
        if is_rolled { Ok(nodes) } else { Err(mistake::not_rolled(&self.cursor.since(mark))) }
    }

    /// `every 5s`, or nothing.
    fn roll_pace(&mut self) -> Outcome<Option<Duration>> {
        if self.cursor.take_word("every") { self.duration().map(Some) } else { Ok(None) }
    }

    fn link(&mut self) -> Outcome<Link> {
        let mark = self.cursor.mark();
        let left = self.nodes()?;
        let Some(Token::Sign(arrow @ ("->" | "<-" | "<->"))) = self.cursor.peek() else {
            return Err(mistake::no_arrow(&self.cursor.here(), &self.cursor.since(mark)));
        };
        self.cursor.take();
        let right = self.nodes()?;
        if left == right && matches!(&left, Nodes::List(nodes) if nodes.len() == 1) {
            return Err(mistake::link_to_itself(&self.cursor.since(mark)));
        }
        let (from, to) = if arrow == "<-" { (right, left) } else { (left, right) };
        Ok(Link { from, to, both: arrow == "<->" })
    }

    fn flow(&mut self) -> Outcome<Flow> {
        let (word, place) = self.cursor.word("a request such as `Fetch`")?;
        let known = ApiKey::ALL.iter().find(|api| api.name() == word);
        let api = *known.ok_or_else(|| mistake::unknown_api(&place, word))?;
        let half = match self.cursor.peek() {
            Some(Token::Word("request")) => Half::Request,
            Some(Token::Word("response")) => Half::Response,
            _ => return Err(self.cursor.expected("`request` or `response`")),
        };
        self.cursor.take();
        Ok(Flow { api, half, link: self.link()? })
    }

    fn partition_in_parentheses(&mut self) -> Outcome<TopicPartition> {
        self.cursor.sign("(")?;
        let (word, place) = self.cursor.word("a partition such as `orders-0`")?;
        let tp = partition(self.names, word, &place, "leader")?;
        self.cursor.sign(")")?;
        Ok(tp)
    }

    fn producer(&mut self) -> Outcome<NodeId> {
        let (word, place) = self.cursor.word("a producer")?;
        client(self.names, word, &place, Role::Producer, "send")
    }

    fn records(&mut self) -> Outcome<u32> {
        let (text, place) = self.cursor.number("a number of records")?;
        let number = text.parse().ok().filter(|n| (1..=1_000_000).contains(n));
        number.ok_or_else(|| mistake::bad_word(&place, text, "a whole number from 1 to 1000000"))
    }

    fn pause_length(&mut self) -> Outcome<Option<Duration>> {
        if self.cursor.take_word("for") { self.duration().map(Some) } else { Ok(None) }
    }

    fn duration(&mut self) -> Outcome<Duration> {
        let (text, place) = self.cursor.number("a time such as `300ms`")?;
        units::duration(text).map_err(|why| mistake::bad_word(&place, text, why.expected()))
    }

    fn signed(&mut self) -> Outcome<i64> {
        let expected = "a time with its sign, such as `+2s` or `-2s`";
        let (text, place) = self.cursor.number(expected)?;
        units::signed_micros(text).ok_or_else(|| mistake::bad_word(&place, text, expected))
    }

    fn permille(&mut self) -> Outcome<u32> {
        let expected = "a share such as `20%`, from 0.1% to 100%";
        let (text, place) = self.cursor.number(expected)?;
        units::permille(text).ok_or_else(|| mistake::bad_word(&place, text, expected))
    }
}

/// The node called `word`.
pub(super) fn node(names: &Names, word: &str, place: &Place) -> Outcome<NodeId> {
    names.node(word).ok_or_else(|| mistake::unknown_node(place, word, names))
}

/// The partition called `word`, which `asker` looks at.
pub(super) fn partition(
    names: &Names,
    word: &str,
    place: &Place,
    asker: &str,
) -> Outcome<TopicPartition> {
    names.partition(word).ok_or_else(|| mistake::unknown_partition(place, word, asker, names))
}

/// The client called `word`, which must have the role that `asker` looks at.
pub(super) fn client(
    names: &Names,
    word: &str,
    place: &Place,
    role: Role,
    asker: &str,
) -> Outcome<NodeId> {
    match names.node(word) {
        Some(node) if names.role(node) == Some(role) => Ok(node),
        found => Err(mistake::wrong_client(place, word, (role, asker), found, names)),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::names::sample;
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Outcome<Action> {
        action(&Sentence::alone("test", text), &sample())
    }

    fn check(text: &str, canonical: &str) {
        let found = parse(text).unwrap_or_else(|mistake| panic!("{text}: {}", mistake.title));
        assert_eq!(found.show(&sample()).to_string(), canonical);
    }

    #[track_caller]
    fn refuse(text: &str, title: &str) {
        let mistake = parse(text).expect_err("a mistake");
        assert_eq!(mistake.title, title);
    }

    #[test]
    fn each_sentence_has_one_canonical_spelling() {
        check("kill leader(orders-0)", "kill leader(orders-0)");
        check("pause  b1  for 3000ms", "pause b1 for 3s");
        check("cut b1<-{b2,b3,b2}", "cut {b2, b3} -> b1");
        check("drop 20% p1 <-> *", "drop 20% p1 <-> *");
        check("hold Fetch response b1 -> {b2, b3}", "hold Fetch response b1 -> {b2, b3}");
        check("heal", "heal");
        check("roll {b2,b1} every 5000ms", "roll {b2, b1} every 5s");
        check("roll *", "roll *");
        check("heal b1 <-> b2", "heal b1 <-> b2");
        check("skew b1 -1500ms", "skew b1 -1500ms");
        check("cut b1 -> controller", "cut b1 -> controller");
    }

    #[test]
    fn mistakes_are_named_as_what_they_are() {
        refuse("cut b1 b2", "a link needs an arrow between two nodes");
        refuse("kill b9", "there is no node called `b9`");
        refuse("elect orders-0 b2", "`elect` comes later");
        refuse("roll p1", "`roll` restarts brokers one after another, and this is none");
        refuse("wipe p1", "`wipe` needs a disk, and a client has none");
        refuse("cut b1 -> b1", "a node has no link to itself");
        refuse("send c1 5", "`send` looks at a producer, and `c1` is a consumer");
        refuse("", "the sentence is empty: expected an action such as `kill b1`");
    }

    fn nodes() -> impl Strategy<Value = Nodes> {
        let one = prop_oneof![
            (1..=3_u16).prop_map(NodeId::broker),
            Just(NodeId::controller(1)),
            (1..=3_u16).prop_map(NodeId::client),
        ];
        let tp = TopicPartition { topic: kafkalab_core::id::TopicId(1), partition: 0 };
        prop_oneof![
            prop::collection::btree_set(one, 1..4)
                .prop_map(|set| Nodes::List(set.into_iter().collect())),
            Just(Nodes::AllBrokers),
            Just(Nodes::Controller),
            Just(Nodes::Leader(tp)),
        ]
    }

    fn link() -> impl Strategy<Value = Link> {
        let different = |(a, b): &(Nodes, Nodes)| a != b;
        ((nodes(), nodes()).prop_filter("a link has two ends", different), any::<bool>())
            .prop_map(|((from, to), both)| Link { from, to, both })
    }

    fn flow() -> impl Strategy<Value = Flow> {
        let api = prop::sample::select(ApiKey::ALL);
        let half = prop_oneof![Just(Half::Request), Just(Half::Response)];
        (api, half, link()).prop_map(|(api, half, link)| Flow { api, half, link })
    }

    fn any_action() -> impl Strategy<Value = Action> {
        let time = || (0..86_400_000_000_u64).prop_map(Duration::from_micros);
        let broker = || (1..=3_u16).prop_map(|n| Nodes::List(vec![NodeId::broker(n)]));
        let plain = prop::sample::select(vec![
            Action::Kill as fn(Nodes) -> Action,
            Action::Power,
            Action::Stop,
            Action::Start,
            Action::Restart,
            Action::Resume,
        ]);
        prop_oneof![
            (plain, nodes()).prop_map(|(make, nodes)| make(nodes)),
            (nodes(), prop::option::of(time()))
                .prop_map(|(nodes, length)| Action::Pause { nodes, length }),
            broker().prop_map(Action::Wipe),
            (broker(), prop::option::of(time()))
                .prop_map(|(nodes, every)| Action::Roll { nodes, every }),
            (broker(), time()).prop_map(|(nodes, by)| Action::SlowDisk { nodes, by }),
            link().prop_map(Action::Cut),
            (link(), time()).prop_map(|(link, by)| Action::Slow { link, by }),
            (link(), 1..=1000_u32).prop_map(|(link, permille)| Action::Drop { permille, link }),
            flow().prop_map(Action::Hold),
            prop::option::of(flow()).prop_map(Action::Release),
            prop::option::of(link()).prop_map(Action::Heal),
            (nodes(), -86_400_000_000..86_400_000_000_i64)
                .prop_map(|(nodes, micros)| Action::Skew { nodes, micros }),
            (1..=1_000_000_u32)
                .prop_map(|records| Action::Send { producer: NodeId::client(1), records }),
        ]
    }

    proptest! {
        #[test]
        fn an_action_that_is_written_down_is_read_back(action in any_action()) {
            let text = action.show(&sample()).to_string();
            prop_assert_eq!(parse(&text).map_err(|mistake| mistake.title), Ok(action));
        }

        #[test]
        fn no_sentence_panics(text in "[a-z0-9 (){}<>*,%+.-]{0,60}|\\PC{0,60}") {
            drop(parse(&text));
        }
    }
}
