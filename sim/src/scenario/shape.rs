//! What kind of value an expression has, so that only like is compared with like.

use std::fmt;

use super::condition::{Answer, Expr};

/// The kind of a value, as far as comparisons care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Number,
    Time,
    Node,
    Truth,
    /// `None`: empty, it fits every other.
    Set(Option<Box<Self>>),
    List(Option<Box<Self>>),
}

impl Shape {
    /// The kind of an expression.
    pub(super) fn of(expr: &Expr) -> Self {
        let first = |items: &[Expr]| items.first().map(|item| Box::new(Self::of(item)));
        match expr {
            Expr::Int(_) | Expr::Changes(_) | Expr::Size(_) => Self::Number,
            Expr::Time(_) => Self::Time,
            Expr::Node(_) | Expr::NoNode => Self::Node,
            Expr::List(items) => Self::List(first(items)),
            Expr::Set(items) => Self::Set(first(items)),
            Expr::Query(query) => Self::answer(query.answer()),
            Expr::History(query) => Self::List(Some(Box::new(Self::answer(query.answer())))),
        }
    }

    fn answer(answer: Answer) -> Self {
        match answer {
            Answer::Number => Self::Number,
            Answer::Time => Self::Time,
            Answer::Node => Self::Node,
            Answer::Nodes => Self::Set(Some(Box::new(Self::Node))),
            Answer::Truth => Self::Truth,
        }
    }

    /// Whether the two can be compared.
    pub(super) fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Set(one), Self::Set(two)) | (Self::List(one), Self::List(two)) => {
                one.as_ref().zip(two.as_ref()).is_none_or(|(one, two)| one.fits(two))
            }
            _ => self == other,
        }
    }

    fn plural(&self) -> String {
        match self {
            Self::Number => "numbers".to_owned(),
            Self::Time => "times".to_owned(),
            Self::Node => "nodes".to_owned(),
            Self::Truth => "answers yes or no".to_owned(),
            Self::Set(_) => "sets".to_owned(),
            Self::List(_) => "lists".to_owned(),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number => f.write_str("a number"),
            Self::Time => f.write_str("a time"),
            Self::Node => f.write_str("a node"),
            Self::Truth => f.write_str("a yes or no"),
            Self::Set(None) => f.write_str("an empty set"),
            Self::List(None) => f.write_str("an empty list"),
            Self::Set(Some(inner)) => write!(f, "a set of {}", inner.plural()),
            Self::List(Some(inner)) => write!(f, "a list of {}", inner.plural()),
        }
    }
}
