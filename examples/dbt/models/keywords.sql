select t.profile_id, c.name as campaign, t.keyword, t.match_type, t.bid
from {{ source('ads', 'targets') }} t
join {{ ref('stg_campaigns') }} c using (profile_id, campaign_id)
where t.target_type = 'KEYWORD' and not t.negative and t.state = 'ENABLED'
