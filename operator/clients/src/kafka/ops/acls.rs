//! Rules of access (KIP-290), as they are and as they should be.

use std::collections::BTreeSet;

use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::describe_acls_response::DescribeAclsResource;
use kafka_protocol::messages::{CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest};
use sluice_core::view::kafka::{Acl, NodeId, Operation, Pattern, Permission, ResourceKind};

use super::super::client::Answer;
use super::super::versions::Speak;
use super::super::{Client, Error, ItemError};

/// Rules per request; each is one record, and the controller refuses more than 10,000 as a whole.
const BATCH: usize = 5_000;
/// Filters per request: for each of them the controller looks at every rule that there is, and does nothing else meanwhile.
const FILTERS: usize = 200;

/// `ANY` of every enumeration, in a filter.
const ANY: i8 = 1;

impl Client {
    /// `DescribeAcls`: every rule. Those that Sluice could not have made (of tokens, of users) are left out.
    pub async fn describe_acls(&self) -> Result<BTreeSet<Acl>, Error> {
        rules(&self.any(&about(None), self.until::<DescribeAclsRequest>()).await?)
    }

    /// `DescribeAcls`: the rules for this principal, or all, that this broker goes by. Brokers learn of a change one by one, after
    /// the controller has taken it.
    pub async fn describe_acls_at(
        &self,
        broker: NodeId,
        principal: Option<&str>,
    ) -> Result<BTreeSet<Acl>, Error> {
        rules(&self.node(broker, &about(principal), self.until::<DescribeAclsRequest>()).await?)
    }

    /// `CreateAcls`. A rule that is there already does no harm.
    pub async fn create_acls(&self, acls: &[Acl]) -> Result<Vec<Result<(), ItemError>>, Error> {
        let mut items = Vec::with_capacity(acls.len());
        for batch in acls.chunks(BATCH) {
            let request = CreateAclsRequest::default().with_creations(batch.iter().map(creation).collect());
            let answer = self.any(&request, self.until::<CreateAclsRequest>()).await?;
            let results = &answer.body.results;
            whole(&answer, results.len(), batch.len())?;
            items.extend(results.iter().map(|r| ItemError::check(r.error_code, r.error_message.as_deref())));
        }
        Ok(items)
    }

    /// `DeleteAcls`: exactly these. One that is gone already does no harm.
    pub async fn delete_acls(&self, acls: &[Acl]) -> Result<Vec<Result<(), ItemError>>, Error> {
        self.delete_matching(acls.iter().map(filter).collect()).await
    }

    /// `DeleteAcls`: all of these principals.
    pub async fn delete_acls_of(&self, principals: &[String]) -> Result<Vec<Result<(), ItemError>>, Error> {
        let all = |principal: &String| {
            DeleteAclsFilter::default()
                .with_resource_type_filter(ANY)
                .with_resource_name_filter(None)
                .with_pattern_type_filter(ANY)
                .with_principal_filter(Some(super::text(principal)))
                .with_host_filter(None)
                .with_operation(ANY)
                .with_permission_type(ANY)
        };
        self.delete_matching(principals.iter().map(all).collect()).await
    }

    async fn delete_matching(
        &self,
        filters: Vec<DeleteAclsFilter>,
    ) -> Result<Vec<Result<(), ItemError>>, Error> {
        let mut items = Vec::with_capacity(filters.len());
        for batch in filters.chunks(FILTERS) {
            let request = DeleteAclsRequest::default().with_filters(batch.to_vec());
            let answer = self.any(&request, self.until::<DeleteAclsRequest>()).await?;
            let results = &answer.body.filter_results;
            whole(&answer, results.len(), batch.len())?;
            items.extend(results.iter().map(|r| ItemError::check(r.error_code, r.error_message.as_deref())));
        }
        Ok(items)
    }
}

/// Kafka answers one by one, in their order.
fn whole<R: Speak>(answer: &Answer<R>, answers: usize, asked: usize) -> Result<(), Error> {
    if answers == asked {
        return Ok(());
    }
    Err(answer.nonsense(format!("{answers} answers to {asked} rules")))
}

/// A filter for all rules, or for those of one principal.
fn about(principal: Option<&str>) -> DescribeAclsRequest {
    DescribeAclsRequest::default()
        .with_resource_type_filter(ANY)
        .with_resource_name_filter(None)
        .with_pattern_type_filter(ANY)
        .with_principal_filter(principal.map(super::text))
        .with_host_filter(None)
        .with_operation(ANY)
        .with_permission_type(ANY)
}

fn rules(answer: &Answer<DescribeAclsRequest>) -> Result<BTreeSet<Acl>, Error> {
    ItemError::check(answer.body.error_code, answer.body.error_message.as_deref())
        .map_err(|e| answer.refused(e))?;
    Ok(answer.body.resources.iter().flat_map(read).collect())
}

fn read(resource: &DescribeAclsResource) -> Vec<Acl> {
    let (Some(kind), Some(pattern)) = (
        ResourceKind::ALL.into_iter().find(|kind| *kind as i8 == resource.resource_type),
        Pattern::ALL.into_iter().find(|pattern| *pattern as i8 == resource.pattern_type),
    ) else {
        return vec![];
    };
    let acls = resource.acls.iter().filter_map(|acl| {
        Some(Acl {
            kind,
            name: resource.resource_name.as_str().to_owned(),
            pattern,
            principal: acl.principal.as_str().to_owned(),
            host: acl.host.as_str().to_owned(),
            operation: Operation::ALL.into_iter().find(|known| *known as i8 == acl.operation)?,
            permission: Permission::ALL.into_iter().find(|known| *known as i8 == acl.permission_type)?,
        })
    });
    acls.collect()
}

fn creation(acl: &Acl) -> AclCreation {
    AclCreation::default()
        .with_resource_type(acl.kind as i8)
        .with_resource_name(super::text(&acl.name))
        .with_resource_pattern_type(acl.pattern as i8)
        .with_principal(super::text(&acl.principal))
        .with_host(super::text(&acl.host))
        .with_operation(acl.operation as i8)
        .with_permission_type(acl.permission as i8)
}

fn filter(acl: &Acl) -> DeleteAclsFilter {
    DeleteAclsFilter::default()
        .with_resource_type_filter(acl.kind as i8)
        .with_resource_name_filter(Some(super::text(&acl.name)))
        .with_pattern_type_filter(acl.pattern as i8)
        .with_principal_filter(Some(super::text(&acl.principal)))
        .with_host_filter(Some(super::text(&acl.host)))
        .with_operation(acl.operation as i8)
        .with_permission_type(acl.permission as i8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::describe_acls_response::AclDescription;

    #[test]
    fn what_sluice_does_not_know_is_left_out_and_the_rest_read() {
        let acl = |operation: i8| {
            AclDescription::default()
                .with_principal(super::super::text("User:a"))
                .with_host(super::super::text("*"))
                .with_operation(operation)
                .with_permission_type(3)
        };
        let resource = |kind: i8| {
            DescribeAclsResource::default()
                .with_resource_type(kind)
                .with_resource_name(super::super::text("shop."))
                .with_pattern_type(4)
                .with_acls(vec![acl(4), acl(13)])
        };
        let write = Acl {
            kind: ResourceKind::Topic,
            name: "shop.".into(),
            pattern: Pattern::Prefix,
            principal: "User:a".into(),
            host: "*".into(),
            operation: Operation::Write,
            permission: Permission::Allow,
        };
        assert_eq!(read(&resource(2)), std::slice::from_ref(&write));
        assert_eq!(read(&resource(6)), [], "delegation tokens");
        let created = creation(&write);
        assert_eq!((created.resource_type, created.resource_pattern_type), (2, 4));
        assert_eq!((created.operation, created.permission_type), (4, 3));
    }
}
