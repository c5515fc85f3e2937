//! Reads a [`Condition`] from a sentence, by recursive descent, and checks that it makes sense: that a
//! query is asked about the right kind of thing and compared with the right kind of value.
//!
//! `or` binds loosest, then `and`, then `not`, then comparisons. There is no arithmetic.

use kafkalab_core::id::{NodeId, NodeKind};

use super::action_parser::{client, node, partition};
use super::condition::{Answer, Condition, Expr, Op, Query};
use super::diagnostic::{Outcome, Place};
use super::mistake;
use super::names::Names;
use super::sentence::{Cursor, Sentence, Token};
use super::shape::Shape;
use super::vocabulary::{ABOUT, OF_GROUPS, Subject, TOTALS, WRAPPERS, is_invariant, query_words};

/// Reads one condition.
pub(super) fn condition(sentence: &Sentence, names: &Names) -> Outcome<Condition> {
    sentence.outcome(read(sentence, names))
}

fn read(sentence: &Sentence, names: &Names) -> Outcome<Condition> {
    let mut parser = Parser { cursor: Cursor::new(sentence)?, names };
    let condition = parser.any_of()?;
    parser.cursor.end()?;
    Ok(condition)
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    names: &'a Names,
}

impl Parser<'_> {
    fn any_of(&mut self) -> Outcome<Condition> {
        let mut all = vec![self.all_of()?];
        while self.cursor.take_word("or") {
            all.push(self.all_of()?);
        }
        Ok(joined(all, Condition::Or, |one| match one {
            Condition::Or(inner) => Ok(inner),
            other => Err(other),
        }))
    }

    fn all_of(&mut self) -> Outcome<Condition> {
        let mut all = vec![self.negated()?];
        while self.cursor.take_word("and") {
            all.push(self.negated()?);
        }
        Ok(joined(all, Condition::And, |one| match one {
            Condition::And(inner) => Ok(inner),
            other => Err(other),
        }))
    }

    fn negated(&mut self) -> Outcome<Condition> {
        if self.cursor.take_word("not") {
            let inner = self.cursor_nested(Self::negated)?;
            return Ok(Condition::Not(Box::new(inner)));
        }
        if self.cursor.take_sign("(") {
            let inner = self.cursor_nested(Self::any_of)?;
            self.cursor.sign(")")?;
            return Ok(inner);
        }
        self.claim()
    }

    /// One level deeper, within the bounds of the sentence.
    fn cursor_nested<T>(&mut self, read: fn(&mut Self) -> Outcome<T>) -> Outcome<T> {
        self.cursor.deeper()?;
        let outcome = read(self);
        self.cursor.back();
        outcome
    }

    /// A comparison, or a word that is a claim by itself.
    fn claim(&mut self) -> Outcome<Condition> {
        let mark = self.cursor.mark();
        if let Some(Token::Word(word)) = self.cursor.peek() {
            match word {
                "violated" => return self.violated(),
                "monotonic" => {
                    self.cursor.take();
                    return self.number_query(word).map(Condition::Monotonic);
                }
                name if name.starts_with("INV-") || name.starts_with("LIV-") => {
                    return self.invariant().map(Condition::Keeps);
                }
                _ => {}
            }
        }
        let left = self.expr()?;
        let left_place = self.cursor.since(mark);
        let is_truth = matches!(left, Expr::Query(query) if query.answer() == Answer::Truth);
        match (self.op(), left) {
            (None, Expr::Query(query)) if is_truth => Ok(Condition::Holds(query)),
            (None, _) => Err(self.no_comparison(&left_place)),
            (Some(_), _) if is_truth => Err(mistake::truth_compared(&left_place)),
            (Some(op), left) => self.compared(left, &left_place, op),
        }
    }

    fn compared(&mut self, left: Expr, left_place: &Place, op: Op) -> Outcome<Condition> {
        self.cursor.take();
        let mark = self.cursor.mark();
        let right = self.expr()?;
        let right_place = self.cursor.since(mark);
        let (of_left, of_right) = (Shape::of(&left), Shape::of(&right));
        if !of_left.fits(&of_right) {
            let sides = [(left_place, of_left.to_string()), (&right_place, of_right.to_string())];
            return Err(mistake::different_kinds(sides));
        }
        if op.is_order() && of_left != Shape::Number {
            return Err(mistake::not_ordered(left_place, op.sign(), &of_left.to_string()));
        }
        Ok(Condition::Compare { left, op, right })
    }

    /// The comparison that is next, not taken.
    fn op(&self) -> Option<Op> {
        let Some(Token::Sign(sign)) = self.cursor.peek() else { return None };
        Op::ALL.into_iter().find(|op| op.sign() == sign)
    }

    fn no_comparison(&self, value: &Place) -> Box<super::Diagnostic> {
        match self.cursor.peek() {
            Some(Token::Sign("=")) => mistake::other_sign(&self.cursor.here(), "=="),
            Some(Token::Sign("=>")) => mistake::other_sign(&self.cursor.here(), ">="),
            Some(Token::Sign("=<")) => mistake::other_sign(&self.cursor.here(), "<="),
            _ => mistake::not_a_condition(value),
        }
    }

    fn violated(&mut self) -> Outcome<Condition> {
        self.cursor.take();
        self.cursor.sign("(")?;
        let name = self.invariant()?;
        self.cursor.sign(")")?;
        Ok(Condition::Violated(name))
    }

    fn invariant(&mut self) -> Outcome<String> {
        let (word, place) = self.cursor.word("an invariant such as `INV-5`")?;
        if is_invariant(word) {
            Ok(word.to_owned())
        } else {
            Err(mistake::unknown_invariant(&place, word))
        }
    }

    fn expr(&mut self) -> Outcome<Expr> {
        match self.cursor.peek() {
            Some(Token::Number(_)) => self.int(),
            Some(Token::Sign("[")) => self.listed("[", "]").map(Expr::List),
            Some(Token::Sign("{")) => self.listed("{", "}").map(Expr::Set),
            Some(Token::Word(word)) => self.worded(word),
            _ => Err(self.cursor.expected("a value, such as `3`, `b1` or `hw(orders-0)`")),
        }
    }

    fn int(&mut self) -> Outcome<Expr> {
        let (text, place) = self.cursor.number("a whole number")?;
        let number = text.parse().map(Expr::Int);
        number.map_err(|_| mistake::bad_word(&place, text, "a whole number"))
    }

    /// The members of `[..]` or `{..}`: all of one kind.
    fn listed(&mut self, open: &str, close: &str) -> Outcome<Vec<Expr>> {
        let mark = self.cursor.mark();
        self.cursor.sign(open)?;
        let mut items = Vec::new();
        while !self.cursor.take_sign(close) {
            if !items.is_empty() && !self.cursor.take_sign(",") {
                return Err(self.cursor.expected(&format!("`,` or `{close}`")));
            }
            items.push(self.cursor_nested(Self::member)?);
        }
        let shapes: Vec<Shape> = items.iter().map(Shape::of).collect();
        if shapes.windows(2).all(|two| two[0].fits(&two[1])) {
            Ok(items)
        } else {
            Err(mistake::mixed_list(&self.cursor.since(mark)))
        }
    }

    /// A member of a list is written down, never asked for.
    fn member(&mut self) -> Outcome<Expr> {
        let mark = self.cursor.mark();
        match self.expr()? {
            Expr::Query(_) | Expr::History(_) | Expr::Changes(_) | Expr::Size(_) => {
                Err(mistake::query_in_list(&self.cursor.since(mark)))
            }
            value => Ok(value),
        }
    }

    fn worded(&mut self, word: &str) -> Outcome<Expr> {
        let place = self.cursor.here();
        if OF_GROUPS.contains(&word) {
            return Err(mistake::groups_come_later(&place, &format!("`{word}`")));
        }
        match word {
            "none" => {
                self.cursor.take();
                Ok(Expr::NoNode)
            }
            "true" | "false" => Err(mistake::truth_compared(&place)),
            "history" => self.wrapped(word).map(Expr::History),
            "changes" => self.wrapped(word).map(Expr::Changes),
            "size" => {
                let (query, place) = self.wrapped_at(word)?;
                match query.answer() {
                    Answer::Nodes => Ok(Expr::Size(query)),
                    _ => Err(mistake::size_of_one(&place)),
                }
            }
            _ if query_words().any(|known| known == word) => self.query().map(Expr::Query),
            _ => self.node_word(word, &place),
        }
    }

    fn node_word(&mut self, word: &str, place: &Place) -> Outcome<Expr> {
        self.cursor.take();
        match self.names.node(word) {
            Some(node) => Ok(Expr::Node(node)),
            None if self.cursor.peek() == Some(Token::Sign("(")) => {
                Err(mistake::unknown_query(place, word, query_words().chain(WRAPPERS)))
            }
            None => Err(mistake::unknown_value(place, word, self.names, query_words())),
        }
    }

    fn wrapped(&mut self, word: &str) -> Outcome<Query> {
        self.wrapped_at(word).map(|(query, _)| query)
    }

    /// The query in `history(..)` and its like.
    fn wrapped_at(&mut self, word: &str) -> Outcome<(Query, Place)> {
        if self.cursor.peek() == Some(Token::Word(word)) {
            self.cursor.take();
        }
        self.cursor.sign("(")?;
        let mark = self.cursor.mark();
        let query = self.query()?;
        let place = self.cursor.since(mark);
        self.cursor.sign(")")?;
        Ok((query, place))
    }

    fn number_query(&mut self, word: &str) -> Outcome<Query> {
        let (query, place) = self.wrapped_at(word)?;
        match query.answer() {
            Answer::Number => Ok(query),
            _ => Err(mistake::not_ordered(&place, word, "no number")),
        }
    }

    fn query(&mut self) -> Outcome<Query> {
        let (word, place) = self.cursor.word("a query such as `hw(orders-0)`")?;
        if OF_GROUPS.contains(&word) {
            return Err(mistake::groups_come_later(&place, &format!("`{word}`")));
        }
        let asks = self.cursor.peek() == Some(Token::Sign("("));
        let total = TOTALS.iter().find(|(known, _)| *known == word).map(|(_, query)| *query);
        let about = ABOUT.iter().find(|(known, _)| *known == word).map(|(_, subject)| *subject);
        match (total, about) {
            (Some(query), _) if !asks => Ok(query),
            (_, Some(subject)) if asks => self.about(word, subject),
            (None, Some(subject)) => Err(mistake::needs_argument(&place, word, subject.example())),
            (Some(_), None) if word == "duplicates" => {
                Err(mistake::groups_come_later(&place, "`duplicates` of one group"))
            }
            (Some(_), None) => Err(mistake::takes_no_argument(&self.cursor.here(), word)),
            _ => Err(mistake::unknown_query(&place, word, query_words())),
        }
    }

    fn about(&mut self, word: &str, subject: Subject) -> Outcome<Query> {
        self.cursor.sign("(")?;
        let (name, place) = self.cursor.word(subject.example())?;
        let query = match subject {
            Subject::Partition(make) => make(partition(self.names, name, &place, word)?),
            Subject::Replica(make) => {
                let tp = partition(self.names, name, &place, word)?;
                make(tp, self.replica()?)
            }
            Subject::Client(role, make) => make(client(self.names, name, &place, role, word)?),
            Subject::Node(make) => make(node(self.names, name, &place)?),
            Subject::Broker(make) => make(self.broker(name, &place, word)?),
        };
        match self.cursor.peek() {
            Some(Token::Sign("@")) => Err(mistake::no_replica(&self.cursor.here(), word)),
            _ => self.cursor.sign(")").map(|()| query),
        }
    }

    /// `@b1`, or nothing.
    fn replica(&mut self) -> Outcome<Option<NodeId>> {
        if !self.cursor.take_sign("@") {
            return Ok(None);
        }
        let (name, place) = self.cursor.word("a broker such as `b1`")?;
        self.broker(name, &place, "@").map(Some)
    }

    fn broker(&self, name: &str, place: &Place, asker: &str) -> Outcome<NodeId> {
        let node = node(self.names, name, place)?;
        if node.kind() == NodeKind::Broker {
            Ok(node)
        } else {
            Err(mistake::not_a_broker(place, name, asker))
        }
    }
}

/// One condition by itself, or several joined, those of the same kind flattened into it.
fn joined(
    mut all: Vec<Condition>,
    join: fn(Vec<Condition>) -> Condition,
    open: fn(Condition) -> Result<Vec<Condition>, Condition>,
) -> Condition {
    if all.len() == 1 {
        return all.remove(0);
    }
    let flatten = |one| open(one).unwrap_or_else(|other| vec![other]);
    join(all.into_iter().flat_map(flatten).collect())
}

#[cfg(test)]
mod tests {
    use super::super::names::sample;
    use super::*;
    use kafkalab_core::id::{TopicId, TopicPartition};
    use proptest::prelude::*;

    fn parse(text: &str) -> Outcome<Condition> {
        condition(&Sentence::alone("test", text), &sample())
    }

    #[track_caller]
    fn check(text: &str, canonical: &str) {
        let found = parse(text).unwrap_or_else(|mistake| panic!("{text}: {}", mistake.title));
        assert_eq!(found.show(&sample()).to_string(), canonical);
    }

    #[track_caller]
    fn refuse(text: &str, title: &str) {
        assert_eq!(parse(text).expect_err("a mistake").title, title);
    }

    #[test]
    fn and_binds_tighter_than_or_and_not_tighter_than_both() {
        check("up(b1) or up(b2) and not up(b3)", "up(b1) or up(b2) and not up(b3)");
        check("(up(b1) or up(b2)) and up(b3)", "(up(b1) or up(b2)) and up(b3)");
        check("((up(b1) and up(b2))) and up(b3)", "up(b1) and up(b2) and up(b3)");
        check("not (lost == 0 or up(p1))", "not (lost == 0 or up(p1))");
        check("not lost == 0", "not lost == 0");
    }

    #[test]
    fn every_form_of_the_lessons_is_read() {
        check("hw(orders-0)>=3", "hw(orders-0) >= 3");
        check("leo(orders-0@b1) >= 5", "leo(orders-0@b1) >= 5");
        check("leader(orders-0) != none", "leader(orders-0) != none");
        check("isr(orders-0) == {b1,b2}", "isr(orders-0) == {b1, b2}");
        check(
            "history(leader(orders-0)) == [b1, none, b2]",
            "history(leader(orders-0)) == [b1, none, b2]",
        );
        check("changes(leader(a-b.c-0)) == 1", "changes(leader(a-b.c-0)) == 1");
        check("size(isr(orders-0)) == 3", "size(isr(orders-0)) == 3");
        check("monotonic(epoch(orders-0))", "monotonic(epoch(orders-0))");
        check("violated(INV-12) and INV-R3", "violated(INV-12) and INV-R3");
        check("sent == sent(p1)", "sent == sent(p1)");
    }

    #[test]
    fn a_query_is_asked_about_the_right_kind_of_thing() {
        refuse("hw(orders) > 1", "`hw` looks at one partition, and `orders` is a topic");
        refuse("hw(orders-2) > 1", "topic `orders` has no partition `orders-2`");
        refuse("acked(c1) > 1", "`acked` looks at a producer, and `c1` is a consumer");
        refuse("fenced(p1)", "`fenced` looks at a broker, and `p1` is none");
        refuse("isr(orders-0@b1) == {b1}", "`isr` is the same whoever is asked");
        refuse("lag(billing) == 0", "consumer groups come later: `lag` cannot be used yet");
        refuse("INV-30", "there is no invariant called `INV-30`");
    }

    #[test]
    fn only_like_is_compared_with_like() {
        refuse("leader(orders-0) == 1", "a node is compared with a number");
        refuse("leader(orders-0) > b1", "`>` compares numbers only");
        refuse("isr(orders-0) == [b1]", "a set of nodes is compared with a list of nodes");
        refuse("up(b1) == true", "yes and no are not compared with anything");
        refuse("hw(orders-0)", "`hw(orders-0)` is a value, not a condition");
        refuse("lost = 0", "`=` compares nothing");
        refuse("isr(orders-0) == {b1, 2}", "the members of a list are of different kinds");
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{}up(b1){}", "(".repeat(200), ")".repeat(200));
        refuse(&deep, "parentheses or lists nested more than 32 deep");
        refuse(&"not ".repeat(200), "parentheses or lists nested more than 32 deep");
    }

    #[test]
    fn what_is_looked_at_is_listed_once() {
        let found = parse("hw(orders-0) > 1 and not hw(orders-0) > leo(orders-0)").expect("good");
        let tp = TopicPartition { topic: TopicId(0), partition: 0 };
        assert_eq!(found.queries(), [Query::Leo { tp, on: None }, Query::Hw { tp, on: None }]);
    }

    fn query() -> impl Strategy<Value = Query> {
        let tp = (0..2_u32).prop_map(|partition| TopicPartition { topic: TopicId(0), partition });
        let on = prop::option::of((1..=3_u16).prop_map(NodeId::broker));
        (tp, on, 0..12_usize).prop_map(|(tp, on, n)| match n {
            0 => Query::Leo { tp, on },
            1 => Query::Hw { tp, on },
            2 => Query::Isr(tp),
            3 => Query::Leader(tp),
            4 => Query::Epoch(tp),
            5 => Query::Sent(NodeId::client(1)),
            6 => Query::Processed(NodeId::client(2)),
            7 => Query::LogDuplicates,
            8 => Query::SentTotal,
            9 => Query::Offline(tp),
            10 => Query::Up(NodeId::controller(1)),
            _ => Query::Fenced(NodeId::broker(2)),
        })
    }

    fn claim() -> impl Strategy<Value = Condition> {
        let op = prop::sample::select(Op::ALL.to_vec());
        (query(), op, any::<i64>(), 0..3_usize).prop_map(|(query, op, number, n)| {
            let equal = |left, right| Condition::Compare { left, op: Op::Equal, right };
            let nodes = || vec![Expr::Node(NodeId::broker(2)), Expr::NoNode];
            match (query.answer(), n) {
                (Answer::Truth, _) => Condition::Holds(query),
                (Answer::Number, 0) => {
                    Condition::Compare { left: Expr::Query(query), op, right: Expr::Int(number) }
                }
                (Answer::Number, 1) => Condition::Monotonic(query),
                (Answer::Number, _) => equal(Expr::History(query), Expr::List(vec![Expr::Int(3)])),
                (Answer::Node, 0) => equal(Expr::Query(query), Expr::NoNode),
                (Answer::Node, 1) => equal(Expr::History(query), Expr::List(nodes())),
                (Answer::Node, _) => equal(Expr::Changes(query), Expr::Int(number)),
                (Answer::Nodes, 0) => equal(Expr::Query(query), Expr::Set(nodes())),
                (Answer::Nodes, 1) => equal(Expr::Size(query), Expr::Int(number)),
                (Answer::Nodes, _) => Condition::Violated("INV-7".to_owned()),
            }
        })
    }

    fn any_condition() -> impl Strategy<Value = Condition> {
        claim().prop_recursive(4, 24, 3, |inner| {
            let some = prop::collection::vec(inner.clone(), 2..4);
            let keep = |all: Vec<Condition>, and: bool| {
                let same = |one: &Condition| {
                    matches!((one, and), (Condition::And(_), true) | (Condition::Or(_), false))
                };
                all.into_iter().filter(|one| !same(one)).collect::<Vec<_>>()
            };
            prop_oneof![
                inner.prop_map(|one| Condition::Not(Box::new(one))),
                (some, any::<bool>()).prop_map(move |(all, and)| match keep(all, and) {
                    few if few.len() < 2 => Condition::Keeps("LIV-11".to_owned()),
                    all if and => Condition::And(all),
                    all => Condition::Or(all),
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_condition_that_is_written_down_is_read_back(condition in any_condition()) {
            let text = condition.show(&sample()).to_string();
            prop_assume!(text.len() <= super::super::sentence::LONGEST);
            prop_assert_eq!(parse(&text).map_err(|mistake| mistake.title), Ok(condition));
        }

        #[test]
        fn no_sentence_panics(text in "[a-z0-9 (){}<>=!,%+.@-]{0,60}|\\PC{0,60}") {
            drop(parse(&text));
        }
    }
}
