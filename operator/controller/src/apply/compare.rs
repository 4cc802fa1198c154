//! Whether an object on the server still says everything that we want it to say. Needed once for each
//! object after a restart, when nothing is remembered: fields that others own or that the server
//! filled in don't count, nor does another spelling of the same quantity.

use serde_json::{Map, Value};

/// Fields by which the items of a list are told apart, as in Kubernetes' merge keys. The first that
/// every wanted item has is used; lists without one are compared item by item.
const LIST_KEYS: [&str; 6] = ["name", "uid", "containerPort", "port", "mountPath", "topologyKey"];

/// Whether `live` holds all of `wanted`.
#[must_use]
pub(super) fn holds(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (_, Value::Null) => true,
        (Value::Object(live), Value::Object(wanted)) => holds_map(live, wanted),
        (Value::Array(live), Value::Array(wanted)) => holds_list(live, wanted),
        (live, wanted) => live == wanted || same_quantity(live, wanted),
    }
}

fn holds_map(live: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(name, wanted)| match live.get(name) {
        Some(live) => holds(live, wanted),
        None => is_empty(wanted),
    })
}

fn holds_list(live: &[Value], wanted: &[Value]) -> bool {
    let key = LIST_KEYS.iter().find(|key| wanted.iter().all(|item| item.get(**key).is_some()));
    match key {
        // An item that is wanted twice under one key (a port in TCP and UDP) needs any that holds it.
        Some(key) if !wanted.is_empty() => wanted
            .iter()
            .all(|wanted| live.iter().any(|live| live.get(*key) == wanted.get(*key) && holds(live, wanted))),
        _ => live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| holds(live, wanted)),
    }
}

/// The server leaves out what is empty.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_f64() == Some(0.0),
        Value::String(value) => value.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => values.values().all(is_empty),
    }
}

fn same_quantity(live: &Value, wanted: &Value) -> bool {
    match (quantity(live), quantity(wanted)) {
        (Some(live), Some(wanted)) => (live - wanted).abs() <= f64::EPSILON * live.abs().max(1.0),
        _ => false,
    }
}

/// A quantity of Kubernetes in its base unit: `500m`, `1Gi`, `2`.
fn quantity(value: &Value) -> Option<f64> {
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Number(number) => return number.as_f64(),
        _ => return None,
    };
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-' || c == '+'));
    let (number, suffix) = text.split_at(digits.unwrap_or(text.len()));
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_server_filled_in_does_not_count() {
        let wanted = json!({"spec": {"ports": [{"port": 80, "name": "http"}]}});
        let live = json!({"spec": {"clusterIP": "None", "ports": [
            {"port": 80, "name": "http", "protocol": "TCP", "targetPort": 80}]}});
        assert!(holds(&live, &wanted));
    }

    #[test]
    fn a_changed_or_missing_value_counts() {
        let wanted = json!({"spec": {"replicas": 2, "paused": false}});
        assert!(holds(&json!({"spec": {"replicas": 2}}), &wanted));
        assert!(!holds(&json!({"spec": {"replicas": 3}}), &wanted));
        assert!(!holds(&json!({"spec": {}}), &wanted));
    }

    #[test]
    fn items_that_others_added_to_a_list_by_name_do_not_count() {
        let wanted = json!([{"name": "web", "image": "a"}]);
        assert!(holds(&json!([{"name": "sidecar"}, {"name": "web", "image": "a"}]), &wanted));
        assert!(!holds(&json!([{"name": "web", "image": "b"}]), &wanted));
    }

    #[test]
    fn a_list_without_names_is_compared_as_a_whole() {
        let wanted = json!(["a", "b"]);
        assert!(holds(&json!(["a", "b"]), &wanted));
        assert!(!holds(&json!(["a", "b", "c"]), &wanted));
        assert!(!holds(&json!(["b", "a"]), &wanted));
    }

    #[test]
    fn a_quantity_may_be_spelled_in_another_way() {
        assert!(holds(&json!("1"), &json!("1000m")));
        assert!(holds(&json!("1Gi"), &json!("1024Mi")));
        assert!(!holds(&json!("1Gi"), &json!("1G")));
        assert!(!holds(&json!("text"), &json!("other")));
    }
}
