/*-------------------------------------------------------------------------
 *
 * overflow.c
 *		Bytes of a download, kept in a temporary file for a scan that rests.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "feed/overflow.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

/* A position in the file, which the server keeps in pieces of a gigabyte. */
typedef struct Position
{
	int piece;
	off_t offset;
	uint64 bytes; /* before it */
} Position;

struct Overflow
{
	BufFile *file;
	bool reading; /* the file's position is the one for reading */
	Position read;
	Position write;
};

Overflow *
overflow_create(MemoryContext context, ResourceOwner owner)
{
	MemoryContext old_context = MemoryContextSwitchTo(context);
	ResourceOwner old_owner = CurrentResourceOwner;
	Overflow *overflow = palloc0(sizeof(Overflow));

	CurrentResourceOwner = owner;
	PG_TRY();
	{
		overflow->file = BufFileCreateTemp(false);
	}
	PG_FINALLY();
	{
		CurrentResourceOwner = old_owner;
		MemoryContextSwitchTo(old_context);
	}
	PG_END_TRY();
	return overflow;
}

void
overflow_free(Overflow *overflow)
{
	if (overflow == NULL)
		return;
	BufFileClose(overflow->file);
	pfree(overflow);
}

/* Set the file's position to the one for reading or for writing. */
static void
turn(Overflow *overflow, bool reading)
{
	Position *here = overflow->reading ? &overflow->read : &overflow->write;
	const Position *there = reading ? &overflow->read : &overflow->write;

	if (overflow->reading == reading)
		return;
	BufFileTell(overflow->file, &here->piece, &here->offset);
	if (BufFileSeek(overflow->file, there->piece, there->offset, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not seek in the temporary file of a download")));
	overflow->reading = reading;
}

void
overflow_write(Overflow *overflow, const char *bytes, size_t length)
{
	turn(overflow, false);
	BufFileWrite(overflow->file, (void *) bytes, length);
	overflow->write.bytes += length;
}

size_t
overflow_read(Overflow *overflow, char *buffer, size_t size)
{
	uint64 left = overflow->write.bytes - overflow->read.bytes;

	if (size > left)
		size = (size_t) left;
	turn(overflow, true);
	if (size > 0 && BufFileRead(overflow->file, buffer, size) != size)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read the temporary file of a download")));
	overflow->read.bytes += size;
	return size;
}

bool
overflow_is_empty(const Overflow *overflow)
{
	return overflow == NULL || overflow->write.bytes == overflow->read.bytes;
}
