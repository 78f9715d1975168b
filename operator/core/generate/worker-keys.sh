#!/bin/sh
# Writes the table of Connect's worker configuration keys from Kafka's own jars.
# KAFKA_LIBS: a folder with the jars of the Kafka version that Sluice runs (an image has them in /opt/kafka/libs).
set -eu
cd "$(dirname "$0")"
libs=${KAFKA_LIBS:-$HOME/.cache/sluice/kafka-dev/libs}
ls "$libs"/connect-runtime-[0-9]*.jar >/dev/null 2>&1 || {
    echo "worker-keys: no jars of Kafka Connect in $libs; set KAFKA_LIBS" >&2
    exit 1
}
out=../src/connect/keys.rs
CLASSPATH="$libs/*" java WorkerKeys.java 2>/dev/null >"$out.new"
mv "$out.new" "$out"
