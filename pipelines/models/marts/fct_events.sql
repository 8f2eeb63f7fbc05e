-- Names are those of the directory at the time of the event, else those that the event or, for apps and pages, one of
-- the same day, for users the SCIM service or any other event gives.
-- grain: one row per event of the audit log, with the names that were true when it happened
-- key: event_id
-- inputs: int_event_places, stg_directory_versions, int_app_page_names, int_clients
select
    e.event_id,
    e.event_day,
    e.occurred_at,
    e.recorded_at,
    -- Whole seconds since 1970: Spark would take the difference of local times.
    cast(floor(epoch(e.recorded_at)) - floor(epoch(e.occurred_at)) as bigint) as seconds_late,
    e.event_type_id,
    e.event_category,
    e.event_message,
    e.message,
    e.success,
    e.error_number,
    e.user_id,
    cast(case
        when e.user_id like 'INTERNAL%' then 'system'
        when users.directory_id is not null or e.user_name_source = 'directory' then 'person'
        else 'unknown'
    end as varchar) as user_kind,
    cast(coalesce(users.name, e.user_name) as varchar) as user_name,
    cast(coalesce(users.email, e.user_email) as varchar) as user_email,
    e.tenant_id,
    cast(coalesce(e.workspace_id, models.workspace_id) as varchar) as workspace_id,
    cast(coalesce(workspaces.name, case
        when coalesce(e.workspace_id, models.workspace_id) = models.workspace_id then models.workspace_name
    end) as varchar) as workspace_name,
    e.model_id,
    cast(coalesce(models.name, case when e.object_kind = 'model' and e.object_id = e.model_id then e.object_name end)
        as varchar) as model_name,
    e.object_kind,
    e.object_id,
    cast(coalesce(objects.name, e.object_name, case
        when e.object_kind = 'app' then apps.name
        when e.object_kind = 'app_page' then pages.name
    end) as varchar) as object_name,
    e.app_id,
    cast(coalesce(e.app_name, apps.name) as varchar) as app_name,
    e.page_id,
    cast(coalesce(e.page_name, pages.name) as varchar) as page_name,
    e.action_id,
    e.action_name,
    e.action_type,
    e.process_id,
    e.process_name,
    e.integration_id,
    e.integration_name,
    e.role_id,
    e.role_name,
    e.target_user_id,
    cast(coalesce(targets.name, e.target_user_name) as varchar) as target_user_name,
    e.ip_address,
    e.user_agent,
    cast(case
        when coalesce(lower(e.user_agent), 'na') = 'na' then e.client_name
        else coalesce(clients.client, 'other')
    end as varchar) as client,
    e.session_id,
    e.host_name,
    e.service_version,
    e.checksum,
    cast(case
        when e.object_id is null then null
        when e.happened_at >= objects.valid_to then 'deleted'
        when e.action_status is not null then e.action_status
        when coalesce(objects.name, e.object_name) is not null then 'named'
        when e.object_kind = 'app' and apps.name is not null then 'named'
        when e.object_kind = 'app_page' and pages.name is not null then 'named'
        else 'unknown'
    end as varchar) as object_status,
    cast(case when users.name_now <> users.name then users.name_now end as varchar) as user_name_now,
    cast(case when workspaces.name_now <> workspaces.name then workspaces.name_now end as varchar)
        as workspace_name_now,
    cast(case when models.name_now <> models.name then models.name_now end as varchar) as model_name_now,
    cast(case when objects.name_now <> objects.name then objects.name_now end as varchar) as object_name_now,
    cast(case when targets.name_now <> targets.name then targets.name_now end as varchar) as target_user_name_now,
    cast(coalesce(targets.email, e.target_user_email) as varchar) as target_user_email,
    cast(case
        when e.target_user_id is null then null
        when e.target_user_id like 'INTERNAL%' then 'system'
        when coalesce(targets.directory_id, e.target_listed_name) is not null then 'person'
        else 'unknown'
    end as varchar) as target_user_kind,
    e.sent_name,
    e.sent_type,
    cast(case when users.name is not null then 'directory' else coalesce(e.user_name_source, 'none') end as varchar)
        as user_name_source,
    -- Name, else e-mail address, else id. Whoever has an e-mail address has a name: that address.
    cast(coalesce(users.name, e.user_name, e.user_id) as varchar) as user_label,
    cast(case
        when coalesce(targets.name, e.target_listed_name) is not null then 'directory'
        when e.target_user_name is not null then 'event'
        when e.target_user_id is not null then 'none'
    end as varchar) as target_user_name_source,
    cast(coalesce(targets.name, e.target_user_name, e.target_user_id) as varchar) as target_user_label,
    e.action_kind,
    e.import_name,
    e.export_name,
    e.export_format,
    -- Whom no list holds has one version, the first.
    cast(e.user_id || '-' || cast(coalesce(users.version, 1) as varchar) as varchar) as user_key,
    cast(e.target_user_id || '-' || cast(coalesce(targets.version, 1) as varchar) as varchar) as target_user_key,
    cast(e.model_id || '-' || cast(coalesce(models.version, 1) as varchar) as varchar) as model_key,
    cast(coalesce(e.workspace_id, models.workspace_id) || '-' || cast(coalesce(workspaces.version, 1) as varchar)
        as varchar) as workspace_key
from int_event_places as e
left join stg_directory_versions as users
    on users.kind = 'user' and users.directory_id = e.user_id
    and e.happened_at >= users.starts_at and e.happened_at < users.ends_at
left join stg_directory_versions as models
    on models.kind = 'model' and models.directory_id = e.model_id
    and e.happened_at >= models.starts_at and e.happened_at < models.ends_at
left join stg_directory_versions as workspaces
    on workspaces.kind = 'workspace' and workspaces.directory_id = coalesce(e.workspace_id, models.workspace_id)
    and e.happened_at >= workspaces.starts_at and e.happened_at < workspaces.ends_at
left join stg_directory_versions as targets
    on targets.kind = 'user' and targets.directory_id = e.target_user_id
    and e.happened_at >= targets.starts_at and e.happened_at < targets.ends_at
left join stg_directory_versions as objects
    on objects.kind = e.object_kind and objects.directory_id = e.object_id
    and e.happened_at >= objects.starts_at and e.happened_at < objects.ends_at
left join int_app_page_names as apps
    on apps.kind = 'app' and apps.event_day = e.event_day and apps.id = e.app_id
left join int_app_page_names as pages
    on pages.kind = 'page' and pages.event_day = e.event_day and pages.id = e.page_id
left join int_clients as clients on e.user_agent = clients.user_agent
