//! What can be done to a running cluster: one sentence each, in a file, at a prompt, on the command line.
//!
//! The data and its one canonical spelling are here, the parser is `action_parser.rs`. What an action
//! means is the business of the world that carries it out.

use std::fmt;

use kafkalab_core::id::{NodeId, TopicPartition};
use kafkalab_core::protocol::ApiKey;
use kafkalab_core::time::Duration;

use super::names::{Names, Show, Shown, comma_list};
use super::units;

/// One deed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `kill N`: the process is gone at once; its page cache survives, its bytes under way arrive.
    Kill(Nodes),
    /// `power N`: the machine is dark at once; what was not flushed is lost.
    Power(Nodes),
    /// `stop N`: SIGTERM, a controlled shutdown.
    Stop(Nodes),
    /// `start N`: starts what is down.
    Start(Nodes),
    /// `restart N`: kills what is up, then starts it.
    Restart(Nodes),
    /// `roll N [every 5s]`: each in turn is stopped (SIGTERM) and, once it has exited, started.
    Roll {
        /// Which brokers, in this order.
        nodes: Nodes,
        /// The next one so long after the one before, even while an ISR is not full; `None` means
        /// when the one before serves again and every ISR is full.
        every: Option<Duration>,
    },
    /// `pause N [for 3s]`: a long garbage collection.
    Pause {
        /// Who stands still.
        nodes: Nodes,
        /// For how long; `None` means until `resume`.
        length: Option<Duration>,
    },
    /// `resume N`: ends a pause.
    Resume(Nodes),
    /// `wipe N`: the disk is empty.
    Wipe(Nodes),
    /// `cut A -> B`: nothing passes.
    Cut(Link),
    /// `slow A -> B 300ms`: later messages take that much longer.
    Slow {
        /// Where.
        link: Link,
        /// How much longer.
        by: Duration,
    },
    /// `drop 20% A <-> B`: retransmissions, and connections that break after six.
    Drop {
        /// How many in a thousand.
        permille: u32,
        /// Where.
        link: Link,
    },
    /// `hold Fetch response A -> B`: one kind of message waits until it is released.
    Hold(Flow),
    /// `release`, `release Fetch response A -> B`: ends one hold, or all (`None`).
    Release(Option<Flow>),
    /// `heal`, `heal A <-> B`: clears cuts, slowness, drops and holds of a link, or of all (`None`).
    Heal(Option<Link>),
    /// `skew N +2s`: moves a wall clock.
    Skew {
        /// Whose clock.
        nodes: Nodes,
        /// By how many microseconds, forward or back.
        micros: i64,
    },
    /// `slow-disk N 50ms`: each operation takes that much longer.
    SlowDisk {
        /// Whose disk.
        nodes: Nodes,
        /// How much longer.
        by: Duration,
    },
    /// `send p1 5`: a producer sends that many records more.
    Send {
        /// The producer.
        producer: NodeId,
        /// How many.
        records: u32,
    },
}

impl Action {
    /// The action as a sentence; parsing it gives the same action.
    pub fn show<'a>(&'a self, names: &'a Names) -> Shown<'a, Self> {
        Shown { what: self, names }
    }
}

/// Some nodes, maybe not known before the moment the action happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// Those named, each once: `b1`, `{b1, p1}`.
    List(Vec<NodeId>),
    /// `*`: every broker.
    AllBrokers,
    /// `leader(orders-0)`: nobody, if there is none.
    Leader(TopicPartition),
    /// `controller`: the active one; nobody, if there is none.
    Controller,
}

/// The way from some nodes to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// From here,
    pub from: Nodes,
    /// to there,
    pub to: Nodes,
    /// and back, too, if this is set (`<->`).
    pub both: bool,
}

/// One kind of message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Which conversation. The quorum's fetch is a Fetch too: the one between a broker and a
    /// controller.
    pub api: ApiKey,
    /// Which half of it.
    pub half: Half,
    /// Where; the direction is that of the message, not that of the request.
    pub link: Link,
}

/// One half of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// What is asked.
    Request,
    /// What is answered.
    Response,
}

impl Half {
    /// The word in a sentence.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

impl Show for Action {
    fn write(&self, names: &Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plain = |verb: &str, nodes: &Nodes| {
            write!(f, "{verb} ")?;
            nodes.write(names, f)
        };
        match self {
            Self::Kill(nodes) => plain("kill", nodes),
            Self::Power(nodes) => plain("power", nodes),
            Self::Stop(nodes) => plain("stop", nodes),
            Self::Start(nodes) => plain("start", nodes),
            Self::Restart(nodes) => plain("restart", nodes),
            Self::Resume(nodes) => plain("resume", nodes),
            Self::Wipe(nodes) => plain("wipe", nodes),
            Self::Roll { nodes, every } => {
                plain("roll", nodes)?;
                every.map_or(Ok(()), |every| write!(f, " every {every}"))
            }
            Self::Pause { nodes, length } => {
                plain("pause", nodes)?;
                length.map_or(Ok(()), |length| write!(f, " for {length}"))
            }
            Self::Skew { nodes, micros } => {
                plain("skew", nodes)?;
                write!(f, " {}", units::show_signed(*micros))
            }
            Self::SlowDisk { nodes, by } => {
                plain("slow-disk", nodes)?;
                write!(f, " {by}")
            }
            Self::Send { producer, records } => {
                write!(f, "send {} {records}", names.node_name(*producer))
            }
            Self::Cut(_)
            | Self::Slow { .. }
            | Self::Drop { .. }
            | Self::Hold(_)
            | Self::Release(_)
            | Self::Heal(_) => self.write_on_link(names, f),
        }
    }
}

impl Action {
    /// The actions whose object is a link.
    fn write_on_link(&self, names: &Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut(link) => {
                f.write_str("cut ")?;
                link.write(names, f)
            }
            Self::Slow { link, by } => {
                f.write_str("slow ")?;
                link.write(names, f)?;
                write!(f, " {by}")
            }
            Self::Drop { permille, link } => {
                write!(f, "drop {} ", units::show_permille(*permille))?;
                link.write(names, f)
            }
            Self::Hold(flow) => {
                f.write_str("hold ")?;
                flow.write(names, f)
            }
            Self::Release(Some(flow)) => {
                f.write_str("release ")?;
                flow.write(names, f)
            }
            Self::Heal(Some(link)) => {
                f.write_str("heal ")?;
                link.write(names, f)
            }
            Self::Release(None) => f.write_str("release"),
            Self::Heal(None) => f.write_str("heal"),
            _ => unreachable!("only actions on links are passed here"),
        }
    }
}

impl Show for Nodes {
    fn write(&self, names: &Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(nodes) => match nodes.as_slice() {
                [one] => f.write_str(&names.node_name(*one)),
                many => {
                    f.write_str("{")?;
                    comma_list(many, f, |node, f| f.write_str(&names.node_name(*node)))?;
                    f.write_str("}")
                }
            },
            Self::AllBrokers => f.write_str("*"),
            Self::Leader(tp) => write!(f, "leader({})", names.partition_name(*tp)),
            Self::Controller => f.write_str("controller"),
        }
    }
}

impl Show for Link {
    fn write(&self, names: &Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.from.write(names, f)?;
        f.write_str(if self.both { " <-> " } else { " -> " })?;
        self.to.write(names, f)
    }
}

impl Show for Flow {
    fn write(&self, names: &Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.api.name(), self.half.word())?;
        self.link.write(names, f)
    }
}
