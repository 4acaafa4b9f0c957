"""Writes a request for every operation of every service that we call, with botocore, and reads it
back with our reader: the same operation, all members, no deviation. Prints what is otherwise.

A member that the model does not have is added to each as well, and must be found.
"""

import sys
import urllib.parse

import botocore.serialize
import botocore.session

import shape
import wire

SERVICES = (
    "apigatewayv2 dynamodb dynamodbstreams events iam kinesis lambda logs s3 scheduler "
    "secretsmanager sns sqs ssm sts"
).split()

# Deeper than this the recursive shapes end.
DEPTH = 6


def sample(of, depth=0):
    """A value that `of` allows, but for patterns. None where it would have no end."""
    kind = of.type_name
    least = max(of.metadata.get("min") or 1, 1)
    if kind == "structure":
        if getattr(of, "is_document_type", False):
            return {"a": 1}
        members = of.members.items()
        if getattr(of, "is_tagged_union", False):
            members = list(members)[:1]
        if depth > DEPTH:
            members = [(name, member) for name, member in members if name in of.required_members]
        values = {name: sample(member, depth + 1) for name, member in members}
        return {name: value for name, value in values.items() if value is not None}
    if depth > 2 * DEPTH:
        return None
    if kind == "list":
        item = sample(of.member, depth + 1)
        return None if item in (None, {}) else [item] * least
    if kind == "map":
        item = sample(of.value, depth + 1)
        key = sample(of.key, depth + 1)
        keys = [key] + [f"{key[:-1]}{number}" for number in range(1, least)]
        return None if item in (None, {}) else dict.fromkeys(keys, item)
    if kind == "string":
        return of.metadata["enum"][0] if of.metadata.get("enum") else "a" * least
    if kind in ("integer", "long"):
        return least
    if kind in ("float", "double"):
        return float(least)
    if kind == "boolean":
        return True
    if kind == "blob":
        return b"a" * least
    if kind == "timestamp":
        return 1_700_000_000
    raise ValueError(kind)


def written(model, operation, value):
    """The request that botocore writes."""
    serializer = botocore.serialize.create_serializer(model.protocol, include_validation=False)
    parts = serializer.serialize_to_request(value, operation)
    body = parts["body"]
    if isinstance(body, dict):
        body = urllib.parse.urlencode(body)
    if isinstance(body, str):
        body = body.encode()
    query = parts["query_string"]
    if isinstance(query, dict):
        query = urllib.parse.urlencode(query, doseq=True)
    path, _, literal = parts["url_path"].partition("?")
    target = path + "?" + "&".join(part for part in (literal, query) if part)
    headers = {name.lower(): str(text) for name, text in parts["headers"].items()}
    return wire.Message(headers, body, parts["method"], target.rstrip("?"))


def spoiled(model, operation, request):
    """`request` with one more member in its body; None where a body has no members."""
    body = request.body
    if model.protocol == "query":
        body += b"&Nonsense.1=a"
    elif body.startswith(b"<"):
        before, _, last = body.rpartition(b"</")
        body = before + b"<Nonsense>a</Nonsense></" + last
    elif body.startswith(b"{") and body != b"{}":
        body = body[:-1] + b', "Nonsense": 1}'
    else:
        return None
    payload = operation.input_shape.members.get(operation.input_shape.serialization.get("payload"))
    if payload is not None and payload.type_name != "structure":
        return None
    spoiled = wire.Message(request.headers, body, request.method, request.path)
    spoiled.query = request.query
    return spoiled


def deviations(model, name):
    operation = model.operation_model(name)
    if operation.has_event_stream_input:
        return
    value = sample(operation.input_shape) if operation.input_shape else {}
    request = written(model, operation, value)
    found, labels = wire.operation_of(model, request)
    if found.http != operation.http:
        yield f"is taken for {found.name}"
        return
    read, wrong = wire.input_of(model, operation, labels, request)
    yield from wrong
    if operation.input_shape is None:
        return
    for what in shape.check(operation.input_shape, read):
        if "does not match" not in what:
            yield what
    for member in value:
        if member not in read:
            yield f"{member} is lost"
    worse = spoiled(model, operation, request)
    if worse is not None:
        read, _ = wire.input_of(model, operation, labels, worse)
        if not any("no such member" in what for what in shape.check(operation.input_shape, read)):
            yield "what is no member is not found"


def main():
    session = botocore.session.get_session()
    count = 0
    for service in SERVICES:
        model = session.get_service_model(service)
        for name in model.operation_names:
            count += 1
            try:
                found = list(deviations(model, name))
            except wire.Unreadable as error:
                found = [str(error)]
            for what in found:
                print(f"{service} {name}: {what}")
    print(f"{count} operations", file=sys.stderr)


if __name__ == "__main__":
    main()
