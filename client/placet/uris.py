"""What a model is called, which model URIs a permit can speak for, and what to say of the others."""

import re

DEFAULT_WORKSPACE = "default"
"""MLflow's own workspace, and the only one of a server that runs without them."""
OUTSIDE = "outside_mlflow"
"""Where models stand that no MLflow holds. MLflow allows no underscore in a workspace's name, so none is called so."""

_ALIAS = re.compile(r"models:/([^/@]+)@([^/@]+)")
_FILES = re.compile(r"(?:[a-z][a-z0-9+.-]*:|/|\.|~)", re.IGNORECASE)


def qualified(workspace: str, name: str) -> str:
    """Return what a model is called: its name, or ``team-a:credit-risk`` where it lies in another workspace.

    MLflow allows no colon in the name of either, so one text names one model; a slash would end the name in a URI.
    """
    return name if workspace == DEFAULT_WORKSPACE else f"{workspace}:{name}"


def split_workspace(model: str) -> tuple[str, str]:
    """Return workspace and name of what :func:`qualified` made."""
    workspace, colon, name = model.partition(":")
    return (workspace, name) if colon else (DEFAULT_WORKSPACE, model)


def split_alias(uri: str) -> tuple[str, str]:
    """Return model and alias of ``models:/<name>@<alias>``. Raises ValueError for anything else."""
    named = _ALIAS.fullmatch(uri)
    if named is None:
        raise ValueError(f"{uri} names no alias.")
    return named[1], named[2]


def refusal_of(uri: str) -> str:
    """Return why a URI can't be verified by an alias's permit and what to use, in a sentence; empty if it can."""
    if named := _ALIAS.fullmatch(uri):
        return _latest(uri, named[1]) if named[2].strip().casefold() == "latest" else ""
    instead = "a permit speaks for an alias, as in models:/credit-risk@champion."
    if uri.startswith("models:/m-") and "/" not in uri.removeprefix("models:/"):
        return f"{uri} names a logged model by its id, which nobody approves: {instead}"
    if found := re.fullmatch(r"models:/([^/@]+)/([^/@]+)", uri):
        model, version = found.groups()
        if version.strip().casefold() == "latest":
            return _latest(uri, model)
        what = "a version number" if version.isdigit() else "a stage"
        return f"{uri} names {what}, not what was approved to serve: use an alias, as in models:/{model}@champion."
    if uri.startswith("models:"):
        return f"{uri} names no alias: {instead}"
    if _FILES.match(uri):
        return (
            f"{uri} is only a place of files, which no permit names: use models:/<name>@<alias>, or hold a folder "
            "against a permit that you have: placet verify-model FOLDER --permit permit.json."
        )
    return f"{uri or 'An empty name'} names no alias: {instead}"


def _latest(uri: str, model: str) -> str:
    return (
        f"{uri} is whatever was registered last, approved or not: use a governed alias, as in models:/{model}@champion."
    )
