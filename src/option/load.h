/*-------------------------------------------------------------------------
 *
 * load.h
 *		What the options of a server, a user mapping and a table add up to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_LOAD_H
#define ADSEXPORT_LOAD_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "foreign/foreign.h"
#include "nodes/pg_list.h"

#include "option/foreign_options.h"

/*
 * What a foreign table's options and those of its server say, defaults filled
 * in.  No user mapping is looked up: credentials are NULL, and profile_count
 * is -1 unless the table or the server names profiles.  Needs no network and
 * no privilege, so it can be used for planning and EXPLAIN.  Palloc'd in the
 * current memory context.  Raises an error for a table whose options do not
 * fit its server's api (which the validator, seeing one object at a time,
 * cannot know).
 */
extern ForeignOptions *foreign_options_load(Oid relation_id);

/*
 * Add the user mapping of user_id (or of PUBLIC).  Raises
 * ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION (28000) with the CREATE USER
 * MAPPING or ALTER USER MAPPING command to run as hint when the mapping or a
 * credential that the api needs is missing.
 */
extern void foreign_options_load_mapping(ForeignOptions *options, Oid user_id);

/*
 * The part of a user mapping that EXPLAIN shows: which profiles are read. A
 * missing or incomplete mapping is not an error here.
 */
/*
 * The mapping that applies to this user on the server, the user's own or
 * PUBLIC's; or InvalidOid.
 */
extern Oid foreign_options_find_mapping(Oid user_id, Oid server_id);

extern void foreign_options_load_mapping_profiles(ForeignOptions *options, Oid user_id);

/* Like the first half of foreign_options_load, for IMPORT FOREIGN SCHEMA. */
extern ForeignOptions *foreign_options_load_server(Oid server_id);

/* The column option json_path of each attribute: an array of desc->natts, NULL where unset. */
extern const char **column_json_paths(Oid relation_id, TupleDesc desc);

#endif /* ADSEXPORT_LOAD_H */
