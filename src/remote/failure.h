/*-------------------------------------------------------------------------
 *
 * failure.h
 *		Why an export cannot be had: noted where it happens, raised where it is
 *		needed.
 *
 * The control requests of all scans make progress whenever any scan waits, so
 * a failure must not be raised in the scan that happens to be waiting. It is
 * stored in fixed-size fields, which needs no memory, and raised by the scan
 * that wants the export.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FAILURE_H
#define ADSEXPORT_FAILURE_H

#include "postgres.h"

#include "compat.h"
#include "remote/message.h"

/* Reads as: could not <task> for foreign table "t": <reason> */
typedef struct Failure
{
	int sqlstate; /* 0: there is none */
	char task[64];
	char reason[256];
	char detail[1200];
	char hint[768];
	bool unreachable; /* the server could not be reached, and never was in this session */
} Failure;

/* What it is about, for people: "Profile 1111, export ZTc1...". */
typedef struct Subject
{
	char text[MESSAGE_MAX_EXPORT_ID + 64];
} Subject;

extern void subject_set(Subject *subject, const char *format, ...) pg_attribute_printf(2, 3);

/*
 * Words here are our own, or have come through foreign_text.h.
 */
extern void failure_set(Failure *failure, int sqlstate, const char *task, const char *reason, ...)
	pg_attribute_printf(4, 5);

/* Add a sentence. */
extern void failure_add_detail(Failure *failure, const char *format, ...) pg_attribute_printf(2, 3);
extern void failure_set_hint(Failure *failure, const char *format, ...) pg_attribute_printf(2, 3);

/* A short form of it, written to a text of that size. */
extern void failure_summary(const Failure *failure, char *text, size_t size);

/* What went wrong, in a line; palloc'd. */
extern char *failure_text(const Failure *failure);

/* Raise it as an error; does not return. */
extern void failure_raise(const Failure *failure, const char *table_name) pg_attribute_noreturn();

#endif /* ADSEXPORT_FAILURE_H */
