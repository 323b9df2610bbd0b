/*-------------------------------------------------------------------------
 *
 * closest_match.c
 *		The name that was probably meant, for hints.
 *
 * The server has this only since version 16.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/varlena.h"

#include "entity/closest_match.h"

#define CLOSEST_MATCH_LONGEST 255 /* of varstr_levenshtein */
#define CLOSEST_MATCH_FARTHEST 4

void
closest_match_init(ClosestMatch *match, const char *wanted)
{
	int half = strlen(wanted) / 2;

	match->wanted = wanted;
	match->best = NULL;
	/* To begin with, the best distance is one that is just too far. */
	match->best_distance = Min(half, CLOSEST_MATCH_FARTHEST) + 1;
}

void
closest_match_offer(ClosestMatch *match, const char *candidate)
{
	int wanted_length = strlen(match->wanted);
	int candidate_length = strlen(candidate);
	int distance;

	if (wanted_length > CLOSEST_MATCH_LONGEST || candidate_length > CLOSEST_MATCH_LONGEST)
		return;

	distance = varstr_levenshtein_less_equal(match->wanted, wanted_length, candidate,
											 candidate_length, 1, 1, 1, match->best_distance, true);
	if (distance < match->best_distance)
	{
		match->best = candidate;
		match->best_distance = distance;
	}
}

const char *
closest_match_get(const ClosestMatch *match)
{
	return match->best;
}
