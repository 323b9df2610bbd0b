/*-------------------------------------------------------------------------
 *
 * spool.c
 *		A download kept in a temporary file, to be read again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "export/spool.h"
#include "storage/buffile.h"

struct Spool
{
	BufFile *file;
	uint64 length;   /* bytes that were written */
	uint64 position; /* of the next byte to be read */
	bool complete;
};

Spool *
spool_create(void)
{
	Spool *spool = palloc0(sizeof(Spool));

	spool->file = BufFileCreateTemp(false);
	return spool;
}

void
spool_close(Spool *spool)
{
	if (spool == NULL)
		return;
	BufFileClose(spool->file);
	pfree(spool);
}

static void
seek_start(Spool *spool)
{
	if (BufFileSeek(spool->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not rewind the temporary file of a download")));
}

void
spool_restart(Spool *spool)
{
	seek_start(spool);
	spool->length = 0;
	spool->complete = false;
}

void
spool_write(Spool *spool, const char *bytes, size_t length)
{
	BufFileWrite(spool->file, (void *) bytes, length);
	spool->length += length;
}

void
spool_complete(Spool *spool)
{
	spool->complete = true;
}

bool
spool_is_complete(const Spool *spool)
{
	return spool != NULL && spool->complete;
}

void
spool_rewind(Spool *spool)
{
	seek_start(spool);
	spool->position = 0;
}

size_t
spool_read(Spool *spool, char *buffer, size_t size, bool *last)
{
	uint64 left = spool->length - spool->position;

	if (size > left)
		size = (size_t) left;
	if (size > 0 && BufFileRead(spool->file, buffer, size) != size)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read the temporary file of a download")));
	spool->position += size;
	*last = spool->position == spool->length;
	return size;
}
