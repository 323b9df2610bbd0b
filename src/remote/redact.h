/*-------------------------------------------------------------------------
 *
 * redact.h
 *		Removing our secrets from text that came from outside.
 *
 * For foreign_text.c alone: whatever came from outside goes through there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_REDACT_H
#define ADSEXPORT_REDACT_H

#include "postgres.h"

#include "option/foreign_options.h"

/*
 * Overwrite them with asterisks of the same length.  token is an access token
 * that may be in it, too, or NULL.
 */
extern void redact_secrets(char *text, const ForeignOptions *options, const char *token);

#endif /* ADSEXPORT_REDACT_H */
