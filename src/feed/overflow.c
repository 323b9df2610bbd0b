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
	const Position *here; /* whose the file's position is; NULL: nobody's, as after an error */
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

static void
go_to(Overflow *overflow, const Position *position)
{
	if (overflow->here != position &&
		BufFileSeek(overflow->file, position->piece, position->offset, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not seek in the temporary file of a download")));
	overflow->here = NULL;
}

static void
arrive_at(Overflow *overflow, Position *position, size_t length)
{
	BufFileTell(overflow->file, &position->piece, &position->offset);
	position->bytes += length;
	overflow->here = position;
}

/* If this fails, for a scan that goes on, nothing was written. */
void
overflow_write(Overflow *overflow, const char *bytes, size_t length)
{
	go_to(overflow, &overflow->write);
	BufFileWrite(overflow->file, (void *) bytes, length);
	arrive_at(overflow, &overflow->write, length);
}

size_t
overflow_read(Overflow *overflow, char *buffer, size_t size)
{
	uint64 left = overflow->write.bytes - overflow->read.bytes;

	if (size > left)
		size = (size_t) left;
	if (size == 0)
		return 0;
	go_to(overflow, &overflow->read);
	if (BufFileRead(overflow->file, buffer, size) != size)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read the temporary file of a download")));
	arrive_at(overflow, &overflow->read, size);
	return size;
}

bool
overflow_is_empty(const Overflow *overflow)
{
	return overflow == NULL || overflow->write.bytes == overflow->read.bytes;
}
