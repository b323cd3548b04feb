"""Fetch artifacts with MLflow's library, apart from the worker: ``python -m registry.fetch_child LOCATION FOLDER MAX``.

A store that hangs, or a library that is missing for one scheme, ends this process and not the worker. Standard output
is not used; the last line of standard error says what went wrong.
"""

import resource
import sys

NOTHING_THERE, TOO_LARGE = 4, 5


def main(location: str, folder: str, most: int) -> int:
    """List, weigh, then download; returns the exit code."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    repository = get_artifact_repository(location)
    total, count, folders = 0, 0, [""]
    while folders:
        for item in repository.list_artifacts(folders.pop() or None):
            if item.is_dir:
                folders.append(item.path)
                continue
            total, count = total + (item.file_size or 0), count + 1
            if total > most:
                return TOO_LARGE
    if count == 0:
        return NOTHING_THERE
    repository.download_artifacts("", folder)  # type: ignore[no-untyped-call]
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
