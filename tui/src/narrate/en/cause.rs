//! Why something went wrong and what would have helped, in English.

use kafkalab_core::config::{Acks, OffsetReset};
use kafkalab_core::id::{NodeId, RecordId};
use kafkalab_sim::biography::{
    Absence, Again, Cause, Copy, CopyEnd, Died, DiskLoss, End, LinkFault, NoLeader, ReadAgain,
    ReaderEnd, Refusal, Unaware, Unread, Zombie,
};
use kafkalab_sim::remedy::{Effect, Search};
use kafkalab_sim::trouble::Trouble;

use super::super::{Counted, Narrator, Subject, settings};

/// `it` or `them`.
const fn them(of: Counted) -> &'static str {
    match of {
        Counted::One => "it",
        Counted::Many => "them",
    }
}

/// Why, in half a sentence.
#[expect(clippy::too_many_lines, reason = "one arm for each cause, so that none is forgotten")]
pub(in super::super) fn cause(to: Narrator<'_>, cause: &Cause, about: Subject) -> String {
    let them = them(about.of);
    let producer = about.producer.map_or("the producer".to_owned(), |node| to.node(node));
    match cause {
        Cause::NeverAppended { refused: None } => format!("no leader ever had {them}"),
        Cause::NeverAppended { refused: Some(error) } => {
            format!("a broker refused {them} ({error}), and with acks=0 it tells nobody")
        }
        Cause::Zombie(zombie) => {
            let on = to.node(zombie.on);
            format!("{}; {on} wrote {them} after that", self::zombie(to, zombie))
        }
        Cause::Unclean { leader } => {
            format!("{} was elected from outside the ISR, without {them}", to.node(*leader))
        }
        Cause::Emptied { leader, how: DiskLoss::Wiped } => {
            format!("the disk of {0} was wiped, and {0} led again without {them}", to.node(*leader))
        }
        Cause::Emptied { leader, how: DiskLoss::Power } => format!(
            "{0} lost power before its disk had {them}, and led again without {them}",
            to.node(*leader)
        ),
        Cause::Alone { on, has_died: true } if about.acks == Acks::None => {
            format!("only {} had {them}, and died", to.node(*on))
        }
        Cause::Alone { on, has_died: true } => {
            format!("{} acked {them} alone and died", to.node(*on))
        }
        Cause::Alone { on, has_died: false } => {
            format!("{} alone had {them} and was replaced as leader", to.node(*on))
        }
        Cause::NotOnLeader { leader } => {
            format!("{} became leader without {them}", to.node(*leader))
        }
        Cause::Gone => format!("no replica kept {them}"),
        Cause::NoLeader(why) => no_leader(to, why, Tense::Present),
        Cause::NotReplicated { missing } => {
            let have = if missing.len() == 1 { "has" } else { "have" };
            format!("{} of the ISR {have} not copied {them}", absent(to, missing))
        }
        Cause::BelowMinIsr { isr, min } => format!(
            "the ISR is {isr} and min.insync.replicas is {min}, so the high watermark does not move"
        ),
        Cause::SentAgain { why, has_new_identity } => {
            let again = again(&producer, *why);
            let they = match about.of {
                Counted::One => "it was",
                Counted::Many => "they were",
            };
            let identity = if *has_new_identity {
                "; idempotence could not see it, because the attempts came with different producer ids or epochs"
            } else {
                ""
            };
            format!("{again} and sent {them} again; {they} appended more than once{identity}")
        }
        Cause::ReadAgain { reader, why } => {
            let reader = to.node(*reader);
            match why {
                ReadAgain::Restarted => format!("{reader} was started again and read {them} again"),
                ReadAgain::SetBack => {
                    format!("the position of {reader} was set back, and it read {them} again")
                }
                ReadAgain::Unseen => format!("{reader} read {them} again"),
            }
        }
        Cause::ReadBySeveral => format!("several readers processed {them}"),
        Cause::Overtaken { why, in_flight } => {
            let again = again(&producer, *why);
            format!(
                "{again} and sent {them} again, behind later records (up to {in_flight} requests in flight)"
            )
        }
        Cause::Refused(why) => refusal(to, why),
        Cause::Unread(why) => unread(to, *why, them),
        Cause::Died(died) => self::died(to, *died),
        Cause::Unseen => "the run does not show why".to_owned(),
    }
}

fn zombie(to: Narrator<'_>, zombie: &Zombie) -> String {
    let Zombie { on, by, epoch, why } = zombie;
    let by = by.map(|by| format!(" by {}", to.node(by))).unwrap_or_default();
    let unaware = unaware(to, *why);
    format!("{} had been replaced{by} in epoch {epoch} {unaware}", to.node(*on))
}

/// `while it was paused and did not know`.
pub(super) fn unaware(to: Narrator<'_>, why: Unaware) -> String {
    match why {
        Unaware::Paused => "while it was paused and did not know".to_owned(),
        Unaware::CutOff { from } => {
            format!("while it was cut off from {} and did not know", to.node(from))
        }
        Unaware::Late => "and had not heard of it yet".to_owned(),
    }
}

/// Whether something was so, or is so at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tense {
    Past,
    Present,
}

fn no_leader(to: Narrator<'_>, why: &NoLeader, tense: Tense) -> String {
    let (has, runs, can, is) = match tense {
        Tense::Past => ("had", "ran", "could", "was"),
        Tense::Present => ("has", "runs", "can", "is"),
    };
    let tp = to.tp(why.tp);
    let gone = why
        .leader
        .zip(why.absence)
        .map(|(leader, absence)| format!(": {} {}", to.node(leader), absent_how(to, absence)));
    let gone = gone.unwrap_or_default();
    let rest = if why.has_no_controller {
        format!("no controller {runs} to elect another")
    } else if !why.isr.is_empty() && why.isr == why.unelectable {
        format!("nobody of the ISR {} {can} be elected", why.isr)
    } else {
        format!("no other {is} elected yet")
    };
    format!("{tp} {has} no leader{gone}, and {rest}")
}

/// `b2 (killed) and b3 (paused)`.
fn absent(to: Narrator<'_>, missing: &[(NodeId, Absence)]) -> String {
    let one = |(node, absence): &(NodeId, Absence)| {
        format!("{} ({})", to.node(*node), state(to, *absence))
    };
    missing.iter().map(one).collect::<Vec<_>>().join(" and ")
}

fn state(to: Narrator<'_>, absence: Absence) -> String {
    match absence {
        Absence::Down(End::Killed) => "killed".to_owned(),
        Absence::Down(End::PowerLost) => "without power".to_owned(),
        Absence::Down(End::Stopped) => "stopped".to_owned(),
        Absence::Down(End::ByItself) => "down".to_owned(),
        Absence::Paused => "paused".to_owned(),
        Absence::CutOff { from, what } => format!("{} {}", link(what), to.node(from)),
        Absence::SlowDisk => "slowed down by its disk".to_owned(),
        Absence::Fenced => "fenced".to_owned(),
        Absence::Behind => "behind".to_owned(),
    }
}

/// `was killed`, after the name of a node.
fn absent_how(to: Narrator<'_>, absence: Absence) -> String {
    match absence {
        Absence::Down(end) => ended(end).to_owned(),
        Absence::Paused
        | Absence::CutOff { .. }
        | Absence::SlowDisk
        | Absence::Fenced
        | Absence::Behind => {
            format!("is {}", state(to, absence))
        }
    }
}

const fn ended(end: End) -> &'static str {
    match end {
        End::Killed => "was killed",
        End::PowerLost => "lost power",
        End::Stopped => "was stopped",
        End::ByItself => "ended by itself",
    }
}

const fn link(what: LinkFault) -> &'static str {
    match what {
        LinkFault::Cut => "cut off from",
        LinkFault::Held => "with messages held on the link to",
        LinkFault::Slow => "on a slow link to",
        LinkFault::Dropping => "on a link that loses packets to",
    }
}

fn again(producer: &str, why: Again) -> String {
    match why {
        Again::NoAnswer { fault, error } => {
            let fault = match fault {
                Some(LinkFault::Cut) => "the link was cut",
                Some(LinkFault::Held) => "the answer was held back",
                Some(LinkFault::Slow) => "the answer was slow",
                Some(LinkFault::Dropping) => "the link lost packets",
                None => return format!("{producer} got no answer in time ({error})"),
            };
            format!("{fault}, {producer} got no answer in time ({error})")
        }
        Again::Told(error) => format!("{producer} was told {error}"),
        Again::Restarted => {
            format!("{producer} was started again, had heard of no success")
        }
    }
}

fn refusal(to: Narrator<'_>, why: &Refusal) -> String {
    match why {
        Refusal::NoLeader(why) => no_leader(to, why, Tense::Past),
        Refusal::Unreachable { leader, absence } => {
            format!("the leader {} {}", to.node(*leader), was(to, *absence))
        }
        Refusal::TooFewInSync { isr, min, out } => {
            let out = absent(to, out);
            let out = if out.is_empty() { out } else { format!("; out of sync: {out}") };
            format!("min.insync.replicas is {min} and only {isr} was in sync{out}")
        }
        Refusal::Awaited { missing } => {
            let were = if missing.len() == 1 { "was" } else { "were" };
            format!("{} {were} still in the ISR and copied nothing", absent(to, missing))
        }
        Refusal::Error(error) => format!("the error was {error}"),
    }
}

fn was(to: Narrator<'_>, absence: Absence) -> String {
    match absence {
        Absence::Down(end) => ended(end).to_owned(),
        Absence::Paused
        | Absence::CutOff { .. }
        | Absence::SlowDisk
        | Absence::Fenced
        | Absence::Behind => {
            format!("was {}", state(to, absence))
        }
    }
}

fn unread(to: Narrator<'_>, why: Unread, them: &str) -> String {
    match why {
        Unread::StartedBehind { reader, policy } => {
            let reader = to.node(reader);
            let policy = match policy {
                OffsetReset::Latest => "auto.offset.reset=latest starts at the end of the log",
                OffsetReset::Earliest => "the log began there",
                OffsetReset::None => "its position was given",
            };
            format!("{reader} began to read behind {them}: {policy}")
        }
        Unread::Skipped { reader } => {
            format!("the position of {} was moved past {them}", to.node(reader))
        }
        Unread::Died(died) => self::died(to, died),
        Unread::NeverStarted { reader } => format!("{} was never started", to.node(reader)),
        Unread::NotVisible { reader } => format!(
            "the high watermark has not passed {them}, and {} reads only below it",
            to.node(reader)
        ),
        Unread::NotReached { reader } => {
            format!("{} had not come that far when the run ended", to.node(reader))
        }
    }
}

fn died(to: Narrator<'_>, died: Died) -> String {
    let reader = to.node(died.reader);
    match died.how {
        ReaderEnd::Story(End::ByItself) => format!("{reader} ended by itself"),
        ReaderEnd::Story(end) => format!("{reader} {} and was not started again", ended(end)),
        ReaderEnd::NoOffset { tp } => format!(
            "{reader} had no offset to start from in {}, and auto.offset.reset=none made its poll throw NoOffsetForPartitionException",
            to.tp(tp)
        ),
        ReaderEnd::Poll { tp, error } => {
            format!("a poll of {reader} threw {error} for {}", to.tp(tp))
        }
    }
}

// ---- copies ------------------------------------------------------------------------------------

/// What became of each copy: `b1 cut it away, following b2 in epoch 1`.
pub(in super::super) fn copies(to: Narrator<'_>, copies: &[Copy], is_spread: bool) -> String {
    let one = |copy: &Copy| {
        let on = to.node(copy.on);
        let tp = if is_spread { format!(" of {}", to.tp(copy.tp)) } else { String::new() };
        let place = format!("offset {}{tp}, epoch {}", copy.offset, copy.epoch);
        let end = match copy.end {
            CopyEnd::Kept => "kept".to_owned(),
            CopyEnd::OnDisk => "on its disk; the broker is down".to_owned(),
            CopyEnd::Truncated { following, epoch } => {
                let whom = following.map(|node| format!(" {}", to.node(node)));
                format!("truncated when following{} in epoch {epoch}", whom.unwrap_or_default())
            }
            CopyEnd::Wiped => "wiped with the disk".to_owned(),
            CopyEnd::LostWithPower => "lost with power, not flushed".to_owned(),
            CopyEnd::Missing => "missing after a restart".to_owned(),
        };
        format!("{on} ({place}): {end}")
    };
    if copies.is_empty() {
        return "Copies: none was ever written.".to_owned();
    }
    format!("Copies: {}.", copies.iter().map(one).collect::<Vec<_>>().join("; "))
}

// ---- troubles and remedies ---------------------------------------------------------------------

/// `lost`, behind the names of records.
pub(in super::super) fn trouble(to: Narrator<'_>, trouble: Trouble) -> String {
    match trouble {
        Trouble::Lost => "lost".to_owned(),
        Trouble::NotDecided => "not decided".to_owned(),
        Trouble::AtRisk => "at risk".to_owned(),
        Trouble::DeadReader(reader) => format!("{} is dead", to.node(reader)),
        Trouble::Unread(reader) => format!("unread by {}", to.node(reader)),
        Trouble::Duplicate => "repeated".to_owned(),
        Trouble::Reordered => "out of order".to_owned(),
        Trouble::Unknown => "unknown".to_owned(),
        Trouble::Failed => "failed".to_owned(),
    }
}

/// What settings do against a trouble: `would have kept them`.
fn would(to: Narrator<'_>, trouble: Trouble, effect: Effect, of: Counted) -> String {
    let them = them(of);
    match (effect, trouble) {
        (Effect::Told, _) => "would have said so".to_owned(),
        (Effect::Reached, Trouble::Lost) => format!("would have kept {them}"),
        (Effect::Reached, Trouble::NotDecided) => format!("would have decided {them}"),
        (Effect::Reached, Trouble::AtRisk) => format!("would have committed {them}"),
        (Effect::Reached, Trouble::DeadReader(reader)) => {
            format!("would have kept {} alive", to.node(reader))
        }
        (Effect::Reached, Trouble::Unread(reader)) => {
            format!("would have let {} read {them}", to.node(reader))
        }
        (Effect::Reached, Trouble::Duplicate) => "would have left one copy".to_owned(),
        (Effect::Reached, Trouble::Reordered) => "would have kept the order".to_owned(),
        (Effect::Reached, Trouble::Unknown | Trouble::Failed) => {
            format!("would have got {them} acked")
        }
    }
}

/// What a search came to, as a half sentence behind a cause.
pub(in super::super) fn help(
    to: Narrator<'_>,
    trouble: Trouble,
    search: &Search,
    of: Counted,
) -> Option<String> {
    match &search.remedy {
        Some(remedy) => {
            let what = would(to, trouble, remedy.effect, of);
            Some(format!("{} {what}", settings(remedy, " and ")))
        }
        None if search.tried == 0 => None,
        None if search.was_capped => {
            Some(format!("none of the first {} changes of settings tried helps", search.tried))
        }
        None if search.tried == 1 => {
            Some("the one change of settings tried does not help".to_owned())
        }
        None => Some(format!("none of {} changes of settings tried helps", search.tried)),
    }
}

/// What a search came to, as a sentence of its own; `variant` is one that has these settings.
pub(in super::super) fn remedy(
    to: Narrator<'_>,
    trouble: Trouble,
    search: &Search,
    variant: Option<&str>,
    of: Counted,
) -> String {
    let Some(remedy) = &search.remedy else {
        return match (search.tried, search.was_capped) {
            (0, _) => "Every setting that matters here is at its strongest already: nothing was left to try.".to_owned(),
            (n, true) => format!(
                "None of the {n} changes of settings tried helps; the search stopped there, with more left to try."
            ),
            (1, false) => "The one change of settings that could be tried does not help.".to_owned(),
            (n, false) => format!("None of the {n} changes of settings tried helps."),
        };
    };
    let variant = variant.map(|name| format!(" (variant {name})")).unwrap_or_default();
    let settings = settings(remedy, " and ");
    let record = match of {
        Counted::One => "the record",
        Counted::Many => "the records",
    };
    let result = match (remedy.effect, trouble) {
        (Effect::Told, _) => {
            "the producer is told of the failure, and nothing that was acked is lost".to_owned()
        }
        (Effect::Reached, Trouble::Lost) => format!("the same run keeps {record}"),
        (Effect::Reached, Trouble::NotDecided | Trouble::AtRisk) => {
            format!("the same run commits {record}")
        }
        (Effect::Reached, Trouble::DeadReader(reader)) => {
            format!("{} lives and reads everything", to.node(reader))
        }
        (Effect::Reached, Trouble::Unread(reader)) => {
            format!("{} reads {record}", to.node(reader))
        }
        (Effect::Reached, Trouble::Duplicate) => format!("the same run has one copy of {record}"),
        (Effect::Reached, Trouble::Reordered) => "every record stands in order".to_owned(),
        (Effect::Reached, Trouble::Unknown | Trouble::Failed) => {
            format!("the same run acks {record}")
        }
    };
    format!("Would have helped: {settings}{variant}. Tried: with that, {result}.")
}

/// `#3 #4 lost: b1 acked them alone and died; acks=all would have kept them`.
pub(in super::super) fn verdict(
    to: Narrator<'_>,
    trouble: Trouble,
    records: &str,
    why: &str,
    help: Option<String>,
) -> String {
    let what = self::trouble(to, trouble);
    let records = if records.is_empty() { String::new() } else { format!("{records} ") };
    let help = help.map(|help| format!("; {help}")).unwrap_or_default();
    format!("{records}{what}: {why}{help}")
}

/// The troubles of a run in one sentence: `Of 6 records sent: 2 lost (#3 #4).`
pub(in super::super) fn summary(
    to: Narrator<'_>,
    sent: u64,
    counts: &[(Trouble, Vec<RecordId>)],
) -> String {
    let one = |(trouble, ids): &(Trouble, Vec<RecordId>)| {
        let what = self::trouble(to, *trouble);
        match ids.len() {
            0 => what,
            count => format!("{count} {what} ({})", to.names_of(ids)),
        }
    };
    let all = counts.iter().map(one).collect::<Vec<_>>().join(", ");
    let records = if sent == 1 { "record" } else { "records" };
    format!("Of {sent} {records} sent: {all}.")
}

/// No record and no reader is in trouble.
pub(in super::super) fn nothing(sent: u64, pending: u64, has_readers: bool) -> String {
    if sent == 0 {
        return "No record was sent.".to_owned();
    }
    let read = if has_readers { ", and every reader got every one" } else { "; nobody reads them" };
    let records = if sent == 1 { "record" } else { "records" };
    if pending > 0 {
        return format!(
            "No record is in trouble; of {sent} {records} sent, the producer does not know of {pending} yet."
        );
    }
    format!("No record is in trouble: {sent} {records} sent, all acked and safe{read}.")
}

/// `Why (2 of the 5 looked at): …`
pub(in super::super) fn why(why: &str, share: Option<(usize, usize)>) -> String {
    match share {
        Some((some, all)) => format!("Why ({some} of the {all} looked at): {why}."),
        None => format!("Why: {why}."),
    }
}

/// `#3 #4 and 2 more`.
pub(in super::super) fn and_more(more: usize) -> String {
    format!(" and {more} more")
}
