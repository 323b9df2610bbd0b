/*-------------------------------------------------------------------------
 *
 * http_version.h
 *		Which version of HTTP a transfer asks for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_HTTP_VERSION_H
#define ADSEXPORT_HTTP_VERSION_H

#include <stdbool.h>

#include <curl/curl.h>

/*
 * HTTP/1.1, or, if the transfer may share its connection with others of its
 * reactor, HTTP/2 where the server offers it and libcurl handles it correctly.
 * Returns whether it may be HTTP/2.
 */
extern bool http_version_choose(CURL *easy, const char *url, bool may_share);

#endif /* ADSEXPORT_HTTP_VERSION_H */
