"""Export actions that run: their tasks, and the files that they have written."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..settings import Settings
from ..world.clock import Clock
from ..world.company import Model, hex_id
from .fault_effects import TASK_STATES

ENDED = ("COMPLETE", "FAILED", "CANCELLED")


@dataclass
class ExportTask:
    """One run of an export action."""

    id: str
    model: Model
    export_id: str
    created: int
    fault: str = ""
    polls: int = 0
    state: str = "NOT_STARTED"

    @property
    def is_successful(self) -> bool:
        return self.state == "COMPLETE" and not self.fault


@dataclass
class ExportTasks:
    """All tasks of the tenant. A task advances each time it is requested."""

    settings: Settings
    clock: Clock
    tasks: dict[str, ExportTask] = field(default_factory=dict)
    # By model id and export id: number of transactions in the file, None for an export that is no history.
    files: dict[tuple[str, str], int | None] = field(default_factory=dict)

    def start(self, model: Model, export_id: str, fault: str = "") -> ExportTask:
        task_id = hex_id("task", model.id, export_id, len(self.tasks)).upper()
        task = ExportTask(task_id, model, export_id, self.clock.now(), fault)
        self.tasks[task_id] = task
        return task

    def find(self, model: Model, export_id: str, task_id: str) -> ExportTask | None:
        task = self.tasks.get(task_id)
        return task if task and (task.model.id, task.export_id) == (model.id, export_id) else None

    def of(self, model: Model, export_id: str) -> list[ExportTask]:
        return [task for task in self.tasks.values() if (task.model.id, task.export_id) == (model.id, export_id)]

    def poll(self, task: ExportTask) -> bool:
        """Move a task on by one look at it; tell whether it has ended with this one."""
        if task.state in ENDED:
            return False
        task.polls += 1
        if task.polls >= self.settings.export_polls:
            task.state = TASK_STATES.get(task.fault, "COMPLETE")
        elif task.polls > 1:
            task.state = "IN_PROGRESS"
        return task.state in ENDED
