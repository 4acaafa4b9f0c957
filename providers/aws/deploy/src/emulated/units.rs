//! What a unit consists of: role, log, function and everything that leads to it.

use super::life::{Life, Scene, desired, live};
use crate::catalog;
use crate::parts::{Look as _, Values, key_of};
use ifc_engine::{Actual, Progress, Provider as _};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

fn trust(service: &str) -> Json {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
        }],
    })
}

fn policy(action: &str) -> Json {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": [action], "Resource": ["*"]}],
    })
}

/// An archive with nothing in it but a comment, by which it differs from others.
pub(super) fn archive(comment: &[u8]) -> Vec<u8> {
    let mut archive = b"PK\x05\x06".to_vec();
    archive.extend([0; 16]);
    archive.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    archive.extend(comment);
    archive
}

struct Program {
    folder: TempDir,
    keys: [String; 2],
    /// Names of buckets are unique in the whole of AWS.
    bucket: String,
}

impl Program {
    fn new(account: u64) -> Program {
        let folder = tempfile::tempdir().unwrap();
        let keys = [archive(b"one"), archive(b"two")];
        let keys = keys.map(|bytes| key_of(&bytes));
        Program {
            folder,
            keys,
            bucket: format!("shop-dev-programs-{account}"),
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("program.zip")
    }

    fn write(&self, comment: &[u8]) {
        std::fs::write(self.file(), archive(comment)).unwrap();
    }
}

#[tokio::test]
async fn role() {
    let Some(scene) = Scene::set("the life of roles", 101).await else {
        return;
    };
    let life = Life {
        part_type: catalog::ROLE,
        name: "shop-dev-fulfil-abcdef",
        forms: vec![
            json!({"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")}),
            json!({"AssumeRolePolicyDocument": trust("scheduler.amazonaws.com")}),
        ],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn role_policy() {
    let Some(scene) = Scene::set("the life of roles' policies", 102).await else {
        return;
    };
    let trust = json!({"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")});
    scene
        .have(catalog::ROLE, "shop-dev-fulfil-abcdef", trust)
        .await;
    let form =
        |action| json!({"RoleName": "shop-dev-fulfil-abcdef", "PolicyDocument": policy(action)});
    let life = Life {
        part_type: catalog::ROLE_POLICY,
        name: "shop-dev-fulfil-abcdef/grants",
        forms: vec![form("sqs:SendMessage"), form("sns:Publish")],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn a_role_is_removed_with_what_was_added_by_hand() {
    let Some(scene) = Scene::set("roles with policies of somebody", 103).await else {
        return;
    };
    let name = "shop-dev-fulfil-abcdef";
    let properties = json!({"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")});
    scene.have(catalog::ROLE, name, properties.clone()).await;
    let added = json!({"RoleName": name, "PolicyDocument": policy("s3:GetObject")});
    scene
        .have(catalog::ROLE_POLICY, "shop-dev-fulfil-abcdef/mine", added)
        .await;
    let role = desired(catalog::ROLE, name, &properties, &Values::new());
    super::life::delete(&scene.aws, &role.target).await.unwrap();
    scene.end();
}

#[tokio::test]
async fn log_group() {
    let Some(scene) = Scene::set("the life of log groups", 104).await else {
        return;
    };
    let life = Life {
        part_type: catalog::LOG_GROUP,
        name: "/aws/lambda/shop-dev-fulfil-abcdef",
        forms: vec![
            json!({"RetentionInDays": 30}),
            json!({"RetentionInDays": 7}),
            json!({}),
        ],
        untold: &[],
        owned: true,
    };
    // Names that begin alike are somebody else's.
    let longer = "/aws/lambda/shop-dev-fulfil-abcdef2";
    scene.have(catalog::LOG_GROUP, longer, json!({})).await;
    live(&scene, &life).await;
}

#[tokio::test]
async fn object() {
    let program = Program::new(105);
    let scene = Scene::with_archive("the life of programs", 105, Some(program.file())).await;
    let Some(scene) = scene else {
        return;
    };
    let bucket = "shop-dev-artifacts-abcdefgh";
    scene.have(catalog::BUCKET, bucket, json!({})).await;
    let form = |key: &str| json!({"Bucket": bucket, "Key": key});
    let part = |key: &str| {
        let name = "shop-dev-artifacts-abcdefgh/program";
        desired(catalog::OBJECT, name, &form(key), &Values::new())
    };
    let refusal = scene
        .aws
        .create(&part(&program.keys[0]), "")
        .await
        .unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("the program to deploy is not at"),
        "{refusal}"
    );
    program.write(b"two");
    let refusal = scene
        .aws
        .create(&part(&program.keys[0]), "")
        .await
        .unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("was built anew since the plan was made"),
        "{refusal}"
    );
    program.write(b"one");
    let life = Life {
        part_type: catalog::OBJECT,
        name: "shop-dev-artifacts-abcdefgh/program",
        forms: vec![form(&program.keys[0])],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;

    // The next program takes the place of the one before.
    for (comment, key) in [(b"one", &program.keys[0]), (b"two", &program.keys[1])] {
        program.write(comment);
        scene.aws.create(&part(key), "").await.unwrap();
        let actual = super::life::holds(&scene.aws, &part(key), &[]).await;
        assert_eq!(actual.outputs.text("Key"), Some(key.as_str()));
    }
    scene.end();
}

/// A scene with a role, and programs in a bucket.
async fn stage(what: &str, account: u64) -> Option<(Scene, Program, String)> {
    let program = Program::new(account);
    let scene = Scene::with_archive(what, account, Some(program.file())).await?;
    let trust = json!({"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")});
    let role = scene
        .have(catalog::ROLE, "shop-dev-fulfil-abcdef", trust)
        .await;
    scene
        .have(catalog::BUCKET, &program.bucket, json!({}))
        .await;
    for (comment, key) in [(b"one", &program.keys[0]), (b"two", &program.keys[1])] {
        program.write(comment);
        let client = &scene.aws.clients().s3;
        let body = std::fs::read(program.file()).unwrap().into();
        let call = client.put_object().bucket(&program.bucket).key(key);
        call.body(body).send().await.unwrap();
    }
    let role = role.owned("Arn").unwrap();
    Some((scene, program, role))
}

fn function(program: &Program, role: &str, key: usize, memory: i32) -> Json {
    json!({
        "Architectures": ["x86_64"],
        "Code": {"S3Bucket": program.bucket, "S3Key": program.keys[key]},
        "Environment": {"Variables": {"IFC_UNIT": "fulfil"}},
        "Handler": "bootstrap",
        "MemorySize": memory,
        "Role": role,
        "Runtime": "provided.al2023",
        "Timeout": 60,
    })
}

#[tokio::test]
async fn function_life() {
    let Some((scene, program, role)) = stage("the life of functions", 106).await else {
        return;
    };
    let mut busy = function(&program, &role, 0, 256);
    busy["ReservedConcurrentExecutions"] = json!(5);
    busy["Timeout"] = json!(30);
    busy["Environment"]["Variables"]["MORE"] = json!("yes");
    let life = Life {
        part_type: catalog::FUNCTION,
        name: "shop-dev-fulfil-abcdef",
        forms: vec![
            function(&program, &role, 0, 256),
            function(&program, &role, 1, 256),
            function(&program, &role, 1, 512),
            busy,
        ],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn what_is_not_published_is_published_by_whoever_comes_again() {
    let Some((scene, program, role)) = stage("versions of functions", 107).await else {
        return;
    };
    let name = "shop-dev-fulfil-abcdef";
    let properties = function(&program, &role, 0, 256);
    let outputs = scene
        .have(catalog::FUNCTION, name, properties.clone())
        .await;
    assert_eq!(outputs.text("Version"), Some("1"));
    // As if an update had been interrupted between its two calls.
    let call = scene.aws.clients().lambda.update_function_configuration();
    call.function_name(name)
        .memory_size(512)
        .send()
        .await
        .unwrap();
    let wanted = function(&program, &role, 0, 512);
    let part = desired(catalog::FUNCTION, name, &wanted, &outputs);
    let actual = super::life::rests(&scene.aws, &part.target).await;
    assert_ne!(
        actual.properties.get("MemorySize"),
        part.properties.get("MemorySize")
    );
    let told = super::life::update(&scene.aws, &actual, &part)
        .await
        .unwrap();
    assert_eq!(told.text("Version"), Some("2"));
    let part = desired(catalog::FUNCTION, name, &wanted, &told);
    super::life::holds(&scene.aws, &part, &[]).await;
    // Nothing changed, so that there is no other version.
    let told = super::life::update(&scene.aws, &actual, &part)
        .await
        .unwrap();
    assert_eq!(told.text("Version"), Some("2"));
    scene.end();
}

/// A function with an alias.
async fn alias_of(scene: &Scene, program: &Program, role: &str) -> (String, String) {
    let name = "shop-dev-fulfil-abcdef";
    let function = function(program, role, 0, 256);
    let outputs = scene.have(catalog::FUNCTION, name, function).await;
    let properties = json!({
        "FunctionName": name,
        "FunctionVersion": outputs.text("Version"),
    });
    let alias = scene
        .have(catalog::ALIAS, "shop-dev-fulfil-abcdef/live", properties)
        .await;
    (outputs.owned("Arn").unwrap(), alias.owned("Ref").unwrap())
}

#[tokio::test]
async fn alias() {
    let Some((scene, program, role)) = stage("the life of aliases", 108).await else {
        return;
    };
    let name = "shop-dev-fulfil-abcdef";
    let mut versions = Vec::new();
    for memory in [256, 512] {
        let properties = function(&program, &role, 0, memory);
        let outputs = scene.have(catalog::FUNCTION, name, properties).await;
        versions.push(outputs.owned("Version").unwrap());
    }
    let mut warm = json!({"FunctionName": name, "FunctionVersion": versions[1]});
    warm["ProvisionedConcurrencyConfig"] = json!({"ProvisionedConcurrentExecutions": 2});
    let life = Life {
        part_type: catalog::ALIAS,
        name: "shop-dev-fulfil-abcdef/live",
        forms: vec![
            json!({"FunctionName": name, "FunctionVersion": versions[0]}),
            json!({"FunctionName": name, "FunctionVersion": versions[1]}),
            warm,
        ],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn old_versions() {
    let Some((scene, program, role)) = stage("versions that were live once", 116).await else {
        return;
    };
    let name = "shop-dev-fulfil-abcdef";
    let lambda = &scene.aws.clients().lambda;
    let live = |version: &str| {
        let properties = json!({"FunctionName": name, "FunctionVersion": version});
        desired(
            catalog::ALIAS,
            &format!("{name}/live"),
            &properties,
            &Values::new(),
        )
    };
    let publish = async |memory| {
        let properties = function(&program, &role, 0, memory);
        let outputs = scene.have(catalog::FUNCTION, name, properties).await;
        outputs.owned("Version").unwrap()
    };
    let versions = async || {
        let call = lambda.list_versions_by_function().function_name(name);
        let versions = call.send().await.unwrap().versions.unwrap();
        let versions = versions.into_iter().filter_map(|version| version.version);
        versions.collect::<Vec<String>>()
    };
    let first = publish(256).await;
    super::life::create(&scene.aws, &live(&first))
        .await
        .unwrap();
    let switch = async |memory| {
        let version = publish(memory).await;
        let wanted = live(&version);
        let told = super::life::update(&scene.aws, &Actual::default(), &wanted).await;
        told.unwrap();
        super::life::holds(&scene.aws, &wanted, &[]).await;
    };
    switch(257).await;
    assert_eq!(versions().await, ["$LATEST", "1", "2"]);
    switch(258).await;
    assert_eq!(versions().await, ["$LATEST", "2", "3"]);
    // One that somebody has a use for, and one that was never live.
    let call = lambda.create_alias().function_name(name).name("pinned");
    call.function_version("2").send().await.unwrap();
    publish(259).await;
    switch(260).await;
    assert_eq!(versions().await, ["$LATEST", "2", "3", "5"]);
    // Going back removes nothing that is later.
    let back = live("3");
    let told = super::life::update(&scene.aws, &Actual::default(), &back).await;
    told.unwrap();
    assert_eq!(versions().await, ["$LATEST", "2", "3", "5"]);
    scene.end();
}

#[tokio::test]
async fn permission() {
    let Some((scene, program, role)) = stage("the life of permissions", 109).await else {
        return;
    };
    let (_, alias) = alias_of(&scene, &program, &role).await;
    let form = |source: &str| {
        json!({
            "Action": "lambda:InvokeFunction",
            "FunctionName": alias,
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": format!("arn:aws:execute-api:eu-west-1:000000000109:{source}/*/*"),
        })
    };
    let life = Life {
        part_type: catalog::PERMISSION,
        name: "shop-dev-fulfil-abcdef/live/http",
        forms: vec![form("a1b2c3"), form("d4e5f6")],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn event_source_mapping_of_a_queue() {
    let Some((scene, program, role)) = stage("the life of queues' mappings", 110).await else {
        return;
    };
    let (_, alias) = alias_of(&scene, &program, &role).await;
    let queue = scene
        .have(catalog::QUEUE, "shop-dev-orders-abcdef", json!({}))
        .await;
    let form = |batch: i32, concurrency: Option<i32>| {
        let mut form = json!({
            "BatchSize": batch,
            "EventSourceArn": queue.text("Arn"),
            "FunctionName": alias,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "MaximumBatchingWindowInSeconds": 0,
        });
        if let Some(concurrency) = concurrency {
            form["ScalingConfig"] = json!({"MaximumConcurrency": concurrency});
        }
        form
    };
    let life = Life {
        part_type: catalog::EVENT_SOURCE_MAPPING,
        name: "shop-dev-fulfil-abcdef/live/consume",
        forms: vec![form(1, Some(100)), form(10, Some(2)), form(5, None)],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn event_source_mapping_of_a_stream() {
    let Some((scene, program, role)) = stage("the life of streams' mappings", 111).await else {
        return;
    };
    let (_, alias) = alias_of(&scene, &program, &role).await;
    let dead = scene
        .have(catalog::QUEUE, "shop-dev-dead-abcdef", json!({}))
        .await;
    let mode = json!({"StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
    let stream = scene
        .have(catalog::STREAM, "shop-dev-readings-abcdef", mode)
        .await;
    let form = |attempts: i32, window: i32| {
        json!({
            "BatchSize": 100,
            "BisectBatchOnFunctionError": attempts == 9,
            "DestinationConfig": {"OnFailure": {"Destination": dead.text("Arn")}},
            "EventSourceArn": stream.text("Arn"),
            "FunctionName": alias,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "MaximumBatchingWindowInSeconds": window,
            "MaximumRetryAttempts": attempts,
            "ParallelizationFactor": 1,
            "StartingPosition": "LATEST",
        })
    };
    let life = Life {
        part_type: catalog::EVENT_SOURCE_MAPPING,
        name: "shop-dev-fulfil-abcdef/live/consume",
        forms: vec![form(9, 1), form(4, 5)],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn api() {
    let Some(scene) = Scene::set("the life of APIs", 112).await else {
        return;
    };
    let life = Life {
        part_type: catalog::API,
        name: "shop-dev-web-abcdef",
        forms: vec![json!({"ProtocolType": "HTTP"})],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn what_an_api_consists_of() {
    let Some((scene, program, role)) = stage("the life of APIs' parts", 113).await else {
        return;
    };
    let (function, alias) = alias_of(&scene, &program, &role).await;
    let api = scene
        .have(
            catalog::API,
            "shop-dev-web-abcdef",
            json!({"ProtocolType": "HTTP"}),
        )
        .await;
    let api = api.text("Ref").unwrap();
    let integration = |uri: &str, timeout: i32| {
        json!({
            "ApiId": api,
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": uri,
            "PayloadFormatVersion": "2.0",
            "TimeoutInMillis": timeout,
        })
    };
    let life = Life {
        part_type: catalog::INTEGRATION,
        name: "shop-dev-web-abcdef/integration",
        forms: vec![integration(&alias, 29_000), integration(&function, 20_000)],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
    let made = integration(&alias, 29_000);
    let made = scene
        .have(
            catalog::INTEGRATION,
            "shop-dev-web-abcdef/integration",
            made,
        )
        .await;
    let target = format!("integrations/{}", made.text("Ref").unwrap());
    let life = Life {
        part_type: catalog::ROUTE,
        name: "shop-dev-web-abcdef/route",
        forms: vec![
            json!({"ApiId": api, "RouteKey": "$default", "Target": target}),
            json!({"ApiId": api, "RouteKey": "GET /orders", "Target": target}),
        ],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
    let life = Life {
        part_type: catalog::API_STAGE,
        name: "shop-dev-web-abcdef/$default",
        forms: vec![json!({"ApiId": api, "AutoDeploy": true})],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn schedule() {
    let Some((scene, program, role)) = stage("the life of schedules", 114).await else {
        return;
    };
    let (_, alias) = alias_of(&scene, &program, &role).await;
    let dead = scene
        .have(catalog::QUEUE, "shop-dev-dead-abcdef", json!({}))
        .await;
    let form = |expression: &str, state: &str| {
        json!({
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": "Europe/Rome",
            "State": state,
            "Target": {
                "Arn": alias,
                "DeadLetterConfig": {"Arn": dead.text("Arn")},
                "Input": "{}",
                "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 4},
                "RoleArn": role,
            },
        })
    };
    let life = Life {
        part_type: catalog::SCHEDULE,
        name: "shop-dev-nightly-abcdef",
        forms: vec![
            form("cron(0 3 * * ? *)", "ENABLED"),
            form("cron(0 4 * * ? *)", "DISABLED"),
        ],
        untold: &[],
        owned: false,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn an_update_of_nothing_is_refused() {
    let Some(scene) = Scene::set("types nobody knows", 115).await else {
        return;
    };
    let mut part = desired(catalog::ROLE, "x", &json!({}), &Values::new());
    part.target.part_type = ifc_engine::PartType::new("AWS::EC2::Instance");
    let refusal = scene.aws.create(&part, "").await.unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "`AWS::EC2::Instance` is no type of part on AWS"
    );
    let deleted = desired(catalog::ROLE, "x", &json!({}), &Values::new());
    let deleted = scene.aws.delete(&deleted.target).await.unwrap();
    assert_eq!(deleted, Progress::Done(()));
}
