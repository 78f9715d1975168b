//! CRDs as YAML: for `kubectl apply`, and as templates of the chart `sluice-crds`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition as Crd;

use crate::yaml;

/// The label by which all of our CRDs are found.
const LABEL: (&str, &str) = ("app.kubernetes.io/part-of", "sluice");

/// All CRDs in one stream.
pub fn page() -> Result<String, yaml::Error> {
    sluice_crds::all().into_iter().map(|crd| Ok(format!("---\n{}", plain(crd)?))).collect()
}

/// A CRD for `kubectl apply`.
pub fn plain(mut crd: Crd) -> Result<String, yaml::Error> {
    crd.metadata.labels = Some([(LABEL.0.to_owned(), LABEL.1.to_owned())].into());
    yaml::to_string(&crd)
}

/// A CRD as a chart's template. Helm keeps it on uninstall: without its CRD every object of a kind is deleted.
pub fn template(mut crd: Crd) -> Result<String, yaml::Error> {
    crd.metadata.annotations = Some([("helm.sh/resource-policy".to_owned(), "keep".to_owned())].into());
    let text = plain(crd)?;
    // a description must not be taken for an action of the template
    Ok(text.replace("{{", "{{ \"{{\" }}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_holds_every_kind_and_reads_back() {
        let read: Vec<Crd> = yaml::documents(&page().unwrap()).unwrap();
        let kinds: Vec<_> = read.iter().map(|crd| crd.spec.names.kind.as_str()).collect();
        assert_eq!(kinds, ["KafkaCluster", "Topic", "User", "ConnectCluster", "Connector", "CdcPipeline"]);
    }

    #[test]
    fn helm_keeps_every_crd() {
        for crd in sluice_crds::all() {
            let read: Crd = yaml::documents(&template(crd).unwrap()).unwrap().remove(0);
            assert_eq!(read.metadata.annotations.unwrap()["helm.sh/resource-policy"], "keep");
        }
    }
}
