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
#include "option/restore.h"

ForeignOptions *
foreign_options_load_server(Oid server_id)
{
	ForeignServer *server = GetForeignServer(server_id);
	ForeignOptions *options = option_defaults();

	options->server_id = server_id;
	options->server_name = pstrdup(server->servername);
	options_apply(options, server->options, ON_SERVER);
	return options;
}

ForeignOptions *
foreign_options_load(Oid relation_id)
{
	ForeignTable *table = GetForeignTable(relation_id);
	ForeignOptions *options = foreign_options_load_server(table->serverid);

	options->relation_id = relation_id;
	options->table_name = get_rel_name(relation_id);
	options_apply(options, table->options, ON_TABLE);

	if (options->entity->api != options->api)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("foreign table \"%s\" does not fit its server \"%s\"", options->table_name,
						options->server_name),
				 errdetail("Entity \"%s\" belongs to api \"%s\", but the server's api is \"%s\".",
						   options->entity->name, api_names[options->entity->api],
						   api_names[options->api]),
				 errhint("Create the table on a server of api \"%s\".",
						 api_names[options->entity->api])));
	return options;
}

/* The options of a user mapping that this api needs and that are not there. */
static List *
missing_credentials(const ForeignOptions *options)
{
	List *missing = NIL;

	for (int i = 0; option_at(i) != NULL; i++)
	{
		const Option *option = option_at(i);

		if (!option->needed || !option_fits_api(option, options->api) ||
			option_string(option, options) != NULL)
			continue;
		if (option->instead != NULL &&
			option_string(option_by_name(option->instead), options) != NULL)
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
mapping_command(const char *verb, const char *role, const ForeignOptions *options, List *names)
{
	StringInfoData command;
	ListCell *cell;

	initStringInfo(&command);
	appendStringInfo(&command, "%s USER MAPPING FOR %s SERVER %s OPTIONS (", verb, role,
					 quote_identifier(options->server_name));
	foreach (cell, names)
	{
		appendStringInfo(&command, "%s%s%s '...'", cell == list_head(names) ? "" : ", ",
						 strcmp(verb, "ALTER") == 0 ? "ADD " : "", (char *) lfirst(cell));
	}
	appendStringInfoString(&command, ");");
	return command.data;
}

/*
 * A user who reads through a view needs no mapping: the view's owner does,
 * which is puzzling if the owner is a superuser who never meant to query
 * anything.
 */
static char *
owner_hint(const ForeignOptions *options, const char *command)
{
	Oid asker = GetOuterUserId();
	bool refresh = is_refresh();
	/* The best owner is one who has a user mapping already. */
	const char *owner = OidIsValid(foreign_options_find_mapping(asker, options->server_id))
							? quote_identifier(GetUserNameFromId(asker, false))
							: "...";

	return psprintf("Let a user who has a user mapping own it (ALTER %s ... OWNER TO %s), or run: "
					"%s%s",
					refresh ? "MATERIALIZED VIEW" : "VIEW", owner, command,
					refresh ? "" : COMPAT_SECURITY_INVOKER_HINT);
}

static void
report_no_mapping(const ForeignOptions *options)
{
	Oid asker = GetOuterUserId();
	bool through_view = options->user_id != asker;
	char *command = mapping_command("CREATE", quote_identifier(options->user_name), options,
									missing_credentials(options));

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("no user mapping for user \"%s\" on server \"%s\"", options->user_name,
					options->server_name),
			 through_view ? errdetail("User \"%s\" reads through a view, materialized view or "
									  "function that user \"%s\" owns, and so uses that user's "
									  "mapping.",
									  GetUserNameFromId(asker, false), options->user_name)
						  : 0,
			 errhint("%s", with_restore_hint(through_view ? owner_hint(options, command)
														  : psprintf("Run: %s", command)))));
}

static void
report_missing_credentials(const ForeignOptions *options, const char *role, List *missing)
{
	StringInfoData names;
	ListCell *cell;

	initStringInfo(&names);
	foreach (cell, missing)
		append_listed(&names, (char *) lfirst(cell));
	ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
					errmsg("user mapping of user \"%s\" on server \"%s\" lacks credentials: %s",
						   options->user_name, options->server_name, names.data),
					errhint("Run: %s", mapping_command("ALTER", role, options, missing))));
}

/*
 * The validator sees a user mapping without its server, and may have accepted
 * another api's options.
 */
static void
check_mapping_fits_api(const ForeignOptions *options, const char *role, List *definitions)
{
	StringInfoData changes;
	const char *first = NULL;
	ListCell *cell;

	initStringInfo(&changes);
	foreach (cell, definitions)
	{
		const Option *option = option_by_name(((DefElem *) lfirst(cell))->defname);

		if (option_fits_api(option, options->api))
			continue;
		if (first == NULL)
			first = option->name;
		append_listed(&changes, psprintf("DROP %s", option->name));
	}
	if (first == NULL)
		return;
	foreach (cell, missing_credentials(options))
		append_listed(&changes, psprintf("ADD %s '...'", (char *) lfirst(cell)));
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("option \"%s\" of the user mapping of user \"%s\" does not fit api \"%s\"",
					first, options->user_name, api_names[options->api]),
			 errhint("Run: ALTER USER MAPPING FOR %s SERVER %s OPTIONS (%s);", role,
					 quote_identifier(options->server_name), changes.data)));
}

static bool
mapping_exists(Oid user_id, Oid server_id)
{
	return SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(user_id),
								 ObjectIdGetDatum(server_id));
}

Oid
foreign_options_find_mapping(Oid user_id, Oid server_id)
{
	Oid own = GetSysCacheOid2(USERMAPPINGUSERSERVER, Anum_pg_user_mapping_oid,
							  ObjectIdGetDatum(user_id), ObjectIdGetDatum(server_id));

	return OidIsValid(own) || !OidIsValid(user_id)
			   ? own
			   : foreign_options_find_mapping(InvalidOid, server_id);
}

/* Profiles named by the table take precedence over the user mapping's. */
static bool
table_names_profiles(const ForeignOptions *options)
{
	return OidIsValid(options->relation_id) &&
		   is_given(GetForeignTable(options->relation_id)->options, "profile_ids");
}

void
foreign_options_load_mapping(ForeignOptions *options, Oid user_id)
{
	bool own = mapping_exists(user_id, options->server_id);
	char **profile_ids = options->profile_ids;
	int profile_count = options->profile_count;
	UserMapping *mapping;
	List *missing;

	options->user_id = user_id;
	options->user_name = GetUserNameFromId(user_id, false);
	if (!own && !mapping_exists(InvalidOid, options->server_id))
		report_no_mapping(options);

	mapping = GetUserMapping(user_id, options->server_id);
	options->mapping_id = mapping->umid;
	options_apply(options, mapping->options, ON_MAPPING);
	check_mapping_fits_api(options, own ? quote_identifier(options->user_name) : "PUBLIC",
						   mapping->options);
	if (table_names_profiles(options))
	{
		options->profile_ids = profile_ids;
		options->profile_count = profile_count;
	}

	missing = missing_credentials(options);
	if (missing != NIL)
		report_missing_credentials(options, own ? quote_identifier(options->user_name) : "PUBLIC",
								   missing);
}

void
foreign_options_load_mapping_profiles(ForeignOptions *options, Oid user_id)
{
	const Option *option = option_by_name("profile_ids");
	const DefElem *definition;

	if (!option_fits_api(option, options->api) || table_names_profiles(options))
		return;
	if (!mapping_exists(user_id, options->server_id) &&
		!mapping_exists(InvalidOid, options->server_id))
		return;
	definition =
		find_definition(GetUserMapping(user_id, options->server_id)->options, option->name);
	if (definition != NULL)
		option_parse(option, defGetString((DefElem *) definition), options);
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
