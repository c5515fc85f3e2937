//! One lesson as a text to read: its world, its story step by step, the questions, how to go on.
//!
//! The answers stay hidden until they are asked for, so that a reader can think first. The variants
//! of a lesson tell one story together: a step that only some of them have says which.

use std::io::{self, Write};

use kafkalab_sim::scenario::plan::{ClientKind, Quiz, StepPlan, Text, Trigger};
use kafkalab_sim::scenario::{Lang, Plan, Scenario};

use super::super::streams::Streams;
use super::super::text::wrap;

/// A step, and the variants that have it.
struct Shared<'a> {
    step: &'a StepPlan,
    plan: &'a Plan,
    /// Places in the list of variants.
    variants: Vec<usize>,
}

/// Prints `scenario`, called `name` on the command line.
pub(super) fn print(
    scenario: &Scenario,
    name: &str,
    lang: Lang,
    has_answers: bool,
    streams: &mut Streams,
) -> io::Result<()> {
    let words = Words::of(lang);
    writeln!(streams.out, "{}\n", scenario.title.get(lang))?;
    for line in world(scenario, words) {
        paragraph("  ", &line, streams)?;
    }
    for (n, shared) in story(scenario).iter().enumerate() {
        writeln!(streams.out)?;
        print_step(scenario, shared, n + 1, words, has_answers, streams)?;
    }
    let mut next = vec![
        (words.run, format!("kafkalab run {name}")),
        (words.watch, format!("kafkalab run {name} --timeline")),
    ];
    if story(scenario).iter().any(|shared| shared.step.quiz.is_some()) && !has_answers {
        next.insert(0, (words.answers, format!("kafkalab lessons {name} --answer")));
    }
    next.push((words.source, format!("kafkalab lessons {name} --source")));
    writeln!(streams.out)?;
    for (what, command) in next {
        writeln!(streams.out, "{what}\n  {command}")?;
    }
    Ok(())
}

/// The headings in one language.
#[derive(Clone, Copy)]
struct Words {
    lang: Lang,
    only: &'static str,
    question: &'static str,
    answer: &'static str,
    answers: &'static str,
    run: &'static str,
    watch: &'static str,
    source: &'static str,
}

impl Words {
    const fn of(lang: Lang) -> Self {
        match lang {
            Lang::En => Self {
                lang,
                only: "only in",
                question: "Question",
                answer: "Answer",
                answers: "To see the answers:",
                run: "To run it:",
                watch: "To see every event:",
                source: "To see the scenario file:",
            },
            Lang::Ko => Self {
                lang,
                only: "다음 변형에만 있음:",
                question: "질문",
                answer: "답",
                answers: "답을 보려면:",
                run: "실행하려면:",
                watch: "모든 이벤트를 보려면:",
                source: "시나리오 파일을 보려면:",
            },
        }
    }
}

/// Every step of every variant once, in the order in which they are told.
fn story(scenario: &Scenario) -> Vec<Shared<'_>> {
    let mut story: Vec<Shared<'_>> = Vec::new();
    for (variant, plan) in scenario.variants.iter().map(|variant| &variant.plan).enumerate() {
        let mut place = 0;
        for step in &plan.steps {
            let same = |shared: &Shared<'_>| is_same(shared.step, step);
            if let Some(found) = story[place..].iter().position(same) {
                place += found;
                story[place].variants.push(variant);
            } else {
                story.insert(place, Shared { step, plan, variants: vec![variant] });
            }
            place += 1;
        }
    }
    story
}

/// Whether both are the same step of the file; a parameter may have given them other actions.
fn is_same(one: &StepPlan, other: &StepPlan) -> bool {
    (&one.id, &one.title, &one.say) == (&other.id, &other.title, &other.say)
}

// ---- the world ---------------------------------------------------------------------------------

/// The cluster and its clients, a line each; what a variant changes is in the file.
fn world(scenario: &Scenario, words: Words) -> Vec<String> {
    let plan = &scenario.variants[0].plan;
    let brokers: Vec<String> = (1..=plan.cluster.brokers).map(|n| format!("b{n}")).collect();
    let brokers = brokers.join(" ");
    let mut lines = vec![match words.lang {
        Lang::En => format!("brokers {brokers}, controller k1"),
        Lang::Ko => format!("브로커 {brokers}, 컨트롤러 k1"),
    }];
    for topic in &plan.topics {
        let (name, partitions, replicas) = (&topic.name, topic.partitions, topic.replicas);
        lines.push(match words.lang {
            Lang::En => format!(
                "topic {name}: {}, each with {}",
                counted(partitions, "partition"),
                counted(u32::from(replicas), "replica")
            ),
            Lang::Ko => format!("토픽 {name}: 파티션 {partitions}개, 레플리카 {replicas}개씩"),
        });
    }
    for client in &plan.clients {
        lines.push(match &client.kind {
            ClientKind::Producer(producer) => {
                let (name, topic) = (&client.name, plan.topic_name(producer.topic));
                match (words.lang, producer.records) {
                    (Lang::En, 0) => {
                        format!("producer {name}: sends to {topic} when the story says so")
                    }
                    (Lang::Ko, 0) => {
                        format!("프로듀서 {name}: 이야기에서 정한 때에 {topic} 토픽으로 보낸다")
                    }
                    (Lang::En, n) => format!(
                        "producer {name}: sends {} to {topic}, one every {}",
                        counted(n, "record"),
                        producer.every
                    ),
                    (Lang::Ko, n) => format!(
                        "프로듀서 {name}: {topic} 토픽으로 레코드 {n}개를 {} 간격으로 보낸다",
                        producer.every
                    ),
                }
            }
            ClientKind::Consumer(consumer) => {
                let name = &client.name;
                let read: Vec<String> =
                    consumer.assign.iter().map(|tp| plan.partition_name(*tp)).collect();
                match words.lang {
                    Lang::En => format!("consumer {name}: reads {}", read.join(", ")),
                    Lang::Ko => format!("컨슈머 {name}: {} 파티션을 읽는다", read.join(", ")),
                }
            }
        });
    }
    let variants: Vec<&str> =
        scenario.variants.iter().filter_map(|variant| variant.name.as_deref()).collect();
    if !variants.is_empty() {
        lines.push(match words.lang {
            Lang::En => format!("variants, side by side: {}", variants.join(", ")),
            Lang::Ko => format!("나란히 실행하는 변형: {}", variants.join(", ")),
        });
    }
    lines
}

fn counted(n: u32, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

// ---- a step ------------------------------------------------------------------------------------

fn print_step(
    scenario: &Scenario,
    shared: &Shared<'_>,
    number: usize,
    words: Words,
    has_answers: bool,
    streams: &mut Streams,
) -> io::Result<()> {
    let step = shared.step;
    let title = step.title.as_ref().map(|title| title.get(words.lang));
    let title = title.or(step.id.as_deref()).unwrap_or_default();
    let mut heading = format!("{number}. {title}");
    if shared.variants.len() < scenario.variants.len() {
        let names = shared.variants.iter().filter_map(|n| scenario.variants[*n].name.as_deref());
        let names = names.collect::<Vec<_>>().join(", ");
        heading = format!("{heading}  ({} {names})", words.only);
    }
    paragraph("", &heading, streams)?;
    paragraph("   ", &format!("> {}", deed(shared, words.lang)), streams)?;
    if let Some(say) = &step.say {
        paragraph("   ", say.get(words.lang), streams)?;
    }
    match &step.quiz {
        Some(quiz) => print_quiz(quiz, words, has_answers, streams),
        None => Ok(()),
    }
}

/// When the step fires and what it does, in the words of the scenario language.
fn deed(shared: &Shared<'_>, lang: Lang) -> String {
    let Shared { step, plan, .. } = shared;
    let when = match (&step.trigger, lang) {
        (Trigger::At(at), Lang::En) => format!("at {at}"),
        (Trigger::At(at), Lang::Ko) => format!("{at}에"),
        (Trigger::After { delay, .. }, Lang::En) => format!("{delay} later"),
        (Trigger::After { delay, .. }, Lang::Ko) => format!("{delay} 뒤에"),
        (Trigger::When(condition), Lang::En) => format!("when {}", condition.show(&plan.names)),
        (Trigger::When(condition), Lang::Ko) => {
            format!("{} 조건이 맞으면", condition.show(&plan.names))
        }
    };
    let deeds: Vec<String> =
        step.actions.iter().map(|action| action.show(&plan.names).to_string()).collect();
    match (deeds.is_empty(), lang) {
        (false, _) => format!("{when}: {}", deeds.join("; ")),
        (true, Lang::En) => format!("{when}: look"),
        (true, Lang::Ko) => format!("{when}: 살펴보기"),
    }
}

fn print_quiz(
    quiz: &Quiz,
    words: Words,
    has_answers: bool,
    streams: &mut Streams,
) -> io::Result<()> {
    writeln!(streams.out)?;
    paragraph("   ", &format!("{}: {}", words.question, quiz.ask.get(words.lang)), streams)?;
    let choice = |text: &Text| text.get(words.lang).to_owned();
    for (n, text) in quiz.choices.iter().enumerate() {
        paragraph("     ", &format!("{}. {}", n + 1, choice(text)), streams)?;
    }
    if has_answers {
        let (n, text) = (quiz.answer, choice(&quiz.choices[quiz.answer]));
        paragraph("   ", &format!("{}: {}. {text}", words.answer, n + 1), streams)?;
    }
    Ok(())
}

/// `text` in lines that all begin behind `indent`.
fn paragraph(indent: &str, text: &str, streams: &mut Streams) -> io::Result<()> {
    for line in wrap(text, streams.columns.saturating_sub(indent.len()).max(20)) {
        writeln!(streams.out, "{indent}{line}")?;
    }
    Ok(())
}
