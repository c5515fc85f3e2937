//! The life and the fate of a record in Korean.

use kafkalab_core::broker_set::BrokerSet;
use kafkalab_core::config::Acks;
use kafkalab_core::epoch::Offset;
use kafkalab_core::error_code::ErrorCode;
use kafkalab_sim::biography::{Biography, Loss, Moment, Scene};
use kafkalab_sim::ledger::Fate;
use kafkalab_sim::remedy::Remedy;
use kafkalab_sim::story::Told;

use super::particle::{object, subject, topic};
use super::{Narrator, Sentence, has_one, keeps, settings};

pub(super) fn moment(to: Narrator<'_>, life: &Biography, moment: &Moment) -> Sentence {
    let producer = to.node(life.id.producer);
    let copies = copies(moment.holders, moment.down);
    match &moment.what {
        Scene::Called => Sentence::plain(format!("애플리케이션이 {producer}에 넘겼다")),
        Scene::Sent { to: broker, attempt } => {
            let broker = broker.map_or("리더".to_owned(), |broker| to.node(broker));
            let (again, nth) = match attempt {
                1 => ("", String::new()),
                n => (" 다시", format!(" ({n}번째 시도)")),
            };
            Sentence::plain(format!("{} {broker}에{again} 보냈다{nth}", subject(&producer)))
        }
        Scene::Appended { on, offset, epoch } => {
            let on = subject(&to.node(*on));
            Sentence::with(format!("{on} 오프셋 {offset}에 썼다 (에포크 {epoch})"), copies)
        }
        Scene::Copied { on, .. } => {
            Sentence::with(format!("{} 복제했다", subject(&to.node(*on))), copies)
        }
        Scene::Recognised { on } => Sentence::with(
            format!("{} 이미 가진 배치임을 알아보고 다시 쓰지 않았다", subject(&to.node(*on))),
            "같은 프로듀서 ID와 시퀀스",
        ),
        Scene::Committed { on, high_watermark, isr } => Sentence::with(
            format!(
                "{} HW를 {high_watermark}까지 올렸다: ISR 모두가 가졌다",
                subject(&to.node(*on))
            ),
            format!("커밋됨, ISR {isr}"),
        ),
        Scene::Answered { on, error } => answered(&to.node(*on), *error, life.acks),
        Scene::Acked => acked(&producer, life.acks, moment.high_watermark),
        Scene::Retried { error } => {
            Sentence::plain(format!("{} {error} 오류를 받고 재시도한다", subject(&producer)))
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
        | Scene::Isr { .. }
        | Scene::Leads { .. } => around(to, life, moment),
        Scene::Replaced { on, offset, by } => {
            let by = by.map_or("다른 레코드".to_owned(), |by| to.record(by));
            let on = subject(&to.node(*on));
            Sentence::plain(format!("{on} 오프셋 {offset}에 {} 썼다", object(&by)))
        }
        Scene::Cut { on, from, to: end } => {
            let (on, offsets) = (subject(&to.node(*on)), offsets(*end, *from));
            Sentence::with(format!("{on} 리더에 맞춰 {offsets} 잘라 냈다"), copies)
        }
        Scene::Forgotten { on } => Sentence::with(
            format!("{} 돌아왔지만 디스크에 남아 있지 않다", subject(&to.node(*on))),
            copies,
        ),
        Scene::Delivered { to: consumer, nth } => {
            Sentence::plain(format!("{}{} 읽었다", subject(&to.node(*consumer)), again(*nth)))
        }
        Scene::Processed { by, nth } => {
            Sentence::plain(format!("{}{} 처리했다", subject(&to.node(*by)), again(*nth)))
        }
    }
}

/// What happens around the record rather than to it.
fn around(to: Narrator<'_>, life: &Biography, moment: &Moment) -> Sentence {
    match &moment.what {
        Scene::Told { told, ended } => {
            let (name, deeds) = to.deeds(*told);
            let text = match (told, name) {
                (Told::Step(_), Some(name)) => format!("단계 {name}: {deeds}"),
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
        Scene::Returned { node } => {
            Sentence::plain(format!("{} 다시 시작했다", subject(&to.node(*node))))
        }
        Scene::Isr { from, to: isr, leader: None } => {
            let tp = life.tp.map(|tp| to.tp(tp)).unwrap_or_default();
            let change =
                if from == isr { format!("ISR {isr}") } else { format!("ISR {from} > {isr}") };
            Sentence::with(format!("{tp}에 리더가 없다"), change)
        }
        Scene::Isr { from, to: isr, .. } => {
            Sentence::with(format!("ISR이 바뀌었다: {isr}"), format!("이전: {from}"))
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
    let place = life.stands_at.map(|at| format!("오프셋 {at}, {holders}"));
    let place = place.unwrap_or_else(|| "리더의 로그에는 없다".to_owned());
    let producer = topic(&producer);
    match life.fate {
        Fate::Lost => {
            let why = life.loss.map(|which| loss(life, which)).unwrap_or_default();
            let belief = if life.acks == Acks::None {
                "보낸 것으로 안다"
            } else {
                "ack를 받았다"
            };
            format!("유실: {why}. 그래도 {producer} {belief}.")
        }
        Fate::Ok => format!("안전: {place}. {read}."),
        Fate::AtRisk => {
            format!("위험: ack를 받았지만 아직 하이 워터마크 아래가 아니다. {holders}.")
        }
        Fate::Duplicate => format!("중복: {place}. {read}."),
        Fate::NotDecided => format!("미결정: ack를 받았으나 파티션에 리더가 없다. {holders}."),
        Fate::Failed => format!("실패: {producer} 실패를 통보받았고 다시 보낼 수 있다. {read}."),
        Fate::Unknown => format!("알 수 없음: {producer} 실패를 통보받았다. {place}. {read}."),
        Fate::Open => format!("미정: {producer} 성공도 실패도 듣지 못했다. {holders}."),
    }
}

pub(super) fn loss(life: &Biography, loss: Loss) -> String {
    let nobody = life.acks == Acks::None;
    match loss {
        Loss::NeverAppended => "어느 리더도 쓴 적이 없다".to_owned(),
        Loss::Unclean { leader } => {
            format!("레코드가 없는 {} ISR 밖에서 리더로 선출됐다", subject(&leader.to_string()))
        }
        Loss::Alone { on, has_died: true } if nobody => {
            format!("{on}에만 있었는데 {} 죽었다", subject(&on.to_string()))
        }
        Loss::Alone { on, has_died: true } => {
            format!("{} 혼자 갖고 ack를 보낸 뒤 죽었다", subject(&on.to_string()))
        }
        Loss::Alone { on, has_died: false } => {
            format!("{on}에만 있었는데 리더가 바뀌었다")
        }
        Loss::ForgottenByLeader { leader } => {
            format!("디스크에서 레코드를 잃은 {} 리더가 됐다", subject(&leader.to_string()))
        }
        Loss::NotOnLeader { leader } => {
            format!("레코드가 없는 {} 리더가 됐다", subject(&leader.to_string()))
        }
        Loss::Forgotten => "어느 디스크에도 남지 않았다".to_owned(),
    }
}

pub(super) fn remedy(remedy: Option<&Remedy>, variant: Option<&str>) -> String {
    let Some(remedy) = remedy else {
        return "시도해 본 더 강한 설정으로도 지키지 못했다.".to_owned();
    };
    let settings = settings(remedy, ", ");
    let variant = variant.map(|name| format!(" (변형 {name})")).unwrap_or_default();
    if keeps(remedy) {
        format!("지킬 수 있었던 설정: {settings}{variant}. 적용해 다시 실행하니 레코드가 남았다.")
    } else {
        format!(
            "유실을 막는 설정: {settings}{variant}. 적용해 다시 실행하니 프로듀서가 실패를 통보받았다."
        )
    }
}

pub(super) fn verdict(records: &str, why: &str, remedy: Option<&Remedy>) -> String {
    let help = match remedy {
        None => return format!("{records} 유실: {why}"),
        Some(remedy) if keeps(remedy) => {
            format!("{}이면 남았다", settings(remedy, ", "))
        }
        Some(remedy) => format!("{}이면 실패를 통보받았다", settings(remedy, ", ")),
    };
    format!("{records} 유실: {why}. {help}")
}
