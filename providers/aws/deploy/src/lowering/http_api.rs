//! An API: an HTTP API of API Gateway that hands everything to the live version of its unit. Routes,
//! CORS and the access log are the router's, in the unit.

use super::{About, Lowering, LoweringError, seconds};
use crate::catalog::{API, API_STAGE, INTEGRATION, PERMISSION, ROUTE};
use crate::policy::API_GATEWAY;
use ifc_engine::{PartAddress, Value};
use ifc_graph::Unit;

/// How much longer than the unit may run its answer is waited for, in milliseconds.
const PATIENCE_MS: i64 = 1_000;

/// API Gateway gives up after this time, in milliseconds.
const TIMEOUT_MAX_MS: i64 = 30_000;

/// The route and the stage that are those of everything.
const DEFAULT: &str = "$default";

impl Lowering<'_> {
    pub(super) fn http_api(
        &mut self,
        unit: &Unit,
        alias: &PartAddress,
        about: &About,
    ) -> Result<(), LoweringError> {
        let name = unit.name.as_str();
        let api_about = about.beside("endpoint", "its routes are served here");
        let making = self.fixed(name, "api", API, &api_about)?;
        let api = self.add(making.set("ProtocolType", "HTTP"));
        let api_name = self.first_name(&api);
        let id = || Value::output(&api, "Ref");

        let source = Value::Join(vec![
            Value::Text(self.context.arn("execute-api", "")),
            id(),
            Value::Text(format!("/*/{DEFAULT}")),
        ]);
        let permission = format!("{}/http", self.first_name(alias));
        let beside = about.beside("permission", "its endpoint may invoke it");
        let making = self
            .within((name, "http-permission"), PERMISSION, permission, &beside)?
            .set("Action", "lambda:InvokeFunction")
            .set("FunctionName", Value::output(alias, "Ref"))
            .set("Principal", API_GATEWAY)
            .set("SourceArn", source);
        let permission = self.add(making);

        let timeout = seconds(unit.spec.timeout) * 1_000 + PATIENCE_MS;
        let beside = about.beside("integration", "its endpoint hands requests to it");
        let part = (name, "integration");
        let making = self
            .within(part, INTEGRATION, format!("{api_name}/unit"), &beside)?
            .set("ApiId", id())
            .set("IntegrationType", "AWS_PROXY")
            .set("IntegrationUri", Value::output(alias, "Ref"))
            .set("PayloadFormatVersion", "2.0")
            .set("TimeoutInMillis", timeout.min(TIMEOUT_MAX_MS));
        let integration = self.add(making);

        let beside = about.beside("route", "its endpoint hands all requests to it");
        let target = Value::Join(vec![
            "integrations/".into(),
            Value::output(&integration, "Ref"),
        ]);
        let making = self
            .within(
                (name, "route"),
                ROUTE,
                format!("{api_name}/{DEFAULT}"),
                &beside,
            )?
            .set("ApiId", id())
            .set("RouteKey", DEFAULT)
            .set("Target", target);
        let route = self.add(making);

        let beside = about.beside("stage", "its endpoint is open");
        let making = self
            .within(
                (name, "stage"),
                API_STAGE,
                format!("{api_name}/{DEFAULT}"),
                &beside,
            )?
            .set("ApiId", id())
            .set("AutoDeploy", true)
            .after(&permission)
            .after(&route);
        self.add(making);
        Ok(())
    }
}
