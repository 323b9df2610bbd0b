/*-------------------------------------------------------------------------
 *
 * delivered_entries.h
 *		What was handed out of an archive that broke off, so that it is not
 *		handed out again when the archive is read once more.
 *
 * The vendor builds an archive for each request, with other bytes and in
 * another order, so neither says where to resume.  An entry's name, length and
 * CRC-32 (of the inflated content) do; for an entry that was being read, those
 * of its beginning.
 *
 * One thread may note what it hands out while another one looks things up.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_DELIVERED_ENTRIES_H
#define ADSEXPORT_DELIVERED_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * At most this many entries are remembered, at 24 bytes each in a table that
 * is between a third and three quarters full: 12 MB in all.  A year of hours
 * with 20 files each has 175,200.
 */
#define DELIVERED_MAX_ENTRIES 262144

typedef struct DeliveredEntries DeliveredEntries;

typedef struct DeliveredEntry
{
	uint64_t name; /* a hash of it */
	uint64_t length;
	uint32_t crc;
	bool used;  /* this place of the table */
	bool whole; /* all of the entry, not only its beginning */
	bool met;   /* in the archive that is being read */
} DeliveredEntry;

/* Returns NULL when memory is short.  Free with delivered_entries_free. */
extern DeliveredEntries *delivered_entries_create(void);
extern void delivered_entries_free(DeliveredEntries *delivered);

/* Nothing has been handed out yet. */
extern void delivered_entries_clear(DeliveredEntries *delivered);

/*
 * All of an entry was handed out, or its first length bytes.  The beginning of
 * an entry that is continued is replaced by what is known of it now.
 */
extern void delivered_entries_note(DeliveredEntries *delivered, const char *name, uint64_t length,
								   uint32_t crc, bool whole);

/* Was everything remembered?  Not if it was too much, or memory was short. */
extern bool delivered_entries_is_complete(const DeliveredEntries *delivered);

/* The archive is read again from its beginning: nothing of it has been met yet. */
extern void delivered_entries_begin_again(DeliveredEntries *delivered);

/* An entry of that name begins: was it handed out before? If so, *entry says how much of it. */
extern bool
delivered_entries_meet(DeliveredEntries *delivered, const char *name, DeliveredEntry *entry);

/* How many have not been met. */
extern uint64_t delivered_entries_missing(DeliveredEntries *delivered);

#endif /* ADSEXPORT_DELIVERED_ENTRIES_H */
