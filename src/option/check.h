/*-------------------------------------------------------------------------
 *
 * check.h
 *		Do the options of an object go together?
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CHECK_H
#define ADSEXPORT_CHECK_H

#include "postgres.h"

#include "nodes/parsenodes.h"

#include "option/option.h"

/* The definition of an option in a list, or NULL. */
extern const DefElem *find_definition(List *definitions, const char *name);
extern bool is_given(List *definitions, const char *name);

/* Parse the option definitions of an object (ON_*), and check that they go together. */
extern void options_apply(ForeignOptions *options, List *definitions, unsigned object);

#endif /* ADSEXPORT_CHECK_H */
