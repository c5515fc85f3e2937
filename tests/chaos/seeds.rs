//! How many seeds a test takes.

/// `KAFKALAB_SEEDS`, or `otherwise`: CI takes a thousand in release, `cargo test` fewer.
pub(crate) fn seeds(otherwise: u64) -> u64 {
    let asked = std::env::var("KAFKALAB_SEEDS").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(otherwise)
}
