//! The table agrees with itself: what one entry says, the others know.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use platform_components::provision::{ProvisionPlan, accounts, plan};
use platform_components::{
    Component, EVENTS, Name, Route, RoutesFile, ServerKind, component, components, demands, message,
    messages, names, routes_file, scope, topology,
};

#[test]
fn every_component_is_found_under_its_own_name() {
    for entry in components() {
        assert_eq!(component(entry.name).name, entry.name);
    }
    assert_eq!(components().len(), 9);
}

#[test]
fn local_ports_are_distinct_even_with_those_of_the_probes() {
    let ports: BTreeSet<u16> =
        components().iter().flat_map(|entry| [entry.local_port, entry.local_port + 1000]).collect();
    assert_eq!(ports.len(), 2 * components().len());
}

#[test]
fn nobody_calls_itself_or_the_same_component_twice() {
    for entry in components() {
        let called: BTreeSet<Name> = entry.calls.iter().map(|edge| edge.to).collect();
        assert_eq!(called.len(), entry.calls.len(), "{} names a component twice", entry.name);
        assert!(!called.contains(&entry.name), "{} calls itself", entry.name);
    }
}

#[test]
fn a_scope_belongs_to_the_component_that_is_called() {
    for edge in components().iter().flat_map(|entry| entry.calls) {
        for scope in edge.scopes {
            assert!(scope.starts_with(&format!("{}.sys.", edge.to)), "{scope} is not one of {}", edge.to);
        }
    }
}

#[test]
fn the_order_of_rollout_has_no_cycle() {
    let mut done = BTreeSet::new();
    while done.len() < components().len() {
        let before = done.len();
        for entry in components() {
            if entry.after.iter().all(|name| done.contains(name)) {
                done.insert(entry.name);
            }
        }
        assert!(done.len() > before, "only {done:?} can ever be rolled out");
    }
}

#[test]
fn every_consumed_message_has_a_publisher_that_says_so() {
    for queue in components().iter().flat_map(|entry| entry.consumes) {
        for name in queue.messages {
            let message = message(name).unwrap_or_else(|| panic!("{name} is no message"));
            assert!(component(message.publisher).publishes.contains(name), "{name} is not published");
        }
    }
}

#[test]
fn every_published_message_is_declared_with_its_publisher_and_named_after_it() {
    for entry in components() {
        for name in entry.publishes {
            assert_eq!(message(name).map(|message| message.publisher), Some(entry.name), "{name}");
            assert!(name.starts_with(&format!("{}.", entry.name)) && name.ends_with(".v1"), "{name}");
        }
    }
}

#[test]
fn every_mandatory_message_has_a_consumer() {
    for message in messages().iter().filter(|message| message.mandatory) {
        let consumed =
            components().iter().flat_map(|c| c.consumes).any(|q| q.messages.contains(&message.name));
        assert!(consumed, "{} would be returned for ever", message.name);
    }
}

#[test]
fn a_queue_is_named_after_its_consumer_and_only_users_of_the_broker_have_messages() {
    for entry in components() {
        for queue in entry.consumes {
            assert!(queue.name.starts_with(&format!("{}.", entry.name)), "{}", queue.name);
        }
        if !entry.consumes.is_empty() || !entry.publishes.is_empty() {
            assert!(entry.uses_broker(), "{} has messages and no broker", entry.name);
        }
    }
}

#[test]
fn no_component_is_given_a_setting_twice() {
    for entry in components() {
        let settings = entry.settings();
        let keys: BTreeSet<&str> = settings.iter().map(|setting| setting.key).collect();
        let sources: BTreeSet<_> = settings.iter().map(|setting| setting.source).collect();
        assert_eq!(keys.len(), settings.len(), "{}", entry.name);
        assert_eq!(sources.len(), settings.len(), "{}", entry.name);
    }
}

#[test]
fn the_settings_of_each_component() {
    let settings: BTreeMap<&str, Vec<String>> = components()
        .iter()
        .map(|entry| (entry.name.as_str(), entry.settings().iter().map(|s| s.key.to_owned()).collect()))
        .collect();
    insta::assert_yaml_snapshot!(settings);
}

#[test]
fn public_paths_are_unique_by_method_and_internal_ones_never_public() {
    let file = routes_file(|name| format!("http://{name}:8080"));
    let mut seen = BTreeSet::new();
    for route in &file.routes {
        assert!(!route.path.contains("internal"), "{}", route.path);
        for method in &route.methods {
            assert!(seen.insert((&route.path, route.exact, method)), "{method} {} stands twice", route.path);
        }
    }
}

#[test]
fn the_gateway_may_call_every_upstream_of_its_routes() {
    let file = routes_file(|name| format!("http://{name}:8080"));
    let called: BTreeSet<Name> = component(Name::Gateway).calls.iter().map(|edge| edge.to).collect();
    assert_eq!(file.upstreams.keys().copied().collect::<BTreeSet<_>>(), called);
    assert!(file.routes.iter().all(|route| file.upstreams.contains_key(&route.upstream)));
}

#[test]
fn every_service_shows_its_description() {
    let file = routes_file(|name| format!("http://{name}:8080"));
    let described = |name: &Name| {
        let path = format!("/services/{name}/openapi.json");
        file.routes.iter().any(|route| route.path == path && route.upstream == *name && route.exact)
    };
    let shown: Vec<Name> = components().iter().map(|entry| entry.name).filter(described).collect();
    let services = components().iter().filter(|entry| entry.is_service()).map(|entry| entry.name);
    assert_eq!(shown, services.collect::<Vec<_>>());
    assert!(shown.contains(&Name::Identity) && shown.len() == components().len() - 2);
}

#[test]
fn the_routes_file() {
    let file = routes_file(|name| format!("http://demo-{name}:8080"));
    let text = serde_json::to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<RoutesFile>(&text).unwrap(), file);
    insta::assert_yaml_snapshot!(file);
}

#[test]
fn the_topology_of_the_broker() {
    insta::assert_yaml_snapshot!(topology());
}

#[test]
fn bindings_name_only_what_is_declared() {
    let topology = topology();
    let exchanges: BTreeSet<_> = topology.exchanges.iter().map(|exchange| &exchange.name).collect();
    let queues: BTreeSet<_> = topology.queues.iter().map(|queue| &queue.name).collect();
    for binding in &topology.bindings {
        assert!(exchanges.contains(&binding.exchange), "{binding:?}");
        assert!(queues.contains(&binding.queue), "{binding:?}");
    }
}

#[test]
fn a_user_publishes_its_own_events_and_nothing_else() {
    let users = topology().users;
    let events = |name: Name| {
        let user = users.iter().find(|user| user.component == name).unwrap();
        user.topics.iter().find(|topic| topic.exchange == EVENTS).unwrap().write.clone()
    };
    assert_eq!(events(Name::Catalog), r"^(catalog\.course\.renamed\.v1)$");
    assert_eq!(events(Name::Discount), "^$");
}

#[test]
fn a_plan_for_the_default_engines() {
    let accounts = accounts(|_, default| default);
    let plan = plan(
        "courses",
        "demo",
        &accounts,
        |server| Some(PathBuf::from(format!("/secrets/admin/{server}"))),
        |account| {
            PathBuf::from(format!("/secrets/accounts/{}-{}/password", account.component, account.server))
        },
    );
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<ProvisionPlan>(&text).unwrap(), plan);
    insta::assert_yaml_snapshot!(plan, {".rabbitmq.topology" => "[see the_topology_of_the_broker]"});
}

#[test]
fn a_chosen_engine_moves_the_database_to_its_server() {
    let accounts =
        accounts(|name, default| if name == Name::Order { ServerKind::SqlServer } else { default });
    let plan = plan("a", "b", &accounts, |_| Some(PathBuf::from("/x")), |_| PathBuf::from("/y"));
    let on_sql_server = plan.sql_server.unwrap().databases;
    assert_eq!(on_sql_server.len(), 1);
    assert_eq!(on_sql_server[0].name, names::database_name("a", "b", Name::Order));
    assert_eq!(plan.postgres.unwrap().databases.len(), 3);
}

#[test]
fn nothing_is_planned_for_a_server_whose_accounts_are_finished() {
    let accounts = accounts(|_, default| default);
    let plan = plan("a", "b", &accounts, |_| None, |_| PathBuf::from("/y"));
    assert!(plan.postgres.is_none() && plan.redis.is_none() && plan.rabbitmq.is_none());
}

#[test]
fn names_on_shared_servers_fit_their_limits_and_take_turns() {
    let longest = names::database_name(&"n".repeat(63), &"p".repeat(30), Name::Photostock);
    assert!(names::owner_role(&longest).len() <= 63, "PostgreSQL cuts identifiers at 63 bytes");
    assert_eq!(names::login("cp_0_order", 1), "cp_0_order_a");
    assert_eq!(names::login("cp_0_order", 2), "cp_0_order_b");
    assert_ne!(names::platform_prefix("a", "b-c"), names::platform_prefix("a-b", "c"));
}

#[test]
fn only_components_with_a_store_have_something_to_migrate() {
    let is_store = |kind| matches!(kind, ServerKind::Postgres | ServerKind::MongoDb);
    let store = |entry: &Component| entry.servers.iter().any(|server| is_store(server.kind)) || entry.volume;
    assert!(components().iter().filter(|entry| entry.migrates || entry.seeds).all(store));
}

/// What docs/api/routes.md says that users' routes demand: component, method, path and scope.
fn documented() -> BTreeSet<[String; 4]> {
    let text = include_str!("../../../docs/api/routes.md");
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    let lines = text.lines().filter(|line| line.starts_with("| ")).map(cells);
    let lines = lines.filter_map(|cells| <[String; 4]>::try_from(cells).ok());
    let lines = lines.filter(|[component, _, path, demands]| {
        component != "identity"
            && path.starts_with('/')
            && !path.starts_with("/internal")
            && demands != "public"
    });
    lines.collect()
}

#[test]
fn the_gateway_demands_the_scopes_that_services_demand() {
    let mut rendered = BTreeSet::new();
    for demand in demands() {
        for &method in demand.methods.iter().filter(|&&method| method != "HEAD") {
            let line = [demand.service.as_str(), method, demand.path, demand.scope];
            rendered.insert(line.map(str::to_owned));
        }
        let scope = scope(demand.scope).unwrap();
        assert_eq!(scope.audience, demand.service, "{}", demand.scope);
    }
    assert_eq!(rendered, documented());
}

#[test]
fn what_needs_no_scope_is_reached_as_before() {
    let file = routes_file(|name| format!("http://{name}:8080"));
    let at = |path: &str, method: &str| {
        let has = |route: &&Route| route.path == path && route.methods.iter().any(|it| it == method);
        file.routes.iter().filter(has).collect::<Vec<_>>()
    };
    let [list] = at("/services/catalog/v1/courses", "GET")[..] else { panic!("one route lists courses") };
    assert!(list.scopes.is_empty() && list.public_methods.iter().any(|it| it == "GET"));
    let [create] = at("/services/catalog/v1/courses", "POST")[..] else { panic!("one route makes courses") };
    assert_eq!((create.scopes.as_slice(), create.exact), (&["catalog.teach".to_owned()][..], true));
    assert!(create.public_methods.is_empty() && create.cache.is_none());
    let [whole] = at("/services/catalog/v1", "POST")[..] else { panic!("one route has the rest") };
    assert!(whole.scopes.is_empty() && !whole.exact);
}
