crate::reasons! {
    /// Why a Topic is, or is not, ready.
    pub enum TopicReason {
        /// The topic is in Kafka as declared.
        AsDeclared,
        /// The topic is being created.
        Creating,
        /// Partitions or configuration are being changed.
        Updating,
        /// The topic is being deleted.
        Deleting,
        /// Sluice is reading the topic's configuration for the first time.
        Describing,
        /// There is no KafkaCluster of the name in `spec.clusterRef`.
        ClusterMissing,
        /// The KafkaCluster does not parse, so Sluice cannot tell what it means.
        ClusterUnparsable,
        /// The Kafka cluster has not answered yet, or does not answer any more.
        KafkaUnreachable,
        /// An older Topic object has the same topic name.
        NameClaimed,
        /// The topic exists already and `spec.adoption` does not allow to take it over.
        AdoptionRefused,
        /// There are fewer brokers than `spec.replicationFactor`.
        NotEnoughBrokers,
        /// Replicas are being added or taken away, by the rebalancing of the KafkaCluster.
        Replicating,
        /// Kafka has another replication factor than declared, and the KafkaCluster moves no replicas: the message says
        /// why.
        ReplicationFactorDiffers,
        /// Kafka has more partitions than declared, and partitions cannot be removed.
        PartitionsDiffer,
        /// A value in the spec cannot be meant.
        InvalidSpec,
        /// A topic configuration key that Kafka does not know, or that is declared twice.
        InvalidConfig,
        /// Kafka refused the change; its words are in the message.
        KafkaRefused,
        /// `spec.paused` is set: nothing is changed.
        Paused,
        /// The object does not parse: it was written under another schema.
        Unparsable,
    }
}
