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

-- A code that is in no list belongs to the category of its prefix.
categories as (
    select
        substring(event_type_code, 1, strpos(event_type_code, '-')) as prefix,
        min(category) as category
    from event_types
    group by substring(event_type_code, 1, strpos(event_type_code, '-'))
),

directory as (
    select
        'user' as kind,
        cast(case
            when translate(lower(id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(id)
            else id
        end as varchar) as id,
        coalesce(
            nullif(trim(concat(coalesce(first_name, ''), ' ', coalesce(last_name, ''))), ''), email
        ) as name,
        email,
        cast(null as varchar) as workspace_id,
        cast(null as varchar) as workspace_name,
        _dlt_valid_from as valid_from,
        _dlt_valid_to as valid_to,
        row_version
    from users
    union all
    select
        'workspace',
        case
            when translate(lower(id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(id)
            else id
        end,
        name, cast(null as varchar), cast(null as varchar), cast(null as varchar),
        _dlt_valid_from, _dlt_valid_to, row_version
    from workspaces
    union all
    select
        'model',
        case
            when translate(lower(id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(id)
            else id
        end,
        name, cast(null as varchar),
        case
            when translate(lower(current_workspace_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(current_workspace_id)
            else current_workspace_id
        end,
        current_workspace_name,
        _dlt_valid_from, _dlt_valid_to, row_version
    from models
),

-- Two versions may not begin at the same moment, or their events would be doubled.
distinct_versions as (
    select
        kind, id, name, email, workspace_id, workspace_name, valid_from, valid_to,
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
                then cast(cast('1900-01-01' as date) as timestamptz)
            else valid_from
        end as starts_at,
        coalesce(
            lead(valid_from) over (partition by kind, id order by valid_from),
            cast(cast('2100-01-01' as date) as timestamptz)
        ) as ends_at,
        first_value(name) over (partition by kind, id order by valid_from desc) as name_now
    from distinct_versions
    where pick = 1
),

-- What events of the same day call an app or page, for events that name it by its id only.
told as (
    select
        event_day,
        'app' as kind,
        case
            when translate(lower(additional_attributes__app_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(additional_attributes__app_id)
            else additional_attributes__app_id
        end as id,
        additional_attributes__app_name as name
    from events
    where additional_attributes__app_id is not null and additional_attributes__app_name is not null
    union all
    select
        event_day,
        'page',
        case
            when translate(lower(additional_attributes__page_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(additional_attributes__page_id)
            else additional_attributes__page_id
        end,
        additional_attributes__page_name
    from events
    where additional_attributes__page_id is not null and additional_attributes__page_name is not null
),

counted as (
    select event_day, kind, id, name, count(*) as times
    from told
    group by event_day, kind, id, name
),

names_of_day as (
    select
        event_day,
        kind,
        id,
        name,
        row_number() over (partition by event_day, kind, id order by times desc, name) as pick
    from counted
),

-- What an id is, by the list that holds it.
known_ids as (
    select id, min(kind) as kind
    from versions
    group by id
),

-- Ids of 32 hex digits fold to lower case, since the directory and events write them differently. Any other id is
-- case-sensitive: two connections may differ in case only.
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
        events.success,
        events.event_day,
        events.event_date,
        events.created_date,
        lower(events.user_agent) as agent,
        case
            when lower(events.user_id) like 'internal%'
                or translate(lower(events.user_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(events.user_id)
            else events.user_id
        end as actor,
        case
            when lower(coalesce(events.object_id, events.additional_attributes__object_id)) like 'internal%'
                or translate(
                    lower(coalesce(events.object_id, events.additional_attributes__object_id)),
                    '123456789abcdef', '000000000000000'
                ) in (
                    '00000000000000000000000000000000',
                    '00000000000000000000000000000000/00000000000000000000000000000000',
                    'null/00000000000000000000000000000000',
                    '00000000000000000000000000000000/null'
                )
                then lower(coalesce(events.object_id, events.additional_attributes__object_id))
            else coalesce(events.object_id, events.additional_attributes__object_id)
        end as subject,
        case
            when translate(lower(events.additional_attributes__workspace_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(events.additional_attributes__workspace_id)
            else events.additional_attributes__workspace_id
        end as sent_workspace,
        case
            when translate(lower(events.additional_attributes__model_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(events.additional_attributes__model_id)
            else events.additional_attributes__model_id
        end as sent_model,
        case
            when lower(events.additional_attributes__target_user_id) like 'internal%'
                or translate(lower(events.additional_attributes__target_user_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(events.additional_attributes__target_user_id)
            else events.additional_attributes__target_user_id
        end as sent_target,
        case
            when translate(lower(events.additional_attributes__app_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(events.additional_attributes__app_id)
            else events.additional_attributes__app_id
        end as sent_app,
        case
            when translate(lower(events.additional_attributes__page_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(events.additional_attributes__page_id)
            else events.additional_attributes__page_id
        end as sent_page,
        coalesce(
            events.additional_attributes__process_id,
            -- Inside a model, ids of processes begin with 118 (112 imports, 116 exports, 117 other actions).
            case
                when events.event_type_code = 'USR-41' or events.additional_attributes__action_id like '118%'
                    then events.additional_attributes__action_id
            end
        ) as sent_process,
        case
            when translate(lower(events.additional_attributes__integration_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(events.additional_attributes__integration_id)
            else events.additional_attributes__integration_id
        end as sent_integration,
        -- Of a dashboard the event's object is the model; the attributes name the dashboard.
        case
            when events.event_type_code = 'USR-19' and events.object_id is not null
                then lower(events.additional_attributes__object_id)
        end as sent_dashboard,
        -- Of what else happens in a model, `name` is that of a view, an action or a dashboard.
        coalesce(
            events.additional_attributes__model_accessed,
            case
                when events.event_type_code in ('USR-13', 'USR-14', 'USR-39') then events.additional_attributes__name
            end
        ) as sent_model_name,
        nullif(events.additional_attributes__name, 'null') as sent_name,
        events.additional_attributes__type as sent_type,
        events.additional_attributes__target_user_name as sent_target_name,
        events.additional_attributes__app_name as sent_app_name,
        events.additional_attributes__page_name as sent_page_name,
        events.additional_attributes__process_name as sent_process_name,
        events.additional_attributes__integration_name as sent_integration_name,
        events.additional_attributes__action_id as action_id,
        events.additional_attributes__action_name as sent_action_name,
        events.additional_attributes__action_type as action_type,
        coalesce(events.additional_attributes__role_id, events.additional_attributes__model_role_id) as role_id,
        coalesce(events.additional_attributes__role_name, events.additional_attributes__model_role_name) as role_name,
        events.additional_attributes__client_name as client_name,
        coalesce(catalogue.category, categories.category) as category,
        catalogue.event_message,
        -- Where the catalogue expects a process, events carry the model; encryption events may carry a key or domain.
        case
            when catalogue.object_kind = 'process'
                and length(coalesce(events.object_id, events.additional_attributes__object_id)) = 32
                then 'model'
            when catalogue.category <> 'encryption'
                or length(coalesce(events.object_id, events.additional_attributes__object_id)) = 32
                then catalogue.object_kind
        end as listed_kind,
        lower(events.object_type_id) as sent_kind
    from events
    left join catalogue on events.event_type_code = catalogue.event_type_code
    left join categories
        on substring(events.event_type_code, 1, strpos(events.event_type_code, '-')) = categories.prefix
),

-- The object is what its id is: a record of the directory, or what the attributes name by it. The catalogue comes
-- after that.
classified as (
    select
        sent.*,
        coalesce(known_ids.kind, case
            when sent.subject = sent.sent_model then 'model'
            when sent.subject = sent.sent_workspace then 'workspace'
            when sent.subject = sent.sent_target then 'user'
            when sent.subject = sent.sent_integration then 'integration'
            when sent.subject = sent.sent_process then 'process'
        end, sent.listed_kind) as id_kind
    from sent
    left join known_ids on sent.subject = known_ids.id
),

-- Which user, model, app, page, process and integration each event is about; `subject` is `app/page` for pages.
kinds as (
    select
        *,
        coalesce(id_kind, case
            when sent_kind in ('user', 'model', 'workspace') then sent_kind
            when subject like '%/%' then 'app_page'
        end) as object_kind
    from classified
),

identified as (
    select
        *,
        coalesce(event_date, created_date, cast(cast('1900-01-01' as date) as timestamptz)) as happened_at,
        coalesce(sent_model, case when id_kind = 'model' then subject end) as model_id,
        coalesce(sent_target, case when id_kind = 'user' then subject end) as target_id,
        coalesce(sent_workspace, case when id_kind = 'workspace' then subject end) as workspace_id,
        nullif(coalesce(sent_app, case
            when object_kind = 'app' then subject
            when object_kind = 'app_page' and subject like '%/%' then substring(subject, 1, strpos(subject, '/') - 1)
        end), 'null') as app_id,
        nullif(coalesce(sent_page, sent_dashboard, case
            when object_kind = 'app_page' and subject like '%/%' then substring(subject, strpos(subject, '/') + 1)
            when object_kind = 'app_page' then subject
        end), 'null') as page_id,
        coalesce(sent_process, case when object_kind = 'process' then subject end) as process_id,
        coalesce(sent_integration, case when object_kind = 'integration' then subject end) as integration_id,
        -- What the event itself calls its object.
        coalesce(case object_kind
            when 'user' then case when subject = coalesce(sent_target, subject) then sent_target_name end
            when 'model' then sent_model_name
            when 'process' then sent_process_name
            when 'app' then sent_app_name
            when 'app_page' then sent_page_name
            when 'integration' then sent_integration_name
        end, case when object_kind = 'model' then null else sent_name end) as object_name,
        -- `name` is that of the action where an action is named, and for exports and deletions that an action made.
        coalesce(sent_action_name, case
            when action_id = '-1' then 'unsaved action'
            when action_id is not null or event_type_code in ('USR-36', 'USR-38') then sent_name
        end) as action_name
    from kinds
)

-- Names are those of the directory at the time, else what the event or one of the same day calls the object.
select
    cast(e.id as bigint) as event_id,
    cast(e.event_day as date) as event_day,
    cast(e.event_date as timestamptz) as occurred_at,
    cast(e.created_date as timestamptz) as recorded_at,
    -- Whole seconds since 1970: Spark would take the difference of local times.
    cast(floor(epoch(e.created_date)) - floor(epoch(e.event_date)) as bigint) as seconds_late,
    cast(e.event_type_code as varchar) as event_type_id,
    cast(coalesce(e.category, 'unknown') as varchar) as event_category,
    cast(e.event_message as varchar) as event_message,
    cast(e.message as varchar) as message,
    cast(e.success as boolean) as success,
    cast(e.error_number as varchar) as error_number,
    cast(case when e.actor like 'internal%' then upper(e.actor) else e.actor end as varchar) as user_id,
    cast(case
        when e.actor like 'internal%' then 'system'
        when users.id is not null then 'person'
        else 'unknown'
    end as varchar) as user_kind,
    cast(users.name as varchar) as user_name,
    cast(users.email as varchar) as user_email,
    cast(e.tenant_id as varchar) as tenant_id,
    cast(coalesce(e.workspace_id, models.workspace_id) as varchar) as workspace_id,
    cast(coalesce(workspaces.name, case
        when coalesce(e.workspace_id, models.workspace_id) = models.workspace_id then models.workspace_name
    end) as varchar) as workspace_name,
    cast(e.model_id as varchar) as model_id,
    cast(coalesce(
        models.name, case when e.object_kind = 'model' and e.subject = e.model_id then e.object_name end
    ) as varchar) as model_name,
    cast(e.object_kind as varchar) as object_kind,
    cast(case when e.subject like 'internal%' then upper(e.subject) else e.subject end as varchar) as object_id,
    cast(coalesce(objects.name, e.object_name, case
        when e.object_kind = 'app' then apps.name
        when e.object_kind = 'app_page' then pages.name
    end) as varchar) as object_name,
    cast(e.app_id as varchar) as app_id,
    cast(coalesce(
        e.sent_app_name, case when e.object_kind = 'app' then e.object_name end, apps.name
    ) as varchar) as app_name,
    cast(e.page_id as varchar) as page_id,
    cast(coalesce(
        e.sent_page_name,
        case when e.object_kind = 'app_page' then e.object_name when e.sent_dashboard is not null then e.sent_name end,
        pages.name
    ) as varchar) as page_name,
    cast(e.action_id as varchar) as action_id,
    cast(e.action_name as varchar) as action_name,
    cast(e.action_type as varchar) as action_type,
    cast(e.process_id as varchar) as process_id,
    cast(coalesce(
        e.sent_process_name, case when e.object_kind = 'process' then e.object_name end,
        case when e.process_id = e.action_id then e.action_name end
    ) as varchar) as process_name,
    cast(e.integration_id as varchar) as integration_id,
    cast(coalesce(
        e.sent_integration_name, case when e.object_kind = 'integration' then e.object_name end
    ) as varchar) as integration_name,
    cast(e.role_id as varchar) as role_id,
    cast(e.role_name as varchar) as role_name,
    cast(case when e.target_id like 'internal%' then upper(e.target_id) else e.target_id end as varchar)
        as target_user_id,
    cast(coalesce(
        targets.name, e.sent_target_name,
        case when e.object_kind = 'user' and e.subject = e.target_id then e.object_name end
    ) as varchar) as target_user_name,
    cast(e.ip_address as varchar) as ip_address,
    cast(e.user_agent as varchar) as user_agent,
    cast(case
        when coalesce(e.agent, 'na') = 'na' then e.client_name
        when e.agent like '%anaplan%connect%' then 'Anaplan Connect'
        when e.agent like '%anaplan%' then 'Anaplan add-in or service'
        when e.agent like '%edg/%' or e.agent like '%edge/%' then 'Edge'
        when e.agent like '%opr/%' then 'Opera'
        when e.agent like '%firefox/%' then 'Firefox'
        when e.agent like '%chrome/%' or e.agent like '%crios/%' then 'Chrome'
        when e.agent like '%safari/%' then 'Safari'
        when e.agent like '%trident/%' or e.agent like '%msie %' then 'Internet Explorer'
        when e.agent like '%excel%' or e.agent like '%microsoft office%' then 'Microsoft Office'
        when e.agent like '%python%' then 'Python'
        when e.agent like '%java%' or e.agent like '%apache-httpclient%' or e.agent like '%okhttp%' then 'Java'
        when e.agent like '%curl/%' then 'curl'
        when e.agent like '%postman%' then 'Postman'
        else 'other'
    end as varchar) as client,
    cast(e.session_id as varchar) as session_id,
    cast(e.host_name as varchar) as host_name,
    cast(e.service_version as varchar) as service_version,
    cast(e.checksum as varchar) as checksum,
    cast(case
        when e.subject is null then null
        when e.happened_at >= objects.removed_at then 'deleted'
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
    cast(coalesce(
        targets.email, case when e.sent_target_name like '%@%' then e.sent_target_name end
    ) as varchar) as target_user_email,
    cast(case
        when e.target_id is null then null
        when e.target_id like 'internal%' then 'system'
        when targets.id is not null then 'person'
        else 'unknown'
    end as varchar) as target_user_kind,
    cast(e.sent_name as varchar) as sent_name,
    cast(e.sent_type as varchar) as sent_type
from identified as e
left join versions as users
    on users.kind = 'user' and users.id = e.actor
    and e.happened_at >= users.starts_at and e.happened_at < users.ends_at
left join versions as models
    on models.kind = 'model' and models.id = e.model_id
    and e.happened_at >= models.starts_at and e.happened_at < models.ends_at
left join versions as workspaces
    on workspaces.kind = 'workspace' and workspaces.id = coalesce(e.workspace_id, models.workspace_id)
    and e.happened_at >= workspaces.starts_at and e.happened_at < workspaces.ends_at
left join versions as targets
    on targets.kind = 'user' and targets.id = e.target_id
    and e.happened_at >= targets.starts_at and e.happened_at < targets.ends_at
left join versions as objects
    on objects.kind = e.object_kind and objects.id = e.subject
    and e.happened_at >= objects.starts_at and e.happened_at < objects.ends_at
left join names_of_day as apps
    on apps.kind = 'app' and apps.pick = 1 and apps.event_day = e.event_day and apps.id = e.app_id
left join names_of_day as pages
    on pages.kind = 'page' and pages.pick = 1 and pages.event_day = e.event_day and pages.id = e.page_id
