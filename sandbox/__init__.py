"""A simulated Anaplan tenant over real HTTP: for the demo, the tests and the benchmark.

One base URL serves what Anaplan splits over several hosts: sign-in (`/token`), OAuth (`/oauth`),
users and models (`/2/0`) and the audit log (`/audit/api/1`). `/_sandbox` controls the simulation.
Run it with `python -m sandbox`, or in a test with `from sandbox.server import Sandbox`.
"""
