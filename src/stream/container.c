/*-------------------------------------------------------------------------
 *
 * container.c
 *		What the records of an export are packed in: gzip, or zip of gzip.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/container.h"

#include <stdlib.h>

#include "stream/gunzip.h"
#include "stream/unzip.h"

/* One of the two is there, by kind. */
struct Container
{
	ContainerKind kind;
	Gunzip *gunzip;
	Unzip *unzip;
};

Container *
container_create(ContainerKind kind)
{
	Container *container = calloc(1, sizeof(Container));

	if (container == NULL)
		return NULL;
	container->kind = kind;
	if (kind == CONTAINER_GZIP)
		container->gunzip = gunzip_create();
	else
		container->unzip = unzip_create();
	if (container->gunzip == NULL && container->unzip == NULL)
	{
		free(container);
		return NULL;
	}
	return container;
}

void
container_free(Container *container)
{
	if (container == NULL)
		return;
	if (container->gunzip != NULL)
		gunzip_free(container->gunzip);
	if (container->unzip != NULL)
		unzip_free(container->unzip);
	free(container);
}

void
container_reset(Container *container)
{
	if (container->kind == CONTAINER_GZIP)
		gunzip_reset(container->gunzip);
	else
		unzip_reset(container->unzip);
}

StreamStatus
container_read(Container *container, StreamInput *input, unsigned char *output, size_t output_size,
			   size_t *produced)
{
	if (container->kind == CONTAINER_GZIP)
		return gunzip_read(container->gunzip, input, output, output_size, produced);
	return unzip_read(container->unzip, input, output, output_size, produced);
}

ContainerKind
container_kind(const Container *container)
{
	return container->kind;
}

const StreamError *
container_error(const Container *container)
{
	return container->kind == CONTAINER_GZIP ? gunzip_error(container->gunzip)
											 : unzip_error(container->unzip);
}

const char *
container_entry_name(const Container *container)
{
	return container->kind == CONTAINER_ZIP ? unzip_entry_name(container->unzip) : NULL;
}

uint64_t
container_bytes_out(const Container *container)
{
	return container->kind == CONTAINER_GZIP ? gunzip_bytes_out(container->gunzip)
											 : unzip_bytes_out(container->unzip);
}
