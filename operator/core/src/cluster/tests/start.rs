//! `start.sh`, run by a real shell with a `java` that only writes down how it was called.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const ID: &str = "1dDjfgZR4aXwJy-sdRdfKQ";

struct Machine {
    dir: TempDir,
}

impl Machine {
    /// With what a pod of node 1 mounts.
    fn new() -> Self {
        let machine = Self { dir: tempfile::tempdir().unwrap() };
        for folder in ["bin", "etc", "data", "certificates"] {
            fs::create_dir(machine.path(folder)).unwrap();
        }
        machine.write(
            "etc/server.abc.properties",
            "log.dirs=/x\nadvertised.listeners=PLAIN://@HOST@:9092\nodd=@HOST@\n",
        );
        machine.write("certificates/revision", "7");
        machine.write("bin/java", "#!/bin/sh\nprintf '%s\\n' \"$*\" >>\"$CALLS\"\n");
        machine.executable("bin/java");
        // nobody waits here
        machine.write("bin/sleep", "#!/bin/sh\n");
        machine.executable("bin/sleep");
        machine.has_free(1 << 20);
        machine
    }

    /// So many KiB on a large disk.
    fn has_free(&self, free: u32) {
        self.disk(100 << 20, free);
    }

    /// Of so many KiB, so many are free.
    fn disk(&self, all: u32, free: u32) {
        let df = format!(
            "#!/bin/sh\necho Filesystem 1024-blocks Used Available Capacity Mounted\necho /dev/x {all} 9 {free} 9% /x\n"
        );
        self.write("bin/df", &df);
        self.executable("bin/df");
    }

    fn executable(&self, name: &str) {
        let set = Command::new("chmod").arg("+x").arg(self.path(name)).status().unwrap();
        assert!(set.success());
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn start(&self) -> Output {
        let script = include_str!("../desired/start.sh")
            .replace("/etc/sluice", &self.path("etc"))
            .replace("/var/lib/kafka/data", &self.path("data"))
            .replace("/opt/kafka", &self.path("kafka"))
            .replace("/opt/sluice/certificates", &self.path("certificates"))
            .replace("/tmp/server.properties", &self.path("server.properties"));
        assert!(
            !script.contains("/tmp/server") || self.dir.path().starts_with("/tmp"),
            "nothing outside is touched"
        );
        self.write("start.sh", &script);
        let path = format!("{}:{}", self.path("bin"), std::env::var("PATH").unwrap());
        Command::new("sh")
            .arg(Path::new(&self.path("start.sh")))
            .args(["-Xmx1g", "-Dtwo=two words"])
            .env("PATH", path)
            .env("CALLS", self.path("calls"))
            .envs([
                ("POD_NAME", "shop-kafka-1"),
                ("NODE_NAME", "machine-b"),
                ("SLUICE_REVISION", "abc"),
                ("SLUICE_CERTIFICATES", "7"),
                ("SLUICE_DOMAIN", "shop-nodes.web.svc"),
                ("SLUICE_CLUSTER_ID", ID),
                ("SLUICE_RELEASE", "4.3-IV0"),
            ])
            .output()
            .unwrap()
    }

    fn calls(&self) -> Vec<String> {
        self.read("calls").lines().map(str::to_owned).collect()
    }
}

#[test]
fn an_empty_volume_is_formatted_without_founding_a_quorum() {
    let machine = Machine::new();
    machine.write("etc/standalone", "0");
    assert!(machine.start().status.success());
    let calls = machine.calls();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(
        calls[0].contains("StorageTool format") && calls[0].contains("--no-initial-controllers"),
        "{calls:?}"
    );
    assert!(!calls[0].contains("--standalone"));
    assert!(
        calls[1].starts_with("-Xmx1g -Dtwo=two words ") && calls[1].contains(" kafka.Kafka "),
        "{calls:?}"
    );
}

#[test]
fn archives_of_classes_are_used_where_the_image_has_them() {
    let machine = Machine::new();
    fs::create_dir_all(machine.path("kafka/libs")).unwrap();
    for file in ["libs/b.jar", "libs/a.jar", "kafka.jsa", "storage.jsa"] {
        machine.write(&format!("kafka/{file}"), "");
    }
    assert!(machine.start().status.success());
    let class_path =
        format!(" -cp {}:{} ", machine.path("kafka/libs/a.jar"), machine.path("kafka/libs/b.jar"));
    let calls = machine.calls();
    for (call, archive) in calls.iter().zip(["storage", "kafka"]) {
        let archive = format!("-XX:SharedArchiveFile={} ", machine.path(&format!("kafka/{archive}.jsa")));
        assert!(call.starts_with(&archive) && call.contains(&class_path), "{calls:?}");
    }
}

#[test]
fn only_the_node_that_is_named_founds_the_quorum() {
    let machine = Machine::new();
    machine.write("etc/standalone", "1");
    assert!(machine.start().status.success());
    assert!(machine.calls()[0].contains("--standalone"), "{:?}", machine.calls());
}

#[test]
fn a_volume_with_data_is_never_formatted() {
    let machine = Machine::new();
    machine.write("etc/standalone", "1");
    machine.write("data/meta.properties", &format!("node.id=1\ncluster.id={ID}\n"));
    assert!(machine.start().status.success());
    let calls = machine.calls();
    assert!(calls.len() == 1 && calls[0].contains("kafka.Kafka"), "{calls:?}");
}

#[test]
fn a_volume_of_another_cluster_is_refused_with_its_id() {
    let machine = Machine::new();
    machine.write("data/meta.properties", "node.id=1\ncluster.id=x-T0ifXFvBADC2mXodPVHA\n");
    let output = machine.start();
    assert!(!output.status.success());
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(
        words.contains("cluster.id=x-T0ifXFvBADC2mXodPVHA") && words.contains("spec.clusterId"),
        "{words}"
    );
    assert_eq!(machine.calls(), [] as [&str; 0]);
}

#[test]
fn what_differs_between_nodes_is_added_to_the_pools_configuration() {
    let machine = Machine::new();
    machine.write("etc/zones", "machine-a=z1\nmachine-b=z2\n");
    machine.start();
    assert_eq!(
        machine.read("server.properties"),
        "log.dirs=/x\nadvertised.listeners=PLAIN://shop-kafka-1.shop-nodes.web.svc:9092\nodd=@HOST@\nnode.id=1\nbroker.rack=z2\n"
    );
}

#[test]
fn a_machine_without_a_zone_gives_no_rack_and_is_not_waited_for() {
    let machine = Machine::new();
    machine.write("etc/zones", "machine-a=z1\nmachine-b=\n");
    let output = machine.start();
    assert!(output.status.success());
    assert!(!machine.read("server.properties").contains("broker.rack"));
    assert!(!String::from_utf8(output.stdout).unwrap().contains("waiting"));
}

#[test]
fn the_zone_of_a_machine_that_has_just_joined_is_waited_for_and_not_for_ever() {
    let machine = Machine::new();
    machine.write("etc/zones", "machine-a=z1\n");
    let output = machine.start();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "waiting for the zone of machine-b\n".repeat(5));
    assert!(!machine.read("server.properties").contains("broker.rack"));

    // the kubelet shows the newer ConfigMap meanwhile
    machine.write("bin/sleep", &format!("#!/bin/sh\necho machine-b=z2 >>{}\n", machine.path("etc/zones")));
    machine.executable("bin/sleep");
    assert!(machine.start().status.success());
    assert!(machine.read("server.properties").ends_with("broker.rack=z2\n"));
}

#[test]
fn the_certificate_that_a_pod_was_made_for_is_waited_for_and_a_later_one_taken() {
    let machine = Machine::new();
    machine.write("certificates/revision", "9");
    let output = machine.start();
    assert!(output.status.success() && output.stdout.is_empty());

    machine.write("certificates/revision", "6");
    machine.write("bin/sleep", &format!("#!/bin/sh\nprintf 7 >{}\n", machine.path("certificates/revision")));
    machine.executable("bin/sleep");
    let output = machine.start();
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "waiting for revision 7 of the certificate\n",
        "a kubelet shows what it knew at first"
    );
}

#[test]
fn kafka_is_not_started_on_a_full_disk() {
    let machine = Machine::new();
    machine.has_free(65535);
    let output = machine.start();
    assert!(!output.status.success());
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(
        words.contains("No space left on device: 65535 KiB") && words.contains("storage.size"),
        "{words}"
    );
    assert_eq!(machine.calls(), [] as [&str; 0]);
    machine.has_free(65536);
    assert!(machine.start().status.success());
}

#[test]
fn a_small_disk_and_one_that_tells_nothing_keep_no_node_down() {
    let machine = Machine::new();
    machine.disk(100 << 10, 5 << 10);
    assert!(machine.start().status.success(), "a twentieth of it is free");
    machine.disk(100 << 10, (5 << 10) - 1);
    assert!(!machine.start().status.success());

    machine.write("bin/df", "#!/bin/sh\nexit 1\n");
    assert!(machine.start().status.success());
    machine.has_free(0);
    fs::remove_dir(machine.path("data")).unwrap();
    assert!(machine.start().status.success(), "nothing is there yet that could be lost");
}

#[test]
fn a_node_that_has_founded_the_quorum_founds_no_second_one() {
    const FIRST: &str = "data/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint";
    const LOG: &str = "data/__cluster_metadata-0/00000000000000000000.log";
    let machine = Machine::new();
    machine.write("data/meta.properties", &format!("node.id=1\ncluster.id={ID}\n"));
    fs::create_dir(machine.path("data/__cluster_metadata-0")).unwrap();
    let keeps = |log: usize, named: &str| {
        machine.write(FIRST, "the only voter");
        machine.write(LOG, &"x".repeat(log));
        machine.write("etc/standalone", named);
        assert!(machine.start().status.success());
        fs::exists(machine.path(FIRST)).unwrap()
    };
    assert!(!keeps(0, "0"));
    assert!(!keeps(9000, "0"), "Kafka may throw its log away while it starts");
    assert!(!keeps(9000, "1"), "it has founded one, whatever the file says");
    assert!(keeps(0, "1"), "it has been interrupted");
    assert!(keeps(900, "1"), "and may not have written who votes");
}

#[test]
fn a_volume_of_another_cluster_is_left_as_it_is() {
    const FIRST: &str = "data/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint";
    let machine = Machine::new();
    machine.write("data/meta.properties", "node.id=1\ncluster.id=x-T0ifXFvBADC2mXodPVHA\n");
    fs::create_dir(machine.path("data/__cluster_metadata-0")).unwrap();
    machine.write(FIRST, "the only voter");
    assert!(!machine.start().status.success());
    assert!(fs::exists(machine.path(FIRST)).unwrap());
}
