/*-------------------------------------------------------------------------
 *
 * closed_values.h
 *		Which values of the vendor's lists, and which profiles, can be wanted.
 *
 * Evaluation is three-valued: for a row whose column has a certain value, a
 * clause may be able to be true, able to be false, both (it depends on what
 * is unknown) or neither (it is NULL).  Only rows for which all clauses can
 * be true are wanted, so a value for which one of them can't is not asked
 * for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CLOSED_VALUES_H
#define ADSEXPORT_CLOSED_VALUES_H

#include "filter/operands.h"
#include "remote/query.h"

/* What a condition can come to; neither is NULL. */
typedef struct Outcome
{
	bool can_be_true;
	bool can_be_false;
} Outcome;

/* What can become of the tree for rows with that value (NULL: none) in that column? */
extern Outcome
try_value(const List *tree, const EvaluateContext *context, ColumnFilter filter, const char *value);

/* All of a query of Amazon Ads, by operands that have been evaluated. */
extern void evaluate_values(List *trees, const EvaluateContext *context, ExportQuery *query);

#endif /* ADSEXPORT_CLOSED_VALUES_H */
