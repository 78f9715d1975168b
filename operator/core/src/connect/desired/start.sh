#!/bin/sh
# Starts one Connect worker. Arguments: those of java. What only the pod knows is added to the configuration here.
set -eu
PATH=${JAVA_HOME:+$JAVA_HOME/bin:}$PATH:/opt/java/openjdk/bin
libs=/kafka/libs
[ -d "$libs" ] || libs=/opt/kafka/libs

# A kubelet that knew an older Secret shows the newer one after a moment. A later one is as good.
until [ "$(cat /opt/sluice/certificates/revision)" -ge "$SLUICE_CERTIFICATES" ]; do
    echo "waiting for revision $SLUICE_CERTIFICATES of the certificate"
    sleep 1
done
{
    cat /etc/sluice/worker.properties
    echo "rest.advertised.host.name=$POD_NAME.$SLUICE_DOMAIN"
} >/tmp/worker.properties
exec java "$@" -cp "$libs/*" org.apache.kafka.connect.cli.ConnectDistributed /tmp/worker.properties
