-- The client of each user agent. Only distinct user agents are compared with the patterns.
-- grain: one row per user agent that matches a pattern
-- key: user_agent
-- inputs: stg_events, clients
with

agents as (
    select distinct user_agent
    from stg_events
    where user_agent is not null
),

matches as (
    select
        agents.user_agent,
        clients.client,
        row_number() over (partition by agents.user_agent order by clients.priority) as match_rank
    from agents
    inner join clients on lower(agents.user_agent) like clients.pattern
)

select
    user_agent,
    client
from matches
where match_rank = 1
