/*-------------------------------------------------------------------------
 *
 * spool.c
 *		Downloads kept in a temporary file, to be read again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "feed/spool.h"
#include "storage/buffile.h"

/* A place in a file, which the server keeps in pieces of a gigabyte. */
typedef struct Place
{
	int piece;
	off_t offset;
} Place;

struct SpoolFile
{
	BufFile *file;
	Spool *active; /* whose place the file's position is, or NULL */
	Spool *last;   /* after which there is nothing */
	Place end;
};

struct Spool
{
	SpoolFile *file;
	Place start;
	Place here;
	uint64 length;   /* bytes that were written */
	uint64 position; /* of the next byte to be read */
	bool complete;
};

SpoolFile *
spool_file_create(void)
{
	SpoolFile *file = palloc0(sizeof(SpoolFile));

	file->file = BufFileCreateTemp(false);
	return file;
}

void
spool_file_close(SpoolFile *file)
{
	if (file == NULL)
		return;
	BufFileClose(file->file);
	pfree(file);
}

Spool *
spool_create(SpoolFile *file)
{
	Spool *spool = palloc0(sizeof(Spool));

	spool->file = file;
	spool_restart(spool);
	return spool;
}

void
spool_free(Spool *spool)
{
	if (spool == NULL)
		return;
	if (spool->file->active == spool)
		spool->file->active = NULL;
	if (spool->file->last == spool)
		spool->file->last = NULL;
	pfree(spool);
}

static Place
tell(const SpoolFile *file)
{
	Place place;

	BufFileTell(file->file, &place.piece, &place.offset);
	return place;
}

/* Set the file's position to that place, on behalf of the spool. */
static void
seek(Spool *spool, Place place)
{
	SpoolFile *file = spool->file;

	if (file->active != NULL)
		file->active->here = tell(file);
	if (BufFileSeek(file->file, place.piece, place.offset, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not seek in the temporary file of a download")));
	file->active = spool;
}

static void
activate(Spool *spool)
{
	if (spool->file->active != spool)
		seek(spool, spool->here);
}

/* Its old place is reused if nothing follows there; otherwise it goes to the end. */
void
spool_restart(Spool *spool)
{
	SpoolFile *file = spool->file;

	if (file->last != spool)
		spool->start = file->end;
	file->last = spool;
	seek(spool, spool->start);
	spool->length = 0;
	spool->complete = false;
}

void
spool_write(Spool *spool, const char *bytes, size_t length)
{
	activate(spool);
	BufFileWrite(spool->file->file, (void *) bytes, length);
	spool->length += length;
	spool->file->end = tell(spool->file);
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
	seek(spool, spool->start);
	spool->position = 0;
}

size_t
spool_read(Spool *spool, char *buffer, size_t size, bool *last)
{
	uint64 left = spool->length - spool->position;

	if (size > left)
		size = (size_t) left;
	activate(spool);
	if (size > 0 && BufFileRead(spool->file->file, buffer, size) != size)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read the temporary file of a download")));
	spool->position += size;
	*last = spool->position == spool->length;
	return size;
}
