/*-------------------------------------------------------------------------
 *
 * load.c
 *		What the options of a server, a user mapping and a table add up to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include "access/table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "option/check.h"
#include "option/load.h"

Settings *
settings_load_server(Oid server_id)
{
	ForeignServer *server = GetForeignServer(server_id);
	Settings *settings = option_defaults();

	settings->server_id = server_id;
	settings->server_name = pstrdup(server->servername);
	options_apply(settings, server->options, ON_SERVER);
	return settings;
}

Settings *
settings_load(Oid relation_id)
{
	ForeignTable *table = GetForeignTable(relation_id);
	Settings *settings = settings_load_server(table->serverid);

	settings->relation_id = relation_id;
	settings->table_name = get_rel_name(relation_id);
	options_apply(settings, table->options, ON_TABLE);

	if (settings->entity->api != settings->api)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("foreign table \"%s\" does not fit its server \"%s\"",
							   settings->table_name, settings->server_name),
						errdetail("Entity \"%s\" is of api \"%s\", and the server speaks \"%s\".",
								  settings->entity->name, api_name(settings->entity->api),
								  api_name(settings->api)),
						errhint("Create the table on a server of api \"%s\".",
								api_name(settings->entity->api))));
	return settings;
}

/* The options of a user mapping that this api needs and does not find. */
static List *
missing_credentials(const Settings *settings)
{
	List *missing = NIL;

	for (int i = 0; option_at(i) != NULL; i++)
	{
		const Option *option = option_at(i);

		if (!option->needed || (option->entities & entities_of_api(settings->api)) == 0 ||
			option_string(option, settings) != NULL)
			continue;
		if (option->instead != NULL &&
			option_string(option_by_name(option->instead), settings) != NULL)
			continue;
		missing = lappend(missing, unconstify(char *, option->name));
	}
	return missing;
}

/*
 * The command that adds options to a user mapping; verb is "CREATE" or
 * "ALTER", role the mapping's user, quoted.
 */
static char *
mapping_command(const char *verb, const char *role, const Settings *settings, List *names)
{
	StringInfoData command;
	ListCell *cell;

	initStringInfo(&command);
	appendStringInfo(&command, "%s USER MAPPING FOR %s SERVER %s OPTIONS (", verb, role,
					 quote_identifier(settings->server_name));
	foreach (cell, names)
	{
		appendStringInfo(&command, "%s%s%s '...'", cell == list_head(names) ? "" : ", ",
						 strcmp(verb, "ALTER") == 0 ? "ADD " : "", (char *) lfirst(cell));
	}
	appendStringInfoString(&command, ");");
	return command.data;
}

/*
 * Whoever asks through a view needs no mapping: its owner does, which is a
 * riddle if the owner is a superuser who never meant to query anything.
 */
static void
report_no_mapping(const Settings *settings)
{
	Oid asker = GetOuterUserId();

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("no user mapping for user \"%s\" on server \"%s\"", settings->user_name,
					settings->server_name),
			 settings->user_id != asker
				 ? errdetail("User \"%s\" asks through a view, materialized view or function "
							 "that user \"%s\" owns, with whose user mapping it reads.",
							 GetUserNameFromId(asker, false), settings->user_name)
				 : 0,
			 errhint("Run: %s", mapping_command("CREATE", quote_identifier(settings->user_name),
												settings, missing_credentials(settings)))));
}

static void
report_missing_credentials(const Settings *settings, const char *role, List *missing)
{
	StringInfoData names;
	ListCell *cell;

	initStringInfo(&names);
	foreach (cell, missing)
		append_listed(&names, (char *) lfirst(cell));
	ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
					errmsg("user mapping of user \"%s\" on server \"%s\" lacks credentials: %s",
						   settings->user_name, settings->server_name, names.data),
					errhint("Run: %s", mapping_command("ALTER", role, settings, missing))));
}

/* The validator sees a user mapping without its server, and may have let the other api's pass. */
static void
check_mapping_fits_api(const Settings *settings, const char *role, List *definitions)
{
	StringInfoData changes;
	const char *first = NULL;
	ListCell *cell;

	initStringInfo(&changes);
	foreach (cell, definitions)
	{
		const Option *option = option_by_name(((DefElem *) lfirst(cell))->defname);

		if (option->entities & entities_of_api(settings->api))
			continue;
		if (first == NULL)
			first = option->name;
		append_listed(&changes, psprintf("DROP %s", option->name));
	}
	if (first == NULL)
		return;
	foreach (cell, missing_credentials(settings))
		append_listed(&changes, psprintf("ADD %s '...'", (char *) lfirst(cell)));
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("option \"%s\" of the user mapping of user \"%s\" does not fit api \"%s\"",
					first, settings->user_name, api_name(settings->api)),
			 errhint("Run: ALTER USER MAPPING FOR %s SERVER %s OPTIONS (%s);", role,
					 quote_identifier(settings->server_name), changes.data)));
}

static bool
mapping_exists(Oid user_id, Oid server_id)
{
	return SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(user_id),
								 ObjectIdGetDatum(server_id));
}

Oid
settings_find_mapping(Oid user_id, Oid server_id)
{
	Oid own = GetSysCacheOid2(USERMAPPINGUSERSERVER, Anum_pg_user_mapping_oid,
							  ObjectIdGetDatum(user_id), ObjectIdGetDatum(server_id));

	return OidIsValid(own) || !OidIsValid(user_id) ? own
												   : settings_find_mapping(InvalidOid, server_id);
}

/* Profiles that stand on the table win over the user mapping's. */
static bool
table_names_profiles(const Settings *settings)
{
	return OidIsValid(settings->relation_id) &&
		   is_given(GetForeignTable(settings->relation_id)->options, "profile_ids");
}

void
settings_load_mapping(Settings *settings, Oid user_id)
{
	bool own = mapping_exists(user_id, settings->server_id);
	char **profile_ids = settings->profile_ids;
	int profile_count = settings->profile_count;
	UserMapping *mapping;
	List *missing;

	settings->user_id = user_id;
	settings->user_name = GetUserNameFromId(user_id, false);
	if (!own && !mapping_exists(InvalidOid, settings->server_id))
		report_no_mapping(settings);

	mapping = GetUserMapping(user_id, settings->server_id);
	settings->mapping_id = mapping->umid;
	options_apply(settings, mapping->options, ON_MAPPING);
	check_mapping_fits_api(settings, own ? quote_identifier(settings->user_name) : "PUBLIC",
						   mapping->options);
	if (table_names_profiles(settings))
	{
		settings->profile_ids = profile_ids;
		settings->profile_count = profile_count;
	}

	missing = missing_credentials(settings);
	if (missing != NIL)
		report_missing_credentials(settings, own ? quote_identifier(settings->user_name) : "PUBLIC",
								   missing);
}

void
settings_load_mapping_profiles(Settings *settings, Oid user_id)
{
	const DefElem *definition;

	if (settings->api != API_AMAZON_ADS || table_names_profiles(settings))
		return;
	if (!mapping_exists(user_id, settings->server_id) &&
		!mapping_exists(InvalidOid, settings->server_id))
		return;
	definition =
		find_definition(GetUserMapping(user_id, settings->server_id)->options, "profile_ids");
	if (definition != NULL)
		option_parse(option_by_name("profile_ids"), defGetString((DefElem *) definition), settings);
}

const char **
column_json_paths(Oid relation_id, TupleDesc desc)
{
	const char **paths = palloc0(sizeof(char *) * Max(desc->natts, 1));

	for (int i = 0; i < desc->natts; i++)
	{
		const DefElem *definition;

		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		definition = find_definition(GetForeignColumnOptions(relation_id, i + 1), "json_path");
		if (definition != NULL)
			paths[i] = defGetString((DefElem *) definition);
	}
	return paths;
}
