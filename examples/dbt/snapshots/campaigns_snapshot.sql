{% snapshot campaigns_snapshot %}
{{ config(target_schema='analytics', unique_key="profile_id || ' ' || campaign_id", strategy='timestamp', updated_at='last_updated_date_time') }}
select * from {{ source('ads', 'campaigns') }}
{% endsnapshot %}
