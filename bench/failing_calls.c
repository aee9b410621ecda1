/* Lets some calls of those that write files fail as on a disk that is full or breaks; preloaded by
   trust_calls.py.

   Calls are counted from fail_calls(first, n) on, in the order in which they come; n = 0 ends that. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int calls_before, calls_to_fail;
static char failed[32];

void fail_calls(int first, int n) {
  calls_before = first - 1;
  calls_to_fail = n;
  failed[0] = 0;
}

/* The name of the first call that failed; empty where none has. */
const char* failed_call(void) { return failed; }

static int fails(const char* name, int error) {
  if (calls_to_fail == 0 || calls_before-- > 0) return 0;
  calls_before = 0;
  --calls_to_fail;
  if (failed[0] == 0) strncpy(failed, name, sizeof failed - 1);
  errno = error;
  return 1;
}

#define REPLACE(error, result, name, parameters, arguments)                  \
  result name parameters {                                                   \
    static result(*original) parameters;                                     \
    if (!original) original = (result(*) parameters)dlsym(RTLD_NEXT, #name); \
    return fails(#name, error) ? (result)-1 : original arguments;            \
  }

REPLACE(ENOSPC, ssize_t, write, (int fd, const void* data, size_t n), (fd, data, n))
REPLACE(ENOSPC, ssize_t, pwrite64, (int fd, const void* data, size_t n, off64_t at), (fd, data, n, at))
REPLACE(ENOSPC, ssize_t, sendfile64, (int to, int from, off64_t* at, size_t n), (to, from, at, n))
REPLACE(ENOSPC, int, ftruncate, (int fd, off_t n), (fd, n))
REPLACE(ENOSPC, int, ftruncate64, (int fd, off64_t n), (fd, n))
REPLACE(ENOSPC, int, mkdir, (const char* path, mode_t mode), (path, mode))
REPLACE(ENOSPC, int, rename, (const char* from, const char* to), (from, to))
REPLACE(ENOSPC, int, chmod, (const char* path, mode_t mode), (path, mode))
REPLACE(EIO, int, fsync, (int fd), (fd))
REPLACE(EIO, int, fdatasync, (int fd), (fd))

int open64(const char* path, int flags, ...) {
  static int (*original)(const char*, int, ...);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  if (!original) original = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, "open64");
  // A full disk opens files that are there.
  const int creates = flags & O_CREAT && access(path, F_OK) != 0;
  return creates && fails("open64", ENOSPC) ? -1 : original(path, flags, mode);
}
