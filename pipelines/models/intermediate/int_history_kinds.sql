-- The kind of change and the kind of object of each description. Only distinct descriptions are compared with the
-- rules.
-- grain: one row per description, with each digit as 0, that matches a rule
-- key: description_shape
-- inputs: stg_model_history, history_change_rules
with

shapes as (
    select distinct description_shape
    from stg_model_history
    where description_shape is not null
),

matches as (
    select
        shapes.description_shape,
        rules.change_kind,
        rules.object_kind,
        row_number() over (partition by shapes.description_shape order by rules.priority) as match_rank
    from shapes
    inner join history_change_rules as rules on shapes.description_shape like rules.pattern
)

select
    description_shape,
    change_kind,
    object_kind
from matches
where match_rank = 1
