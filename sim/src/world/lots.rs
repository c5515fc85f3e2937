//! What is drawn about the bytes of one link: how long they take, whether they get lost.
//!
//! Two nodes speak about several things at once, and one kind of message never shifts the draws of
//! another: an ordinal counts the messages of one kind that leave at one moment.

use super::agenda::What;
use kafkalab_core::chance::{DrawsAbout, Name};
use kafkalab_core::protocol::{ApiKey, Direction, Frame};
use kafkalab_core::time::{Duration, Instant};

/// What the bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// A connection is asked for, accepted or refused.
    Connecting,
    /// The end of a connection.
    HangingUp,
    /// A message of this kind.
    Message(ApiKey, Direction),
}

impl About {
    pub(super) const fn message(frame: &Frame) -> Self {
        Self::Message(frame.body.api(), frame.body.direction())
    }

    pub(super) const fn what(what: &What) -> Self {
        match what {
            What::Message(frame) => Self::message(frame),
            What::Hangup(_) => Self::HangingUp,
            What::Attempt(_) | What::Accepted(_) => Self::Connecting,
            What::GiveUp(_) | What::Flushed(..) | What::Boot(_) | What::Injected(_) => {
                unreachable!()
            }
        }
    }

    /// By this name it is drawn: it must never change.
    const fn name(self) -> Name {
        match self {
            Self::Connecting => const { Name::of("connecting") },
            Self::HangingUp => const { Name::of("hanging up") },
            Self::Message(api, Direction::Response) => {
                Self::Message(api, Direction::Request).name().and(const { Name::of("response") })
            }
            Self::Message(api, Direction::Request) => match api {
                ApiKey::Produce => const { Name::of("Produce") },
                ApiKey::Fetch => const { Name::of("Fetch") },
                ApiKey::ListOffsets => const { Name::of("ListOffsets") },
                ApiKey::OffsetForLeaderEpoch => const { Name::of("OffsetForLeaderEpoch") },
                ApiKey::Metadata => const { Name::of("Metadata") },
                ApiKey::InitProducerId => const { Name::of("InitProducerId") },
                ApiKey::AllocateProducerIds => const { Name::of("AllocateProducerIds") },
                ApiKey::AlterPartition => const { Name::of("AlterPartition") },
                ApiKey::BrokerRegistration => const { Name::of("BrokerRegistration") },
                ApiKey::BrokerHeartbeat => const { Name::of("BrokerHeartbeat") },
                ApiKey::CreateTopics => const { Name::of("CreateTopics") },
            },
        }
    }
}

/// The draws of one link. One store for all purposes: a link is small, and there are many.
#[derive(Clone, Debug)]
pub(super) struct Lots(DrawsAbout);

impl Lots {
    /// Of the link that is called `link`.
    pub(super) const fn new(seed: u64, link: Name) -> Self {
        Self(DrawsAbout::of(seed, "link", link))
    }

    /// How long it takes, within the closed range.
    pub(super) fn latency(
        &mut self,
        now: Instant,
        about: About,
        min: Duration,
        max: Duration,
    ) -> Duration {
        self.0.between(now, about.name(), min, max)
    }

    /// Whether it is one of the slow few, so many of a thousand.
    pub(super) fn is_slow(&mut self, now: Instant, about: About, permille: u16) -> bool {
        let what = about.name().and(const { Name::of("tail") });
        self.0.below(now, what, 1_000) < u64::from(permille)
    }

    /// Whether one try of it gets lost, as so many of a thousand do.
    pub(super) fn is_lost(&mut self, now: Instant, about: About, permille: u16) -> bool {
        let what = about.name().and(const { Name::of("loss") });
        self.0.below(now, what, 1_000) < u64::from(permille)
    }

    /// Whether it was delivered before its connection broke.
    pub(super) fn coin(&mut self, now: Instant, about: About) -> bool {
        let what = about.name().and(const { Name::of("break") });
        self.0.below(now, what, 2) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fetch and its retry at one moment, with and without other kinds of message between them.
    #[test]
    fn one_kind_of_message_never_shifts_the_draws_of_another() {
        let (min, max) = (Duration::from_micros(800), Duration::from_micros(1_200));
        let fetch = About::Message(ApiKey::Fetch, Direction::Request);
        for seed in 0..200 {
            let mut alone = Lots::new(seed, Name::of("b1").and(Name::of("k1")));
            let mut busy = alone.clone();
            for micros in 1..20 {
                let now = Instant::from_micros(micros);
                for _ in 0..2 {
                    let proposal = About::Message(ApiKey::AlterPartition, Direction::Request);
                    let answer = About::Message(ApiKey::Fetch, Direction::Response);
                    for other in [proposal, answer, About::HangingUp, About::Connecting] {
                        busy.latency(now, other, min, max);
                        busy.coin(now, other);
                    }
                    let mut all = [&mut alone, &mut busy].map(|lots| {
                        let drawn = lots.latency(now, fetch, min, max);
                        let is_slow = lots.is_slow(now, fetch, 500);
                        (drawn, is_slow, lots.is_lost(now, fetch, 500), lots.coin(now, fetch))
                    });
                    all.sort_unstable();
                    assert_eq!(all[0], all[1]);
                }
            }
        }
    }
}
