/* Lets the n-th call of those that write a file fail as on a full disk; preloaded by trust_disk.py.

   Calls are counted from fail_call(n) on, in the order in which they come; n = 0 ends that. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int calls_left;
static char failed[32];

void fail_call(int n) {
  calls_left = n;
  failed[0] = 0;
}

/* The name of the call that failed; empty where none has. */
const char* failed_call(void) { return failed; }

static int fails(const char* name) {
  if (calls_left == 0 || --calls_left > 0) return 0;
  strncpy(failed, name, sizeof failed - 1);
  errno = ENOSPC;
  return 1;
}

#define REPLACE(result, name, parameters, arguments)               \
  result name parameters {                                         \
    static result(*original) parameters;                           \
    if (!original) original = (result(*) parameters)dlsym(RTLD_NEXT, #name); \
    return fails(#name) ? (result)-1 : original arguments;         \
  }

REPLACE(ssize_t, write, (int fd, const void* data, size_t n), (fd, data, n))
REPLACE(int, ftruncate, (int fd, off_t n), (fd, n))
REPLACE(int, ftruncate64, (int fd, off64_t n), (fd, n))
REPLACE(int, fsync, (int fd), (fd))
REPLACE(int, rename, (const char* from, const char* to), (from, to))
REPLACE(int, chmod, (const char* path, mode_t mode), (path, mode))

int open64(const char* path, int flags, ...) {
  static int (*original)(const char*, int, ...);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  if (!original) original = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, "open64");
  return fails("open64") ? -1 : original(path, flags, mode);
}
