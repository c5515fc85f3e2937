//! What a query answers, and the logic of answers that may be undefined (semantics 4).

use crate::scenario::condition::Op;
use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::id::NodeId;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// There is none: the watermark of a partition without a leader.
    Undefined,
    /// A number.
    Int(i64),
    /// A node, or none.
    Node(Option<NodeId>),
    /// Brokers in no order.
    Set(BrokerSet),
    /// Values in order.
    List(Vec<Self>),
    /// Yes or no.
    Truth(bool),
}

/// Whether something holds. A comparison with something undefined is false, and so is its negation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It cannot be said: neither it nor its negation holds.
    Undefined,
}

impl Truth {
    /// Whether it holds.
    pub const fn holds(self) -> bool {
        matches!(self, Self::True)
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl std::ops::Not for Truth {
    type Output = Self;
    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Undefined => Self::Undefined,
        }
    }
}

impl std::ops::BitAnd for Truth {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, Self::True) => Self::True,
            (Self::Undefined, _) | (_, Self::Undefined) => Self::Undefined,
        }
    }
}

impl std::ops::BitOr for Truth {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        !(!self & !other)
    }
}

impl Value {
    /// Whether `self op other`.
    pub fn compare(&self, op: Op, other: &Self) -> Truth {
        if *self == Self::Undefined || *other == Self::Undefined {
            return Truth::Undefined;
        }
        match (op, self, other) {
            (Op::Equal, _, _) => (self == other).into(),
            (Op::NotEqual, _, _) => (self != other).into(),
            (_, Self::Int(left), Self::Int(right)) => match op {
                Op::Less => left < right,
                Op::AtMost => left <= right,
                Op::Greater => left > right,
                Op::AtLeast => left >= right,
                Op::Equal | Op::NotEqual => unreachable!("answered above"),
            }
            .into(),
            // The parser lets only numbers be ordered.
            _ => Truth::Undefined,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_comparison_with_the_undefined_nor_its_negation_holds() {
        let compared = Value::Undefined.compare(Op::AtLeast, &Value::Int(3));
        assert!(!compared.holds());
        assert!(!(!compared).holds());
        assert!((compared | Truth::True).holds());
        assert!(!(compared & Truth::True).holds());
    }
}
