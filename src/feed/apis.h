/*-------------------------------------------------------------------------
 *
 * apis.h
 *		Which adapter gets the records of an entity.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_APIS_H
#define ADSEXPORT_APIS_H

#include "feed/part.h"

extern const FeedApi amazon_export_feed;
extern const FeedApi amazon_profiles_feed;
extern const FeedApi amplitude_feed;

extern const FeedApi *feed_api_of(const Entity *entity);

#endif /* ADSEXPORT_APIS_H */
