"""The raw tables of what events refer to: contents of models, CloudWorks, and who may enter which workspace."""

from ..raw_table import Column, Table

MODEL_ACTIONS = Table(
    "model_actions",
    "Actions, imports, exports and processes of models, with their history.",
    "one row per version of an action, import, export or process of a model",
    ("model_id", "kind", "action_id", "_dlt_valid_from"),
    "a changed record makes a new version (SCD2); a load replaces only the models that it read",
    [
        Column("model_id", "text", None, "model that holds it; ids are unique within a model only", False),
        Column("workspace_id", "text", None, "workspace of the model when this version began"),
        Column("action_id", "text", "id", "id within the model; `none` if the model holds nothing", False),
        Column(
            "kind",
            "text",
            None,
            "action, import, export or process; none marks a model that was read and holds nothing",
            False,
        ),
        Column("name", "text", "name", "name"),
        Column("code", "text", "code", "code, if the model builder gave one"),
        Column("action_type", "text", "actionType", "type of an action"),
        Column("import_type", "text", "importType", "type of an import: MODULE_DATA, HIERARCHY_DATA, USERS, …"),
        Column("import_source_id", "text", "importDataSourceId", "file that an import reads; empty for another model"),
        Column("import_source_name", "text", "files.name", "name of that file"),
        Column("export_type", "text", "exportType", "type of an export: AUDIT_LOG, GRID_CURRENT_PAGE, TABULAR_…"),
        Column("export_format", "text", "exportFormat", "format of an export: text/csv, …"),
        Column("export_encoding", "text", "encoding", "encoding of an export when this version began"),
        Column("export_layout", "text", "layout", "layout of an export when this version began"),
        Column(
            "row_version",
            "text",
            None,
            "hash of model, kind, id, name, types, source and format: a change makes a new version",
            False,
        ),
    ],
    history=True,
)

PROCESS_STEPS = Table(
    "process_steps",
    "The actions that a process runs.",
    "one row per process and step",
    ("model_id", "process_id", "step_number"),
    "the steps of a process are replaced when its model is read; those of a deleted process stay",
    [
        Column("model_id", "text", None, "model that holds the process", False),
        Column("process_id", "text", None, "process", False),
        Column(
            "step_number", "bigint", None, "position of the step, from 1 on; 0 marks a process without steps", False
        ),
        Column("action_id", "text", "id", "action, import or export that the step runs"),
        Column("action_name", "text", "name", "its name when the process was read"),
        Column("action_type", "text", "actionType", "its type"),
    ],
)

CONTENT_READS = Table(
    "content_reads",
    "Which models' contents were read, when, and with which result.",
    "one row per model",
    ("model_id",),
    "merged on `model_id`",
    [
        Column("model_id", "text", None, "model", False),
        Column("last_saved_serial_number", "bigint", None, "serial number of the model's last save when it was read"),
        Column("last_modified", "timestamp", None, "time of the model's last change when it was read (UTC)"),
        Column("read_at", "timestamp", None, "when it was last requested (UTC)", False),
        Column(
            "status",
            "text",
            None,
            "`read`, `forbidden` (no access), `archived` or `failed`; the last three keep what was known",
            False,
        ),
        Column("action_count", "bigint", None, "actions, imports, exports and processes that were found"),
        Column("process_count", "bigint", None, "processes that were found"),
        Column("steps_read", "bigint", None, "processes whose steps were read; the next runs read the others"),
    ],
)

INTEGRATIONS = Table(
    "integrations",
    "Integrations of CloudWorks, with their history.",
    "one row per version of an integration",
    ("integration_id", "_dlt_valid_from"),
    "a changed record makes a new version (SCD2)",
    [
        Column("integration_id", "text", "integrationId", "id of the integration: 32 hex digits, lower case", False),
        Column("name", "text", "name", "name"),
        Column("integration_type", "text", "integrationType", "Import, Export or Process"),
        Column("created_by", "text", "createdBy", "who created it, as sent"),
        Column("modified_by", "text", "modifiedBy", "who changed it last, when this version began"),
        Column("creation_date", "timestamp", "creationDate", "when it was created (UTC)"),
        Column("modification_date", "timestamp", "modificationDate", "last change when this version began (UTC)"),
        Column("model_id", "text", "modelId", "model it works in: upper case here, lower case in `events`"),
        Column("workspace_id", "text", "workspaceId", "workspace it works in"),
        Column("process_id", "text", "processId", "process that it runs, if it runs one"),
        Column("nux_visible", "bool", "nuxVisible", "whether pages show it, when this version began"),
        Column("notification_id", "text", "notificationId", "its notification when this version began"),
        Column("schedule_status", "text", "schedule.status", "enabled or disabled, when this version began"),
        Column("schedule_type", "text", "schedule.type", "how often it was scheduled when this version began"),
        Column("schedule", "json", "schedule", "the complete schedule when this version began"),
        Column(
            "row_version",
            "text",
            None,
            "hash of id, name, type, model, workspace, process and creator: a change makes a new version",
            False,
        ),
    ],
    history=True,
)

INTEGRATION_RUNS = Table(
    "integration_runs",
    "Runs of integrations.",
    "one row per run",
    ("run_id",),
    "merged on `run_id`; never dropped",
    [
        Column("run_id", "text", "id", "id of the run; without one, the integration and the start in ms", False),
        Column("integration_id", "text", None, "integration that ran", False),
        Column("started_at", "timestamp", "startDate", "start (UTC)"),
        Column("ended_at", "timestamp", "endDate", "end (UTC)"),
        Column("success", "bool", "success", "whether it succeeded"),
        Column("message", "text", "message", "message of the run"),
        Column("execution_error_code", "text", "executionErrorCode", "code of the error, if it failed"),
        Column("triggered_by", "text", "triggeredBy", "who started it, or in whose name the schedule runs, as sent"),
        Column("trigger_source", "text", "triggerSource", "scheduled, manual, scheduled_inf, nux_dashboard, …"),
        Column("trace_id", "text", "traceId", "Anaplan's trace of the run"),
    ],
)

INTEGRATION_FLOWS = Table(
    "integration_flows",
    "Flows of CloudWorks: chains of integrations.",
    "one row per flow",
    ("flow_id",),
    "merged on `flow_id`; never dropped",
    [
        Column("flow_id", "text", "id", "id of the flow", False),
        Column("name", "text", "name", "name"),
        Column("version", "text", "version", "version of the flow's format"),
        Column("steps_count", "bigint", "stepsCount", "number of its steps"),
        Column("created_by", "text", "createdBy", "who created it, as sent"),
        Column("modified_by", "text", "modifiedBy", "who changed it last"),
        Column("creation_date", "timestamp", "creationDate", "when it was created (UTC)"),
        Column("modification_date", "timestamp", "modificationDate", "last change (UTC)"),
        Column("notification_id", "text", "notificationId", "its notification"),
        Column("latest_run", "json", "latestRun", "its latest run, as sent"),
    ],
)

USER_ENTITLEMENTS = Table(
    "user_entitlements",
    "Which user may enter which workspace, with the history.",
    "one row per user, workspace, type and period",
    ("user_id", "workspace_id", "entitlement_type", "_dlt_valid_from"),
    "a new or lost entitlement begins or ends a version (SCD2)",
    [
        Column("user_id", "text", None, "user, as in `users`", False),
        Column("workspace_id", "text", "value", "workspace that the user may enter", False),
        Column("workspace_name", "text", "display", "name of the workspace when this version began"),
        Column("entitlement_type", "text", "type", "WORKSPACE, so far"),
        Column("row_version", "text", None, "hash of user, workspace and type", False),
    ],
    history=True,
)

SCIM_USERS = Table(
    "scim_users",
    "Users as the SCIM service lists them, with the time of their creation.",
    "one row per user",
    ("id",),
    "merged on `id`; never dropped",
    [
        Column("id", "text", "id", "id of the user, as in `users`", False),
        Column("user_name", "text", "userName", "sign-in name, which is the e-mail address"),
        Column("display_name", "text", "displayName", "full name"),
        Column("active", "bool", "active", "whether the user may sign in"),
        Column("created_at", "timestamp", "meta.created", "when the user was created (UTC)"),
        Column("last_modified", "timestamp", "meta.lastModified", "last change of the user (UTC)"),
    ],
)

DETAIL_TABLES = (
    MODEL_ACTIONS,
    PROCESS_STEPS,
    CONTENT_READS,
    INTEGRATIONS,
    INTEGRATION_RUNS,
    INTEGRATION_FLOWS,
    USER_ENTITLEMENTS,
    SCIM_USERS,
)
