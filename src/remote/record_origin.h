/*-------------------------------------------------------------------------
 *
 * record_origin.h
 *		Where the records that are being read come from.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_RECORD_ORIGIN_H
#define ADSEXPORT_RECORD_ORIGIN_H

#include "postgres.h"

#include "datatype/timestamp.h"

/*
 * What is the same for all records of a part or an archive entry.  Strings
 * are copied; NULL gives NULL in the column.
 */
typedef struct RecordOrigin
{
	const char *profile_id;
	const char *export_id;
	bool has_exported_at;
	TimestampTz exported_at;
	const char *archive_entry;
} RecordOrigin;

#endif /* ADSEXPORT_RECORD_ORIGIN_H */
