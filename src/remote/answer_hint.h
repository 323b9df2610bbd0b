/*-------------------------------------------------------------------------
 *
 * answer_hint.h
 *		The hints for requests that got no good answer, as a table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ANSWER_HINT_H
#define ADSEXPORT_ANSWER_HINT_H

#include "postgres.h"

#include "option/foreign_options.h"
#include "remote/failure.h"
#include "remote/policy.h"

/* Set the failure's hint, if there is one for such an answer, or for none. */
extern void answer_add_hint(Failure *failure, PolicyAction action, ApiCall call,
							const RequestResult *result, const ForeignOptions *options);

#endif /* ADSEXPORT_ANSWER_HINT_H */
