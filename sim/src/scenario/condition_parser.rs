//! Reads a [`Condition`] from a sentence, by recursive descent, and checks that it makes sense: that a
//! query is asked about the right kind of thing and compared with the right kind of value.
//!
//! `or` binds loosest, then `and`, then `not`, then comparisons. There is no arithmetic.

use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::{NodeId, NodeKind, TopicPartition};

use super::action_parser::{client, node, partition};
use super::condition::{Answer, Asked, Condition, Expr, Op, Query};
use super::count::Count;
use super::diagnostic::{Outcome, Place};
use super::mistake;
use super::names::{Names, Role};
use super::sentence::{Cursor, Sentence, Token};
use super::shape::Shape;
use super::units;
use super::vacuous;
use super::vocabulary::{
    CHECKED, OF_GROUPS, Subject, WRAPPERS, is_invariant, query_words, subject,
};

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
        let is_truth = matches!(&left, Expr::Query(asked) if asked.answer() == Answer::Truth);
        match (self.op(), left) {
            (None, Expr::Query(asked)) if is_truth => Ok(Condition::Holds(asked)),
            (None, _) => Err(self.no_comparison(&left_place)),
            (Some(_), _) if is_truth => Err(mistake::truth_compared(&left_place)),
            (Some(op), left) => self.compared(left, &left_place, (op, mark)),
        }
    }

    fn compared(
        &mut self,
        left: Expr,
        left_place: &Place,
        (op, start): (Op, usize),
    ) -> Outcome<Condition> {
        self.cursor.take();
        let mark = self.cursor.mark();
        let right = self.expr()?;
        let right_place = self.cursor.since(mark);
        let (of_left, of_right) = (Shape::of(&left), Shape::of(&right));
        if !of_left.fits(&of_right) {
            let sides = [(left_place, of_left.to_string()), (&right_place, of_right.to_string())];
            return Err(mistake::different_kinds(sides));
        }
        if op.is_order() && !matches!(of_left, Shape::Number | Shape::Time) {
            return Err(mistake::not_ordered(left_place, op.sign(), &of_left.to_string()));
        }
        let all = self.cursor.since(start);
        let is_history = |side: &Expr| matches!(side, Expr::History(_));
        if is_history(&left) && is_history(&right) {
            return Err(mistake::two_histories(&all));
        }
        if !can_be_paired(&left, &right) {
            return Err(mistake::two_sets(&all));
        }
        if let Some(fixed) = vacuous::fixed(&left, op, &right, self.names) {
            return Err(mistake::never_changes(&all, fixed.holds, &fixed.reason));
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
        if CHECKED.contains(&word) {
            Ok(word.to_owned())
        } else if is_invariant(word) {
            Err(mistake::unchecked_invariant(&place, word))
        } else {
            Err(mistake::unknown_invariant(&place, word))
        }
    }

    fn expr(&mut self) -> Outcome<Expr> {
        match self.cursor.peek() {
            Some(Token::Number(text)) if text.ends_with(|c: char| c.is_ascii_alphabetic()) => {
                self.time()
            }
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

    fn time(&mut self) -> Outcome<Expr> {
        let (text, place) = self.cursor.number("a time such as `7s`")?;
        let length = units::duration(text);
        let bad = |why: units::BadDuration| mistake::bad_word(&place, text, why.expected());
        length.map(Expr::Time).map_err(bad)
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
                    Answer::Number | Answer::Time | Answer::Node | Answer::Truth => {
                        Err(mistake::size_of_one(&place))
                    }
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

    fn wrapped(&mut self, word: &str) -> Outcome<Asked> {
        self.wrapped_at(word).map(|(query, _)| query)
    }

    /// The query in `history(..)` and its like.
    fn wrapped_at(&mut self, word: &str) -> Outcome<(Asked, Place)> {
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

    fn number_query(&mut self, word: &str) -> Outcome<Asked> {
        let (asked, place) = self.wrapped_at(word)?;
        match asked.answer() {
            Answer::Number => Ok(asked),
            Answer::Time | Answer::Node | Answer::Nodes | Answer::Truth => {
                Err(mistake::not_ordered(&place, word, "no number"))
            }
        }
    }

    fn query(&mut self) -> Outcome<Asked> {
        let (word, place) = self.cursor.word("a query such as `hw(orders-0)`")?;
        if OF_GROUPS.contains(&word) {
            return Err(mistake::groups_come_later(&place, &format!("`{word}`")));
        }
        let Some(subject) = subject(word) else {
            return Err(mistake::unknown_query(&place, word, query_words()));
        };
        if self.cursor.peek() == Some(Token::Sign("(")) {
            self.cursor.take();
            let asked = self.about(word, subject)?;
            self.cursor.sign(")")?;
            return Ok(asked);
        }
        match subject {
            Subject::Count(count) => Ok(Query::Count { count, of: None }.into()),
            subject => Err(mistake::needs_argument(&place, word, subject.example())),
        }
    }

    /// What stands in the parentheses.
    fn about(&mut self, word: &str, subject: Subject) -> Outcome<Asked> {
        let queries = match subject {
            Subject::Partition(make) => {
                let partitions = self.partitions(word)?;
                if self.cursor.peek() == Some(Token::Sign("@")) {
                    return Err(mistake::no_replica(&self.cursor.here(), word));
                }
                partitions.into_iter().map(make).collect()
            }
            Subject::Replica(make) => {
                let partitions = self.partitions(word)?;
                let on = self.holders(&partitions)?;
                product(&partitions, &on, make)
            }
            Subject::View(make) => {
                let partitions = self.partitions(word)?;
                let of = self.viewers(word)?;
                product(&partitions, &of, make)
            }
            Subject::Count(count) => self.counted(count)?,
            Subject::Consumer(make) => {
                self.clients(&[Role::Consumer], word)?.into_iter().map(make).collect()
            }
            Subject::Position => self.positions(word)?,
            Subject::Errors => self.errors(word)?,
            Subject::Step => {
                let (name, place) = self.cursor.word(subject.example())?;
                let step = self.names.step(name);
                let step = step.ok_or_else(|| mistake::unknown_step(&place, name, self.names))?;
                vec![Query::Since(step)]
            }
            Subject::Node(make) => self.nodes(word, |_| true)?.into_iter().map(make).collect(),
            Subject::Broker(make) => {
                let is_broker = |node: NodeId| node.kind() == NodeKind::Broker;
                self.nodes(word, is_broker)?.into_iter().map(make).collect()
            }
        };
        Ok(Asked::of(queries))
    }

    fn counted(&mut self, count: Count) -> Outcome<Vec<Query>> {
        let clients = self.clients(count.roles(), count.word())?;
        Ok(clients.into_iter().map(|of| Query::Count { count, of: Some(of) }).collect())
    }

    /// `c1, orders-0`: of partitions that the consumer reads.
    fn positions(&mut self, word: &str) -> Outcome<Vec<Query>> {
        let consumers = self.clients(&[Role::Consumer], word)?;
        self.cursor.sign(",")?;
        let mark = self.cursor.mark();
        let partitions = self.partitions(word)?;
        let place = self.cursor.since(mark);
        let mut queries = Vec::new();
        for consumer in consumers {
            for tp in &partitions {
                if !self.names.assigned_to(consumer).contains(tp) {
                    let name = self.names.node_name(consumer);
                    let tp = self.names.partition_name(*tp);
                    return Err(mistake::not_assigned(&place, &name, &tp));
                }
                queries.push(Query::Position { consumer, tp: *tp });
            }
        }
        Ok(queries)
    }

    /// `p1, NOT_ENOUGH_REPLICAS`.
    fn errors(&mut self, word: &str) -> Outcome<Vec<Query>> {
        let nodes = self.nodes(word, |node| node.kind() != NodeKind::Controller)?;
        self.cursor.sign(",")?;
        let (name, place) = self.cursor.word("an error code such as `NOT_ENOUGH_REPLICAS`")?;
        let mut codes = ErrorCode::ALL.iter().filter(|code| **code != ErrorCode::None);
        let code = codes.find(|code| code.name() == name);
        let code = *code.ok_or_else(|| mistake::unknown_code(&place, name))?;
        Ok(nodes.into_iter().map(|node| Query::Errors { node, code }).collect())
    }

    /// One thing, `*`, or several in braces.
    fn some<T>(
        &mut self,
        all: impl FnOnce(&mut Self) -> Outcome<Vec<T>>,
        mut one: impl FnMut(&mut Self) -> Outcome<Vec<T>>,
    ) -> Outcome<Vec<T>> {
        if self.cursor.take_sign("*") {
            return all(self);
        }
        if !self.cursor.take_sign("{") {
            return one(self);
        }
        let mut found = one(self)?;
        while !self.cursor.take_sign("}") {
            if !self.cursor.take_sign(",") {
                return Err(self.cursor.expected("`,` or `}`"));
            }
            found.append(&mut one(self)?);
        }
        Ok(found)
    }

    /// `orders-0`, `orders-*`, `{orders-0, payments-*}`, `*`.
    fn partitions(&mut self, asker: &str) -> Outcome<Vec<TopicPartition>> {
        let every = |parser: &mut Self| {
            let all: Vec<TopicPartition> = parser.names.partitions_all();
            if all.is_empty() {
                Err(mistake::nobody(&parser.cursor.here(), "topic"))
            } else {
                Ok(all)
            }
        };
        self.some(every, |parser| {
            let (word, place) = parser.cursor.word("a partition such as `orders-0`")?;
            match word.strip_suffix("-*") {
                Some(topic) => match parser.names.topic(topic) {
                    Some(topic) => Ok(parser.names.partitions_of(topic)),
                    None => Err(mistake::unknown_topic_pattern(&place, topic, parser.names)),
                },
                None => Ok(vec![partition(parser.names, word, &place, asker)?]),
            }
        })
    }

    /// `p1`, `{p1, p2}`, `*`: clients of these roles.
    fn clients(&mut self, roles: &[Role], asker: &str) -> Outcome<Vec<NodeId>> {
        let every = |parser: &mut Self| {
            let all = parser.names.clients_in(roles);
            let what = if roles.len() == 1 { roles[0].word() } else { "client" };
            if all.is_empty() { Err(mistake::nobody(&parser.cursor.here(), what)) } else { Ok(all) }
        };
        self.some(every, |parser| {
            let (word, place) = parser.cursor.word("a client such as `p1`")?;
            let found = parser.names.node(word).and_then(|node| parser.names.role(node));
            let role = found.filter(|role| roles.contains(role)).unwrap_or(roles[0]);
            Ok(vec![client(parser.names, word, &place, role, asker)?])
        })
    }

    /// `b1`, `{b1, p1}`, `*` for every broker.
    fn nodes(&mut self, asker: &str, fits: fn(NodeId) -> bool) -> Outcome<Vec<NodeId>> {
        let every =
            |parser: &mut Self| Ok((1..=parser.names.brokers).map(NodeId::broker).collect());
        self.some(every, |parser| {
            let (word, place) = parser.cursor.word("a node such as `b1`")?;
            let node = node(parser.names, word, &place)?;
            match fits(node) {
                true => Ok(vec![node]),
                false if asker == "errors" => Err(mistake::no_errors_of(&place, word)),
                false => Err(mistake::not_a_broker(&place, word, asker)),
            }
        })
    }

    /// `@b1`, `@{b1, b2}`, or nothing: brokers that hold all of `partitions`.
    fn holders(&mut self, partitions: &[TopicPartition]) -> Outcome<Vec<Option<NodeId>>> {
        if !self.cursor.take_sign("@") {
            return Ok(vec![None]);
        }
        let mark = self.cursor.mark();
        let nodes = self.nodes("@", |node| node.kind() == NodeKind::Broker)?;
        for tp in partitions {
            let replicas = self.names.replicas_of(*tp);
            if let Some(other) = nodes.iter().find(|node| !replicas.contains(node)) {
                let all: Vec<String> = replicas.iter().map(ToString::to_string).collect();
                let (name, tp) = (other.to_string(), self.names.partition_name(*tp));
                return Err(mistake::holds_none(&self.cursor.since(mark), &name, &tp, &all));
            }
        }
        Ok(nodes.into_iter().map(Some).collect())
    }

    /// `@b1`, `@p1`, `@{b1, p1}`, or nothing: brokers and clients whose view is meant.
    fn viewers(&mut self, asker: &str) -> Outcome<Vec<Option<NodeId>>> {
        if !self.cursor.take_sign("@") {
            return Ok(vec![None]);
        }
        let nodes = self.nodes(asker, |node| node.kind() != NodeKind::Controller)?;
        Ok(nodes.into_iter().map(Some).collect())
    }
}

fn product(
    partitions: &[TopicPartition],
    nodes: &[Option<NodeId>],
    make: fn(TopicPartition, Option<NodeId>) -> Query,
) -> Vec<Query> {
    partitions.iter().flat_map(|tp| nodes.iter().map(move |node| make(*tp, *node))).collect()
}

/// Two sets are compared member by member, so they must be sets of the same partitions or nodes.
fn can_be_paired(left: &Expr, right: &Expr) -> bool {
    if left.members() == 1 || right.members() == 1 {
        return true;
    }
    let (Some(left), Some(right)) = (left.asked(), right.asked()) else { return true };
    let key = |query: &Query| (query.partition(), query.partition().map_or(query.node(), |_| None));
    left.queries().iter().map(key).eq(right.queries().iter().map(key))
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
        check("violated(INV-12) and INV-3", "violated(INV-12) and INV-3");
        check("sent == sent(p1)", "sent == sent(p1)");
        check("since(crash)>7000ms", "since(crash) > 7s");
        check("errors(p1, NOT_ENOUGH_REPLICAS) >= 1", "errors(p1, NOT_ENOUGH_REPLICAS) >= 1");
        check("position(c1,orders-1) >= 2", "position(c1, orders-1) >= 2");
        check("isr(orders-0@b1) == {b1}", "isr(orders-0@b1) == {b1}");
        check("leader(orders-0@p1) != b1", "leader(orders-0@p1) != b1");
        check("epoch(orders-0@{b2,b1}) == 1", "epoch(orders-0@{b1, b2}) == 1");
    }

    #[test]
    fn sets_stand_wherever_one_thing_does() {
        check("offline(orders-*)", "offline(orders-*)");
        check("offline({orders-1, orders-0})", "offline(orders-*)");
        check("not offline(*)", "not offline({orders-*, a-b.c-0})");
        check("hw({orders-0, a-b.c-0}) >= 3", "hw({orders-0, a-b.c-0}) >= 3");
        check("lost({p2, p1, p2}) == 0", "lost(*) == 0");
        check("lost({p1}) == 0", "lost(p1) == 0");
        check("delivered(*) == 3", "delivered(c1) == 3");
        check("up({b1, p1}) and fenced(*)", "up({b1, p1}) and fenced(*)");
        check("hw(orders-*) == leo(orders-*)", "hw(orders-*) == leo(orders-*)");
        refuse("hw(orders-*) == leo({orders-0, a-b.c-0})", "two different sets are compared");
        refuse("offline(order-*)", "there is no topic called `order`");
    }

    #[test]
    fn every_count_is_asked_of_the_run_and_of_its_clients() {
        for count in Count::ALL {
            let word = count.word();
            check(&format!("{word} == 3"), &format!("{word} == 3"));
            for (client, role) in [("p1", Role::Producer), ("c1", Role::Consumer)] {
                let text = format!("{word}({client}) == 3");
                if count.roles().contains(&role) {
                    check(&text, &text);
                } else {
                    parse(&text).unwrap_err();
                }
            }
        }
    }

    #[test]
    fn a_query_is_asked_about_the_right_kind_of_thing() {
        refuse("hw(orders) > 1", "`hw` looks at one partition, and `orders` is a topic");
        refuse("hw(orders-2) > 1", "topic `orders` has no partition `orders-2`");
        refuse("acked(c1) > 1", "`acked` looks at a producer, and `c1` is a consumer");
        refuse("fenced(p1)", "`fenced` looks at a broker, and `p1` is none");
        refuse("offline(orders-0@b1)", "`offline` is the same whoever is asked");
        refuse("leo(a-b.c-0@b2) > 1", "b2 holds no replica of a-b.c-0");
        refuse("errors(p1, NOT_ENOUGH) > 1", "there is no error code called `NOT_ENOUGH`");
        refuse(
            "errors(k1, REQUEST_TIMED_OUT) > 1",
            "`errors` looks at a broker or a client, and `k1` is a controller",
        );
        refuse("since(crush) > 1s", "no step of this variant is called `crush`");
        refuse("since(crash) > 7", "a time is compared with a number");
        refuse(
            "position(c1, a-b.c-0) > 1",
            "c1 does not read a-b.c-0, so it has no position there",
        );
        refuse("INV-29", "nobody checks `INV-29` yet");
        refuse("lag(billing) == 0", "consumer groups come later: `lag` cannot be used yet");
        refuse("INV-30", "there is no invariant called `INV-30`");
    }

    #[test]
    fn only_like_is_compared_with_like() {
        refuse("leader(orders-0) == 1", "a node is compared with a number");
        refuse("leader(orders-0) > b1", "`>` compares numbers only");
        refuse("isr(orders-0) == [b1]", "a set of nodes is compared with a list of nodes");
        refuse(
            "history(leader(orders-0)) == history(leader(orders-1))",
            "two histories are compared",
        );
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

    fn query() -> impl Strategy<Value = Asked> {
        let tps = prop::collection::vec(
            (0..2_u32).prop_map(|partition| TopicPartition { topic: TopicId(0), partition }),
            1..3,
        );
        let on = prop::option::of((1..=3_u16).prop_map(NodeId::broker));
        let count = prop::sample::select(Count::ALL.to_vec());
        let code = prop::sample::select(ErrorCode::ALL[1..].to_vec());
        (tps, on, count, code, 0..12_usize).prop_map(|(tps, on, count, code, n)| {
            let of = |make: &dyn Fn(TopicPartition) -> Query| {
                Asked::of(tps.iter().copied().map(make).collect())
            };
            let (c1, b2) = (NodeId::client(2), NodeId::broker(2));
            let clients = sample().clients_in(count.roles());
            match n {
                0 => of(&|tp| Query::Leo { tp, on }),
                1 => of(&|tp| Query::Hw { tp, on }),
                2 => of(&|tp| Query::Isr { tp, of: on }),
                3 => of(&|tp| Query::Leader { tp, of: on }),
                4 => of(&|tp| Query::Epoch { tp, of: on }),
                5 => Query::Count { count, of: None }.into(),
                6 => Query::Count { count, of: clients.first().copied() }.into(),
                7 => of(&|tp| Query::Position { consumer: c1, tp }),
                8 => Query::Errors { node: b2, code }.into(),
                9 => of(&Query::Offline),
                10 => Query::Up(NodeId::controller(1)).into(),
                _ => Query::Fenced(b2).into(),
            }
        })
    }

    fn claim() -> impl Strategy<Value = Condition> {
        let op = prop::sample::select(Op::ALL.to_vec());
        (query(), op, 1..i64::MAX, 0..3_usize).prop_map(|(query, op, number, n)| {
            let equal = |left, right| Condition::Compare { left, op: Op::Equal, right };
            let nodes = || vec![Expr::Node(NodeId::broker(2)), Expr::NoNode];
            match (query.answer(), n) {
                (Answer::Truth | Answer::Time, _) => Condition::Holds(query),
                (Answer::Number, 0) => {
                    Condition::Compare { left: Expr::Query(query), op, right: Expr::Int(number) }
                }
                (Answer::Number, 1) => Condition::Monotonic(query),
                (Answer::Number, _) => equal(Expr::History(query), Expr::List(vec![Expr::Int(3)])),
                (Answer::Node, 0) => equal(Expr::Query(query), Expr::NoNode),
                (Answer::Node, 1) => equal(Expr::History(query), Expr::List(nodes())),
                (Answer::Node, _) => equal(Expr::Changes(query), Expr::Int(number)),
                (Answer::Nodes, 0) => {
                    equal(Expr::Query(query), Expr::Set(vec![Expr::Node(NodeId::broker(2))]))
                }
                (Answer::Nodes, 1) => equal(Expr::Size(query), Expr::Int(2)),
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
                    few if few.len() < 2 => Condition::Keeps("INV-11".to_owned()),
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
