//! Roles, addresses and voters of a process (`KafkaConfig.validateValues`, `QuorumConfig`,
//! `SocketServerConfigs.listenerListToEndPoints`): nothing of it is simulated, and still what Kafka
//! would refuse is.

use super::{Refusal, View, Written, require};

/// Protocols that a listener may speak; by default a listener is called like one of them.
const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// What a process must be told of itself, where it is not written: who it is, what it does, where it
/// listens, who votes. In a cluster of ours all of that is known without being said.
pub fn complete(broker: &Written) -> Written {
    let mut all = broker.clone();
    let mut fill = |key: &str, value: &str| {
        all.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    };
    fill("process.roles", "broker,controller");
    let roles = broker.get("process.roles").map_or("broker,controller", String::as_str);
    let (serves, votes) = (roles.contains("broker"), roles.contains("controller"));
    let id = broker.get("node.id").or_else(|| broker.get("broker.id"));
    let id = id.map_or("1", |id| id.trim());
    fill("node.id", id);
    let names = broker.get("controller.listener.names").map_or("CONTROLLER", String::as_str);
    fill("controller.listener.names", names);
    let controller = names.split(',').next().unwrap_or_default().trim();
    if !broker.contains_key("controller.quorum.bootstrap.servers") {
        let other = if votes { id } else { "1000001" };
        fill("controller.quorum.voters", &format!("{other}@localhost:9093"));
    }
    let own = if serves { "PLAINTEXT://localhost:9092" } else { "" };
    let quorum = if votes { format!("{controller}://localhost:9093") } else { String::new() };
    let between = if serves && votes { "," } else { "" };
    fill("listeners", &format!("{own}{between}{quorum}"));
    all
}

/// `NAME://host:port`.
struct Listener {
    name: String,
    host: String,
    port: String,
}

fn listeners(text: &str) -> Option<Vec<Listener>> {
    let one = |text: &str| {
        let (name, address) = text.trim().split_once("://")?;
        let (host, port) = address.rsplit_once(':')?;
        let name = name.to_ascii_uppercase();
        Some(Listener { name, host: host.to_owned(), port: port.to_owned() })
    };
    text.split(',').filter(|one| !one.trim().is_empty()).map(one).collect()
}

pub(super) fn check(view: &View<'_>, found: &mut Vec<Refusal>) {
    let before = found.len();
    identity(view, found);
    quorum(view, found);
    if found.len() == before {
        addresses(view, found);
    }
}

fn identity(view: &View<'_>, found: &mut Vec<Refusal>) {
    for key in ["process.roles", "node.id"] {
        require(found, view.is_written(key), &[key], || {
            (format!("`{key}` is missing"), "every process must know it".to_owned())
        });
    }
    let (node, old) = (view.number("node.id"), view.number("broker.id"));
    let is_same = !view.is_written("broker.id") || node == old;
    require(found, is_same, &["broker.id", "node.id"], || {
        let reason = "`broker.id` and `node.id` differ".to_owned();
        (reason, "leave `broker.id` out: it is an old name of `node.id`".to_owned())
    });
    let roles = view.names("process.roles");
    let twice = roles.iter().enumerate().any(|(n, role)| roles[..n].contains(role));
    require(found, !twice, &["process.roles"], || {
        ("a role is named twice".to_owned(), "write `broker`, `controller` or both".to_owned())
    });
}

/// The ids of those who vote, and whether each of them is written as `id@host:port`.
fn voters(view: &View<'_>) -> Option<Vec<i64>> {
    let one = |text: &String| {
        let (id, address) = text.split_once('@')?;
        let (_, port) = address.rsplit_once(':')?;
        port.parse::<u16>().ok()?;
        id.trim().parse().ok()
    };
    view.names("controller.quorum.voters").iter().map(one).collect()
}

fn quorum(view: &View<'_>, found: &mut Vec<Refusal>) {
    let roles = view.names("process.roles");
    let (serves, votes) = (has(&roles, "broker"), has(&roles, "controller"));
    let key = "controller.quorum.voters";
    let Some(voters) = voters(view) else {
        require(found, false, &[key], || {
            (format!("`{key}` is no list of voters"), "write `1@host:9093`".to_owned())
        });
        return;
    };
    let is_known =
        !voters.is_empty() || !view.names("controller.quorum.bootstrap.servers").is_empty();
    let keys = [key, "controller.quorum.bootstrap.servers", "process.roles"];
    require(found, roles.is_empty() || is_known, &keys, || {
        let reason = "nobody knows where the controllers are".to_owned();
        (reason, "write `controller.quorum.bootstrap.servers = host:9093`".to_owned())
    });
    let is_voter = view.number("node.id").is_some_and(|id| voters.contains(&id));
    let id = view.number("node.id").unwrap_or_default();
    require(found, voters.is_empty() || !votes || is_voter, &[key, "process.roles"], || {
        let reason = format!("controller {id} is none of the voters");
        (reason, format!("add `{id}@host:9093` to `{key}`"))
    });
    require(found, !(serves && !votes && is_voter), &["process.roles", key], || {
        let reason = format!("{id} is a voter and no controller");
        (reason, "add `controller` to `process.roles`, or take it out of the voters".to_owned())
    });
}

fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|one| one == name)
}

fn addresses(view: &View<'_>, found: &mut Vec<Refusal>) {
    let written = view.word("listeners");
    let Some(all) = listeners(&written) else {
        require(found, false, &["listeners"], || {
            let reason = "`listeners` is no list of addresses".to_owned();
            (reason, "write `PLAINTEXT://host:9092`".to_owned())
        });
        return;
    };
    let names: Vec<String> = view
        .word("controller.listener.names")
        .split(',')
        .map(|one| one.trim().to_owned())
        .collect();
    let names: Vec<String> = names.into_iter().filter(|one| !one.is_empty()).collect();
    let twice = all.iter().enumerate().any(|(n, one)| {
        all[..n].iter().any(|other| {
            (one.port == other.port && one.port != "0" && one.host == other.host)
                || one.name == other.name
        })
    });
    require(found, !twice, &["listeners"], || {
        ("two listeners have the same port or name".to_owned(), "give each its own".to_owned())
    });
    protocols(view, &all, &names, found);
    by_role(view, &all, &names, found);
    advertised(view, &names, found);
}

/// Each listener has a security protocol; a controller's has PLAINTEXT unless something is written.
fn protocols(view: &View<'_>, all: &[Listener], names: &[String], found: &mut Vec<Refusal>) {
    let map = view.word("listener.security.protocol.map");
    let mapped: Vec<&str> = map
        .split(',')
        .filter_map(|pair| pair.split_once(':').map(|(name, _)| name.trim()))
        .collect();
    let is_written = view.is_written("listener.security.protocol.map");
    for listener in all {
        let is_controller_s = !is_written && has(names, &listener.name);
        let is_mapped = mapped.contains(&listener.name.as_str()) || is_controller_s;
        let keys = ["listeners", "listener.security.protocol.map"];
        require(found, is_mapped, &keys, || {
            let reason = format!("listener {} has no security protocol", listener.name);
            let help = format!(
                "call it {}, name it in `controller.listener.names`, or map it in \
                 `listener.security.protocol.map`",
                PROTOCOLS[0]
            );
            (reason, help)
        });
    }
    let inter = view.word("inter.broker.listener.name");
    let keys = ["inter.broker.listener.name", "listener.security.protocol.map"];
    let is_mapped = inter.is_empty() || mapped.contains(&inter.as_str()) || has(names, &inter);
    require(found, is_mapped, &keys, || {
        let reason = format!("listener {inter} has no security protocol");
        (reason, "name a listener that is mapped to one".to_owned())
    });
    let keys = ["inter.broker.listener.name", "listeners", "advertised.listeners"];
    require(found, !has(names, &inter), &keys, || {
        let reason = format!("brokers cannot talk to each other over {inter}");
        (reason, "it belongs to the controllers: name another listener".to_owned())
    });
}

/// Brokers and controllers listen at different places.
fn by_role(view: &View<'_>, all: &[Listener], names: &[String], found: &mut Vec<Refusal>) {
    let roles = view.names("process.roles");
    let (serves, votes) = (has(&roles, "broker"), has(&roles, "controller"));
    let is_controller_s = |listener: &&Listener| has(names, &listener.name);
    let of_controllers = all.iter().filter(is_controller_s).count();
    let of_brokers = all.len() - of_controllers;
    let keys = ["listeners", "controller.listener.names", "process.roles"];
    if serves && !votes {
        require(found, of_controllers == 0, &keys, || {
            let reason = "a broker has no listener for controllers".to_owned();
            (reason, "take it out of `listeners`".to_owned())
        });
    }
    if votes {
        require(found, of_controllers > 0, &keys, || {
            let reason = "a controller needs a listener".to_owned();
            (reason, "add one of `controller.listener.names` to `listeners`".to_owned())
        });
    }
    if votes && !serves {
        require(found, of_brokers == 0, &keys, || {
            let reason = "a controller listens for controllers only".to_owned();
            (reason, "take the other listeners out of `listeners`".to_owned())
        });
    }
    if serves {
        require(found, of_brokers > 0, &keys, || {
            let reason = "a broker needs a listener for clients".to_owned();
            (reason, "add one such as `PLAINTEXT://host:9092` to `listeners`".to_owned())
        });
    }
}

fn advertised(view: &View<'_>, names: &[String], found: &mut Vec<Refusal>) {
    let key = "advertised.listeners";
    let Some(all) = listeners(&view.word(key)) else { return };
    let is_reachable = all.iter().all(|one| one.host != "0.0.0.0" || has(names, &one.name));
    require(found, is_reachable, &[key], || {
        let reason = "nobody can reach a broker at 0.0.0.0".to_owned();
        (reason, "advertise a name or an address that clients can reach".to_owned())
    });
}
