/*-------------------------------------------------------------------------
 *
 * closed_values.h
 *		Which values of the vendor's lists, and which profiles, the clauses can
 *		accept.
 *
 * Evaluation is three-valued: for a row whose column has a certain value, a
 * clause can be true, can be false, or both (that depends on what is unknown),
 * or neither (it is NULL). Only rows for which all clauses can be true are
 * wanted, so a value for which one of them cannot is not requested.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CLOSED_VALUES_H
#define ADSEXPORT_CLOSED_VALUES_H

#include "filter/operands.h"
#include "remote/query.h"

/* What a condition can evaluate to; neither means NULL. */
typedef struct Outcome
{
	bool can_be_true;
	bool can_be_false;
} Outcome;

/* What can the tree evaluate to for rows with this value (NULL: none) in this column? */
extern Outcome
try_value(const List *tree, const EvaluateContext *context, ColumnFilter filter, const char *value);

/* All of a query by profile, from operands that have been evaluated. */
extern void evaluate_values(List *trees, const EvaluateContext *context, ExportQuery *query);

#endif /* ADSEXPORT_CLOSED_VALUES_H */
