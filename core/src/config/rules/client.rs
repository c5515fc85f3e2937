//! What all clients have in common (`ClientUtils.parseAndValidateAddresses`), and which classes Kafka
//! brings along.

use super::{Around, Refusal, View, require};

/// Classes that come with the clients and that people name.
const OWN_CLASSES: &[&str] = &[
    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
    "org.apache.kafka.clients.consumer.RangeAssignor",
    "org.apache.kafka.clients.consumer.RoundRobinAssignor",
    "org.apache.kafka.clients.consumer.StickyAssignor",
    "org.apache.kafka.clients.producer.RoundRobinPartitioner",
];

/// Serializers and deserializers are called `<package><Type>Serializer`.
const CODEC_PACKAGE: &str = "org.apache.kafka.common.serialization.";
const CODEC_TYPES: &[&str] = &[
    "Boolean",
    "ByteArray",
    "ByteBuffer",
    "Bytes",
    "Double",
    "Float",
    "Integer",
    "List",
    "Long",
    "Short",
    "String",
    "UUID",
    "Void",
];

/// Judges what every client has.
pub(super) fn check(view: &View<'_>, found: &mut Vec<Refusal>) {
    if !view.is_written("bootstrap.servers") {
        return;
    }
    let servers = view.names("bootstrap.servers");
    require(found, !servers.is_empty(), &["bootstrap.servers"], || {
        let reason = "`bootstrap.servers` names no server".to_owned();
        (reason, "write at least one `host:port`".to_owned())
    });
    for server in &servers {
        require(found, is_address(server), &["bootstrap.servers"], || {
            let reason = format!("`{server}` in `bootstrap.servers` is no address of a server");
            (reason, "write `host:port`, with a port up to 65535".to_owned())
        });
    }
}

/// `host:port`. Names are not resolved, but those that never can be are refused (RFC 2606).
fn is_address(server: &str) -> bool {
    let server = server.rsplit_once("://").map_or(server, |(_, rest)| rest);
    let Some((host, port)) = server.rsplit_once(':') else { return false };
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-%._:[]".contains(&b);
    !host.is_empty()
        && host.bytes().all(is_name)
        && !host.ends_with(".invalid")
        && port.parse::<u16>().is_ok()
}

/// Judges the name of a class: one of Kafka's own, or one that is on somebody's class path.
pub(super) fn check_class(
    view: &View<'_>,
    key: &str,
    around: Around<'_>,
    found: &mut Vec<Refusal>,
) {
    for class in view.names_of_classes(key) {
        let is_own = class.starts_with("org.apache.kafka.") || class.starts_with("java.");
        let is_foreign = class.contains('.') && !is_own && !around.only_own_classes;
        require(found, is_foreign || is_kafka_s(&class), &[key], || {
            let reason = format!("there is no class `{class}` that `{key}` could use");
            (reason, "write the full name of the class, with its package".to_owned())
        });
    }
}

fn is_kafka_s(class: &str) -> bool {
    let name = class.strip_prefix(CODEC_PACKAGE).unwrap_or_default();
    let coded = name.strip_suffix("Deserializer").or_else(|| name.strip_suffix("Serializer"));
    OWN_CLASSES.contains(&class) || coded.is_some_and(|coded| CODEC_TYPES.contains(&coded))
}

impl View<'_> {
    /// The classes that are written for `key`, one or several.
    fn names_of_classes(&self, key: &str) -> Vec<String> {
        if !self.is_written(key) {
            return Vec::new();
        }
        let value = self.value(key);
        match value.word() {
            Some(word) => vec![word.to_owned()],
            None => value.names().unwrap_or_default().to_vec(),
        }
    }
}
