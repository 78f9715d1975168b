//! Keys that the spec may not set, and why.

/// Why `spec.config` may not set this key, if it may not.
pub fn why(name: &str) -> Option<&'static str> {
    RESERVED
        .iter()
        .find(|(pattern, _)| pattern.strip_suffix('*').map_or(*pattern == name, |p| name.starts_with(p)))
        .map(|(_, why)| *why)
}

const IDENTITY: &str = "node ids and roles come from spec.pools";
const LISTENERS: &str = "listeners come from spec.listeners";
const STORAGE: &str = "the place of the data comes from spec.pools[].storage";
const QUORUM: &str = "Sluice runs the controller quorum itself (KIP-853)";
const RACK: &str = "the rack is the zone of the Kubernetes node";
const MOVING: &str = "Sluice sets it while it moves data, and takes it away again";
const ACCESS: &str = "certificates, and who may connect and do what, are Sluice's to set";

/// `*` at the end stands for anything. The first entry that fits gives the reason.
const RESERVED: &[(&str, &str)] = &[
    ("node.id", IDENTITY),
    ("broker.id*", IDENTITY),
    ("process.roles", IDENTITY),
    ("listeners", LISTENERS),
    ("advertised.listeners", LISTENERS),
    ("listener.security.protocol.map", LISTENERS),
    ("listener.name.*", LISTENERS),
    ("inter.broker.listener.name", LISTENERS),
    ("security.inter.broker.protocol", LISTENERS),
    ("controller.listener.names", LISTENERS),
    ("early.start.listeners", LISTENERS),
    ("log.dir", STORAGE),
    ("log.dirs", STORAGE),
    ("metadata.log.dir", STORAGE),
    ("cordoned.log.dirs", MOVING),
    ("controller.quorum.voters", QUORUM),
    ("controller.quorum.bootstrap.servers", QUORUM),
    ("controller.quorum.auto.join.enable", QUORUM),
    ("broker.rack", RACK),
    ("leader.replication.throttled.*", MOVING),
    ("follower.replication.throttled.*", MOVING),
    ("replica.alter.log.dirs.io.max.bytes.per.second", MOVING),
    ("authorizer.class.name", ACCESS),
    ("super.users", ACCESS),
    ("allow.everyone.if.no.acl.found", ACCESS),
    ("principal.builder.class", ACCESS),
    ("ssl.*", ACCESS),
    ("sasl.*", ACCESS),
];
