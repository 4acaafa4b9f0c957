"""Starts MiniStack, and mends before that what it is known to be wrong about.

- It asks for a permission of its own for operations on batches. IAM knows no actions of these names:
  who may do the operation may do it many times.
- Who invokes a function by an alias needs the permission for the alias, and not for the function.
- What is asked for by its tags may be of any service, not of some only.
"""

from ministack.core import iam_actions
from ministack.services import tagging

BATCHES = {
    "sns:PublishBatch": "sns:Publish",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}

their_action = iam_actions.extract_iam_action
their_resource = iam_actions.extract_resource_arn


def action(*arguments, **named):
    found = their_action(*arguments, **named)
    return BATCHES.get(found, found)


def resource(service, method, path, headers, body, query, region, account):
    found = their_resource(service, method, path, headers, body, query, region, account)
    qualifier = query.get("Qualifier")
    if service == "lambda" and path.endswith("/invocations") and qualifier:
        return f"{found}:{qualifier[0] if isinstance(qualifier, list) else qualifier}"
    return found



def apis():
    from ministack.services import apigateway

    return ((arn, pairs(tags)) for arn, tags in apigateway._api_tags.items())


def log_groups():
    from ministack.services import cloudwatch_logs

    return ((group["arn"], pairs(group["tags"])) for group in cloudwatch_logs._log_groups.values())


def mappings():
    from ministack.services import lambda_svc

    for name, mapping in lambda_svc._esms.items():
        yield lambda_svc._esm_arn(name), pairs(mapping.get("Tags", {}))


def streams():
    from ministack.services import kinesis

    return ((stream["StreamARN"], pairs(stream["tags"])) for stream in kinesis._streams.values())


def pairs(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


tagging._COLLECTORS.update(
    {
        "apigateway": apis,
        "kinesis": streams,
        "logs": log_groups,
        "mappings": mappings,
        "secretsmanager": tagging._collect_secretsmanager,
        "ssm": tagging._collect_ssm,
    }
)
iam_actions.extract_iam_action = action
iam_actions.extract_resource_arn = resource

if __name__ == "__main__":
    from ministack.app import main

    main()
