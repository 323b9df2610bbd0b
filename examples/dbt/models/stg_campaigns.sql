-- A table, not a view: a view would request exports whenever it is read.
select profile_id, campaign_id, ad_product, name, state, portfolio_id, budget_amount, exported_at
from {{ source('ads', 'campaigns') }}
