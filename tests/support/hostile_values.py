"""Values that break careless parsers, pages and spreadsheets."""


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


HOSTILE = [
    "<script>alert(1)</script>", "'; drop table events; --", '"quotes" \\ and\nnew\tlines', "=HYPERLINK(\"x\")",
    "emoji 🎉 and ‮ overrides", "nul \0 character", "x" * 20_000, "\\u0000 is text here", "%s {0} $1",
]  # fmt: skip
