//! The life and the fate of a record in English.

pub(super) mod cause;

use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::Acks;
use kafkalab_core::epoch::Offset;
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::TopicPartition;
use kafkalab_sim::biography::{Biography, Moment, Scene};
use kafkalab_sim::ledger::Fate;
use kafkalab_sim::story::Told;
use kafkalab_sim::world::Death;

use super::{Narrator, Sentence, Subject, has_one};

#[expect(clippy::too_many_lines, reason = "one arm for each scene, so that none is forgotten")]
pub(super) fn moment(to: Narrator<'_>, life: &Biography, moment: &Moment) -> Sentence {
    let producer = to.node(life.id.producer);
    let copies = copies(moment.holders, moment.down);
    // Only where it was sent to several partitions does the reader ask which is meant.
    let tp = moment.tp.filter(|_| life.tps.len() > 1).map(|tp| to.tp(tp));
    let in_tp = tp.as_ref().map(|tp| format!(" in {tp}")).unwrap_or_default();
    match &moment.what {
        Scene::Called => Sentence::plain(format!("the application gave it to {producer}")),
        Scene::Sent { to: broker, nth, after_restart } => {
            let broker = broker.map_or("the leader".to_owned(), |broker| to.node(broker));
            let again = if *nth > 1 { format!(" again, attempt {nth}") } else { String::new() };
            let tp = tp.map(|tp| format!(" for {tp}")).unwrap_or_default();
            let state = if *after_restart { "after its restart" } else { "" };
            Sentence::with(format!("{producer} sent it to {broker}{tp}{again}"), state)
        }
        Scene::RequestDied { to: broker, why } => {
            let broker = to.node(*broker);
            Sentence::plain(format!("the request never reached {broker}: {}", death(*why)))
        }
        Scene::Appended { on, offset, epoch, as_zombie } => {
            let on = to.node(*on);
            let state = if *as_zombie { format!("{copies}; not leader any more") } else { copies };
            Sentence::with(
                format!("{on} appended it at offset {offset}{in_tp}, epoch {epoch}"),
                state,
            )
        }
        Scene::Copied { on, .. } => {
            Sentence::with(format!("{} copied it{in_tp}", to.node(*on)), copies)
        }
        Scene::Recognised { on } => Sentence::with(
            format!("{} had it already and did not append it again", to.node(*on)),
            "same producer id and sequence",
        ),
        Scene::Committed { on, high_watermark, isr } => Sentence::with(
            format!("{} moved HW to {high_watermark}{in_tp}: all in sync have it", to.node(*on)),
            format!("committed, ISR {isr}"),
        ),
        Scene::Answered { on, error } => answered(&to.node(*on), *error, life.acks),
        Scene::AnswerDied { on, why } => Sentence::plain(format!(
            "the answer of {} never reached {producer}: {}",
            to.node(*on),
            death(*why)
        )),
        Scene::AnswerLate { on } => Sentence::plain(format!(
            "the answer of {} reached {producer} too late: it did not wait any more",
            to.node(*on)
        )),
        Scene::Acked => acked(&producer, life.acks, moment.high_watermark),
        Scene::Retried { error, was_told: true } => {
            Sentence::plain(format!("{producer} got {error} and tries again"))
        }
        Scene::Retried { error, was_told: false } => {
            Sentence::plain(format!("{producer} got no answer ({error}) and tries again"))
        }
        Scene::Failed { error, is_indefinite } => {
            let state =
                if *is_indefinite { "it may be written all the same" } else { "not written" };
            Sentence::with(format!("{producer} gave it up: {error}"), state)
        }
        Scene::Told { .. }
        | Scene::Ended { .. }
        | Scene::Returned { .. }
        | Scene::Fenced { .. }
        | Scene::Isr { .. }
        | Scene::Unseated { .. }
        | Scene::Leads { .. } => around(to, life, moment),
        Scene::Replaced { on, offset, by } => {
            let by = by.map_or("another record".to_owned(), |by| to.record(by));
            Sentence::plain(format!("{} gave offset {offset}{in_tp} to {by}", to.node(*on)))
        }
        Scene::Cut { on, from, to: end, following, epoch } => {
            let offsets = offsets(*end, *from);
            let whom = following.map_or("the leader".to_owned(), |leader| to.node(leader));
            let on = to.node(*on);
            let text = format!("{on} cut {offsets}{in_tp} to match {whom}, epoch {epoch}");
            Sentence::with(text, copies)
        }
        Scene::Forgotten { on, log_end, is_wiped } => {
            let on = to.node(*on);
            let why = if *is_wiped { "its disk was wiped" } else { "its disk had not kept it" };
            Sentence::with(format!("{on} came back without it: {why}, LEO {log_end}"), copies)
        }
        Scene::Positioned { reader, from, to: offset } => {
            let reader = to.node(*reader);
            Sentence::plain(match from {
                None => format!("{reader} starts to read at offset {offset}"),
                Some(from) => format!("the position of {reader} moved from {from} to {offset}"),
            })
        }
        Scene::PollFailed { reader, error, had_no_offset } => {
            let reader = to.node(*reader);
            Sentence::plain(if *had_no_offset {
                format!("a poll of {reader} threw NoOffsetForPartitionException")
            } else {
                format!("a poll of {reader} threw {error}")
            })
        }
        Scene::Delivered { to: consumer, nth } => {
            Sentence::plain(format!("{} read it{}", to.node(*consumer), again(*nth)))
        }
        Scene::Processed { by, nth } => {
            Sentence::plain(format!("{} processed it{}", to.node(*by), again(*nth)))
        }
    }
}

const fn death(why: Death) -> &'static str {
    match why {
        Death::NobodyThere => "the other end had closed the connection or was down",
        Death::StuckAtDeath => "it was held back when its sender died",
        Death::Broken => "its connection was closed",
    }
}

/// What happens around the record rather than to it.
fn around(to: Narrator<'_>, life: &Biography, moment: &Moment) -> Sentence {
    match &moment.what {
        Scene::Told { told, ended } => {
            let (name, deeds) = to.deeds(*told);
            let text = match (told, name) {
                (Told::Step(_), Some(name)) => format!("step {name}: {deeds}"),
                (Told::RollStops(_) | Told::RollStarts(_), _) => format!("roll: {deeds}"),
                (Told::Wake, _) => "a pause ended".to_owned(),
                _ => format!("injected: {deeds}"),
            };
            if ended.is_empty() {
                return Sentence::plain(text);
            }
            let state = moment.high_watermark.map(|hw| format!("HW was {hw}")).unwrap_or_default();
            Sentence::with(format!("{text} ({} died)", to.nodes(ended)), state)
        }
        Scene::Ended { node } => Sentence::plain(format!("{} ended", to.node(*node))),
        Scene::Returned { node, is_first } => {
            let verb = if *is_first { "was started" } else { "came back" };
            Sentence::plain(format!("{} {verb}", to.node(*node)))
        }
        Scene::Fenced { broker } => {
            Sentence::plain(format!("the controller fenced {}", to.node(*broker)))
        }
        Scene::Isr { from, to: isr, leader: None } => {
            let tp = moment.tp.map(|tp| to.tp(tp)).unwrap_or_default();
            let change =
                if from == isr { format!("ISR {isr}") } else { format!("ISR {from} > {isr}") };
            Sentence::with(format!("{tp} has no leader"), change)
        }
        Scene::Isr { from, to: isr, .. } => {
            let tp =
                moment.tp.filter(|_| life.tps.len() > 1).map(|tp| format!(" of {}", to.tp(tp)));
            let tp = tp.unwrap_or_default();
            Sentence::with(format!("the ISR{tp} became {isr}"), format!("it was {from}"))
        }
        Scene::Unseated { on, by, epoch, why } => {
            let by = by.map(|by| format!(" by {}", to.node(by))).unwrap_or_default();
            let on = to.node(*on);
            let unaware = cause::unaware(to, *why);
            Sentence::plain(format!("{on} was replaced{by} in epoch {epoch} {unaware}"))
        }
        Scene::Leads { on, epoch, log_end, has_it, is_unclean } => {
            let how = if *is_unclean { ", unclean" } else { "" };
            let state = if *has_it { "it has the record" } else { "without the record" };
            let on = to.node(*on);
            let text = format!("{on} became leader{how}, epoch {epoch}, LEO {log_end}");
            Sentence::with(text, state)
        }
        _ => Sentence::plain(""),
    }
}

fn again(nth: u32) -> String {
    match nth {
        1 => String::new(),
        2 => " again".to_owned(),
        n => format!(" again, {n} times now"),
    }
}

fn answered(on: &str, error: ErrorCode, acks: Acks) -> Sentence {
    let text = match (error, acks) {
        (ErrorCode::None, Acks::Leader) => format!("{on} acked it: acks=1 asks the leader only"),
        (ErrorCode::None, Acks::All) => format!("{on} acked it: every in-sync replica has it"),
        (error, Acks::None) => format!("{on} refused it ({error}) and tells nobody: acks=0"),
        (error, _) => format!("{on} answered {error}"),
    };
    Sentence::plain(text)
}

fn acked(producer: &str, acks: Acks, high_watermark: Option<Offset>) -> Sentence {
    if acks == Acks::None {
        return Sentence::plain(format!("{producer} counts it as acked: acks=0 waits for nobody"));
    }
    let state = high_watermark.map(|hw| format!("HW is {hw}")).unwrap_or_default();
    Sentence::with(format!("{producer} got the ack"), state)
}

/// `b1 only`, `on b1 b2`, `on b2, b1's disk` (b1 is down), `no broker has it`.
fn copies(holders: BrokerSet, down: BrokerSet) -> String {
    let up = holders.minus(down);
    match (has_one(up), down.is_empty()) {
        _ if holders.is_empty() => "no broker has it".to_owned(),
        (Some(one), true) => format!("{one} only"),
        (_, true) => format!("on {up}"),
        (_, false) if up.is_empty() => format!("only on the disk of {down}"),
        (_, false) if down.len() == 1 => format!("on {up}, {down}'s disk"),
        (_, false) => format!("on {up}, disks of {down}"),
    }
}

/// `offset 3`, `offsets 3..4`: both ends are meant.
fn offsets(start: Offset, end: Offset) -> String {
    let last = end.0.saturating_sub(1);
    if last <= start.0 { format!("offset {start}") } else { format!("offsets {start}..{last}") }
}

/// The word of a headline.
pub(super) const fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Open => "OPEN",
        Fate::AtRisk => "AT RISK",
        Fate::Ok => "OK",
        Fate::NotDecided => "NOT DECIDED",
        Fate::Lost => "LOST",
        Fate::Duplicate => "DUPLICATE",
        Fate::Failed => "FAILED",
        Fate::Unknown => "UNKNOWN",
    }
}

pub(super) fn fate(to: Narrator<'_>, life: &Biography) -> String {
    let (producer, holders) = (to.node(life.id.producer), copies(life.holders, life.down));
    let read = match (life.delivered, life.processed) {
        (0, _) => "no consumer read it".to_owned(),
        (_, 0) => "a consumer read it".to_owned(),
        (_, 1) => "it was processed once".to_owned(),
        (_, n) => format!("it was processed {n} times"),
    };
    let places = places(to, life);
    match life.fate {
        Fate::Lost => {
            let belief =
                if life.acks == Acks::None { "takes it for written" } else { "has its ack" };
            format!("Lost: {producer} {belief}, but {}.", why(to, life).unwrap_or_default())
        }
        Fate::Ok => format!("Safe: it stands {places}, {holders}; {read}."),
        Fate::AtRisk => {
            format!("At risk: acked, but not below the high watermark; {holders}.")
        }
        Fate::Duplicate => format!("Repeated: it stands {places}, {holders}; {read}."),
        Fate::Failed => {
            format!("Failed: {producer} was told so, and may send it again; {read}.")
        }
        Fate::NotDecided => {
            format!("Not decided: acked, and its partition has no leader; {holders}.")
        }
        Fate::Unknown => {
            format!("Unknown: {producer} was told of a failure, yet it stands {places}; {read}.")
        }
        Fate::Open => {
            format!("Open: {producer} has heard neither success nor failure; {holders}.")
        }
    }
}

/// The cause of its worst trouble.
fn why(to: Narrator<'_>, life: &Biography) -> Option<String> {
    let (_, why) = life.troubles.first()?;
    Some(cause::cause(to, why, Subject::one(life.id.producer, life.acks)))
}

/// `at offset 3`, `at offset 3 of t-0 and offset 9 of t-1`, `in no log of a leader`.
fn places(to: Narrator<'_>, life: &Biography) -> String {
    let is_spread = life.tps.len() > 1;
    let one = |(tp, offset): &(TopicPartition, Offset)| {
        if is_spread {
            format!("offset {offset} of {}", to.tp(*tp))
        } else {
            format!("offset {offset}")
        }
    };
    if life.stands.is_empty() {
        return "in no log of a leader".to_owned();
    }
    format!("at {}", life.stands.iter().map(one).collect::<Vec<_>>().join(" and "))
}
