"""Starts MiniStack, and mends before that what it is known to be wrong about.

- It asks for a permission of its own for operations on batches. IAM knows no actions of these names:
  who may do the operation may do it many times.
- It takes the reading of one alias for the listing of all.
- It does not find the thing that some calls are about, and takes all things for it: parameters in a
  list of names, a function that is made, what tags are read of.
- Who invokes a function by an alias needs the permission for the alias, and not for the function.
- What is asked for by its tags may be of any service, not of some only.
- It drops expired sessions while it walks over all of them, and another thread may add one meanwhile:
  a role is assumed for every function that starts.
"""

import json
import time
from urllib.parse import parse_qs

from ministack.core import iam_actions
from ministack.services import sts, tagging

BATCHES = {
    "sns:PublishBatch": "sns:Publish",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}

their_action = iam_actions.extract_iam_action
their_resource = iam_actions.extract_resource_arn


def action(service, method, path, *arguments, **named):
    found = their_action(service, method, path, *arguments, **named)
    if found == "lambda:ListAliases" and not path.rstrip("/").endswith("/aliases"):
        return "lambda:GetAlias"
    return BATCHES.get(found, found)


def named_in(service, body, region, account):
    text = (body or b"").decode(errors="replace")
    fields = {key: values[0] for key, values in parse_qs(text).items()}
    if text.startswith("{"):
        fields = json.loads(text)
    start = f"arn:aws:{service}:{region}:{account}:"
    if service == "ssm" and fields.get("Names"):
        # One at a time is what we ask for.
        return f"{start}parameter/{fields['Names'][0].lstrip('/')}"
    if service == "lambda" and fields.get("FunctionName"):
        return f"{start}function:{fields['FunctionName'].split(':')[-1]}"
    return fields.get("ResourceArn") or fields.get("resourceArn")


def resource(service, method, path, headers, body, query, region, account):
    found = their_resource(service, method, path, headers, body, query, region, account)
    if found == "*" and service != "s3":
        found = named_in(service, body, region, account) or found
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


def forget_expired_sessions():
    now = time.time()
    for key, session in list(sts._sessions.items()):
        expires = session.get("Expiration")
        if isinstance(expires, (int, float)) and now > expires:
            sts._sessions.pop(key, None)


sts._evict_expired_sessions = forget_expired_sessions
iam_actions.extract_iam_action = action
iam_actions.extract_resource_arn = resource

if __name__ == "__main__":
    from ministack.app import main

    main()
