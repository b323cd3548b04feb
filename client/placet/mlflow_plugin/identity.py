"""Who is asking: the identity that MLflow's basic-auth proved, and the grant that the request carries."""

from dataclasses import dataclass

GRANT_HEADER = "X-Placet-Grant"
GRANT_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated user of the MLflow server, or nobody.

    ``source`` is ``basic-auth`` with a user name, or ``none`` without one.
    """

    username: str | None = None
    source: str = "none"


NOBODY = Identity()


def current_identity() -> Identity:
    """Return the user whom MLflow's authentication accepted for the request being served.

    Only ``flask.g.mlflow_authenticated_user`` counts, which MLflow sets after it has checked the password.
    ``request.authorization`` is what the caller claims: on a server without authentication anyone can claim to be
    anyone, so it is never read. Outside a request (a job, a direct use of the store) there is nobody.
    """
    try:
        import flask
    except ImportError:
        return NOBODY
    if not flask.has_request_context():
        return NOBODY
    username = getattr(flask.g, "mlflow_authenticated_user", None)
    return Identity(str(username), "basic-auth") if username else NOBODY


def current_grant() -> str | None:
    """Return the ``X-Placet-Grant`` header of the request being served, or ``None``.

    A value longer than 4,096 characters is no grant of ours and counts as absent.
    """
    try:
        import flask
    except ImportError:
        return None
    if not flask.has_request_context():
        return None
    grant = flask.request.headers.get(GRANT_HEADER)
    return grant if grant and len(grant) <= GRANT_LIMIT else None
