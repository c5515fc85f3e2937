//! What a query answers (semantics 4).

use crate::scenario::condition::Op;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::id::NodeId;
use kafkalab_core::time::Duration;
use std::cmp::Ordering;
use std::fmt;

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// There is none: the watermark of a partition without a leader.
    Undefined,
    /// A number.
    Int(i64),
    /// A length of time.
    Time(Duration),
    /// A node, or none.
    Node(Option<NodeId>),
    /// Brokers in no order.
    Set(BrokerSet),
    /// Yes or no.
    Truth(bool),
}

impl Value {
    /// Whether `self op other`; `None` if one of them is undefined: then neither the comparison nor
    /// its negation holds.
    pub fn compare(self, op: Op, other: Self) -> Option<bool> {
        let order = match (self, other) {
            (Self::Undefined, _) | (_, Self::Undefined) => return None,
            (Self::Int(left), Self::Int(right)) => left.cmp(&right),
            (Self::Time(left), Self::Time(right)) => left.cmp(&right),
            // Only equality is asked of nodes and sets.
            (left, right) if left == right => Ordering::Equal,
            _ => Ordering::Less,
        };
        Some(op.orders(order))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undefined => f.write_str("undefined"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Time(length) => write!(f, "{length}"),
            Self::Node(None) => f.write_str("none"),
            Self::Node(Some(node)) => write!(f, "{node}"),
            Self::Set(set) => write!(f, "{{{}}}", set.to_string().replace(' ', ", ")),
            Self::Truth(truth) => write!(f, "{truth}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_with_the_undefined_has_no_outcome() {
        assert_eq!(Value::Undefined.compare(Op::AtLeast, Value::Int(3)), None);
        assert_eq!(Value::Int(3).compare(Op::NotEqual, Value::Undefined), None);
        assert_eq!(Value::Int(3).compare(Op::AtLeast, Value::Int(3)), Some(true));
        assert_eq!(Value::Node(None).compare(Op::NotEqual, Value::Node(None)), Some(false));
    }
}
