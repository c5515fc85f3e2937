//! Why something went wrong and what would have helped, in Korean.

use kafkalab_core::config::{Acks, OffsetReset};
use kafkalab_core::id::{NodeId, RecordId};
use kafkalab_sim::biography::{
    Absence, Again, Cause, Copy, CopyEnd, Died, DiskLoss, End, LinkFault, NoLeader, ReadAgain,
    ReaderEnd, Refusal, Unaware, Unread, Zombie,
};
use kafkalab_sim::remedy::{Effect, Search};
use kafkalab_sim::trouble::Trouble;

use super::super::particle::{object, subject, topic, with};
use super::super::{Counted, Narrator, Subject, settings};

/// Why, as a clause that ends like a sentence, without its full stop.
#[expect(clippy::too_many_lines, reason = "one arm for each cause, so that none is forgotten")]
pub(in super::super) fn cause(to: Narrator<'_>, cause: &Cause, about: Subject) -> String {
    let producer = about.producer.map_or("프로듀서".to_owned(), |node| to.node(node));
    let name = |node: &NodeId| to.node(*node);
    match cause {
        Cause::NeverAppended { refused: None } => "어느 리더도 쓴 적이 없다".to_owned(),
        Cause::NeverAppended { refused: Some(error) } => {
            format!("브로커가 거절했지만({error}) acks=0이라 알리지 않았다")
        }
        Cause::Zombie(zombie) => zombie_of(to, zombie),
        Cause::Unclean { leader } => {
            format!("레코드가 없는 {} ISR 밖에서 리더로 선출됐다", subject(&name(leader)))
        }
        Cause::Emptied { leader, how: DiskLoss::Wiped } => {
            let leader = name(leader);
            format!(
                "{leader}의 디스크가 지워졌고, {} 레코드 없이 다시 리더가 됐다",
                subject(&leader)
            )
        }
        Cause::Emptied { leader, how: DiskLoss::Power } => format!(
            "{} 디스크에 쓰기 전에 전원을 잃었고, 레코드 없이 다시 리더가 됐다",
            subject(&name(leader))
        ),
        Cause::Alone { on, has_died: true } if about.acks == Acks::None => {
            let on = name(on);
            format!("{on}에만 있었는데 {} 죽었다", subject(&on))
        }
        Cause::Alone { on, has_died: true } => {
            format!("{} 혼자 갖고 ack를 보낸 뒤 죽었다", subject(&name(on)))
        }
        Cause::Alone { on, has_died: false } => {
            format!("{}에만 있었는데 리더가 바뀌었다", name(on))
        }
        Cause::NotOnLeader { leader } => {
            format!("레코드가 없는 {} 리더가 됐다", subject(&name(leader)))
        }
        Cause::Gone => "남은 복제본이 없다".to_owned(),
        Cause::NoLeader(why) => no_leader(to, why),
        Cause::NotReplicated { missing } => {
            format!("ISR에 있는 {} 아직 복제하지 않았다", subject(&absent(to, missing)))
        }
        Cause::BelowMinIsr { isr, min } => format!(
            "ISR이 {isr}인데 min.insync.replicas가 {min}이라 하이 워터마크가 움직이지 않는다"
        ),
        Cause::SentAgain { why, has_new_identity } => {
            let identity = if *has_new_identity {
                ". 시도마다 프로듀서 ID나 에포크가 달라서 멱등성으로도 알아볼 수 없었다"
            } else {
                ""
            };
            let again = again(&producer, *why);
            format!("{again} 다시 보냈고, 여러 번 기록됐다{identity}")
        }
        Cause::ReadAgain { reader, why } => {
            let reader = name(reader);
            match why {
                ReadAgain::Restarted => {
                    format!("{} 다시 시작해서 또 읽었다", subject(&reader))
                }
                ReadAgain::SetBack => format!("{reader}의 위치가 뒤로 돌아가서 또 읽었다"),
                ReadAgain::Unseen => format!("{} 또 읽었다", subject(&reader)),
            }
        }
        Cause::ReadBySeveral => "여러 컨슈머가 처리했다".to_owned(),
        Cause::Overtaken { why, in_flight } => {
            let again = again(&producer, *why);
            format!(
                "{again} 나중 레코드보다 뒤에 다시 보냈다 (동시에 보내는 요청 최대 {in_flight}개)"
            )
        }
        Cause::Refused(why) => refusal(to, why),
        Cause::Unread(why) => unread(to, *why),
        Cause::Died(died) => self::died(to, *died),
        Cause::Unseen => "이 실행에서는 드러나지 않는다".to_owned(),
    }
}

fn zombie_of(to: Narrator<'_>, zombie: &Zombie) -> String {
    let Zombie { on, by, epoch, why } = zombie;
    let on = topic(&to.node(*on));
    let unaware = unaware(to, *why);
    match by {
        Some(by) => format!(
            "{on} {unaware} 에포크 {epoch}에서 {}에게 리더 자리를 빼앗긴 줄 모르고 그 뒤에 썼다",
            to.node(*by)
        ),
        None => format!("{on} {unaware} 에포크 {epoch}에서 리더를 잃은 줄 모르고 그 뒤에 썼다"),
    }
}

/// `멈춰 있는 동안`.
pub(super) fn unaware(to: Narrator<'_>, why: Unaware) -> String {
    match why {
        Unaware::Paused => "멈춰 있는 동안".to_owned(),
        Unaware::CutOff { from } => format!("{} 끊긴 동안", with(&to.node(from), "과", "와")),
        Unaware::Late => "소식이 오기 전".to_owned(),
    }
}

fn no_leader(to: Narrator<'_>, why: &NoLeader) -> String {
    let tp = to.tp(why.tp);
    let gone = why
        .leader
        .zip(why.absence)
        .map(|(leader, absence)| format!("{} {}, ", subject(&to.node(leader)), gone_and(absence)));
    let gone = gone.unwrap_or_default();
    let rest = if why.has_no_controller {
        "새 리더를 뽑을 컨트롤러도 없어서".to_owned()
    } else if !why.isr.is_empty() && why.isr == why.unelectable {
        format!("ISR {} 중에 선출할 수 있는 브로커가 없어서", why.isr)
    } else {
        "새 리더가 아직 뽑히지 않아서".to_owned()
    };
    format!("{gone}{rest} {tp}에 리더가 없다")
}

/// `b2(죽음), b3(일시 정지)`.
fn absent(to: Narrator<'_>, missing: &[(NodeId, Absence)]) -> String {
    let one = |(node, absence): &(NodeId, Absence)| {
        format!("{}({})", to.node(*node), state(to, *absence))
    };
    missing.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn state(to: Narrator<'_>, absence: Absence) -> String {
    match absence {
        Absence::Down(End::Killed) => "강제 종료".to_owned(),
        Absence::Down(End::PowerLost) => "정전".to_owned(),
        Absence::Down(End::Stopped) => "정상 종료".to_owned(),
        Absence::Down(End::ByItself) => "꺼짐".to_owned(),
        Absence::Paused => "멈춤".to_owned(),
        Absence::CutOff { from, what } => {
            format!("{} {}", with(&to.node(from), "과", "와"), link(what))
        }
        Absence::SlowDisk => "느린 디스크".to_owned(),
        Absence::Fenced => "펜싱됨".to_owned(),
        Absence::Behind => "뒤처짐".to_owned(),
    }
}

/// Behind a name with its subject particle; another clause follows.
const fn gone_and(absence: Absence) -> &'static str {
    match absence {
        Absence::Down(End::Killed) => "강제 종료됐고",
        Absence::Down(End::PowerLost) => "전원을 잃었고",
        Absence::Down(End::Stopped) => "정상 종료됐고",
        Absence::Down(End::ByItself) => "스스로 끝났고",
        Absence::Paused => "멈췄고",
        Absence::CutOff { .. } => "끊겼고",
        Absence::SlowDisk => "디스크가 느렸고",
        Absence::Fenced => "펜싱됐고",
        Absence::Behind => "뒤처졌고",
    }
}

const fn ended(end: End) -> &'static str {
    match end {
        End::Killed => "강제 종료됐다",
        End::PowerLost => "전원을 잃었다",
        End::Stopped => "정상 종료됐다",
        End::ByItself => "스스로 끝났다",
    }
}

const fn link(what: LinkFault) -> &'static str {
    match what {
        LinkFault::Cut => "연결 끊김",
        LinkFault::Held => "주고받는 메시지 보류",
        LinkFault::Slow => "느린 연결",
        LinkFault::Dropping => "패킷이 손실되는 연결",
    }
}

/// Ends so that `다시 보냈다` follows.
fn again(producer: &str, why: Again) -> String {
    let producer = subject(producer);
    match why {
        Again::NoAnswer { fault, error } => {
            let fault = match fault {
                Some(LinkFault::Cut) => "연결이 끊겨 ",
                Some(LinkFault::Held) => "응답이 보류되어 ",
                Some(LinkFault::Slow) => "응답이 늦어 ",
                Some(LinkFault::Dropping) => "패킷이 손실되어 ",
                None => "",
            };
            format!("{fault}{producer} 제때 응답을 받지 못해서({error})")
        }
        Again::Told(error) => format!("{producer} {error} 오류를 받아서"),
        Again::Restarted => format!("{producer} 성공을 듣지 못한 채 다시 시작해서"),
    }
}

fn refusal(to: Narrator<'_>, why: &Refusal) -> String {
    match why {
        Refusal::NoLeader(why) => no_leader(to, why),
        Refusal::Unreachable { leader, absence } => {
            format!("리더 {}에 닿지 못했다: {}", to.node(*leader), state(to, *absence))
        }
        Refusal::TooFewInSync { isr, min, out } => {
            let out = absent(to, out);
            let out = if out.is_empty() { out } else { format!(". ISR 밖: {out}") };
            format!("min.insync.replicas가 {min}인데 ISR은 {isr}뿐이었다{out}")
        }
        Refusal::Awaited { missing } => format!(
            "{} ISR에 남아 있으면서 아무것도 복제하지 못했다",
            subject(&absent(to, missing))
        ),
        Refusal::Error(error) => format!("오류는 {error}이다"),
    }
}

fn unread(to: Narrator<'_>, why: Unread) -> String {
    match why {
        Unread::StartedBehind { reader, policy } => {
            let reader = subject(&to.node(reader));
            let policy = match policy {
                OffsetReset::Latest => "auto.offset.reset=latest는 로그 끝에서 시작한다",
                OffsetReset::Earliest => "로그가 거기서 시작했다",
                OffsetReset::None => "위치가 정해져 있었다",
            };
            format!("{reader} 레코드보다 뒤에서 읽기 시작했다: {policy}")
        }
        Unread::Skipped { reader } => {
            format!("{}의 위치가 레코드를 건너뛰었다", to.node(reader))
        }
        Unread::Died(died) => self::died(to, died),
        Unread::NeverStarted { reader } => {
            format!("{} 시작된 적이 없다", topic(&to.node(reader)))
        }
        Unread::NotVisible { reader } => format!(
            "하이 워터마크가 아직 지나지 않았고, {} 그 아래만 읽는다",
            topic(&to.node(reader))
        ),
        Unread::NotReached { reader } => {
            format!("실행이 끝날 때까지 {} 거기까지 읽지 못했다", subject(&to.node(reader)))
        }
    }
}

fn died(to: Narrator<'_>, died: Died) -> String {
    let reader = to.node(died.reader);
    match died.how {
        ReaderEnd::Story(end) => {
            format!("{} {}. 그 뒤로 다시 시작되지 않았다", subject(&reader), ended(end))
        }
        ReaderEnd::NoOffset { tp } => format!(
            "{}에서 시작할 오프셋이 없는데 auto.offset.reset=none이라 {reader}의 poll이 NoOffsetForPartitionException을 던졌다",
            to.tp(tp)
        ),
        ReaderEnd::Poll { tp, error } => {
            format!("{}에서 {reader}의 poll이 {error} 오류를 던졌다", to.tp(tp))
        }
    }
}

// ---- copies ------------------------------------------------------------------------------------

/// What became of each copy.
pub(in super::super) fn copies(to: Narrator<'_>, copies: &[Copy], is_spread: bool) -> String {
    let one = |copy: &Copy| {
        let on = to.node(copy.on);
        let tp = if is_spread { format!("{} ", to.tp(copy.tp)) } else { String::new() };
        let place = format!("{tp}오프셋 {}, 에포크 {}", copy.offset, copy.epoch);
        let end = match copy.end {
            CopyEnd::Kept => "남아 있다".to_owned(),
            CopyEnd::OnDisk => "꺼진 브로커의 디스크에 있다".to_owned(),
            CopyEnd::Truncated { following: Some(leader), epoch } => {
                format!("에포크 {epoch}에서 {} 따르며 잘라 냈다", object(&to.node(leader)))
            }
            CopyEnd::Truncated { following: None, epoch } => {
                format!("에포크 {epoch}에서 리더를 따르며 잘라 냈다")
            }
            CopyEnd::Wiped => "디스크와 함께 지워졌다".to_owned(),
            CopyEnd::LostWithPower => "디스크에 쓰기 전에 정전으로 사라졌다".to_owned(),
            CopyEnd::Missing => "다시 시작한 뒤에 없었다".to_owned(),
        };
        format!("{on}({place}): {end}")
    };
    if copies.is_empty() {
        return "복제본: 기록된 적이 없다.".to_owned();
    }
    format!("복제본: {}.", copies.iter().map(one).collect::<Vec<_>>().join("; "))
}

// ---- troubles and remedies ---------------------------------------------------------------------

/// `유실`, behind the names of records.
pub(in super::super) fn trouble(to: Narrator<'_>, trouble: Trouble) -> String {
    match trouble {
        Trouble::Lost => "유실".to_owned(),
        Trouble::NotDecided => "미결정".to_owned(),
        Trouble::AtRisk => "위험".to_owned(),
        Trouble::DeadReader(reader) => format!("{} 죽음", to.node(reader)),
        Trouble::Unread(reader) => format!("{} 읽지 못함", subject(&to.node(reader))),
        Trouble::Duplicate => "중복".to_owned(),
        Trouble::Reordered => "순서 바뀜".to_owned(),
        Trouble::Unknown => "알 수 없음".to_owned(),
        Trouble::Failed => "실패".to_owned(),
    }
}

/// What happens with other settings, behind `…이면`.
fn would(to: Narrator<'_>, trouble: Trouble, effect: Effect) -> String {
    match (effect, trouble) {
        (Effect::Told, _) => "실패를 통보받았다".to_owned(),
        (Effect::Reached, Trouble::Lost) => "남았다".to_owned(),
        (Effect::Reached, Trouble::NotDecided | Trouble::AtRisk) => "커밋됐다".to_owned(),
        (Effect::Reached, Trouble::DeadReader(reader)) => {
            format!("{} 살아서 모두 읽었다", subject(&to.node(reader)))
        }
        (Effect::Reached, Trouble::Unread(reader)) => {
            format!("{} 읽었다", subject(&to.node(reader)))
        }
        (Effect::Reached, Trouble::Duplicate) => "하나만 남았다".to_owned(),
        (Effect::Reached, Trouble::Reordered) => "순서가 지켜졌다".to_owned(),
        (Effect::Reached, Trouble::Unknown | Trouble::Failed) => "ack를 받았다".to_owned(),
    }
}

/// What a search came to, as a sentence without its full stop.
pub(in super::super) fn help(
    to: Narrator<'_>,
    trouble: Trouble,
    search: &Search,
) -> Option<String> {
    match &search.remedy {
        Some(remedy) => {
            let what = would(to, trouble, remedy.effect);
            Some(format!("{}이면 {what}", settings(remedy, ", ")))
        }
        None if search.tried == 0 => None,
        None if search.was_capped => {
            Some(format!("먼저 시도한 설정 변경 {}가지로는 막지 못했다", search.tried))
        }
        None => Some(format!("설정 변경 {}가지를 시도했지만 막지 못했다", search.tried)),
    }
}

/// What a search came to, as a sentence of its own; `variant` is one that has these settings.
pub(in super::super) fn remedy(
    to: Narrator<'_>,
    trouble: Trouble,
    search: &Search,
    variant: Option<&str>,
    _of: Counted,
) -> String {
    let Some(remedy) = &search.remedy else {
        return match (search.tried, search.was_capped) {
            (0, _) => "여기에 영향을 주는 설정은 이미 모두 가장 안전한 값이라 더 시도할 것이 없다."
                .to_owned(),
            (n, true) => format!(
                "설정 변경 {n}가지를 시도했지만 막지 못했다. 시도를 여기서 멈췄으며 남은 것이 있다."
            ),
            (n, false) => format!("설정 변경 {n}가지를 시도했지만 막지 못했다."),
        };
    };
    let settings = settings(remedy, ", ");
    let variant = variant.map(|name| format!(" (변형 {name})")).unwrap_or_default();
    let result = would(to, trouble, remedy.effect);
    format!("도움이 되는 설정: {settings}{variant}. 그렇게 바꿔 다시 실행하니 {result}.")
}

/// `#3 #4 유실: b1이 혼자 갖고 ack를 보낸 뒤 죽었다. acks=all이면 남았다`.
pub(in super::super) fn verdict(
    to: Narrator<'_>,
    trouble: Trouble,
    records: &str,
    why: &str,
    help: Option<String>,
) -> String {
    let what = self::trouble(to, trouble);
    let records = if records.is_empty() { String::new() } else { format!("{records} ") };
    let help = help.map(|help| format!(". {help}")).unwrap_or_default();
    format!("{records}{what}: {why}{help}")
}

/// The troubles of a run in one sentence.
pub(in super::super) fn summary(
    to: Narrator<'_>,
    sent: u64,
    counts: &[(Trouble, Vec<RecordId>)],
) -> String {
    let one = |(trouble, ids): &(Trouble, Vec<RecordId>)| {
        let what = self::trouble(to, *trouble);
        match ids.len() {
            0 => what,
            count => format!("{what} {count}개 ({})", to.names_of(ids)),
        }
    };
    let all = counts.iter().map(one).collect::<Vec<_>>().join(", ");
    format!("보낸 레코드 {sent}개 가운데: {all}.")
}

/// No record and no reader is in trouble.
pub(in super::super) fn nothing(sent: u64, pending: u64, has_readers: bool) -> String {
    if sent == 0 {
        return "보낸 레코드가 없다.".to_owned();
    }
    if pending > 0 {
        return format!(
            "문제가 생긴 레코드는 없다. 보낸 레코드 {sent}개 중 {pending}개는 아직 결과를 모른다."
        );
    }
    let read =
        if has_readers { "컨슈머가 모두 읽었다" } else { "읽는 컨슈머는 없다" };
    format!("문제가 생긴 레코드는 없다. 보낸 레코드 {sent}개 모두 ack를 받았고 안전하다. {read}.")
}

/// The cause as a sentence of its own.
pub(in super::super) fn why(why: &str, share: Option<(usize, usize)>) -> String {
    match share {
        Some((some, all)) => format!("원인 (살펴본 {all}개 중 {some}개): {why}."),
        None => format!("원인: {why}."),
    }
}

/// `#3 #4 외 2개`.
pub(in super::super) fn and_more(more: usize) -> String {
    format!(" 외 {more}개")
}
