/*-------------------------------------------------------------------------
 *
 * shared_exports.h
 *		The exports that the sessions of a cluster share.
 *
 * For each key the export that was asked for last: what is known of it, who
 * drives it, and who waits for it.  One session at a time drives an export:
 * it requests it and asks for its status, until it is completed or failed.  Its
 * right to do so is a lease, which it renews while it works.  A lease that ran
 * out, or that its session gave up, goes to whoever waits and looks next.
 *
 * Whoever holds an export here has a copy of all that matters, so that nobody
 * is hurt if it goes: then each goes on alone, or uses what has taken its place.
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

/* As many sessions are woken by a change; more look for themselves. */
#define SHARED_EXPORT_MAX_WAITING 16

/* Who has to do with one. */
typedef struct SharedExportUsers
{
	int sessions; /* that use it */
	int pid;      /* who drives it, or did last; 0: that session has ended */
	int waiting_count;
	int waiting[SHARED_EXPORT_MAX_WAITING]; /* pids of those for which another one drives it */
} SharedExportUsers;

/* A session's hold on one; zeroed it is none. */
typedef struct SharedExportRef
{
	struct SharedExport *export;
	uint64 serial;  /* of the export, no two have the same */
	uint64 version; /* of the record that was copied last */
	int pid;        /* who drove it then */
	bool used;      /* so that it stays */
} SharedExportRef;

typedef enum SharedExportState
{
	SHARED_EXPORT_SAME,    /* as it was copied last */
	SHARED_EXPORT_CHANGED, /* it was copied again */
	SHARED_EXPORT_TAKEN,   /* the same, and this session drives it now */
	SHARED_EXPORT_GONE     /* another one has its place */
} SharedExportState;

/*
 * Use one that is not failed, and was requested at that moment or later (or is
 * still to be): *found, and record is a copy of it.  Else make one as record says, which
 * this session drives.  One of the serial refused is not found.  False: it can't
 * be shared.
 */
extern bool
shared_exports_join(SharedExportRef *ref, const SharedKey *key, const SharedExportAbout *about,
					Moment oldest, uint64 refused, ExportRecord *record, bool *found);

/* Somebody of this session uses it (again), so that it stays; or nobody does. */
extern void shared_exports_use(SharedExportRef *ref);
extern void shared_exports_unuse(SharedExportRef *ref);

/* This session has nothing to do with it any more.  Does not throw. */
extern void shared_exports_leave(SharedExportRef *ref);

/*
 * What has become of it?  With wait this session is told of changes, and takes
 * the lease if nobody has it: then a request that nobody knows the answer of is
 * to be made again, and place is the one at the vendor.  Cheap if nothing has.
 */
extern SharedExportState
shared_exports_look(SharedExportRef *ref, bool wait, ExportRecord *record, SharedPlace *place);

/*
 * Renew the lease: true if this session has it.  Where another one has taken
 * it, what this session has under way is worth nothing any more.
 */
extern bool shared_exports_keep(const SharedExportRef *ref);

/* Tell of a change; false if another session drives it. */
extern bool
shared_exports_publish(SharedExportRef *ref, const ExportRecord *record, SharedPlace place);

/* Give the lease up, so that whoever waits may have it.  Does not throw. */
extern void shared_exports_yield(const SharedExportRef *ref);

/*
 * So much more was read of the one of that serial, whether or not this session
 * uses it still; all is what all sessions have read.  Does not throw; false: it
 * is not there any more.
 */
extern bool shared_exports_note_read(const SharedKey *key, uint64 serial, const ReadAmounts *more,
									 ReadAmounts *all);

/* Who uses the one of that serial, and what all have read; false as above. */
extern bool shared_exports_users(const SharedKey *key, uint64 serial, SharedExportUsers *users,
								 ReadAmounts *read);

/* All of them; the copy in the visitor's hands is its own. */
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
