"""Every public method of MLflow's registry store, sorted by what the gate does about it; nothing may be left out.

A method that a later MLflow adds is in none of these tables. Then a test of this package fails, and the server refuses
to start, because a write that nobody has looked at could be a way around the gate.
"""

GATED = frozenset(
    {
        "set_registered_model_alias",
        "delete_registered_model_alias",
        "transition_model_version_stage",
        "create_registered_model",
        "rename_registered_model",
        "delete_registered_model",
        "create_model_version",
        "delete_model_version",
        "set_registered_model_tag",
        "delete_registered_model_tag",
        "set_model_version_tag",
        "delete_model_version_tag",
    }
)

COMPOSED = frozenset(
    {
        # MLflow builds these on AbstractStore from the methods above, so the gate stands in their way already.
        # A test fails if the SQL store starts to bring its own.
        "copy_model_version",
        "create_prompt",
        "delete_prompt",
        "set_prompt_tag",
        "delete_prompt_tag",
        "create_prompt_version",
        "delete_prompt_version",
        "set_prompt_alias",
        "delete_prompt_alias",
        "set_prompt_version_tag",
        "delete_prompt_version_tag",
    }
)

HARMLESS_WRITES = {
    "update_registered_model": "Changes the description only; deployment_job_id is ignored by the SQL store.",
    "update_model_version": "Changes the description only.",
    "link_prompts_to_trace": "Writes to traces, in the tracking store.",
    "link_prompt_version_to_model": "Writes a tag of a logged model, in the tracking store.",
    "link_prompt_version_to_run": "Writes a tag of a run, in the tracking store.",
    "create_webhook": "A webhook only hints; the reconciler polls and does not rely on it.",
    "update_webhook": "A webhook only hints; the reconciler polls and does not rely on it.",
    "delete_webhook": "A webhook only hints; the reconciler polls and does not rely on it.",
    "test_webhook": "Sends a test message, changes nothing.",
}

READS = frozenset(
    {
        "get_registered_model",
        "search_registered_models",
        "get_latest_versions",
        "get_model_version",
        "get_model_version_download_uri",
        "get_model_version_by_alias",
        "search_model_versions",
        "get_prompt",
        "search_prompts",
        "get_prompt_version",
        "get_prompt_version_by_alias",
        "search_prompt_versions",
        "get_webhook",
        "list_webhooks",
        "list_webhooks_by_event",
    }
)


def unlisted_methods(store_class: type) -> set[str]:
    """Return the public methods of ``store_class`` that no table names; the empty set is the safe answer."""
    public = {name for name in dir(store_class) if not name.startswith("_") and callable(getattr(store_class, name))}
    return public - GATED - COMPOSED - READS - HARMLESS_WRITES.keys()


def ungated_methods(store_class: type, gate: type) -> set[str]:
    """Return the methods that must be gated and that ``gate`` does not bring itself, or that something comes before."""
    return {name for name in GATED if name not in vars(gate) or getattr(store_class, name) is not getattr(gate, name)}
