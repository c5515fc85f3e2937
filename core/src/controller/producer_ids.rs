//! Blocks of producer ids for the brokers that hand them out: `ProducerIdControlManager` (KIP-730).

use super::brokers::check_broker_epoch;
use super::{Decision, View};
use crate::error_code::ErrorCode;
use crate::metadata::MetadataRecord;
use crate::protocol::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};

/// How many ids a block has (PRODUCER_ID_BLOCK_SIZE).
pub const BLOCK: u32 = 1000;

/// Gives a broker the next block. A block whose answer is lost stays unused: ids are never reused.
pub fn decide_allocate(
    view: View<'_>,
    request: &AllocateProducerIdsRequest,
) -> Result<Decision, ErrorCode> {
    check_broker_epoch(view.image, request.broker, request.broker_epoch)?;
    let first = view.image.next_producer_id;
    assert!(first >= 0, "producer ids are not negative");
    let records = vec![MetadataRecord::ProducerIds { next: first + i64::from(BLOCK) }];
    let answer = AllocateProducerIdsResponse { error: ErrorCode::None, first, count: BLOCK };
    Ok(Decision { records, answer: answer.into() })
}
