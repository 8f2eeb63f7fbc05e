"""Every raw column: its name, its type, its meaning, and the field of Anaplan's API it comes from.

These tables are the contract with the models, the documentation and the destination. Arrow tables are built with
exactly these columns, in this order. Nothing is inferred from data.
"""

from .directory.history_tables import HISTORY_TABLES
from .directory.tables import DETAIL_TABLES
from .raw_table import VALIDITY as VALIDITY
from .raw_table import Column as Column
from .raw_table import Table as Table

ATTRIBUTE_PREFIX = "additional_attributes__"

# The known keys of `additionalAttributes`. Every other key stays in the JSON column.
ATTRIBUTES: dict[str, str] = {
    "workspaceId": "workspace the event happened in",
    "modelId": "model the event happened in",
    "modelAccessed": "model that was opened",
    "name": "name of the object at the time of the event",
    "type": "kind of the object or of the action",
    "actionId": "action that was run; -1 is an unsaved action",
    "actionName": "name of that action",
    "actionType": "kind of that action",
    "processId": "process that was run",
    "processName": "name of that process",
    "appId": "app that the page belongs to",
    "appName": "name of that app",
    "pageId": "page that was opened or published",
    "pageName": "name of that page",
    "roleId": "tenant role that was granted or revoked",
    "roleName": "name of that role",
    "modelRoleId": "model role that was granted or revoked",
    "modelRoleName": "name of that model role",
    "objectId": "object of the event, if `object_id` names another one",
    "objectTypeId": "kind of that object",
    "objectTenantId": "tenant of that object",
    "targetUserId": "user whom the event affected",
    "targetUserName": "name or e-mail address of that user, as sent",
    "integrationId": "integration that was changed or run",
    "integrationName": "name of that integration",
    "integrationFlowId": "integration flow",
    "pipelineId": "Data Orchestrator pipeline",
    "dataspaceId": "Data Orchestrator dataspace",
    "scheduleId": "schedule",
    "connectionId": "connection",
    "taskId": "task of the run",
    "workflowTemplateId": "workflow template",
    "commentId": "comment",
    "clientName": "client program that sent the request",
    "auth_id": "sign-in that the request used",
    "active": "whether the object is active after the event",
}


def _attribute_column(key: str, meaning: str) -> Column:
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
    return Column(ATTRIBUTE_PREFIX + snake, "text", None, f"{meaning} (`additionalAttributes.{key}`)")


EVENTS = Table(
    "events",
    "The audit log as Anaplan sent it.",
    "one row per audit event",
    ("id",),
    "merged on `id`; never dropped",
    [
        Column("id", "bigint", "id", "unique and immutable number of the event (64 bits)", False),
        Column("event_type_id", "text", "eventTypeId", "code of the event, as sent (`USR-04`)"),
        Column("event_type_code", "text", None, "the code without leading zeros (`USR-4`): join `event_types` on it"),
        Column("user_id", "text", "userId", "user of the event: 32 hex digits, or `INTERNAL_n` for a system process"),
        Column("tenant_id", "text", "tenantId", "tenant of the event"),
        Column("object_id", "text", "objectId", "object of the event; `app/page` for pages, letter case varies"),
        Column("object_type_id", "text", "objectTypeId", "kind of the object"),
        Column("object_tenant_id", "text", "objectTenantId", "tenant of the object"),
        Column("message", "text", "message", "text of the event, as sent"),
        Column("success", "bool", "success", "whether the action succeeded"),
        Column("error_number", "text", "errorNumber", "error number, if any"),
        Column("ip_address", "text", "ipAddress", "IP address that the request came from"),
        Column("user_agent", "text", "userAgent", "user agent that the client sent"),
        Column("session_id", "text", "sessionId", "session of the user"),
        Column("host_name", "text", "hostName", "Anaplan host that served the request"),
        Column("service_version", "text", "serviceVersion", "version of the Anaplan service"),
        Column("event_date", "timestamp", "eventDate", "when the event happened (UTC; milliseconds in the API)"),
        Column("event_time_zone", "text", "eventTimeZone", "time zone sent with `eventDate`"),
        Column("created_date", "timestamp", "createdDate", "when Anaplan stored the event (UTC), sometimes much later"),
        Column("created_time_zone", "text", "createdTimeZone", "time zone sent with `createdDate`"),
        Column("checksum", "text", "checksum", "Anaplan's checksum of the event"),
        Column(
            "event_day",
            "date",
            None,
            "UTC day of `event_date`, or if empty of `created_date`, or of the window: partition key",
            False,
        ),
        Column("additional_attributes", "json", "additionalAttributes", "the complete `additionalAttributes`, as sent"),
        *(_attribute_column(key, meaning) for key, meaning in ATTRIBUTES.items()),
        Column("raw_record", "json", None, "the complete record, only if a value did not fit its column"),
    ],
)

EVENT_WINDOWS = Table(
    "event_windows",
    "The time windows that were requested, the totals that Anaplan reported and the events that arrived.",
    "one row per window and event type",
    ("event_type", "window_start"),
    "replaced day by day",
    [
        Column("window_day", "date", None, "UTC day that contains the window", False),
        Column("event_type", "text", None, "requested `type`: `all` or a single event type", False),
        Column("window_start", "timestamp", None, "start of the window, inclusive (UTC)", False),
        Column("window_end", "timestamp", None, "end of the window, exclusive (UTC)", False),
        Column("reported_events", "bigint", None, "total that Anaplan reported (`totalSize`)"),
        Column("distinct_events", "bigint", None, "distinct events that arrived"),
        Column(
            "inside_events",
            "bigint",
            None,
            "distinct events whose own date lies within the window; empty in rows that an older version wrote",
        ),
        Column(
            "status",
            "text",
            None,
            "`complete`, `incomplete` (fetched again), `expired` (lost: past Anaplan's retention period) or `purged`",
            False,
        ),
        Column("checked_at", "timestamp", None, "when the window was last compared with Anaplan (UTC)", False),
    ],
)

EVENT_DAYS = Table(
    "event_days",
    "The days for which loads brought new events. The enrichment reads this table.",
    "one row per UTC day",
    ("event_day",),
    "merged on `event_day`",
    [
        Column("event_day", "date", None, "UTC day", False),
        Column(
            "loaded_at",
            "timestamp",
            None,
            "start of the last load that brought new events of this day (UTC)",
            False,
        ),
    ],
)

USERS = Table(
    "users",
    "Users of the directory, with their history.",
    "one row per version of a user",
    ("id", "_dlt_valid_from"),
    "a changed record makes a new version (SCD2)",
    [
        Column("id", "text", "id", "id of the user, as sent", False),
        Column("first_name", "text", "firstName", "first name"),
        Column("last_name", "text", "lastName", "last name"),
        Column("email", "text", "email", "e-mail address, which is the sign-in name"),
        Column("active", "bool", "active", "whether the user may sign in"),
        Column("email_opt_in", "bool", "emailOptIn", "whether the user accepted e-mails when this version began"),
        Column("customer_id", "text", "customerId", "tenant of the user when this version began"),
        Column(
            "row_version", "text", None, "hash of id, names, e-mail and active: a change makes a new version", False
        ),
    ],
    history=True,
)

USER_LOGINS = Table(
    "user_logins",
    "Last sign-ins, from the directory.",
    "one row per user",
    ("id",),
    "merged on `id`",
    [
        Column("id", "text", "id", "id of the user, as sent", False),
        Column("last_login_date", "timestamp", "lastLoginDate", "last sign-in that Anaplan reported (UTC)"),
    ],
)

WORKSPACES = Table(
    "workspaces",
    "Workspaces of the tenant, with their history.",
    "one row per version of a workspace",
    ("id", "_dlt_valid_from"),
    "a changed record makes a new version (SCD2)",
    [
        Column("id", "text", "id", "id of the workspace, as sent", False),
        Column("name", "text", "name", "name"),
        Column("active", "bool", "active", "whether the workspace is active"),
        Column("size_allowance", "bigint", "sizeAllowance", "size limit in bytes"),
        Column("current_size", "bigint", "currentSize", "size in bytes when this version began"),
        Column(
            "row_version", "text", None, "hash of id, name, active and allowance: a change makes a new version", False
        ),
    ],
    history=True,
)

MODELS = Table(
    "models",
    "Models of the tenant, with their history.",
    "one row per version of a model",
    ("id", "_dlt_valid_from"),
    "a changed record makes a new version (SCD2)",
    [
        Column("id", "text", "id", "id of the model, as sent: upper case here, lower case in `events`", False),
        Column("name", "text", "name", "name"),
        Column("active_state", "text", "activeState", "UNLOCKED, PRODUCTION, MAINTENANCE, LOCKED, ARCHIVED, …"),
        Column("current_workspace_id", "text", "currentWorkspaceId", "workspace that contains the model"),
        Column("current_workspace_name", "text", "currentWorkspaceName", "name of that workspace"),
        Column("model_url", "text", "modelUrl", "URL of the model when this version began"),
        Column("last_modified", "timestamp", "lastModified", "time of the last change when this version began (UTC)"),
        Column("last_modified_by_user_guid", "text", "lastModifiedByUserGuid", "user who made that change"),
        Column("iso_creation_date", "timestamp", "isoCreationDate", "when the model was created (UTC)"),
        Column("memory_usage", "bigint", "memoryUsage", "memory in bytes when this version began"),
        Column(
            "last_saved_serial_number",
            "bigint",
            "lastSavedSerialNumber",
            "serial number of the last save when this version began",
        ),
        Column(
            "model_transaction_running",
            "bool",
            "modelTransactionRunning",
            "whether a transaction ran when this version began",
        ),
        Column("category_values", "json", "categoryValues", "categories when this version began"),
        Column(
            "row_version", "text", None, "hash of id, name, state and workspace: a change makes a new version", False
        ),
    ],
    history=True,
)

EVENT_TYPES = Table(
    "event_types",
    "The meaning of each audit code, from Anaplan's catalogue.",
    "one row per code",
    ("event_type_id",),
    "merged on `event_type_id`",
    [
        Column("event_type_id", "text", None, "code as in Anaplan's catalogue (`INT-01`)", False),
        Column("event_type_code", "text", None, "the code without leading zeros (`INT-1`), as in `events`", False),
        Column("category", "text", None, "user_activity, access_control, integration, …"),
        Column("event_message", "text", None, "meaning of the code"),
        Column("object_kind", "text", None, "kind of the object that `object_id` names"),
    ],
)

TABLES = (
    EVENTS,
    EVENT_WINDOWS,
    EVENT_DAYS,
    USERS,
    USER_LOGINS,
    WORKSPACES,
    MODELS,
    EVENT_TYPES,
    *DETAIL_TABLES,
    *HISTORY_TABLES,
)
