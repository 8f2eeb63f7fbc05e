"""Settings that are true or false."""

from .exit_codes import CONFIGURATION, PipelineError


def flag(key: str) -> bool:
    """Return a setting by dlt's full key; false if it is not set, or set to an empty text.

    Raises:
        PipelineError: The value is neither true nor false.
    """
    import dlt

    if dlt.config.get(key) in (None, ""):
        return False
    try:
        # With its type: the environment holds the text `false`, which is true.
        return bool(dlt.config.get(key, bool))
    except ValueError:
        raise PipelineError(
            CONFIGURATION, f"setting `{key.rpartition('.')[2]}` is neither true nor false. Write one of them."
        ) from None
