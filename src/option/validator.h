/*-------------------------------------------------------------------------
 *
 * validator.h
 *		The validator, and what IMPORT FOREIGN SCHEMA needs to know about
 *		options.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_VALIDATOR_H
#define ADSEXPORT_VALIDATOR_H

#include "postgres.h"

#include "entity/closest_match.h"
#include "entity/entity.h"

/*
 * Does this option name and value fit a foreign table of that entity?  Used by
 * IMPORT FOREIGN SCHEMA to copy options; raises the validator's errors for a
 * value out of range.  *applies says whether the entity's tables accept it.
 * Returns false if no table of any api has such an option.
 */
extern bool
option_for_table(const char *name, const char *value, const Entity *entity, bool *applies);

/* Where an option belongs, as in "a server or a foreign table"; NULL for an unknown one. */
extern const char *option_places(const char *name);

/* Offer the names of all table options for a hint. */
extern void options_offer_for_tables(ClosestMatch *match);

#endif /* ADSEXPORT_VALIDATOR_H */
