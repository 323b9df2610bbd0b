/*-------------------------------------------------------------------------
 *
 * validator.c
 *		The validator, and what IMPORT FOREIGN SCHEMA needs to know about
 *		options.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include "access/reloptions.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "guc.h"
#include "miscadmin.h"

#include "net/url.h"
#include "option/check.h"
#include "option/validator.h"

/*
 * Not every owner of a foreign server should have access to the files and
 * hosts that the server's machine can reach.  As the validator sees only the
 * resulting list, a server that has such an option can be altered by
 * superusers only.
 */
static void
check_superuser_options(List *definitions)
{
	ListCell *cell;

	if (superuser())
		return;
	foreach (cell, definitions)
	{
		const Option *option = option_by_name(((DefElem *) lfirst(cell))->defname);

		if (option->superuser_only)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to set option \"%s\"", option->name),
					 errdetail("Only superusers may set it, and alter a server that has it.")));
	}
}

/*
 * The services on the server's machine trust what comes from it, so not every
 * owner of a foreign server should have access to them, either.
 */
static void
check_loopback(List *definitions)
{
	ListCell *cell;

	if (superuser() || allow_loopback)
		return;
	foreach (cell, definitions)
	{
		DefElem *definition = (DefElem *) lfirst(cell);

		if (option_by_name(definition->defname)->type == OPTION_URL &&
			url_is_loopback(defGetString(definition)))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to set option \"%s\" to a loopback address",
							definition->defname),
					 errdetail("Only superusers may set it so, and alter a server that has it."),
					 errhint("A superuser can let others do so with the setting "
							 "adsexport_fdw.allow_loopback.")));
	}
}

SQL_FUNCTION(adsexport_fdw_validator);

Datum
adsexport_fdw_validator(PG_FUNCTION_ARGS)
{
	List *definitions = untransformRelOptions(PG_GETARG_DATUM(0));
	/* It may be called by hand with any catalog. */
	unsigned object = object_of_catalog(PG_GETARG_OID(1));

	if (object == 0)
		ereport(ERROR, (errcode(ERRCODE_FDW_ERROR),
						errmsg("catalog with OID %u holds no objects that have options",
							   PG_GETARG_OID(1))));
	options_apply(option_defaults(), definitions, object);
	check_superuser_options(definitions);
	check_loopback(definitions);
	PG_RETURN_VOID();
}

bool
option_for_table(const char *name, const char *value, const Entity *entity, bool *applies)
{
	const Option *option = option_by_name(name);

	*applies = false;
	if (option == NULL || (option->objects & ON_TABLE) == 0)
		return false;
	option_parse(option, value, option_defaults());
	*applies = (option->entities & (1u << entity->kind)) != 0;
	return true;
}

const char *
option_places(const char *name)
{
	const Option *option = option_by_name(name);

	return option != NULL ? places_of_option(option) : NULL;
}

void
options_offer_for_tables(ClosestMatch *match)
{
	for (int i = 0; option_at(i) != NULL; i++)
	{
		if (option_at(i)->objects & ON_TABLE)
			closest_match_offer(match, option_at(i)->name);
	}
}
