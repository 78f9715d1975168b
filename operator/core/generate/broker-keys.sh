#!/bin/sh
# Writes the table of Kafka's broker configuration keys from Kafka's own jars.
# KAFKA_LIBS: a folder with the jars of the Kafka version that Sluice runs (an image has them in /opt/kafka/libs).
set -eu
cd "$(dirname "$0")"
libs=${KAFKA_LIBS:-$HOME/.cache/sluice/kafka-dev/libs}
ls "$libs"/kafka-server-[0-9]*.jar >/dev/null 2>&1 || {
    echo "broker-keys: no Kafka jars in $libs; set KAFKA_LIBS" >&2
    exit 1
}
out=../src/cluster/config/table.rs
CLASSPATH="$libs/*" java BrokerKeys.java 2>/dev/null >"$out.new"
mv "$out.new" "$out"
