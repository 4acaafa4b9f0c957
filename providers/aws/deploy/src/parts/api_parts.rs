//! `AWS::ApiGatewayV2::Integration`, `Route` and `Stage`: what an API consists of. Their physical
//! names are `api/word`; of a stage the word is its name. Ours has one integration and one route.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, Told,
    Values, api, made, outputs, parent_and_child, removed,
};
use aws_sdk_apigatewayv2::operation::get_stage::GetStageOutput;
use aws_sdk_apigatewayv2::types::{
    Integration as SdkIntegration, IntegrationType, Route as SdkRoute,
};
use ifc_engine::{Desired, Progress, Target, async_trait};

/// The one with the recorded id; the one there is when no id is recorded.
fn recorded_or_any<T>(
    mut found: Vec<T>,
    target: &Target,
    id_of: impl Fn(&T) -> Option<&str>,
) -> Option<T> {
    match target.outputs.text("Ref") {
        Some(recorded) => found.into_iter().find(|one| id_of(one) == Some(recorded)),
        None => found.pop(),
    }
}

pub(super) struct Integration;

#[async_trait]
impl PartType for Integration {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let Some((api, tags)) = api::within(aws, target).await? else {
            return Ok(Found::Absent);
        };
        Ok(match integration(aws, &api, target).await? {
            None => Found::Absent,
            Some(found) => Found::Present(Present {
                properties: Collected::new()
                    .text("ApiId", Some(&api))
                    .text(
                        "IntegrationType",
                        found.integration_type().map(IntegrationType::as_str),
                    )
                    .text("IntegrationUri", found.integration_uri())
                    .text("PayloadFormatVersion", found.payload_format_version())
                    .number("TimeoutInMillis", found.timeout_in_millis())
                    .done(),
                outputs: outputs([("Ref", found.integration_id().unwrap_or_default())]),
                tags: Some(tags),
            }),
        })
    }

    async fn create(&self, aws: &Clients, part: &Desired, attempt: &Attempt<'_>) -> Made {
        let properties = &part.properties;
        let api = properties.required("ApiId")?;
        // AWS makes another one of the same sort whenever it is asked.
        if !attempt.seen_absent && integration(aws, api, &part.target).await?.is_some() {
            return Err(Failure::exists("the API has its integration"));
        }
        let call = aws.apis.create_integration().api_id(api);
        let answer = call
            .set_integration_type(properties.text("IntegrationType").map(Into::into))
            .set_integration_uri(properties.owned("IntegrationUri"))
            .set_payload_format_version(properties.owned("PayloadFormatVersion"))
            .set_timeout_in_millis(properties.number("TimeoutInMillis"))
            .send()
            .await
            .told(
                "apigateway:POST",
                &api::arn(aws, &format!("{api}/integrations")),
            )?;
        made(outputs([(
            "Ref",
            answer.integration_id().unwrap_or_default(),
        )]))
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let properties = &part.properties;
        let (api, id) = (
            properties.required("ApiId")?,
            found.outputs.required("Ref")?,
        );
        let call = aws.apis.update_integration().api_id(api).integration_id(id);
        let answer = call
            .set_integration_type(properties.text("IntegrationType").map(Into::into))
            .set_integration_uri(properties.owned("IntegrationUri"))
            .set_payload_format_version(properties.owned("PayloadFormatVersion"))
            .set_timeout_in_millis(properties.number("TimeoutInMillis"))
            .send()
            .await;
        answer.told(
            "apigateway:PATCH",
            &api::arn(aws, &format!("{api}/integrations/{id}")),
        )?;
        made(found.outputs.clone())
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let Some((api, _)) = api::within(aws, target).await? else {
            return removed();
        };
        let found = integration(aws, &api, target).await?;
        if let Some(id) = found.as_ref().and_then(|found| found.integration_id()) {
            let call = aws
                .apis
                .delete_integration()
                .api_id(&api)
                .integration_id(id);
            let arn = api::arn(aws, &format!("{api}/integrations/{id}"));
            call.send().await.told("apigateway:DELETE", &arn)?;
        }
        removed()
    }
}

async fn integration(
    aws: &Clients,
    api: &str,
    target: &Target,
) -> Result<Option<SdkIntegration>, Failure> {
    let arn = api::arn(aws, &format!("{api}/integrations"));
    let answer = aws.apis.get_integrations().api_id(api).send().await;
    let found = answer.told("apigateway:GET", &arn).or_absent()?;
    let found = found.and_then(|answer| answer.items).unwrap_or_default();
    Ok(recorded_or_any(
        found,
        target,
        SdkIntegration::integration_id,
    ))
}

pub(super) struct Route;

#[async_trait]
impl PartType for Route {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let Some((api, tags)) = api::within(aws, target).await? else {
            return Ok(Found::Absent);
        };
        Ok(match route(aws, &api, target).await? {
            None => Found::Absent,
            Some(found) => Found::Present(Present {
                properties: Collected::new()
                    .text("ApiId", Some(&api))
                    .text("RouteKey", found.route_key())
                    .text("Target", found.target())
                    .done(),
                outputs: outputs([("Ref", found.route_id().unwrap_or_default())]),
                tags: Some(tags),
            }),
        })
    }

    async fn create(&self, aws: &Clients, part: &Desired, attempt: &Attempt<'_>) -> Made {
        let properties = &part.properties;
        let api = properties.required("ApiId")?;
        if !attempt.seen_absent && route(aws, api, &part.target).await?.is_some() {
            return Err(Failure::exists("the API has its route"));
        }
        let call = aws.apis.create_route().api_id(api);
        let call = call
            .set_route_key(properties.owned("RouteKey"))
            .set_target(properties.owned("Target"));
        let arn = api::arn(aws, &format!("{api}/routes"));
        let answer = call.send().await.told("apigateway:POST", &arn)?;
        made(outputs([("Ref", answer.route_id().unwrap_or_default())]))
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let properties = &part.properties;
        let (api, id) = (
            properties.required("ApiId")?,
            found.outputs.required("Ref")?,
        );
        let call = aws.apis.update_route().api_id(api).route_id(id);
        let call = call
            .set_route_key(properties.owned("RouteKey"))
            .set_target(properties.owned("Target"));
        let arn = api::arn(aws, &format!("{api}/routes/{id}"));
        call.send().await.told("apigateway:PATCH", &arn)?;
        made(found.outputs.clone())
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let Some((api, _)) = api::within(aws, target).await? else {
            return removed();
        };
        let found = route(aws, &api, target).await?;
        if let Some(id) = found.as_ref().and_then(|found| found.route_id()) {
            let call = aws.apis.delete_route().api_id(&api).route_id(id);
            let arn = api::arn(aws, &format!("{api}/routes/{id}"));
            call.send().await.told("apigateway:DELETE", &arn)?;
        }
        removed()
    }
}

async fn route(aws: &Clients, api: &str, target: &Target) -> Result<Option<SdkRoute>, Failure> {
    let arn = api::arn(aws, &format!("{api}/routes"));
    let answer = aws.apis.get_routes().api_id(api).send().await;
    let found = answer.told("apigateway:GET", &arn).or_absent()?;
    let found = found.and_then(|answer| answer.items).unwrap_or_default();
    Ok(recorded_or_any(found, target, SdkRoute::route_id))
}

pub(super) struct Stage;

#[async_trait]
impl PartType for Stage {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let Some((api, _)) = api::within(aws, target).await? else {
            return Ok(Found::Absent);
        };
        let (_, name) = parent_and_child(target)?;
        let Some(stage) = stage(aws, &api, name).await? else {
            return Ok(Found::Absent);
        };
        Ok(Found::Present(Present {
            properties: Collected::new()
                .text("ApiId", Some(&api))
                .flag("AutoDeploy", stage.auto_deploy())
                .done(),
            outputs: stage_outputs(name),
            tags: Some(api::current_tags(aws, &stage_arn(aws, &api, name)).await?),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, attempt: &Attempt<'_>) -> Made {
        let api = part.properties.required("ApiId")?;
        let (_, name) = parent_and_child(&part.target)?;
        if !attempt.seen_absent && stage(aws, api, name).await?.is_some() {
            return Err(Failure::exists(format!("the API has a stage `{name}`")));
        }
        let call = aws.apis.create_stage().api_id(api).stage_name(name);
        let call = call
            .set_auto_deploy(part.properties.flag("AutoDeploy"))
            .set_tags(Some(part.target.tags.clone().into_iter().collect()));
        call.send()
            .await
            .told("apigateway:POST", &stage_arn(aws, api, name))?;
        made(stage_outputs(name))
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let api = part.properties.required("ApiId")?;
        let (_, name) = parent_and_child(&part.target)?;
        let arn = stage_arn(aws, api, name);
        let deploy = part.properties.flag("AutoDeploy");
        if found.properties.flag("AutoDeploy") != deploy {
            let call = aws.apis.update_stage().api_id(api).stage_name(name);
            let call = call.set_auto_deploy(Some(deploy.unwrap_or(false)));
            call.send().await.told("apigateway:PATCH", &arn)?;
        }
        api::retag(aws, &arn, found.tags.as_ref(), &part.target.tags).await?;
        made(stage_outputs(name))
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let Some((api, _)) = api::within(aws, target).await? else {
            return removed();
        };
        let (_, name) = parent_and_child(target)?;
        let answer = aws
            .apis
            .delete_stage()
            .api_id(&api)
            .stage_name(name)
            .send()
            .await;
        answer.told("apigateway:DELETE", &stage_arn(aws, &api, name))?;
        removed()
    }
}

async fn stage(aws: &Clients, api: &str, name: &str) -> Result<Option<GetStageOutput>, Failure> {
    let call = aws.apis.get_stage().api_id(api).stage_name(name);
    let answer = call.send().await;
    answer
        .told("apigateway:GET", &stage_arn(aws, api, name))
        .or_absent()
}

fn stage_arn(aws: &Clients, api: &str, name: &str) -> String {
    api::arn(aws, &format!("{api}/stages/{name}"))
}

fn stage_outputs(name: &str) -> Values {
    outputs([("Ref", name)])
}
