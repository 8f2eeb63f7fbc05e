-- Names that events give the users on whom they were carried out. Often it is the e-mail address.
-- grain: one row per user
-- key: user_id
-- inputs: stg_events
select
    target_user_id as user_id,
    cast(max(target_user_name) as varchar) as user_name
from stg_events
where target_user_name is not null
group by target_user_id
