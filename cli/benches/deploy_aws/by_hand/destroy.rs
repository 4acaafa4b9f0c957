//! Away with everything, by the fewest calls that there can be: what is within something else goes
//! with it.

use super::{Done as _, Hand, Known, Outputs, known};
use ifc_engine::{Blueprint, Part};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

impl Hand {
    /// Removes everything, what needs others before those.
    pub(crate) async fn destroy(&self, blueprint: &Blueprint, outputs: &Outputs) {
        let mut left: Vec<&Part> = blueprint.parts().values().collect();
        while !left.is_empty() {
            let needed = |part: &&Part| {
                left.iter()
                    .any(|other| other.dependencies().contains(&part.address))
            };
            let (later, now): (Vec<&Part>, Vec<&Part>) = left.iter().copied().partition(needed);
            left = later;
            let mut running = JoinSet::new();
            for part in now {
                let (hand, part) = (self.clone(), known(part, outputs));
                let own = outputs[&part.address].clone();
                running.spawn(async move { hand.destroy_one(&part, &own).await });
            }
            while let Some(ended) = running.join_next().await {
                ended.expect("a call by hand ends");
            }
        }
    }

    async fn destroy_one(&self, part: &Known, own: &BTreeMap<&'static str, String>) {
        let name = &part.name;
        match part.part_type.as_str() {
            "AWS::IAM::Role" => drop(
                self.iam
                    .delete_role()
                    .role_name(name)
                    .send()
                    .await
                    .done(part),
            ),
            "AWS::IAM::RolePolicy" => {
                let call = self.iam.delete_role_policy().role_name(part.parent());
                drop(call.policy_name(part.word()).send().await.done(part));
            }
            "AWS::Logs::LogGroup" => {
                let call = self.logs.delete_log_group().log_group_name(name);
                drop(call.send().await.done(part));
            }
            "AWS::S3::Bucket" => drop(self.s3.delete_bucket().bucket(name).send().await.done(part)),
            "Ifc::S3::Object" => {
                let call = self.s3.delete_object().bucket(part.text("Bucket"));
                drop(call.key(part.text("Key")).send().await.done(part));
            }
            "AWS::Lambda::Function" => {
                let call = self.lambda.delete_function().function_name(name);
                drop(call.send().await.done(part));
            }
            "AWS::Lambda::EventSourceMapping" => {
                let call = self.lambda.delete_event_source_mapping().uuid(&own["Ref"]);
                drop(call.send().await.done(part));
            }
            "AWS::ApiGatewayV2::Api" => {
                drop(
                    self.apis
                        .delete_api()
                        .api_id(&own["Ref"])
                        .send()
                        .await
                        .done(part),
                );
            }
            "AWS::DynamoDB::Table" => {
                drop(
                    self.dynamodb
                        .delete_table()
                        .table_name(name)
                        .send()
                        .await
                        .done(part),
                );
            }
            "AWS::SNS::Topic" => {
                drop(
                    self.sns
                        .delete_topic()
                        .topic_arn(&own["Ref"])
                        .send()
                        .await
                        .done(part),
                );
            }
            "AWS::SNS::Subscription" => {
                let call = self.sns.unsubscribe().subscription_arn(&own["Ref"]);
                drop(call.send().await.done(part));
            }
            "AWS::SQS::Queue" => {
                drop(
                    self.sqs
                        .delete_queue()
                        .queue_url(&own["QueueUrl"])
                        .send()
                        .await
                        .done(part),
                );
            }
            "AWS::Scheduler::Schedule" => {
                drop(
                    self.scheduler
                        .delete_schedule()
                        .name(name)
                        .send()
                        .await
                        .done(part),
                );
            }
            "AWS::SecretsManager::Secret" => {
                let call = self.secrets.delete_secret().secret_id(name);
                drop(
                    call.force_delete_without_recovery(true)
                        .send()
                        .await
                        .done(part),
                );
            }
            "AWS::SSM::Parameter" => {
                drop(
                    self.ssm
                        .delete_parameter()
                        .name(name)
                        .send()
                        .await
                        .done(part),
                );
            }
            // They go with what they are within.
            "AWS::ApiGatewayV2::Integration"
            | "AWS::ApiGatewayV2::Route"
            | "AWS::ApiGatewayV2::Stage"
            | "AWS::Lambda::Alias"
            | "AWS::Lambda::Permission"
            | "AWS::SQS::QueuePolicy"
            | "Ifc::S3::Notifications" => {}
            other => panic!("{other} is not removed by hand"),
        }
    }
}
