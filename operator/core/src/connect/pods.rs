//! What the workers' pods say about themselves.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use kube::ResourceExt;

use super::names::CONTAINER;

/// The most characters of a container's last words.
const WORDS: usize = 600;

pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Since when it is ready, if it is.
pub fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ready = conditions.into_iter().find(|c| c.type_ == "Ready" && c.status == "True")?;
    ready.last_transition_time.as_ref().map(|time| time.0)
}

/// Its address, once it has one.
pub fn address(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.pod_ip.as_deref()
}

/// What keeps a pod from starting, if something does that waiting alone will hardly mend.
pub fn trouble(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let scheduled =
        status.conditions.iter().flatten().find(|c| c.type_ == "PodScheduled" && c.status == "False");
    if let Some(condition) = scheduled {
        let why = condition.message.as_deref().unwrap_or("no reason given");
        return Some(format!("{} cannot be scheduled: {why}", pod.name_any()));
    }
    let container = status.container_statuses.iter().flatten().find(|c| c.name == CONTAINER)?;
    let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref()).unwrap_or_default();
    let last = container.last_state.as_ref().or(container.state.as_ref()).and_then(ended);
    match reason {
        "ImagePullBackOff"
        | "ErrImagePull"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "CreateContainerConfigError"
        | "CreateContainerError"
        | "RunContainerError" => {
            let words = waiting.and_then(|waiting| waiting.message.as_deref()).unwrap_or_default();
            Some(format!("{}: {reason}: {}", pod.name_any(), cut(words)))
        }
        // the second end is no accident
        _ if reason == "CrashLoopBackOff" || container.restart_count > 1 && !container.ready => {
            let last = last.unwrap_or_else(|| "no last words".into());
            Some(format!("{} has ended {} times: {last}", pod.name_any(), container.restart_count))
        }
        _ => None,
    }
}

fn ended(state: &ContainerState) -> Option<String> {
    let ended = state.terminated.as_ref()?;
    let reason = ended.reason.as_deref().unwrap_or("Error");
    let words = ended.message.as_deref().map(last_words).unwrap_or_default();
    Some(format!("{reason}, exit code {}: {words}", ended.exit_code))
}

/// The kubelet gives the end of the log: the line with the exception is worth more than the stack below it.
fn last_words(log: &str) -> String {
    let lines: Vec<_> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let cause = lines.iter().rev().find(|line| line.starts_with("Caused by: "));
    let said = cause
        .or_else(|| lines.iter().rev().find(|line| !line.starts_with("at ") && !line.starts_with("...")));
    said.map(|line| cut(line)).unwrap_or_default()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WORDS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(container: &Value) -> Pod {
        let mut container = container.clone();
        for (key, value) in [("name", json!("connect")), ("image", json!("i")), ("imageID", json!(""))] {
            container[key] = value;
        }
        serde_json::from_value(json!({
            "metadata": { "name": "c-connect-0" }, "status": { "containerStatuses": [container] },
        }))
        .unwrap()
    }

    #[test]
    fn trouble_names_the_pod_and_its_last_words() {
        let image = json!({ "ready": false, "restartCount": 0,
            "state": { "waiting": { "reason": "ImagePullBackOff", "message": "no such image" } } });
        assert_eq!(trouble(&pod(&image)).unwrap(), "c-connect-0: ImagePullBackOff: no such image");
        let log = "x\norg.ConfigException: bad\n\tat a.b\nCaused by: deep\n\tat c.d\n\t... 3 more\n";
        let crash = json!({ "ready": false, "restartCount": 3,
            "state": { "waiting": { "reason": "CrashLoopBackOff" } },
            "lastState": { "terminated": { "exitCode": 1, "reason": "Error", "message": log } } });
        let told = trouble(&pod(&crash)).unwrap();
        assert_eq!(told, "c-connect-0 has ended 3 times: Error, exit code 1: Caused by: deep");
    }

    #[test]
    fn a_pod_that_merely_starts_is_no_trouble() {
        let starting = json!({ "ready": false, "restartCount": 0, "state": { "running": {} } });
        assert_eq!(trouble(&pod(&starting)), None);
        let recovered = json!({ "ready": true, "restartCount": 5, "state": { "running": {} } });
        assert_eq!(trouble(&pod(&recovered)), None);
    }
}
