#!/bin/sh
# Runs in the image to be: formats a node and starts it, and leaves an archive of the classes that each of them loaded.
set -eu
export PATH=/opt/java/openjdk/bin:$PATH
classes=
for jar in /opt/kafka/libs/*; do classes=$classes:$jar; done
java="java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp ${classes#:}"
cd /tmp
cat > log4j2.properties << 'end'
appender.out.type = Console
appender.out.name = out
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
end
cat > server.properties << 'end'
process.roles=broker,controller
node.id=0
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
log.dirs=/tmp/data
offsets.topic.replication.factor=1
end
java="$java -Dlog4j2.configurationFile=/tmp/log4j2.properties"

$java -XX:ArchiveClassesAtExit=/opt/kafka/storage.jsa kafka.tools.StorageTool \
    format --cluster-id AAAAAAAAQACAAAAAAAAAAA --standalone --config server.properties
$java -XX:ArchiveClassesAtExit=/opt/kafka/kafka.jsa kafka.Kafka server.properties > log 2>&1 &
node=$!
until grep -q 'Kafka Server started' log; do
    sleep 0.2
    kill -0 $node || { cat log; exit 1; }
done
# creating a topic and writing to it loads the classes that a broker at work needs
$java org.apache.kafka.tools.TopicCommand --bootstrap-server localhost:9092 --create --topic t
echo a record | $java org.apache.kafka.tools.ConsoleProducer --bootstrap-server localhost:9092 --topic t
$java org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server localhost:9092 --topic t --from-beginning \
    --max-messages 1 --timeout-ms 20000
kill $node
wait $node || true
cat log
ls -l /opt/kafka/kafka.jsa
