/*-------------------------------------------------------------------------
 *
 * operands.h
 *		What trees are evaluated with: the values that columns are compared to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_OPERANDS_H
#define ADSEXPORT_OPERANDS_H

#include "postgres.h"

#include "nodes/execnodes.h"

#include "option/foreign_options.h"

/* The other side of a comparison: one value, or an array's elements. */
typedef struct Operand
{
	bool known;
	bool is_null; /* the value, or the array as a whole */
	int count;
	Datum *values;
	bool *nulls;
} Operand;

typedef struct EvaluateContext
{
	const ForeignOptions *options;

	/* Where the operands come from: expressions at run time, or constants at plan time. */
	List *states;
	List *is_late;
	ExprContext *econtext;
	bool known_only;
	List *constants;

	Operand *operands; /* by expression */
} EvaluateContext;

#endif /* ADSEXPORT_OPERANDS_H */
