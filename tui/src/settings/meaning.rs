//! What each modelled key means, in both languages.

use kafkalab_sim::scenario::Lang;

/// What the key called `name` means; `None` if it is not modelled.
pub(super) fn of(name: &str, lang: Lang) -> Option<&'static str> {
    let (_, en, ko) = ALL.iter().find(|(key, ..)| *key == name)?;
    Some(match lang {
        Lang::En => en,
        Lang::Ko => ko,
    })
}

/// Key, English, Korean.
pub(super) const ALL: &[(&str, &str, &str)] = &[
    (
        "acks",
        "Whom a producer's success waits for: nobody (0), the leader (1), every in-sync replica (all).",
        "프로듀서의 성공이 누구를 기다리는가: 아무도(0), 리더(1), ISR 전부(all).",
    ),
    (
        "auto.leader.rebalance.enable",
        "Whether the controller gives each leadership back to the first replica once it is in sync.",
        "첫 번째 복제본이 ISR에 있으면 컨트롤러가 리더십을 그에게 돌려주는가.",
    ),
    (
        "auto.offset.reset",
        "Where a consumer begins when it has no usable position.",
        "컨슈머에 쓸 수 있는 위치가 없을 때 어디서 읽기 시작하는가.",
    ),
    (
        "batch.size",
        "The size in bytes that a batch is filled up to. A larger record gets a batch of its own.",
        "배치를 채우는 크기(바이트). 이보다 큰 레코드는 혼자 배치가 된다.",
    ),
    (
        "broker.heartbeat.interval.ms",
        "How often a broker tells the controller that it is alive.",
        "브로커가 살아 있음을 컨트롤러에 알리는 간격.",
    ),
    (
        "broker.session.timeout.ms",
        "After this long without a heartbeat the controller fences the broker, and others lead.",
        "하트비트가 이만큼 없으면 컨트롤러가 브로커를 펜싱하고, 다른 브로커가 리더가 된다.",
    ),
    (
        "buffer.memory",
        "Bytes of records that a producer may hold; beyond that, send waits.",
        "프로듀서가 쥐고 있을 수 있는 레코드의 바이트. 넘으면 send가 기다린다.",
    ),
    (
        "controlled.shutdown.enable",
        "Whether a broker that is told to stop hands its leaderships over first.",
        "멈추라는 말을 들은 브로커가 리더십을 먼저 넘기는가.",
    ),
    (
        "controller.quorum.append.linger.ms",
        "How long the controller collects records before it writes them to the metadata log.",
        "컨트롤러가 메타데이터 로그에 쓰기 전에 레코드를 모으는 시간.",
    ),
    (
        "controller.quorum.election.timeout.ms",
        "How long an election of the metadata quorum may take before the next; drawn up to twice that.",
        "메타데이터 쿼럼의 선출이 이만큼 걸리면 다시 한다. 두 배까지 무작위로 늘린다.",
    ),
    (
        "controller.quorum.fetch.timeout.ms",
        "After this long without an answer, a node looks for another leader of the quorum.",
        "응답이 이만큼 없으면 쿼럼의 다른 리더를 찾는다.",
    ),
    (
        "controller.quorum.request.timeout.ms",
        "How long a node waits for a controller's answer.",
        "컨트롤러의 응답을 기다리는 시간.",
    ),
    (
        "controller.quorum.retry.backoff.ms",
        "The pause before a request to the quorum is tried again.",
        "쿼럼에 대한 요청을 다시 하기 전의 쉼.",
    ),
    (
        "default.replication.factor",
        "How many replicas a topic gets that does not say it itself.",
        "스스로 정하지 않은 토픽의 레플리카 수.",
    ),
    (
        "delivery.timeout.ms",
        "A record is given up this long after its batch was begun. Where it is not written, it is at \
         least linger.ms plus request.timeout.ms.",
        "배치가 시작되고 이만큼 지나면 레코드를 포기한다. 적지 않으면 적어도 linger.ms와 \
         request.timeout.ms의 합이다.",
    ),
    (
        "enable.idempotence",
        "Whether sequence numbers let brokers drop a batch that was sent twice. Where it is not \
         written, acks below all or retries = 0 switch it off.",
        "두 번 보낸 배치를 브로커가 시퀀스 번호로 걸러 내는가. 적지 않으면 acks가 all이 아니거나 \
         retries = 0일 때 꺼진다.",
    ),
    (
        "fetch.max.bytes",
        "Bytes of one answer to a fetch; the first batch is given even if it is larger.",
        "fetch 응답 하나의 바이트. 첫 배치는 더 커도 준다.",
    ),
    (
        "fetch.max.wait.ms",
        "How long a fetch waits at the broker for fetch.min.bytes.",
        "fetch가 브로커에서 fetch.min.bytes를 기다리는 시간.",
    ),
    (
        "fetch.min.bytes",
        "A fetch is answered once there are this many bytes.",
        "이만큼의 바이트가 모이면 fetch에 응답한다.",
    ),
    (
        "initial.broker.registration.timeout.ms",
        "A broker that could not register for this long gives up.",
        "이만큼 등록하지 못한 브로커는 포기한다.",
    ),
    (
        "leader.imbalance.check.interval.seconds",
        "How often the controller looks for leaderships that are not with the first replica.",
        "첫 번째 복제본이 아닌 리더가 있는지 컨트롤러가 살피는 간격.",
    ),
    (
        "linger.ms",
        "How long a batch that is not full waits for more records before it is sent.",
        "가득 차지 않은 배치가 보내지기 전에 레코드를 더 기다리는 시간.",
    ),
    (
        "max.block.ms",
        "How long send may wait for metadata or for free memory.",
        "send가 메타데이터나 빈 메모리를 기다릴 수 있는 시간.",
    ),
    (
        "max.in.flight.requests.per.connection",
        "Requests that one connection carries without an answer; above 5 only without idempotence.",
        "응답 없이 한 연결에 실을 수 있는 요청의 수. 멱등성을 끄지 않으면 5까지다.",
    ),
    (
        "max.message.bytes",
        "The largest batch that the topic takes, in bytes.",
        "토픽이 받는 가장 큰 배치(바이트).",
    ),
    (
        "max.partition.fetch.bytes",
        "Bytes of one partition in one answer; the first batch is given even if it is larger.",
        "응답 하나에 든 파티션 하나의 바이트. 첫 배치는 더 커도 준다.",
    ),
    (
        "max.poll.records",
        "Records that one poll hands out at most.",
        "poll 한 번이 내주는 레코드의 최대 수.",
    ),
    (
        "max.request.size",
        "The largest request that a producer sends, in bytes, and so its largest record.",
        "프로듀서가 보내는 가장 큰 요청(바이트). 가장 큰 레코드도 이것이 정한다.",
    ),
    (
        "message.max.bytes",
        "max.message.bytes of topics that do not say it themselves.",
        "스스로 정하지 않은 토픽의 max.message.bytes.",
    ),
    (
        "metadata.max.age.ms",
        "Metadata older than this is asked for again.",
        "이보다 오래된 메타데이터는 다시 묻는다.",
    ),
    (
        "metadata.max.idle.interval.ms",
        "After this long without a record the controller writes an empty one; 0 means never.",
        "레코드가 이만큼 없으면 컨트롤러가 빈 레코드를 쓴다. 0이면 쓰지 않는다.",
    ),
    (
        "min.insync.replicas",
        "With acks=all, the leader refuses records while fewer replicas than this are in sync.",
        "acks=all일 때 ISR이 이보다 작으면 리더가 레코드를 거절한다.",
    ),
    (
        "num.partitions",
        "How many partitions a topic gets that does not say it itself.",
        "스스로 정하지 않은 토픽의 파티션 수.",
    ),
    (
        "reconnect.backoff.max.ms",
        "The longest pause before connecting again. Where only reconnect.backoff.ms is written, that.",
        "다시 연결하기 전의 가장 긴 쉼. reconnect.backoff.ms만 적으면 그 값이다.",
    ),
    (
        "reconnect.backoff.ms",
        "The first pause before connecting again; it doubles with each failure.",
        "다시 연결하기 전의 첫 쉼. 실패할 때마다 두 배가 된다.",
    ),
    (
        "replica.fetch.backoff.ms",
        "How long a follower rests a partition after an error.",
        "오류가 난 파티션을 팔로워가 쉬게 두는 시간.",
    ),
    (
        "replica.fetch.max.bytes",
        "Bytes of one partition that a follower asks for at once.",
        "팔로워가 파티션 하나에서 한 번에 달라고 하는 바이트.",
    ),
    (
        "replica.fetch.response.max.bytes",
        "Bytes that a follower asks for at once in all.",
        "팔로워가 한 번에 달라고 하는 전체 바이트.",
    ),
    (
        "replica.fetch.wait.max.ms",
        "How long a follower's fetch waits at the leader for something new.",
        "팔로워의 fetch가 리더에서 새 레코드를 기다리는 시간.",
    ),
    (
        "replica.high.watermark.checkpoint.interval.ms",
        "How often high watermarks are written to disk.",
        "하이 워터마크를 디스크에 쓰는 간격.",
    ),
    (
        "replica.lag.time.max.ms",
        "A follower that has not caught up for this long leaves the ISR.",
        "이만큼 따라잡지 못한 팔로워는 ISR에서 빠진다.",
    ),
    (
        "replica.socket.timeout.ms",
        "How long a replica waits for another broker's answer.",
        "레플리카가 다른 브로커의 응답을 기다리는 시간.",
    ),
    (
        "request.timeout.ms",
        "How long a client waits for an answer before it tries again; with acks=all also how long the \
         leader waits for the replicas.",
        "클라이언트가 응답을 기다리는 시간. acks=all이면 리더가 레플리카를 기다리는 시간이기도 하다.",
    ),
    (
        "retries",
        "How often a batch is sent again after an error that may pass.",
        "지나갈 수 있는 오류 뒤에 배치를 다시 보내는 횟수.",
    ),
    (
        "retry.backoff.max.ms",
        "The longest pause before trying again.",
        "다시 시도하기 전의 가장 긴 쉼.",
    ),
    (
        "retry.backoff.ms",
        "The first pause before trying again; it doubles with each failure.",
        "다시 시도하기 전의 첫 쉼. 실패할 때마다 두 배가 된다.",
    ),
    (
        "unclean.leader.election.enable",
        "Whether a replica outside the ISR may lead when nobody else is left; what it lacks is lost.",
        "ISR에 아무도 없을 때 그 밖의 레플리카가 리더가 되어도 되는가. 없는 레코드는 유실된다.",
    ),
];
