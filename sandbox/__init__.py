"""A simulated Anaplan tenant over real HTTP: for the demo, the tests and the benchmark.

One base URL serves what Anaplan splits over several hosts: sign-in (`/token`), OAuth (`/oauth`),
users, models and their contents (`/2/0`), CloudWorks (`/2/0/integrations`), SCIM (`/scim/1/0/v2`) and the audit
log (`/audit/api/1`). `/_sandbox` controls the simulation.
Run it with `python -m sandbox`, or in a test with `from sandbox.server import Sandbox`.
"""
