/*-------------------------------------------------------------------------
 *
 * export_key.h
 *		What makes two exports the same.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_EXPORT_KEY_H
#define ADSEXPORT_EXPORT_KEY_H

#include "postgres.h"

#include "option/foreign_options.h"

#define EXPORT_KEY_DIGEST 32

/*
 * Two exports are the same if these bytes are (there is no padding). What was
 * requested and the credentials are in it as SHA-256 with a salt, so that
 * nothing about a secret can be derived from a key, and two that differ never
 * have the same.
 */
typedef struct ExportKey
{
	Oid database_id;
	Oid server_id;
	Oid mapping_id;
	Oid user_id;                          /* that of a mapping for PUBLIC may be any user */
	uint32 entity;                        /* EntityKind */
	uint8 request[EXPORT_KEY_DIGEST];     /* endpoint, profile and body */
	uint8 credentials[EXPORT_KEY_DIGEST]; /* of the user mapping */
} ExportKey;

/* Needs options with the user mapping loaded. */
extern void export_key_make(ExportKey *key, const ForeignOptions *options, const char *profile_id,
							const char *body);

#endif /* ADSEXPORT_EXPORT_KEY_H */
