crate::reasons! {
    /// Why a ConnectCluster is, or is not, ready.
    pub enum ConnectReason {
        /// Every worker is ready and the REST API answers.
        WorkersReady,
        /// `spec.replicas` is 0: no worker is wanted.
        ScaledToZero,
        /// There is no KafkaCluster of the name in `spec.clusterRef`.
        ClusterMissing,
        /// The KafkaCluster does not parse, so Sluice cannot tell what it means.
        ClusterUnparsable,
        /// A key in `spec.config` that Sluice sets itself.
        ReservedConfig,
        /// A key in `spec.config` that workers of this Kafka version do not have.
        UnknownConfig,
        /// Something else in the spec that cannot be meant.
        InvalidSpec,
        /// An object that Sluice would make exists already and belongs to somebody else.
        NameTaken,
        /// Kubernetes refused or did not answer a change. It is tried again.
        ChangeFailed,
        /// The topics in which Connect keeps its state are being created; workers start after that.
        PreparingTopics,
        /// Workers are starting, or are back and not yet ready.
        Starting,
        /// Workers are restarted one by one; the message says why and which is next.
        Rolling,
        /// A worker cannot start or be scheduled. A roll stops there.
        WorkerFailing,
        /// The REST API has not answered yet, or does not answer any more.
        ConnectUnreachable,
        /// `spec.paused` is set: nothing is changed.
        Paused,
        /// The object does not parse: it was written under another schema.
        Unparsable,
    }
}
