"""Starts MiniStack, and mends before that what it is known to be wrong about.

- It asks for a permission of its own for operations on batches. IAM knows no actions of these names:
  who may do the operation may do it many times.
- Who invokes a function by an alias needs the permission for the alias, and not for the function.
"""

from ministack.core import iam_actions

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


iam_actions.extract_iam_action = action
iam_actions.extract_resource_arn = resource

if __name__ == "__main__":
    from ministack.app import main

    main()
