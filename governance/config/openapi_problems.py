"""Which problems each operation may answer with: read off its own description, so that no view repeats them."""

from typing import Any

from governance.common.problems import MEDIA_TYPE

# Each status with its name among the responses and what it means of whatever address.
RESPONSES = {
    400: ("Malformed", "The body, or a header, can't be read."),
    401: ("NotSignedIn", "Nobody is signed in, or the token is not known."),
    403: ("Forbidden", "The caller is known, but may not do this."),
    404: ("Unknown", "What the call names does not exist, or the caller may not see it."),
    406: ("NotAcceptable", "No representation is of a type that `Accept` names."),
    409: ("Conflict", "The present state does not allow it; nothing was done."),
    412: ("PreconditionFailed", "It is no longer what `If-Match` names; nothing was done."),
    413: ("TooLarge", "The body is larger than this call takes."),
    415: ("UnsupportedMediaType", "The body's `Content-Type` is not taken."),
    422: ("InvalidInput", "The input is well-formed, but one of its values can't be used; nothing was done."),
    429: ("TooMany", "Too many at a time; `Retry-After`, where it is sent, says when to try again."),
    503: ("Unavailable", "A system that this call needs does not answer; nothing was done."),
}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457; a problem may carry further members. The types are in docs/reference/problems.md.",
    "properties": {
        "type": {"type": "string", "pattern": "^/problems/[a-z0-9-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}


def describe_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add to every operation the problems it may answer with; a postprocessing hook of drf-spectacular."""
    components = result["components"]
    components["schemas"]["Problem"] = PROBLEM
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {name: {"description": says, "content": content} for name, says in RESPONSES.values()}
    for operations in result["paths"].values():
        for method, operation in operations.items():
            responses = operation["responses"]
            for status, response in responses.items():
                if int(status) >= 400:  # one that a view describes by itself
                    response.setdefault("content", content)
            for status in statuses(method, operation):
                responses.setdefault(str(status), {"$ref": f"#/components/responses/{RESPONSES[status][0]}"})
            operation["responses"] = dict(sorted(responses.items()))
    return result


def statuses(method: str, operation: dict[str, Any]) -> set[int]:
    """Return the statuses of the problems that an operation may answer with, by what it reads."""
    parameters = operation.get("parameters", [])
    found = {406, 503}
    schemes = [scheme for scheme in operation.get("security", []) if scheme]
    if schemes:  # a wrong token is refused where none is needed, too
        found |= {401, 403, 429}
    if method != "get":
        found |= {409}
    if "requestBody" in operation:
        found |= {400, 404, 413, 415}
    if parameters or "requestBody" in operation:
        found |= {422}
    if any(row["in"] in {"path", "query"} for row in parameters):
        found |= {404}
    if any(row["name"] == "If-Match" for row in parameters):
        found |= {412}
    return found
