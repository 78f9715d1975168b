crate::reasons! {
    /// Why replicas are not moved although they should be: `status.rebalance.reason`. Where there can be no plan, the
    /// planner's reason stands there.
    pub enum HoldReason {
        /// `spec.rebalance.mode` is `Off`.
        ModeOff,
        /// `spec.rebalance.mode` is `Manual`, and no plan is approved.
        ApprovalNeeded,
        /// `spec.rebalance.approvedPlan` is the hash of another plan than this one: the cluster has changed since.
        ApprovalOutdated,
        /// The cluster was uneven when this Sluice saw it for the first time. An upgrade alone moves nothing.
        FirstSeen,
        /// The load is uneven, and may become even by itself: it is looked at for a while.
        Settling,
        /// Brokers do not serve: nothing is moved to them, nor away from others meanwhile.
        BrokersDown,
        /// A partition that is to move has no leader: there is nothing to copy from.
        PartitionsOffline,
        /// Partitions have fewer replicas in sync than `min.insync.replicas`: the brokers have enough to do.
        UnderMinIsr,
        /// Nodes are restarted.
        Rolling,
        /// Somebody else has set a replication throttle for all brokers, which Sluice would have to overwrite.
        ForeignThrottle,
    }
}
