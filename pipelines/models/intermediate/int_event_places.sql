-- Events with the ids of what each is about: user, model, workspace, app, page, process and integration. Users have
-- the names that events give them.
-- grain: one row per event
-- key: event_id
-- inputs: int_event_objects, stg_user_names
select
    o.event_id,
    o.event_type_id,
    o.event_category,
    o.event_message,
    o.tenant_id,
    o.user_id,
    o.object_kind,
    o.object_id,
    cast(coalesce(o.target_user_id, case when o.kind_of_id = 'user' then o.object_id end) as varchar)
        as target_user_id,
    cast(coalesce(o.workspace_id, case when o.kind_of_id = 'workspace' then o.object_id end) as varchar)
        as workspace_id,
    cast(coalesce(o.model_id, case when o.kind_of_id = 'model' then o.object_id end) as varchar) as model_id,
    cast(nullif(coalesce(o.app_id, case
        when o.object_kind = 'app' then o.object_id
        when o.object_kind = 'app_page' and o.object_id like '%/%'
            then substring(o.object_id, 1, strpos(o.object_id, '/') - 1)
    end), 'null') as varchar) as app_id,
    cast(nullif(coalesce(o.page_id, o.dashboard_id, case
        when o.object_kind = 'app_page' and o.object_id like '%/%'
            then substring(o.object_id, strpos(o.object_id, '/') + 1)
        when o.object_kind = 'app_page' then o.object_id
    end), 'null') as varchar) as page_id,
    o.dashboard_id,
    cast(coalesce(o.run_process_id, case when o.object_kind = 'process' then o.object_id end) as varchar)
        as process_id,
    cast(coalesce(o.integration_id, case when o.object_kind = 'integration' then o.object_id end) as varchar)
        as integration_id,
    o.action_id,
    o.role_id,
    o.session_id,
    -- What the event itself calls its object.
    cast(coalesce(case o.object_kind
        when 'user' then case when o.object_id = coalesce(o.target_user_id, o.object_id) then o.target_user_name end
        when 'model' then o.object_model_name
        when 'process' then o.process_name
        when 'app' then o.app_name
        when 'app_page' then o.page_name
        when 'integration' then o.integration_name
    end, case when o.object_kind = 'model' then null else o.name end, case
        when o.object_kind = 'user' and o.object_id = target_names.user_id then target_names.user_name
    end) as varchar) as object_name,
    names.user_name,
    names.email as user_email,
    cast(coalesce(o.target_user_name, case
        when o.object_kind = 'user'
            and o.object_id = coalesce(o.target_user_id, case when o.kind_of_id = 'user' then o.object_id end)
            then o.name
    end, target_names.user_name) as varchar) as target_user_name,
    cast(coalesce(
        case when o.target_user_name like '%@%' then o.target_user_name end, target_names.email
    ) as varchar) as target_user_email,
    cast(coalesce(o.app_name, case when o.object_kind = 'app' then o.name end) as varchar) as app_name,
    o.page_name,
    o.process_name,
    cast(coalesce(o.integration_name, case when o.object_kind = 'integration' then o.name end) as varchar)
        as integration_name,
    -- `name` is that of the action where an action is named, and for exports and deletions that an action made.
    cast(coalesce(o.action_name, case
        when o.action_id = '-1' then 'unsaved action'
        when o.action_id is not null or o.name_meaning = 'action' then o.name
    end) as varchar) as action_name,
    o.action_type,
    o.role_name,
    o.name as sent_name,
    o.sent_type,
    o.client_name,
    o.message,
    o.error_number,
    o.ip_address,
    o.user_agent,
    o.host_name,
    o.service_version,
    o.checksum,
    o.success,
    o.event_day,
    o.occurred_at,
    o.recorded_at,
    cast(coalesce(o.occurred_at, o.recorded_at, cast(cast('1900-01-01' as date) as timestamptz)) as timestamptz)
        as happened_at
from int_event_objects as o
left join stg_user_names as names on o.user_id = names.user_id
left join stg_user_names as target_names
    on target_names.user_id = coalesce(o.target_user_id, case when o.kind_of_id = 'user' then o.object_id end)
