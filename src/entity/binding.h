/*-------------------------------------------------------------------------
 *
 * binding.h
 *		How the columns of a foreign table find their values.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_BINDING_H
#define ADSEXPORT_BINDING_H

#include "entity/entity.h"

/*
 * How one column of a foreign table gets its value.  column is NULL if the
 * user gave a path that no column of the catalogue has.
 */
typedef struct ColumnBinding
{
	const EntityColumn *column;
	ColumnSource source;
	const char *path; /* alternatives, or NULL */
} ColumnBinding;

/*
 * Bind a column by its option json_path ("@name" means the catalogue's column
 * of that name; NULL: no option) or else by its name or alias.  Raises
 * ERRCODE_FDW_COLUMN_NAME_NOT_FOUND with the closest known column as hint, or
 * ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE for a malformed path.  table_name is
 * for the message.  Strings live as long as json_path does.
 */
extern void
entity_bind_column(const Entity *entity, const char *table_name, const char *column_name,
				   const char *json_path, ColumnBinding *binding);

/*
 * Likewise, without an error: false if the column is bound to nothing or its
 * path is malformed.
 */
extern bool entity_find_binding(const Entity *entity, const char *column_name,
								const char *json_path, ColumnBinding *binding);

/* What is wrong with the syntax of a json_path, and where, as a sentence; NULL if nothing is. */
extern char *json_path_problem(const char *path);

#endif /* ADSEXPORT_BINDING_H */
