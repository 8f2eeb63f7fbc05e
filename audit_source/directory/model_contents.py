"""Actions, imports, exports and processes of models: a few models a run, as far as the budget of requests reaches."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
from dlt.common import logger

from ..errors import AuditSourceError, BadAnswerError, UnreachableError, is_no_access, is_token_refused
from ..privacy.masking import Mask, Privacy, mask_of
from ..records import NewColumns, Record, Rows, object_in, rows_of, table_of
from ..signed_client import SignedClient
from ..table_resources import Batch
from .content_plan import ARCHIVED, FAILED, FORBIDDEN, READ, ContentRead, ListedModel, Task
from .paged_lists import Budget, BudgetSpentError, get_json, records_by_id
from .row_versions import with_versions
from .tables import CONTENT_READS, MODEL_ACTIONS, PROCESS_STEPS

KINDS = {"action": "actions", "import": "imports", "export": "exports", "process": "processes"}
# Marks a model that holds nothing: dlt retires rows only of the models that a load brings.
NOTHING = "none"
# Number of the row that marks a process without steps.
NO_STEPS = 0
IDENTITY = (
    "model_id", "action_id", "kind", "name", "action_type", "import_type", "import_source_id", "export_type",
    "export_format",
)  # fmt: skip
# A model without processes needs one request for each kind, and one for the names of files.
LEAST_REQUESTS = len(KINDS) + 1
# Answers for a process that is gone or cannot be opened. None: the answer is no process.
_WITHOUT_STEPS = (None, 400, 404)
# After this many unanswered models in a row, Anaplan counts as down: each further one would use up all retries.
MOST_UNREACHABLE = 3


class Item(NamedTuple):
    """An action, import, export or process, as sent."""

    kind: str
    record: Record


@dataclass
class Contents:
    """What was read of one model. `steps` are the records of the steps by process, `steps_read` how many were read."""

    model: ListedModel
    status: str = READ
    items: list[Item] | None = None
    steps: dict[str, list[Record]] = field(default_factory=dict)
    read_before: ContentRead | None = None
    processes: list[str] = field(default_factory=list)
    steps_read: int = 0
    error: AuditSourceError | None = None

    @property
    def counts(self) -> tuple[int | None, int | None, int | None]:
        """Number of items, of processes, and of processes whose steps were read."""
        if self.status != READ:
            return None, None, None
        items = self.read_before.action_count if self.read_before else len(self.items or ())
        return items, len(self.processes), self.steps_read


def read_models(
    client: SignedClient, api_url: str, tasks: list[Task], budget: Budget, parallel: int
) -> Iterator[Contents]:
    """Yield what the models hold, until the budget is used up. A model that fails does not stop the others.

    Raises:
        UnreachableError: Several models in a row had no answer.
        SignInError: The token was refused.
    """
    # Models without an answer wait here: they failed only if a later one is answered. Else Anaplan is down.
    waiting: list[Contents] = []
    with ThreadPoolExecutor(parallel, thread_name_prefix="anaplan-contents") as pool:
        for task in tasks:
            if not budget.allows(1 if task.continued else LEAST_REQUESTS):
                break
            try:
                contents = _read_model(client, f"{api_url}/2/0/models/{task.model.model_id}", task, budget, pool)
            except BudgetSpentError:
                break
            except AuditSourceError as error:
                if len(waiting) + 1 == MOST_UNREACHABLE and isinstance(error, UnreachableError):
                    raise
                if is_token_refused(error):
                    raise
                logger.info(f"Contents of a model were not read: {error}")
                contents = Contents(task.model, FORBIDDEN if is_no_access(error) else FAILED, error=error)
            waiting.append(contents)
            if not isinstance(contents.error, UnreachableError):
                yield from waiting
                waiting = []
    yield from waiting


def archived(model: ListedModel) -> Contents:
    """Return the result for a model that is listed as archived, which is not requested."""
    return Contents(model, ARCHIVED)


def batches(found: list[Contents], read_at: int, privacy: Privacy | None, new_columns: NewColumns) -> Iterator[Batch]:
    """Yield the rows of the models that were read."""
    mask = mask_of(privacy)
    listed = [one for one in found if one.items is not None]
    if listed:
        yield MODEL_ACTIONS.name, _actions(listed, mask, new_columns)
    steps = _steps(found, mask)
    if steps is not None:
        yield PROCESS_STEPS.name, steps
    if found:
        yield CONTENT_READS.name, _reads(found, read_at)


def _read_model(client: SignedClient, url: str, task: Task, budget: Budget, pool: ThreadPoolExecutor) -> Contents:
    """Read the lists of a model, then the steps of its processes as far as the budget reaches."""
    contents = Contents(task.model, read_before=task.continued)
    if task.continued is None:
        contents.items = _items(client, url, budget, pool)
        processes = [item.record for item in contents.items if item.kind == "process"]
    else:
        contents.steps_read = task.continued.steps_read or 0
        processes = list(records_by_id(client, f"{url}/processes", ("processes",), budget).records.values())
    contents.processes = sorted(str(record["id"]) for record in processes)
    for process in contents.processes[contents.steps_read :]:
        try:
            contents.steps[process] = _process(client, f"{url}/processes/{process}", budget)
        except BudgetSpentError:
            break
        except BadAnswerError as error:
            if error.status_code not in _WITHOUT_STEPS:
                raise
            # Deleted since the list was read, or not to be opened: what was known stays.
            logger.info("The steps of a process were not read.")
        contents.steps_read += 1
    return contents


def _items(client: SignedClient, url: str, budget: Budget, pool: ThreadPoolExecutor) -> list[Item]:
    def records(name: str) -> list[Record]:
        return list(records_by_id(client, f"{url}/{name}", (name,), budget).records.values())

    # The first request alone: a refused model costs one request.
    kinds = list(KINDS.items())
    first = records(kinds[0][1])
    others = pool.map(records, (name for _, name in kinds[1:]))
    by_kind = dict(zip(KINDS, [first, *others], strict=True))
    if any(record.get("importDataSourceId") for record in by_kind["import"]):
        names = {str(file["id"]): file.get("name") for file in records("files")}
        for record in by_kind["import"]:
            record["files.name"] = names.get(str(record.get("importDataSourceId")))
    return [Item(kind, record) for kind, found in by_kind.items() for record in found]


def _process(client: SignedClient, url: str, budget: Budget) -> list[Record]:
    answer = get_json(client, url, {}, budget)
    steps = object_in(answer, "processMetadata").get("actions") or []
    if not isinstance(answer.get("processMetadata"), dict) or not isinstance(steps, list):
        raise BadAnswerError(f"GET {url}", "JSON that is not a process", "What was known stays. Run again.")
    return [step for step in steps if isinstance(step, dict)]


def _actions(found: list[Contents], mask: Mask, new_columns: NewColumns) -> pa.Table:
    items = [
        (contents.model, item) for contents in found for item in contents.items or [Item(NOTHING, {"id": NOTHING})]
    ]
    rows = rows_of(MODEL_ACTIONS, [mask(MODEL_ACTIONS.name, item.record) for _, item in items], new_columns)
    rows.columns["model_id"] = [model.model_id for model, _ in items]
    rows.columns["workspace_id"] = [model.workspace_id for model, _ in items]
    rows.columns["kind"] = [item.kind for _, item in items]
    return with_versions(MODEL_ACTIONS, rows, IDENTITY)


def _steps(found: list[Contents], mask: Mask) -> pa.Table | None:
    steps = [
        (contents.model.model_id, process, number, step)
        for contents in found
        for process, records in contents.steps.items()
        # dlt replaces the steps only of the processes that a load brings.
        for number, step in (enumerate(records, 1) if records else [(NO_STEPS, {})])
    ]
    if not steps:
        return None
    records = [{"id": step.get("id"), "name": step.get("name"), "actionType": _type_of(step)} for *_, step in steps]
    rows = rows_of(PROCESS_STEPS, [mask(PROCESS_STEPS.name, record) for record in records], NewColumns())
    for position, name in enumerate(("model_id", "process_id", "step_number")):
        rows.columns[name] = [step[position] for step in steps]
    return table_of(PROCESS_STEPS, rows)


def _type_of(step: Record) -> Any:
    return next(filter(None, map(step.get, ("actionType", "importType", "exportType"))), None)


def _reads(found: list[Contents], read_at: int) -> pa.Table:
    columns: dict[str, Any] = {
        "model_id": [one.model.model_id for one in found],
        "last_saved_serial_number": [one.model.serial for one in found],
        "last_modified": [one.model.last_modified for one in found],
        "read_at": [read_at] * len(found),
        "status": [one.status for one in found],
    }
    for position, name in enumerate(("action_count", "process_count", "steps_read")):
        columns[name] = [one.counts[position] for one in found]
    return table_of(CONTENT_READS, Rows(columns, {}))
