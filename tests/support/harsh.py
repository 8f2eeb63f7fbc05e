"""Settings of a sandbox that is harsher than a live tenant, for tests that compare every row."""

from typing import Any

# Ids above 2^53, absent, null and empty fields, padded codes, and texts with HTML, formulas, NUL and emoji.
HARSH: dict[str, Any] = {"odd_shapes": True, "hostile_percent": 5.0}
