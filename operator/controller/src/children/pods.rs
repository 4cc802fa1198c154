//! What is wrong with a pod, told in words that don't change from second to second: Kubernetes'
//! own back-off messages count up, and a status that repeated them would be written for ever.

use serde_json::Value;

use super::facts::{condition, text};

/// The longest message that is taken over.
const MESSAGE_LIMIT: usize = 512;

/// What matters of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFacts {
    /// What keeps it from running, if anything.
    pub problem: Option<PodProblem>,
}

/// Why a pod doesn't run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodProblem {
    /// A word of Kubernetes: `CrashLoopBackOff`, `ImagePullBackOff`, `CreateContainerConfigError`,
    /// `Unschedulable`, …
    pub reason: String,
    /// What there is to know about it.
    pub message: String,
}

pub(super) fn pod_facts(data: &Value) -> PodFacts {
    let phase = data.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
    // A finished pod of a Job tells its story through the Job.
    if phase == "Succeeded" || phase == "Failed" {
        return PodFacts::default();
    }
    PodFacts { problem: unschedulable(data).or_else(|| container_problem(data)) }
}

fn unschedulable(data: &Value) -> Option<PodProblem> {
    let scheduled = condition(data, "PodScheduled")?;
    (text(scheduled, "status") == "False" && text(scheduled, "reason") == "Unschedulable")
        .then(|| problem("Unschedulable", &text(scheduled, "message")))
}

fn container_problem(data: &Value) -> Option<PodProblem> {
    ["/status/initContainerStatuses", "/status/containerStatuses"]
        .iter()
        .filter_map(|path| data.pointer(path)?.as_array())
        .flatten()
        .find_map(status_problem)
}

fn status_problem(status: &Value) -> Option<PodProblem> {
    let waiting = status.pointer("/state/waiting");
    let reason = waiting.map(|waiting| text(waiting, "reason")).unwrap_or_default();
    let message = waiting.map(|waiting| text(waiting, "message")).unwrap_or_default();
    match reason.as_str() {
        // Both alternate while an image can't be pulled; one name keeps the status still.
        "ErrImagePull" | "ImagePullBackOff" => {
            Some(problem("ImagePullBackOff", &format!("image {} can't be pulled", text(status, "image"))))
        }
        "InvalidImageName"
        | "ErrImageNeverPull"
        | "CreateContainerConfigError"
        | "CreateContainerError"
        | "RunContainerError" => Some(problem(&reason, &message)),
        "CrashLoopBackOff" => Some(problem("CrashLoopBackOff", &last_exit(status))),
        // Between two crashes the container runs for a moment; it is the same story.
        _ => {
            let ready = status.get("ready").and_then(Value::as_bool).unwrap_or(false);
            let restarts = status.get("restartCount").and_then(Value::as_i64).unwrap_or(0);
            (!ready && restarts >= 2).then(|| problem("CrashLoopBackOff", &last_exit(status)))
        }
    }
}

/// How the container ended last, with what it left as its termination message.
fn last_exit(status: &Value) -> String {
    let ended = status.pointer("/state/terminated").or_else(|| status.pointer("/lastState/terminated"));
    let Some(ended) = ended else { return "it keeps exiting".to_owned() };
    let code = ended.get("exitCode").and_then(Value::as_i64).unwrap_or(-1);
    let reason = text(ended, "reason");
    let message = text(ended, "message");
    match (reason.as_str(), message.trim()) {
        ("OOMKilled", _) => "killed for using more memory than its limit".to_owned(),
        (_, "") => format!("exits with code {code}"),
        (_, message) => format!("exits with code {code}: {message}"),
    }
}

fn problem(reason: &str, message: &str) -> PodProblem {
    PodProblem { reason: reason.to_owned(), message: shorten(message) }
}

fn shorten(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_LIMIT) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn waiting(reason: &str, message: &str) -> Value {
        json!({"status": {"phase": "Pending", "containerStatuses": [
            {"image": "example/web:1", "ready": false, "restartCount": 0,
             "state": {"waiting": {"reason": reason, "message": message}}}]}})
    }

    #[test]
    fn pulling_an_image_in_vain_has_one_name() {
        let first = pod_facts(&waiting("ErrImagePull", "dial tcp: timeout"));
        let then = pod_facts(&waiting("ImagePullBackOff", "Back-off pulling image"));
        assert_eq!(first, then);
        assert_eq!(first.problem.unwrap().reason, "ImagePullBackOff");
    }

    #[test]
    fn a_crash_tells_its_exit_code_and_last_words() {
        let pod = json!({"status": {"phase": "Running", "containerStatuses": [
            {"ready": false, "restartCount": 3,
             "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
             "lastState": {"terminated": {"exitCode": 2, "message": "DATABASE_URL_FILE: no such file"}}}]}});
        let problem = pod_facts(&pod).problem.unwrap();
        assert_eq!(problem.reason, "CrashLoopBackOff");
        assert_eq!(problem.message, "exits with code 2: DATABASE_URL_FILE: no such file");
    }

    #[test]
    fn a_pod_without_a_node_says_why() {
        let pod = json!({"status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
             "message": "0/1 nodes are available: 1 Insufficient memory."}]}});
        let problem = pod_facts(&pod).problem.unwrap();
        assert_eq!(problem.reason, "Unschedulable");
        assert!(problem.message.contains("Insufficient memory"));
    }

    #[test]
    fn a_pod_that_starts_or_has_finished_has_no_problem() {
        assert_eq!(pod_facts(&waiting("ContainerCreating", "")).problem, None);
        assert_eq!(pod_facts(&json!({"status": {"phase": "Succeeded"}})).problem, None);
    }
}
