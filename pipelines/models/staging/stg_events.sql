-- The audit log under plain names. Ids of 32 hex digits are in lower case and ids of system users in upper case,
-- because events and the directory write them differently. All other ids keep their case: two connections may differ
-- only in it. Most ids are in lower case as sent: that is tested first, because the test for 32 digits is slow.
-- grain: one row per event
-- key: event_id
-- inputs: events
select
    e.id as event_id,
    e.event_type_code as event_type_id,
    e.tenant_id,
    cast(case
        when lower(e.user_id) like 'internal%' then upper(e.user_id)
        when e.user_id = lower(e.user_id) then e.user_id
        when translate(lower(e.user_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(e.user_id)
        else e.user_id
    end as varchar) as user_id,
    -- For pages the object is `app/page`, in which either part may be missing.
    cast(case
        when lower(coalesce(e.object_id, e.additional_attributes__object_id)) like 'internal%'
            then upper(coalesce(e.object_id, e.additional_attributes__object_id))
        when coalesce(e.object_id, e.additional_attributes__object_id)
            = lower(coalesce(e.object_id, e.additional_attributes__object_id))
            then coalesce(e.object_id, e.additional_attributes__object_id)
        when translate(
            lower(coalesce(e.object_id, e.additional_attributes__object_id)), '123456789abcdef', '000000000000000'
        ) in (
            '00000000000000000000000000000000',
            '00000000000000000000000000000000/00000000000000000000000000000000',
            'null/00000000000000000000000000000000',
            '00000000000000000000000000000000/null'
        )
            then lower(coalesce(e.object_id, e.additional_attributes__object_id))
        else coalesce(e.object_id, e.additional_attributes__object_id)
    end as varchar) as object_id,
    cast(case
        when e.object_id is null then null
        when e.additional_attributes__object_id = lower(e.additional_attributes__object_id)
            then e.additional_attributes__object_id
        when translate(lower(e.additional_attributes__object_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(e.additional_attributes__object_id)
        else e.additional_attributes__object_id
    end as varchar) as second_object_id,
    cast(case
        when lower(e.additional_attributes__target_user_id) like 'internal%'
            then upper(e.additional_attributes__target_user_id)
        when e.additional_attributes__target_user_id = lower(e.additional_attributes__target_user_id)
            then e.additional_attributes__target_user_id
        when translate(lower(e.additional_attributes__target_user_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(e.additional_attributes__target_user_id)
        else e.additional_attributes__target_user_id
    end as varchar) as target_user_id,
    cast(case
        when e.additional_attributes__workspace_id = lower(e.additional_attributes__workspace_id)
            then e.additional_attributes__workspace_id
        when translate(lower(e.additional_attributes__workspace_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(e.additional_attributes__workspace_id)
        else e.additional_attributes__workspace_id
    end as varchar) as workspace_id,
    cast(case
        when e.additional_attributes__model_id = lower(e.additional_attributes__model_id)
            then e.additional_attributes__model_id
        when translate(lower(e.additional_attributes__model_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(e.additional_attributes__model_id)
        else e.additional_attributes__model_id
    end as varchar) as model_id,
    cast(case
        when e.additional_attributes__app_id = lower(e.additional_attributes__app_id)
            then e.additional_attributes__app_id
        when translate(lower(e.additional_attributes__app_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(e.additional_attributes__app_id)
        else e.additional_attributes__app_id
    end as varchar) as app_id,
    cast(case
        when e.additional_attributes__page_id = lower(e.additional_attributes__page_id)
            then e.additional_attributes__page_id
        when translate(lower(e.additional_attributes__page_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(e.additional_attributes__page_id)
        else e.additional_attributes__page_id
    end as varchar) as page_id,
    cast(case
        when e.additional_attributes__integration_id = lower(e.additional_attributes__integration_id)
            then e.additional_attributes__integration_id
        when translate(lower(e.additional_attributes__integration_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(e.additional_attributes__integration_id)
        else e.additional_attributes__integration_id
    end as varchar) as integration_id,
    e.additional_attributes__process_id as process_id,
    e.additional_attributes__action_id as action_id,
    cast(coalesce(e.additional_attributes__role_id, e.additional_attributes__model_role_id) as varchar) as role_id,
    e.session_id,
    cast(lower(e.object_type_id) as varchar) as object_type,
    e.additional_attributes__name as sent_name,
    e.additional_attributes__type as sent_type,
    e.additional_attributes__target_user_name as target_user_name,
    e.additional_attributes__model_accessed as model_name,
    e.additional_attributes__app_name as app_name,
    e.additional_attributes__page_name as page_name,
    e.additional_attributes__integration_name as integration_name,
    e.additional_attributes__process_name as process_name,
    e.additional_attributes__action_name as action_name,
    e.additional_attributes__action_type as action_type,
    cast(coalesce(e.additional_attributes__role_name, e.additional_attributes__model_role_name) as varchar)
        as role_name,
    e.additional_attributes__client_name as client_name,
    e.message,
    e.error_number,
    e.ip_address,
    e.user_agent,
    e.host_name,
    e.service_version,
    e.checksum,
    e.success,
    e.event_day,
    e.event_date as occurred_at,
    e.created_date as recorded_at
from events as e
