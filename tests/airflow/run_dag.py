"""Run the DAG once, in Airflow's own Python, and print the task's result as JSON: run_dag.py FILE RETRIES"""

import json
import sys
from datetime import timedelta

from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
(dag,) = bag.dags.values()
task = dag.get_task("run")
# The test sets the number of retries and removes the delay. The DAG decides which failures are retried.
task.retries, task.retry_delay, task.retry_exponential_backoff = int(sys.argv[2]), timedelta(0), False
ended = dag.test().get_task_instance("run")
print(json.dumps({"state": ended.state, "tries": ended.try_number, "pool": ended.pool}))
