//! The command line of `java`: heap, collector, and what the user adds.

use sluice_crds::common::{Jvm, Resources};

use super::ClusterReason;
use crate::finding::Finding;
use crate::java;
use crate::units;

const DEFAULT_HEAP: i64 = 512 << 20;
const LARGEST_DEFAULT_HEAP: i64 = 4 << 30;
/// Below this a parallel collector's threads cost more than they save.
const SMALL_HEAP: i64 = 1 << 30;

/// Arguments of `java` without the class path and the main class.
pub fn arguments(
    jvm: &Jvm,
    resources: Option<&Resources>,
    path: &str,
) -> Result<Vec<String>, Finding<ClusterReason>> {
    let limit = memory_limit(resources, path)?;
    let heap = match &jvm.heap {
        Some(text) => bytes(text, &format!("{path}.jvm.heap"))?,
        None => limit.map_or(DEFAULT_HEAP, |limit| (limit / 2).min(LARGEST_DEFAULT_HEAP)),
    };
    if let Some(limit) = limit.filter(|limit| heap >= *limit) {
        return Err(Finding::new(
            ClusterReason::InvalidSpec,
            format!(
                "a heap of {} does not fit into a memory limit of {}",
                units::human_bytes(heap),
                units::human_bytes(limit)
            ),
        )
        .at(format!("{path}.jvm.heap"))
        .mend("Java needs room beside its heap: half of the limit is a good start"));
    }
    let mut arguments = vec![format!("-Xms{}k", heap >> 10), format!("-Xmx{}k", heap >> 10)];
    arguments.extend(collector(&jvm.options, heap).iter().map(|o| (*o).to_owned()));
    arguments.extend(java::OPTIONS.iter().map(|o| (*o).to_owned()));
    arguments.extend(jvm.options.iter().cloned());
    Ok(arguments)
}

/// Kafka's own choice (`kafka-run-class.sh`) for large heaps. Nothing where the user chooses: two collectors do not
/// start.
fn collector(own: &[String], heap: i64) -> &'static [&'static str] {
    if own.iter().any(|o| o.starts_with("-XX:+Use") && o.ends_with("GC")) {
        &[]
    } else if heap < SMALL_HEAP {
        &["-XX:+UseSerialGC"]
    } else {
        &[
            "-XX:+UseG1GC",
            "-XX:MaxGCPauseMillis=20",
            "-XX:InitiatingHeapOccupancyPercent=35",
            "-XX:+ExplicitGCInvokesConcurrent",
        ]
    }
}

fn memory_limit(resources: Option<&Resources>, path: &str) -> Result<Option<i64>, Finding<ClusterReason>> {
    let Some(limit) = resources.and_then(|r| r.limits.as_ref()).and_then(|l| l.get("memory")) else {
        return Ok(None);
    };
    match units::quantity(&limit.0) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) => Err(Finding::new(ClusterReason::InvalidSpec, error.to_string())
            .at(format!("{path}.resources.limits.memory"))),
    }
}

fn bytes(text: &str, field: &str) -> Result<i64, Finding<ClusterReason>> {
    units::bytes(text).map_err(|error| Finding::new(ClusterReason::InvalidSpec, error.to_string()).at(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

    fn heap(own: Option<&str>, limit: Option<&str>) -> Result<String, String> {
        let jvm = Jvm { heap: own.map(Into::into), options: vec![] };
        let resources = limit.map(|l| Resources {
            limits: Some([("memory".to_owned(), Quantity(l.into()))].into()),
            ..Default::default()
        });
        arguments(&jvm, resources.as_ref(), "spec.pools[0]").map(|a| a[1].clone()).map_err(|f| f.text())
    }

    #[test]
    fn the_heap_is_half_of_the_limit_and_at_most_four_gibibytes() {
        assert_eq!(heap(None, None).unwrap(), "-Xmx524288k");
        assert_eq!(heap(None, Some("2Gi")).unwrap(), "-Xmx1048576k");
        assert_eq!(heap(None, Some("64Gi")).unwrap(), "-Xmx4194304k");
        assert_eq!(heap(Some("400Mi"), Some("1Gi")).unwrap(), "-Xmx409600k");
    }

    #[test]
    fn a_heap_that_does_not_fit_is_refused_at_its_field() {
        assert!(heap(Some("2Gi"), Some("2Gi")).unwrap_err().starts_with("spec.pools[0].jvm.heap: "));
        assert!(heap(None, Some("lots")).unwrap_err().starts_with("spec.pools[0].resources.limits.memory: "));
    }

    #[test]
    fn a_collector_of_the_users_own_stands_alone() {
        let own = vec!["-XX:+UseZGC".to_owned()];
        assert_eq!(collector(&own, 8 << 30), &[] as &[&str]);
        assert_eq!(collector(&[], 512 << 20), &["-XX:+UseSerialGC"]);
        assert_eq!(collector(&[], 1 << 30)[0], "-XX:+UseG1GC");
    }
}
