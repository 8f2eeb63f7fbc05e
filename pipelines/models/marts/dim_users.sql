-- grain: one row per version of a user, and one per user that events name but the directory never listed
-- key: user_id, version
-- inputs: users, user_logins, events, event_types, models, workspaces
with

listed as (
    select
        cast(case when lower(id) like 'internal%' then upper(id) else case
            when translate(lower(id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(id)
            else id
        end end as varchar) as user_id,
        first_name,
        last_name,
        nullif(trim(concat(coalesce(first_name, ''), ' ', coalesce(last_name, ''))), '') as full_name,
        email,
        customer_id,
        active,
        _dlt_valid_from as valid_from,
        _dlt_valid_to as valid_to,
        row_number() over (
            partition by case
                when translate(lower(id), '123456789abcdef', '000000000000000')
                    = '00000000000000000000000000000000'
                    then lower(id)
                else id
            end, _dlt_valid_from
            order by case when _dlt_valid_to is null then 0 else 1 end, _dlt_valid_to desc, row_version
        ) as pick
    from users
),

versions as (
    select
        user_id,
        first_name,
        last_name,
        coalesce(full_name, email) as user_name,
        email,
        customer_id,
        active,
        valid_from,
        valid_to,
        row_number() over (partition by user_id order by valid_from) as version,
        row_number() over (partition by user_id order by valid_from desc) as newest
    from listed
    where pick = 1
),

logins as (
    select
        case
            when translate(lower(id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(id)
            else id
        end as login_id,
        max(last_login_date) as last_login_at
    from user_logins
    group by case
        when translate(lower(id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(id)
        else id
    end
),

-- Everyone whom events name: who did it, on whom, and the object where the object is a user.
sent_ids as (
    select user_id as id from events
    union
    select additional_attributes__target_user_id as id from events
    union
    select coalesce(events.object_id, events.additional_attributes__object_id) as id
    from events
    inner join event_types
        on events.event_type_code = event_types.event_type_code
        and event_types.object_kind = 'user'
        -- The object of an encryption event can be a key or a domain too.
        and (
            event_types.category <> 'encryption'
            or length(coalesce(events.object_id, events.additional_attributes__object_id)) = 32
        )
),

named as (
    select distinct
        case
            when lower(id) like 'internal%' then upper(id)
            when translate(lower(id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(id)
            else id
        end as user_id
    from sent_ids
    where id is not null
),

known_things as (
    select case
        when translate(lower(id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(id)
        else id
    end as id from models
    union
    select case
        when translate(lower(id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(id)
        else id
    end as id from workspaces
),

unlisted as (
    select distinct named.user_id
    from named
    left join versions on named.user_id = versions.user_id
    left join known_things on named.user_id = known_things.id
    where versions.user_id is null and known_things.id is null
),

-- What events call those who are in no list: often it is the e-mail address.
called as (
    select
        case
            when translate(lower(additional_attributes__target_user_id), '123456789abcdef', '000000000000000')
                = '00000000000000000000000000000000'
                then lower(additional_attributes__target_user_id)
            else additional_attributes__target_user_id
        end as called_id,
        max(additional_attributes__target_user_name) as called
    from events
    where additional_attributes__target_user_name is not null
    group by case
        when translate(lower(additional_attributes__target_user_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(additional_attributes__target_user_id)
        else additional_attributes__target_user_id
    end
),

people as (
    select
        user_id, version, user_name, first_name, last_name, email, customer_id, active,
        newest = 1 as is_current,
        newest = 1 and valid_to is not null as is_removed,
        true as is_listed,
        valid_from, valid_to
    from versions
    union all
    select
        unlisted.user_id, 1 as version, called.called as user_name, cast(null as varchar) as first_name,
        cast(null as varchar) as last_name, case when called.called like '%@%' then called.called end as email,
        cast(null as varchar) as customer_id,
        cast(null as boolean) as active,
        true as is_current, false as is_removed, false as is_listed,
        cast(null as timestamptz) as valid_from, cast(null as timestamptz) as valid_to
    from unlisted
    left join called on unlisted.user_id = called.called_id
)

select
    cast(people.user_id as varchar) as user_id,
    cast(people.version as bigint) as version,
    cast(people.user_name as varchar) as user_name,
    cast(people.first_name as varchar) as first_name,
    cast(people.last_name as varchar) as last_name,
    cast(people.email as varchar) as email,
    cast(case
        when people.user_id like 'INTERNAL%' then 'system'
        when people.is_listed then 'person'
        else 'unknown'
    end as varchar) as kind,
    cast(people.customer_id as varchar) as tenant_id,
    cast(people.active as boolean) as is_active,
    cast(people.is_current as boolean) as is_current,
    cast(people.is_removed as boolean) as is_removed,
    cast(logins.last_login_at as timestamptz) as last_login_at,
    cast(people.valid_from as timestamptz) as valid_from,
    cast(people.valid_to as timestamptz) as valid_to
from people
left join logins on people.user_id = logins.login_id
