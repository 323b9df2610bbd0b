/*-------------------------------------------------------------------------
 *
 * functions.c
 *		SQL-callable functions that need no remote: version, catalogue,
 *		comments, and up to when Amplitude's hours are complete.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "entity/binding.h"
#include "entity/closed_lists.h"
#include "option/load.h"
#include "remote/hours.h"

SQL_FUNCTION(adsexport_columns);
SQL_FUNCTION(adsexport_comment);
SQL_FUNCTION(adsexport_complete_until);

/*-------------------------------------------------------------------------
 * adsexport_columns
 *-------------------------------------------------------------------------
 */

/* Where the next row comes from. */
typedef struct CataloguePosition
{
	int entity;
	int column;
} CataloguePosition;

/* The next column of the catalogue, or NULL after the last one. */
static const EntityColumn *
next_column(CataloguePosition *position, const Entity **entity)
{
	while (position->entity < entity_count)
	{
		*entity = entities[position->entity];
		if (position->column < (*entity)->column_count)
			return &(*entity)->columns[position->column++];
		position->entity++;
		position->column = 0;
	}
	return NULL;
}

/* What the column option json_path would be for a column of another name. */
static char *
json_path_of(const EntityColumn *column)
{
	if (column->source == SOURCE_PATH)
		return pstrdup(column->path);
	return psprintf("@%s", column->name);
}

/* Names of the products whose bits are set. */
static ArrayType *
ad_product_array(unsigned products)
{
	const ValueList *list = value_list(FILTER_AD_PRODUCT);
	Datum *names = palloc(list->count * sizeof(Datum));
	int count = 0;

	for (int i = 0; i < list->count; i++)
	{
		if (products & (1u << i))
			names[count++] = CStringGetTextDatum(list->names[i]);
	}
	return construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT);
}

static HeapTuple
catalogue_row(const Entity *entity, const EntityColumn *column, TupleDesc desc)
{
	Datum values[6];
	bool nulls[6] = { false };

	values[0] = CStringGetTextDatum(entity->name);
	values[1] = CStringGetTextDatum(column->name);
	values[2] = CStringGetTextDatum(column_type_name(column->type, "text"));
	values[3] = CStringGetTextDatum(json_path_of(column));
	if (column->ad_products != 0)
		values[4] = PointerGetDatum(ad_product_array(column->ad_products));
	else
		nulls[4] = true;
	values[5] = CStringGetTextDatum(column->description);
	return heap_form_tuple(desc, values, nulls);
}

static void
start_catalogue(FunctionCallInfo fcinfo, FuncCallContext *context)
{
	MemoryContext old_context = MemoryContextSwitchTo(context->multi_call_memory_ctx);
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != 6)
		elog(ERROR, "adsexport_columns is declared with other columns than it returns");
	context->tuple_desc = BlessTupleDesc(desc);
	context->user_fctx = palloc0(sizeof(CataloguePosition));
	MemoryContextSwitchTo(old_context);
}

Datum
adsexport_columns(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	const Entity *entity;
	const EntityColumn *column;

	if (SRF_IS_FIRSTCALL())
		start_catalogue(fcinfo, SRF_FIRSTCALL_INIT());

	context = SRF_PERCALL_SETUP();
	column = next_column(context->user_fctx, &entity);
	if (column == NULL)
		SRF_RETURN_DONE(context);
	SRF_RETURN_NEXT(context, HeapTupleGetDatum(catalogue_row(entity, column, context->tuple_desc)));
}

/*-------------------------------------------------------------------------
 * adsexport_comment
 *-------------------------------------------------------------------------
 */

/* The foreign tables of a schema that this library serves, by whatever wrapper. */
#define TABLES_QUERY                                                                               \
	"SELECT t.ftrelid FROM pg_catalog.pg_foreign_table t "                                         \
	"JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.ftrelid "                        \
	"JOIN pg_catalog.pg_foreign_server s ON s.oid OPERATOR(pg_catalog.=) t.ftserver "              \
	"JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid OPERATOR(pg_catalog.=) s.srvfdw "          \
	"JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) w.fdwhandler "                      \
	"JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang "                     \
	"WHERE c.relnamespace OPERATOR(pg_catalog.=) $1 "                                              \
	"AND p.prosrc OPERATOR(pg_catalog.=) 'adsexport_fdw_handler' "                                 \
	"AND l.lanname OPERATOR(pg_catalog.=) 'c' "                                                    \
	"ORDER BY c.relname"

/* The tables to comment, in the memory context outside of SPI. */
static List *
tables_of_schema(Oid schema_id, MemoryContext context)
{
	Oid types[] = { OIDOID };
	Datum values[] = { ObjectIdGetDatum(schema_id) };
	List *tables = NIL;

	if (SPI_execute_with_args(TABLES_QUERY, 1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look up foreign tables");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext old_context = MemoryContextSwitchTo(context);
		bool is_null;

		tables = lappend_oid(tables,
							 DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i],
															SPI_tuptable->tupdesc, 1, &is_null)));
		MemoryContextSwitchTo(old_context);
	}
	return tables;
}

/* The entity that a table's options name, or NULL. */
static const Entity *
entity_of_table(Oid relation_id)
{
	ListCell *cell;

	foreach (cell, GetForeignTable(relation_id)->options)
	{
		DefElem *definition = (DefElem *) lfirst(cell);

		if (strcmp(definition->defname, "entity") == 0)
			return entity_by_name(defGetString(definition));
	}
	return NULL;
}

/* One COMMENT command, which checks the privilege to do so. */
static void
write_comment(const char *object, const char *name, const char *comment)
{
	char *command = psprintf("COMMENT ON %s %s IS %s", object, name, quote_literal_cstr(comment));

	if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not run: %s", command);
}

/* The comment on a column, or NULL if nothing is known about it. */
static char *
comment_of_binding(const ColumnBinding *binding)
{
	StringInfoData comment;

	if (binding->column == NULL)
		return strcmp(binding->path, "$") == 0 ? pstrdup("The whole record as it was sent.") : NULL;

	initStringInfo(&comment);
	appendStringInfoString(&comment, binding->column->description);
	if (binding->column->ad_products != 0 && binding->column->ad_products != AD_PRODUCT_ALL)
	{
		const ValueList *list = value_list(FILTER_AD_PRODUCT);
		const char *separator = " Sent for ";

		for (int i = 0; i < list->count; i++)
		{
			if ((binding->column->ad_products & (1u << i)) == 0)
				continue;
			appendStringInfo(&comment, "%s%s", separator, list->names[i]);
			separator = " and ";
		}
		appendStringInfoString(&comment, " only.");
	}
	return comment.data;
}

/* Comment the columns that are known; returns how many. */
static int
comment_columns(Relation relation, const Entity *entity, const char *table)
{
	TupleDesc desc = RelationGetDescr(relation);
	const char **json_paths = column_json_paths(RelationGetRelid(relation), desc);
	int count = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		const char *name = NameStr(attribute->attname);
		ColumnBinding binding;
		char *comment;

		if (attribute->attisdropped || !entity_find_binding(entity, name, json_paths[i], &binding))
			continue;
		comment = comment_of_binding(&binding);
		if (comment == NULL)
			continue;
		write_comment("COLUMN", psprintf("%s.%s", table, quote_identifier(name)), comment);
		count++;
	}
	return count;
}

static int
comment_table(Oid relation_id)
{
	const Entity *entity = entity_of_table(relation_id);
	Relation relation;
	char *name;
	int count;

	if (entity == NULL)
		return 0;
	relation = relation_open(relation_id, AccessShareLock);
	name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
									  RelationGetRelationName(relation));
	write_comment("FOREIGN TABLE", name, entity->description);
	count = 1 + comment_columns(relation, entity, name);
	relation_close(relation, NoLock);
	return count;
}

/* Comment the tables of a schema and their columns; returns the number of comments. */
Datum
adsexport_comment(PG_FUNCTION_ARGS)
{
	Oid schema_id = PG_GETARG_OID(0);
	MemoryContext context = CurrentMemoryContext;
	ListCell *cell;
	int count = 0;

	if (get_namespace_name(schema_id) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_SCHEMA),
						errmsg("schema with OID %u does not exist", schema_id)));

	SPI_connect();
	foreach (cell, tables_of_schema(schema_id, context))
		count += comment_table(lfirst_oid(cell));
	SPI_finish();
	PG_RETURN_INT32(count);
}

/*-------------------------------------------------------------------------
 * adsexport_complete_until
 *-------------------------------------------------------------------------
 */

/*
 * The end of the newest hour that Amplitude calls complete, as of the
 * transaction's now().  PostgreSQL's epoch is at a full hour of UTC.
 */
Datum
adsexport_complete_until(PG_FUNCTION_ARGS)
{
	TimestampTz until = GetCurrentTransactionStartTimestamp() - HOURS_INCOMPLETE * USECS_PER_HOUR;

	PG_RETURN_TIMESTAMPTZ(until - until % USECS_PER_HOUR);
}
