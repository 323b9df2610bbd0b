/*-------------------------------------------------------------------------
 *
 * amazon_ads.h
 *		What Amazon Ads wants to hear: URLs, headers and bodies of its calls.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_AMAZON_ADS_H
#define ADSEXPORT_AMAZON_ADS_H

#include "export/export.h"
#include "export/query.h"
#include "net/request.h"

/* Body of the request for an export: always with explicit filters. */
extern char *amazon_request_body(const Entity *entity, const ExportQuery *query);

/*
 * The calls.  Each begins one request and returns it, or NULL when memory is
 * short.
 */
extern Request *amazon_start_request(Reactor *reactor, const Export *export, const char *token);
extern Request *amazon_start_status(Reactor *reactor, const Export *export, const char *token);
extern Request *
amazon_start_profiles(Reactor *reactor, const Settings *settings, const char *token, bool stream);
extern Request *amazon_start_download(Reactor *reactor, const Settings *settings, const char *url);

#endif /* ADSEXPORT_AMAZON_ADS_H */
