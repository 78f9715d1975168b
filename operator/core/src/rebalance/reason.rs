crate::reasons! {
    /// Why there is no plan.
    pub enum RebalanceReason {
        /// A topic wants more replicas than there are brokers that may hold any.
        TooFewBrokers,
        /// A topic wants no replicas at all.
        NoReplicasWanted,
        /// A partition has a replica on a broker that is not known.
        UnknownBroker,
        /// A broker, a partition, or a replica of a partition is listed twice.
        ListedTwice,
        /// Sluice did not find the plan that there must be. This is a defect; nothing is moved.
        PlannerFailed,
    }
}
