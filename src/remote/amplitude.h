/*-------------------------------------------------------------------------
 *
 * amplitude.h
 *		The call of Amplitude's export.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_AMPLITUDE_H
#define ADSEXPORT_AMPLITUDE_H

#include "postgres.h"

#include "net/request.h"
#include "option/foreign_options.h"

/*
 * Request the archive of these hours (since 1970, both inclusive).  Returns
 * NULL when memory is short.
 */
extern Request *amplitude_start_archive(Reactor *reactor, const ForeignOptions *options,
										const Entity *entity, int64 start_hour, int64 end_hour);

#endif /* ADSEXPORT_AMPLITUDE_H */
