//! Sentences about connectors and what is declared of them.

use super::*;

#[test]
fn a_spec_becomes_the_whole_configuration() {
    let wanted = wanted(&json!({ "tasksMax": 2, "config": { "a": 1, "p": "${secrets:db:password}" } }));
    let config: Vec<_> = wanted.config.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(
        config,
        [
            "a=1".to_owned(),
            format!("connector.class={CLASS}"),
            "name=orders".into(),
            "p=${secrets:/opt/sluice/secrets:db_password}".into(),
            "sluice.owner=shop/orders".into(),
            "tasks.max=2".into(),
        ]
    );
}

#[test]
fn keys_of_sluices_own_and_bad_references_are_refused_together() {
    let config = json!({ "config": { "tasks.max": 3, "x": "${secrets:db}" } });
    let findings = validate(&object(&config)).unwrap_err();
    let told = finding::join(&findings);
    assert!(told.contains("spec.config[tasks.max]: "), "{told}");
    assert!(told.contains("spec.config[x]: ${secrets:db} names no key"), "{told}");
}

#[test]
fn a_connector_that_is_not_there_is_created_and_marked_as_ours() {
    let wanted = wanted(&json!({ "restartedAt": "2026-11-21T08:00:00Z" }));
    let world = World::empty();
    let plan = world.plan(&wanted);
    assert_eq!(said(&plan), (&Step::Configure { fresh: true }, "Creating"));
    assert!(owner::is_ours(&wanted.config, "shop", "orders"));
    assert_eq!(plan.after.restarted_at, wanted.restarted_at, "what is new needs no restart");
    let settling = World { settling: true, ..World::empty() };
    assert_eq!(said(&settling.plan(&wanted)), (&Step::None, "Creating"));
}

#[test]
fn a_connector_that_is_as_declared_is_ready_and_nothing_is_done() {
    let wanted = wanted(&json!({}));
    let plan = World::running(&wanted).plan(&wanted);
    assert_eq!(said(&plan), (&Step::None, "Running"));
    assert!(plan.verdict.is_ready() && plan.owned && plan.again.is_none());
}

#[test]
fn a_connector_that_somebody_else_made_is_left_alone() {
    let wanted = wanted(&json!({}));
    let foreign = World::running(&wanted).change(|c| drop(c.config.remove(owner::KEY)));
    let plan = foreign.plan(&wanted);
    assert_eq!(said(&plan), (&Step::None, "NameTaken"));
    assert!(!plan.owned);
    let copied =
        World::running(&wanted).change(|c| drop(c.config.insert(owner::KEY.into(), "shop/other".into())));
    assert_eq!(copied.plan(&wanted).verdict.reason, "NameTaken");
}

#[test]
fn ownership_survives_the_loss_of_status() {
    let wanted = wanted(&json!({}));
    let restored = World { status: ConnectorStatus::default(), ..World::running(&wanted) };
    assert_eq!(said(&restored.plan(&wanted)), (&Step::None, "Running"));
}

#[test]
fn a_difference_is_named_and_mended_also_one_made_behind_our_back() {
    let wanted = wanted(&json!({}));
    let mut edited = World::running(&wanted).change(|c| {
        c.config.insert("topic.prefix".into(), "other".into());
        c.config.insert("added".into(), "1".into());
    });
    edited.status.restarts = Some(Restarts { attempts: 9, ..Default::default() });
    let plan = edited.plan(&wanted);
    assert_eq!(said(&plan), (&Step::Configure { fresh: false }, "Updating"));
    assert_eq!(plan.verdict.message, "Changing added, topic.prefix");
    assert_eq!(plan.after.restarts, None, "another configuration has all attempts before it");
    edited.settling = true;
    assert_eq!(edited.plan(&wanted).step, Step::None, "the view may be older than our order");
}

#[test]
fn the_declared_state_is_ordered_until_it_is_there() {
    use RunState::{Failed, Paused, Running, Stopped};
    let table = [
        ("Running", Running, Step::None, "Running"),
        ("Running", Paused, Step::Resume, "ChangingState"),
        ("Running", Stopped, Step::Resume, "ChangingState"),
        ("Paused", Running, Step::Pause, "ChangingState"),
        ("Paused", Stopped, Step::Pause, "ChangingState"),
        ("Paused", Paused, Step::None, "ConnectorPaused"),
        ("Stopped", Running, Step::Stop, "ChangingState"),
        ("Stopped", Failed, Step::Stop, "ChangingState"), // F3: two writers
        ("Stopped", Stopped, Step::None, "ConnectorStopped"),
    ];
    for (declared, seen, step, reason) in table {
        let wanted = wanted(&json!({ "state": declared }));
        let world = World::running(&wanted).change(|c| {
            c.state = seen;
            if seen == Stopped {
                c.tasks.clear();
            }
        });
        assert_eq!(said(&world.plan(&wanted)), (&step, reason), "{declared} {seen:?}");
    }
}

#[test]
fn a_new_value_restarts_the_connector_once_the_workers_have_it() {
    let wanted = wanted(&with_secret());
    let mut world = World::running(&wanted);
    world.credentials = credentials(value(), 500);
    world.status.secrets_revision = Some(400);
    world.view.secrets_revision = Some(400);
    assert_eq!(said(&world.plan(&wanted)), (&Step::None, "SecretsPending"));
    world.view.secrets_revision = Some(500);
    let plan = world.plan(&wanted);
    assert_eq!(said(&plan), (&Step::Restart, "Restarting"));
    world.remember(&plan.after, 1001);
    assert_eq!(said(&world.plan(&wanted)), (&Step::None, "Running"));
}

#[test]
fn a_paused_connector_gets_a_new_value_too() {
    // Connect resolves variables when it makes the connector, not when it resumes it
    let wanted = wanted(&json!({ "state": "Paused", "config": { "p": "${secrets:db:password}" } }));
    let mut world = World::running(&wanted).change(|c| c.state = RunState::Paused);
    world.credentials = credentials(value(), 500);
    world.view.secrets_revision = Some(500);
    world.status.secrets_revision = Some(400);
    assert_eq!(world.plan(&wanted).step, Step::Restart);
}

#[test]
fn a_connector_that_uses_no_secret_is_not_restarted_by_one() {
    let wanted = wanted(&json!({}));
    let mut world = World::running(&wanted);
    world.credentials = credentials(value(), 500);
    assert_eq!(said(&world.plan(&wanted)), (&Step::None, "Running"));
}

#[test]
fn a_connector_is_stopped_also_when_its_secret_or_its_plugin_is_gone() {
    let running = wanted(&with_secret());
    let mut stopped = with_secret();
    stopped["state"] = json!("Stopped");
    let stopped = wanted(&stopped);
    let mut world = World::running(&running);
    world.credentials = credentials(Found::NoSecret, 500);
    world.view.plugins.clear();
    assert_eq!(said(&world.plan(&stopped)), (&Step::Stop, "ChangingState"));
    let mut paused = with_secret();
    paused["paused"] = json!(true);
    paused["state"] = json!("Stopped");
    assert_eq!(said(&world.plan(&wanted(&paused))), (&Step::None, "Paused"));
}

#[test]
fn nothing_is_created_before_its_secrets_are_there_and_mounted() {
    let wanted = wanted(&with_secret());
    let mut world = World::empty();
    assert_eq!(said(&world.plan(&wanted)), (&Step::None, "SecretsPending"), "nobody has looked for them yet");
    for (found, words) in
        [(Found::NoSecret, "there is no Secret db"), (Found::NoKey, "Secret db has no key password")]
    {
        world.credentials = credentials(found, 500);
        let plan = world.plan(&wanted);
        assert_eq!((said(&plan), plan.verdict.kind), ((&Step::None, "SecretMissing"), VerdictKind::Stalled));
        assert!(plan.verdict.message.contains(words), "{}", plan.verdict.message);
    }
    world.credentials = credentials(value(), 500);
    assert_eq!(said(&world.plan(&wanted)), (&Step::None, "SecretsPending"), "no worker has said what it has");
    world.view.secrets_revision = Some(500);
    let plan = world.plan(&wanted);
    assert_eq!(plan.step, Step::Configure { fresh: true });
    assert_eq!(plan.after.secrets_revision, Some(500));
}

#[test]
fn an_unknown_class_is_refused_with_the_nearest_first() {
    let wanted = wanted(&json!({ "class": "io.debezium.postgres.PostgresConector" }));
    let plan = World::empty().plan(&wanted);
    assert_eq!((said(&plan), plan.verdict.kind), ((&Step::None, "PluginMissing"), VerdictKind::Stalled));
    assert!(
        plan.verdict.message.contains(&format!("first: {CLASS}, io.debezium")),
        "{}",
        plan.verdict.message
    );
    assert!(!plan.verdict.message.contains("JsonConverter"), "{}", plan.verdict.message);
}

#[test]
fn a_connector_without_tasks_is_not_well() {
    let wanted = wanted(&json!({}));
    let world = World::running(&wanted).change(|c| c.tasks.clear());
    assert_eq!(world.plan(&wanted).verdict.reason, "NoTasks");
    let world = World::running(&wanted).change(|c| c.tasks[0].state = RunState::Unassigned);
    assert_eq!(world.plan(&wanted).verdict.reason, "Rebalancing");
}

#[test]
fn what_we_do_not_see_is_unknown_and_nothing_is_done() {
    let wanted = wanted(&json!({}));
    let mut world = World::running(&wanted).failed_task();
    world.blind = true;
    world.status.owned = true;
    let plan = world.plan(&wanted);
    assert_eq!((said(&plan), plan.verdict.kind), ((&Step::None, "ConnectUnreachable"), VerdictKind::Unknown));
    assert!(
        plan.verdict.message.contains("since 1970-01-01T00:15:00Z: list connectors: refused"),
        "{}",
        plan.verdict.message
    );
    assert!(plan.owned);
    world.cluster = Referent::Missing;
    let plan = world.plan(&wanted);
    assert_eq!((plan.verdict.reason, plan.verdict.kind), ("ConnectMissing", VerdictKind::Stalled));
    world.cluster = Referent::Unparsable;
    world.blind = false;
    let plan = world.plan(&wanted);
    assert_eq!((said(&plan), plan.verdict.kind), ((&Step::None, "ConnectUnparsable"), VerdictKind::Unknown));
}

#[test]
fn a_paused_object_says_what_would_change() {
    let wanted = wanted(&json!({ "paused": true }));
    let world = World::running(&wanted).change(|c| drop(c.config.remove("topic.prefix")));
    let plan = world.plan(&wanted);
    assert_eq!(said(&plan), (&Step::None, "Paused"));
    assert!(plan.verdict.message.ends_with("this would change: topic.prefix"), "{}", plan.verdict.message);
}

#[test]
fn status_shows_tasks_and_calls_a_connector_with_a_failed_task_failed() {
    let wanted = wanted(&json!({}));
    let world = World::running(&wanted).failed_task();
    let plan = world.plan(&wanted);
    let view = &world.view.connectors["orders"];
    let status = status(&object(&json!({})), &plan.verdict, Some(view), &plan.before, plan.owned, at(1000));
    assert_eq!((status.state.as_deref(), status.summary.unwrap().tasks.as_str()), (Some("Failed"), "0/1"));
    assert_eq!(status.tasks[0].error.as_deref(), Some(TRACE));
    assert!(status.owned);
}

#[test]
fn a_deleted_object_takes_its_connector_along_and_never_hangs_on_what_is_gone() {
    let ours = wanted(&json!({}));
    let clear = |world: &World| Sight::Clear(Arc::new(world.view.clone()));
    let decide = |expected: Referent, sight: Option<&Sight<ConnectView>>| {
        teardown(&TeardownSeen {
            namespace: "shop",
            name: "orders",
            connect_name: "cdc",
            connect_expected: expected,
            connect: sight,
        })
    };
    let there = clear(&World::running(&ours));
    assert_eq!(decide(Referent::There, Some(&there)), Teardown::Delete);
    assert_eq!(decide(Referent::There, Some(&clear(&World::empty()))), Teardown::Release);
    let foreign = clear(&World::running(&ours).change(|c| c.config.clear()));
    assert_eq!(decide(Referent::There, Some(&foreign)), Teardown::Release, "somebody else's stays");
    let lost = there.failed(at(900), "refused".into());
    assert!(matches!(decide(Referent::There, Some(&lost)), Teardown::Wait(_)));
    assert!(matches!(decide(Referent::There, None), Teardown::Wait(_)));
    assert_eq!(decide(Referent::Missing, Some(&lost)), Teardown::Release);
    let Teardown::Wait(verdict) = decide(Referent::Unparsable, None) else {
        panic!("it would outlive its object")
    };
    assert_eq!((verdict.reason, verdict.kind), ("ConnectUnparsable", VerdictKind::Unknown));
}
