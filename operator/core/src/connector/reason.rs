crate::reasons! {
    /// Why a Connector is, or is not, ready.
    pub enum ConnectorReason {
        /// The connector and all of its tasks run with the declared configuration.
        Running,
        /// The connector is paused, as `spec.state` says.
        ConnectorPaused,
        /// The connector is stopped, as `spec.state` says.
        ConnectorStopped,
        /// The connector is being created.
        Creating,
        /// Its configuration is being changed.
        Updating,
        /// It is being paused, resumed or stopped.
        ChangingState,
        /// It is being restarted, because `spec.restartedAt` or a Secret says so.
        Restarting,
        /// It was restarted after a failure and has not run for long enough to be called well.
        Recovering,
        /// Connect is assigning the connector or its tasks to workers.
        Rebalancing,
        /// The connector runs but has made no task: it finds nothing to do.
        NoTasks,
        /// The connector is being deleted.
        Deleting,
        /// There is no ConnectCluster of the name in `spec.connectRef`.
        ConnectMissing,
        /// The ConnectCluster does not parse, so Sluice cannot tell what it means.
        ConnectUnparsable,
        /// The Connect cluster has not answered yet, or does not answer any more.
        ConnectUnreachable,
        /// The workers' image has no connector plugin of the class in `spec.class`.
        PluginMissing,
        /// The plugin refuses the configuration; the message names each field.
        InvalidConfig,
        /// A key in `spec.config` that Sluice sets itself.
        ReservedConfig,
        /// Something in `spec.config` looks like `${secrets:NAME:KEY}` or `${secretFile:NAME:KEY}` and is not.
        InvalidReference,
        /// A Secret that the configuration names, or its key, does not exist.
        SecretMissing,
        /// The workers do not have the values of the Secrets yet.
        SecretsPending,
        /// A connector of this name exists in Connect, and Sluice did not make it.
        NameTaken,
        /// The connector itself has failed.
        ConnectorFailed,
        /// A task has failed.
        TaskFailed,
        /// Connect refused a change; its words are in the message.
        ConnectRefused,
        /// `spec.paused` is set: nothing is changed.
        Paused,
        /// The object does not parse: it was written under another schema.
        Unparsable,
    }
}
