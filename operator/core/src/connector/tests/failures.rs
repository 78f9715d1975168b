//! Sentences about connectors that fail, and their restarts.

use super::*;

#[test]
fn a_failed_task_is_told_with_both_lines_and_restarted_when_it_is_due() {
    let wanted = wanted(&json!({}));
    let mut world = World::running(&wanted).failed_task();
    let plan = world.plan(&wanted);
    assert_eq!(said(&plan), (&Step::None, "TaskFailed"));
    assert_eq!(plan.verdict.kind, VerdictKind::Reconciling);
    assert!(
        plan.verdict.message.starts_with(
            "Task 0 has failed: org.ConnectException: Tolerance exceeded; Caused by: org.DataException: Only Struct"
        ),
        "{}",
        plan.verdict.message
    );
    assert_eq!(plan.again, Some(at(1010)));
    world.remember(&plan.before, 1010);
    let plan = world.plan(&wanted);
    assert_eq!(plan.step, Step::RestartFailed(Declared::Running));
    let remembered = plan.before.restarts.clone().unwrap();
    assert_eq!((remembered.attempts, remembered.last), (1, Some(Time(at(1010)))), "before it is done");
    world.remember(&plan.before, 1012);
    assert_eq!(world.plan(&wanted).again, Some(at(1032)), "the second pause is longer");
}

#[test]
fn a_failure_that_restarts_do_not_mend_stalls_and_a_request_starts_anew() {
    let limited = wanted(&json!({ "autoRestart": { "maxAttempts": 2 } }));
    let mut world = World::running(&limited).failed_task();
    world.status.restarts = Some(Restarts { attempts: 2, last: Some(Time(at(0))), next: None });
    let plan = world.plan(&limited);
    assert_eq!((said(&plan), plan.verdict.kind), ((&Step::None, "TaskFailed"), VerdictKind::Stalled));
    assert!(
        plan.verdict.message.contains("Only Struct. 2 restarts did not help"),
        "{}",
        plan.verdict.message
    );
    let asked =
        wanted(&json!({ "autoRestart": { "maxAttempts": 2 }, "restartedAt": "2026-11-21T08:00:00Z" }));
    let plan = world.plan(&asked);
    assert_eq!((&plan.step, &plan.after.restarts), (&Step::Restart, &None));
    let off = wanted(&json!({ "autoRestart": { "enabled": false } }));
    assert_eq!(world.plan(&off).verdict.kind, VerdictKind::Stalled);
}

#[test]
fn what_was_restarted_is_on_probation_and_then_well() {
    let wanted = wanted(&json!({}));
    let mut world = World::running(&wanted);
    world.status.restarts = Some(Restarts { attempts: 1, last: Some(Time(at(995))), next: None });
    let plan = world.plan(&wanted);
    assert_eq!((plan.verdict.reason, plan.again), ("Recovering", Some(at(1005))));
    world.now = at(1005);
    let plan = world.plan(&wanted);
    assert_eq!((plan.verdict.reason, plan.again), ("Running", Some(at(1595))));
    assert!(plan.before.restarts.is_some());
    world.now = at(1595);
    assert_eq!(world.plan(&wanted).before.restarts, None);
}

#[test]
fn a_failed_connector_is_worse_than_its_tasks() {
    let wanted = wanted(&json!({}));
    let world = World::running(&wanted).failed_task().change(|c| {
        c.state = RunState::Failed;
        c.trace = Some("org.ConfigException: bad".into());
    });
    let plan = world.plan(&wanted);
    assert_eq!(plan.verdict.reason, "ConnectorFailed");
    assert!(plan.verdict.message.contains("org.ConfigException: bad"), "{}", plan.verdict.message);
}

#[test]
fn a_restart_is_carried_out_once_per_request() {
    let wanted = wanted(&json!({ "restartedAt": "2026-11-21T08:00:00Z" }));
    let mut world = World::running(&wanted);
    let plan = world.plan(&wanted);
    assert_eq!(said(&plan), (&Step::Restart, "Restarting"));
    assert_eq!(plan.before.restarted_at, None, "a request that was not carried out is not forgotten");
    world.remember(&plan.after, 1001);
    assert_eq!(said(&world.plan(&wanted)), (&Step::None, "Running"));
}

#[test]
fn what_is_said_of_a_secrets_value_is_not_told() {
    let wanted = wanted(&json!({ "config": {
        "database.port": "${secrets:db:port}", "tables": "x", "url": "jdbc:${secrets:db:host}/d",
    } }));
    let words = "Invalid value hunter2 for configuration database.port: Not a number of type INT";
    let of = |field: &str, words: &str| FieldErrors { field: field.into(), errors: vec![words.into()] };
    let told = |errors: &[FieldErrors]| invalid(&wanted, errors, false).message;
    let message = told(&[of("database.port", "hunter2 is no port"), of("tables", "no such table: x")]);
    assert!(message.contains("database.port: refused (the value is hidden)"), "{message}");
    assert!(message.contains("tables: no such table: x"), "{message}");
    for errors in [of("tables", words), of("url", "jdbc:hunter2/d is no URL")] {
        let message = told(&[errors]);
        assert!(!message.contains("hunter2"), "{message}");
    }
    let message = refused(&wanted, &format!("PUT /connectors/orders/config: {words}")).message;
    assert!(!message.contains("hunter2") && message.contains("is hidden"), "{message}");
    assert!(refused(&wanted, "it is busy").message.starts_with("it is busy"));

    // a task that ends with the same words
    let world = World::running(&wanted).change(|c| {
        c.tasks[0].state = RunState::Failed;
        c.tasks[0].trace = Some(format!("org.apache.kafka.common.config.ConfigException: {words}"));
    });
    let plan = world.plan(&wanted);
    let view = &world.view.connectors["orders"];
    let status = status(&object(&json!({})), &plan.verdict, Some(view), &plan.before, true, at(1000));
    let text = serde_json::to_string(&status).unwrap();
    assert!(text.contains("is hidden") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_source_whose_slot_is_lost_is_not_restarted_and_one_whose_slot_is_in_use_is() {
    let wanted = wanted(&json!({}));
    let failed = |trace: &str| {
        let world = World::running(&wanted).failed_task().change(|connector| {
            connector.tasks[0].trace =
                Some(format!("org.ConnectException: An exception occurred\nCaused by: {trace}"));
        });
        world.plan(&wanted)
    };
    for lost in [
        "org.PSQLException: ERROR: replication slot \"sluice_shop\" does not exist",
        "org.PSQLException: ERROR: can no longer get changes from replication slot \"sluice_shop\"",
        "org.PSQLException: ERROR: requested WAL segment 000000010000000000000003 has already been removed",
        "io.DebeziumException: The connector is trying to read change stream starting at [lsn=LSN{0/1}], but this is no longer available \
         on the server. Reconfigure the connector to use a snapshot mode when needed.",
    ] {
        let plan = failed(lost);
        assert_eq!(
            (said(&plan), plan.verdict.kind),
            ((&Step::None, "TaskFailed"), VerdictKind::Stalled),
            "{lost}"
        );
        assert!(plan.verdict.message.contains("It is not restarted"), "{}", plan.verdict.message);
        assert_eq!(plan.again, None);
    }
    let busy = failed("org.PSQLException: ERROR: replication slot \"sluice_shop\" is active for PID 7");
    assert_eq!((busy.verdict.kind, busy.again), (VerdictKind::Reconciling, Some(at(1010))));
}
