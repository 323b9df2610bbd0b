/*-------------------------------------------------------------------------
 *
 * shared_exports.h
 *		The exports that the sessions of a cluster share.
 *
 * For each key, the export that was last requested: what is known about it,
 * who drives it, and who waits for it. One session at a time drives an export:
 * it requests it and asks for its status, until it is completed or failed. Its
 * right to do so is a lease, which it renews while it works.  A lease that has
 * expired, or that its session gave up, goes to the waiting session that looks
 * next.
 *
 * One that others wait for while it is in progress stays theirs when another
 * takes its place under the key, but nobody else finds it any more.
 *
 * Every session that uses an export has a copy of all that matters, so nothing
 * is lost if it is removed here: then each continues on its own, or uses what
 * has taken its place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SHARED_EXPORTS_H
#define ADSEXPORT_SHARED_EXPORTS_H

#include "postgres.h"

#include "session/export_record.h"
#include "session/jobs_shared.h"
#include "session/shared_memory.h"

/* Longer requests are not shared. */
#define SHARED_EXPORT_MAX_BODY 1024

/* Whose export it is, and of what: for adsexport_exports(). */
typedef struct SharedExportAbout
{
	Oid database_id;
	Oid mapping_id;
	Oid user_id;
	NameData server_name;
	NameData user_name;
	char entity[32];
	char profile_id[32];
	char body[SHARED_EXPORT_MAX_BODY];
} SharedExportAbout;

/* At most this many sessions are woken by a change; the others check for themselves. */
#define SHARED_EXPORT_MAX_WAITING 16

/* The sessions that have to do with an export. */
typedef struct SharedExportUsers
{
	int sessions; /* that use it */
	int pid;      /* the session that drives it, or last did; 0: it has ended */
	int waiting_count;
	int waiting[SHARED_EXPORT_MAX_WAITING]; /* pids of those for which another one drives it */
} SharedExportUsers;

/* A session's hold on one; zeroed: none. */
typedef struct SharedExportRef
{
	struct SharedExport *export;
	uint64 serial;  /* of the export; no two have the same */
	uint64 version; /* of the record that was last copied */
	int pid;        /* who drove it then */
	bool used;      /* so that it stays */
} SharedExportRef;

typedef enum SharedExportState
{
	SHARED_EXPORT_SAME,    /* as it was last copied */
	SHARED_EXPORT_CHANGED, /* it was copied again */
	SHARED_EXPORT_TAKEN,   /* the same, and this session drives it now */
	SHARED_EXPORT_GONE     /* another export has taken its place */
} SharedExportState;

/*
 * Use one that is not failed, and was requested at that moment or later (or is
 * still to be): *found, and record is a copy of it.  Else make one as record
 * says, which this session drives.  One of the serial refused is not found.
 * False: it cannot be shared.
 */
extern bool
shared_exports_join(SharedExportRef *ref, const SharedKey *key, const SharedExportAbout *about,
					Moment oldest, uint64 refused, ExportRecord *record, bool *found);

/* This session uses it (again), so that it stays; or it no longer does. */
extern void shared_exports_use(SharedExportRef *ref);
extern void shared_exports_unuse(SharedExportRef *ref);

/* Give up this session's hold on it. Does not throw. */
extern void shared_exports_leave(SharedExportRef *ref);

/*
 * Has it changed?  With wait, this session is woken for changes, and takes the
 * lease if nobody has it: then a request whose answer nobody received has to
 * be made again, and place is the one at the vendor.  Cheap if nothing has
 * changed.
 */
extern SharedExportState
shared_exports_look(SharedExportRef *ref, bool wait, ExportRecord *record, SharedPlace *place);

/*
 * Renew the lease: true if this session has it. If another session has taken
 * it, what this session has in progress is no longer of use.
 */
extern bool shared_exports_keep(const SharedExportRef *ref);

/* Publish a change; false if another session drives it. */
extern bool
shared_exports_publish(SharedExportRef *ref, const ExportRecord *record, SharedPlace place);

/* Give up the lease, so that a waiting session may have it. Does not throw. */
extern void shared_exports_yield(const SharedExportRef *ref);

/*
 * This much more was read of the export with that serial, whether or not this
 * session still uses it; all is what all sessions have read. Does not throw;
 * false: it is no longer there.
 */
extern bool shared_exports_note_read(const SharedKey *key, uint64 serial, const ReadAmounts *more,
									 ReadAmounts *all);

/* Who uses the export with that serial, and what all have read; false as above. */
extern bool shared_exports_users(const SharedKey *key, uint64 serial, SharedExportUsers *users,
								 ReadAmounts *read);

/* All of them; the visitor gets a copy. */
typedef struct SharedExportCopy
{
	uint64 serial;
	SharedExportAbout about;
	ExportRecord record;
	SharedExportUsers users;
} SharedExportCopy;

extern void
shared_exports_visit(void (*visit)(const SharedExportCopy *copy, void *argument), void *argument);

#endif /* ADSEXPORT_SHARED_EXPORTS_H */
