//! Every kind of process there is: the closed set a run is made of.
//!
//! Closed, so that screens and checkers match exhaustively and a whole world can be cloned.

use crate::broker::{Broker, BrokerDisk, BrokerSpec};
use crate::chance::DrawsAbout;
use crate::client::{
    AdminNode, AdminSpec, ConsumerNode, ConsumerSpec, ProducerDisk, ProducerNode, ProducerSpec,
};
use crate::controller::{ControllerNode, ControllerSpec};
use crate::engine::{Effects, Input, Process};
use crate::id::Incarnation;
use crate::raft::MetadataLogDisk;
use crate::time::{Clock, Instant};

macro_rules! nodes {
    ($($(#[$doc:meta])* $kind:ident($process:ty, $spec:ty, $disk:ty);)*) => {
        /// A running process.
        #[derive(Clone, Debug)]
        pub enum Node { $($(#[$doc])* $kind(Box<$process>)),* }

        /// What is installed on a machine.
        #[derive(Clone, Debug)]
        pub enum NodeSpec { $($(#[$doc])* $kind($spec)),* }

        /// What survives on its disk.
        #[derive(Clone, Debug)]
        pub enum NodeDisk { $($(#[$doc])* $kind($disk)),* }

        impl Process for Node {
            type Spec = NodeSpec;
            type Disk = NodeDisk;

            fn blank_disk(spec: &NodeSpec) -> NodeDisk {
                match spec {
                    $(NodeSpec::$kind(spec) => NodeDisk::$kind(<$process>::blank_disk(spec)),)*
                }
            }

            fn boot(
                spec: &NodeSpec,
                disk: NodeDisk,
                life: Incarnation,
                clock: Clock,
                fx: &mut Effects,
            ) -> Self {
                match (spec, disk) {
                    $((NodeSpec::$kind(spec), NodeDisk::$kind(disk)) => {
                        Self::$kind(Box::new(<$process>::boot(spec, disk, life, clock, fx)))
                    })*
                    (spec, disk) => panic!("{disk:?} is not the disk of {spec:?}"),
                }
            }

            fn handle(&mut self, clock: Clock, input: Input, fx: &mut Effects) {
                match self {
                    $(Self::$kind(process) => process.handle(clock, input, fx),)*
                }
            }

            fn is_listening(&self) -> bool {
                match self {
                    $(Self::$kind(process) => process.is_listening(),)*
                }
            }

            fn next_alarm(&self) -> Instant {
                match self {
                    $(Self::$kind(process) => process.next_alarm(),)*
                }
            }

            fn into_disk(self) -> NodeDisk {
                match self {
                    $(Self::$kind(process) => NodeDisk::$kind(process.into_disk()),)*
                }
            }

            fn lose_unflushed(
                disk: &mut NodeDisk,
                spec: &NodeSpec,
                now: Instant,
                draws: &mut DrawsAbout,
            ) {
                match (disk, spec) {
                    $((NodeDisk::$kind(disk), NodeSpec::$kind(spec)) => {
                        <$process>::lose_unflushed(disk, spec, now, draws);
                    })*
                    (disk, spec) => panic!("{disk:?} is not the disk of {spec:?}"),
                }
            }
        }
    };
}

nodes! {
    /// A broker.
    Broker(Broker, BrokerSpec, BrokerDisk);
    /// A controller.
    Controller(ControllerNode, ControllerSpec, MetadataLogDisk);
    /// A producer with its application.
    Producer(ProducerNode, ProducerSpec, ProducerDisk);
    /// A consumer with its application.
    Consumer(ConsumerNode, ConsumerSpec, ());
    /// The admin client.
    Admin(AdminNode, AdminSpec, ());
}
