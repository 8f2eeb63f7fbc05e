-- Events with the ids of what each is about: user, model, workspace, app, page, process and integration. Users have
-- the names that the SCIM service or events give them, actions and integrations those of their lists at the time. An
-- event that names only its integration happened in the model and workspace of that integration.
-- grain: one row per event
-- key: event_id
-- inputs: int_event_runs, int_read_models, int_user_names
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
    cast(coalesce(
        o.workspace_id, case when o.kind_of_id = 'workspace' then o.object_id end, o.integration_workspace_id
    ) as varchar) as workspace_id,
    cast(coalesce(o.place_model_id, o.integration_model_id) as varchar) as model_id,
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
    o.place_process_id as process_id,
    o.place_integration_id as integration_id,
    o.action_id,
    o.role_id,
    o.session_id,
    -- What the event itself calls its object, else the lists of its model and of CloudWorks.
    cast(coalesce(case o.object_kind
        when 'user' then case when o.object_id = coalesce(o.target_user_id, o.object_id)
            then coalesce(target_names.listed_name, o.target_user_name)
        end
        when 'model' then o.object_model_name
        when 'process' then coalesce(o.process_name, o.listed_process_name)
        when 'app' then o.app_name
        when 'app_page' then o.page_name
        when 'integration' then coalesce(o.listed_integration_name, o.integration_name)
    end, case when o.object_kind = 'model' then null else o.name end, case
        when o.object_kind = 'user' and o.object_id = target_names.user_id then target_names.user_name
    end) as varchar) as object_name,
    names.user_name,
    cast(case
        when names.listed_name is not null then 'directory' when names.user_name is not null then 'event'
    end as varchar) as user_name_source,
    names.email as user_email,
    cast(coalesce(target_names.listed_name, o.target_user_name, case
        when o.object_kind = 'user'
            and o.object_id = coalesce(o.target_user_id, case when o.kind_of_id = 'user' then o.object_id end)
            then o.name
    end, target_names.user_name) as varchar) as target_user_name,
    target_names.listed_name as target_listed_name,
    cast(coalesce(
        case when o.target_user_name like '%@%' then o.target_user_name end, target_names.email
    ) as varchar) as target_user_email,
    cast(coalesce(o.app_name, case when o.object_kind = 'app' then o.name end) as varchar) as app_name,
    cast(coalesce(
        o.page_name, case when o.object_kind = 'app_page' or o.dashboard_id is not null then o.name end
    ) as varchar) as page_name,
    cast(coalesce(
        o.process_name,
        o.listed_process_name,
        case when o.place_process_id = o.action_id then o.run_name end,
        case when o.object_kind = 'process' then o.name end
    ) as varchar) as process_name,
    cast(coalesce(
        o.listed_integration_name, o.integration_name, case when o.object_kind = 'integration' then o.name end
    ) as varchar) as integration_name,
    o.run_name as action_name,
    cast(coalesce(o.action_kind, case when o.place_process_id is not null then 'process' end) as varchar)
        as action_kind,
    o.action_type,
    cast(case when o.action_kind = 'import' then o.run_name end as varchar) as import_name,
    cast(case when o.action_kind = 'export' then o.run_name end as varchar) as export_name,
    cast(case when o.action_kind = 'export' then coalesce(o.export_format, o.sent_type) end as varchar)
        as export_format,
    -- Empty where the lists of the model were never read: then nobody knows.
    cast(case
        when o.action_id is null or o.action_id = '-1' or read_models.model_id is null then null
        when o.happened_at >= o.action_valid_to then 'deleted'
        when o.run_name is null then 'unknown'
    end as varchar) as action_status,
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
    o.happened_at
from int_event_runs as o
left join int_read_models as read_models on o.place_model_id = read_models.model_id
left join int_user_names as names on o.user_id = names.user_id
left join int_user_names as target_names
    on target_names.user_id = coalesce(o.target_user_id, case when o.kind_of_id = 'user' then o.object_id end)
