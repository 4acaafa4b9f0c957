//! `AWS::Scheduler::Schedule`, in the group `default`. Schedules bear no tags: one under the computed
//! name is ours.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PROPAGATION, PartType,
    Present, Told, Values, made, outputs, removed,
};
use aws_sdk_scheduler::types::{
    DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState,
    Target as Receiver,
};
use ifc_engine::{Desired, Progress, Target, Value, async_trait};

/// Attempts, and seconds in which they are made, where nothing else is said.
const RETRIES_AT_FIRST: (Option<i32>, Option<i32>) = (Some(185), Some(86_400));

pub(super) struct Schedule;

#[async_trait]
impl PartType for Schedule {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let (name, arn) = named(aws, target);
        let answer = aws.scheduler.get_schedule().name(name).send().await;
        let Some(schedule) = answer.told("scheduler:GetSchedule", &arn).or_absent()? else {
            return Ok(Found::Absent);
        };
        let window = schedule.flexible_time_window().map(|window| {
            Collected::new()
                .text("Mode", Some(window.mode().as_str()))
                .number("MaximumWindowInMinutes", window.maximum_window_in_minutes())
                .nested()
        });
        Ok(Found::Present(Present {
            properties: Collected::new()
                .with("FlexibleTimeWindow", window.flatten())
                .text("ScheduleExpression", schedule.schedule_expression())
                .text(
                    "ScheduleExpressionTimezone",
                    schedule.schedule_expression_timezone(),
                )
                .text("State", schedule.state().map(ScheduleState::as_str))
                .with("Target", schedule.target().and_then(from_receiver))
                .done(),
            outputs: outputs([("Arn", &arn), ("Ref", name)]),
            tags: None,
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, attempt: &Attempt<'_>) -> Made {
        let (name, arn) = named(aws, &part.target);
        let properties = &part.properties;
        let call = aws
            .scheduler
            .create_schedule()
            .name(name)
            .client_token(attempt.token);
        let answer = call
            .set_flexible_time_window(window(properties)?)
            .set_schedule_expression(properties.owned("ScheduleExpression"))
            .set_schedule_expression_timezone(properties.owned("ScheduleExpressionTimezone"))
            .set_state(properties.text("State").map(ScheduleState::from))
            .set_target(receiver(properties)?)
            .send()
            .await
            .told("scheduler:CreateSchedule", &arn);
        answer.map_err(not_assumed)?;
        made(outputs([("Arn", &arn), ("Ref", name)]))
    }

    async fn update(&self, aws: &Clients, _: &Present, part: &Desired) -> Made {
        let (name, arn) = named(aws, &part.target);
        let properties = &part.properties;
        let call = aws.scheduler.update_schedule().name(name);
        let answer = call
            .set_flexible_time_window(window(properties)?)
            .set_schedule_expression(properties.owned("ScheduleExpression"))
            .set_schedule_expression_timezone(properties.owned("ScheduleExpressionTimezone"))
            .set_state(properties.text("State").map(ScheduleState::from))
            .set_target(receiver(properties)?)
            .send()
            .await
            .told("scheduler:UpdateSchedule", &arn);
        answer.map_err(not_assumed)?;
        made(outputs([("Arn", &arn), ("Ref", name)]))
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let (name, arn) = named(aws, target);
        let answer = aws.scheduler.delete_schedule().name(name).send().await;
        answer.told("scheduler:DeleteSchedule", &arn)?;
        removed()
    }
}

fn named<'a>(aws: &Clients, target: &'a Target) -> (&'a str, String) {
    let name = target.physical_name.as_str();
    (
        name,
        aws.arn("scheduler", &format!("schedule/default/{name}")),
    )
}

/// The scheduler hears of a new role later than IAM does.
fn not_assumed(failure: Failure) -> Failure {
    match failure.says("to assume the role") {
        true => failure.until("the schedule's role to become usable", PROPAGATION),
        false => failure,
    }
}

fn window(properties: &Values) -> Result<Option<FlexibleTimeWindow>, Failure> {
    let Some(window) = properties.inner("FlexibleTimeWindow") else {
        return Ok(None);
    };
    let mode = window.text("Mode").unwrap_or("OFF");
    FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::from(mode))
        .set_maximum_window_in_minutes(window.number("MaximumWindowInMinutes"))
        .build()
        .map(Some)
        .map_err(|error| Failure::rejected(error.to_string()))
}

fn receiver(properties: &Values) -> Result<Option<Receiver>, Failure> {
    let Some(target) = properties.inner("Target") else {
        return Ok(None);
    };
    let dead = target.inner("DeadLetterConfig");
    let retry = target.inner("RetryPolicy");
    Receiver::builder()
        .set_arn(target.owned("Arn"))
        .set_role_arn(target.owned("RoleArn"))
        .set_input(target.owned("Input"))
        .set_dead_letter_config(dead.map(|dead| {
            DeadLetterConfig::builder()
                .set_arn(dead.owned("Arn"))
                .build()
        }))
        .set_retry_policy(retry.map(|retry| {
            RetryPolicy::builder()
                .set_maximum_retry_attempts(retry.number("MaximumRetryAttempts"))
                .set_maximum_event_age_in_seconds(retry.number("MaximumEventAgeInSeconds"))
                .build()
        }))
        .build()
        .map(Some)
        .map_err(|error| Failure::rejected(error.to_string()))
}

fn from_receiver(target: &Receiver) -> Option<Value> {
    let dead = target.dead_letter_config().and_then(|dead| dead.arn());
    // What the scheduler fills in where nothing was said is not told.
    let retry = target.retry_policy().filter(|retry| {
        let told = (
            retry.maximum_retry_attempts(),
            retry.maximum_event_age_in_seconds(),
        );
        told != RETRIES_AT_FIRST
    });
    let attempts = retry.and_then(|retry| retry.maximum_retry_attempts());
    let age = retry.and_then(|retry| retry.maximum_event_age_in_seconds());
    Collected::new()
        .text("Arn", Some(target.arn()))
        .text("RoleArn", Some(target.role_arn()))
        .text("Input", target.input())
        .delivery(dead, attempts, age)
        .nested()
}
