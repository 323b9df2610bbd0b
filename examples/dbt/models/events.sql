{{ config(materialized='incremental', unique_key='uuid') }}
select uuid, server_upload_time, event_time, event_type, user_id, event_properties
from {{ source('ads', 'amplitude_events') }}
where server_upload_time < adsexport_complete_until()
{% if is_incremental() %}
  and server_upload_time >= (select max(server_upload_time) from {{ this }}) - interval '6 hours'
{% else %}
  and server_upload_time >= now() - interval '7 days'
{% endif %}
