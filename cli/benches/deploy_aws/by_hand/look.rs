//! One look at everything, all at the same time: what a plan would need at the least.

use super::{Done as _, Hand, Known, Outputs, alias, known};
use ifc_engine::Blueprint;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

impl Hand {
    /// Looks once at everything.
    pub(crate) async fn look(&self, blueprint: &Blueprint, outputs: &Outputs) {
        let mut running = JoinSet::new();
        for part in blueprint.parts().values() {
            let (hand, part) = (self.clone(), known(part, outputs));
            let own = outputs[&part.address].clone();
            running.spawn(async move { hand.look_one(&part, &own).await });
        }
        while let Some(ended) = running.join_next().await {
            ended.expect("a call by hand ends");
        }
    }

    async fn look_one(&self, part: &Known, own: &BTreeMap<&'static str, String>) {
        let name = &part.name;
        match part.part_type.as_str() {
            "AWS::IAM::Role" => drop(self.iam.get_role().role_name(name).send().await.done(part)),
            "AWS::IAM::RolePolicy" => {
                let call = self.iam.get_role_policy().role_name(part.parent());
                drop(call.policy_name(part.word()).send().await.done(part));
            }
            "AWS::Logs::LogGroup" => {
                let call = self.logs.describe_log_groups().log_group_name_prefix(name);
                drop(call.send().await.done(part));
            }
            "AWS::S3::Bucket" => drop(self.s3.head_bucket().bucket(name).send().await.done(part)),
            "Ifc::S3::Object" => {
                let call = self.s3.head_object().bucket(part.text("Bucket"));
                drop(call.key(part.text("Key")).send().await.done(part));
            }
            "Ifc::S3::Notifications" => {
                let call = self.s3.get_bucket_notification_configuration();
                drop(call.bucket(part.text("Bucket")).send().await.done(part));
            }
            "AWS::Lambda::Function" => {
                let call = self.lambda.get_function().function_name(name);
                drop(call.send().await.done(part));
            }
            "AWS::Lambda::Alias" => {
                let call = self.lambda.get_alias().function_name(part.parent());
                drop(call.name(part.word()).send().await.done(part));
            }
            "AWS::Lambda::Permission" => {
                let (function, qualifier) = alias(part.text("FunctionName"));
                let call = self
                    .lambda
                    .get_policy()
                    .function_name(function)
                    .qualifier(qualifier);
                drop(call.send().await.done(part));
            }
            "AWS::Lambda::EventSourceMapping" => {
                let call = self.lambda.get_event_source_mapping().uuid(&own["Ref"]);
                drop(call.send().await.done(part));
            }
            "AWS::ApiGatewayV2::Api" => {
                drop(
                    self.apis
                        .get_api()
                        .api_id(&own["Ref"])
                        .send()
                        .await
                        .done(part),
                );
            }
            "AWS::ApiGatewayV2::Integration" => {
                let call = self.apis.get_integration().api_id(part.text("ApiId"));
                drop(call.integration_id(&own["Ref"]).send().await.done(part));
            }
            "AWS::ApiGatewayV2::Route" => {
                let call = self.apis.get_route().api_id(part.text("ApiId"));
                drop(call.route_id(&own["Ref"]).send().await.done(part));
            }
            "AWS::ApiGatewayV2::Stage" => {
                let call = self.apis.get_stage().api_id(part.text("ApiId"));
                drop(call.stage_name(part.word()).send().await.done(part));
            }
            "AWS::DynamoDB::Table" => {
                drop(
                    self.dynamodb
                        .describe_table()
                        .table_name(name)
                        .send()
                        .await
                        .done(part),
                );
            }
            "AWS::SNS::Topic" => {
                let call = self.sns.get_topic_attributes().topic_arn(&own["Ref"]);
                drop(call.send().await.done(part));
            }
            "AWS::SNS::Subscription" => {
                let call = self
                    .sns
                    .get_subscription_attributes()
                    .subscription_arn(&own["Ref"]);
                drop(call.send().await.done(part));
            }
            "AWS::SQS::Queue" => self.look_at_queue(part, &own["QueueUrl"]).await,
            "AWS::SQS::QueuePolicy" => {
                let url = part.properties["Queues"][0].as_str().unwrap_or_default();
                self.look_at_queue(part, url).await;
            }
            "AWS::Scheduler::Schedule" => {
                drop(
                    self.scheduler
                        .get_schedule()
                        .name(name)
                        .send()
                        .await
                        .done(part),
                );
            }
            "AWS::SecretsManager::Secret" => {
                drop(
                    self.secrets
                        .describe_secret()
                        .secret_id(name)
                        .send()
                        .await
                        .done(part),
                );
            }
            "AWS::SSM::Parameter" => {
                drop(self.ssm.get_parameter().name(name).send().await.done(part));
            }
            other => panic!("{other} is not looked at by hand"),
        }
    }

    async fn look_at_queue(&self, part: &Known, url: &str) {
        let call = self.sqs.get_queue_attributes().queue_url(url);
        let call = call.attribute_names(aws_sdk_sqs::types::QueueAttributeName::All);
        drop(call.send().await.done(part));
    }
}
