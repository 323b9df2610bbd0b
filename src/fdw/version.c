/*-------------------------------------------------------------------------
 *
 * version.c
 *		The version of this library, and that of the extension's SQL objects.
 *
 * Installing files replaces the library for all databases; the objects follow
 * in each with ALTER EXTENSION. In between, and in a session that loaded the
 * library before, the two differ. That is not an error, since what both have
 * works. But if one of them lacks something, the user should learn why.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "compat.h"
#include "fdw/version.h"

/* Given by the Makefile, which takes it from adsexport_fdw.control. */
#ifndef ADSEXPORT_VERSION
#error "ADSEXPORT_VERSION is not defined"
#endif

#define EXTENSION_NAME "adsexport_fdw"

SQL_FUNCTION(adsexport_fdw_version);

/* Of the library, which may differ from that of the extension's objects. */
Datum
adsexport_fdw_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(ADSEXPORT_VERSION));
}

/* The version of the extension's objects in this database, or NULL if it is not created. */
static char *
version_of_objects(void)
{
	Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
	char *version = NULL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(EXTENSION_NAME));
	scan = systable_beginscan(extensions, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool is_null;
		Datum value = heap_getattr(tuple, Anum_pg_extension_extversion,
								   RelationGetDescr(extensions), &is_null);

		if (!is_null)
			version = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(extensions, AccessShareLock);
	return version;
}

/*
 * By the first two numbers: the third counts releases that do not change the
 * objects.
 */
static int
compare_versions(const char *a, const char *b)
{
	for (int number = 0; number < 2; number++)
	{
		char *end_of_a;
		char *end_of_b;
		long difference = strtol(a, &end_of_a, 10) - strtol(b, &end_of_b, 10);

		if (difference != 0)
			return difference < 0 ? -1 : 1;
		a = *end_of_a == '.' ? end_of_a + 1 : end_of_a;
		b = *end_of_b == '.' ? end_of_b + 1 : end_of_b;
	}
	return 0;
}

void
warn_of_other_version(void)
{
	static bool has_looked = false;
	char *objects;
	int difference;

	if (has_looked)
		return;
	objects = version_of_objects();
	has_looked = true;
	difference = objects == NULL ? 0 : compare_versions(ADSEXPORT_VERSION, objects);
	if (difference > 0)
		ereport(WARNING,
				(errmsg("extension \"%s\" has version %s in this database, but its library has "
						"version %s",
						EXTENSION_NAME, objects, ADSEXPORT_VERSION),
				 errhint("Run ALTER EXTENSION %s UPDATE.", EXTENSION_NAME)));
	else if (difference < 0)
		ereport(WARNING,
				(errmsg("extension \"%s\" has version %s in this database, but its library has "
						"version %s",
						EXTENSION_NAME, objects, ADSEXPORT_VERSION),
				 errhint("A session that began before the update keeps the library that it has "
						 "loaded: reconnect. If a new session says the same, install version %s "
						 "of the library.",
						 objects)));
}
