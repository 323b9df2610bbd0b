/*-------------------------------------------------------------------------
 *
 * option_row.c
 *		The table of options, row by row, for docs/generate-options.
 *
 * The function is in no SQL script: what generates the page declares it for
 * itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "compat.h"
#include "option/option.h"

SQL_FUNCTION(adsexport_option_row);

static char *
objects_text(const Option *option)
{
	static const struct
	{
		unsigned object;
		const char *name;
	} objects[] = {
		{ ON_SERVER, "server" },
		{ ON_TABLE, "table" },
		{ ON_COLUMN, "column" },
		{ ON_MAPPING, "mapping" },
	};
	StringInfoData text;

	initStringInfo(&text);
	for (size_t i = 0; i < lengthof(objects); i++)
	{
		if (option->objects & objects[i].object)
			append_listed(&text, objects[i].name);
	}
	return text.data;
}

static char *
entities_text(const Option *option)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < entity_count; i++)
	{
		if (option->entities & (1u << entities[i]->kind))
			append_listed(&text, entities[i]->name);
	}
	return text.data;
}

/* When a user mapping must have it. */
static char *
needed_text(const Option *option)
{
	if (!option->needed)
		return "";
	return option->instead == NULL ? "required"
								   : psprintf("required unless there is an `%s`", option->instead);
}

/*
 * adsexport_option_row(number integer) returns text[]: name, objects, tables,
 * values, default, when it is needed, whether it is for superusers only,
 * meaning, and what is special on a foreign table.  NULL after the last.
 */
Datum
adsexport_option_row(PG_FUNCTION_ARGS)
{
	int number = PG_GETARG_INT32(0);
	const Option *option = number >= 0 ? option_at(number) : NULL;
	Datum texts[9];

	if (option == NULL)
		PG_RETURN_NULL();
	texts[0] = CStringGetTextDatum(option->name);
	texts[1] = CStringGetTextDatum(objects_text(option));
	texts[2] = CStringGetTextDatum(entities_text(option));
	texts[3] = CStringGetTextDatum(option_value_text(option));
	texts[4] = CStringGetTextDatum(option_default_text(option));
	texts[5] = CStringGetTextDatum(needed_text(option));
	texts[6] = CStringGetTextDatum(option->superuser_only ? "yes" : "");
	texts[7] = CStringGetTextDatum(option->meaning);
	texts[8] = CStringGetTextDatum(option->on_table != NULL ? option->on_table : "");
	PG_RETURN_ARRAYTYPE_P(
		construct_array(texts, lengthof(texts), TEXTOID, -1, false, TYPALIGN_INT));
}
