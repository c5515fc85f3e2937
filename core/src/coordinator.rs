//! Which partition of an internal topic serves a group or a transactional id, and with its leader
//! which broker coordinates it: `GroupCoordinatorService.partitionFor`,
//! `TransactionStateManager.partitionFor`.

/// Java's `String.hashCode`, over UTF-16 units.
pub fn hash_code(text: &str) -> i32 {
    let add = |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(i32::from(unit));
    text.encode_utf16().fold(0, add)
}

/// The partition of a group id or transactional id among `count` (positive) partitions. The smallest
/// hash has no positive counterpart and counts as 0 (`Utils.abs`).
pub fn partition_for_id(id: &str, count: u32) -> u32 {
    assert!(count > 0, "an internal topic has at least one partition");
    hash_code(id).checked_abs().unwrap_or(0) as u32 % count
}
