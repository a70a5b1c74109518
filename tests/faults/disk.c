/* A disk that fails, for the tests: preloaded into the program, it counts what is done to files under one directory, and at
 * the n-th operation kills the process, loses what was not flushed, or lets the operation fail. The program knows nothing
 * of it.
 *
 *   DISK_UNDER    the directory
 *   DISK_COUNTER  a file of eight bytes: how many operations a fault of this kind could have struck so far
 *   DISK_FAULT    kill    before the operation
 *                 tear    after half of a write
 *                 after   after the operation
 *                 power   before the operation, with a random part of all writes undone that were not flushed
 *                 ENOSPC, EIO, EROFS   this and every later one fails; of the first, ENOSPC lets half through
 *   DISK_AT       the operation, counted from 1
 *   DISK_SWITCH   a file: while it is there, every operation fails with the error that it names
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* What an operation does, for faults that strike only some. */
enum kind { READS, WRITES, MAKES, REMOVES, FLUSHES };

enum verdict { PASSES, FAILS, TEARS, DIES_AFTER };

static struct {
    const char *under, *fault, *toggle;
    size_t under_length;
    uint64_t at;
    uint64_t *counter, own_counter;
    uint64_t random;
} disk;

static pthread_mutex_t alone = PTHREAD_MUTEX_INITIALIZER;

/* A write, or a cut, that was not flushed yet. */
struct change {
    struct change *next;
    int fd;
    ino_t inode;
    off_t offset, size_before;
    size_t length, length_before;
    unsigned char *bytes, *bytes_before;
};
static struct change *unflushed;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

__attribute__((constructor)) static void begin(void) {
    disk.under = setting("DISK_UNDER");
    disk.under_length = strlen(disk.under);
    disk.fault = setting("DISK_FAULT");
    disk.toggle = setting("DISK_SWITCH");
    disk.at = strtoull(setting("DISK_AT"), NULL, 10);
    disk.random = disk.at * 0x9E3779B97F4A7C15u + 1;
    disk.counter = &disk.own_counter;
    int fd = open(setting("DISK_COUNTER"), O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        void *shared = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (shared != MAP_FAILED) disk.counter = shared;
        close(fd);
    }
}

static uint64_t next_random(void) {
    disk.random ^= disk.random << 13;
    disk.random ^= disk.random >> 7;
    disk.random ^= disk.random << 17;
    return disk.random;
}

static int is_under(const char *path) { return disk.under_length && !strncmp(path, disk.under, disk.under_length); }

static int is_watched(int fd) {
    char link[64], path[PATH_MAX];
    if (!disk.under_length || fd < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return is_under(path);
}

static int strikes(enum kind kind) {
    if (!strcmp(disk.fault, "ENOSPC")) return kind == WRITES || kind == MAKES;
    if (!strcmp(disk.fault, "EIO")) return kind == READS || kind == WRITES || kind == FLUSHES;
    if (!strcmp(disk.fault, "EROFS")) return kind == WRITES || kind == MAKES || kind == REMOVES;
    return kind != READS;
}

static int error_of(const char *name) {
    return !strncmp(name, "ENOSPC", 6) ? ENOSPC : !strncmp(name, "EROFS", 5) ? EROFS : !strncmp(name, "EIO", 3) ? EIO : 0;
}

static int switched(enum kind kind) {
    char name[16] = "";
    if (!*disk.toggle) return 0;
    int fd = REAL(open)(disk.toggle, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t length = REAL(read)(fd, name, sizeof name - 1);
    close(fd);
    int error = length > 0 ? error_of(name) : 0;
    if (error == ENOSPC && kind != WRITES && kind != MAKES) return 0;
    if (error == EROFS && (kind == READS || kind == FLUSHES)) return 0;
    return error;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Undoes what was not flushed, and does a random part of it again: what a disk may be left with when the power goes. */
static void lose_power(void) {
    for (struct change *it = unflushed; it; it = it->next) {
        if (it->length_before && REAL(pwrite)(it->fd, it->bytes_before, it->length_before, it->offset) < 0) break;
        if (REAL(ftruncate)(it->fd, it->size_before) < 0) break;
    }
    struct change *forward = NULL;
    while (unflushed) {
        struct change *it = unflushed;
        unflushed = it->next;
        it->next = forward;
        forward = it;
    }
    for (struct change *it = forward; it; it = it->next) {
        if (it->length && next_random() & 1 && REAL(pwrite)(it->fd, it->bytes, it->length, it->offset) < 0) break;
    }
    die();
}

/* Holds the lock from here to leave(). */
static enum verdict enter(enum kind kind, int *error) {
    pthread_mutex_lock(&alone);
    *error = switched(kind);
    if (*error) return FAILS;
    if (!*disk.fault || !strikes(kind)) return PASSES;
    uint64_t number = __atomic_add_fetch(disk.counter, 1, __ATOMIC_SEQ_CST);
    if (!disk.at || number < disk.at) return PASSES;
    *error = error_of(disk.fault);
    if (*error) {
        return *error == ENOSPC && number == disk.at && kind == WRITES ? TEARS : FAILS;
    }
    if (number > disk.at) return PASSES;
    if (!strcmp(disk.fault, "power")) lose_power();
    if (!strcmp(disk.fault, "after")) return DIES_AFTER;
    if (!strcmp(disk.fault, "tear") && kind == WRITES) return TEARS;
    die();
    return PASSES;
}

static void leave(enum verdict verdict, int error) {
    if (verdict == DIES_AFTER || (verdict == TEARS && !error)) die();
    pthread_mutex_unlock(&alone);
    if (verdict == FAILS) errno = error;
}

/* A descriptor of our own that stays open: to close one would drop the locks of the whole process on the file. */
static int own_descriptor(int fd, ino_t inode) {
    char link[64];
    for (struct change *it = unflushed; it; it = it->next)
        if (it->inode == inode) return it->fd;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return REAL(open)(link, O_RDWR | O_CLOEXEC);
}

static void note(int fd, const void *bytes, size_t length, off_t offset) {
    struct stat now;
    if (strcmp(disk.fault, "power") || fstat(fd, &now) || !S_ISREG(now.st_mode)) return;
    struct change *it = calloc(1, sizeof *it);
    if (!it) return;
    it->fd = own_descriptor(fd, now.st_ino);
    it->inode = now.st_ino;
    it->offset = offset;
    it->size_before = now.st_size;
    size_t reach = bytes ? length : (size_t)(now.st_size > offset ? now.st_size - offset : 0);
    it->bytes_before = malloc(reach + 1);
    ssize_t held = it->bytes_before ? REAL(pread)(it->fd, it->bytes_before, reach, offset) : 0;
    it->length_before = held > 0 ? (size_t)held : 0;
    if (bytes && (it->bytes = malloc(length + 1))) {
        memcpy(it->bytes, bytes, length);
        it->length = length;
    }
    it->next = unflushed;
    unflushed = it;
}

static void flushed(int fd) {
    struct stat now;
    if (fstat(fd, &now)) return;
    for (struct change **link = &unflushed; *link;) {
        struct change *it = *link;
        if (it->inode != now.st_ino) {
            link = &it->next;
            continue;
        }
        *link = it->next;
        free(it->bytes);
        free(it->bytes_before);
        free(it);
    }
}

/* At an offset, or where the descriptor stands. */
enum { HERE = -1 };

static ssize_t put(int fd, const void *bytes, size_t length, off_t offset) {
    return offset == HERE ? REAL(write)(fd, bytes, length) : REAL(pwrite64)(fd, bytes, length, offset);
}

static ssize_t written(int fd, const void *bytes, size_t length, off_t offset) {
    if (!is_watched(fd)) return put(fd, bytes, length, offset);
    int error;
    enum verdict verdict = enter(WRITES, &error);
    ssize_t done = -1;
    if (verdict != FAILS) {
        note(fd, bytes, length, offset == HERE ? lseek(fd, 0, SEEK_CUR) : offset);
        done = put(fd, bytes, verdict == TEARS ? (length + 1) / 2 : length, offset);
    }
    leave(verdict, error);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) { return written(fd, bytes, length, HERE); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return written(fd, bytes, length, offset); }

int ftruncate64(int fd, off64_t length) {
    if (!is_watched(fd)) return REAL(ftruncate64)(fd, length);
    int error;
    enum verdict verdict = enter(WRITES, &error);
    int done = -1;
    if (verdict != FAILS) {
        note(fd, NULL, 0, length);
        done = REAL(ftruncate64)(fd, length);
    }
    leave(verdict, error);
    return done;
}

/* One that only takes a place among the operations. */
#define WATCHED(watched, kind, call)                \
    do {                                            \
        if (!(watched)) return call;                \
        int error;                                  \
        enum verdict verdict = enter(kind, &error); \
        __typeof__(call) done = -1;                 \
        if (verdict != FAILS) done = call;          \
        leave(verdict, error);                      \
        return done;                                \
    } while (0)

static int flush(int fd, int (*call)(int)) {
    int error, done = -1;
    enum verdict verdict = enter(FLUSHES, &error);
    if (verdict != FAILS && !(done = call(fd))) flushed(fd);
    leave(verdict, error);
    return done;
}

int fsync(int fd) { return is_watched(fd) ? flush(fd, REAL(fsync)) : REAL(fsync)(fd); }
int fdatasync(int fd) { return is_watched(fd) ? flush(fd, REAL(fdatasync)) : REAL(fdatasync)(fd); }

ssize_t read(int fd, void *bytes, size_t length) { WATCHED(is_watched(fd), READS, REAL(read)(fd, bytes, length)); }
ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset) {
    WATCHED(is_watched(fd), READS, REAL(pread64)(fd, bytes, length, offset));
}
int rename(const char *from, const char *to) { WATCHED(is_under(to), MAKES, REAL(rename)(from, to)); }
int mkdir(const char *path, mode_t mode) { WATCHED(is_under(path), MAKES, REAL(mkdir)(path, mode)); }
int symlink(const char *to, const char *path) { WATCHED(is_under(path), MAKES, REAL(symlink)(to, path)); }
int unlink(const char *path) { WATCHED(is_under(path), REMOVES, REAL(unlink)(path)); }
int rmdir(const char *path) { WATCHED(is_under(path), REMOVES, REAL(rmdir)(path)); }
int unlinkat(int fd, const char *path, int flags) {
    WATCHED(*path == '/' ? is_under(path) : is_watched(fd), REMOVES, REAL(unlinkat)(fd, path, flags));
}

/* Only what makes a file, or empties one, is an operation. */
int open64(const char *path, int flags, ...) {
    va_list rest;
    __builtin_va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? __builtin_va_arg(rest, mode_t) : 0;
    __builtin_va_end(rest);
    int makes = (flags & O_CREAT && access(path, F_OK)) || flags & O_TRUNC;
    WATCHED(makes && is_under(path), MAKES, REAL(open64)(path, flags, mode));
}

/* The same functions under their other names. */
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) __attribute__((alias("pwrite64")));
ssize_t pread(int fd, void *bytes, size_t length, off_t offset) __attribute__((alias("pread64")));
int ftruncate(int fd, off_t length) __attribute__((alias("ftruncate64")));
int open(const char *path, int flags, ...) __attribute__((alias("open64")));
