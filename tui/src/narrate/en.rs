//! The life and the fate of a record in English.

use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::Acks;
use kafkalab_core::epoch::Offset;
use kafkalab_core::error_code::ErrorCode;
use kafkalab_sim::biography::{Biography, Loss, Moment, Scene};
use kafkalab_sim::ledger::Fate;
use kafkalab_sim::remedy::Remedy;
use kafkalab_sim::story::Told;

use super::{Narrator, Sentence, has_one, keeps, settings};

pub(super) fn moment(to: Narrator<'_>, life: &Biography, moment: &Moment) -> Sentence {
    let producer = to.node(life.id.producer);
    let copies = copies(moment.holders, moment.down);
    match &moment.what {
        Scene::Called => Sentence::plain(format!("the application gave it to {producer}")),
        Scene::Sent { to: broker, attempt } => {
            let broker = broker.map_or("the leader".to_owned(), |broker| to.node(broker));
            let again =
                if *attempt > 1 { format!(" again, attempt {attempt}") } else { String::new() };
            Sentence::plain(format!("{producer} sent it to {broker}{again}"))
        }
        Scene::Appended { on, offset, epoch } => {
            let on = to.node(*on);
            Sentence::with(format!("{on} appended it at offset {offset}, epoch {epoch}"), copies)
        }
        Scene::Copied { on, .. } => Sentence::with(format!("{} copied it", to.node(*on)), copies),
        Scene::Recognised { on } => Sentence::with(
            format!("{} had it already and did not append it again", to.node(*on)),
            "same producer id and sequence",
        ),
        Scene::Committed { on, high_watermark, isr } => Sentence::with(
            format!("{} moved HW to {high_watermark}: all in sync have it", to.node(*on)),
            format!("committed, ISR {isr}"),
        ),
        Scene::Answered { on, error } => answered(&to.node(*on), *error, life.acks),
        Scene::Acked => acked(&producer, life.acks, moment.high_watermark),
        Scene::Retried { error } => {
            Sentence::plain(format!("{producer} got {error} and tries again"))
        }
        Scene::Failed { error, is_indefinite } => {
            let state =
                if *is_indefinite { "it may be written all the same" } else { "not written" };
            Sentence::with(format!("{producer} gave it up: {error}"), state)
        }
        Scene::Told { .. }
        | Scene::Ended { .. }
        | Scene::Returned { .. }
        | Scene::Isr { .. }
        | Scene::Leads { .. } => around(to, life, moment),
        Scene::Replaced { on, offset, by } => {
            let by = by.map_or("another record".to_owned(), |by| to.record(by));
            Sentence::plain(format!("{} gave offset {offset} to {by}", to.node(*on)))
        }
        Scene::Cut { on, from, to: end } => {
            let offsets = offsets(*end, *from);
            Sentence::with(format!("{} cut {offsets} to match the leader", to.node(*on)), copies)
        }
        Scene::Forgotten { on } => Sentence::with(
            format!("{} came back without it: not on its disk", to.node(*on)),
            copies,
        ),
        Scene::Delivered { to: consumer, nth } => {
            Sentence::plain(format!("{} read it{}", to.node(*consumer), again(*nth)))
        }
        Scene::Processed { by, nth } => {
            Sentence::plain(format!("{} processed it{}", to.node(*by), again(*nth)))
        }
    }
}

/// What happens around the record rather than to it.
fn around(to: Narrator<'_>, life: &Biography, moment: &Moment) -> Sentence {
    match &moment.what {
        Scene::Told { told, ended } => {
            let (name, deeds) = to.deeds(*told);
            let text = match (told, name) {
                (Told::Step(_), Some(name)) => format!("step {name}: {deeds}"),
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
        Scene::Returned { node } => Sentence::plain(format!("{} came back", to.node(*node))),
        Scene::Isr { from, to: isr, leader: None } => {
            let tp = life.tp.map(|tp| to.tp(tp)).unwrap_or_default();
            let change =
                if from == isr { format!("ISR {isr}") } else { format!("ISR {from} > {isr}") };
            Sentence::with(format!("{tp} has no leader"), change)
        }
        Scene::Isr { from, to: isr, .. } => {
            Sentence::with(format!("the ISR became {isr}"), format!("it was {from}"))
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
    let place = life.stands_at.map(|at| format!("at offset {at}, {holders}"));
    let place = place.unwrap_or_else(|| "in no log of a leader".to_owned());
    match life.fate {
        Fate::Lost => {
            let why = life.loss.map(|which| loss(life, which)).unwrap_or_default();
            let belief =
                if life.acks == Acks::None { "takes it for written" } else { "has its ack" };
            format!("Lost: {producer} {belief}, but {}.", it(&why))
        }
        Fate::Ok => format!("Safe: it stands {place}; {read}."),
        Fate::AtRisk => format!("At risk: acked, but not below the high watermark; {holders}."),
        Fate::Duplicate => format!("Repeated: it stands {place}; {read}."),
        Fate::NotDecided => {
            format!("Not decided: acked, and its partition has no leader; {holders}.")
        }
        Fate::Failed => format!("Failed: {producer} was told so, and may send it again; {read}."),
        Fate::Unknown => {
            format!("Unknown: {producer} was told of a failure, yet it stands {place}; {read}.")
        }
        Fate::Open => format!("Open: {producer} has heard neither success nor failure; {holders}."),
    }
}

/// Of one record, where [`loss`] speaks of several.
fn it(why: &str) -> String {
    why.replace("them", "it").replace("they were", "it was")
}

pub(super) fn loss(life: &Biography, loss: Loss) -> String {
    let nobody = life.acks == Acks::None;
    match loss {
        Loss::NeverAppended => "no leader ever had them".to_owned(),
        Loss::Unclean { leader } => {
            format!("{leader} was elected from outside the ISR, without them")
        }
        Loss::Alone { on, has_died: true } if nobody => format!("only {on} had them, and died"),
        Loss::Alone { on, has_died: true } => format!("{on} acked them alone and died"),
        Loss::Alone { on, has_died: false } => {
            format!("{on} alone had them and was replaced as leader")
        }
        Loss::ForgottenByLeader { leader } => {
            format!("{leader} became leader after its disk had lost them")
        }
        Loss::NotOnLeader { leader } => format!("{leader} became leader without them"),
        Loss::Forgotten => "no disk kept them".to_owned(),
    }
}

pub(super) fn remedy(remedy: Option<&Remedy>, variant: Option<&str>) -> String {
    let Some(remedy) = remedy else {
        return "No stronger setting that was tried would have kept it.".to_owned();
    };
    let settings = settings(remedy, " and ");
    let variant = variant.map(|name| format!(" (variant {name})")).unwrap_or_default();
    if keeps(remedy) {
        format!(
            "Would have survived with: {settings}{variant}. Tried: with it, the same run keeps the record."
        )
    } else {
        format!(
            "Would not be lost with: {settings}{variant}. Tried: with it, the producer is told that it failed."
        )
    }
}

pub(super) fn verdict(records: &str, why: &str, remedy: Option<&Remedy>) -> String {
    let is_one = !records.contains(' ');
    let (why, them) = if is_one { (it(why), "it") } else { (why.to_owned(), "them") };
    let help = match remedy {
        None => return format!("{records} lost: {why}"),
        Some(remedy) if keeps(remedy) => {
            format!("{} would have kept {them}", settings(remedy, " and "))
        }
        Some(remedy) => format!("{} would have said so", settings(remedy, " and ")),
    };
    format!("{records} lost: {why}; {help}")
}
