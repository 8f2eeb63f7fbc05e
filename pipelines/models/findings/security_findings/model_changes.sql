-- Changes of roles, access drivers or formulas that somebody made by hand in production, and deletions of many list
-- items. One finding per rule, model, list, user and day.
-- inputs: fct_model_history, finding_rules
with

changes as (
    select
        case
            when object_kind in ('role', 'user_role', 'access_driver') then 'model_access_changed'
            when object_kind in ('formula', 'line_item') then 'formula_changed'
            else 'list_items_deleted'
        end as rule,
        -- Deletions are counted list by list.
        case when object_kind = 'list_item' then coalesce(module_or_list, '') else '' end as place,
        model_id, model_name, change_day, user_id, user_name, target_user_id, target_user_name, history_row_id,
        object_count, changed_at
    from fct_model_history
    where object_kind = 'list_item' and change_kind = 'deleted'
        or is_production and import_name is null and object_kind in ('role', 'user_role', 'access_driver')
        or is_production and import_name is null and object_kind in ('formula', 'line_item')
        and change_kind = 'changed' and coalesce(previous_value, '') <> coalesce(new_value, '')
),

numbered as (
    select
        rule, place, model_id, model_name, change_day, user_id, user_name, target_user_id, target_user_name,
        history_row_id, object_count, changed_at, coalesce(user_id, user_name, '') as who,
        row_number() over (
            partition by rule, place, model_id, change_day, coalesce(user_id, user_name, '')
            order by changed_at, history_row_id
        ) as number
    from changes
),

counted as (
    select
        rule, place, model_id, change_day, who,
        coalesce(max(model_name), model_id) as model,
        max(user_id) as user_id,
        max(user_name) as user_name,
        -- A finding about several target users names none.
        case when min(target_user_id) = max(target_user_id) then max(target_user_id) end as target_user_id,
        case when min(target_user_name) = max(target_user_name) then max(target_user_name) end as target_user_name,
        string_agg(case when number <= 20 then history_row_id end, ',' order by history_row_id nulls first) as row_ids,
        sum(object_count) as objects,
        min(changed_at) as started_at,
        max(changed_at) as ended_at
    from numbered
    group by rule, place, model_id, change_day, who
)

select
    cast(concat(
        r.rule, ':', c.model_id, ':', cast(c.change_day as varchar), ':', c.who,
        case when c.place = '' then '' else ':' end, c.place
    ) as varchar) as finding_id,
    r.rule,
    r.severity,
    cast(concat(
        cast(c.objects as varchar),
        case c.rule
            when 'model_access_changed' then ' changes of roles or access drivers'
            when 'formula_changed' then ' changes of formulas or line items'
            else ' list items deleted'
        end,
        case when c.place = '' then '' else concat(' from ', c.place) end,
        ' by ', coalesce(c.user_name, c.user_id, 'nobody known'),
        case when c.rule = 'list_items_deleted' then ' in ' else ' in production: ' end, c.model
    ) as varchar) as finding,
    cast(c.user_id as varchar) as user_id,
    cast(c.user_name as varchar) as user_name,
    cast(coalesce(c.user_name, c.user_id) as varchar) as user_label,
    cast(c.target_user_id as varchar) as target_user_id,
    cast(c.target_user_name as varchar) as target_user_name,
    cast(coalesce(c.target_user_name, c.target_user_id) as varchar) as target_user_label,
    cast(c.row_ids as varchar) as evidence_event_ids,
    cast(c.objects as bigint) as evidence_count,
    cast(c.started_at as timestamptz) as started_at,
    cast(c.ended_at as timestamptz) as ended_at
from counted as c
inner join finding_rules as r on c.rule = r.rule and c.objects >= r.threshold
