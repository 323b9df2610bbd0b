-- A notice each second says what the statement is waiting for (the default is every 10 s).
SET adsexport_fdw.progress_interval = '1s';

SELECT * FROM report LIMIT 3;

-- What did which campaign cost, and what is it?  The report joined with the
-- campaigns as they are now.
SELECT c.name, c.state, c.budget_amount, sum(r.clicks) AS clicks, sum(r.cost) AS cost
FROM report r
JOIN ads.campaigns c USING (profile_id, campaign_id)
WHERE c.ad_product = 'SPONSORED_PRODUCTS'
GROUP BY c.name, c.state, c.budget_amount
ORDER BY cost DESC
LIMIT 10;

-- Which keywords are on, and for how much?  Three exports, requested together.
SELECT c.name AS campaign, g.name AS ad_group, t.keyword, t.match_type,
       coalesce(t.bid, g.default_bid) AS bid
FROM ads.targets t
JOIN ads.ad_groups g USING (profile_id, ad_group_id)
JOIN ads.campaigns c ON (c.profile_id, c.campaign_id) = (g.profile_id, g.campaign_id)
WHERE t.target_type = 'KEYWORD' AND NOT t.negative
  AND t.state = 'ENABLED' AND g.state = 'ENABLED' AND c.state = 'ENABLED'
ORDER BY bid DESC NULLS LAST, campaign, ad_group, keyword
LIMIT 10;

-- How does the join run?  WHERE goes into the request ("Export Filter"), and
-- ANALYZE tells what was asked and what came.
SELECT adsexport_forget();
EXPLAIN (ANALYZE, COSTS off)
SELECT c.name, sum(r.cost) AS cost
FROM report r
JOIN ads.campaigns c USING (profile_id, campaign_id)
WHERE c.ad_product = 'SPONSORED_PRODUCTS' AND c.state = 'ENABLED'
GROUP BY c.name;

-- Amplitude: what happened in a day?  The range of server_upload_time is the
-- range of hours that is requested.
SELECT event_type, count(*) AS events, count(DISTINCT user_id) AS users
FROM ads.amplitude_events
WHERE server_upload_time >= adsexport_complete_until() - interval '1 day'
  AND server_upload_time < adsexport_complete_until()
GROUP BY event_type
ORDER BY events DESC, event_type
LIMIT 10;

-- An incremental copy of the events: from the newest one that is there up to
-- the last hour that Amplitude has all of.
CREATE TABLE events (
    uuid uuid PRIMARY KEY,
    server_upload_time timestamptz NOT NULL,
    event_time timestamptz,
    event_type text,
    user_id text,
    event_properties jsonb
);
INSERT INTO events
SELECT uuid, server_upload_time, event_time, event_type, user_id, event_properties
FROM ads.amplitude_events
WHERE server_upload_time >= coalesce((SELECT max(server_upload_time) FROM events),
                                     adsexport_complete_until() - interval '2 days')
  AND server_upload_time < adsexport_complete_until()
ON CONFLICT (uuid) DO NOTHING;

-- The same again reads one hour, of which all is there already.
INSERT INTO events
SELECT uuid, server_upload_time, event_time, event_type, user_id, event_properties
FROM ads.amplitude_events
WHERE server_upload_time >= coalesce((SELECT max(server_upload_time) FROM events),
                                     adsexport_complete_until() - interval '2 days')
  AND server_upload_time < adsexport_complete_until()
ON CONFLICT (uuid) DO NOTHING;
SELECT count(*), min(server_upload_time), max(server_upload_time) FROM events;

-- What this session asked of Amazon since adsexport_forget().
SELECT entity, profile_id, status, polls, bytes_downloaded, records, request
FROM adsexport_exports()
ORDER BY requested_at, entity, profile_id;
