//! What is said about mistakes in sentences and in the names they use: one constructor per mistake.
//!
//! Codes are stable: K02xx a name that means nothing here, K03xx a sentence that cannot be read,
//! K05xx something that comes later. Those of the file around the sentences are in `file_mistake.rs`.

use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::NodeId;

use super::diagnostic::{Diagnostic, Place, nearest};
use super::names::{Names, Role, some_of};
use super::vocabulary::CHECKED;
use kafkalab_core::protocol::ApiKey;

type Boxed = Box<Diagnostic>;

/// Text of the user inside a message: short, and on one line.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    let mut shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    format!("`{}`", shown.replace("\\\"", "\"").replace("\\'", "'"))
}

// Names.

pub(super) fn unknown_node(place: &Place, word: &str, names: &Names) -> Boxed {
    let all = names.node_names();
    let title = format!("there is no node called {}", quoted(word));
    let mut mistake = Diagnostic::error("K0201", title, place).label("not in this cluster");
    if names.topic(word).is_some() || names.partition(word).is_some() {
        mistake = mistake.label(format!("{} is no node", quoted(word)));
        if names.partition(word).is_some() {
            mistake = mistake.help(format!("the broker that leads it is `leader({word})`"));
        }
        return Box::new(mistake);
    }
    let brokers = (1..=names.brokers).map(|n| format!("b{n}"));
    let declared = format!("the brokers are {}", some_of(brokers));
    let shown = names.brokers_at.as_ref().filter(|at| at.origin == place.origin);
    mistake = match shown {
        Some(at) => mistake.also(at, declared),
        None => mistake.note(format!("the nodes are {}", some_of(&all))),
    };
    if let Some(near) = nearest(word, all.iter().map(String::as_str)) {
        mistake = mistake.instead("a node with a similar name exists", place, near);
    }
    Box::new(mistake)
}

pub(super) fn unknown_topic(place: &Place, word: &str, names: &Names) -> Boxed {
    let title = format!("there is no topic called {}", quoted(word));
    let mut mistake = Diagnostic::error("K0202", title, place);
    mistake = if names.topics.is_empty() {
        mistake.help("declare it: a table `[topic.NAME]`")
    } else {
        mistake.note(format!("the topics are {}", some_of(names.topic_names())))
    };
    if let Some(near) = nearest(word, names.topic_names()) {
        mistake = mistake.instead("a topic with a similar name exists", place, near);
    }
    Box::new(mistake)
}

pub(super) fn unknown_partition(place: &Place, word: &str, asker: &str, names: &Names) -> Boxed {
    let shown = quoted(word);
    if let Some(topic) = names.topic(word) {
        let title = format!("`{asker}` looks at one partition, and {shown} is a topic");
        let first = names.partition_name(kafkalab_core::id::TopicPartition { topic, partition: 0 });
        let mistake = Diagnostic::error("K0302", title, place).label("expected a partition");
        return Box::new(mistake.instead("name a partition", place, &first));
    }
    if names.node(word).is_some() {
        let title = format!("`{asker}` looks at a partition, and {shown} is a node");
        return Box::new(Diagnostic::error("K0302", title, place).label("expected a partition"));
    }
    let topic = word.rsplit_once('-').filter(|(_, digits)| digits.parse::<u64>().is_ok());
    let known = topic.and_then(|(topic, _)| Some((topic, names.topic(topic)?)));
    if let Some((name, topic)) = known {
        let count = names.partitions(topic);
        let all = (0..count).map(|n| format!("{name}-{n}"));
        let title = format!("topic `{name}` has no partition {shown}");
        let note = format!("partitions count from 0; `{name}` has {}", some_of(all));
        return Box::new(Diagnostic::error("K0203", title, place).note(note));
    }
    let title = format!("there is no partition called {shown}");
    let first = |topic: &str| format!("{topic}-0");
    let firsts: Vec<String> = names.topic_names().map(first).collect();
    let mut mistake = Diagnostic::error("K0203", title, place)
        .note("a partition is a topic and a number, such as `orders-0`")
        .note(format!("the topics are {}", some_of(names.topic_names())));
    if let Some(near) = nearest(word, firsts.iter().map(String::as_str)) {
        mistake = mistake.instead("a partition with a similar name exists", place, near);
    }
    Box::new(mistake)
}

pub(super) fn wrong_client(
    place: &Place,
    word: &str,
    (role, asker): (Role, &str),
    found: Option<NodeId>,
    names: &Names,
) -> Boxed {
    let wanted = role.word();
    let all: Vec<&str> = names.clients_of(role).collect();
    let mut mistake = match found {
        None if names.topic(word).is_none() => return unknown_node(place, word, names),
        found => {
            let kind = match found.map(|node| names.role(node)) {
                None => "a topic",
                Some(None) => "a server",
                Some(Some(other)) => match other {
                    Role::Producer => "a producer",
                    Role::Consumer => "a consumer",
                },
            };
            let shown = quoted(word);
            let title = format!("`{asker}` looks at a {wanted}, and {shown} is {kind}");
            Diagnostic::error("K0302", title, place).label(format!("expected a {wanted}"))
        }
    };
    mistake = match all.as_slice() {
        [] => mistake.note(format!("this scenario has no {wanted}")),
        [one] => mistake.instead(&format!("name the {wanted}"), place, one),
        _ => mistake.note(format!("the {wanted}s are {}", some_of(all))),
    };
    Box::new(mistake)
}

pub(super) fn not_a_broker(place: &Place, word: &str, asker: &str) -> Boxed {
    let shown = quoted(word);
    let title = match asker {
        "@" => format!("{shown} holds no replica: only brokers do"),
        _ => format!("`{asker}` looks at a broker, and {shown} is none"),
    };
    Box::new(Diagnostic::error("K0302", title, place).label("expected a broker"))
}

pub(super) fn clients_have_no_disk(place: &Place, verb: &str) -> Boxed {
    let title = format!("`{verb}` needs a disk, and a client has none");
    Box::new(Diagnostic::error("K0302", title, place).label("expected brokers or controllers"))
}

pub(super) fn unknown_invariant(place: &Place, word: &str) -> Boxed {
    let title = format!("there is no invariant called {}", quoted(word));
    let note = "the invariants are INV-1 to INV-29, INV-R1 to INV-R10 and LIV-1 to LIV-11";
    Box::new(Diagnostic::error("K0207", title, place).note(note))
}

pub(super) fn unchecked_invariant(place: &Place, word: &str) -> Boxed {
    let title = format!("nobody checks {} yet", quoted(word));
    let note = format!("those that are checked are {}", CHECKED.join(" "));
    Box::new(Diagnostic::error("K0504", title, place).label("would always be kept").note(note))
}

// Sentences.

pub(super) fn sentence_too_long(place: &Place, longest: usize) -> Boxed {
    let title = format!("a sentence of more than {longest} characters");
    let help = "say it in several: a list of actions, a list of promises, another step";
    Box::new(Diagnostic::error("K0305", title, place).label("too long to read").help(help))
}

pub(super) fn sentence_too_deep(place: &Place, deepest: usize) -> Boxed {
    let title = format!("parentheses or lists nested more than {deepest} deep");
    Box::new(Diagnostic::error("K0305", title, place).label("too deep").help("write it flat"))
}

pub(super) fn strange_character(place: &Place, found: char, rest: &str) -> Boxed {
    let title = format!("{} has no meaning in a sentence", quoted(&found.to_string()));
    let mistake = Diagnostic::error("K0301", title, place).label("not understood");
    let double = Place { origin: place.origin.clone(), span: place.span.start..place.span.end + 1 };
    Box::new(match found {
        '$' => mistake
            .label("a parameter stands for a whole value")
            .help("put the whole sentence into the parameter, and write it as `\"$name\"`"),
        '&' if rest.starts_with("&&") => mistake.suggest("write `and`", &double, "and"),
        '|' if rest.starts_with("||") => mistake.suggest("write `or`", &double, "or"),
        '!' => mistake.suggest("write `not`", place, "not "),
        '→' | '↔' => mistake.help("write `->` or `<->`"),
        ':' | ';' => mistake.help("write one action a line; `do` takes a list"),
        _ => mistake,
    })
}

pub(super) fn unexpected(place: &Place, expected: &str, found: &str) -> Boxed {
    let title = format!("expected {expected}, found {}", quoted(found));
    Box::new(Diagnostic::error("K0301", title, place).label("not expected here"))
}

pub(super) fn sentence_ends(place: &Place, expected: &str) -> Boxed {
    if place.text().trim().is_empty() || place.text().trim_matches('"').is_empty() {
        let title = format!("the sentence is empty: expected {expected}");
        return Box::new(Diagnostic::error("K0301", title, place));
    }
    let title = format!("the sentence ends too early: expected {expected}");
    Box::new(Diagnostic::error("K0301", title, place).label("something must follow"))
}

pub(super) fn bad_word(place: &Place, text: &str, expected: &str) -> Boxed {
    let title = format!("{} is not allowed here", quoted(text));
    Box::new(Diagnostic::error("K0102", title, place).label(format!("expected {expected}")))
}

// Actions.

pub(super) fn unknown_verb(place: &Place, verb: &str, verbs: &[(&str, &str)]) -> Boxed {
    let title = format!("there is no action called {}", quoted(verb));
    let words = verbs.iter().map(|(word, _)| *word);
    let all: Vec<&str> = words.clone().collect();
    let mut mistake = Diagnostic::error("K0303", title, place)
        .label("not an action")
        .note(format!("the actions are {}", all.join(" ")));
    if let Some(near) = nearest(verb, words) {
        let form = verbs.iter().find(|(word, _)| *word == near).map_or("", |(_, form)| form);
        let help = format!("an action with a similar name exists: `{form}`");
        mistake = mistake.instead(&help, place, near);
    }
    Box::new(mistake)
}

pub(super) fn no_arrow(here: &Place, so_far: &Place) -> Boxed {
    let title = "a link needs an arrow between two nodes";
    let mistake = Diagnostic::error("K0301", title, here)
        .label("expected `->`, `<-` or `<->`")
        .note("`->` is one direction, `<->` is both");
    // Between the nodes, an arrow is missing; at the end, a second node is missing, too.
    if here.span.start < so_far.span.end {
        return Box::new(mistake.help("write both: `b1 -> b2`"));
    }
    let gap = Place { origin: here.origin.clone(), span: here.span.start..here.span.start };
    Box::new(mistake.suggest("put an arrow between them", &gap, "-> "))
}

pub(super) fn link_to_itself(place: &Place) -> Boxed {
    let title = "a node has no link to itself";
    Box::new(Diagnostic::error("K0302", title, place).label("both ends are the same"))
}

pub(super) fn unknown_api(place: &Place, word: &str) -> Boxed {
    let title = format!("there is no request called {}", quoted(word));
    let all: Vec<&str> = ApiKey::ALL.iter().map(|api| api.name()).collect();
    let exact = all.iter().find(|name| name.eq_ignore_ascii_case(word)).copied();
    let near = exact.or_else(|| nearest(word, all.iter().copied()));
    let mistake = Diagnostic::error("K0303", title, place)
        .label("not a request of Kafka's protocol")
        .note(format!("those that can be held are {}", all.join(" ")));
    Box::new(match near {
        Some(near) => mistake.instead("a request with a similar name exists", place, near),
        None => mistake,
    })
}

// Conditions.

pub(super) fn unknown_query<'a>(
    place: &Place,
    word: &str,
    known: impl Iterator<Item = &'a str>,
) -> Boxed {
    let known: Vec<&str> = unique(known);
    let title = format!("nothing is called {} in a condition", quoted(word));
    let mistake = Diagnostic::error("K0303", title, place)
        .label("not a question")
        .note(format!("there are {}", known.join(" ")));
    Box::new(match nearest(word, known.iter().copied()) {
        Some(near) => mistake.instead("a question with a similar name exists", place, near),
        None => mistake,
    })
}

pub(super) fn unknown_value<'a>(
    place: &Place,
    word: &str,
    names: &Names,
    known: impl Iterator<Item = &'a str>,
) -> Boxed {
    if names.topic(word).is_some() || names.partition(word).is_some() {
        let title = format!("{} is not a value", quoted(word));
        let partition = if names.topic(word).is_some() { format!("{word}-0") } else { word.into() };
        let mistake = Diagnostic::error("K0302", title, place).label("what about it?");
        return Box::new(mistake.help(format!("ask something, such as `hw({partition})`")));
    }
    let words = unique(known);
    if let Some(near) = nearest(word, words.iter().copied()) {
        let title = format!("nothing is called {} in a condition", quoted(word));
        let mistake = Diagnostic::error("K0303", title, place).label("not known");
        return Box::new(mistake.instead("a similar name exists", place, near));
    }
    unknown_node(place, word, names)
}

fn unique<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for word in words {
        if !seen.contains(&word) {
            seen.push(word);
        }
    }
    seen
}

pub(super) fn needs_argument(place: &Place, word: &str, subject: &str) -> Boxed {
    let title = format!("`{word}` needs {subject}");
    let example = subject.split('`').nth(1).unwrap_or("NAME");
    let help = format!("write `{word}({example})`");
    Box::new(Diagnostic::error("K0301", title, place).label("of what?").help(help))
}

pub(super) fn never_changes(place: &Place, holds: bool, reason: &str) -> Boxed {
    let title = if holds { "this always holds" } else { "this can never hold" };
    let help = "ask for something that the run decides";
    Box::new(Diagnostic::error("K0306", title, place).label(reason.to_owned()).help(help))
}

pub(super) fn decided_at_start(place: &Place, kind: &str, reason: &str) -> Boxed {
    let title = format!("`{kind}` is decided before the run begins");
    let help = match kind {
        "eventually" => {
            "ask for something that is yet to happen, or judge it at the end: `finally`"
        }
        _ => "say the opposite, or judge it at the end: `finally`",
    };
    Box::new(Diagnostic::error("K0307", title, place).label(reason.to_owned()).help(help))
}

pub(super) fn two_sets(place: &Place) -> Boxed {
    let title = "two different sets are compared";
    let label = "sets are compared member by member";
    let help = "ask the same partitions or nodes on both sides";
    Box::new(Diagnostic::error("K0304", title, place).label(label).help(help))
}

pub(super) fn two_histories(place: &Place) -> Boxed {
    let title = "two histories are compared";
    let help = "compare a history with a list: `history(leader(orders-0)) == [b1, none, b2]`";
    Box::new(Diagnostic::error("K0304", title, place).label("both grow").help(help))
}

pub(super) fn nobody(place: &Place, what: &str) -> Boxed {
    let title = format!("`*` stands for every {what}, and this scenario has none");
    Box::new(Diagnostic::error("K0302", title, place).label("stands for nothing"))
}

pub(super) fn unknown_topic_pattern(place: &Place, word: &str, names: &Names) -> Boxed {
    let title = format!("there is no topic called {}", quoted(word));
    let mistake = Diagnostic::error("K0202", title, place)
        .label("stands for every partition of a topic")
        .note(format!("the topics are {}", some_of(names.topic_names())));
    Box::new(match nearest(word, names.topic_names()) {
        Some(near) => {
            mistake.instead("a topic with a similar name exists", place, &format!("{near}-*"))
        }
        None => mistake,
    })
}

pub(super) fn holds_none(place: &Place, broker: &str, tp: &str, replicas: &[String]) -> Boxed {
    let title = format!("{broker} holds no replica of {tp}");
    let note = format!("its replicas are on {}", some_of(replicas));
    Box::new(Diagnostic::error("K0302", title, place).label("has nothing to answer").note(note))
}

pub(super) fn not_assigned(place: &Place, consumer: &str, tp: &str) -> Boxed {
    let title = format!("{consumer} does not read {tp}, so it has no position there");
    let help = format!("add it to `assign` in `[consumer.{consumer}]`");
    Box::new(Diagnostic::error("K0302", title, place).label("not assigned").help(help))
}

pub(super) fn no_errors_of(place: &Place, word: &str) -> Boxed {
    let title =
        format!("`errors` looks at a broker or a client, and {} is a controller", quoted(word));
    Box::new(Diagnostic::error("K0302", title, place).label("expected a broker or a client"))
}

pub(super) fn unknown_code(place: &Place, word: &str) -> Boxed {
    let title = format!("there is no error code called {}", quoted(word));
    let names = ErrorCode::ALL.iter().filter(|code| **code != ErrorCode::None);
    let names: Vec<&str> = names.map(|code| code.name()).collect();
    let mistake = Diagnostic::error("K0303", title, place).label("not a code of Kafka's");
    Box::new(match nearest(&word.to_ascii_uppercase(), names.iter().copied()) {
        Some(near) => mistake.instead("a code with a similar name exists", place, near),
        None => mistake.note(format!("the codes are {}", names.join(" "))),
    })
}

pub(super) fn unknown_step(place: &Place, word: &str, names: &Names) -> Boxed {
    let title = format!("no step of this variant is called {}", quoted(word));
    let ids: Vec<&str> = names.steps.iter().map(|(id, _)| id.as_str()).collect();
    let mistake = Diagnostic::error("K0204", title, place)
        .label("a `when` may speak of earlier steps, a promise of all");
    Box::new(match nearest(word, ids.iter().copied()) {
        Some(near) => mistake.instead("a step with a similar id exists", place, near),
        None if ids.is_empty() => mistake.note("no step has an id: give it one with `id = \"..\"`"),
        None => mistake.note(format!("the steps are {}", some_of(&ids))),
    })
}

pub(super) fn not_rolled(place: &Place) -> Boxed {
    let title = "`roll` restarts brokers one after another, and this is none";
    Box::new(Diagnostic::error("K0302", title, place).label("expected brokers"))
}

pub(super) fn no_replica(place: &Place, word: &str) -> Boxed {
    let title = format!("`{word}` is the same whoever is asked");
    let help = "it is the controller's record; `leader`, `isr` and `epoch` take a view";
    Box::new(Diagnostic::error("K0302", title, place).label("no replica goes here").help(help))
}

pub(super) fn different_kinds(sides: [(&Place, String); 2]) -> Boxed {
    let [(left, of_left), (right, of_right)] = sides;
    let title = format!("{of_left} is compared with {of_right}");
    let mistake = Diagnostic::error("K0304", title, right).label(format!("this is {of_right}"));
    Box::new(mistake.also(left, format!("this is {of_left}")))
}

pub(super) fn not_ordered(place: &Place, op: &str, what: &str) -> Boxed {
    let title = format!("`{op}` compares numbers only");
    Box::new(Diagnostic::error("K0304", title, place).label(format!("this is {what}")))
}

pub(super) fn truth_compared(place: &Place) -> Boxed {
    let title = "yes and no are not compared with anything";
    let help = "write the question alone, or `not` before it: `not up(b1)`";
    Box::new(Diagnostic::error("K0304", title, place).label("a yes or no").help(help))
}

pub(super) fn other_sign(place: &Place, sign: &str) -> Boxed {
    let title = format!("{} compares nothing", quoted(place.text()));
    let help = format!("write `{sign}`");
    Box::new(Diagnostic::error("K0301", title, place).suggest(&help, place, sign))
}

pub(super) fn not_a_condition(place: &Place) -> Boxed {
    let title = format!("{} is a value, not a condition", quoted(place.text().trim()));
    let help = "compare it: `== != < <= > >=`";
    Box::new(Diagnostic::error("K0301", title, place).label("what about it?").help(help))
}

pub(super) fn mixed_list(place: &Place) -> Boxed {
    let title = "the members of a list are of different kinds";
    Box::new(Diagnostic::error("K0304", title, place).label("numbers, or nodes, or sets"))
}

pub(super) fn query_in_list(place: &Place) -> Boxed {
    let title = "a list holds values that are written down";
    Box::new(Diagnostic::error("K0304", title, place).label("this is a question"))
}

pub(super) fn size_of_one(place: &Place) -> Boxed {
    let title = "`size` counts the members of a set";
    let mistake = Diagnostic::error("K0304", title, place).label("this is one value");
    Box::new(mistake.help("write `size(isr(orders-0))`"))
}

// Later.

pub(super) fn groups_come_later(place: &Place, what: &str) -> Boxed {
    let title = format!("consumer groups come later: {what} cannot be used yet");
    let mistake = Diagnostic::error("K0501", title, place).label("belongs to a consumer group");
    Box::new(mistake.help("use `assign`: such a consumer reads partitions without a group"))
}

pub(super) fn verb_comes_later(place: &Place, verb: &str) -> Boxed {
    let title = format!("`{verb}` comes later");
    let mistake = Diagnostic::error("K0502", title, place).label("not yet");
    Box::new(mistake.note("this action is part of the language, and nothing carries it out yet"))
}

// Injected sentences.

pub(super) fn no_colon(place: &Place) -> Boxed {
    let title = "an injected action needs a moment, a colon and an action";
    let help = "write `when hw(orders-0) >= 5: kill b1` or `at 2s: kill b1`";
    Box::new(Diagnostic::error("K0301", title, place).label("no colon in it").help(help))
}

pub(super) fn no_inject_trigger(place: &Place) -> Boxed {
    let title = "expected `when CONDITION` or `at TIME` before the colon";
    let help = "write `when hw(orders-0) >= 5: kill b1` or `at 2s: kill b1`";
    Box::new(Diagnostic::error("K0301", title, place).label("when is that?").help(help))
}
