//! What a file alone decides: comparisons that never change, promises that are kept or broken whatever
//! happens. `check` refuses them, because a promise that cannot fail proves nothing.
//!
//! The bounds are those of Kafka and of the cluster as the file declares it: a count is never negative;
//! a replica set has the replicas it was placed on, and an ISR at least one of them.

use super::condition::{Asked, Condition, Expr, Op, Query};
use super::names::Names;
use super::plan::PromiseKind;
use kafkalab_core::id::{NodeId, NodeKind};
use kafkalab_core::time::Duration;

/// Why a comparison comes out the same at every moment.
pub(super) struct Fixed {
    /// How it comes out.
    pub(super) holds: bool,
    /// Why.
    pub(super) reason: String,
}

fn never(reason: String) -> Fixed {
    Fixed { holds: false, reason }
}

/// Whether `left op right` comes out the same at every moment, and why.
pub(super) fn fixed(left: &Expr, op: Op, right: &Expr, names: &Names) -> Option<Fixed> {
    match (left.asked(), right.asked()) {
        (None, None) => Some(Fixed {
            holds: op.compares(left, right),
            reason: "both sides are written down: nothing that happens changes it".to_owned(),
        }),
        (Some(_), Some(_)) if left == right => Some(Fixed {
            holds: matches!(op, Op::Equal | Op::AtMost | Op::AtLeast),
            reason: "both sides ask the same".to_owned(),
        }),
        (Some(_), Some(_)) => None,
        (Some(asked), None) => fixed_against(left, asked, op, right, names),
        (None, Some(asked)) => fixed_against(right, asked, op.mirrored(), left, names),
    }
}

fn fixed_against(
    side: &Expr,
    asked: &Asked,
    op: Op,
    written: &Expr,
    names: &Names,
) -> Option<Fixed> {
    let each = asked.queries().iter();
    match (side, written) {
        (Expr::History(_), Expr::List(items)) => {
            if items.windows(2).any(|two| two[0] == two[1]) {
                let reason = "a history never has the same value twice in a row".to_owned();
                return unequal(op, reason);
            }
            let found = each.flat_map(|query| items.iter().map(move |item| (*query, item)));
            let reason =
                found.into_iter().find_map(|(query, item)| out_of_reach(query, item, names));
            unequal(op, reason?)
        }
        (Expr::Query(_) | Expr::Size(_) | Expr::Changes(_), Expr::Int(n)) => {
            let bounds: Vec<_> = each.map(|query| Bounds::of(side, *query, names)).collect();
            numbers(&bounds, op, *n)
        }
        (Expr::Query(_), Expr::Time(Duration::ZERO)) if op == Op::Less => {
            Some(never("no time is shorter than none".to_owned()))
        }
        (Expr::Query(_), _) => {
            let mut reasons = each.map(|query| out_of_reach(*query, written, names));
            unequal(op, reasons.find_map(|reason| reason)?)
        }
        (Expr::Size(_) | Expr::Changes(_) | Expr::History(_), _) => None,
        _ => unreachable!("only these ask something"),
    }
}

/// What can never be equal: `==` never holds, `!=` always does.
fn unequal(op: Op, reason: String) -> Option<Fixed> {
    match op {
        Op::Equal => Some(Fixed { holds: false, reason }),
        Op::NotEqual => Some(Fixed { holds: true, reason }),
        Op::Less | Op::AtMost | Op::Greater | Op::AtLeast => None,
    }
}

/// Why `query` can never answer `value`.
fn out_of_reach(query: Query, value: &Expr, names: &Names) -> Option<String> {
    let is_replica = |node: &NodeId, replicas: &[NodeId]| replicas.contains(node);
    match (query, value) {
        (Query::Leader { tp, .. }, Expr::Node(node)) => {
            let replicas = names.replicas_of(tp);
            (!is_replica(node, &replicas)).then(|| no_replica(*node, query, &replicas, names))
        }
        (Query::Isr { .. }, Expr::Set(members)) if members.is_empty() => {
            Some("the last member of an ISR stays in it, dead or alive".to_owned())
        }
        (Query::Isr { tp, .. }, Expr::Set(members)) => {
            let replicas = names.replicas_of(tp);
            members.iter().find_map(|member| match member {
                Expr::Node(node) if is_replica(node, &replicas) => None,
                Expr::Node(node) => Some(no_replica(*node, query, &replicas, names)),
                Expr::NoNode => Some("`none` is no member of an ISR".to_owned()),
                _ => Some("only brokers are members of an ISR".to_owned()),
            })
        }
        (_, Expr::Int(n)) if *n < 0 => Some(format!("`{}` is never negative", query.word())),
        _ => None,
    }
}

fn no_replica(node: NodeId, query: Query, replicas: &[NodeId], names: &Names) -> String {
    let tp = query.partition().map_or_else(String::new, |tp| names.partition_name(tp));
    let all: Vec<String> = replicas.iter().map(|node| names.node_name(*node)).collect();
    format!("{} holds no replica of {tp}: they are on {}", names.node_name(node), all.join(" "))
}

/// Between which numbers an answer lies.
struct Bounds {
    min: i64,
    max: Option<i64>,
    /// There is an answer at every moment.
    is_defined: bool,
    why: String,
}

impl Bounds {
    fn of(side: &Expr, query: Query, names: &Names) -> Self {
        let natural = |is_defined| Self {
            min: 0,
            max: None,
            is_defined,
            why: format!("`{}` is never negative", query.word()),
        };
        match (side, query) {
            (Expr::Size(_), Query::Isr { tp, of }) => {
                let replicas = names.replicas_of(tp).len() as i64;
                let name = names.partition_name(tp);
                let why = format!("the ISR of {name} has 1 to {replicas} members");
                Self { min: 1, max: Some(replicas), is_defined: of.is_none(), why }
            }
            (Expr::Changes(_), _) => {
                Self { why: "`changes` is never negative".to_owned(), ..natural(true) }
            }
            (_, Query::Count { .. } | Query::Errors { .. } | Query::Epoch { of: None, .. }) => {
                natural(true)
            }
            _ => natural(false),
        }
    }

    /// How `answer op n` comes out for every answer within the bounds, if it always comes out so.
    fn outcome(&self, op: Op, n: i64) -> Option<bool> {
        let below = n < self.min;
        let above = self.max.is_some_and(|max| n > max);
        let at_min = n == self.min;
        let at_max = self.max == Some(n);
        match op {
            Op::Equal if below || above => Some(false),
            Op::Equal if at_min && at_max => Some(true),
            Op::NotEqual if below || above => Some(true),
            Op::NotEqual if at_min && at_max => Some(false),
            Op::Less if below || at_min => Some(false),
            Op::Less if above => Some(true),
            Op::AtMost if below => Some(false),
            Op::AtMost if above || at_max => Some(true),
            Op::Greater if below => Some(true),
            Op::Greater if above || at_max => Some(false),
            Op::AtLeast if below || at_min => Some(true),
            Op::AtLeast if above => Some(false),
            Op::Equal | Op::NotEqual | Op::Less | Op::AtMost | Op::Greater | Op::AtLeast => None,
        }
    }
}

fn numbers(bounds: &[Bounds], op: Op, n: i64) -> Option<Fixed> {
    if let Some(bad) = bounds.iter().find(|one| one.outcome(op, n) == Some(false)) {
        return Some(never(bad.why.clone()));
    }
    let always = bounds.iter().all(|one| one.is_defined && one.outcome(op, n) == Some(true));
    always.then(|| Fixed { holds: true, reason: bounds[0].why.clone() })
}

/// Why a promise is kept or broken whatever happens, as far as its beginning decides it.
pub(super) fn decided_at_start(kind: PromiseKind, condition: &Condition) -> Option<&'static str> {
    match (kind, at_start(condition, true), at_start(condition, false)) {
        (PromiseKind::Always, Some(false), _) => {
            Some("it does not hold at t = 0, so it is broken before anything happens")
        }
        (PromiseKind::Never, Some(true), _) => {
            Some("it holds at t = 0, so it is broken before anything happens")
        }
        (PromiseKind::Eventually, Some(true), _) => {
            Some("it holds at t = 0, so it is kept before anything happens")
        }
        _ => None,
    }
}

/// Whether `condition` (or, with `want` false, its negation) holds at t = 0, where that is known:
/// nothing has been sent, nothing violated, no step has fired, every server is up.
fn at_start(condition: &Condition, want: bool) -> Option<bool> {
    let join = |all: &[Condition], needs_all: bool| {
        let each: Vec<_> = all.iter().map(|one| at_start(one, want)).collect();
        if each.contains(&Some(!needs_all)) {
            return Some(!needs_all);
        }
        each.iter().all(|one| *one == Some(needs_all)).then_some(needs_all)
    };
    match condition {
        Condition::And(inner) => join(inner, want),
        Condition::Or(inner) => join(inner, !want),
        Condition::Not(inner) => at_start(inner, !want),
        Condition::Keeps(_) | Condition::Monotonic(_) => Some(want),
        Condition::Violated(_) => Some(!want),
        Condition::Holds(asked) => {
            let is_up = |query: &Query| match query {
                Query::Up(node) => node.kind() != NodeKind::Client,
                _ => false,
            };
            asked.queries().iter().all(is_up).then_some(want)
        }
        Condition::Compare { left, op, right } => match (worth(left), worth(right)) {
            (Worth::Open, _) | (_, Worth::Open) => None,
            (Worth::Known(left), Worth::Known(right)) => Some(op.orders(left.cmp(&right)) == want),
            // Neither the comparison nor its negation holds.
            (Worth::Undefined, _) | (_, Worth::Undefined) => Some(false),
        },
    }
}

/// What a side is worth at t = 0.
enum Worth {
    Known(i64),
    Undefined,
    /// The run decides it.
    Open,
}

fn worth(side: &Expr) -> Worth {
    match side {
        Expr::Int(n) => Worth::Known(*n),
        Expr::Time(length) => Worth::Known(length.as_micros() as i64),
        Expr::Changes(_) => Worth::Known(0),
        Expr::Query(asked) => match asked.at(0) {
            Query::Count { .. } | Query::Errors { .. } => Worth::Known(0),
            Query::Since(_) => Worth::Undefined,
            _ => Worth::Open,
        },
        _ => Worth::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::sample;
    use super::super::parse_condition;
    use super::PromiseKind::{Always, Eventually, Finally, Never};
    use super::*;

    fn title(text: &str) -> String {
        parse_condition(text, &sample()).map_or_else(|mistake| mistake.title, |_| "fine".to_owned())
    }

    #[test]
    fn what_never_holds_is_refused() {
        let sentences = [
            "1 == 2",
            "lost < 0",
            "0 > acked(p1)",
            "hw(orders-0) <= -1",
            "size(isr(orders-0)) > 3",
            "size(isr(orders-0)) == 0",
            "isr(orders-0) == {}",
            "isr(orders-0) == {b1, p1}",
            "isr(a-b.c-0) == {b1, b2}",
            "leader(a-b.c-0) == b2",
            "leader(orders-0) == p1",
            "history(leader(a-b.c-0)) == [b1, b3]",
            "history(leader(orders-0)) == [b1, b1]",
            "lost > lost",
            "since(crash) < 0s",
            "{b1} == {b2}",
            "changes(leader(orders-0)) < 0",
            "size(isr({orders-0, a-b.c-0})) == 3",
        ];
        for text in sentences {
            assert_eq!(title(text), "this can never hold", "{text}");
        }
    }

    #[test]
    fn what_always_holds_is_refused() {
        let sentences = [
            "1 == 1",
            "lost >= 0",
            "delivered > -1",
            "lost({p1, p2}) != -5",
            "size(isr(orders-0)) >= 1",
            "size(isr(orders-*)) <= 3",
            "isr(orders-0) != {k1}",
            "leader(a-b.c-0) != b2",
            "hw(orders-0) == hw(orders-0)",
            "errors(p1, REQUEST_TIMED_OUT) >= 0",
        ];
        for text in sentences {
            assert_eq!(title(text), "this always holds", "{text}");
        }
    }

    #[test]
    fn what_the_run_decides_is_fine() {
        let sentences = [
            "lost == 0",
            "hw(orders-0) >= 0",
            "since(crash) >= 0s",
            "size(isr(orders-0)) == 3",
            "leader(orders-0) != none",
            "isr(orders-0) == {b3, b1}",
            "hw(orders-0) == leo(orders-0)",
            "lost(p1) <= lost(p2)",
            "processing(c1) == 0",
        ];
        for text in sentences {
            assert_eq!(title(text), "fine", "{text}");
        }
    }

    #[test]
    fn a_promise_that_t_0_decides_is_refused() {
        let decided = |kind, text: &str| {
            let condition = parse_condition(text, &sample()).expect("a good condition");
            decided_at_start(kind, &condition).is_some()
        };
        for text in
            ["violated(INV-1)", "not INV-1", "acked >= 5", "since(crash) > 1s", "not up(b1)"]
        {
            assert!(decided(Always, text), "{text}");
        }
        for text in ["INV-1", "lost == 0", "up(b1)", "lost == 0 or up(p1)"] {
            assert!(decided(Never, text) && decided(Eventually, text), "{text}");
        }
        for text in ["INV-1", "lost == 0", "not (lost > 0 and up(p1))", "leader(orders-0) == b1"] {
            assert!(!decided(Always, text), "{text}");
        }
        assert!(!decided(Never, "violated(INV-1)") && !decided(Finally, "lost == 0"));
        assert!(!decided(Eventually, "lost == 0 and hw(orders-0) >= 3"));
    }
}
