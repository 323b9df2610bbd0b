/*-------------------------------------------------------------------------
 *
 * check.c
 *		Do the options of an object go together?
 *
 * The validator and the loading of options go through the same code: both
 * parse every option into a ForeignOptions.  The validator then discards it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include "commands/defrem.h"
#include "foreign/foreign.h"

#include "entity/closest_match.h"
#include "option/check.h"

static void
report_misplaced(const Option *option, unsigned object)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("option \"%s\" cannot be set on %s", option->name, object_with_article(object)),
			 errhint("It belongs on %s.", places_of_option(option))));
}

static void
report_unknown(const char *name, unsigned object)
{
	ClosestMatch match;
	const char *closest;
	StringInfoData valid;

	initStringInfo(&valid);
	closest_match_init(&match, name);
	for (int i = 0; option_at(i) != NULL; i++)
	{
		const Option *option = option_at(i);

		if ((option->objects & object) == 0)
			continue;
		closest_match_offer(&match, option->name);
		append_listed(&valid, option->name);
	}
	closest = closest_match_get(&match);

	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("invalid option \"%s\"", name),
			 closest != NULL ? errhint("Perhaps you meant the option \"%s\".", closest)
			 : valid.len > 0
				 ? errhint("The options of %s are: %s.", object_with_article(object), valid.data)
				 : errhint("No options can be set on %s.", object_with_article(object))));
}

/* The option of this name, which must fit the object. */
static const Option *
option_on_object(const char *name, unsigned object)
{
	const Option *option = option_by_name(name);

	if (option == NULL)
		report_unknown(name, object);
	if ((option->objects & object) == 0)
		report_misplaced(option, object);
	return option;
}

const DefElem *
find_definition(List *definitions, const char *name)
{
	ListCell *cell;

	foreach (cell, definitions)
	{
		DefElem *definition = (DefElem *) lfirst(cell);

		if (strcmp(definition->defname, name) == 0)
			return definition;
	}
	return NULL;
}

bool
is_given(List *definitions, const char *name)
{
	return find_definition(definitions, name) != NULL;
}

static void
require_option(List *definitions, const char *name, unsigned object, const char *hint)
{
	if (!is_given(definitions, name))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"%s\" is required on %s", name, object_with_article(object)),
				 errhint("%s", hint)));
}

static void
require_server_options(List *definitions)
{
	StringInfoData apis;

	initStringInfo(&apis);
	for (int i = 0; i < API_COUNT; i++)
		appendStringInfo(&apis, "%s\"%s\"", i > 0 ? " or " : "", api_names[i]);
	require_option(definitions, "api", ON_SERVER,
				   psprintf("Add the option api with the value %s.", apis.data));
}

static void
require_table_options(List *definitions)
{
	require_option(definitions, "entity", ON_TABLE,
				   "Add the option entity with the name of a remote table, such as \"campaigns\".");
}

/* Options must be for the server's api. */
static void
check_options_fit_api(List *definitions, ApiKind api)
{
	ListCell *cell;

	foreach (cell, definitions)
	{
		const Option *option = option_by_name(((DefElem *) lfirst(cell))->defname);

		if (!option_fits_api(option, api))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("option \"%s\" does not fit api \"%s\"", option->name, api_names[api]),
					 errdetail("It is for servers of api \"%s\".", api_name_of_option(option)),
					 errhint("Leave it out, or create a server of that api.")));
	}
}

/* Options must be for the remote table that the foreign table shows. */
static void
check_options_fit_entity(List *definitions, const Entity *entity)
{
	ListCell *cell;

	foreach (cell, definitions)
	{
		const Option *option = option_by_name(((DefElem *) lfirst(cell))->defname);
		StringInfoData fitting;

		if (option->entities & bit_of_entity(entity))
			continue;
		initStringInfo(&fitting);
		for (int i = 0; i < entity_count; i++)
		{
			if (option->entities & bit_of_entity(entities[i]))
				append_listed(&fitting, entities[i]->name);
		}
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("option \"%s\" does not fit entity \"%s\"", option->name, entity->name),
				 errdetail("It is for: %s.", fitting.data)));
	}
}

/* A user mapping's options must all be for the same api, whichever that of its server is. */
static void
check_options_fit_each_other(List *definitions)
{
	const Option *first = NULL;
	ListCell *cell;

	foreach (cell, definitions)
	{
		const Option *option = option_by_name(((DefElem *) lfirst(cell))->defname);

		if (first == NULL)
			first = option;
		else if ((first->entities & option->entities) == 0)
			ereport(
				ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("options \"%s\" and \"%s\" exclude each other", first->name, option->name),
				 errdetail("The first is for servers of api \"%s\", the second for \"%s\".",
						   api_name_of_option(first), api_name_of_option(option))));
	}
}

static void
check_mapping_options(List *definitions)
{
	check_options_fit_each_other(definitions);
	if (is_given(definitions, "proxy_password"))
		require_option(definitions, "proxy_user", ON_MAPPING,
					   "A password for the proxy goes with a user.");
	if (is_given(definitions, "access_token") && is_given(definitions, "refresh_token"))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("options \"access_token\" and \"refresh_token\" exclude each other"),
				 errdetail("An access token is used as it is until it expires; a refresh token is "
						   "used to obtain access tokens."),
				 errhint("Give one of them only: an ALTER USER MAPPING can DROP one and ADD the "
						 "other.")));
}

/*
 * If only one of the two poll intervals was set, the other follows, so that
 * neither can be set to a value that the other's default forbids.
 */
static void
resolve_poll_intervals(ForeignOptions *options, List *definitions)
{
	bool first = is_given(definitions, "poll_interval");
	bool last = is_given(definitions, "poll_interval_max");

	if (options->poll_interval <= options->poll_interval_max)
		return;
	if (first && last)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("option \"poll_interval\" exceeds \"poll_interval_max\""),
						errdetail("The interval starts at %s and cannot be limited to %s.",
								  format_duration(options->poll_interval),
								  format_duration(options->poll_interval_max))));
	if (first)
		options->poll_interval_max = options->poll_interval;
	else
		options->poll_interval = options->poll_interval_max;
}

static void
apply_defaults_of_api(ForeignOptions *options, List *definitions)
{
	const Option *option;

	for (int i = 0; (option = option_at(i)) != NULL; i++)
	{
		if (!is_given(definitions, option->name))
			option_default_of_api(option, options);
	}
}

void
options_apply(ForeignOptions *options, List *definitions, unsigned object)
{
	ListCell *cell;

	/* Names first: if one is wrong, its value does not matter. */
	foreach (cell, definitions)
		option_on_object(((DefElem *) lfirst(cell))->defname, object);
	foreach (cell, definitions)
	{
		DefElem *definition = (DefElem *) lfirst(cell);

		option_parse(option_by_name(definition->defname), defGetString(definition), options);
	}

	switch (object)
	{
		case ON_SERVER:
			require_server_options(definitions);
			check_options_fit_api(definitions, options->api);
			apply_defaults_of_api(options, definitions);
			option_resolve_region(options);
			resolve_poll_intervals(options, definitions);
			break;
		case ON_TABLE:
			require_table_options(definitions);
			check_options_fit_entity(definitions, options->entity);
			break;
		case ON_MAPPING:
			check_mapping_options(definitions);
			break;
	}
}
