//! How many bytes records take in a batch: `DefaultRecord.sizeInBytes`, `recordSizeUpperBound`,
//! `DefaultRecordBatch.estimateBatchSizeUpperBound` and the room check of `MemoryRecordsBuilder`.
//!
//! ```text
//!   length │ attributes │ time delta │ offset delta │ key │ value │ headers
//!   varint      1 byte      varint        varint      └ each a length and its bytes ┘
//! ```
//! A record's size depends on its place in the batch, because the deltas are varints. Before it has
//! a place an upper bound is used: that is what `max.request.size` is compared with and what a new
//! batch reserves, so that a lone record larger than `batch.size` leaves its batch not quite full.

/// Bytes of a batch header.
pub const HEADER: u32 = 61;

/// What a record's length, attributes and deltas take at most: 5 + 1 + 10 + 5 bytes.
const MAX_OVERHEAD: u32 = 21;

/// A header of a record: the length of its name, and of its value unless that is null.
pub type HeaderLengths = (usize, Option<usize>);

/// Bytes of an unsigned varint.
const fn unsigned(value: u64) -> u32 {
    (64 - (value | 1).leading_zeros()).div_ceil(7)
}

/// Bytes of a signed varint, which is written zigzag: 0, -1, 1, -2 … as 0, 1, 2, 3 …
const fn signed(value: i64) -> u32 {
    unsigned(((value << 1) ^ (value >> 63)) as u64)
}

/// Bytes of a length and what it announces; null has the length -1.
fn framed(length: Option<usize>) -> u32 {
    length.map_or(1, |length| signed(length as i64) + length as u32)
}

/// Bytes of key, value and headers with their lengths: the part of a record that does not depend on
/// its place.
pub fn content(key: Option<usize>, value: Option<usize>, headers: &[HeaderLengths]) -> u32 {
    let header = |(name, value): &HeaderLengths| framed(Some(*name)) + framed(*value);
    let headers: u32 = signed(headers.len() as i64) + headers.iter().map(header).sum::<u32>();
    framed(key) + framed(value) + headers
}

/// Bytes of a record of `content` bytes at a place of a batch.
pub const fn record(content: u32, offset_delta: u32, timestamp_delta: i64) -> u32 {
    let body = 1 + signed(timestamp_delta) + signed(offset_delta as i64) + content;
    signed(body as i64) + body
}

/// Bytes that a batch of this one record takes at most.
pub const fn lone_batch_at_most(content: u32) -> u32 {
    HEADER + MAX_OVERHEAD + content
}

/// The bytes of a batch that is being filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillingBatch {
    /// Bytes it may have: a record that would pass them does not fit, but for the first.
    limit: u32,
    /// Bytes so far.
    size: u32,
    records: u32,
}

impl FillingBatch {
    /// An empty batch that reserves `batch_size` bytes, or what its first record, of `first` bytes of
    /// content, needs at most.
    pub const fn new(batch_size: u32, first: u32) -> Self {
        let needed = lone_batch_at_most(first);
        let limit = if batch_size > needed { batch_size } else { needed };
        Self { limit, size: HEADER, records: 0 }
    }

    /// Adds a record of `content` bytes, `timestamp_delta` milliseconds after the first one, if it
    /// fits; says whether it did.
    pub const fn add(&mut self, content: u32, timestamp_delta: i64) -> bool {
        let after = self.size + record(content, self.records, timestamp_delta);
        let fits = self.records == 0 || (!self.is_full() && after <= self.limit);
        if fits {
            self.size = after;
            self.records += 1;
        }
        fits
    }

    /// Whether not one byte is left.
    pub const fn is_full(&self) -> bool {
        self.records > 0 && self.limit <= self.size
    }

    /// Bytes it reserves.
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// Bytes it has.
    pub const fn size(&self) -> u32 {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::vectors;
    use serde_json::Value;

    /// A length of a vector line: -1 is null.
    fn length(value: &Value) -> Option<usize> {
        value.as_i64().expect("a length").try_into().ok()
    }

    fn number(value: &Value) -> u32 {
        value.as_u64().expect("not negative").try_into().expect("32 bits")
    }

    fn check_constants(line: &Value) {
        assert_eq!(HEADER, number(&line["batch_overhead"]));
        assert_eq!(MAX_OVERHEAD, number(&line["max_record_overhead"]));
    }

    fn headers_of(record: &Value) -> Vec<HeaderLengths> {
        let header = |header: &Value| {
            let (name, value) = (header[0].as_str().expect("a name"), &header[1]);
            (name.len(), value.as_str().map(|hex| hex.len() / 2))
        };
        record["headers"].as_array().map_or(Vec::new(), |all| all.iter().map(header).collect())
    }

    fn check_batch(line: &Value) {
        let records = line["records"].as_array().expect("records");
        let timestamp = |record: &Value| record["timestamp"].as_i64().expect("milliseconds");
        let mut batch = FillingBatch::new(u32::MAX, 0);
        for (place, one) in records.iter().enumerate() {
            let content =
                content(length(&one["key_len"]), length(&one["value_len"]), &headers_of(one));
            let delta = timestamp(one) - timestamp(&records[0]);
            assert_eq!(record(content, place as u32, delta), number(&one["size"]), "{place}");
            assert_eq!(lone_batch_at_most(content), number(&one["upper_bound"]), "{place}");
            assert!(batch.add(content, delta));
        }
        assert_eq!(batch.size(), number(&line["size_in_bytes"]));
        assert_eq!(batch.size(), number(&line["estimated_before_close"]));
    }

    fn check_fits(line: &Value) {
        let header = length(&line["header_key_len"].as_i64().unwrap_or(-1).into())
            .map(|name| (name, length(&line["header_value_len"])));
        let content =
            content(length(&line["key_len"]), length(&line["value_len"]), header.as_slice());
        assert_eq!(lone_batch_at_most(content), number(&line["upper_bound"]));
        let mut batch = FillingBatch::new(number(&line["batch_size"]), content);
        assert_eq!(batch.limit(), number(&line["buffer"]));
        let step = line["timestamp_step"].as_i64().expect("milliseconds");
        let fit =
            (0..i64::from(batch.limit())).take_while(|n| batch.add(content, n * step)).count();
        assert_eq!(fit as u32, number(&line["records_that_fit"]));
        assert_eq!(batch.is_full(), line["is_full"].as_bool().expect("whether"));
        assert_eq!(batch.size(), number(&line["size_in_bytes"]));
    }

    #[test]
    fn every_size_is_that_of_kafka() {
        vectors::check(include_str!("../../../tests/oracle/batch-bytes.jsonl"), |line| {
            match line["kind"].as_str() {
                Some("constants") => check_constants(line),
                Some("batch") => check_batch(line),
                Some("fits") => check_fits(line),
                kind => panic!("{kind:?}"),
            }
            vectors::Outcome::Tested
        });
    }
}
