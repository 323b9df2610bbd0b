/*-------------------------------------------------------------------------
 *
 * apis.c
 *		Which adapter gets the records of an entity.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/apis.h"

static const FeedApi *const feed_apis[] = {
	[ENTITY_CAMPAIGNS] = &amazon_export_feed,  [ENTITY_AD_GROUPS] = &amazon_export_feed,
	[ENTITY_TARGETS] = &amazon_export_feed,    [ENTITY_ADS] = &amazon_export_feed,
	[ENTITY_PROFILES] = &amazon_profiles_feed, [ENTITY_AMPLITUDE_EVENTS] = &amplitude_feed,
};

const FeedApi *
feed_api_of(const Entity *entity)
{
	return feed_apis[entity->kind];
}
