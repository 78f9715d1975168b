crate::reasons! {
    /// Why a User is, or is not, ready.
    pub enum UserReason {
        /// The user can log in, and may what is declared.
        AsDeclared,
        /// Sluice is reading who there is in Kafka for the first time.
        Describing,
        /// Password, ACLs or quotas are being changed.
        Updating,
        /// The user is being taken out of Kafka.
        Deleting,
        /// There is no KafkaCluster of the name in `spec.clusterRef`.
        ClusterMissing,
        /// The KafkaCluster does not parse, so Sluice cannot tell what it means.
        ClusterUnparsable,
        /// The Kafka cluster has not answered yet, or does not answer any more.
        KafkaUnreachable,
        /// The KafkaCluster has no listener with the authentication of this user.
        ListenerMissing,
        /// The authority that signs certificates of users is not there yet: the KafkaCluster makes it.
        AuthorityMissing,
        /// The Secret in `spec.authentication.passwordFrom` is missing, or has no such key.
        SecretMissing,
        /// Something in the spec cannot be meant.
        InvalidSpec,
        /// The Secret that clients would mount exists already and belongs to somebody else.
        NameTaken,
        /// Kafka refused a change; its words are in the message.
        KafkaRefused,
        /// Kubernetes or Kafka refused or did not answer a change. It is tried again.
        ChangeFailed,
        /// `spec.paused` is set: nothing is changed.
        Paused,
        /// The object does not parse: it was written under another schema.
        Unparsable,
    }
}
