/*-------------------------------------------------------------------------
 *
 * amazon_ads.h
 *		The calls of Amazon Ads: their URLs, headers and bodies.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_AMAZON_ADS_H
#define ADSEXPORT_AMAZON_ADS_H

#include "net/request.h"
#include "option/foreign_options.h"
#include "remote/query.h"

/* Body of the request for an export: always with explicit filters. */
extern char *amazon_request_body(const Entity *entity, const ExportQuery *query);

/*
 * The calls.  Each begins one request and returns it, or NULL when memory is
 * short.
 */
extern Request *
amazon_start_request(Reactor *reactor, const ForeignOptions *options, const Entity *entity,
					 const char *profile_id, const char *body, const char *token);
extern Request *
amazon_start_status(Reactor *reactor, const ForeignOptions *options, const Entity *entity,
					const char *profile_id, const char *export_id, const char *token);

/* default_list: what the vendor lists by default, else all that may be viewed. */
extern Request *amazon_start_profiles(Reactor *reactor, const ForeignOptions *options,
									  bool default_list, const char *token);

/*
 * The status of an export that does not exist: the answer is 404 if the
 * account may request exports of the profile, and otherwise what it would be
 * told then.
 */
extern Request *amazon_start_probe(Reactor *reactor, const ForeignOptions *options,
								   const char *profile_id, const char *token);

/*
 * With a start, only what follows this many bytes is requested, provided that
 * the file still has that ETag (empty: not checked).
 */
extern Request *amazon_start_download(Reactor *reactor, const ForeignOptions *options,
									  const char *url, uint64 start, const char *etag);

#endif /* ADSEXPORT_AMAZON_ADS_H */
