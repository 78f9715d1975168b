//! How much a user may send, read and ask for (KIP-13, KIP-546).

use std::collections::BTreeMap;

use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::describe_client_quotas_request::ComponentData;
use kafka_protocol::messages::{AlterClientQuotasRequest, DescribeClientQuotasRequest};
use kafka_protocol::messages::{alter_client_quotas_response, describe_client_quotas_response};

use super::super::{Client, Error, ItemError, Items};

const USER: &str = "user";
/// `DescribeClientQuotasRequest.MATCH_TYPE_SPECIFIED`: each that has a name.
const NAMED: i8 = 2;

/// By key (`producer_byte_rate`, …).
pub type Quotas = BTreeMap<String, f64>;
/// The same as they shall be; `None`: away.
pub type QuotaChanges = BTreeMap<String, Option<f64>>;

impl Client {
    /// `DescribeClientQuotas`: of users by name, whatever their clients are called.
    pub async fn describe_user_quotas(&self) -> Result<BTreeMap<String, Quotas>, Error> {
        let component = ComponentData::default()
            .with_entity_type(super::text(USER))
            .with_match_type(NAMED)
            .with_match(None);
        let request =
            DescribeClientQuotasRequest::default().with_components(vec![component]).with_strict(true);
        let answer = self.any(&request, self.until::<DescribeClientQuotasRequest>()).await?;
        ItemError::check(answer.body.error_code, answer.body.error_message.as_deref())
            .map_err(|e| answer.refused(e))?;
        Ok(answer.body.entries.iter().flatten().filter_map(read).collect())
    }

    /// `AlterClientQuotas`, by user: each key to its value, or away.
    pub async fn alter_user_quotas(&self, changes: &[(&str, &QuotaChanges)]) -> Result<Items<()>, Error> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let request = AlterClientQuotasRequest::default()
            .with_entries(changes.iter().map(|(user, changes)| entry(user, changes)).collect());
        let answer = self.any(&request, self.until::<AlterClientQuotasRequest>()).await?;
        let item = |result: &alter_client_quotas_response::EntryData| {
            let entity = result.entity.iter().find(|entity| entity.entity_type.as_str() == USER)?;
            let said = ItemError::check(result.error_code, result.error_message.as_deref());
            Some((entity.entity_name.as_ref()?.as_str().to_owned(), said))
        };
        Ok(answer.body.entries.iter().filter_map(item).collect())
    }
}

fn entry(user: &str, changes: &QuotaChanges) -> EntryData {
    let entity =
        EntityData::default().with_entity_type(super::text(USER)).with_entity_name(Some(super::text(user)));
    let ops = changes.iter().map(|(key, value)| {
        OpData::default()
            .with_key(super::text(key))
            .with_value(value.unwrap_or_default())
            .with_remove(value.is_none())
    });
    EntryData::default().with_entity(vec![entity]).with_ops(ops.collect())
}

fn read(entry: &describe_client_quotas_response::EntryData) -> Option<(String, Quotas)> {
    let [entity] = entry.entity.as_slice() else { return None };
    let name = entity.entity_name.as_ref().filter(|_| entity.entity_type.as_str() == USER)?;
    let values = entry.values.iter().map(|value| (value.key.as_str().to_owned(), value.value));
    Some((name.as_str().to_owned(), values.collect()))
}
