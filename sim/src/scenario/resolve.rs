//! From a file to a scenario: everything in order, every mistake kept until the end.

use kafkalab_core::config::catalog::Outside;
use kafkalab_core::time::Duration;

use super::action::Action;
use super::action_parser;
use super::condition::Condition;
use super::condition_parser;
use super::diagnostic::{Diagnostic, Sink};
use super::file::{Kind, Table};
use super::file_mistake as mistake;
use super::library::{Library, Open};
use super::names::Names;
use super::params::{self, Column};
use super::plan::{Ends, InjectPlan, Plan, Scenario, Text, Variant};
use super::read::{self, Reader};
use super::sentence::Sentence;
use super::{story, units, world};

/// What the command line adds to a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// `--set k=v`, in order; a comma list makes variants.
    pub sets: Vec<(String, String)>,
    /// `--variant`: only this one.
    pub variant: Option<String>,
    /// `--seed`: instead of the file's.
    pub seed: Option<u64>,
    /// `--inject`: `when hw(orders-0) >= 5: kill b1`.
    pub injects: Vec<String>,
    /// `--expect`: these are judged at the end, and nothing that the file promises.
    pub expects: Vec<String>,
    /// `--strict`: a setting that is yet to be built is a mistake.
    pub strict: bool,
}

/// A scenario, and what its author may want to look at again.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What can be run.
    pub scenario: Scenario,
    /// In the order of the text; no errors among them.
    pub warnings: Vec<Diagnostic>,
    /// Kafka's settings that are written and change nothing, for what they are about is not simulated.
    pub without_effect: Vec<(String, Outside)>,
}

const TOP_KEYS: [&str; 16] = [
    "format", "id", "title", "seed", "limit", "ends", "variants", "param", "cluster", "net",
    "topic", "producer", "consumer", "step", "inject", "expect",
];

/// Reads a scenario. `name` is what its messages call it.
///
/// The error lists everything that is wrong, in the order of the text, and at least one thing. No other
/// file can be read: see [`load_with`].
pub fn load(name: &str, text: &[u8], options: &LoadOptions) -> Result<Loaded, Vec<Diagnostic>> {
    load_with(name, text, options, &|_| Err("this scenario is not read from a folder".to_owned()))
}

/// Reads a scenario, and through `open` the properties files that it names.
pub fn load_with(
    name: &str,
    text: &[u8],
    options: &LoadOptions,
    open: Open<'_>,
) -> Result<Loaded, Vec<Diagnostic>> {
    let (origin, root) = read::tree(name, text).map_err(|mistake| vec![*mistake])?;
    let files = Library::new(open);
    let mut sink = Sink::default();
    let columns = params::columns(&root, options, &files, &mut sink);
    let mut head = None;
    let mut variants = Vec::new();
    for column in &columns {
        let mut reader = Reader { sink: &mut sink, params: &column.params, files: &files };
        let own = read_head(&root, &mut reader);
        let plan = read_plan(&root, &own, (column, options), &mut reader);
        variants.push(Variant { name: column.name.clone(), plan });
        head.get_or_insert(own);
        if sink.is_full() {
            break;
        }
    }
    params::warn_of_unused(&root, &mut sink);
    if options.strict {
        sink.refuse("K0407");
    }
    let has_errors = sink.has_errors();
    let without_effect = sink.take_without_effect();
    let found = sink.into_found(&origin);
    match head {
        Some(head) if !has_errors => {
            let seed = options.seed.unwrap_or(head.seed);
            let scenario = Scenario { id: head.id, title: head.title, seed, variants, origin };
            Ok(Loaded { scenario, warnings: found, without_effect })
        }
        _ => Err(found),
    }
}

/// Reads one action, as a file's `do` or a prompt has it.
pub fn parse_action(text: &str, names: &Names) -> Result<Action, Box<Diagnostic>> {
    let sentence = Sentence::alone("action", text);
    action_parser::action(&sentence, names)
}

/// Reads one condition, as a file's `when` or a prompt has it.
pub fn parse_condition(text: &str, names: &Names) -> Result<Condition, Box<Diagnostic>> {
    let sentence = Sentence::alone("condition", text);
    condition_parser::condition(&sentence, names)
}

/// Reads `when hw(orders-0) >= 5: kill b1` or `at 2s: cut b1 -> b2`.
pub fn parse_inject(text: &str, names: &Names) -> Result<InjectPlan, Box<Diagnostic>> {
    let sentence = Sentence::alone("--inject", text);
    story::inject_sentence(&sentence, names)
}

/// What stands above the first table.
struct Head {
    id: String,
    title: Text,
    seed: u64,
    limit: Duration,
    ends: Ends,
}

fn read_head<'a>(root: &'a Table, reader: &mut Reader<'a>) -> Head {
    reader.check_keys(root, "a scenario", &TOP_KEYS);
    require(root, "format", "format = 1", reader);
    if let Some(value) = reader.value(root, "format")
        && !matches!(value.kind, Kind::Whole(1))
    {
        reader.push(mistake::other_format(value));
    }
    require(root, "id", "id = \"my-scenario\"", reader);
    let id = reader.text(root, "id");
    if let Some((id, place)) = id {
        let named = world::check_name(id, place);
        reader.sink.keep(named);
    }
    require(root, "title", "title = \"What it shows\"", reader);
    let limit = reader.duration(root, "limit");
    if limit == Some(Duration::ZERO)
        && let Some(value) = reader.value(root, "limit")
    {
        reader.push(mistake::bad_value(value, "more than no time at all"));
    }
    Head {
        id: id.map(|(id, _)| id.to_owned()).unwrap_or_default(),
        title: reader.prose(root, "title").unwrap_or_default(),
        seed: reader.whole(root, "seed", &(0..=i128::from(u64::MAX))).unwrap_or(1) as u64,
        limit: limit.unwrap_or(DEFAULT_LIMIT).min(units::LONGEST),
        ends: read_ends(root, reader),
    }
}

/// How long a run may take if its file does not say.
const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

fn read_ends<'a>(root: &'a Table, reader: &mut Reader<'a>) -> Ends {
    match reader.value(root, "ends") {
        None => Ends::Quiet,
        Some(value) => match value.as_text() {
            Some("quiet") => Ends::Quiet,
            Some("limit") => Ends::Limit,
            _ => {
                reader.push(mistake::bad_value(value, "`quiet` or `limit`"));
                Ends::Quiet
            }
        },
    }
}

/// Says so if the file lacks a line it must have.
fn require(root: &Table, key: &str, example: &str, reader: &mut Reader<'_>) {
    if root.entry(key).is_none() {
        reader.push(mistake::missing_key(&root.place, key, "a scenario", example));
    }
}

fn read_plan<'a>(
    root: &'a Table,
    head: &Head,
    (column, options): (&Column, &LoadOptions),
    reader: &mut Reader<'a>,
) -> Plan {
    let mut world = world::read(root, reader);
    let base = column.base.as_deref();
    let mut story = story::read(root, &mut world.names, (base, &params::names(root)), reader);
    let names = &world.names;
    for text in &options.injects {
        let sentence = Sentence::alone("--inject", text);
        story.injects.extend(reader.sink.keep(story::inject_sentence(&sentence, names)));
    }
    let of_steps = story.steps.iter().flat_map(|step| &step.actions);
    let of_injects = story.injects.iter().flat_map(|inject| &inject.actions);
    let actions: Vec<&Action> = of_steps.chain(of_injects).collect();
    world::check_bursts(root, &world.clients, &actions, reader);
    world::warn_of_unstarted(root, &world.clients, &actions, reader);
    if !options.expects.is_empty() {
        story.promises.clear();
    }
    for text in &options.expects {
        let promise = story::expect_flag(text, names);
        story.promises.extend(reader.sink.keep(promise));
    }
    Plan {
        seed: options.seed.unwrap_or(head.seed),
        limit: head.limit,
        ends: head.ends,
        cluster: world.cluster,
        net: world.net,
        topics: world.topics,
        clients: world.clients,
        steps: story.steps,
        injects: story.injects,
        promises: story.promises,
        names: world.names,
    }
}

#[cfg(test)]
mod tests {
    use super::super::builtin;
    use super::super::plan::{ClientKind, Trigger};
    use super::*;
    use kafkalab_core::config::Acks;
    use proptest::prelude::*;

    fn lesson() -> &'static str {
        builtin::find("02").expect("embedded").text
    }

    fn loaded(options: &LoadOptions) -> Scenario {
        let loaded = load("02", lesson().as_bytes(), options);
        loaded.unwrap_or_else(|mistakes| panic!("{mistakes:#?}")).scenario
    }

    #[track_caller]
    fn refuse(options: &LoadOptions, title: &str) {
        let mistakes = load("02", lesson().as_bytes(), options).expect_err("a mistake");
        assert_eq!(mistakes[0].title, title);
    }

    fn acks(variant: &Variant) -> Acks {
        match &variant.plan.clients[0].kind {
            ClientKind::Producer(producer) => producer.config.acks,
            ClientKind::Consumer(_) => unreachable!("p1 is declared first"),
        }
    }

    fn set(key: &str, value: &str) -> LoadOptions {
        LoadOptions { sets: vec![(key.to_owned(), value.to_owned())], ..LoadOptions::default() }
    }

    #[test]
    fn a_parameter_differs_from_variant_to_variant_and_nothing_else_does() {
        let scenario = loaded(&LoadOptions::default());
        let shown: Vec<_> =
            scenario.variants.iter().map(|v| (v.name.as_deref(), acks(v))).collect();
        let expected = [
            (Some("acks-0"), Acks::None),
            (Some("acks-1"), Acks::Leader),
            (Some("acks-all"), Acks::All),
        ];
        assert_eq!(shown, expected);
        let steps = |n: usize| scenario.variants[n].plan.steps.clone();
        assert_eq!(steps(0), steps(2));
        assert_eq!(steps(0).len(), 5);
    }

    #[test]
    fn a_promise_is_made_only_in_its_variants() {
        let scenario = loaded(&LoadOptions::default());
        let texts = |n: usize| -> Vec<String> {
            let promises = &scenario.variants[n].plan.promises;
            promises.iter().map(|promise| promise.text.clone()).collect()
        };
        assert_eq!(texts(0)[0], "lost == 2");
        assert_eq!(texts(2)[0], "lost == 0");
        assert_eq!(texts(2).len(), 3);
        let promise = &scenario.variants[2].plan.promises[0];
        assert_eq!(promise.place.text(), promise.text);
    }

    #[test]
    fn the_command_line_chooses_replaces_and_multiplies_variants() {
        let one = LoadOptions { variant: Some("acks-1".to_owned()), ..LoadOptions::default() };
        assert_eq!(loaded(&one).variants.len(), 1);
        let replaced = loaded(&set("acks", "1"));
        assert_eq!((replaced.variants.len(), replaced.variants[0].name.as_deref()), (1, None));
        let listed = loaded(&set("acks", "0,all"));
        let names: Vec<_> = listed.variants.iter().filter_map(|v| v.name.as_deref()).collect();
        assert_eq!(names, ["acks=0", "acks=all"]);
        refuse(&set("ack", "1"), "this scenario has no parameter `ack`");
        let wrong = LoadOptions { variant: Some("acks-2".to_owned()), ..LoadOptions::default() };
        refuse(&wrong, "there is no variant called `acks-2`");
    }

    #[test]
    fn an_expectation_of_the_command_line_is_judged_alone() {
        let options = LoadOptions {
            expects: vec!["lost == 0 or violated(INV-12)".to_owned()],
            seed: Some(7),
            ..LoadOptions::default()
        };
        let scenario = loaded(&options);
        assert_eq!(scenario.seed, 7);
        for variant in &scenario.variants {
            assert_eq!(variant.plan.promises.len(), 1);
            assert!(variant.plan.excuses("INV-12") && !variant.plan.excuses("INV-1"));
            assert_eq!(variant.plan.seed, 7);
        }
    }

    #[test]
    fn an_injected_sentence_is_read_and_written_the_same_way() {
        let plan = loaded(&LoadOptions::default()).variants.remove(0).plan;
        for text in ["when hw(orders-0) >= 5: kill b1", "at 2s: cut b1 -> b2; heal"] {
            let inject = parse_inject(text, &plan.names).expect("a good sentence");
            assert_eq!(inject.text, text);
        }
        let options =
            LoadOptions { injects: vec!["at 1s: kill b1".to_owned()], ..LoadOptions::default() };
        let injects = &loaded(&options).variants[0].plan.injects;
        assert_eq!(injects[0].trigger, Trigger::At(Duration::from_secs(1)));
        for bad in ["kill b1", "soon: kill b1", "at 2: kill b1", "when : kill b1", ":", "at 1s:"] {
            assert!(parse_inject(bad, &plan.names).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_thing_of_the_command_line_shows_its_own_text() {
        let options =
            LoadOptions { injects: vec!["at 1s: kill b9".to_owned()], ..LoadOptions::default() };
        let mistakes = load("02", lesson().as_bytes(), &options).expect_err("no b9");
        assert_eq!(mistakes[0].origin.name, "--inject");
        assert_eq!(&mistakes[0].origin.text[mistakes[0].span.clone()], "b9");
    }

    #[test]
    fn a_list_that_a_parameter_multiplies_is_bounded() {
        let many = "\"up(b1)\", ".repeat(10_000);
        let tables = "[[expect]]\nfinally = \"$many\"\n".repeat(200);
        let steps = "[[step]]\nat = \"1s\"\ndo = \"$many\"\n".repeat(200);
        let head = "format = 1\nid = \"x\"\ntitle = \"x\"\n";
        let text = format!("{head}[param]\nmany = [{many}]\n{tables}{steps}");
        let mistakes = load("x", text.as_bytes(), &LoadOptions::default()).expect_err("too many");
        assert_eq!(mistakes.len(), 64);
        assert!(mistakes.iter().any(|one| one.title == "10000 values are too many"));
    }

    /// Renders nothing, but touches every span as a renderer would.
    fn check_spans(outcome: &Result<Loaded, Vec<Diagnostic>>) {
        let all = match outcome {
            Ok(loaded) => &loaded.warnings,
            Err(mistakes) => {
                assert!(!mistakes.is_empty(), "a refusal has a reason");
                mistakes
            }
        };
        for one in all {
            let spans = one.secondary.iter().map(|(span, _)| span);
            let suggestion = one.suggestion.iter().map(|(span, _)| span);
            for span in spans.chain(suggestion).chain([&one.span]) {
                assert!(one.origin.text.get(span.clone()).is_some(), "{one:?}");
            }
        }
    }

    /// A piece of a good file: words to scatter where they do not belong.
    fn piece() -> impl Strategy<Value = String> {
        let lines: Vec<String> = lesson().lines().map(str::to_owned).collect();
        prop_oneof![
            prop::sample::select(lines),
            "[a-z0-9\"'=\\[\\]{}$.,()@<>\n -]{0,12}",
            "\\PC{0,4}",
            Just("[[step]]".to_owned()),
            Just("\"\"\"".to_owned()),
            Just("\\u00e9".to_owned()),
        ]
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_a_scenario_or_in_reasons(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            check_spans(&load("any", &bytes, &LoadOptions::default()));
        }

        #[test]
        fn any_text_ends_in_a_scenario_or_in_reasons(pieces in prop::collection::vec(piece(), 0..12)) {
            let text = pieces.join("\n");
            check_spans(&load("any", text.as_bytes(), &LoadOptions::default()));
        }

        #[test]
        fn a_damaged_file_ends_in_a_scenario_or_in_reasons(
            at in any::<prop::sample::Index>(),
            gone in 0..40_usize,
            new in piece(),
            value in "\\PC{0,10}",
        ) {
            let good = lesson();
            let start = good.floor_char_boundary(at.index(good.len()));
            let end = good.ceil_char_boundary((start + gone).min(good.len()));
            let text = format!("{}{new}{}", &good[..start], &good[end..]);
            let options = LoadOptions {
                sets: vec![("acks".to_owned(), value.clone())],
                injects: vec![format!("at 1s: {value}")],
                expects: vec![value],
                ..LoadOptions::default()
            };
            check_spans(&load("any", text.as_bytes(), &LoadOptions::default()));
            check_spans(&load("any", text.as_bytes(), &options));
        }
    }
}
