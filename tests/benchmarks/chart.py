"""The growth curve as an SVG picture."""

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 280, 60, 40
COLOURS = ("#0072B2", "#D55E00")


def growth_chart(curve: list[tuple[int, float, float]]) -> str:
    """Draw seconds and peak MB, each on its own scale from zero, over the number of events."""
    most = max(events for events, _, _ in curve)
    lines = []
    for series, (name, unit) in enumerate((("seconds", "s"), ("peak memory", "MB"))):
        values = [point[series + 1] for point in curve]
        scale = (HEIGHT - 2 * BOTTOM) / max(values)
        points = [
            (LEFT + point[0] / most * (WIDTH - 2 * LEFT), HEIGHT - BOTTOM - value * scale)
            for point, value in zip(curve, values, strict=True)
        ]
        colour = COLOURS[series]
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines += [f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{colour}"/>' for x, y in points]
        x, y = points[-1]
        lines.append(
            f'<text x="{x - 4:.0f}" y="{y - 8:.0f}" text-anchor="end" fill="{colour}">{name} {values[-1]:.0f} {unit}</text>'
        )
    for events, _, _ in curve:
        x = LEFT + events / most * (WIDTH - 2 * LEFT)
        lines.append(
            f'<text x="{x:.0f}" y="{HEIGHT - 16}" text-anchor="middle" fill="#666">{events / 1e6:.1f} M</text>'
        )
    axis = f'<line x1="{LEFT}" y1="{HEIGHT - BOTTOM}" x2="{WIDTH - LEFT}" y2="{HEIGHT - BOTTOM}" stroke="#999"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>{axis}{"".join(lines)}</svg>\n'
    )
