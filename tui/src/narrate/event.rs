//! One line for each kind of event, in both languages.

use kafkalab_core::event::{ClientEvent, ControllerEvent, Event, LifecycleState, ReplicaEvent};
use kafkalab_core::protocol::{ApiKey, Direction};
use kafkalab_core::record::BatchBody;
use kafkalab_sim::recording::{Entry, Happening};
use kafkalab_sim::world::{Death, Letter};

use super::Narrator;
use super::particle::{object, subject};

/// Whether an event says nothing that its neighbours do not say, or comes again and again.
pub fn is_routine(what: &Happening) -> bool {
    match what {
        // Every message that matters leads to a note; those that die are shown.
        Happening::Sent(_) | Happening::Delivered(_) => true,
        Happening::Died(died) => is_chatter(&died.letter),
        Happening::Noted(Event::Replica(event)) => matches!(
            event,
            ReplicaEvent::MetadataPublished { .. }
                | ReplicaEvent::FollowerCounted { .. }
                | ReplicaEvent::HighWatermark { as_leader: false, .. }
        ),
        Happening::Noted(Event::Client(event)) => {
            matches!(event, ClientEvent::SendCalled { .. } | ClientEvent::Processing { .. })
        }
        Happening::Noted(Event::Controller(_))
        | Happening::Booted
        | Happening::Ended
        | Happening::Told(_) => false,
    }
}

const fn is_chatter(letter: &Letter) -> bool {
    matches!(letter.api, ApiKey::Fetch | ApiKey::BrokerHeartbeat | ApiKey::Metadata)
}

/// The kind of an event as one word for scripts.
pub const fn kind(what: &Happening) -> &'static str {
    match what {
        Happening::Booted => "node.start",
        Happening::Ended => "node.end",
        Happening::Sent(_) => "msg.send",
        Happening::Delivered(_) => "msg.recv",
        Happening::Died(_) => "msg.died",
        Happening::Told(_) => "story",
        Happening::Noted(Event::Controller(event)) => match event {
            ControllerEvent::Activated { .. } => "controller.activated",
            ControllerEvent::BrokerRegistered { .. } => "controller.registered",
            ControllerEvent::BrokerFenced { .. } => "controller.fenced",
            ControllerEvent::BrokerUnfenced { .. } => "controller.unfenced",
            ControllerEvent::BrokerShuttingDown { .. } => "controller.shutting_down",
            ControllerEvent::TopicCreated { .. } => "controller.topic",
            ControllerEvent::PartitionChanged { .. } => "controller.partition",
        },
        Happening::Noted(Event::Client(event)) => match event {
            ClientEvent::SendCalled { .. } => "client.send",
            ClientEvent::BatchSent { .. } => "client.sent",
            ClientEvent::BatchAcked { .. } => "client.acked",
            ClientEvent::BatchRetried { .. } => "client.retried",
            ClientEvent::BatchFailed { .. } => "client.failed",
            ClientEvent::SendRefused { .. } => "client.refused",
            ClientEvent::ProducerIdAssigned { .. } => "client.producer_id",
            ClientEvent::TruncationDetected { .. } => "client.truncation_detected",
            ClientEvent::PositionReset { .. } => "client.position_reset",
            ClientEvent::PollFailed { .. } => "client.poll_failed",
            ClientEvent::Delivered { .. } => "client.delivered",
            ClientEvent::Processing { .. } => "client.processing",
            ClientEvent::Processed { .. } => "client.processed",
        },
        Happening::Noted(Event::Replica(event)) => match event {
            ReplicaEvent::Lifecycle { .. } => "broker.lifecycle",
            ReplicaEvent::Registered { .. } => "broker.registered",
            ReplicaEvent::Loaded { .. } => "replica.loaded",
            ReplicaEvent::BecameLeader { .. } => "replica.leader",
            ReplicaEvent::BecameFollower { .. } => "replica.follower",
            ReplicaEvent::Appended { .. } => "replica.appended",
            ReplicaEvent::DuplicateRecognised { .. } => "replica.duplicate",
            ReplicaEvent::Truncated { .. } => "replica.truncated",
            ReplicaEvent::HighWatermark { .. } => "replica.hw",
            ReplicaEvent::IsrProposed { .. } => "replica.isr_proposed",
            ReplicaEvent::IsrAdopted { .. } => "replica.isr",
            ReplicaEvent::IsrForgotten { .. } => "replica.isr_forgotten",
            ReplicaEvent::IsrRefused { .. } => "replica.isr_refused",
            ReplicaEvent::FollowerCounted { .. } => "replica.follower_counted",
            ReplicaEvent::DivergenceFound { .. } => "replica.divergence",
            ReplicaEvent::ProduceAnswered { .. } => "replica.answered",
            ReplicaEvent::MetadataPublished { .. } => "broker.metadata",
        },
    }
}

fn half(direction: Direction) -> &'static str {
    match direction {
        Direction::Request => "request",
        Direction::Response => "response",
    }
}

impl Narrator<'_> {
    /// `#3`, `#3..#5`, `#3..#5 #8` where those between went elsewhere; a number where nobody of the
    /// scenario sent them.
    fn records(self, body: &BatchBody) -> String {
        let ids: Vec<_> = body.records.iter().filter_map(|record| record.id).collect();
        let runs = ids.chunk_by(|one, next| one.producer == next.producer && next.n == one.n + 1);
        let names = runs.map(|run| match run {
            [first, .., last] => format!("{}..{}", self.record(*first), self.record(*last)),
            [only] => self.record(*only),
            [] => unreachable!("a run has a record"),
        });
        let names: Vec<String> = names.collect();
        if names.is_empty() { body.records.len().to_string() } else { names.join(" ") }
    }

    fn one(self, id: Option<kafkalab_core::id::RecordId>) -> String {
        id.map_or("?".to_owned(), |id| self.record(id))
    }

    fn leader(self, leader: Option<kafkalab_core::id::NodeId>, none: &str) -> String {
        leader.map_or(none.to_owned(), |leader| self.node(leader))
    }
}

pub(super) fn en(to: Narrator<'_>, entry: &Entry) -> String {
    match &entry.what {
        Happening::Booted => "starts".to_owned(),
        Happening::Ended => "dies".to_owned(),
        Happening::Sent(sent) => {
            let Letter { to: receiver, api, direction, .. } = sent.letter;
            format!("sends {} {} to {}", api.name(), half(direction), to.node(receiver))
        }
        Happening::Delivered(Letter { from, api, direction, .. }) => {
            format!("receives {} {} from {}", api.name(), half(*direction), to.node(*from))
        }
        Happening::Died(died) => {
            let Letter { from, to: receiver, api, direction, .. } = died.letter;
            let why = match died.why {
                Death::NobodyThere => "nobody was there",
                Death::StuckAtDeath => "its sender died while it was held back",
                Death::Broken => "the connection broke",
            };
            let (from, receiver) = (to.node(from), to.node(receiver));
            format!("{} {} {from} > {receiver} died: {why}", api.name(), half(direction))
        }
        Happening::Told(told) => to.deeds(*told).1,
        Happening::Noted(Event::Controller(event)) => controller_en(to, event),
        Happening::Noted(Event::Client(event)) => client_en(to, event),
        Happening::Noted(Event::Replica(event)) => replica_en(to, event),
    }
}

fn controller_en(to: Narrator<'_>, event: &ControllerEvent) -> String {
    match event {
        ControllerEvent::Activated { epoch } => format!("is the active controller, epoch {epoch}"),
        ControllerEvent::BrokerRegistered { broker, epoch } => {
            format!("registers {broker}, broker epoch {epoch}")
        }
        ControllerEvent::BrokerFenced { broker } => format!("fences {broker}"),
        ControllerEvent::BrokerUnfenced { broker } => format!("unfences {broker}"),
        ControllerEvent::BrokerShuttingDown { broker } => {
            format!("lets {broker} hand its leaderships over")
        }
        ControllerEvent::TopicCreated { topic, partitions } => {
            format!("creates {} with {partitions} partitions", to.plan.topic_name(*topic))
        }
        ControllerEvent::PartitionChanged { tp, leader, leader_epoch, isr, is_unclean, .. } => {
            let how = if *is_unclean { ", unclean" } else { "" };
            let (tp, leader) = (to.tp(*tp), to.leader(*leader, "none"));
            format!("{tp}: leader {leader}{how}, epoch {leader_epoch}, ISR {isr}")
        }
    }
}

fn client_en(to: Narrator<'_>, event: &ClientEvent) -> String {
    match event {
        ClientEvent::SendCalled { id, .. } => format!("is given {}", to.record(*id)),
        ClientEvent::BatchSent { tp, body, attempt } => {
            let again = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
            format!("sends {} to {}{again}", to.records(body), to.tp(*tp))
        }
        ClientEvent::BatchAcked { body, base_offset, .. } => {
            let place = base_offset.map(|at| format!(" at offset {at}")).unwrap_or_default();
            format!("counts {} as acked{place}", to.records(body))
        }
        ClientEvent::BatchRetried { body, error, .. } => {
            format!("tries {} again after {error}", to.records(body))
        }
        ClientEvent::BatchFailed { body, error, is_indefinite, .. } => {
            let tail = if *is_indefinite { ", outcome unknown" } else { "" };
            format!("gives {} up: {error}{tail}", to.records(body))
        }
        ClientEvent::SendRefused { id, error } => format!("refuses {}: {error}", to.record(*id)),
        ClientEvent::ProducerIdAssigned { producer_id } => {
            format!("has producer id {}", producer_id.0)
        }
        ClientEvent::TruncationDetected { tp, position, diverges_at } => {
            let at = diverges_at.map_or(String::new(), |at| format!(": it differs from {at} on"));
            format!(
                "finds that the log of {} was cut below its position {position}{at}",
                to.tp(*tp)
            )
        }
        ClientEvent::PositionReset { tp, to: at, .. } => {
            format!("starts reading {} at offset {at}", to.tp(*tp))
        }
        ClientEvent::PollFailed { tp, error } => format!("poll of {} throws {error}", to.tp(*tp)),
        ClientEvent::Delivered { tp, offset, id } => {
            format!("reads {} ({} offset {offset})", to.one(*id), to.tp(*tp))
        }
        ClientEvent::Processing { id, .. } => format!("has {} in hand", to.one(*id)),
        ClientEvent::Processed { id, .. } => format!("has processed {}", to.one(*id)),
    }
}

fn replica_en(to: Narrator<'_>, event: &ReplicaEvent) -> String {
    match event {
        ReplicaEvent::Lifecycle { to: state } => format!("is {}", state_en(*state)),
        ReplicaEvent::Registered { epoch } => format!("is registered, broker epoch {epoch}"),
        ReplicaEvent::Loaded { tp, log_end_offset, high_watermark, was_clean } => {
            let how = if *was_clean { "" } else { ", after an unclean shutdown" };
            format!("loads {}: LEO {log_end_offset}, HW {high_watermark}{how}", to.tp(*tp))
        }
        ReplicaEvent::BecameLeader { tp, leader_epoch, epoch_start, high_watermark } => format!(
            "leads {} in epoch {leader_epoch} from {epoch_start}, HW {high_watermark}",
            to.tp(*tp)
        ),
        ReplicaEvent::BecameFollower { tp, leader_epoch, leader } => {
            let leader = to.leader(*leader, "nobody");
            format!("follows {leader} for {} in epoch {leader_epoch}", to.tp(*tp))
        }
        ReplicaEvent::Appended { tp, base_offset, leader_epoch, as_leader, body } => {
            let verb = if *as_leader { "appends" } else { "copies" };
            let (records, tp) = (to.records(body), to.tp(*tp));
            format!("{verb} {records} to {tp} at offset {base_offset}, epoch {leader_epoch}")
        }
        ReplicaEvent::DuplicateRecognised { tp, base_offset, body } => {
            let (records, tp) = (to.records(body), to.tp(*tp));
            format!("already has {records} in {tp} at offset {base_offset}")
        }
        ReplicaEvent::Truncated { tp, from, to: end, .. } => {
            format!("cuts {} from LEO {from} to {end}", to.tp(*tp))
        }
        ReplicaEvent::HighWatermark { tp, from, to: hw, .. } => {
            format!("HW of {}: {from} > {hw}", to.tp(*tp))
        }
        ReplicaEvent::IsrProposed { tp, from, to: isr } => {
            format!("proposes ISR of {}: {from} > {isr}", to.tp(*tp))
        }
        ReplicaEvent::IsrAdopted { tp, isr, .. } => format!("ISR of {} is {isr}", to.tp(*tp)),
        ReplicaEvent::IsrForgotten { tp, proposed, .. } => {
            format!("forgets that it proposed ISR of {}: {proposed}", to.tp(*tp))
        }
        ReplicaEvent::IsrRefused { tp, error } => {
            format!("ISR change of {} refused: {error}", to.tp(*tp))
        }
        ReplicaEvent::FollowerCounted { tp, follower, log_end_offset } => {
            format!("counts {follower} at {log_end_offset} of {}", to.tp(*tp))
        }
        ReplicaEvent::DivergenceFound { tp, follower, end_offset } => {
            format!("tells {follower} that {} diverges from {end_offset} on", to.tp(*tp))
        }
        ReplicaEvent::ProduceAnswered { tp, error, body, .. } => {
            let answer = if error.name() == "NONE" { "success" } else { error.name() };
            format!("answers {} of {}: {answer}", to.records(body), to.tp(*tp))
        }
        ReplicaEvent::MetadataPublished { end_offset } => {
            format!("acts on metadata up to {end_offset}")
        }
    }
}

const fn state_en(state: LifecycleState) -> &'static str {
    match state {
        LifecycleState::Starting => "starting",
        LifecycleState::Recovery => "recovering, still fenced",
        LifecycleState::Running => "running",
        LifecycleState::PendingControlledShutdown => "handing its leaderships over",
        LifecycleState::ShuttingDown => "shutting down",
    }
}

pub(super) fn ko(to: Narrator<'_>, entry: &Entry) -> String {
    match &entry.what {
        Happening::Booted => "시작한다".to_owned(),
        Happening::Ended => "죽는다".to_owned(),
        Happening::Sent(sent) => {
            let Letter { to: receiver, api, direction, .. } = sent.letter;
            format!("{}에 {} {}", to.node(receiver), api.name(), half_ko(direction, "보냄"))
        }
        Happening::Delivered(Letter { from, api, direction, .. }) => {
            format!("{}의 {} {}", to.node(*from), api.name(), half_ko(*direction, "받음"))
        }
        Happening::Died(died) => {
            let Letter { from, to: receiver, api, direction, .. } = died.letter;
            let why = match died.why {
                Death::NobodyThere => "받을 프로세스가 없다",
                Death::StuckAtDeath => "막혀 있는 동안 보낸 쪽이 죽었다",
                Death::Broken => "연결이 끊겼다",
            };
            let (from, receiver) = (to.node(from), to.node(receiver));
            format!("{} {} {from} > {receiver}: {why}", api.name(), half_ko(direction, "사라짐"))
        }
        Happening::Told(told) => to.deeds(*told).1,
        Happening::Noted(Event::Controller(event)) => controller_ko(to, event),
        Happening::Noted(Event::Client(event)) => client_ko(to, event),
        Happening::Noted(Event::Replica(event)) => replica_ko(to, event),
    }
}

fn half_ko(direction: Direction, what: &str) -> String {
    match direction {
        Direction::Request => format!("요청 {what}"),
        Direction::Response => format!("응답 {what}"),
    }
}

fn controller_ko(to: Narrator<'_>, event: &ControllerEvent) -> String {
    match event {
        ControllerEvent::Activated { epoch } => format!("활성 컨트롤러가 된다, 에포크 {epoch}"),
        ControllerEvent::BrokerRegistered { broker, epoch } => {
            format!("{broker} 등록, 브로커 에포크 {epoch}")
        }
        ControllerEvent::BrokerFenced { broker } => format!("{broker} 펜싱"),
        ControllerEvent::BrokerUnfenced { broker } => format!("{broker} 펜싱 해제"),
        ControllerEvent::BrokerShuttingDown { broker } => format!("{broker} 정상 종료 시작"),
        ControllerEvent::TopicCreated { topic, partitions } => {
            format!("토픽 {} 생성, 파티션 {partitions}개", to.plan.topic_name(*topic))
        }
        ControllerEvent::PartitionChanged { tp, leader, leader_epoch, isr, is_unclean, .. } => {
            let how = if *is_unclean { "(unclean)" } else { "" };
            let (tp, leader) = (to.tp(*tp), to.leader(*leader, "없음"));
            format!("{tp}: 리더 {leader}{how}, 에포크 {leader_epoch}, ISR {isr}")
        }
    }
}

fn client_ko(to: Narrator<'_>, event: &ClientEvent) -> String {
    match event {
        ClientEvent::SendCalled { id, .. } => format!("{} 넘겨받음", to.record(*id)),
        ClientEvent::BatchSent { tp, body, attempt } => {
            let again =
                if *attempt > 1 { format!(", {attempt}번째 시도") } else { String::new() };
            format!("{} {}에 보낸다{again}", object(&to.records(body)), to.tp(*tp))
        }
        ClientEvent::BatchAcked { body, base_offset, .. } => {
            let place = base_offset.map(|at| format!(", 오프셋 {at}")).unwrap_or_default();
            format!("{} ack로 친다{place}", object(&to.records(body)))
        }
        ClientEvent::BatchRetried { body, error, .. } => {
            format!("{} 재시도한다: {error}", object(&to.records(body)))
        }
        ClientEvent::BatchFailed { body, error, is_indefinite, .. } => {
            let tail = if *is_indefinite { ", 결과는 알 수 없다" } else { "" };
            format!("{} 포기한다: {error}{tail}", object(&to.records(body)))
        }
        ClientEvent::SendRefused { id, error } => {
            format!("{} 거절한다: {error}", object(&to.record(*id)))
        }
        ClientEvent::ProducerIdAssigned { producer_id } => format!("프로듀서 ID {}", producer_id.0),
        ClientEvent::TruncationDetected { tp, position, diverges_at } => {
            let at = diverges_at.map_or(String::new(), |at| format!(", 오프셋 {at}부터 다르다"));
            format!("{} 로그가 읽던 위치 {position}보다 앞에서 잘린 것을 알게 된다{at}", to.tp(*tp))
        }
        ClientEvent::PositionReset { tp, to: at, .. } => {
            format!("{} 오프셋 {at}부터 읽는다", object(&to.tp(*tp)))
        }
        ClientEvent::PollFailed { tp, error } => format!("{} poll 오류: {error}", to.tp(*tp)),
        ClientEvent::Delivered { tp, offset, id } => {
            format!("{} 읽는다 ({} 오프셋 {offset})", object(&to.one(*id)), to.tp(*tp))
        }
        ClientEvent::Processing { id, .. } => format!("{} 처리 중", to.one(*id)),
        ClientEvent::Processed { id, .. } => format!("{} 처리했다", object(&to.one(*id))),
    }
}

fn replica_ko(to: Narrator<'_>, event: &ReplicaEvent) -> String {
    match event {
        ReplicaEvent::Lifecycle { to: state } => state_ko(*state).to_owned(),
        ReplicaEvent::Registered { epoch } => format!("등록됐다, 브로커 에포크 {epoch}"),
        ReplicaEvent::Loaded { tp, log_end_offset, high_watermark, was_clean } => {
            let how = if *was_clean { "" } else { ", 비정상 종료 뒤" };
            let tp = object(&to.tp(*tp));
            format!("{tp} 불러온다: LEO {log_end_offset}, HW {high_watermark}{how}")
        }
        ReplicaEvent::BecameLeader { tp, leader_epoch, epoch_start, high_watermark } => format!(
            "{}의 리더가 된다: 에포크 {leader_epoch}, 시작 {epoch_start}, HW {high_watermark}",
            to.tp(*tp)
        ),
        ReplicaEvent::BecameFollower { tp, leader_epoch, leader } => {
            let (tp, leader) = (to.tp(*tp), to.leader(*leader, "없음"));
            format!("{tp}의 팔로워가 된다: 리더 {leader}, 에포크 {leader_epoch}")
        }
        ReplicaEvent::Appended { tp, base_offset, leader_epoch, as_leader, body } => {
            let verb = if *as_leader { "쓴다" } else { "복제한다" };
            let (records, tp) = (object(&to.records(body)), to.tp(*tp));
            format!("{records} {tp} 오프셋 {base_offset}에 {verb}, 에포크 {leader_epoch}")
        }
        ReplicaEvent::DuplicateRecognised { tp, base_offset, body } => {
            let (records, tp) = (subject(&to.records(body)), to.tp(*tp));
            format!("{records} 이미 {tp} 오프셋 {base_offset}에 있다")
        }
        ReplicaEvent::Truncated { tp, from, to: end, .. } => {
            format!("{} 잘라 낸다: LEO {from} > {end}", object(&to.tp(*tp)))
        }
        ReplicaEvent::HighWatermark { tp, from, to: hw, .. } => {
            format!("{}의 HW: {from} > {hw}", to.tp(*tp))
        }
        ReplicaEvent::IsrProposed { tp, from, to: isr } => {
            format!("{}의 ISR 변경 제안: {from} > {isr}", to.tp(*tp))
        }
        ReplicaEvent::IsrAdopted { tp, isr, .. } => format!("{}의 ISR: {isr}", to.tp(*tp)),
        ReplicaEvent::IsrForgotten { tp, proposed, .. } => {
            format!("{}의 ISR 변경 제안을 잊는다: {proposed}", to.tp(*tp))
        }
        ReplicaEvent::IsrRefused { tp, error } => {
            format!("{}의 ISR 변경 거절됨: {error}", to.tp(*tp))
        }
        ReplicaEvent::FollowerCounted { tp, follower, log_end_offset } => {
            format!("{}: {follower} 위치 {log_end_offset}", to.tp(*tp))
        }
        ReplicaEvent::DivergenceFound { tp, follower, end_offset } => {
            format!("{follower}에 알린다: {} 로그가 {end_offset}부터 갈라졌다", to.tp(*tp))
        }
        ReplicaEvent::ProduceAnswered { tp, error, body, .. } => {
            let answer = if error.name() == "NONE" { "성공" } else { error.name() };
            format!("{} {} 응답: {answer}", to.tp(*tp), to.records(body))
        }
        ReplicaEvent::MetadataPublished { end_offset } => {
            format!("메타데이터를 {end_offset}까지 반영한다")
        }
    }
}

const fn state_ko(state: LifecycleState) -> &'static str {
    match state {
        LifecycleState::Starting => "시작하는 중",
        LifecycleState::Recovery => "복구 중, 아직 펜싱 상태",
        LifecycleState::Running => "가동 중",
        LifecycleState::PendingControlledShutdown => "리더를 넘겨주는 중",
        LifecycleState::ShuttingDown => "종료하는 중",
    }
}
