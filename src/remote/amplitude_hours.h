/*-------------------------------------------------------------------------
 *
 * amplitude_hours.h
 *		What a query means in terms of Amplitude's hours.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_AMPLITUDE_HOURS_H
#define ADSEXPORT_AMPLITUDE_HOURS_H

#include "postgres.h"

#include "option/foreign_options.h"
#include "remote/query.h"

/*
 * The hours (since 1970, both inclusive) that the query asks for, with open
 * ends filled in; start > end if there are none.  Returns false if there is no
 * lower bound to start from.
 */
extern bool
amplitude_hours(const ForeignOptions *options, const ExportQuery *query, int64 *start, int64 *end);

#endif /* ADSEXPORT_AMPLITUDE_HOURS_H */
