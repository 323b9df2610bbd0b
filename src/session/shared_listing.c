/*-------------------------------------------------------------------------
 *
 * shared_listing.c
 *		Lists of profiles that other sessions can use, too.
 *
 * A list is cut into pieces of one size, which are found by the account and
 * their number.  If some are gone, or belong to another list of the account,
 * there is no list.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "session/account_key.h"
#include "session/shared_listing.h"
#include "session/shared_table.h"

#define IDS_OF_PIECE 500

typedef struct Piece
{
	ListSummary summary; /* the same in all pieces of a list */
	uint64 publisher;    /* its session, and how many lists it had published before */
	uint64 list;
	uint32 total; /* ids of the list */
	uint32 count; /* ids in here */
	uint64 ids[IDS_OF_PIECE];
} Piece;

static SharedTable shared;

static SharedKey
key_of_piece(const SharedKey *account, uint32 number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	return shared_key_of_text(account, text);
}

static void
put_piece(const SharedKey *account, uint32 number, const Piece *piece)
{
	SharedKey key = key_of_piece(account, number);
	bool found;
	Piece *place;

	shared_table_lock(&shared, LW_EXCLUSIVE);
	place = shared_table_enter(&shared, &key, &found);
	if (place != NULL)
		memcpy(place, piece, offsetof(Piece, ids) + piece->count * sizeof(uint64));
	shared_table_unlock(&shared);
}

static bool
get_piece(const SharedKey *account, uint32 number, Piece *piece)
{
	SharedKey key = key_of_piece(account, number);
	const Piece *place;

	shared_table_lock(&shared, LW_SHARED);
	place = shared_table_find(&shared, &key);
	if (place != NULL)
		memcpy(piece, place, offsetof(Piece, ids) + place->count * sizeof(uint64));
	shared_table_unlock(&shared);
	return place != NULL;
}

/* Lists of other accounts need some room, too. */
static bool
is_too_long(int length)
{
	return length / IDS_OF_PIECE >= (int) shared_table_capacity(&shared) / 2;
}

void
shared_listing_publish(const ForeignOptions *options, const ListSummary *summary,
					   const List *profile_ids)
{
	static uint64 published = 0;
	SharedKey account;
	uint32 number = 0;
	Piece *piece;
	ListCell *cell;

	if (!shared_table_open(&shared, SHARED_LISTINGS, sizeof(Piece)) ||
		is_too_long(list_length(profile_ids)))
		return;
	account = account_key(options);
	piece = palloc0(sizeof(Piece));
	piece->summary = *summary;
	piece->publisher = shared_session_self().serial;
	piece->list = ++published;
	piece->total = (uint32) list_length(profile_ids);
	foreach (cell, profile_ids)
	{
		piece->ids[piece->count++] = strtoull(lfirst(cell), NULL, 10);
		if (piece->count < IDS_OF_PIECE)
			continue;
		put_piece(&account, number++, piece);
		piece->count = 0;
	}
	/* An empty list has a piece, too. */
	if (piece->count > 0 || number == 0)
		put_piece(&account, number, piece);
	pfree(piece);
}

static List *
append_ids(List *profile_ids, const Piece *piece)
{
	for (uint32 i = 0; i < piece->count; i++)
		profile_ids = lappend(profile_ids, psprintf(UINT64_FORMAT, piece->ids[i]));
	return profile_ids;
}

bool
shared_listing_find(const ForeignOptions *options, ListSummary *summary, List **profile_ids)
{
	SharedKey account;
	Piece *piece;
	List *found = NIL;
	uint64 publisher = 0;
	uint64 list = 0;
	bool whole;

	if (!shared_table_open(&shared, SHARED_LISTINGS, sizeof(Piece)))
		return false;
	account = account_key(options);
	piece = palloc(sizeof(Piece));
	whole = get_piece(&account, 0, piece) &&
			recent_enough(piece->summary.requested, 0, options->max_age);
	if (whole)
	{
		publisher = piece->publisher;
		list = piece->list;
		*summary = piece->summary;
		found = append_ids(found, piece);
		for (uint32 number = 1; whole && list_length(found) < (int) piece->total; number++)
		{
			whole = get_piece(&account, number, piece) && piece->publisher == publisher &&
					piece->list == list;
			if (whole)
				found = append_ids(found, piece);
		}
	}
	pfree(piece);
	if (whole)
		*profile_ids = found;
	else
		list_free_deep(found);
	return whole;
}
