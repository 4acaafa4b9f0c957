"""What a request or a reply says, in the terms of the model: which operation, which members.

One reader per protocol. Each returns plain values by the members' names for `shape.py`, with
whatever the model does not know kept under its name on the wire, so that it is found there.
"""

import collections
import functools
import json
import re
import urllib.parse
import xml.etree.ElementTree

# Names of services that sign by a name of more than one.
SIGNED_AS = {
    "apigateway": lambda request: "apigatewayv2" if request.path.startswith("/v2/") else "apigateway",
    "dynamodb": lambda request: (
        "dynamodbstreams"
        if request.header("x-amz-target").startswith("DynamoDBStreams_")
        else "dynamodb"
    ),
    "tagging": lambda request: "resourcegroupstaggingapi",
    "monitoring": lambda request: "cloudwatch",
}


class Unreadable(Exception):
    """It cannot be read as a call of any operation."""


class Message:
    """A request, or the reply to one. Names of headers are in lower case."""

    def __init__(self, headers, body, method="", target="", status=0):
        self.headers = headers
        self.body = body
        self.method = method
        self.status = status
        path, _, query = target.partition("?")
        self.path = path
        self.query = urllib.parse.parse_qsl(query, keep_blank_values=True)

    def header(self, name):
        return self.headers.get(name, "")

    def text(self):
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable(f"the body is not UTF-8: {error}") from error


def service_of(request):
    """The name of the model that the signature of `request` is for; None when it is not signed."""
    scope = re.search(r"Credential=([^,\s]+)", request.header("authorization"))
    credential = scope.group(1) if scope else dict(request.query).get("X-Amz-Credential", "")
    parts = credential.split("/")
    if len(parts) < 5:
        return None
    name = parts[-2]
    return SIGNED_AS[name](request) if name in SIGNED_AS else name


def operation_of(model, request):
    """The operation that is asked for, and the labels in its path."""
    protocol = model.protocol
    if protocol == "json":
        prefix, _, name = request.header("x-amz-target").partition(".")
        if prefix != model.metadata["targetPrefix"]:
            raise Unreadable(f"the target `{prefix}` is not {model.metadata['targetPrefix']}")
        return _named(model, name), {}
    if protocol == "query":
        form = dict(urllib.parse.parse_qsl(request.text(), keep_blank_values=True))
        return _named(model, form.get("Action", "")), {}
    if protocol in ("rest-json", "rest-xml"):
        return _routed(model, request)
    raise Unreadable(f"the protocol {protocol} is not understood here")


def _named(model, name):
    if name not in model.operation_names:
        raise Unreadable(f"`{name}` is no operation")
    return model.operation_model(name)


# Operations by path.


@functools.lru_cache(maxsize=None)
def _routes(model):
    """Method, pattern of the path, queries that must be there, operation; the most exact first."""
    routes = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        literal = 0
        pattern = ""
        for piece in re.split(r"(\{[^}]+\})", path):
            if piece.startswith("{"):
                label = piece[1:-1]
                greedy = label.endswith("+")
                pattern += f"(?P<{_group(label.rstrip('+'))}>{'.+' if greedy else '[^/]+'})"
            else:
                pattern += re.escape(piece)
                literal += len(piece)
        required = urllib.parse.parse_qsl(query, keep_blank_values=True)
        greedy = "+}" in path
        tells = len(required) + len(_telling(operation))
        exactness = (tells, literal, not greedy, path.count("{"), not operation.deprecated)
        routes.append((exactness, operation.http["method"], re.compile(pattern), required, operation))
    routes.sort(key=lambda route: route[0], reverse=True)
    return routes


def _group(label):
    return "label_" + label.encode().hex()


def _routed(model, request):
    path = request.path
    bucket = path.strip("/")
    given = dict(request.query)
    for _, method, pattern, required, operation in _routes(model):
        match = method == request.method and pattern.fullmatch(path)
        # A bucket may be written with a slash after it.
        if not match and model.service_name == "s3" and "/" not in bucket:
            match = method == request.method and pattern.fullmatch(path.rstrip("/") or "/")
        if not match:
            continue
        if any(given.get(name) != value for name, value in required):
            continue
        if any(wire not in (given if query else request.headers) for query, wire in _telling(operation)):
            continue
        labels = {
            bytes.fromhex(group[len("label_"):]).decode(): urllib.parse.unquote(value)
            for group, value in match.groupdict().items()
        }
        return operation, labels
    raise Unreadable(f"no operation has {request.method} {path}")


def _telling(operation):
    """What tells operations on one path apart: what they require in the query, or, where a copy is
    an upload that names its source, in a header. Whether it is in the query, and its name."""
    shape = operation.input_shape
    telling = []
    for name in shape.required_members if shape else []:
        serialization = shape.members[name].serialization
        wire = serialization.get("name", name)
        if serialization.get("location") == "querystring":
            telling.append((True, wire))
        elif wire == "x-amz-copy-source":
            telling.append((False, wire))
    return telling


# What a request says.


def input_of(model, operation, labels, request):
    """The input of `operation` by its members, and what is wrong before it comes to those."""
    wrong = []
    if model.protocol == "json":
        wanted = f"application/x-amz-json-{model.metadata['jsonVersion']}"
        if request.header("content-type") != wanted:
            wrong.append(f"it: content type {request.header('content-type')!r}, not {wanted}")
        return _by_member(operation.input_shape, _json(request)), wrong
    if model.protocol == "query":
        form = urllib.parse.parse_qsl(request.text(), keep_blank_values=True)
        fields = collections.OrderedDict(form)
        fields.pop("Action", None)
        version = fields.pop("Version", None)
        if version != model.api_version:
            wrong.append(f"it: version {version!r}, not {model.api_version}")
        value = _form_structure(operation.input_shape, "", fields) if operation.input_shape else {}
        # What nothing has taken is in no shape.
        value.update(fields)
        return value, wrong
    return _rest(model, operation.input_shape, request, labels, operation.http["requestUri"]), wrong


def _json(message):
    text = message.text()
    if not text:
        return {}
    try:
        return json.loads(text)
    except ValueError as error:
        raise Unreadable(f"the body is not JSON: {error}") from error


def _by_member(shape, value):
    """`value` with the names of members in the place of those on the wire."""
    if shape is None or value is None or getattr(shape, "is_document_type", False):
        return value
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        members = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        found = {}
        for wire, item in value.items():
            name = members.get(wire)
            if name is None:
                # A member's name in the wrong case must not pass for the member.
                found[f"{wire} (as written)" if wire in shape.members else wire] = item
            elif item is not None:
                found[name] = _by_member(shape.members[name], item)
        return found
    if kind == "list" and isinstance(value, list):
        return [_by_member(shape.member, item) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {key: _by_member(shape.value, item) for key, item in value.items()}
    return value


def _form_structure(shape, prefix, fields):
    value = {}
    for name, member in shape.members.items():
        wire = prefix + member.serialization.get("name", name)
        found = _form(member, wire, fields)
        if found is not None:
            value[name] = found
    return value


def _form(shape, name, fields):
    kind = shape.type_name
    under = any(field.startswith(f"{name}.") for field in fields)
    if kind == "structure":
        return _form_structure(shape, f"{name}.", fields) if under else None
    if kind == "list":
        if fields.get(name) == "":
            del fields[name]
            return []
        flat = shape.serialization.get("flattened")
        item = shape.member.serialization.get("name", "member")
        if flat:
            # The member's name takes the place of the list's.
            base = f"{name.rpartition('.')[0]}.{item}".lstrip(".") if item != "member" else name
        else:
            base = f"{name}.{item}"
        items = _numbered(base, fields, lambda at: _form(shape.member, at, fields))
        return items or None
    if kind == "map":
        base = name if shape.serialization.get("flattened") else f"{name}.entry"
        key = shape.key.serialization.get("name", "key")
        item = shape.value.serialization.get("name", "value")
        entries = _numbered(
            base,
            fields,
            lambda at: (_form(shape.key, f"{at}.{key}", fields), _form(shape.value, f"{at}.{item}", fields)),
        )
        return dict(entries) if entries else None
    text = fields.pop(name, None)
    return None if text is None else _scalar(shape, text)


def _numbered(base, fields, read):
    items = []
    while True:
        at = f"{base}.{len(items) + 1}"
        if not any(field == at or field.startswith(f"{at}.") for field in fields):
            return items
        items.append(read(at))


def _scalar(shape, text):
    """A value of the type of `shape` that is written as text; the text where it is none."""
    kind = shape.type_name
    try:
        if kind in ("integer", "long", "short", "byte"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
    except ValueError:
        return text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text


# Members in the path, the query, headers and the body.


def _rest(model, shape, message, labels, template):
    value = {}
    if shape is None:
        return value
    in_body = {}
    query = collections.defaultdict(list)
    for name, text in message.query:
        query[name].append(text)
    for name, _ in urllib.parse.parse_qsl(template.partition("?")[2], keep_blank_values=True):
        query.pop(name, None)
    payload = shape.serialization.get("payload")
    for name, member in shape.members.items():
        wire = member.serialization.get("name", name)
        place = member.serialization.get("location")
        if place == "uri":
            if wire in labels:
                value[name] = _scalar(member, labels[wire])
        elif place == "querystring":
            if member.type_name == "map":
                continue
            texts = query.pop(wire, None)
            if texts is not None:
                many = member.type_name == "list"
                value[name] = (
                    [_scalar(member.member, text) for text in texts] if many else _scalar(member, texts[0])
                )
        elif place == "header":
            text = message.headers.get(wire.lower())
            if text is not None:
                many = member.type_name == "list"
                value[name] = [part.strip() for part in text.split(",")] if many else _scalar(member, text)
        elif place == "headers":
            found = {
                header[len(wire):]: text
                for header, text in message.headers.items()
                if header.startswith(wire.lower())
            }
            if found:
                value[name] = found
        elif place != "statusCode" and name != payload:
            in_body[name] = member
    # What S3's clients say of themselves, and what signs a query.
    for name in list(query):
        if name == "x-id" or name.lower().startswith("x-amz-"):
            del query[name]
    open_query = [m for m in shape.members.values() if m.serialization.get("location") == "querystring"]
    if not any(member.type_name == "map" for member in open_query):
        value.update({f"?{name}": texts for name, texts in query.items()})
    if payload:
        found = _payload(model, shape.members[payload], message)
        if found is not None:
            value[payload] = found
    elif in_body and model.protocol == "rest-json":
        body = _json(message)
        if not isinstance(body, dict):
            raise Unreadable("the body is no JSON object")
        value.update(_by_member(_Members(in_body, shape), body))
    elif in_body and message.body:
        value.update(_element(_Members(in_body, shape), _xml(message)))
    return value


def _payload(model, member, message):
    if member.type_name == "blob" or getattr(member, "is_document_type", False):
        return message.body or None
    if member.type_name == "string":
        return message.text() or None
    if getattr(member, "is_eventstream", False) or not message.body:
        return None
    if model.protocol == "rest-json":
        return _by_member(member, _json(message))
    root = _xml(message)
    wanted = member.serialization.get("name")
    if wanted and _local(root.tag) != wanted and message.method:
        raise Unreadable(f"the body is a `{_local(root.tag)}`, not a `{wanted}`")
    return _element(member, root)


# XML.


class _Members:
    """A structure with some of the members of another."""

    type_name = "structure"

    def __init__(self, members, shape):
        self.members = members
        self.serialization = shape.serialization


def _xml(message):
    try:
        return xml.etree.ElementTree.fromstring(message.body)
    except xml.etree.ElementTree.ParseError as error:
        raise Unreadable(f"the body is not XML: {error}") from error


def _local(tag):
    return tag.rpartition("}")[2]


def _element(shape, element):
    kind = shape.type_name
    if kind == "structure":
        return _element_structure(shape, element)
    if kind == "list":
        item = shape.member.serialization.get("name", "member")
        return [
            _element(shape.member, child) if _local(child.tag) == item else {_local(child.tag): None}
            for child in element
        ]
    if kind == "map":
        return dict(_entry(shape, child) for child in element)
    return _scalar(shape, element.text or "")


def _element_structure(shape, element):
    value = {}
    members = {}
    for name, member in shape.members.items():
        serialization = member.serialization
        if serialization.get("xmlAttribute"):
            wire = serialization["name"].rpartition(":")[2]
            for attribute, text in element.attrib.items():
                if _local(attribute) == wire:
                    value[name] = text
            continue
        flat = member.type_name in ("list", "map") and serialization.get("flattened")
        wire = serialization.get("name", name)
        if flat and member.type_name == "list":
            wire = member.member.serialization.get("name", wire)
        members[wire] = (name, member, flat)
    for child in element:
        tag = _local(child.tag)
        if tag not in members:
            value[tag] = child.text or {}
            continue
        name, member, flat = members[tag]
        if not flat:
            value[name] = _element(member, child)
        elif member.type_name == "list":
            value.setdefault(name, []).append(_element(member.member, child))
        else:
            key, item = _entry(member, child)
            value.setdefault(name, {})[key] = item
    return value


def _entry(shape, element):
    children = {_local(child.tag): child for child in element}
    key = children.get(shape.key.serialization.get("name", "key"))
    item = children.get(shape.value.serialization.get("name", "value"))
    if key is None or item is None:
        raise Unreadable(f"`{_local(element.tag)}` is no entry of a map")
    return key.text or "", _element(shape.value, item)


# What a reply says.


def output_of(model, operation, reply):
    """The output of `operation` by its members."""
    shape = operation.output_shape
    if shape is None:
        return {}
    if model.protocol == "json":
        return _by_member(shape, _json(reply))
    if model.protocol == "query":
        root = _xml(reply)
        wanted = shape.serialization.get("resultWrapper")
        if wanted is None:
            return _element(shape, root)
        inner = [child for child in root if _local(child.tag) == wanted]
        if not inner:
            if shape.members:
                raise Unreadable(f"there is no `{wanted}` in `{_local(root.tag)}`")
            return {}
        return _element(shape, inner[0])
    return _rest(model, shape, reply, {}, "")
