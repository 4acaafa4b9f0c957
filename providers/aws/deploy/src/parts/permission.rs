//! `AWS::Lambda::Permission`: that a service may invoke a function. A statement in the policy of the
//! function's alias. Its physical name is `function/alias/statement`.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, Told,
    function, made, outputs, parent_and_child, removed,
};
use ifc_engine::{Desired, Progress, Target, async_trait};
use serde_json::Value as Json;

pub(super) struct Permission;

#[async_trait]
impl PartType for Permission {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let place = Place::of(aws, target)?;
        // Without its function there is none either.
        let Some(tags) = function::tags(aws, place.function).await? else {
            return Ok(Found::Absent);
        };
        let call = aws.lambda.get_policy().function_name(place.function);
        let answer = call.set_qualifier(place.qualifier()).send().await;
        let answer = answer.told("lambda:GetPolicy", &place.arn).or_absent()?;
        let policy = answer.and_then(|answer| answer.policy).unwrap_or_default();
        let Some(statement) = statement(&policy, place.statement) else {
            return Ok(Found::Absent);
        };
        let principal = &statement["Principal"];
        let principal = principal["Service"].as_str().or_else(|| principal.as_str());
        Ok(Found::Present(Present {
            properties: Collected::new()
                .text("Action", statement["Action"].as_str())
                .text("FunctionName", Some(place.invoked()))
                .text("Principal", principal)
                .text("SourceArn", source_arn(&statement))
                .done(),
            outputs: outputs([]),
            tags: Some(tags),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        let place = Place::of(aws, &part.target)?;
        let properties = &part.properties;
        let call = aws.lambda.add_permission().function_name(place.function);
        let call = call
            .set_qualifier(place.qualifier())
            .statement_id(place.statement)
            .set_action(properties.owned("Action"))
            .set_principal(properties.owned("Principal"))
            .set_source_arn(properties.owned("SourceArn"));
        call.send().await.told("lambda:AddPermission", &place.arn)?;
        made(outputs([]))
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let wanted = &part.properties;
        let mut properties = ["Action", "Principal", "SourceArn"].iter();
        if properties.all(|name| found.properties.value(name) == wanted.value(name)) {
            return made(outputs([]));
        }
        // There is no call that changes one.
        self.delete(aws, &part.target).await?;
        let attempt = Attempt {
            token: "",
            seen_absent: true,
        };
        self.create(aws, part, &attempt).await
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let place = Place::of(aws, target)?;
        let call = aws.lambda.remove_permission().function_name(place.function);
        let call = call
            .set_qualifier(place.qualifier())
            .statement_id(place.statement);
        call.send()
            .await
            .told("lambda:RemovePermission", &place.arn)?;
        removed()
    }
}

struct Place<'a> {
    function: &'a str,
    alias: Option<&'a str>,
    statement: &'a str,
    arn: String,
}

impl<'a> Place<'a> {
    fn of(aws: &Clients, target: &'a Target) -> Result<Place<'a>, Failure> {
        let (parent, statement) = parent_and_child(target)?;
        let (function, alias) = match parent.split_once('/') {
            Some((function, alias)) => (function, Some(alias)),
            None => (parent, None),
        };
        let arn = function::arn(aws, function);
        Ok(Place {
            function,
            alias,
            statement,
            arn,
        })
    }

    /// What the permission is for: the alias, or the function.
    fn invoked(&self) -> String {
        match self.alias {
            Some(alias) => format!("{}:{alias}", self.arn),
            None => self.arn.clone(),
        }
    }

    fn qualifier(&self) -> Option<String> {
        self.alias.map(str::to_owned)
    }
}

fn statement(policy: &str, id: &str) -> Option<Json> {
    let policy: Json = serde_json::from_str(policy).ok()?;
    let statements = policy["Statement"].as_array()?;
    let found = statements.iter().find(|statement| statement["Sid"] == id);
    found.cloned()
}

/// The only condition that these statements have, however it is spelled.
fn source_arn(statement: &Json) -> Option<&str> {
    let conditions = statement["Condition"].as_object()?;
    let keys = conditions.values().filter_map(Json::as_object).flatten();
    let mut found = keys.filter(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"));
    found.next().and_then(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_found_by_their_id() {
        let policy = r#"{"Statement":[{"Sid":"a"},{"Sid":"b","Principal":{"Service":"s"},
            "Condition":{"ArnLike":{"AWS:SourceArn":"arn:x"}}}]}"#;
        let found = statement(policy, "b").unwrap();
        assert_eq!(source_arn(&found), Some("arn:x"));
        assert_eq!(statement(policy, "c"), None);
        assert_eq!(statement("", "a"), None);
    }
}
