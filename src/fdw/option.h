/*-------------------------------------------------------------------------
 *
 * option.h
 *		Options: one table of them all, the validator, and Settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_OPTION_H
#define ADSEXPORT_OPTION_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "foreign/foreign.h"
#include "nodes/pg_list.h"

#include "entity/closest_match.h"
#include "export/settings.h"

/* A setting: may others than superusers make servers with loopback endpoints? */
extern bool allow_loopback;

/*
 * What a foreign table's options and those of its server say, defaults filled
 * in.  No user mapping is looked up: credentials are NULL, and profile_count
 * is -1 unless the table or the server names profiles.  Needs no network and
 * no privilege; fit for planning and EXPLAIN.  Palloc'd in the current memory
 * context.  Raises an error for a table whose options don't fit its server's
 * api (which the validator, seeing one object at a time, cannot know).
 */
extern Settings *settings_load(Oid relation_id);

/*
 * Add the user mapping of user_id (or of PUBLIC).  Raises
 * ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION (28000) with the CREATE USER
 * MAPPING or ALTER USER MAPPING command to run as hint when the mapping or a
 * credential that the api needs is missing.
 */
extern void settings_load_mapping(Settings *settings, Oid user_id);

/*
 * The part of a user mapping that EXPLAIN shows: which profiles are asked.  A
 * mapping that is missing or incomplete is no error here.
 */
/* The mapping that this user has on the server, by itself or as everybody; or InvalidOid. */
extern Oid settings_find_mapping(Oid user_id, Oid server_id);

extern void settings_load_mapping_profiles(Settings *settings, Oid user_id);

/* Like the first half of settings_load, for IMPORT FOREIGN SCHEMA. */
extern Settings *settings_load_server(Oid server_id);

/*
 * Does this option name and value fit a foreign table of that entity?  Used
 * by IMPORT FOREIGN SCHEMA to copy options; raises the validator's errors for
 * a value out of range.  *applies tells if the entity's tables take it.
 * Returns false if no table of any api has such an option.
 */
extern bool
option_for_table(const char *name, const char *value, const Entity *entity, bool *applies);

/* Where an option belongs, as in "a server or a foreign table"; NULL for an unknown one. */
extern const char *option_places(const char *name);

/* Offer the names of all table options for a hint. */
extern void options_offer_for_tables(ClosestMatch *match);

/* The column option json_path of each attribute: an array of desc->natts, NULL where unset. */
extern const char **column_json_paths(Oid relation_id, TupleDesc desc);

#endif /* ADSEXPORT_OPTION_H */
