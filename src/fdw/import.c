/*-------------------------------------------------------------------------
 *
 * import.c
 *		IMPORT FOREIGN SCHEMA: the catalogue's tables as DDL.
 *
 * The remote is not asked: the tables of an API are always the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include "commands/defrem.h"
#include "foreign/fdwapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "fdw/import.h"
#include "option/load.h"
#include "option/validator.h"

#define REMOTE_SCHEMA "exports"

typedef struct ImportOptions
{
	const char *id_type;
	bool raw;
	List *for_tables; /* DefElem: options to copy onto the tables */
} ImportOptions;

static const char *
parse_id_type(const char *value)
{
	static const char *const types[] = { "text", "bigint", "numeric" };

	for (size_t i = 0; i < lengthof(types); i++)
	{
		if (strcmp(types[i], value) == 0)
			return types[i];
	}
	ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					errmsg("invalid value for import option \"id_type\": \"%s\"", value),
					errdetail("Valid values are: text, bigint, numeric.")));
}

static bool
parse_raw(const char *value)
{
	bool raw;

	if (!parse_bool(value, &raw))
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("invalid value for import option \"raw\": \"%s\"", value),
						errdetail("A boolean value is needed, such as true or false.")));
	return raw;
}

/*
 * Does the option apply to a table of this api?  It need not be one that is
 * imported now: the same options should work with and without LIMIT TO.
 */
static void
check_table_option(const char *name, const char *value, ApiKind api)
{
	bool known = false;
	bool applies = false;

	for (int i = 0; i < entity_count && !applies; i++)
	{
		if (entities[i]->api == api)
			known = option_for_table(name, value, entities[i], &applies);
	}
	if (known && !applies)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
						errmsg("import option \"%s\" applies to no table of api \"%s\"", name,
							   api_names[api])));
}

/* Say where an option that is not an import option belongs, or which one may have been meant. */
static void
report_unknown_option(const char *name)
{
	const char *places = option_places(name);
	const char *closest;
	ClosestMatch match;

	if (places != NULL)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
						errmsg("option \"%s\" cannot be an import option", name),
						errhint("It belongs on %s.", places)));

	closest_match_init(&match, name);
	closest_match_offer(&match, "id_type");
	closest_match_offer(&match, "raw");
	options_offer_for_tables(&match);
	closest = closest_match_get(&match);

	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("invalid import option \"%s\"", name),
			 closest != NULL
				 ? errhint("Perhaps you meant the option \"%s\".", closest)
				 : errhint("The import options are id_type, raw and those of a foreign table.")));
}

static void
parse_import_options(List *definitions, ApiKind api, ImportOptions *result)
{
	ListCell *cell;

	result->id_type = "text";
	result->raw = false;
	result->for_tables = NIL;

	foreach (cell, definitions)
	{
		DefElem *definition = (DefElem *) lfirst(cell);
		const char *name = definition->defname;
		bool applies;

		if (strcmp(name, "id_type") == 0)
			result->id_type = parse_id_type(defGetString(definition));
		else if (strcmp(name, "raw") == 0)
			result->raw = parse_raw(defGetString(definition));
		else if (strcmp(name, "entity") == 0)
			ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
							errmsg("option \"entity\" cannot be an import option"),
							errhint("LIMIT TO says which tables to import.")));
		else if (option_for_table(name, defGetString(definition), entities[0], &applies))
		{
			check_table_option(name, defGetString(definition), api);
			result->for_tables = lappend(result->for_tables, definition);
		}
		else
			report_unknown_option(name);
	}
}

static void
append_option(StringInfo sql, const char *name, const char *value)
{
	appendStringInfo(sql, "%s %s", quote_identifier(name), quote_literal_cstr(value));
}

static void
append_columns(StringInfo sql, const Entity *entity, const ImportOptions *import)
{
	for (int i = 0; i < entity->column_count; i++)
	{
		const EntityColumn *column = &entity->columns[i];

		appendStringInfo(sql, "%s\t%s %s", i == 0 ? "" : ",\n", quote_identifier(column->name),
						 column_type_name(column->type, import->id_type));
	}
	if (import->raw)
	{
		appendStringInfoString(sql, ",\n\traw jsonb OPTIONS (");
		append_option(sql, "json_path", "$");
		appendStringInfoChar(sql, ')');
	}
}

static void
append_table_options(StringInfo sql, const Entity *entity, const ImportOptions *import)
{
	ListCell *cell;

	append_option(sql, "entity", entity->name);
	foreach (cell, import->for_tables)
	{
		DefElem *definition = (DefElem *) lfirst(cell);
		const char *value = defGetString(definition);
		bool applies;

		if (!option_for_table(definition->defname, value, entity, &applies) || !applies)
			continue;
		appendStringInfoString(sql, ", ");
		append_option(sql, definition->defname, value);
	}
}

static char *
create_table_command(const Entity *entity, const char *server_name, const ImportOptions *import)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE FOREIGN TABLE %s (\n", quote_identifier(entity->name));
	append_columns(&sql, entity, import);
	appendStringInfo(&sql, "\n) SERVER %s\nOPTIONS (", quote_identifier(server_name));
	append_table_options(&sql, entity, import);
	appendStringInfoString(&sql, ");");
	return sql.data;
}

/*
 * PostgreSQL says nothing about a name after LIMIT TO or EXCEPT that does not
 * exist.  It need not be a mistake, but a typing error should be noticed.
 */
static void
warn_of_unknown_tables(List *tables, ApiKind api)
{
	ListCell *cell;

	foreach (cell, tables)
	{
		const char *name = ((RangeVar *) lfirst(cell))->relname;
		const Entity *entity = entity_by_name(name);
		ClosestMatch match;
		const char *closest;

		if (entity != NULL && entity->api == api)
			continue;
		closest_match_init(&match, name);
		for (int i = 0; i < entity_count; i++)
		{
			if (entities[i]->api == api)
				closest_match_offer(&match, entities[i]->name);
		}
		closest = closest_match_get(&match);
		ereport(WARNING, (errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
						  errmsg("there is no table \"%s\" for a server of api \"%s\"", name,
								 api_names[api]),
						  closest != NULL ? errhint("Perhaps you meant \"%s\".", closest) : 0));
	}
}

List *
import_foreign_schema(ImportForeignSchemaStmt *stmt, Oid server_id)
{
	ForeignOptions *options = foreign_options_load_server(server_id);
	ImportOptions import;
	List *commands = NIL;

	if (strcmp(stmt->remote_schema, REMOTE_SCHEMA) != 0)
		ereport(ERROR, (errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
						errmsg("there is no remote schema \"%s\"", stmt->remote_schema),
						errhint("The only remote schema is \"%s\".", REMOTE_SCHEMA)));

	parse_import_options(stmt->options, options->api, &import);
	warn_of_unknown_tables(stmt->table_list, options->api);
	for (int i = 0; i < entity_count; i++)
	{
		const Entity *entity = entities[i];

		if (entity->api == options->api && IsImportableForeignTable(entity->name, stmt))
			commands =
				lappend(commands, create_table_command(entity, options->server_name, &import));
	}
	return commands;
}
