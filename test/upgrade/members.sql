-- All that the extension is made of: the same after an update as when new.
\pset format unaligned
\pset tuples_only on
SELECT pg_describe_object(classid, objid, 0) AS member, obj_description(objid, classid::regclass::name),
	(SELECT pg_get_functiondef(objid) || coalesce(proacl::text, '') FROM pg_proc WHERE oid = objid AND classid = 'pg_proc'::regclass)
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'adsexport_fdw')
ORDER BY pg_describe_object(classid, objid, 0) COLLATE "C";
