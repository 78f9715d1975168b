//! Examples for `manifests/examples`, written as Rust values so that they cannot drift from the API.
//!
//! `quickstart` (the smallest useful cluster), `shop` (a whole pipeline with its databases) → `files`.

mod quickstart;
mod shop;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::yaml;

/// Path below `manifests/examples` and content of every example.
pub fn files() -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut files = quickstart::files()?;
    files.extend(shop::files()?);
    Ok(files)
}

/// A file: a comment, then documents.
struct File {
    text: String,
}

impl File {
    /// Begins with lines that say what the file is for.
    fn about(lines: &[&str]) -> Self {
        Self { text: lines.iter().flat_map(|line| ["# ", line, "\n"]).collect() }
    }

    /// Adds an object of one of our kinds, without what its defaults say.
    fn ours<T: Serialize + DeserializeOwned + PartialEq>(self, object: &T) -> anyhow::Result<Self> {
        Ok(self.document(&yaml::to_short_string(object)?))
    }

    /// Adds an object of Kubernetes.
    fn theirs<T: Serialize>(self, object: &T) -> anyhow::Result<Self> {
        let text = yaml::to_string(object)?;
        Ok(self.document(&text))
    }

    fn document(mut self, text: &str) -> Self {
        self.text.push_str("---\n");
        self.text.push_str(text);
        self
    }
}

#[cfg(test)]
mod tests {
    use kube::Resource;

    /// `object` as the API server would have it: only then may it own others.
    pub fn stored<K: Resource>(mut object: K) -> K {
        object.meta_mut().namespace.get_or_insert_with(|| "default".into());
        object.meta_mut().uid = Some("0b7c9d3e-5a52-4f0b-8f5c-3f1a2b9c4d5e".into());
        object
    }
}
