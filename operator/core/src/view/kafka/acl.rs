/// One rule of access, as `DescribeAcls` tells it. Hosts are not told apart: Sluice makes rules for all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Acl {
    pub kind: ResourceKind,
    pub name: String,
    pub pattern: Pattern,
    /// `User:` and a name.
    pub principal: String,
    /// `*` or an address.
    pub host: String,
    pub operation: Operation,
    pub permission: Permission,
}

/// Numbers are those of Kafka's protocol (`org.apache.kafka.common.resource.ResourceType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum ResourceKind {
    Topic = 2,
    Group = 3,
    Cluster = 4,
    TransactionalId = 5,
}

/// `org.apache.kafka.common.resource.PatternType`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum Pattern {
    /// The name, or with `*` every name.
    Literal = 3,
    /// What begins with the name (KIP-290).
    Prefix = 4,
}

/// `org.apache.kafka.common.acl.AclOperation`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum Operation {
    All = 2,
    Read = 3,
    Write = 4,
    Create = 5,
    Delete = 6,
    Alter = 7,
    Describe = 8,
    ClusterAction = 9,
    DescribeConfigs = 10,
    AlterConfigs = 11,
    IdempotentWrite = 12,
}

/// `org.apache.kafka.common.acl.AclPermissionType`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum Permission {
    Deny = 2,
    Allow = 3,
}

impl ResourceKind {
    pub const ALL: [Self; 4] = [Self::Topic, Self::Group, Self::Cluster, Self::TransactionalId];
}

impl Pattern {
    pub const ALL: [Self; 2] = [Self::Literal, Self::Prefix];
}

impl Operation {
    pub const ALL: [Self; 11] = [
        Self::All,
        Self::Read,
        Self::Write,
        Self::Create,
        Self::Delete,
        Self::Alter,
        Self::Describe,
        Self::ClusterAction,
        Self::DescribeConfigs,
        Self::AlterConfigs,
        Self::IdempotentWrite,
    ];
}

impl Permission {
    pub const ALL: [Self; 2] = [Self::Deny, Self::Allow];
}
