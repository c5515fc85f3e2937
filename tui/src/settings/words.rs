//! The words around Kafka's keys, in both languages.

use kafkalab_core::config::catalog::{Importance, Later, Outside, Scope};
use kafkalab_sim::scenario::Lang;

use crate::cli::text::wrap;

const fn say(lang: Lang, en: &'static str, ko: &'static str) -> &'static str {
    match lang {
        Lang::En => en,
        Lang::Ko => ko,
    }
}

macro_rules! words {
    ($($name:ident: $en:literal, $ko:literal;)*) => {
        $(pub(super) const fn $name(lang: Lang) -> &'static str {
            say(lang, $en, $ko)
        })*
    };
}

words! {
    default: "default", "기본값";
    range: "range", "범위";
    importance: "importance", "중요도";
    here: "here", "여기서는";
    modelled: "modelled", "구현됨";
    not_yet: "not yet", "아직 없음";
    no_effect: "no effect", "효과 없음";
    required: "none: it must be written", "없음: 반드시 적어야 한다";
    unset: "not set", "설정되지 않음";
    no_limit: "no limit", "제한 없음";
    empty: "empty", "비어 있음";
    list_of: "a list", "목록";
    not_empty: "not empty", "비어 있지 않은 값";
    whole: "any whole number", "모든 정수";
    fraction: "any number", "모든 수";
    text: "any text", "모든 문자열";
    class: "the name of a class", "클래스 이름";
}

/// `0 and up`.
pub(super) fn from(least: i64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{least} and up"),
        Lang::Ko => format!("{least} 이상"),
    }
}

/// A limit of ours.
pub(super) fn limited(least: i64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("kafkalab runs it from {least} up, a limit of its own"),
        Lang::Ko => format!("kafkalab은 {least} 이상만 실행한다(자체 제한)"),
    }
}

pub(super) fn list_head(lang: Lang, width: usize) -> Vec<String> {
    let text = say(
        lang,
        "Every key that Apache Kafka 4.1 knows. What is modelled does what it does in Kafka. What is \
         not yet warns at any value but the default, and is an error with --strict. What has no effect \
         is about things that are not simulated; -v names it, too. `explain linger.ms` tells about one \
         key.",
        "Apache Kafka 4.1이 아는 모든 키. 구현된 키는 Kafka에서와 똑같이 동작한다. 아직 없는 키는 \
         기본값이 아니면 경고하고, --strict를 주면 오류가 된다. 효과가 없는 키는 시뮬레이션하지 않는 \
         것을 다루며, -v를 주면 이름도 보인다. 키 하나에 대한 설명은 `explain linger.ms`처럼 본다.",
    );
    wrap(text, width)
}

/// Whose key it is.
pub(super) const fn scope(scope: Scope, lang: Lang) -> &'static str {
    match scope {
        Scope::Producer => say(lang, "producer", "프로듀서"),
        Scope::Consumer => say(lang, "consumer", "컨슈머"),
        Scope::Admin => say(lang, "admin client", "어드민 클라이언트"),
        Scope::Broker => say(lang, "broker", "브로커"),
        Scope::Topic => say(lang, "topic", "토픽"),
        Scope::Group => say(lang, "group", "그룹"),
    }
}

pub(super) const fn how_important(importance: Importance, lang: Lang) -> &'static str {
    match importance {
        Importance::High => say(lang, "high", "높음"),
        Importance::Medium => say(lang, "medium", "중간"),
        Importance::Low => say(lang, "low", "낮음"),
    }
}

/// What is not simulated.
pub const fn outside(outside: Outside, lang: Lang) -> &'static str {
    match outside {
        Outside::Security => say(lang, "security", "보안"),
        Outside::Listeners => say(lang, "addresses, roles and connections", "주소, 역할, 연결"),
        Outside::Metrics => say(lang, "metrics", "메트릭"),
        Outside::Quotas => say(lang, "quotas", "쿼터"),
        Outside::Paths => say(lang, "paths of files", "파일 경로"),
        Outside::Machine => {
            say(lang, "threads, buffers and queues of the machine", "머신의 스레드, 버퍼, 큐")
        }
        Outside::Classes => say(lang, "code that is plugged in", "끼워 넣는 코드"),
    }
}

/// What it comes with.
pub(super) fn comes_with(later: Later, lang: Lang) -> String {
    let ko = match later {
        Later::AdminClient => "시나리오의 어드민 클라이언트",
        Later::BlockingCalls => "기다리는 컨슈머 호출",
        Later::Compression => "압축",
        Later::ControllerQuorum => "여러 컨트롤러",
        Later::DiskTasks => "디스크 장애와 시작 직후의 작업",
        Later::FetchTuning => "fetch 세션과 응답 크기 제한",
        Later::Flushing => "설정에 따른 flush",
        Later::Groups => "컨슈머 그룹",
        Later::IdleConnections => "유휴 연결과 잊히는 토픽",
        Later::MetadataSnapshots => "메타데이터 로그의 스냅샷",
        Later::Partitioners => "다른 파티셔너",
        Later::ProducerIdExpiry => "프로듀서 ID의 만료",
        Later::Racks => "랙",
        Later::Rebootstrap => "부트스트랩 서버로의 복귀",
        Later::Segments => "세그먼트, 보존, 컴팩션",
        Later::ShareGroups => "공유 그룹",
        Later::StreamsGroups => "Streams 그룹",
        Later::TieredStorage => "계층형 저장소",
        Later::Timestamps => "레코드의 타임스탬프",
        Later::TopicCreation => "실행 중의 토픽 생성과 삭제",
        Later::Transactions => "트랜잭션",
        Later::UncleanRetries => "컨트롤러의 unclean 리더 탐색",
    };
    match lang {
        Lang::En => format!("not yet: it comes with {}", later.name()),
        Lang::Ko => format!("아직 없음: 함께 올 기능은 {ko}"),
    }
}
