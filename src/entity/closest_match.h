/*-------------------------------------------------------------------------
 *
 * closest_match.h
 *		The name that was probably meant, for hints.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CLOSEST_MATCH_H
#define ADSEXPORT_CLOSEST_MATCH_H

/*
 * The candidate closest to what was written, or NULL if none is close; for
 * hints ("Perhaps you meant ...").  Works the same on all server versions.
 */
typedef struct ClosestMatch
{
	const char *wanted;
	const char *best;
	int best_distance;
} ClosestMatch;

extern void closest_match_init(ClosestMatch *match, const char *wanted);
extern void closest_match_offer(ClosestMatch *match, const char *candidate);
extern const char *closest_match_get(const ClosestMatch *match);

#endif /* ADSEXPORT_CLOSEST_MATCH_H */
