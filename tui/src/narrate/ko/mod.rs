//! The life and the fate of a record in Korean.

pub(super) mod cause;

use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::Acks;
use kafkalab_core::epoch::Offset;
use kafkalab_core::error_code::ErrorCode;
use kafkalab_core::id::{NodeId, TopicPartition};
use kafkalab_sim::biography::{Biography, Moment, Scene};
use kafkalab_sim::ledger::Fate;
use kafkalab_sim::story::Told;
use kafkalab_sim::world::Death;

use super::particle::{object, subject, topic};
use super::{Narrator, Sentence, Subject, has_one};

#[expect(clippy::too_many_lines, reason = "one arm for each scene, so that none is forgotten")]
pub(super) fn moment(to: Narrator<'_>, life: &Biography, moment: &Moment) -> Sentence {
    let producer = to.node(life.id.producer);
    let copies = copies(moment.holders, moment.down);
    // Only where it was sent to several partitions does the reader ask which is meant.
    let tp = moment.tp.filter(|_| life.tps.len() > 1).map(|tp| format!("{} ", to.tp(tp)));
    let tp = tp.unwrap_or_default();
    let name = |node: &NodeId| to.node(*node);
    match &moment.what {
        Scene::Called => Sentence::plain(format!("애플리케이션이 {producer}에 넘겼다")),
        Scene::Sent { to: broker, nth, after_restart } => {
            let broker = broker.map_or("리더".to_owned(), |broker| to.node(broker));
            let (again, nth) = match nth {
                1 => ("", String::new()),
                n => (" 다시", format!(" ({n}번째 시도)")),
            };
            let whither = if tp.is_empty() { String::new() } else { format!("{tp}레코드로 ") };
            let state = if *after_restart { "다시 시작한 뒤" } else { "" };
            let producer = subject(&producer);
            Sentence::with(format!("{producer} {whither}{broker}에{again} 보냈다{nth}"), state)
        }
        Scene::RequestDied { to: broker, why } => {
            Sentence::plain(format!("요청이 {}에 닿지 못했다: {}", name(broker), death(*why)))
        }
        Scene::Appended { on, offset, epoch, as_zombie } => {
            let on = subject(&name(on));
            let state =
                if *as_zombie { format!("{copies}, 이미 리더가 아니다") } else { copies };
            Sentence::with(format!("{on} {tp}오프셋 {offset}에 썼다 (에포크 {epoch})"), state)
        }
        Scene::Copied { on, .. } => {
            let tp =
                if tp.is_empty() { String::new() } else { format!("{}에서 ", tp.trim_end()) };
            Sentence::with(format!("{} {tp}복제했다", subject(&name(on))), copies)
        }
        Scene::Recognised { on } => Sentence::with(
            format!("{} 이미 가진 배치임을 알아보고 다시 쓰지 않았다", subject(&name(on))),
            "같은 프로듀서 ID와 시퀀스",
        ),
        Scene::Committed { on, high_watermark, isr } => Sentence::with(
            format!(
                "{} {tp}HW를 {high_watermark}까지 올렸다: ISR 모두가 가졌다",
                subject(&name(on))
            ),
            format!("커밋됨, ISR {isr}"),
        ),
        Scene::Answered { on, error } => answered(&name(on), *error, life.acks),
        Scene::AnswerDied { on, why } => Sentence::plain(format!(
            "{}의 응답이 {producer}에 닿지 못했다: {}",
            name(on),
            death(*why)
        )),
        Scene::AnswerLate { on } => Sentence::plain(format!(
            "{}의 응답이 너무 늦었다: {} 더는 기다리지 않았다",
            name(on),
            topic(&producer)
        )),
        Scene::Acked => acked(&producer, life.acks, moment.high_watermark),
        Scene::Retried { error, was_told: true } => {
            Sentence::plain(format!("{} {error} 오류를 받고 재시도한다", subject(&producer)))
        }
        Scene::Retried { error, was_told: false } => {
            Sentence::plain(format!("{} 응답을 받지 못해({error}) 재시도한다", subject(&producer)))
        }
        Scene::Failed { error, is_indefinite } => {
            let state = if *is_indefinite {
                "그래도 기록됐을 수 있다"
            } else {
                "기록되지 않았다"
            };
            Sentence::with(format!("{} 포기했다: {error}", subject(&producer)), state)
        }
        Scene::Told { .. }
        | Scene::Ended { .. }
        | Scene::Returned { .. }
        | Scene::Fenced { .. }
        | Scene::Isr { .. }
        | Scene::Unseated { .. }
        | Scene::Leads { .. } => around(to, life, moment),
        Scene::Replaced { on, offset, by } => {
            let by = by.map_or("다른 레코드".to_owned(), |by| to.record(by));
            let on = subject(&name(on));
            Sentence::plain(format!("{on} {tp}오프셋 {offset}에 {} 썼다", object(&by)))
        }
        Scene::Cut { on, from, to: end, following, epoch } => {
            let (on, offsets) = (subject(&name(on)), offsets(*end, *from));
            let whom = following.map_or("리더".to_owned(), |leader| to.node(leader));
            let text = format!("{on} {whom}에 맞춰 {tp}{offsets} 잘라 냈다 (에포크 {epoch})");
            Sentence::with(text, copies)
        }
        Scene::Forgotten { on, log_end, is_wiped } => {
            let on = subject(&name(on));
            let why = if *is_wiped {
                "디스크가 지워졌다"
            } else {
                "디스크에 남아 있지 않다"
            };
            Sentence::with(format!("{on} 레코드 없이 돌아왔다: {why}, LEO {log_end}"), copies)
        }
        Scene::Positioned { reader, from, to: offset } => Sentence::plain(match from {
            None => format!("{} 오프셋 {offset}부터 읽기 시작한다", subject(&name(reader))),
            Some(from) => format!("{}의 위치가 {from}에서 {offset}로 바뀌었다", name(reader)),
        }),
        Scene::PollFailed { reader, error, had_no_offset } => {
            let reader = name(reader);
            Sentence::plain(if *had_no_offset {
                format!("{reader}의 poll이 NoOffsetForPartitionException을 던졌다")
            } else {
                format!("{reader}의 poll이 {error} 오류를 던졌다")
            })
        }
        Scene::Delivered { to: consumer, nth } => {
            Sentence::plain(format!("{}{} 읽었다", subject(&name(consumer)), again(*nth)))
        }
        Scene::Processed { by, nth } => {
            Sentence::plain(format!("{}{} 처리했다", subject(&name(by)), again(*nth)))
        }
    }
}

const fn death(why: Death) -> &'static str {
    match why {
        Death::NobodyThere => "상대가 연결을 닫았거나 꺼져 있었다",
        Death::StuckAtDeath => "보낸 쪽이 죽을 때까지 막혀 있었다",
        Death::Broken => "연결이 닫혔다",
    }
}

/// What happens around the record rather than to it.
fn around(to: Narrator<'_>, life: &Biography, moment: &Moment) -> Sentence {
    match &moment.what {
        Scene::Told { told, ended } => {
            let (name, deeds) = to.deeds(*told);
            let text = match (told, name) {
                (Told::Step(_), Some(name)) => format!("단계 {name}: {deeds}"),
                (Told::RollStops(_) | Told::RollStarts(_), _) => format!("순차 재시작: {deeds}"),
                (Told::Wake, _) => "일시 정지가 끝났다".to_owned(),
                _ => format!("주입: {deeds}"),
            };
            if ended.is_empty() {
                return Sentence::plain(text);
            }
            let state = moment.high_watermark.map(|hw| format!("이때 HW는 {hw}"));
            Sentence::with(format!("{text} ({} 죽음)", to.nodes(ended)), state.unwrap_or_default())
        }
        Scene::Ended { node } => Sentence::plain(format!("{} 끝났다", subject(&to.node(*node)))),
        Scene::Returned { node, is_first } => {
            let verb = if *is_first { "시작했다" } else { "다시 시작했다" };
            Sentence::plain(format!("{} {verb}", subject(&to.node(*node))))
        }
        Scene::Isr { from, to: isr, leader: None } => {
            let tp = moment.tp.map(|tp| to.tp(tp)).unwrap_or_default();
            let change =
                if from == isr { format!("ISR {isr}") } else { format!("ISR {from} > {isr}") };
            Sentence::with(format!("{tp}에 리더가 없다"), change)
        }
        Scene::Isr { from, to: isr, .. } => {
            let tp = moment.tp.filter(|_| life.tps.len() > 1).map(|tp| format!("{}의 ", to.tp(tp)));
            let tp = tp.unwrap_or_default();
            Sentence::with(format!("{tp}ISR이 바뀌었다: {isr}"), format!("이전: {from}"))
        }
        Scene::Fenced { broker } => {
            Sentence::plain(format!("컨트롤러가 {} 펜싱했다", object(&to.node(*broker))))
        }
        Scene::Unseated { on, by, epoch, why } => {
            let unaware = cause::unaware(to, *why);
            let text = match by {
                Some(by) => format!(
                    "{} {unaware} 에포크 {epoch}에서 리더 자리를 {}에게 빼앗겼다",
                    subject(&to.node(*on)),
                    to.node(*by)
                ),
                None => format!(
                    "{} {unaware} 에포크 {epoch}에서 리더 자리를 잃었다",
                    subject(&to.node(*on))
                ),
            };
            Sentence::with(text, "스스로는 모른다")
        }
        Scene::Leads { on, epoch, log_end, has_it, is_unclean } => {
            let how = if *is_unclean { " (unclean)" } else { "" };
            let state =
                if *has_it { "이 레코드를 가졌다" } else { "이 레코드가 없다" };
            let on = subject(&to.node(*on));
            let text = format!("{on} 리더가 됐다{how}: 에포크 {epoch}, LEO {log_end}");
            Sentence::with(text, state)
        }
        _ => Sentence::plain(""),
    }
}

fn again(nth: u32) -> String {
    match nth {
        1 => String::new(),
        2 => " 다시".to_owned(),
        n => format!(" 다시({n}번째)"),
    }
}

fn answered(on: &str, error: ErrorCode, acks: Acks) -> Sentence {
    let on = subject(on);
    let text = match (error, acks) {
        (ErrorCode::None, Acks::Leader) => format!("{on} ack를 보냈다: acks=1은 리더만 확인한다"),
        (ErrorCode::None, Acks::All) => format!("{on} ack를 보냈다: ISR 모두가 가졌다"),
        (error, Acks::None) => format!("{on} 거절했고({error}) 알리지 않는다: acks=0"),
        (error, _) => format!("{on} {error} 오류로 응답했다"),
    };
    Sentence::plain(text)
}

fn acked(producer: &str, acks: Acks, high_watermark: Option<Offset>) -> Sentence {
    let producer = topic(producer);
    if acks == Acks::None {
        return Sentence::plain(format!(
            "{producer} 성공으로 친다: acks=0은 아무도 기다리지 않는다"
        ));
    }
    let state = high_watermark.map(|hw| format!("이때 HW는 {hw}")).unwrap_or_default();
    Sentence::with(format!("{producer} ack를 받았다"), state)
}

fn copies(holders: BrokerSet, down: BrokerSet) -> String {
    let up = holders.minus(down);
    match (has_one(up), down.is_empty()) {
        _ if holders.is_empty() => "어느 브로커에도 없다".to_owned(),
        (Some(one), true) => format!("{one}에만 있다"),
        (_, true) => format!("{up}에 있다"),
        (_, false) if up.is_empty() => format!("{down}의 디스크에만 있다"),
        (_, false) => format!("{up}, {down} 디스크"),
    }
}

/// With the object particle.
fn offsets(start: Offset, end: Offset) -> String {
    let last = end.0.saturating_sub(1);
    let shown = if last <= start.0 {
        format!("오프셋 {start}")
    } else {
        format!("오프셋 {start}..{last}")
    };
    object(&shown)
}

/// The word of a headline.
pub(super) const fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Open => "미정",
        Fate::AtRisk => "위험",
        Fate::Ok => "안전",
        Fate::NotDecided => "미결정",
        Fate::Lost => "유실",
        Fate::Duplicate => "중복",
        Fate::Failed => "실패",
        Fate::Unknown => "알 수 없음",
    }
}

pub(super) fn fate(to: Narrator<'_>, life: &Biography) -> String {
    let (producer, holders) = (to.node(life.id.producer), copies(life.holders, life.down));
    let read = match (life.delivered, life.processed) {
        (0, _) => "읽은 컨슈머는 없다".to_owned(),
        (_, 0) => "컨슈머가 읽었다".to_owned(),
        (_, 1) => "한 번 처리됐다".to_owned(),
        (_, n) => format!("{n}번 처리됐다"),
    };
    let places = places(to, life);
    let producer = topic(&producer);
    match life.fate {
        Fate::Lost => {
            let belief = if life.acks == Acks::None {
                "보낸 것으로 안다"
            } else {
                "ack를 받았다"
            };
            let why = why(to, life).unwrap_or_default();
            format!("유실: {why}. 그래도 {producer} {belief}.")
        }
        Fate::Ok => format!("안전: {places}, {holders}. {read}."),
        Fate::AtRisk => {
            format!("위험: ack를 받았지만 아직 하이 워터마크 아래가 아니다. {holders}.")
        }
        Fate::Duplicate => format!("중복: {places}, {holders}. {read}."),
        Fate::NotDecided => format!("미결정: ack를 받았으나 파티션에 리더가 없다. {holders}."),
        Fate::Failed => format!("실패: {producer} 실패를 통보받았고 다시 보낼 수 있다. {read}."),
        Fate::Unknown => {
            format!("알 수 없음: {producer} 실패를 통보받았다. {places}. {read}.")
        }
        Fate::Open => format!("미정: {producer} 성공도 실패도 듣지 못했다. {holders}."),
    }
}

/// The cause of its worst trouble.
fn why(to: Narrator<'_>, life: &Biography) -> Option<String> {
    let (_, why) = life.troubles.first()?;
    Some(cause::cause(to, why, Subject::one(life.id.producer, life.acks)))
}

/// `오프셋 3`, `t-0 오프셋 3과 t-1 오프셋 9`, `리더의 로그에는 없다`.
fn places(to: Narrator<'_>, life: &Biography) -> String {
    let is_spread = life.tps.len() > 1;
    let one = |(tp, offset): &(TopicPartition, Offset)| {
        if is_spread {
            format!("{} 오프셋 {offset}", to.tp(*tp))
        } else {
            format!("오프셋 {offset}")
        }
    };
    if life.stands.is_empty() {
        return "리더의 로그에는 없다".to_owned();
    }
    life.stands.iter().map(one).collect::<Vec<_>>().join(", ")
}
