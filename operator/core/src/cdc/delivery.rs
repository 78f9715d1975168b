//! How often a change arrives: from what is seen of the connectors that run, and from nothing else (F16).

use sluice_crds::cdc_pipeline::{Delivery, DeliveryStatus, SinkDelivery};

use super::Wanted;
use super::preflight;
use crate::view::connect::{ConnectView, ConnectorView, RunState};

/// `None`: no connector of the pipeline runs.
pub fn of(wanted: &Wanted, view: &ConnectView) -> Option<DeliveryStatus> {
    let running = |name: &str| {
        let one = view.connectors.get(name)?;
        let runs = one.state == RunState::Running
            && !one.tasks.is_empty()
            && one.tasks.iter().all(|task| task.state == RunState::Running);
        runs.then_some(&**one)
    };
    let promise = |once| if once { Delivery::ExactlyOnce } else { Delivery::AtLeastOnce };
    let source = running(&wanted.source_connector()).and(view.exactly_once).map(promise);
    let sink = |sink: &super::wanted::Sink| {
        let delivery = by_key(running(&wanted.sink_connector(sink))?);
        Some(SinkDelivery { name: sink.name.clone(), delivery })
    };
    let sinks: Vec<SinkDelivery> = wanted.sinks.iter().filter_map(sink).collect();
    (source.is_some() || !sinks.is_empty()).then(|| {
        let message = message(source, &sinks);
        DeliveryStatus { source, sinks, message }
    })
}

/// Of a JDBC sink: whether writing a record once more leaves the row as it is.
fn by_key(connector: &ConnectorView) -> Delivery {
    let is = |key: &str, value: &str| connector.config.get(key).is_some_and(|set| set == value);
    if is("insert.mode", "upsert") && is("primary.key.mode", "record_key") {
        Delivery::AtLeastOnceByKey
    } else {
        Delivery::AtLeastOnce
    }
}

fn message(source: Option<Delivery>, sinks: &[SinkDelivery]) -> String {
    let topics = match source {
        Some(Delivery::ExactlyOnce) => Some(
            "Each change comes to the topics once, for consumers with isolation.level=read_committed"
                .to_owned(),
        ),
        Some(_) => Some("Changes may come to the topics again after a crash or a rebalance".to_owned()),
        None => None,
    };
    let named = |delivery: Delivery| -> Vec<&String> {
        sinks.iter().filter(|sink| sink.delivery == delivery).map(|sink| &sink.name).collect()
    };
    let told = |names: Vec<&String>, what: &str| {
        (!names.is_empty()).then(|| format!("{what}: {}", preflight::list(&names)))
    };
    let by_key = told(
        named(Delivery::AtLeastOnceByKey),
        "Records may come again to these sinks and change nothing there (upsert by key)",
    );
    let plain =
        told(named(Delivery::AtLeastOnce), "Records may come again to these sinks, and be written again");
    [topics, by_key, plain].into_iter().flatten().collect::<Vec<_>>().join(". ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::world::wanted;
    use super::*;
    use crate::view::connect::TaskView;

    fn connector(state: RunState, config: &[(&str, &str)]) -> Arc<ConnectorView> {
        let config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let tasks = vec![TaskView { state, ..Default::default() }];
        Arc::new(ConnectorView { config, state, tasks, ..Default::default() })
    }

    fn seen(exactly_once: Option<bool>, sink: &[(&str, &str)], state: RunState) -> Option<DeliveryStatus> {
        let wanted = wanted(|_| {});
        let connectors = [
            (wanted.source_connector(), connector(state, &[])),
            (wanted.sink_connector(&wanted.sinks[0]), connector(RunState::Running, sink)),
        ];
        let view = ConnectView { connectors: connectors.into(), exactly_once, ..Default::default() };
        of(&wanted, &view)
    }

    const UPSERT: &[(&str, &str)] = &[("insert.mode", "upsert"), ("primary.key.mode", "record_key")];

    #[test]
    fn exactly_once_is_only_said_where_all_workers_say_so() {
        for (said, told) in [
            (Some(true), Some(Delivery::ExactlyOnce)),
            (Some(false), Some(Delivery::AtLeastOnce)),
            (None, None),
        ] {
            assert_eq!(seen(said, UPSERT, RunState::Running).unwrap().source, told);
        }
        let stopped = seen(Some(true), UPSERT, RunState::Stopped).unwrap();
        assert_eq!(stopped.source, None, "what does not run delivers nothing");
    }

    #[test]
    fn a_sink_that_writes_by_key_is_told_from_one_that_does_not() {
        let told = seen(Some(false), UPSERT, RunState::Running).unwrap();
        assert_eq!(told.sinks[0].delivery, Delivery::AtLeastOnceByKey);
        assert_eq!(
            told.message,
            format!(
                "Changes may come to the topics again after a crash or a rebalance. Records may come again to these sinks and change \
                 nothing there (upsert by key): {}",
                told.sinks[0].name
            )
        );
        let told = seen(None, &[("insert.mode", "insert")], RunState::Running).unwrap();
        assert_eq!((told.source, told.sinks[0].delivery), (None, Delivery::AtLeastOnce));
        assert_eq!(of(&wanted(|_| {}), &ConnectView::default()), None, "nothing is seen");
    }
}
