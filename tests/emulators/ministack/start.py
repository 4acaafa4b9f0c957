"""Starts MiniStack, and mends before that what it is known to be wrong about.

- It asks for a permission of its own for operations on batches. IAM knows no actions of these names:
  who may do the operation may do it many times.
"""

from ministack.core import iam_actions

BATCHES = {
    "sns:PublishBatch": "sns:Publish",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}

theirs = iam_actions.extract_iam_action


def mended(*arguments, **named):
    action = theirs(*arguments, **named)
    return BATCHES.get(action, action)


iam_actions.extract_iam_action = mended

if __name__ == "__main__":
    from ministack.app import main

    main()
