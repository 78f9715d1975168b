crate::reasons! {
    /// Why a KafkaCluster is, or is not, ready.
    pub enum ClusterReason {
        /// Every node serves, the quorum is complete, and every partition that must can take writes.
        AllNodesServe,
        /// The version in `spec.version`, or the one that runs, is not one that this Sluice supports.
        UnsupportedVersion,
        /// A key in `spec.config` that Kafka does not know.
        UnknownConfig,
        /// A key in `spec.config` that Sluice sets itself.
        ReservedConfig,
        /// A value in `spec.config` that Kafka would refuse.
        InvalidConfig,
        /// Something else in the spec that cannot be meant.
        InvalidSpec,
        /// The Secret in `spec.certificates.ca` cannot be the authority. The one that there is goes on.
        CaUnusable,
        /// An object that Sluice would make exists already and belongs to somebody else.
        NameTaken,
        /// Nodes are starting for the first time, or are back and not yet ready.
        Starting,
        /// The controller quorum is being formed, or voters are being added or removed.
        QuorumChanging,
        /// Nodes are restarted one by one; the message says why and which is next.
        Rolling,
        /// A restart has to wait, because it would hurt availability or because Sluice cannot see enough.
        RollWaiting,
        /// Dynamic configuration or access (ACLs) is being set.
        ConfigApplying,
        /// Volumes are growing.
        VolumesGrowing,
        /// Nodes that were taken out of the spec are leaving.
        ScalingIn,
        /// Nodes were taken out of the spec but still hold replicas, and these are not moved: because of
        /// `spec.rebalance`, or because they cannot be. Nothing is stopped.
        ScaleInBlocked,
        /// Fewer brokers would stay than a topic has replicas. Nothing is touched.
        TooFewBrokers,
        /// A node cannot start or be scheduled. The roll has stopped.
        NodeFailing,
        /// `Degraded`: a broker cannot use its disk.
        DiskFailed,
        /// `Degraded`: a broker's disk is used to 85 percent or more.
        DiskFilling,
        /// `Degraded`: a node does not serve, and no roll is the cause.
        NodeDown,
        /// `Degraded`: a broker serves, and some of its replicas are not in sync.
        ReplicasBehind,
        /// `Degraded`: a controller does not keep up with the quorum's log.
        ControllerBehind,
        /// `Degraded`: a record that Sluice wrote by a listener (`spec.canary`) did not come back, twice.
        CanaryFailing,
        /// A partition has no leader: its records can be neither read nor written.
        OfflinePartitions,
        /// A partition has fewer replicas in sync than `min.insync.replicas`: `acks=all` fails.
        UnderMinIsr,
        /// The controllers' volumes are from an earlier cluster of this name, but none of them knows a quorum.
        QuorumLost,
        /// Kafka refused a configuration; its words are in the message.
        ConfigRefused,
        /// Kubernetes or Kafka refused or did not answer a change. It is tried again.
        ChangeFailed,
        /// The Kafka cluster has not answered yet, or does not answer any more.
        KafkaUnreachable,
        /// `spec.paused` is set and something would be done otherwise.
        Paused,
        /// The object does not parse: it was written under another schema.
        Unparsable,
    }
}
