//! What every Java process of ours is started with, whatever it runs.

/// Options of `java`, before those that a spec adds.
pub const OPTIONS: &[&str] = &[
    // a process that is out of memory must not linger half alive
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    // pods come back with other addresses: names must be looked up again
    "-Dsun.net.inetaddr.ttl=5",
    "-Dsun.net.inetaddr.negative.ttl=0",
    // Kafka puts what it reads from PEM files into a key store in memory, and each of its many clients makes and opens one: ten
    // thousand rounds of hashing each time would protect a file that is never written
    "-Dkeystore.pkcs12.keyPbeIterationCount=1",
    "-Dlog4j2.configurationFile=/etc/sluice/log4j2.properties",
];
