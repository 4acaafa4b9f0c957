//! Table: conditions of writes (contract, 4.7).

use crate::clause::{Clause, clause};
use crate::declare::target;
use crate::table::{item, key, open};
use crate::trial::{Running, Trial, accepted, refused};
use ifc_runtime::ErrorKind;
use ifc_runtime::table::{Clause as Part, Comparison, Update};
use serde_json::{Value, json};

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.7",
            "table-conditions",
            "a write happens exactly when its condition holds",
            conditions
        ),
        clause!(
            "4.7",
            "table-condition-types",
            "values of different types are unequal and unordered",
            condition_types
        ),
        clause!(
            "4.7",
            "table-conjunction",
            "all parts of a condition must hold",
            conjunction
        ),
        clause!(
            "4.7",
            "table-one-winner",
            "of concurrent writes on one condition exactly one wins",
            one_winner
        ),
    ]
}

fn compare(attribute: &str, comparison: Comparison, value: Value) -> Part {
    Part::Compare {
        attribute: attribute.to_owned(),
        comparison,
        value,
    }
}

/// Tries a condition with every kind of write, each on a fresh item; the writes must happen exactly
/// when it holds.
async fn check_condition(running: &Running, start: Option<Value>, part: Part, holds: bool) {
    let id = "checked";
    let what = format!("{part:?} on {start:?}");
    let reset = async || {
        accepted("delete", running.try_delete(key(id), Vec::new()).await);
        if let Some(start) = &start {
            running.put("items", start.clone()).await;
        }
    };
    let before = start.clone().map(item);

    reset().await;
    let written = json!({ "id": id, "written": true });
    let result = running
        .try_put("items", written.clone(), vec![part.clone()])
        .await;
    let after = running.get("items", key(id)).await;
    if holds {
        accepted(&format!("put if {what}"), result);
        assert_eq!(after, Some(item(written)));
    } else {
        refused(&format!("put if {what}"), ErrorKind::Conflict, result);
        assert_eq!(after, before, "a put that was refused changed the item");
    }

    reset().await;
    let result = running.try_delete(key(id), vec![part.clone()]).await;
    let after = running.get("items", key(id)).await;
    if holds {
        accepted(&format!("delete if {what}"), result);
        assert_eq!(after, None);
    } else {
        refused(&format!("delete if {what}"), ErrorKind::Conflict, result);
        assert_eq!(after, before, "a delete that was refused changed the item");
    }

    // An update of an item that is not there is `NotFound` or `Conflict`: which one is said only
    // for an update without a condition.
    if start.is_some() {
        reset().await;
        let update = Update {
            set: vec![("written".into(), json!(true))],
            ..Update::default()
        };
        let result = running.try_update(key(id), update, vec![part]).await;
        if holds {
            let item = accepted(&format!("update if {what}"), result);
            assert_eq!(item["written"], true);
        } else {
            refused(&format!("update if {what}"), ErrorKind::Conflict, result);
            assert_eq!(running.get("items", key(id)).await, before);
        }
    }
}

async fn conditions(trial: Trial) {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let running = open(trial).await;
    let start = json!({ "id": "checked", "n": 5, "t": "m", "b": true, "nil": null, "l": [1] });
    let attribute = |name: &str| name.to_owned();
    for (part, holds) in [
        (Part::ItemExists, true),
        (Part::ItemMissing, false),
        (Part::AttributeExists(attribute("n")), true),
        (Part::AttributeExists(attribute("nil")), false),
        (Part::AttributeExists(attribute("nothing")), false),
        (Part::AttributeMissing(attribute("n")), false),
        (Part::AttributeMissing(attribute("nil")), true),
        (Part::AttributeMissing(attribute("nothing")), true),
        (compare("n", Equal, json!(5)), true),
        (compare("n", Equal, json!(5.0)), true),
        (compare("n", Equal, json!(6)), false),
        (compare("n", NotEqual, json!(6)), true),
        (compare("n", NotEqual, json!(5)), false),
        (compare("n", Less, json!(5.5)), true),
        (compare("n", Less, json!(5)), false),
        (compare("n", LessOrEqual, json!(5)), true),
        (compare("n", LessOrEqual, json!(4)), false),
        (compare("n", Greater, json!(-10)), true),
        (compare("n", Greater, json!(5)), false),
        (compare("n", GreaterOrEqual, json!(5)), true),
        (compare("n", GreaterOrEqual, json!(10)), false),
        (compare("t", Equal, json!("m")), true),
        (compare("t", Less, json!("z")), true),
        (compare("t", Less, json!("Z")), false),
        (compare("t", Greater, json!("")), true),
        (compare("b", Equal, json!(true)), true),
        (compare("b", Equal, json!(false)), false),
        (compare("l", Equal, json!([1])), true),
        (compare("nothing", Equal, json!(5)), false),
        (compare("nothing", NotEqual, json!(5)), false),
        (compare("nothing", Less, json!(5)), false),
    ] {
        check_condition(&running, Some(start.clone()), part, holds).await;
    }
    for (part, holds) in [
        (Part::ItemExists, false),
        (Part::ItemMissing, true),
        (Part::AttributeExists(attribute("n")), false),
        (Part::AttributeMissing(attribute("n")), true),
        (compare("n", Equal, json!(5)), false),
    ] {
        check_condition(&running, None, part, holds).await;
    }
}

async fn condition_types(trial: Trial) {
    use Comparison::{Equal, Greater, Less, NotEqual};
    let running = open(trial).await;
    let start = json!({ "id": "checked", "n": 5, "t": "5" });
    for (name, other) in [
        ("n", json!("5")),
        ("t", json!(5)),
        ("n", json!(true)),
        ("t", json!(null)),
    ] {
        for (comparison, holds) in [
            (Equal, false),
            (NotEqual, true),
            (Less, false),
            (Greater, false),
        ] {
            let part = compare(name, comparison, other.clone());
            check_condition(&running, Some(start.clone()), part, holds).await;
        }
    }
}

async fn conjunction(trial: Trial) {
    let running = open(trial).await;
    running.put("items", json!({ "id": "a", "n": 1 })).await;
    let good = compare("n", Comparison::Equal, json!(1));
    let bad = compare("n", Comparison::Equal, json!(2));
    let write = |parts: Vec<Part>| running.try_put("items", json!({ "id": "a", "n": 1 }), parts);
    accepted(
        "two that hold",
        write(vec![good.clone(), Part::ItemExists]).await,
    );
    let result = write(vec![good.clone(), bad.clone()]).await;
    refused("the second does not hold", ErrorKind::Conflict, result);
    refused(
        "the first does not hold",
        ErrorKind::Conflict,
        write(vec![bad, good]).await,
    );
}

async fn one_winner(trial: Trial) {
    let running = open(trial).await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..20 {
        let provider = running.provider();
        tasks.spawn(async move {
            let value = item(json!({ "id": "a", "writer": writer }));
            let result = provider
                .put(target("items"), value, vec![Part::ItemMissing])
                .await;
            (writer, result)
        });
    }
    let mut winners = Vec::new();
    while let Some(result) = tasks.join_next().await {
        match result.expect("the task ran") {
            (writer, Ok(())) => winners.push(writer),
            (_, Err(error)) => assert!(error.is_conflict(), "{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let stored = running.get("items", key("a")).await.expect("someone won");
    assert_eq!(stored["writer"], winners[0]);
}
