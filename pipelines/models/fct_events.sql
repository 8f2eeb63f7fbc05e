-- grain: one row per event of the audit log, with the names that were true when it happened
-- key: event_id
-- inputs: events, event_types, users, workspaces, models
with

catalogue as (
    select
        event_type_code,
        min(category) as category,
        min(event_message) as event_message,
        min(object_kind) as object_kind
    from event_types
    group by event_type_code
),

directory as (
    select
        'user' as kind,
        lower(id) as id,
        coalesce(
            nullif(trim(concat(coalesce(first_name, ''), ' ', coalesce(last_name, ''))), ''), email
        ) as name,
        email,
        null as workspace_id,
        null as workspace_name,
        _dlt_valid_from as valid_from,
        _dlt_valid_to as valid_to,
        row_version
    from users
    union all
    select 'workspace', lower(id), name, null, null, null, _dlt_valid_from, _dlt_valid_to, row_version
    from workspaces
    union all
    select
        'model', lower(id), name, null, lower(current_workspace_id), current_workspace_name,
        _dlt_valid_from, _dlt_valid_to, row_version
    from models
),

-- Two versions may not begin at the same moment, or their events would be doubled.
distinct_versions as (
    select
        *,
        row_number() over (
            partition by kind, id, valid_from
            order by case when valid_to is null then 0 else 1 end, valid_to desc, row_version
        ) as pick
    from directory
),

-- A version holds until the next one begins; the first one holds for all the time before it too.
versions as (
    select
        kind,
        id,
        name,
        email,
        workspace_id,
        workspace_name,
        valid_to as removed_at,
        case
            when row_number() over (partition by kind, id order by valid_from) = 1
                then cast('1900-01-01 00:00:00+00:00' as timestamptz)
            else valid_from
        end as starts_at,
        coalesce(
            lead(valid_from) over (partition by kind, id order by valid_from),
            cast('2200-01-01 00:00:00+00:00' as timestamptz)
        ) as ends_at,
        first_value(name) over (partition by kind, id order by valid_from desc) as name_now
    from distinct_versions
    where pick = 1
),

sent as (
    select
        events.id,
        events.event_type_code,
        events.tenant_id,
        events.message,
        events.error_number,
        events.ip_address,
        events.user_agent,
        events.session_id,
        events.host_name,
        events.service_version,
        events.checksum,
        lower(events.user_id) as actor,
        lower(coalesce(events.object_id, events.additional_attributes__object_id)) as subject,
        lower(events.additional_attributes__workspace_id) as sent_workspace,
        lower(events.additional_attributes__model_id) as sent_model,
        lower(events.additional_attributes__target_user_id) as sent_target,
        lower(events.additional_attributes__app_id) as sent_app,
        lower(events.additional_attributes__page_id) as sent_page,
        lower(events.additional_attributes__process_id) as sent_process,
        lower(events.additional_attributes__integration_id) as sent_integration,
        events.additional_attributes__name as sent_name,
        events.additional_attributes__target_user_name as sent_target_name,
        events.additional_attributes__app_name as sent_app_name,
        events.additional_attributes__page_name as sent_page_name,
        events.additional_attributes__process_name as sent_process_name,
        events.additional_attributes__integration_name as sent_integration_name,
        events.additional_attributes__action_id as action_id,
        events.additional_attributes__action_name as action_name,
        events.additional_attributes__action_type as action_type,
        coalesce(events.additional_attributes__role_id, events.additional_attributes__model_role_id) as role_id,
        coalesce(events.additional_attributes__role_name, events.additional_attributes__model_role_name) as role_name,
        events.additional_attributes__client_name as client_name,
        catalogue.category,
        catalogue.event_message,
        catalogue.object_kind,
        events.success,
        events.event_day,
        events.event_date,
        events.created_date,
        coalesce(
            events.event_date, events.created_date, cast('1970-01-01 00:00:00+00:00' as timestamptz)
        ) as happened_at
    from events
    left join catalogue on events.event_type_code = catalogue.event_type_code
),

-- Which user, model, app, page, process and integration each event is about; `subject` is `app/page` for pages.
identified as (
    select
        *,
        coalesce(sent_model, case when object_kind = 'model' then subject end) as model_id,
        coalesce(sent_target, case when object_kind = 'user' then subject end) as target_id,
        nullif(coalesce(sent_app, case
            when object_kind = 'app' then subject
            when object_kind = 'app_page' and subject like '%/%' then substring(subject, 1, strpos(subject, '/') - 1)
        end), 'null') as app_id,
        nullif(coalesce(sent_page, case
            when object_kind = 'app_page' and subject like '%/%' then substring(subject, strpos(subject, '/') + 1)
            when object_kind = 'app_page' then subject
        end), 'null') as page_id,
        coalesce(sent_process, case when object_kind = 'process' then subject end) as process_id,
        coalesce(sent_integration, case when object_kind = 'integration' then subject end) as integration_id
    from sent
),

-- Names true at the time; the name that the event itself carries where the directory has none.
named as (
    select
        identified.*,
        users.id is not null as user_is_listed,
        users.name as user_name,
        users.name_now as user_name_now,
        users.email as user_email,
        coalesce(identified.sent_workspace, models.workspace_id) as workspace_id,
        coalesce(workspaces.name, case
            when coalesce(identified.sent_workspace, models.workspace_id) = models.workspace_id
                then models.workspace_name
        end) as workspace_name,
        workspaces.name_now as workspace_name_now,
        coalesce(
            models.name, case when object_kind = 'model' and subject = model_id then sent_name end
        ) as model_name,
        models.name_now as model_name_now,
        coalesce(
            targets.name, sent_target_name,
            case when object_kind = 'user' and subject = target_id then sent_name end
        ) as target_user_name,
        coalesce(sent_app_name, case when object_kind = 'app' then sent_name end) as app_name,
        coalesce(sent_page_name, case when object_kind = 'app_page' then sent_name end) as page_name,
        coalesce(sent_process_name, case when object_kind = 'process' then sent_name end) as process_name,
        coalesce(
            sent_integration_name, case when object_kind = 'integration' then sent_name end
        ) as integration_name,
        objects.name as directory_name,
        objects.removed_at as object_removed_at
    from identified
    left join versions as users
        on users.kind = 'user' and users.id = identified.actor
        and identified.happened_at >= users.starts_at and identified.happened_at < users.ends_at
    left join versions as models
        on models.kind = 'model' and models.id = identified.model_id
        and identified.happened_at >= models.starts_at and identified.happened_at < models.ends_at
    left join versions as workspaces
        on workspaces.kind = 'workspace'
        and workspaces.id = coalesce(identified.sent_workspace, models.workspace_id)
        and identified.happened_at >= workspaces.starts_at and identified.happened_at < workspaces.ends_at
    left join versions as targets
        on targets.kind = 'user' and targets.id = identified.target_id
        and identified.happened_at >= targets.starts_at and identified.happened_at < targets.ends_at
    left join versions as objects
        on objects.kind = identified.object_kind and objects.id = identified.subject
        and identified.happened_at >= objects.starts_at and identified.happened_at < objects.ends_at
),

described as (
    select
        *,
        coalesce(directory_name, case object_kind
            when 'user' then case when subject = target_id then target_user_name end
            when 'process' then process_name
            when 'app' then app_name
            when 'app_page' then page_name
            when 'integration' then integration_name
        end, sent_name) as object_name,
        lower(user_agent) as agent
    from named
)

select
    cast(id as bigint) as event_id,
    cast(event_day as date) as event_day,
    cast(event_date as timestamptz) as occurred_at,
    cast(created_date as timestamptz) as recorded_at,
    cast(date_diff(
        'second',
        date_trunc('second', event_date at time zone 'UTC'),
        date_trunc('second', created_date at time zone 'UTC')
    ) as bigint) as seconds_late,
    cast(event_type_code as varchar) as event_type_id,
    cast(coalesce(category, 'unknown') as varchar) as event_category,
    cast(event_message as varchar) as event_message,
    cast(message as varchar) as message,
    cast(success as boolean) as success,
    cast(error_number as varchar) as error_number,
    cast(case when actor like 'internal%' then upper(actor) else actor end as varchar) as user_id,
    cast(case
        when actor like 'internal%' then 'system'
        when user_is_listed then 'person'
        else 'unknown'
    end as varchar) as user_kind,
    cast(user_name as varchar) as user_name,
    cast(user_email as varchar) as user_email,
    cast(tenant_id as varchar) as tenant_id,
    cast(workspace_id as varchar) as workspace_id,
    cast(workspace_name as varchar) as workspace_name,
    cast(model_id as varchar) as model_id,
    cast(model_name as varchar) as model_name,
    cast(object_kind as varchar) as object_kind,
    cast(case when subject like 'internal%' then upper(subject) else subject end as varchar) as object_id,
    cast(object_name as varchar) as object_name,
    cast(app_id as varchar) as app_id,
    cast(app_name as varchar) as app_name,
    cast(page_id as varchar) as page_id,
    cast(page_name as varchar) as page_name,
    cast(action_id as varchar) as action_id,
    cast(coalesce(action_name, case when action_id = '-1' then 'unsaved action' end) as varchar) as action_name,
    cast(action_type as varchar) as action_type,
    cast(process_id as varchar) as process_id,
    cast(process_name as varchar) as process_name,
    cast(integration_id as varchar) as integration_id,
    cast(integration_name as varchar) as integration_name,
    cast(role_id as varchar) as role_id,
    cast(role_name as varchar) as role_name,
    cast(case when target_id like 'internal%' then upper(target_id) else target_id end as varchar) as target_user_id,
    cast(target_user_name as varchar) as target_user_name,
    cast(ip_address as varchar) as ip_address,
    cast(user_agent as varchar) as user_agent,
    cast(case
        when agent is null then client_name
        when agent like '%anaplan%connect%' then 'Anaplan Connect'
        when agent like '%anaplan%' then 'Anaplan add-in or service'
        when agent like '%edg/%' or agent like '%edge/%' then 'Edge'
        when agent like '%opr/%' then 'Opera'
        when agent like '%firefox/%' then 'Firefox'
        when agent like '%chrome/%' or agent like '%crios/%' then 'Chrome'
        when agent like '%safari/%' then 'Safari'
        when agent like '%trident/%' or agent like '%msie %' then 'Internet Explorer'
        when agent like '%excel%' or agent like '%microsoft office%' then 'Microsoft Office'
        when agent like '%python%' then 'Python'
        when agent like '%java%' or agent like '%apache-httpclient%' or agent like '%okhttp%' then 'Java'
        when agent like '%curl/%' then 'curl'
        when agent like '%postman%' then 'Postman'
        else 'other'
    end as varchar) as client,
    cast(session_id as varchar) as session_id,
    cast(host_name as varchar) as host_name,
    cast(service_version as varchar) as service_version,
    cast(checksum as varchar) as checksum,
    cast(case
        when subject is null then null
        when happened_at >= object_removed_at then 'deleted'
        when object_name is null then 'unknown'
        else 'named'
    end as varchar) as object_status,
    cast(case when user_name_now <> user_name then user_name_now end as varchar) as user_name_now,
    cast(case when workspace_name_now <> workspace_name then workspace_name_now end as varchar) as workspace_name_now,
    cast(case when model_name_now <> model_name then model_name_now end as varchar) as model_name_now
from described
