#!/bin/sh
# Starts one Kafka node. Arguments: those of java. The pod's environment says which node it is, and which revision of
# the configuration it was made for: it keeps that one also when its container restarts while another is rolled out.
set -eu
PATH=$PATH:/opt/java/openjdk/bin
etc=/etc/sluice
data=/var/lib/kafka/data
certificates=/opt/sluice/certificates
node=${POD_NAME##*-}

# A kubelet that knew an older ConfigMap shows the newer one after a moment.
until [ -f "$etc/server.$SLUICE_REVISION.properties" ]; do
    echo "waiting for revision $SLUICE_REVISION of the configuration"
    sleep 1
done

# The same with a Secret. A later one is as good: this container may be started again long after its pod was made.
until [ "$(cat "$certificates/revision")" -ge "$SLUICE_CERTIFICATES" ]; do
    echo "waiting for revision $SLUICE_CERTIFICATES of the certificate"
    sleep 1
done

# Every machine has a line, also one without a zone; one that has just joined has it after a moment.
rack=
find_rack() {
    while IFS='=' read -r name zone; do
        if [ "$name" = "$NODE_NAME" ]; then
            rack=$zone
            return 0
        fi
    done <"$etc/zones"
    return 1
}
if [ -f "$etc/zones" ]; then
    waited=0
    until find_rack || [ "$waited" -ge 5 ]; do
        echo "waiting for the zone of $NODE_NAME"
        sleep 1
        waited=$((waited + 1))
    done
fi
{
    sed "/^advertised\.listeners=/s/@HOST@/$POD_NAME.$SLUICE_DOMAIN/g" "$etc/server.$SLUICE_REVISION.properties"
    echo "node.id=$node"
    [ -z "$rack" ] || echo "broker.rack=$rack"
} >/tmp/server.properties

# Kafka's image brings archives of its classes (class data sharing), which save a third of a start. They are good for the
# class path as bin/kafka-run-class.sh orders it; without one, or with one that does not fit, Java starts as ever.
classes=
for jar in /opt/kafka/libs/*; do
    classes=$classes:$jar
done
archive() {
    [ ! -f "/opt/kafka/$1.jsa" ] ||
        echo "-XX:SharedArchiveFile=/opt/kafka/$1.jsa -Xlog:cds=off -Xlog:cds+dynamic=off"
}

# When it starts Kafka repairs what was not written to its end. On a full disk it throws away what it cannot repair: also the log of the
# quorum, and with that everything (LogLoader: "Deleting the corrupt segment"). 64 MiB are enough, and a twentieth of a small volume;
# where nobody can be asked how much there is, it is started.
free() {
    df -Pk "$data" | awk 'END { print $(NF - 2) }'
}
full() {
    df -Pk "$data" | awk 'END { least = $(NF - 4) / 20; exit !(NF >= 6 && $(NF - 2) + 0 < (least < 65536 ? least : 65536)) }'
}
waited=0
while [ -d "$data" ] && full; do
    if [ "$waited" -ge 10 ]; then
        echo "No space left on device: $(free) KiB are free at $data, and on a full disk Kafka loses what it repairs when it starts. Let the" \
            "volume grow (storage.size of its pool in spec.pools), or free some of it." >&2
        exit 1
    fi
    echo "waiting for room on the disk"
    sleep 1
    waited=$((waited + 1))
done

named() {
    [ -f "$etc/standalone" ] && [ "$(cat "$etc/standalone")" = "$node" ]
}

# Of the node that has started the quorum this file says since then that it is its only voter. It is read where the log that says otherwise
# is lost, also in the start that loses it, and the node would start a second quorum over that of all others. Without it that node joins them,
# as one whose disk is new. What the file says stands in the log since its first leader, so that only a founder that was interrupted needs it.
forget_founding() {
    quorum=$data/__cluster_metadata-0
    first=$quorum/00000000000000000000-0000000000.checkpoint
    if [ -f "$first" ] && { ! named || [ -n "$(find "$quorum" -name '*.log' -size +8)" ]; }; then
        rm "$first"
    fi
}

if [ -f "$data/meta.properties" ]; then
    if ! grep -q "^cluster\.id=$SLUICE_CLUSTER_ID\$" "$data/meta.properties"; then
        echo "The volume belongs to another Kafka cluster ($(grep '^cluster\.id=' "$data/meta.properties"))," \
            "this one is $SLUICE_CLUSTER_ID. Delete the claim; or, to take all of its volumes over, create the" \
            "KafkaCluster with that spec.clusterId." >&2
        exit 1
    fi
    forget_founding
else
    # One node starts the quorum, once in the cluster's life. A node that lost its disk must never start a second
    # one: it joins as an observer, and Sluice makes it a voter when it has caught up (KIP-853).
    how=--no-initial-controllers
    ! named || how=--standalone
    # shellcheck disable=SC2046
    java $(archive storage) -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dlog4j2.configurationFile="$etc/log4j2.properties" -cp "${classes#:}" kafka.tools.StorageTool \
        format --cluster-id "$SLUICE_CLUSTER_ID" --release-version "$SLUICE_RELEASE" "$how" \
        --config /tmp/server.properties
fi
# shellcheck disable=SC2046
exec java $(archive kafka) "$@" -cp "${classes#:}" kafka.Kafka /tmp/server.properties
