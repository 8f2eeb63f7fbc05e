"""Packages that only some installations need: the error that names the command to install them."""

import sys

from .exit_codes import CONFIGURATION, PipelineError

# As in pyproject.toml, whose names a checkout cannot install.
EXTRAS = {
    "dashboard": ("streamlit[auth]>=1.65", "altair>=5.5"),
    "prometheus": ("prometheus-client>=0.21",),
    "opentelemetry": ("opentelemetry-sdk>=1.30", "opentelemetry-exporter-otlp-proto-http>=1.30"),
    "lakehouse": ("deltalake>=1.6,<2",),
}


def missing_extra(extra: str, error: ModuleNotFoundError) -> PipelineError:
    """Return the error of a command whose extra is not installed."""
    packages = " ".join(f'"{package}"' for package in EXTRAS[extra])
    return PipelineError(
        CONFIGURATION, f"the package `{error.name}` is missing. Install it: {sys.executable} -m pip install {packages}"
    )
