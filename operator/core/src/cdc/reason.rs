crate::reasons! {
    /// Why a CdcPipeline is, or is not, ready.
    pub enum CdcReason {
        /// Changes flow from the source to the topics and to every sink.
        Streaming,
        /// The databases are being looked at for the first time.
        Looking,
        /// Publication, heartbeat table, topics and sink tables are being made.
        Preparing,
        /// The connectors are being started, paused or stopped.
        Starting,
        /// PostgreSQL makes the slot once transactions that began before have ended.
        SlotWaiting,
        /// The slot is read by another program than the connector, or by one that sends no reply any more.
        SlotHeld,
        /// The rows that the tables had at the start are being read. Also of the conditions `SnapshotComplete` and `LagBudget`.
        Snapshotting,
        /// The offset of the source or of a sink is being set, as `spec.offsets` asks; its connector is stopped meanwhile.
        SettingOffsets,
        /// Offsets and slot are given up, so that all rows are read anew.
        Resnapshotting,
        /// The slot is ahead of the stored offset, or keeps nothing from before it: changes in between are not in Kafka.
        SlotAhead,
        /// The slot that was read is gone: dropped, or left behind in a failover.
        SlotMissing,
        /// The server removed WAL that the slot had not been read to the end, or invalidated the slot.
        SlotLost,
        /// The source is another database cluster than the one that was read.
        OtherServer,
        /// The source is behind what was read from it: restored from a backup, or failed over to a standby that was behind.
        ServerWentBack,
        /// Records were removed from a topic, by retention or with the topic, before a sink had read them.
        SinkGap,
        /// Connect has an offset for the source connector that is not one of Debezium's.
        OffsetUnreadable,
        /// Condition `WalBudget`: the slot keeps no more WAL than it may.
        WithinBudget,
        /// Condition `WalBudget`: the slot keeps more WAL than `objectives.maxRetainedWal`.
        BudgetExceeded,
        /// Condition `WalBudget`: the server is about to give the slot up (`max_slot_wal_keep_size`).
        LimitNear,
        /// Condition `SnapshotComplete`: as many rows came as the source had.
        RowsArrived,
        /// Condition `SnapshotComplete`: all rows were read, and are being counted in the source.
        Counting,
        /// Condition `SnapshotComplete`: other numbers of rows came than the source has.
        CountsDiffer,
        /// Condition `SnapshotComplete`: rows could not be counted, in the source or in the topics.
        NotCounted,
        /// Condition `LagBudget`: no sink is further behind the source than `objectives.maxLag`.
        LagWithin,
        /// Condition `LagBudget`: a sink, or the topics, are further behind the source than `objectives.maxLag`.
        LagExceeded,
        /// Condition `LagBudget`: the source or Kafka cannot be seen.
        LagUnknown,
        /// Condition `SnapshotBudget`: the snapshot takes, or took, no longer than `objectives.maxSnapshotDuration`.
        SnapshotInTime,
        /// Condition `SnapshotBudget`: the snapshot takes, or took, longer than `objectives.maxSnapshotDuration`.
        SnapshotLate,
        /// Condition `Verified`: the last comparison found the same rows in source and sinks.
        RowsAgree,
        /// Condition `Verified`: rows are missing in a sink, differ, or are only there.
        RowsDiffer,
        /// Condition `Verified`: something could not be compared; nothing that could differs.
        NotComparable,
        /// Condition `Verified`: no comparison has come to its end yet.
        NotVerified,
        /// `spec.state` is `Paused`: the connectors rest, the database keeps its WAL.
        PipelinePaused,
        /// `spec.state` is `Stopped`: the connectors have ended, the database keeps its WAL.
        PipelineStopped,
        /// A check of the databases failed; `status.preflight` has each with what mends it.
        PreflightFailed,
        /// The source database does not answer.
        SourceUnreachable,
        /// The source database does not let us in: password, `pg_hba.conf`, database name or privilege.
        SourceDenied,
        /// The source database has a certificate that `tls.ca` has not signed, or one for another name, or speaks no TLS at all.
        SourceUntrusted,
        /// A sink database does not answer.
        SinkUnreachable,
        /// A sink database does not let us in: password, `pg_hba.conf`, database name or privilege.
        SinkDenied,
        /// A sink database has a certificate that `tls.ca` has not signed, or one for another name, or speaks no TLS at all.
        SinkUntrusted,
        /// The Secret with a password or a CA, or its key, is not there, or holds something else.
        SecretMissing,
        /// A database refused a statement of ours; its words are in the message.
        StatementRefused,
        /// The API server refused one of the pipeline's Topics or Connectors; its words are in the message.
        ChildRefused,
        /// There is no ConnectCluster of the name in `spec.connectRef`.
        ConnectMissing,
        /// The ConnectCluster does not parse, so Sluice cannot tell what it means.
        ConnectUnparsable,
        /// One of the pipeline's Topics is not ready; the message has its words.
        TopicNotReady,
        /// The source Connector is not ready; the message has its words.
        SourceNotReady,
        /// A sink's Connector is not ready; the message has its words.
        SinkNotReady,
        /// Another object has a name that the pipeline needs for one of its own.
        NameTaken,
        /// Another CdcPipeline, which came first, has the same replication slot on the same server.
        SlotClaimed,
        /// The pipeline is being deleted.
        Deleting,
        /// The pipeline is being deleted, and a database or Connect does not answer to give up what is in it.
        DeletionBlocked,
        /// `spec.verify` has a schedule that cannot be read, or never comes.
        ScheduleInvalid,
        /// `spec.verify` names a table that is not in `spec.tables`.
        TableUnknown,
        /// `spec.offsets` names a sink that is not in `spec.sinks`, or a position that is none.
        OffsetInvalid,
        /// A value in the spec cannot be meant.
        InvalidSpec,
        /// Several tables, topics or sinks want the same name.
        NameCollision,
        /// `spec.paused` is set: nothing is changed.
        Paused,
        /// The object does not parse: it was written under another schema.
        Unparsable,
    }
}
