/*
 * What a system may refuse, refused on order: preloaded into a server, this
 * library lets the n-th call of a kind fail in one process.
 *
 * The order is in a file that the test has mapped, too, named by
 * REFUSE_CONTROL.  Everything that is not ordered goes to the C library.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

enum
{
	KIND_MEMORY = 1,
	KIND_THREAD,
	KIND_DESCRIPTOR,
	KIND_DISK
};

typedef struct Control
{
	_Atomic int32_t pid;       /* of the process that is meant; 0: none */
	_Atomic int32_t kind;      /* one of the above */
	_Atomic int64_t countdown; /* calls of that kind until one fails; below: no more fail */
	_Atomic int64_t refused;   /* how many failed */
	_Atomic int32_t lasting;   /* all that follow fail, too */
} Control;

static Control *_Atomic control;
static pid_t own_pid;

static void
find_out_pid(void)
{
	own_pid = getpid();
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("REFUSE_CONTROL");
	int descriptor = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *memory;

	find_out_pid();
	pthread_atfork(NULL, NULL, find_out_pid);
	if (descriptor < 0)
		return;
	memory = mmap(NULL, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
	close(descriptor);
	if (memory != MAP_FAILED)
		control = memory;
}

static int
refuses(int kind)
{
	Control *order = control;
	int64_t left;

	if (order == NULL || order->pid != own_pid || order->kind != kind)
		return 0;
	left = atomic_fetch_sub(&order->countdown, 1);
	if (left == 1 || (left < 1 && order->lasting))
	{
		atomic_fetch_add(&order->refused, 1);
		return 1;
	}
	return 0;
}

/* The C library's function of that name. */
#define REAL(name) ((__typeof__(&name)) real(#name))

static void *
real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* Without dlsym, which allocates itself. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);

void *
malloc(size_t size)
{
	if (refuses(KIND_MEMORY))
	{
		errno = ENOMEM;
		return NULL;
	}
	return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	if (refuses(KIND_MEMORY))
	{
		errno = ENOMEM;
		return NULL;
	}
	return __libc_calloc(count, size);
}

void *
realloc(void *pointer, size_t size)
{
	if (size > 0 && refuses(KIND_MEMORY))
	{
		errno = ENOMEM;
		return NULL;
	}
	return __libc_realloc(pointer, size);
}

int
pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
			   void *argument)
{
	if (refuses(KIND_THREAD))
		return EAGAIN;
	return REAL(pthread_create)(thread, attributes, start, argument);
}

static int
no_descriptor(void)
{
	errno = EMFILE;
	return -1;
}

int
socket(int domain, int type, int protocol)
{
	return refuses(KIND_DESCRIPTOR) ? no_descriptor() : REAL(socket)(domain, type, protocol);
}

int
socketpair(int domain, int type, int protocol, int pair[2])
{
	return refuses(KIND_DESCRIPTOR) ? no_descriptor()
									: REAL(socketpair)(domain, type, protocol, pair);
}

int
epoll_create1(int flags)
{
	return refuses(KIND_DESCRIPTOR) ? no_descriptor() : REAL(epoll_create1)(flags);
}

int
eventfd(unsigned int value, int flags)
{
	return refuses(KIND_DESCRIPTOR) ? no_descriptor() : REAL(eventfd)(value, flags);
}

int
timerfd_create(int clock, int flags)
{
	return refuses(KIND_DESCRIPTOR) ? no_descriptor() : REAL(timerfd_create)(clock, flags);
}

int
pipe(int pair[2])
{
	return refuses(KIND_DESCRIPTOR) ? no_descriptor() : REAL(pipe)(pair);
}

int
pipe2(int pair[2], int flags)
{
	return refuses(KIND_DESCRIPTOR) ? no_descriptor() : REAL(pipe2)(pair, flags);
}

/* Only for the server's temporary files: of others it cannot do without. */
static int
is_temporary(int descriptor)
{
	char link[64];
	char path[512];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return 0;
	path[length] = '\0';
	return strstr(path, "pgsql_tmp") != NULL;
}

static ssize_t
no_space(void)
{
	errno = ENOSPC;
	return -1;
}

ssize_t
pwrite(int descriptor, const void *data, size_t length, off_t offset)
{
	if (control != NULL && control->kind == KIND_DISK && is_temporary(descriptor) &&
		refuses(KIND_DISK))
		return no_space();
	return REAL(pwrite)(descriptor, data, length, offset);
}

ssize_t
pwrite64(int descriptor, const void *data, size_t length, off64_t offset)
{
	if (control != NULL && control->kind == KIND_DISK && is_temporary(descriptor) &&
		refuses(KIND_DISK))
		return no_space();
	return REAL(pwrite64)(descriptor, data, length, offset);
}

ssize_t
pwritev(int descriptor, const struct iovec *pieces, int count, off_t offset)
{
	if (control != NULL && control->kind == KIND_DISK && is_temporary(descriptor) &&
		refuses(KIND_DISK))
		return no_space();
	return REAL(pwritev)(descriptor, pieces, count, offset);
}
