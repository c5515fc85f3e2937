//! The words of this tool: what each means here, in English and Korean.

use kafkalab_sim::scenario::{Lang, nearest};

use crate::cli::text::wrap;

/// A word and its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// What it goes by; the first is its name, any of them finds it.
    pub names: &'static [&'static str],
    /// Its full name in English.
    pub en_name: &'static str,
    /// Its full name in Korean.
    pub ko_name: &'static str,
    /// What it means.
    pub en: &'static str,
    /// The same in Korean.
    pub ko: &'static str,
    /// How a scenario asks for it; empty if it does not.
    pub query: &'static str,
    /// Terms that belong to it.
    pub related: &'static [&'static str],
}

const TERMS: &[Term] = &[
    Term {
        names: &["hw", "high watermark", "high-watermark"],
        en_name: "high watermark (HW)",
        ko_name: "하이 워터마크 (HW)",
        en: "The offset below which every in-sync replica has the record. Consumers read only below \
             it, and with acks=all a producer is acked when it passes the record. A follower learns \
             it one fetch later than the leader.",
        ko: "이 오프셋보다 앞선 레코드는 ISR의 모든 레플리카가 가지고 있다. 컨슈머는 그 앞까지만 읽고, \
             acks=all인 프로듀서는 레코드가 그 앞에 들어왔을 때 ack를 받는다. 팔로워는 리더보다 fetch \
             한 번만큼 늦게 안다.",
        query: "hw(orders-0)",
        related: &["leo", "isr", "acks"],
    },
    Term {
        names: &["leo", "log end offset", "log-end-offset"],
        en_name: "log end offset (LEO)",
        ko_name: "로그 끝 오프셋 (LEO)",
        en: "The offset that the next record of this replica's log will get. Each replica has its \
             own; what lies between the high watermark and the LEO can still be cut off.",
        ko: "이 레플리카의 로그에 다음으로 쓰일 레코드의 오프셋. 레플리카마다 다르며, 하이 워터마크와 \
             LEO 사이의 레코드는 아직 잘려 나갈 수 있다.",
        query: "leo(orders-0), leo(orders-0@b1)",
        related: &["hw", "epoch"],
    },
    Term {
        names: &["isr", "in-sync replicas"],
        en_name: "in-sync replicas (ISR)",
        ko_name: "인싱크 레플리카 (ISR)",
        en: "The replicas that keep up with the leader, the leader included. Only one of them is \
             elected leader (unless unclean election is allowed), and a record is committed when all \
             of them have it. A follower that has not caught up for replica.lag.time.max.ms leaves.",
        ko: "리더를 따라잡고 있는 레플리카의 집합으로, 리더도 들어 있다. unclean 선출을 허용하지 않으면 \
             이 안에서만 리더가 나오고, 모두가 가진 레코드만 커밋된다. replica.lag.time.max.ms 동안 \
             따라잡지 못한 팔로워는 빠진다.",
        query: "isr(orders-0), size(isr(orders-0))",
        related: &["hw", "min.insync.replicas", "unclean"],
    },
    Term {
        names: &["acks"],
        en_name: "acks",
        ko_name: "acks",
        en: "Whom a producer's success waits for. acks=0: nobody. acks=1: the leader has appended it. \
             acks=all: every in-sync replica has it. With 0 and 1 an acked record can be lost when \
             the leader dies.",
        ko: "프로듀서가 성공으로 치기 전에 누구를 기다리는가. acks=0은 아무도 기다리지 않고, acks=1은 \
             리더가 쓰면, acks=all은 ISR 모두가 가지면 성공이다. 0과 1에서는 ack를 받은 레코드도 리더가 \
             죽으면 유실될 수 있다.",
        query: "acked(p1)",
        related: &["isr", "min.insync.replicas", "lost", "at risk"],
    },
    Term {
        names: &["epoch", "leader epoch", "leader-epoch"],
        en_name: "leader epoch",
        ko_name: "리더 에포크",
        en: "How often the leader of a partition was elected. Each batch carries the epoch of the \
             leader that appended it; by it a follower finds where its log and the new leader's \
             part, and cuts there.",
        ko: "파티션의 리더가 선출된 횟수. 배치마다 그것을 쓴 리더의 에포크가 찍히고, 팔로워는 이 값으로 \
             새 리더의 로그와 갈라진 곳을 찾아 거기서 잘라 낸다.",
        query: "epoch(orders-0)",
        related: &["leo", "isr"],
    },
    Term {
        names: &["min.insync.replicas", "min isr", "min-isr"],
        en_name: "min.insync.replicas",
        ko_name: "min.insync.replicas",
        en: "With acks=all, the leader refuses a record (NOT_ENOUGH_REPLICAS) while fewer replicas \
             than this are in sync. Without it, acks=all may mean the leader alone.",
        ko: "acks=all일 때 ISR이 이보다 작으면 리더가 쓰기를 거절한다(NOT_ENOUGH_REPLICAS). 이 설정이 \
             1이면 acks=all도 리더 혼자를 뜻할 수 있다.",
        query: "",
        related: &["acks", "isr"],
    },
    Term {
        names: &["unclean", "unclean.leader.election.enable", "unclean election"],
        en_name: "unclean leader election",
        ko_name: "unclean 리더 선출",
        en: "Electing a leader from outside the ISR when nobody in it is left. The partition works \
             again; every record that the new leader lacks is lost, committed or not.",
        ko: "ISR에 남은 레플리카가 없을 때 그 밖에서 리더를 뽑는 것. 파티션은 다시 동작하지만, 새 리더에 \
             없는 레코드는 커밋된 것까지 모두 유실된다.",
        query: "",
        related: &["isr", "lost"],
    },
    Term {
        names: &["lost"],
        en_name: "lost",
        ko_name: "유실 (lost)",
        en: "Acked, in no log or disk that counts, and no attempt to write it is on its way. The log of \
             the partition's leader counts; without a leader, any replica's log or disk. Records that \
             were never acked are not lost: their producer knows that it must not rely on them.",
        ko: "ack를 받았는데 유효한 로그나 디스크 어디에도 없고, 쓰려는 시도도 더는 남아 있지 않은 레코드. \
             리더가 있으면 리더의 로그가 유효하고, 없으면 모든 레플리카의 로그와 디스크가 유효하다. ack를 \
             받지 못한 레코드는 유실이 아니다. 프로듀서가 믿으면 안 된다는 것을 알기 때문이다.",
        query: "lost",
        related: &["at risk", "unknown", "acks"],
    },
    Term {
        names: &["at risk", "at_risk", "at-risk"],
        en_name: "at risk",
        ko_name: "위험 (at risk)",
        en: "Acked, and not below the high watermark yet: if the leader dies now, the record may be \
             lost. With acks=all no record is ever at risk.",
        ko: "ack를 받았지만 아직 하이 워터마크 아래가 아닌 레코드. 지금 리더가 죽으면 유실될 수 있다. \
             acks=all에서는 이런 레코드가 생기지 않는다.",
        query: "at_risk",
        related: &["hw", "lost", "acks"],
    },
    Term {
        names: &["unknown"],
        en_name: "unknown outcome",
        ko_name: "알 수 없음 (unknown)",
        en: "The producer gave up without hearing what became of the record, after a timeout or a \
             broken connection: it may be in the log or not. Sending it again may write it twice.",
        ko: "타임아웃이나 끊긴 연결 탓에 결과를 듣지 못하고 프로듀서가 포기한 레코드. 로그에 있을 수도 없을 \
             수도 있다. 다시 보내면 두 번 쓰일 수 있다.",
        query: "unknown",
        related: &["lost", "duplicates"],
    },
    Term {
        names: &["duplicates", "duplicate", "log_duplicates", "log duplicates"],
        en_name: "duplicates",
        ko_name: "중복 (duplicates)",
        en: "Effects that were done more than once, each repetition counted. log_duplicates counts \
             records that stand in the log more than once; enable.idempotence prevents those of \
             retries.",
        ko: "효과가 두 번 이상 일어난 횟수. log_duplicates는 로그에 두 번 이상 쓰인 레코드를 센다. 재시도로 \
             생기는 것은 enable.idempotence가 막는다.",
        query: "duplicates, log_duplicates",
        related: &["unknown", "acks"],
    },
];

/// The term that goes by `word`, in whatever case.
pub fn find(word: &str) -> Option<&'static Term> {
    let word = word.to_lowercase();
    TERMS.iter().find(|term| term.names.contains(&word.as_str()))
}

/// The name clearly meant by `word`.
pub fn nearest_term(word: &str) -> Option<&'static str> {
    nearest(&word.to_lowercase(), TERMS.iter().flat_map(|term| term.names).copied())
}

/// Every term's name.
pub fn names() -> Vec<&'static str> {
    TERMS.iter().map(|term| term.names[0]).collect()
}

/// A term as lines of at most `width` columns.
pub fn show(term: &Term, lang: Lang, width: usize) -> Vec<String> {
    let (head, text) = match lang {
        Lang::En if term.en_name == term.ko_name => (term.en_name.to_owned(), term.en),
        Lang::En => (format!("{}, Korean: {}", term.en_name, term.ko_name), term.en),
        Lang::Ko => (term.ko_name.to_owned(), term.ko),
    };
    let (scenario, related) = match lang {
        Lang::En => ("In a scenario:", "Related:"),
        Lang::Ko => ("시나리오에서:", "관련 용어:"),
    };
    let mut lines = vec![head];
    lines.extend(wrap(text, width.saturating_sub(2)).into_iter().map(|line| format!("  {line}")));
    if !term.query.is_empty() {
        lines.push(format!("  {scenario} {}", term.query));
    }
    lines.push(format!("  {related} {}", term.related.join(", ")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_related_term_exists() {
        for related in TERMS.iter().flat_map(|term| term.related) {
            assert!(find(related).is_some(), "{related}");
        }
    }

    #[test]
    fn a_term_is_found_by_any_of_its_names() {
        assert_eq!(find("HW").map(|term| term.names[0]), Some("hw"));
        assert_eq!(find("High Watermark").map(|term| term.names[0]), Some("hw"));
        assert_eq!(find("xyz"), None);
        assert_eq!(nearest_term("uncleen"), Some("unclean"));
    }
}
