/*-------------------------------------------------------------------------
 *
 * binding.c
 *		How the columns of a foreign table find their values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "entity/binding.h"
#include "entity/closest_match.h"
#include "stream/json_path.h"

/*
 * Does a key end in a subscript, as in "name[0]"?  (Names in brackets, as
 * Amplitude has them, are keys.)
 */
static bool
has_subscript(const char *key, size_t length)
{
	size_t digits = 0;

	if (length < 4 || key[length - 1] != ']')
		return false;
	while (digits < length - 2 && key[length - 2 - digits] >= '0' &&
		   key[length - 2 - digits] <= '9')
		digits++;
	return digits > 0 && digits < length - 2 && key[length - 2 - digits] == '[';
}

/*
 * What is wrong with the alternative at *path, as a sentence without a period,
 * and *path is where; NULL if nothing is, and *path is moved past it.
 */
static const char *
alternative_problem(const char **path)
{
	if ((*path)[0] == '$' && (*path)[1] == '.')
		return "Keys are counted from the record: leave out the \"$.\" at the beginning";
	if ((*path)[0] == '@')
		return "The name of a known column (\"@name\") cannot be joined with other paths";

	for (int keys = 1;; keys++)
	{
		const char *start = *path;
		JsonPathKey key;
		const char *problem = json_path_next_key(path, &key);

		if (problem != NULL)
			return problem;
		if (!key.quoted && has_subscript(key.start, key.length))
		{
			*path = key.start + key.length - 1;
			while (**path != '[')
				(*path)--;
			return "There are no subscripts: on an array a key means that of its first element";
		}
		if (keys > JSON_MAX_PATH_KEYS)
		{
			*path = start;
			return "There are too many keys";
		}
		if (**path != '.')
			return NULL;
		(*path)++;
	}
}

/* Likewise for a whole path. */
static const char *
path_problem(const char **path)
{
	if (**path == '@')
	{
		if ((*path)[1] != '\0' && strpbrk(*path + 1, "|.@$\"") == NULL)
			return NULL;
		return "\"@\" must be followed by the name of a known column, and nothing else";
	}
	for (;; (*path)++)
	{
		const char *problem = alternative_problem(path);

		if (problem != NULL || **path == '\0')
			return problem;
	}
}

char *
json_path_problem(const char *path)
{
	const char *place = path;
	const char *problem = path_problem(&place);

	if (problem == NULL)
		return NULL;
	return psprintf("%s (character %d).", problem, pg_mbstrlen_with_len(path, place - path) + 1);
}

/* Is name one of the names in list, which are joined by "|"? */
static bool
name_in_list(const char *list, const char *name)
{
	size_t length = strlen(name);

	while (list != NULL)
	{
		const char *end = list + strcspn(list, "|");

		if ((size_t) (end - list) == length && memcmp(list, name, length) == 0)
			return true;
		list = *end == '\0' ? NULL : end + 1;
	}
	return false;
}

static const EntityColumn *
column_by_name(const Entity *entity, const char *name)
{
	for (int i = 0; i < entity->column_count; i++)
	{
		if (strcmp(entity->columns[i].name, name) == 0)
			return &entity->columns[i];
	}
	return NULL;
}

static const EntityColumn *
column_by_alias(const Entity *entity, const char *name)
{
	for (int i = 0; i < entity->column_count; i++)
	{
		if (name_in_list(entity->columns[i].aliases, name))
			return &entity->columns[i];
	}
	return NULL;
}

/*
 * The column that a column of this name shows.  Amplitude's "$insert_id" is
 * known under several names, so one leading "_" or "$" does not count there.
 */
static const EntityColumn *
column_for_name(const Entity *entity, const char *name)
{
	const EntityColumn *column = column_by_name(entity, name);

	if (column == NULL)
		column = column_by_alias(entity, name);
	if (column == NULL && entity->allows_prefix && (name[0] == '_' || name[0] == '$'))
		column = column_by_name(entity, name + 1);
	return column;
}

/*
 * The column that has exactly this path: a clause on it can be sent to the
 * vendor whatever the user calls it.
 */
static const EntityColumn *
column_for_path(const Entity *entity, const char *path)
{
	for (int i = 0; i < entity->column_count; i++)
	{
		const EntityColumn *column = &entity->columns[i];

		if (column->source == SOURCE_PATH && json_path_equal(column->path, path))
			return column;
	}
	return NULL;
}

static void
bind_to_column(ColumnBinding *binding, const EntityColumn *column)
{
	binding->column = column;
	binding->source = column->source;
	binding->path = column->path;
}

static void
bind_to_path(ColumnBinding *binding, const Entity *entity, const char *path)
{
	binding->column = column_for_path(entity, path);
	binding->source = SOURCE_PATH;
	binding->path = path;
}

bool
entity_find_binding(const Entity *entity, const char *column_name, const char *json_path,
					ColumnBinding *binding)
{
	const EntityColumn *column;

	if (json_path != NULL && json_path[0] != '@')
	{
		if (json_path_problem(json_path) != NULL)
			return false;
		bind_to_path(binding, entity, json_path);
		return true;
	}

	column = json_path != NULL ? column_by_name(entity, json_path + 1)
							   : column_for_name(entity, column_name);
	if (column != NULL)
	{
		bind_to_column(binding, column);
		return true;
	}
	if (json_path == NULL && strcmp(column_name, "raw") == 0)
	{
		bind_to_path(binding, entity, "$");
		return true;
	}
	return false;
}

static const char *
closest_column(const Entity *entity, const char *name)
{
	ClosestMatch match;

	closest_match_init(&match, name);
	for (int i = 0; i < entity->column_count; i++)
		closest_match_offer(&match, entity->columns[i].name);
	if (closest_match_get(&match) != NULL)
		return closest_match_get(&match);
	/* "budget" is far from "budget_amount", but begins it. */
	for (int i = 0; i < entity->column_count; i++)
	{
		const char *column = entity->columns[i].name;

		if (strncmp(column, name, strlen(name)) == 0 && column[strlen(name)] == '_')
			return column;
		if (strncmp(column, name, strlen(column)) == 0 && name[strlen(column)] == '_')
			return column;
	}
	return NULL;
}

/* How the key of that name is written, for a hint, if that is not obvious. */
static char *
path_example(const char *name)
{
	StringInfoData example;

	initStringInfo(&example);
	if (strpbrk(name, ".|\"") == NULL)
		return example.data;
	appendStringInfoString(&example, ", such as '\"");
	for (; *name != '\0'; name++)
	{
		if (*name == '"' || *name == '\'')
			appendStringInfoChar(&example, *name);
		appendStringInfoChar(&example, *name);
	}
	appendStringInfoString(&example, "\"' for a key of that name");
	return example.data;
}

static void
report_unbound(const Entity *entity, const char *table_name, const char *column_name,
			   const char *json_path)
{
	const char *wanted = json_path != NULL ? json_path + 1 : column_name;
	const char *closest = closest_column(entity, wanted);
	char *example = path_example(wanted);

	ereport(ERROR,
			(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
			 json_path != NULL
				 ? errmsg("column \"%s\" of foreign table \"%s\" is bound to \"%s\", which entity "
						  "\"%s\" does not have",
						  column_name, table_name, json_path, entity->name)
				 : errmsg("column \"%s\" of foreign table \"%s\" is not known to entity \"%s\"",
						  column_name, table_name, entity->name),
			 closest != NULL
				 ? errhint("Perhaps you meant \"%s\". The column option json_path says where a "
						   "column's value is%s.",
						   closest, example)
				 : errhint("The column option json_path says where a column's value is%s; "
						   "adsexport_columns() lists what is known without it.",
						   example)));
}

void
entity_bind_column(const Entity *entity, const char *table_name, const char *column_name,
				   const char *json_path, ColumnBinding *binding)
{
	char *problem;

	if (entity_find_binding(entity, column_name, json_path, binding))
		return;

	problem = json_path != NULL ? json_path_problem(json_path) : NULL;
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("column \"%s\" of foreign table \"%s\" has an invalid json_path: \"%s\"",
						column_name, table_name, json_path),
				 errdetail("%s", problem)));
	report_unbound(entity, table_name, column_name, json_path);
}
